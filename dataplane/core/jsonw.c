/*
 * The JSON writer (RFC 8259). The buffer's thread.
 *
 * Each piece asks once for all the room that it may need and writes straight into it.
 */
#include "config.h"
#include "core/jsonw.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "core/iptext.h"
#include "core/jsonw_run_priv.h"

#define NUMBER_BYTES	32	/* "-1.7976931348623157e+308" and any 64-bit integer */
#define ESCAPE_BYTES	6	/* "\u0000": the most that a byte becomes */

void
jsonw_init(struct jsonw *w, struct buf *out)
{
	*w = (struct jsonw){ .out = out };
}

/* `at`: the end of what was written into the room of jsonw's buffer. */
static void
jsonw_wrote(struct jsonw *w, const char *at)
{
	w->out->len = (size_t)(at - w->out->at);
}

/* For constants: a few bytes are stored, nothing is called. */
JSONW_INLINE void
jsonw_put_word(struct jsonw *w, const char *word)
{
	char *at = buf_room(w->out, strlen(word));

	if (at == NULL)
		return;
	memcpy(at, word, strlen(word));
	w->out->len += strlen(word);
}

void
jsonw_put_null(struct jsonw *w)
{
	jsonw_put_word(w, "null");
}

void
jsonw_put_bool(struct jsonw *w, bool value)
{
	if (value)
		jsonw_put_word(w, "true");
	else
		jsonw_put_word(w, "false");
}

static char *
escape_write(char *at, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\"; /* pairs: byte, letter */
	const char text[ESCAPE_BYTES] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	memcpy(at, text, sizeof(text));
	for (size_t i = 0; i < sizeof(letters) - 1; i += 2) {
		if (letters[i] == (char)c) {
			at[1] = letters[i + 1];
			return at + 2;
		}
	}
	return at + sizeof(text);
}

/* Where a run ended: a byte to escape, a character of several bytes, or a byte that is of none. */
static char *
character_write(char *at, struct slice text, size_t *taken)
{
	size_t len = utf8_take(text);

	*taken = len == 0 ? 1 : len;
	if (len == 1)
		return escape_write(at, (unsigned char)*text.at);
	if (len == 0) {
		text.at = "\xef\xbf\xbd"; /* U+FFFD */
		len = 3;
	}
	memcpy(at, text.at, len);
	return at + len;
}

/* A string from the end of its first run on, and its last quote. */
static __attribute__((noinline)) char *
quote_rest(struct buf *out, char *at, struct slice text)
{
	while (text.len > 0) {
		size_t taken, run;

		out->len = (size_t)(at - out->at);
		at = buf_room(out, ESCAPE_BYTES + text.len + strlen("\""));
		if (at == NULL)
			return NULL;
		at = character_write(at, text, &taken);
		run = run_copy(at, text.at + taken, text.len - taken);
		at += run;
		taken += run;
		text = (struct slice){ text.at + taken, text.len - taken };
	}
	*at = '"';
	return at + 1;
}

void
jsonw_put_slice(struct jsonw *w, struct slice value)
{
	char *at = buf_room(w->out, value.len + strlen("\"\""));
	size_t run;

	if (at == NULL)
		return;
	*at++ = '"';
	run = run_copy(at, value.at, value.len);
	at += run;
	if (run == value.len)
		*at++ = '"';
	else
		at = quote_rest(w->out, at,
				(struct slice){ value.at + run, value.len - run });
	if (at != NULL)
		jsonw_wrote(w, at);
}

void
jsonw_put_key(struct jsonw *w, const char *key)
{
	assert((key != NULL) == w->is_object);
	if (w->has_members)
		jsonw_put_word(w, ",");
	w->has_members = w->depth > 0;
	if (key != NULL) {
		jsonw_put_slice(w, slice_of(key));
		jsonw_put_word(w, ":");
	}
}

void
jsonw_put_open(struct jsonw *w, bool object)
{
	uint64_t level;

	assert(w->depth < JSONW_DEPTH);
	level = UINT64_C(1) << w->depth++;
	w->objects = object ? w->objects | level : w->objects & ~level;
	w->is_object = object;
	w->has_members = false;
	if (object)
		jsonw_put_word(w, "{");
	else
		jsonw_put_word(w, "[");
}

JSONW_INLINE void
jsonw_close(struct jsonw *w, bool object, const char *bracket)
{
	assert(w->depth > 0 && w->is_object == object);
	w->depth--;
	w->has_members = w->depth > 0;
	w->is_object = w->depth > 0 && (w->objects >> (w->depth - 1) & 1) != 0;
	jsonw_put_word(w, bracket);
}

void
jsonw_end_object(struct jsonw *w)
{
	jsonw_close(w, true, "}");
}

void
jsonw_end_array(struct jsonw *w)
{
	jsonw_close(w, false, "]");
}

JSONW_INLINE void
jsonw_put_number(struct jsonw *w, uint64_t value, bool negative)
{
	char *at = buf_room(w->out, NUMBER_BYTES);

	if (at == NULL)
		return;
	*at = '-';
	at += negative;
	jsonw_wrote(w, at + uint64_write(at, value));
}

void
jsonw_put_uint(struct jsonw *w, uint64_t value)
{
	jsonw_put_number(w, value, false);
}

void
jsonw_put_int(struct jsonw *w, int64_t value)
{
	jsonw_put_number(w, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

void
jsonw_put_double(struct jsonw *w, double value)
{
	char text[NUMBER_BYTES];

	if (!isfinite(value)) {
		jsonw_put_null(w);
		return;
	}
	/* 15 digits always survive the way there and back, 17 always suffice */
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_puts(w->out, text);
}

void
jsonw_put_time(struct jsonw *w, uint64_t wall_us)
{
	char text[TIME_TEXT_BYTES];

	if (wall_us == 0) {
		jsonw_put_null(w);
		return;
	}
	time_format(text, wall_us);
	jsonw_put_slice(w, (struct slice){ text, sizeof(text) - 1 });
}

void
jsonw_put_duration(struct jsonw *w, int64_t ms)
{
	char text[NUMBER_BYTES];
	size_t len = duration_format(text, sizeof(text), ms);

	jsonw_put_slice(w, (struct slice){ text, len });
}

void
jsonw_printf(struct jsonw *w, const char *key, const char *fmt, ...)
{
	char room[256]; /* nearly always enough: no malloc for a log line */
	struct buf more = { 0 };
	struct slice text = { room, 0 };
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(room, sizeof(room), fmt, ap);
	va_end(ap);
	if (len >= 0)
		text.len = (size_t)len;
	if (text.len >= sizeof(room)) {
		va_start(ap, fmt);
		buf_vprintf(&more, fmt, ap);
		va_end(ap);
		text = (struct slice){ more.at, more.len };
	}
	w->out->failed = w->out->failed || more.failed || len < 0;
	jsonw_slice(w, key, text);
	buf_fini(&more);
}
