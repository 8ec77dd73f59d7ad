/*
 * Framed flows: a flow becomes a message's body, and bytes of one are cut into what goes on and
 * what does not. Nothing is read or written here.
 *
 * The stream's worker.
 */
#include "config.h"
#include <assert.h>
#include "core/loop.h"
#include "stream/pump_priv.h"
#include "stream/worker_priv.h"

#define FLOW_BULK_BYTES (256 * 1024) /* a body that is known to be so long need not prove it */

void
flow_frame(struct flow *f, struct frame *frame, const struct http_head *head, bool decodes)
{
	assert(frame->fed.bytes == 0);
	f->state = FLOW_OPEN;
	f->frame = head->framing == HTTP_TUNNEL ? NULL : frame;
	frame->decodes = decodes;
	frame->spans = 0;
	http_body_init(&frame->body, head);
	if (f->frame != NULL && frame->body.done)
		f->state = FLOW_EOF;
	if (head->framing == HTTP_BODY_LENGTH && head->length >= FLOW_BULK_BYTES)
		f->splices = !f->cannot_splice;
}

/* The pieces that one call of flow_feed() adds. */
struct pieces {
	struct iovec	*iov;
	int		 max;
	int		 count;
};

/*
 * Grow the last piece (it may be a head's: what lies behind it in memory goes behind it) or begin
 * another; copy where there is no room, and so all that follows.
 */
static bool
pieces_add(struct pieces *p, struct flow *f, struct worker *w, const char *bytes, size_t len)
{
	struct iovec *last = p->count > 0 ? &p->iov[p->count - 1] : NULL;

	if (f->frame->fed.bytes > 0)
		return slab_queue_put(&f->frame->fed, &w->slabs, bytes, len) == 0;
	if (last != NULL && (char *)last->iov_base + last->iov_len == bytes) {
		last->iov_len += len;
		return true;
	}
	if (p->count == p->max)
		return slab_queue_put(&f->frame->fed, &w->slabs, bytes, len) == 0;
	p->iov[p->count++] = (struct iovec){ .iov_base = (char *)bytes, .iov_len = len };
	return true;
}

static bool
flow_passes_on(const struct flow *f, enum http_span_kind kind)
{
	switch (kind) {
	case HTTP_SPAN_DATA: return true;
	case HTTP_SPAN_FRAMING:
	case HTTP_SPAN_TRAILER: return !f->frame->decodes;
	case HTTP_SPAN_DROPPED: return false;
	}
	return false;
}

/* Cut the body's spans off the front of `bytes`, *used so far. */
static enum flow_result
flow_cut(struct flow *f, struct worker *w, const char *bytes, size_t len, size_t *used,
	 struct pieces *pieces)
{
	bool (*next)(struct http_body *, const char *, size_t, struct http_span *) =
		f->frame->decodes ? http_body_next : http_body_pass;
	struct http_span span;

	for (; *used < len && !f->frame->body.done; *used += span.len) {
		f->frame->spans++;
		if (!next(&f->frame->body, bytes + *used, len - *used, &span))
			return FLOW_BAD;
		if (flow_passes_on(f, span.kind) &&
		    !pieces_add(pieces, f, w, bytes + *used, span.len))
			return FLOW_NO_MEMORY;
	}
	if (f->frame->body.done)
		f->state = FLOW_EOF;
	return FLOW_WAITS;
}

enum flow_result
flow_feed(struct flow *f, struct worker *w, const char *bytes, size_t len, size_t *used,
	  struct iovec *iov, int max, int *count)
{
	struct pieces pieces = { .iov = iov, .max = max, .count = *count };
	enum flow_result result;

	*used = 0;
	result = flow_cut(f, w, bytes, len, used, &pieces);
	*count = pieces.count;
	if (*used > 0)
		f->read_ms = w->loop->now_ms;
	f->bytes += *used;
	return result;
}
