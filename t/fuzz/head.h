/*
 * What the targets of heads have in common: reading in pieces, and whether two heads say the same.
 */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "http/h1.h"

static inline void
claim(bool holds)
{
	if (!holds)
		abort();
}

/* A copy that ends where a sanitizer sees the next byte. */
static inline char *
bytes_copy(const char *bytes, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);

	claim(copy != NULL);
	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}

/* What goes out, as one text: the caller's. */
static inline char *
head_write(const struct http_head *head, size_t *len)
{
	struct iovec iov[H1_IOVECS];
	char room[H1_ROOM_BYTES], *text;
	int count = h1_write_head(head, iov, room, len);
	size_t at = 0;

	claim(count > 0 && count <= H1_IOVECS);
	text = malloc(*len);
	claim(text != NULL);
	for (int i = 0; i < count; i++) {
		memcpy(text + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	claim(at == *len);
	return text;
}

/* The next field from `i` on that is sent. */
static inline const struct http_field *
head_field(const struct http_head *head, uint32_t *i)
{
	while (*i < head->count && head->fields[*i].left_out)
		++*i;
	return *i < head->count ? &head->fields[(*i)++] : NULL;
}

/* The same fields are sent. */
static inline void
fields_claim_same(const struct http_head *a, const struct http_head *b)
{
	const struct http_field *f, *g;
	uint32_t i = 0, k = 0;

	do {
		f = head_field(a, &i);
		g = head_field(b, &k);
		claim((f == NULL) == (g == NULL));
		if (f == NULL)
			return;
		claim(slice_equals(http_field_name(f), http_field_name(g)));
		claim(slice_equals(http_field_value(f), http_field_value(g)));
		claim(f->name == g->name && f->name == http_name_find(http_field_name(f)));
	} while (f != NULL);
}
