/*
 * Chunked bodies: the first byte is how many bytes come at a time, the rest the body. However it is cut, the
 * same bytes are data, and the same go on where it is only passed; and what is sent on is read again as the same data, with nothing to drop.
 */
#include "config.h"
#include <stdlib.h>
#include "core/str.h"
#include "http/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef bool cut_fn(struct http_body *, const char *, size_t, struct http_span *);

struct reading {
	struct http_body	body;
	struct buf		data, sent;
	size_t			used, dropped;
};

static void
claim(bool holds)
{
	if (!holds)
		abort();
}

static void
span_take(struct reading *r, const struct http_span *span, const char *bytes)
{
	r->used += span->len;
	if (span->kind == HTTP_SPAN_DATA)
		buf_put(&r->data, bytes, span->len);
	if (span->kind == HTTP_SPAN_DROPPED)
		r->dropped += span->len;
	else
		buf_put(&r->sent, bytes, span->len);
}

/* `step` bytes at a time. */
static void
body_read(struct reading *r, const char *bytes, size_t size, size_t step, cut_fn *next)
{
	const struct http_head head = { .framing = HTTP_BODY_CHUNKED };
	struct http_span span;

	*r = (struct reading){ .used = 0 };
	http_body_init(&r->body, &head);
	while (r->used < size && !r->body.done) {
		size_t len = size - r->used < step ? size - r->used : step;

		if (!next(&r->body, bytes + r->used, len, &span))
			break;
		claim(span.len > 0 && span.len <= len);
		span_take(r, &span, bytes + r->used);
	}
	claim(!r->body.done || r->body.fault == HTTP_FAULT_NONE);
	claim(next != http_body_next || r->body.bytes == r->data.len);
	claim(!r->data.failed && !r->sent.failed);
}

static void
reading_fini(struct reading *r)
{
	buf_fini(&r->data);
	buf_fini(&r->sent);
}

static bool
buf_equals(const struct buf *a, const struct buf *b)
{
	return slice_equals((struct slice){ a->at, a->len }, (struct slice){ b->at, b->len });
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + 1;
	struct reading whole, cut, passed, again;

	if (size-- == 0)
		return 0;
	body_read(&whole, bytes, size, SIZE_MAX, http_body_next);
	body_read(&cut, bytes, size, data[0] > 0 ? data[0] : 1, http_body_next);
	body_read(&passed, bytes, size, data[0] > 1 ? data[0] : SIZE_MAX, http_body_pass);
	claim(whole.body.done == cut.body.done && whole.body.fault == cut.body.fault);
	claim(buf_equals(&whole.data, &cut.data));
	claim(whole.body.done == passed.body.done && whole.body.fault == passed.body.fault);
	claim(whole.body.bytes == passed.body.bytes);
	if (whole.body.fault == HTTP_FAULT_NONE) {
		claim(whole.used == cut.used && buf_equals(&whole.sent, &cut.sent));
		claim(whole.used == passed.used && buf_equals(&whole.sent, &passed.sent));
		body_read(&again, whole.sent.at, whole.sent.len, SIZE_MAX, http_body_next);
		claim(again.body.fault == HTTP_FAULT_NONE && again.dropped == 0);
		claim(again.body.done == whole.body.done && buf_equals(&again.data, &whole.data));
		reading_fini(&again);
	}
	reading_fini(&whole);
	reading_fini(&cut);
	reading_fini(&passed);
	return 0;
}
