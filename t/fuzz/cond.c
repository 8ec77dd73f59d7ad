/*
 * A condition in the first line, a request's head in the others. What is refused says at which column
 * of the text; what is taken can be asked about any request, and "or" with what is false is the same.
 */
#include "config.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "expr/cond.h"
#include "http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
claim(bool holds)
{
	if (!holds)
		abort();
}

static struct refs refs;
static const struct compile_env env = {
	.has = COMPILE_HAS_ALL & ~(NEEDS_BACKEND | NEEDS_SERVER | NEEDS_RESPONSE | NEEDS_END),
	.place = "a fuzzer",
	.refs = &refs,
};

/* What it says of a request with bytes still to come is what it says in the end, or undecided. */
static bool
cond_holds(const struct cond *cond, const struct http_head *request)
{
	char room[4096];
	struct eval eval = {
		.request = request,
		.room = { room, sizeof(room) },
		.is_final = true,
	};
	const bool holds = cond_eval(cond, &eval) == COND_TRUE;
	enum cond_result early;

	claim(eval.room.at == room);
	eval.is_final = false;
	early = cond_eval(cond, &eval);
	claim(early == COND_UNDECIDED || early == (holds ? COND_TRUE : COND_FALSE));
	return holds;
}

static void
cond_ask(const struct cond *cond, struct slice text, const struct http_head *request)
{
	bool holds = cond_holds(cond, request);
	struct cond *again = NULL;
	struct buf longer = { 0 };

	buf_puts(&longer, "TRUE ");
	buf_put(&longer, text.at, text.len);
	buf_puts(&longer, " or FALSE");
	claim(!longer.failed);
	claim(cond_compile(&again, (struct slice){ longer.at, longer.len }, &env, NULL) == ERR_OK);
	claim(cond_holds(again, request) || !holds);
	cond_free(&again);
	buf_clear(&longer);
	buf_puts(&longer, "FALSE or ");
	buf_put(&longer, text.at, text.len);
	claim(!longer.failed);
	claim(cond_compile(&again, (struct slice){ longer.at, longer.len }, &env, NULL) == ERR_OK);
	claim(cond_holds(again, request) == holds);
	cond_free(&again);
	buf_fini(&longer);
}

static void
cond_check_diag(const struct diag *diag, size_t len)
{
	unsigned column = 0;

	claim(sscanf(diag->text, "column %u: ", &column) == 1);
	claim(column >= 1 && column <= len + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	const char *line_end = size != 0 ? memchr(bytes, '\n', size) : NULL;
	struct slice text = { bytes, line_end != NULL ? (size_t)(line_end - bytes) : size };
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head request = { .fields = fields };
	struct h1_parse parse = { 0 };
	struct diag diag = { "" };
	struct cond *cond = NULL;

	if (cond_compile(&cond, text, &env, &diag) != ERR_OK) {
		claim(cond == NULL);
		cond_check_diag(&diag, text.len);
		refs_fini(&refs);
		return 0;
	}
	if (line_end != NULL && refs.first == NULL &&
	    h1_parse_request(&parse, &request, line_end + 1, size - text.len - 1) == H1_DONE)
		cond_ask(cond, text, &request);
	cond_free(&cond);
	refs_fini(&refs);
	return 0;
}
