/*
 * Slices: numbers, escapes, UTF-8, and the text of a moment. Pure; any thread.
 */
#include "config.h"
#include "core/str.h"
#include <assert.h>
#include <stdio.h>
#include <time.h>

enum err
int_parse(struct slice text, int64_t *value)
{
	bool negative = text.len > 0 && text.at[0] == '-';
	bool over = false;
	int64_t n = 0;

	if (text.len == negative)
		return ERR_INVALID;
	for (size_t i = negative; i < text.len; i++) {
		int digit = text.at[i] - '0';

		if (digit < 0 || digit > 9)
			return ERR_INVALID;
		/* downward, because INT64_MIN has no positive twin */
		over = over || __builtin_mul_overflow(n, (int64_t)10, &n) ||
		       __builtin_sub_overflow(n, (int64_t)digit, &n);
	}
	if (over || (!negative && n == INT64_MIN))
		return ERR_LIMIT;
	*value = negative ? n : -n;
	return ERR_OK;
}

static bool
byte_is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '\\';
}

const char *
str_escape(char *buf, size_t size, struct slice raw)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t out = 0, fits = 0; /* fits: where "..." still has room */

	assert(size > 0);
	for (size_t i = 0; i < raw.len; i++) {
		char c = raw.at[i];
		size_t need = byte_is_plain(c) ? 1 : 4;

		if (out + need >= size) {
			snprintf(buf + fits, size - fits, "...");
			return buf;
		}
		if (need == 1)
			buf[out] = c;
		else
			memcpy(buf + out,
			       (char[]){ '\\', 'x', hex[(unsigned char)c >> 4], hex[c & 15] }, 4);
		out += need;
		if (out + sizeof("...") <= size)
			fits = out;
	}
	buf[out] = '\0';
	return buf;
}

/* What the lead byte says: how long, and in which range the second byte lies (RFC 3629, 4). */
static size_t
utf8_lead(unsigned char lead, unsigned char *low, unsigned char *high)
{
	*low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	*high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

size_t
utf8_take(struct slice text)
{
	const unsigned char *at = (const unsigned char *)text.at;
	unsigned char low, high;
	size_t len;

	if (text.len == 0)
		return 0;
	len = utf8_lead(at[0], &low, &high);
	if (len > text.len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (at[i] < low || at[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return len;
}

#define TIME_LAST_SECOND 253402300799 /* 9999-12-31T23:59:59Z: RFC 3339 has four digits */

void
time_format(char buf[TIME_TEXT_BYTES], uint64_t wall_us)
{
	/* lines come many to a second: its calendar is worked out once */
	static _Thread_local char second_text[TIME_TEXT_BYTES];
	static _Thread_local time_t second = -1;
	time_t now = (time_t)(wall_us / 1000000);
	unsigned ms = (unsigned)(wall_us / 1000 % 1000);

	if (now > TIME_LAST_SECOND) {
		now = TIME_LAST_SECOND;
		ms = 999;
	}
	if (now != second) {
		struct tm tm;

		gmtime_r(&now, &tm);
		strftime(second_text, sizeof(second_text), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
		second = now;
	}
	memcpy(buf, second_text, TIME_TEXT_BYTES);
	buf[20] = (char)('0' + ms / 100);
	buf[21] = (char)('0' + ms / 10 % 10);
	buf[22] = (char)('0' + ms % 10);
}
