/*
 * Slices of bytes, and a growing byte buffer.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "core/err.h"

/* Bytes that somebody else owns; not terminated. */
struct slice {
	const char	*at;
	size_t		 len;
};

#define SLICE(literal) ((struct slice){ (literal), sizeof(literal) - 1 })

static inline struct slice
slice_of(const char *text)
{
	return (struct slice){ text, strlen(text) };
}

/* -1: it is no hexadecimal digit. */
static inline int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline bool
slice_equals(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/*
 * Duration as HAProxy writes it: digits and us, ms, s, m, h or d ("500ms"); digits alone are
 * milliseconds. Compound forms ("1h30m") are taken too, larger units first. Microseconds are rounded
 * up to a millisecond. ERR_INVALID (not a duration) and ERR_LIMIT (over INT64_MAX) leave *ms alone.
 */
enum err duration_parse(struct slice text, int64_t *ms);

/* The shortest single-unit spelling: "2s", "500ms", "0". Needs 24 bytes. Returns the length. */
size_t duration_format(char *buf, size_t size, int64_t ms);

/* Size: digits and an optional k, m or g, in either case (powers of 1024). Errors as above. */
enum err size_parse(struct slice text, int64_t *bytes);

/* Whole-slice decimal int64. ERR_INVALID, ERR_LIMIT. */
enum err int_parse(struct slice text, int64_t *value);

/* Outside bytes made fit for a log or error line: printable ASCII, the rest (and \) as \xHH. Always
 * terminates; a text that does not fit ends in "...". Returns buf. */
const char *str_escape(char *buf, size_t size, struct slice raw);

/* Length (1 to 4) of the valid UTF-8 sequence that `text` opens with (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF); 0 if there is none. */
size_t utf8_take(struct slice text);

/* A growing buffer; init with {0}. After a failed append `failed` stays set and appends do nothing:
 * check once, at the end. */
struct buf {
	char	*at;
	size_t	 len;
	size_t	 cap;
	bool	 failed;
};

/* More memory, for `len` bytes more. False: there is none, or there was none before; `failed` says so. */
bool buf_grow(struct buf *buf, size_t len);

/* For who writes many small pieces: where `len` bytes may be written. Who does adds to buf->len what
 * it wrote. NULL: no memory, and `failed` is set. */
static inline char *
buf_room(struct buf *buf, size_t len)
{
	if ((buf->failed || len > buf->cap - buf->len) && !buf_grow(buf, len))
		return NULL;
	return buf->at + buf->len;
}

void buf_put(struct buf *buf, const void *bytes, size_t len);
void buf_puts(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
void buf_drop(struct buf *buf, size_t len);	/* from the front */
void buf_clear(struct buf *buf);		/* empty, memory kept, failed reset */
void buf_fini(struct buf *buf);

/* RFC 3339 UTC with milliseconds ("2026-11-20T06:00:00.000Z", 24 bytes and a NUL) of wall time. */
#define TIME_TEXT_BYTES 25
void time_format(char buf[TIME_TEXT_BYTES], uint64_t wall_us);
