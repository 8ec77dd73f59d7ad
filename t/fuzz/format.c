/*
 * A format in the first line, what a variable shows in the others. What is refused says at which column; what
 * is taken writes no more than it may, of a line cut in the middle the begin, and no line that has an end in it.
 */
#include "config.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "expr/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice shown;

static void
claim(bool holds)
{
	if (!holds)
		abort();
}

static void
put_text(struct eval *eval, struct format_out *out)
{
	format_put(out, shown);
}

static void
put_uri(struct eval *eval, struct format_out *out)
{
	format_put_as(out, shown, FORMAT_AS_URI);
}

static void
put_part(struct eval *eval, struct format_out *out)
{
	if (shown.len > 0)
		format_put_as(out, shown, FORMAT_AS_PART);
}

static void
put_number(struct eval *eval, struct format_out *out)
{
	if (format_flag_hex(out))
		format_put_hex(out, shown.len, 4);
	else
		format_put_int(out, -(int64_t)shown.len);
}

static const struct format_var rows[] = {
	{ "ci", FORMAT_TEXT, 0, false, "", put_text },
	{ "r", FORMAT_TEXT, 0, false, "", put_uri },
	{ "hr", FORMAT_TEXT, 0, true, "", put_part },
	{ "ms", FORMAT_NUMBER, 0, false, "", put_number },
};

static struct format_table table = { rows, sizeof(rows) / sizeof(rows[0]), NULL };

/* A copy that ends where a sanitizer sees the next byte; NULL: it was too long. */
static char *
format_copy(const struct format *format, size_t size, size_t *len)
{
	char room[512], *out = malloc(size + 1);
	struct eval eval = { .room = { room, sizeof(room) }, .is_final = true };

	claim(out != NULL);
	*len = format_write(format, &eval, out, size);
	claim(*len == FORMAT_TOO_LONG || *len <= size);
	return out;
}

static void
format_ask(const struct format *format, enum format_use use)
{
	size_t len, cut;
	char *whole = format_copy(format, 65536, &len), *part;

	if (len != FORMAT_TOO_LONG) {
		part = format_copy(format, len / 2, &cut);
		if (use == FORMAT_LOG)
			claim(memcmp(whole, part, cut) == 0);
		else
			claim(cut == FORMAT_TOO_LONG || cut == len);
		free(part);
		for (size_t i = 0; use == FORMAT_LOG && i < len; i++)
			claim(whole[i] != '\n' && whole[i] != '\r' && whole[i] != '\0');
	}
	free(whole);
}

/* In a place that has nothing: there is no request to look at. */
static void
format_try(struct slice text, enum format_use use)
{
	struct refs refs = { 0 };
	const struct compile_env env = { .place = "a fuzzer",
					 .refs = &refs };
	struct format *format = NULL;
	struct diag diag = { "" };
	unsigned column = 0;

	if (format_compile(&format, text, use, &env, &diag) == ERR_OK) {
		format_ask(format, use);
		format_free(&format);
	} else {
		claim(format == NULL && sscanf(diag.text, "column %u: ", &column) == 1);
		claim(column >= 1 && column <= text.len + 1);
	}
	refs_fini(&refs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	const char *end = size != 0 ? memchr(bytes, '\n', size) : NULL;
	struct slice text = { bytes, end != NULL ? (size_t)(end - bytes) : size };

	if (format_tables() == NULL)
		format_register(&table);
	shown = end != NULL ? (struct slice){ end + 1, size - text.len - 1 }
			    : (struct slice){ "", 0 };
	format_try(text, FORMAT_LOG);
	format_try(text, FORMAT_VALUE);
	return 0;
}
