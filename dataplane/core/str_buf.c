/*
 * The growing buffer. Its owner's thread.
 */
#include "config.h"
#include "core/str.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST_BYTES 256 /* a log line or a small answer without growing */

bool
buf_grow(struct buf *buf, size_t len)
{
	size_t cap = buf->cap == 0 ? BUF_FIRST_BYTES : buf->cap;
	char *at;

	if (buf->failed || len > SIZE_MAX / 4 - buf->len)
		goto fail;
	while (cap < buf->len + len)
		cap *= 2;
	at = realloc(buf->at, cap);
	if (at == NULL)
		goto fail;
	buf->at = at;
	buf->cap = cap;
	return true;
fail:
	buf->failed = true;
	return false;
}

void
buf_put(struct buf *buf, const void *bytes, size_t len)
{
	char *at = len == 0 ? NULL : buf_room(buf, len);

	if (at == NULL)
		return;
	memcpy(at, bytes, len);
	buf->len += len;
}

void
buf_puts(struct buf *buf, const char *text)
{
	buf_put(buf, text, strlen(text));
}

void
buf_vprintf(struct buf *buf, const char *fmt, va_list ap)
{
	size_t room = buf->cap - buf->len;
	va_list again;
	int want;

	if (buf->failed)
		return;
	va_copy(again, ap);
	want = vsnprintf(buf->at == NULL ? NULL : buf->at + buf->len, room, fmt, ap);
	if (want < 0) {
		buf->failed = true;
	} else if ((size_t)want < room) {
		buf->len += (size_t)want;
	} else if (buf_room(buf, (size_t)want + 1) != NULL) { /* vsnprintf wants its NUL */
		vsnprintf(buf->at + buf->len, (size_t)want + 1, fmt, again);
		buf->len += (size_t)want;
	}
	va_end(again);
}

void
buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(buf, fmt, ap);
	va_end(ap);
}

void
buf_drop(struct buf *buf, size_t len)
{
	assert(len <= buf->len);
	if (len == 0)
		return;
	buf->len -= len;
	memmove(buf->at, buf->at + len, buf->len);
}

void
buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

void
buf_fini(struct buf *buf)
{
	free(buf->at);
	*buf = (struct buf){ 0 };
}
