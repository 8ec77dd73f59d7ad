/*
 * An expression in the first line, a request's head in the others. What is refused says at which column; what is taken can be
 * evaluated on any request and any bytes, with little room and with much, and says the same twice.
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
expr_ask(const struct expr *expr, const struct http_head *request, struct slice bytes, size_t room)
{
	struct vars vars[VAR_SCOPES] = { { NULL, 0 } };
	char *memory = malloc(room + 1);
	struct eval eval = {
		.request = request,
		.request_bytes = bytes,
		.response_bytes = bytes,
		.room = { memory, room },
		.is_final = room % 2 == 0,
	};
	struct sample sample;

	claim(memory != NULL);
	for (int i = VAR_SESS; i < VAR_SCOPES; i++)
		eval.vars[i] = &vars[i];
	for (int type = 0; type < SAMPLE_TYPES; type++) {
		eval.room = (struct http_room){ memory, room };
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t rooms[] = { 0, 7, 64, 16384 };
	const char *bytes = (const char *)data;
	const char *line_end = size != 0 ? memchr(bytes, '\n', size) : NULL;
	struct slice text = { bytes, line_end != NULL ? (size_t)(line_end - bytes) : size };
	struct slice rest = { line_end != NULL ? line_end + 1 : bytes + size, 0 };
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head request = { .fields = fields };
	struct h1_parse parse = { 0 };
	struct refs refs = { NULL };
	const struct compile_env env = {
		.has = COMPILE_HAS_ALL &
		       ~(NEEDS_BACKEND | NEEDS_SERVER | NEEDS_RESPONSE | NEEDS_END),
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
	} else if (refs.first == NULL &&
		   h1_parse_request(&parse, &request, rest.at, rest.len) == H1_DONE) {
		struct slice body = { rest.at + parse.head_len, rest.len - parse.head_len };

		for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
			expr_ask(expr, &request, body, rooms[i]);
	}
	expr_free(&expr);
	refs_fini(&refs);
	return 0;
}
