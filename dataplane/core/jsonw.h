/*
 * Writing JSON text piece by piece into a buffer: answers, events and log lines.
 *
 * No tree is built. Commas are the writer's business; nesting is the caller's and is asserted.
 * A failed allocation shows in the buf's `failed`. Strings are bytes: valid UTF-8 passes, control
 * characters are escaped, each invalid byte becomes U+FFFD.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/str.h"

#define JSONW_DEPTH 64

struct jsonw {
	struct buf	*out;
	uint32_t	 depth;
	uint64_t	 has_members;	/* bit a level: a comma is due */
	uint64_t	 is_object;	/* bit a level: members have keys */
};

void jsonw_init(struct jsonw *w, struct buf *out);

/* `key` is NULL for an array's element and for the root. */
void jsonw_object(struct jsonw *w, const char *key);
void jsonw_array(struct jsonw *w, const char *key);
void jsonw_end_object(struct jsonw *w);
void jsonw_end_array(struct jsonw *w);
void jsonw_string(struct jsonw *w, const char *key, const char *value);	/* NULL value: null */
void jsonw_slice(struct jsonw *w, const char *key, struct slice value);
void jsonw_int(struct jsonw *w, const char *key, int64_t value);
void jsonw_uint(struct jsonw *w, const char *key, uint64_t value);
void jsonw_double(struct jsonw *w, const char *key, double value);	/* shortest that reads back;
									   not finite: null */
void jsonw_bool(struct jsonw *w, const char *key, bool value);
void jsonw_null(struct jsonw *w, const char *key);
void jsonw_time(struct jsonw *w, const char *key, uint64_t wall_us);	/* 0: null */
void jsonw_duration(struct jsonw *w, const char *key, int64_t ms);
void jsonw_printf(struct jsonw *w, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A value that is JSON text already. */
void jsonw_raw(struct jsonw *w, const char *key, struct slice json);
