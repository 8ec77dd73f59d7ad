/*
 * Writing JSON text piece by piece into a buffer: answers, events and log lines.
 *
 * No tree is built. Commas are the writer's business; nesting is the caller's and is asserted.
 * A failed allocation shows in the buf's `failed`. Strings are bytes: valid UTF-8 passes, control
 * characters are escaped, each invalid byte becomes U+FFFD.
 *
 * A log line is written for each request, and has forty keys. So what is known when this is compiled is
 * done then: a key that is a literal is stored whole, without a look at its length or its bytes.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/str.h"

#define JSONW_DEPTH	64
#define JSONW_INLINE	static inline __attribute__((always_inline)) /* else a literal is none */

struct jsonw {
	struct buf	*out;
	uint32_t	 depth;
	bool		 is_object;	/* members have keys; that which is open now */
	bool		 has_members;	/* and it: a comma is due */
	uint64_t	 objects;	/* `is_object` of each level, a bit a level */
};

void jsonw_init(struct jsonw *w, struct buf *out);

/* A value without its key. */
void jsonw_put_open(struct jsonw *w, bool object);
void jsonw_put_null(struct jsonw *w);
void jsonw_put_bool(struct jsonw *w, bool value);
void jsonw_put_slice(struct jsonw *w, struct slice value);
void jsonw_put_int(struct jsonw *w, int64_t value);
void jsonw_put_uint(struct jsonw *w, uint64_t value);
void jsonw_put_double(struct jsonw *w, double value);
void jsonw_put_time(struct jsonw *w, uint64_t wall_us);
void jsonw_put_duration(struct jsonw *w, int64_t ms);

/* What stands before a value: the comma and any key, or none (NULL). */
void jsonw_put_key(struct jsonw *w, const char *key);

/* The same for a key that needs no escape, where `len` is a constant. */
JSONW_INLINE void
jsonw_put_literal(struct jsonw *w, const char *key, size_t len)
{
	char *at = buf_room(w->out, len + strlen(",\"\":"));

	assert(w->is_object);
	if (at == NULL)
		return;
	*at = ',';
	at += w->has_members;
	*at++ = '"';
	memcpy(at, key, len);
	memcpy(at + len, "\":", 2);
	w->out->len = (size_t)(at + len + 2 - w->out->at);
	w->has_members = true;
}

/* Keys of ours are words; one with a quote or backslash, if somebody writes it, takes the long way. */
JSONW_INLINE void
jsonw_key(struct jsonw *w, const char *key)
{
	if (__builtin_constant_p(key != NULL && strpbrk(key, "\"\\") == NULL) && key != NULL &&
	    strpbrk(key, "\"\\") == NULL)
		jsonw_put_literal(w, key, strlen(key));
	else
		jsonw_put_key(w, key);
}

/* `key` is NULL for an array's element and for the root. */
JSONW_INLINE void
jsonw_object(struct jsonw *w, const char *key)
{
	jsonw_key(w, key);
	jsonw_put_open(w, true);
}

JSONW_INLINE void
jsonw_array(struct jsonw *w, const char *key)
{
	jsonw_key(w, key);
	jsonw_put_open(w, false);
}

void jsonw_end_object(struct jsonw *w);
void jsonw_end_array(struct jsonw *w);

/* A value that is JSON text already. */
JSONW_INLINE void
jsonw_raw(struct jsonw *w, const char *key, struct slice json)
{
	jsonw_key(w, key);
	buf_put(w->out, json.at, json.len);
}

JSONW_INLINE void
jsonw_null(struct jsonw *w, const char *key)
{
	jsonw_key(w, key);
	jsonw_put_null(w);
}

JSONW_INLINE void
jsonw_bool(struct jsonw *w, const char *key, bool value)
{
	jsonw_key(w, key);
	jsonw_put_bool(w, value);
}

JSONW_INLINE void
jsonw_slice(struct jsonw *w, const char *key, struct slice value)
{
	jsonw_key(w, key);
	jsonw_put_slice(w, value);
}

/* NULL value: null. */
JSONW_INLINE void
jsonw_string(struct jsonw *w, const char *key, const char *value)
{
	jsonw_key(w, key);
	if (value == NULL)
		jsonw_put_null(w);
	else
		jsonw_put_slice(w, slice_of(value));
}

JSONW_INLINE void
jsonw_int(struct jsonw *w, const char *key, int64_t value)
{
	jsonw_key(w, key);
	jsonw_put_int(w, value);
}

JSONW_INLINE void
jsonw_uint(struct jsonw *w, const char *key, uint64_t value)
{
	jsonw_key(w, key);
	jsonw_put_uint(w, value);
}

/* The shortest that reads back; not finite: null. */
JSONW_INLINE void
jsonw_double(struct jsonw *w, const char *key, double value)
{
	jsonw_key(w, key);
	jsonw_put_double(w, value);
}

/* 0: null. */
JSONW_INLINE void
jsonw_time(struct jsonw *w, const char *key, uint64_t wall_us)
{
	jsonw_key(w, key);
	jsonw_put_time(w, wall_us);
}

JSONW_INLINE void
jsonw_duration(struct jsonw *w, const char *key, int64_t ms)
{
	jsonw_key(w, key);
	jsonw_put_duration(w, ms);
}

void jsonw_printf(struct jsonw *w, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
