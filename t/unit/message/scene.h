/*
 * A head and its room, read from bytes that end where a sanitizer sees the next one.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "http/h1.h"

#define B(literal)                             \
	{                                      \
		(literal), sizeof(literal) - 1 \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct scene {
	char			*bytes;		/* owned */
	struct http_field	 room[HTTP_FIELDS_MAX];
	char			 lines[256];	/* that the parser writes */
	struct http_room	 lines_left;
	struct http_head	 head;
	struct h1_parse		 parse;
	enum h1_result		 result;
};

static inline void
scene_parse(struct scene *s, bool is_response, struct slice text, const struct http_head *request)
{
	s->head.fields = s->room;
	s->lines_left = (struct http_room){ s->lines, sizeof(s->lines) };
	s->parse.room = &s->lines_left;
	s->result = is_response ? h1_parse_response(&s->parse, &s->head, text.at, text.len, request)
				: h1_parse_request(&s->parse, &s->head, text.at, text.len);
}

/* Read `text` in one piece. */
static inline void
scene_read(struct scene *s, bool is_response, struct slice text, unsigned options,
	   const struct http_head *request)
{
	memset(s, 0, sizeof(*s));
	s->bytes = malloc(text.len > 0 ? text.len : 1);
	assert_non_null(s->bytes);
	memcpy(s->bytes, text.at, text.len);
	s->parse.options = options;
	scene_parse(s, is_response, (struct slice){ s->bytes, text.len }, request);
}

/* The same, a byte at a time, each time elsewhere in memory. */
static inline void
scene_read_bytes(struct scene *s, bool is_response, struct slice text, unsigned options,
		 const struct http_head *request)
{
	memset(s, 0, sizeof(*s));
	s->parse.options = options;
	s->result = H1_MORE;
	for (size_t len = 1; len <= text.len && s->result == H1_MORE; len++) {
		char *bytes = malloc(len);

		assert_non_null(bytes);
		memcpy(bytes, text.at, len);
		free(s->bytes);
		s->bytes = bytes;
		scene_parse(s, is_response, (struct slice){ bytes, len }, request);
	}
}

static inline void
scene_fini(struct scene *s)
{
	free(s->bytes);
}

static inline struct slice
scene_value(const struct scene *s, const char *name)
{
	const struct http_field *f = http_head_find_named(&s->head, slice_of(name), NULL);

	return f == NULL ? SLICE("(none)") : http_field_value(f);
}

/* What h1_write_head() makes of it, as one text; *pieces: how many there were. */
static inline char *
scene_written(const struct scene *s, char *text, size_t size, int *pieces)
{
	struct iovec iov[H1_IOVECS];
	char room[H1_ROOM_BYTES];
	size_t bytes, len = 0;

	*pieces = h1_write_head(&s->head, iov, room, &bytes);
	assert_true(bytes < size);
	for (int i = 0; i < *pieces; i++) {
		memcpy(text + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	assert_int_equal(len, bytes);
	text[len] = '\0';
	return text;
}

static inline void
is_text(struct slice have, const char *want)
{
	if (!slice_equals(have, slice_of(want)))
		fail_msg("\"%.*s\" instead of \"%s\"", (int)have.len, have.at, want);
}
