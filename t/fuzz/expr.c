/*
 * An expression in the first line, a request or response in the others. What is refused says at which column; what is taken can be
 * evaluated on any of both, on none, and on any bytes, with little room and with much.
 */
#include "config.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "expr/expr.h"
#include "expr/vars.h"
#include "http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
claim(bool holds)
{
	if (!holds)
		abort();
}

static uint64_t
bytes_sum(struct slice bytes)
{
	uint64_t sum = bytes.len;

	for (size_t i = 0; i < bytes.len; i++)
		sum = sum * 31 + (unsigned char)bytes.at[i];
	return sum;
}

/* All of the value is looked at: what it points to must be there. */
static uint64_t
sample_sum(const struct sample *sample)
{
	switch (sample->type) {
	case SAMPLE_BOOL:
	case SAMPLE_INT:
		return (uint64_t)sample->number;
	case SAMPLE_IP:
		return bytes_sum((struct slice){ (const char *)sample->ip.bytes, 16 });
	case SAMPLE_STRING:
	case SAMPLE_BINARY:
	case SAMPLE_METHOD:
		return bytes_sum(sample->text);
	case SAMPLE_ANY:
		break;
	}
	abort();
}

static void
expr_ask(const struct expr *expr, const struct eval *like, size_t room)
{
	struct vars vars[VAR_SCOPES] = { { NULL, 0 } };
	char *memory = malloc(room + 1);
	struct eval eval = *like;
	struct sample sample;

	claim(memory != NULL);
	for (int i = VAR_SESS; i < VAR_SCOPES; i++)
		eval.vars[i] = &vars[i];
	for (int type = 0; type < SAMPLE_TYPES; type++) {
		eval.room = (struct http_room){ memory, room };
		eval.is_final = type % 2 == 0;
		if (!expr_eval_as(expr, &eval, (enum sample_type)type, &sample))
			continue;
		claim(sample.type == (enum sample_type)type);
		sample_sum(&sample);
		claim(eval.room.left <= room);
	}
	for (int i = VAR_SESS; i < VAR_SCOPES; i++)
		vars_fini(&vars[i], NULL);
	free(memory);
}

static void
expr_ask_rooms(const struct expr *expr, const struct eval *like)
{
	static const size_t rooms[] = { 0, 7, 64, 16384 };

	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
		expr_ask(expr, like, rooms[i]);
}

/* With the message that the bytes are, and what stands behind its head; and without one. */
static void
expr_ask_bytes(const struct expr *expr, struct slice bytes)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head head = { .fields = fields };
	struct h1_parse parse = { 0 };
	struct eval eval = { .request_bytes = bytes, .response_bytes = bytes };

	expr_ask_rooms(expr, &eval);
	if (h1_parse_request(&parse, &head, bytes.at, bytes.len) == H1_DONE) {
		eval.request = &head;
	} else {
		parse = (struct h1_parse){ 0 };
		head = (struct http_head){ .fields = fields };
		if (h1_parse_response(&parse, &head, bytes.at, bytes.len, NULL) != H1_DONE)
			return;
		eval.response = &head;
	}
	eval.request_bytes.at += parse.head_len;
	eval.request_bytes.len -= parse.head_len;
	eval.response_bytes = eval.request_bytes;
	expr_ask_rooms(expr, &eval);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	const char *line_end = size != 0 ? memchr(bytes, '\n', size) : NULL;
	struct slice text = { bytes, line_end != NULL ? (size_t)(line_end - bytes) : size };
	struct slice rest = { line_end != NULL ? line_end + 1 : bytes + size, 0 };
	struct refs refs = { NULL };
	const struct compile_env env = {
		.has = COMPILE_HAS_ALL &
		       ~(NEEDS_BACKEND | NEEDS_SERVER | NEEDS_END),
		.place = "a fuzzer",
		.backend = "b",
		.refs = &refs,
	};
	struct diag diag = { "" };
	struct expr *expr = NULL;
	unsigned column = 0;

	rest.len = (size_t)(bytes + size - rest.at);
	if (expr_compile(&expr, text, &env, &diag) != ERR_OK) {
		claim(expr == NULL);
		claim(sscanf(diag.text, "column %u: ", &column) == 1);
		claim(column >= 1 && column <= text.len + 1);
	} else if (refs.first == NULL) {
		expr_ask_bytes(expr, rest);
	}
	expr_free(&expr);
	refs_fini(&refs);
	return 0;
}
