/*
 * The JSON writer (RFC 8259). The buffer's thread.
 */
#include "config.h"
#include "core/jsonw.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_BYTES 32 /* "-1.7976931348623157e+308" and any 64-bit integer */

void
jsonw_init(struct jsonw *w, struct buf *out)
{
	*w = (struct jsonw){ .out = out };
}

static void
jsonw_escape(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\"; /* pairs: byte, letter */
	char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	for (size_t i = 0; i < sizeof(letters) - 1; i += 2) {
		if (letters[i] == (char)c) {
			text[1] = letters[i + 1];
			buf_put(out, text, 2);
			return;
		}
	}
	buf_put(out, text, sizeof(text));
}

/* Length of the run, from the front, that needs no change. */
static size_t
jsonw_plain(struct slice text)
{
	size_t len = 0;

	while (len < text.len) {
		unsigned char c = (unsigned char)text.at[len];
		size_t n = 1;

		if (c < ' ' || c == '"' || c == '\\')
			break;
		if (c >= 0x80)
			n = utf8_take((struct slice){ text.at + len, text.len - len });
		if (n == 0)
			break;
		len += n;
	}
	return len;
}

static void
jsonw_quote(struct buf *out, struct slice text)
{
	buf_put(out, "\"", 1);
	for (;;) {
		size_t plain = jsonw_plain(text);
		unsigned char c;

		buf_put(out, text.at, plain);
		if (plain == text.len)
			break;
		c = (unsigned char)text.at[plain];
		if (c < 0x80)
			jsonw_escape(out, c);
		else
			buf_put(out, "\xef\xbf\xbd", 3); /* U+FFFD for a byte of no character */
		text.at += plain + 1;
		text.len -= plain + 1;
	}
	buf_put(out, "\"", 1);
}

/* What comes before a value: a comma, if it is not the first, and its key. */
static void
jsonw_begin(struct jsonw *w, const char *key)
{
	uint64_t level;

	if (w->depth == 0) {
		assert(key == NULL);
		return;
	}
	level = UINT64_C(1) << (w->depth - 1);
	assert((key != NULL) == ((w->is_object & level) != 0));
	if ((w->has_members & level) != 0)
		buf_put(w->out, ",", 1);
	w->has_members |= level;
	if (key != NULL) {
		jsonw_quote(w->out, slice_of(key));
		buf_put(w->out, ":", 1);
	}
}

static void
jsonw_open(struct jsonw *w, const char *key, bool object)
{
	uint64_t level;

	jsonw_begin(w, key);
	assert(w->depth < JSONW_DEPTH);
	level = UINT64_C(1) << w->depth++;
	w->has_members &= ~level;
	w->is_object = object ? w->is_object | level : w->is_object & ~level;
	buf_put(w->out, object ? "{" : "[", 1);
}

static void
jsonw_close(struct jsonw *w, bool object)
{
	assert(w->depth > 0 && ((w->is_object >> (w->depth - 1)) & 1) == object);
	w->depth--;
	buf_put(w->out, object ? "}" : "]", 1);
}

void
jsonw_object(struct jsonw *w, const char *key)
{
	jsonw_open(w, key, true);
}

void
jsonw_array(struct jsonw *w, const char *key)
{
	jsonw_open(w, key, false);
}

void
jsonw_end_object(struct jsonw *w)
{
	jsonw_close(w, true);
}

void
jsonw_end_array(struct jsonw *w)
{
	jsonw_close(w, false);
}

void
jsonw_raw(struct jsonw *w, const char *key, struct slice json)
{
	jsonw_begin(w, key);
	buf_put(w->out, json.at, json.len);
}

void
jsonw_slice(struct jsonw *w, const char *key, struct slice value)
{
	jsonw_begin(w, key);
	jsonw_quote(w->out, value);
}

void
jsonw_string(struct jsonw *w, const char *key, const char *value)
{
	if (value == NULL)
		jsonw_null(w, key);
	else
		jsonw_slice(w, key, slice_of(value));
}

/* A log line has a dozen numbers: printf would be most of its cost. */
static void
jsonw_number(struct jsonw *w, const char *key, uint64_t value, bool negative)
{
	char text[NUMBER_BYTES];
	size_t at = sizeof(text);

	do
		text[--at] = (char)('0' + value % 10);
	while ((value /= 10) != 0);
	if (negative)
		text[--at] = '-';
	jsonw_raw(w, key, (struct slice){ text + at, sizeof(text) - at });
}

void
jsonw_int(struct jsonw *w, const char *key, int64_t value)
{
	jsonw_number(w, key, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

void
jsonw_uint(struct jsonw *w, const char *key, uint64_t value)
{
	jsonw_number(w, key, value, false);
}

void
jsonw_double(struct jsonw *w, const char *key, double value)
{
	char text[NUMBER_BYTES];

	if (!isfinite(value)) {
		jsonw_null(w, key);
		return;
	}
	/* 15 digits always survive the way there and back, 17 always suffice */
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	jsonw_raw(w, key, slice_of(text));
}

void
jsonw_bool(struct jsonw *w, const char *key, bool value)
{
	jsonw_raw(w, key, value ? SLICE("true") : SLICE("false"));
}

void
jsonw_null(struct jsonw *w, const char *key)
{
	jsonw_raw(w, key, SLICE("null"));
}

void
jsonw_time(struct jsonw *w, const char *key, uint64_t wall_us)
{
	char text[TIME_TEXT_BYTES];

	if (wall_us == 0) {
		jsonw_null(w, key);
		return;
	}
	time_format(text, wall_us);
	jsonw_slice(w, key, (struct slice){ text, sizeof(text) - 1 });
}

void
jsonw_duration(struct jsonw *w, const char *key, int64_t ms)
{
	char text[NUMBER_BYTES];
	size_t len = duration_format(text, sizeof(text), ms);

	jsonw_slice(w, key, (struct slice){ text, len });
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
