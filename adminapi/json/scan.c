/*
 * The grammar of RFC 8259, strictly: values, objects, arrays, numbers, and where they are.
 *
 * Recursion is bounded by JSON_DEPTH_MAX. Pure; any thread.
 */
#include "config.h"
#include "adminapi/json/scan_priv.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_BYTES_MAX 63	/* longest number that cJSON 1.7.15 reads whole */

static bool scan_value(struct scan *scan);

bool
scan_fail(struct scan *scan, const char *at, const char *fmt, ...)
{
	va_list ap;

	scan->err = ERR_INVALID;
	scan->fault = at;
	va_start(ap, fmt);
	vsnprintf(scan->words, sizeof(scan->words), fmt, ap);
	va_end(ap);
	return false;
}

static void
scan_space(struct scan *scan)
{
	while (scan->at < scan->end &&
	       (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\t' || *scan->at == '\r'))
		scan->at++;
}

/* Something else was expected here. */
static bool
scan_expected(struct scan *scan, const char *expected)
{
	char seen[16];

	if (scan->at == scan->end)
		return scan_fail(scan, scan->at, "expected %s, found the end", expected);
	str_escape(seen, sizeof(seen), (struct slice){ scan->at, 1 });
	if (*scan->at == '"')
		return scan_fail(scan, scan->at, "expected %s, found '\"'", expected);
	return scan_fail(scan, scan->at, "expected %s, found \"%s\"", expected, seen);
}

static bool
scan_is(const struct scan *scan, char c)
{
	return scan->at < scan->end && *scan->at == c;
}

static bool
scan_digits(struct scan *scan)
{
	const char *first = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return scan->at > first || scan_expected(scan, "a digit");
}

/* What the grammar let through must also have a value that is the same everywhere. */
static bool
number_check(struct scan *scan, const char *first, bool is_integer)
{
	char text[NUMBER_BYTES_MAX + 1];
	size_t len = (size_t)(scan->at - first);
	int64_t value;

	if (len > NUMBER_BYTES_MAX)
		return scan_fail(scan, first, "a number of %zu characters: at most %d", len,
			NUMBER_BYTES_MAX);
	if (is_integer && int_parse((struct slice){ first, len }, &value) != ERR_OK)
		return scan_fail(scan, first, "an integer beyond 64 bits");
	if (is_integer)
		return true;
	memcpy(text, first, len);
	text[len] = '\0';
	if (!isfinite(strtod(text, NULL)))
		return scan_fail(scan, first, "a number too large for a double");
	return true;
}

static bool
scan_number(struct scan *scan)
{
	const char *first = scan->at;
	bool is_integer = true;

	if (scan_is(scan, '-'))
		scan->at++;
	if (scan_is(scan, '0') && scan->end - scan->at > 1 && scan->at[1] >= '0' &&
	    scan->at[1] <= '9')
		return scan_fail(scan, scan->at, "a number may not begin with 0");
	if (!scan_digits(scan))
		return false;
	if (scan_is(scan, '.')) {
		is_integer = false;
		scan->at++;
		if (!scan_digits(scan))
			return false;
	}
	if (scan_is(scan, 'e') || scan_is(scan, 'E')) {
		is_integer = false;
		scan->at++;
		if (scan_is(scan, '+') || scan_is(scan, '-'))
			scan->at++;
		if (!scan_digits(scan))
			return false;
	}
	return number_check(scan, first, is_integer);
}

static bool
scan_word(struct scan *scan, struct slice word)
{
	if ((size_t)(scan->end - scan->at) < word.len || memcmp(scan->at, word.at, word.len) != 0)
		return scan_expected(scan, "a value");
	scan->at += word.len;
	return true;
}

static bool
scan_open(struct scan *scan, bool is_array)
{
	if (scan->depth == JSON_DEPTH_MAX)
		return scan_fail(scan, scan->at, "nested deeper than %d", JSON_DEPTH_MAX);
	scan->frames[scan->depth++] = (struct scan_frame){
		.is_array = is_array,
		.first_key = scan->key_count,
	};
	scan->at++;
	scan_space(scan);
	return true;
}

/* Behind a member: whether another follows. The frame stays open on a fault. */
static bool
scan_more(struct scan *scan, char end, bool *more)
{
	scan_space(scan);
	*more = scan_is(scan, ',');
	if (!*more && !scan_is(scan, end))
		return scan_expected(scan, end == '}' ? "a comma or \"}\"" : "a comma or \"]\"");
	scan->at++;
	scan_space(scan);
	return true;
}

static bool
scan_member(struct scan *scan, struct scan_frame *frame)
{
	struct slice raw;

	if (!scan_is(scan, '"'))
		return scan_expected(scan, "a key in double quotes");
	if (!scan_string(scan, &raw) || !scan_key_add(scan, raw))
		return false;
	scan_space(scan);
	if (!scan_is(scan, ':'))
		return scan_expected(scan, "a colon");
	scan->at++;
	frame->key = raw;
	frame->in_member = true;
	if (!scan_value(scan))
		return false;
	frame->in_member = false;
	return true;
}

static bool
scan_object(struct scan *scan)
{
	struct scan_frame *frame;
	bool more = true;

	if (!scan_open(scan, false))
		return false;
	frame = &scan->frames[scan->depth - 1];
	if (scan_is(scan, '}')) {
		scan->at++;
		more = false;
	}
	while (more) {
		if (!scan_member(scan, frame) || !scan_more(scan, '}', &more))
			return false;
	}
	if (!scan_keys_end(scan, frame->first_key))
		return false;
	scan->depth--;
	return true;
}

static bool
scan_array(struct scan *scan)
{
	struct scan_frame *frame;
	bool more = true;

	if (!scan_open(scan, true))
		return false;
	frame = &scan->frames[scan->depth - 1];
	if (scan_is(scan, ']')) {
		scan->at++;
		more = false;
	}
	for (; more; frame->index++) {
		frame->in_member = true;
		if (!scan_value(scan))
			return false;
		frame->in_member = false;
		if (!scan_more(scan, ']', &more))
			return false;
	}
	scan->depth--;
	return true;
}

static bool
scan_value(struct scan *scan)
{
	struct slice raw;

	scan_space(scan);
	if (scan->on_value != NULL)
		scan->on_value(scan, scan->arg);
	if (++scan->values > JSON_VALUES_MAX)
		return scan_fail(scan, scan->at, "more than %d values", JSON_VALUES_MAX);
	if (scan->at == scan->end)
		return scan_expected(scan, "a value");
	switch (*scan->at) {
	case '{': return scan_object(scan);
	case '[': return scan_array(scan);
	case '"': return scan_string(scan, &raw);
	case 't': return scan_word(scan, SLICE("true"));
	case 'f': return scan_word(scan, SLICE("false"));
	case 'n': return scan_word(scan, SLICE("null"));
	case '-': return scan_number(scan);
	default: break;
	}
	if (*scan->at >= '0' && *scan->at <= '9')
		return scan_number(scan);
	return scan_expected(scan, "a value");
}

enum err
scan_run(struct scan *scan, const char *text, size_t len)
{
	scan->start = scan->at = len > 0 ? text : "";	/* an empty body may be NULL */
	scan->end = scan->start + len;
	scan->err = ERR_OK;
	if (len >= 3 && memcmp(scan->at, "\xef\xbb\xbf", 3) == 0) {
		scan_fail(scan, scan->at, "begins with a byte order mark");
		return scan->err;
	}
	if (!scan_value(scan))
		return scan->err;
	scan_space(scan);
	if (scan->at != scan->end)
		scan_expected(scan, "the end");
	return scan->err;
}

void
scan_fini(struct scan *scan)
{
	free(scan->keys);
	scan->keys = NULL;
}

void
scan_push_raw(struct pointer *pointer, struct slice raw_key)
{
	struct json_chars chars;
	int c;

	buf_put(&pointer->text, "/", 1);
	json_chars_init(&chars, raw_key);
	while ((c = json_chars_next(&chars)) >= 0) {
		char byte = (char)c;

		if (byte == '~' || byte == '/')
			buf_put(&pointer->text, byte == '~' ? "~0" : "~1", 2);
		else
			buf_put(&pointer->text, &byte, 1);
	}
}

void
scan_pointer(const struct scan *scan, struct pointer *pointer)
{
	uint32_t i;

	for (i = 0; i < scan->depth && scan->frames[i].in_member; i++) {
		if (scan->frames[i].is_array)
			pointer_push_index(pointer, scan->frames[i].index);
		else
			scan_push_raw(pointer, scan->frames[i].key);
	}
}
