/*
 * Moving bytes: recv and send through the worker's scratch, splice through a pipe for bulk.
 *
 * A message costs one recv and one send. Reads that come back full grow, four times each, to the
 * whole scratch; two large ones in a row make the flow splice, if a pipe is to be had; a few small
 * moves make it copy again. A write that is blocked makes reads small again, so a slow
 * reader makes us hold 16 KiB, not 256.
 *
 * A framed flow does the same within its message: no read asks for more than a slab beyond what is
 * known to be data, and none where the end is known; unseen, through a pipe, goes only that.
 *
 * The stream's worker.
 */
#include "config.h"
#include "stream/pump_priv.h"
#include <assert.h>
#include <errno.h>
#include "core/loop.h"
#include "stream/worker_priv.h"

#define FLOW_LARGE_BYTES   (64 * 1024)
#define FLOW_LARGE_READS   2 /* of at least that, in a row: bulk */
#define FLOW_SMALL_BYTES   (32 * 1024)
#define FLOW_SMALL_SPLICES 4 /* of less than that, in a row: no bulk any more */
#define FLOW_PIECES	   64 /* of data, in one read of small chunks */
#define FLOW_IOVECS	   (WORKER_SCRATCH_BYTES / SLAB_BYTES + 2)

void
flow_init(struct flow *f, uint64_t now_ms)
{
	*f = (struct flow){ .ask_bytes = FLOW_READ_BYTES, .read_ms = now_ms, .written_ms = now_ms };
}

static void
flow_give_pipe(struct flow *f, struct worker *w)
{
	if (f->pipe != NULL)
		pipe_give(&w->pipes, f->pipe);
	f->pipe = NULL;
}

void
flow_fini(struct flow *f, struct worker *w)
{
	if (f->frame != NULL) {
		slab_queue_clear(&f->frame->rest, &w->slabs);
		slab_queue_clear(&f->frame->fed, &w->slabs);
	}
	slab_queue_clear(&f->held, &w->slabs);
	flow_give_pipe(f, w);
}

/* Reading gave no bytes: an end, nothing now, or an error. */
static enum flow_result
flow_after_read(struct flow *f, ssize_t got)
{
	if (got == 0 && f->frame != NULL && f->frame->body.framing != HTTP_BODY_TO_EOF)
		return FLOW_SOURCE_CUT;
	if (got == 0)
		f->state = FLOW_EOF;
	return got == 0 || got == -EAGAIN || got == -EINTR ? FLOW_WAITS : FLOW_SOURCE_FAILED;
}

/* Bytes were written, or not: what holds the rest waits for the socket to be writable. */
static enum flow_result
flow_after_write(struct flow *f, ssize_t sent, const struct worker *w)
{
	if (sent > 0)
		f->written_ms = w->loop->now_ms;
	return sent >= 0 || sent == -EAGAIN || sent == -EINTR ? FLOW_WAITS : FLOW_SINK_FAILED;
}

static enum flow_result
flow_flush_slabs(struct flow *f, struct conn *to, struct worker *w)
{
	struct iovec iov[FLOW_IOVECS];
	ssize_t sent = conn_sendv(to, iov, slab_queue_iov(&f->held, iov, FLOW_IOVECS));

	if (sent > 0)
		slab_queue_drop(&f->held, &w->slabs, (size_t)sent);
	return flow_after_write(f, sent, w);
}

static enum flow_result
flow_flush_pipe(struct flow *f, struct conn *to, struct worker *w)
{
	enum flow_result result = FLOW_WAITS;

	while (f->pipe->bytes > 0 && to->writable && result == FLOW_WAITS) {
		ssize_t sent = conn_splice_out(to, f->pipe->out_fd, f->pipe->bytes);

		if (sent > 0)
			f->pipe->bytes -= (uint32_t)sent;
		result = flow_after_write(f, sent, w);
	}
	if (f->pipe->bytes == 0)
		flow_give_pipe(f, w);
	return result;
}

static enum flow_result
flow_flush(struct flow *f, struct conn *to, struct worker *w)
{
	return f->pipe != NULL ? flow_flush_pipe(f, to, w) : flow_flush_slabs(f, to, w);
}

/* What the sink did not take. */
static enum flow_result
flow_hold(struct flow *f, struct worker *w, const char *bytes, size_t len)
{
	f->ask_bytes = FLOW_READ_BYTES;
	f->large_reads = 0;
	return slab_queue_put(&f->held, &w->slabs, bytes, len) == 0 ? FLOW_WAITS : FLOW_NO_MEMORY;
}

static void
flow_adapt(struct flow *f, size_t got)
{
	const uint32_t larger = f->ask_bytes * 4;

	if (got == f->ask_bytes)
		f->ask_bytes = larger < WORKER_SCRATCH_BYTES ? larger : WORKER_SCRATCH_BYTES;
	f->large_reads = got >= FLOW_LARGE_BYTES ? f->large_reads + 1 : 0;
	if (f->large_reads >= FLOW_LARGE_READS) {
		f->large_reads = 0;
		f->splices = !f->cannot_splice;
	}
}

static enum flow_result
flow_copy(struct flow *f, struct conn *from, struct conn *to, struct worker *w)
{
	ssize_t got = conn_recv(from, w->scratch, f->ask_bytes), sent;
	enum flow_result result;

	if (got <= 0)
		return flow_after_read(f, got);
	f->bytes += (uint64_t)got;
	f->read_ms = w->loop->now_ms;
	flow_adapt(f, (size_t)got);
	sent = conn_send(to, w->scratch, (size_t)got);
	result = flow_after_write(f, sent, w);
	if (sent == got || result != FLOW_WAITS)
		return result;
	if (sent < 0)
		sent = 0;
	return flow_hold(f, w, w->scratch + sent, (size_t)(got - sent));
}

/* What was fed without room goes behind what is held. */
static void
flow_hold_fed(struct flow *f)
{
	struct slab_queue *fed = f->frame == NULL ? NULL : &f->frame->fed;

	if (fed == NULL || fed->bytes == 0)
		return;
	if (f->held.tail == NULL)
		f->held.head = fed->head;
	else
		f->held.tail->next = fed->head;
	f->held.tail = fed->tail;
	f->held.bytes += fed->bytes;
	*fed = (struct slab_queue){ 0 };
}

/* All but the first `sent` bytes, and behind them what was fed without room. */
static enum flow_result
flow_hold_pieces(struct flow *f, struct worker *w, const struct iovec *iov, int count, size_t sent)
{
	for (int i = 0; i < count; i++) {
		const size_t len = iov[i].iov_len, skip = sent < len ? sent : len;

		sent -= skip;
		if (skip < len &&
		    flow_hold(f, w, (char *)iov[i].iov_base + skip, len - skip) != FLOW_WAITS)
			return FLOW_NO_MEMORY;
	}
	flow_hold_fed(f);
	return FLOW_WAITS;
}

enum flow_result
flow_send(struct flow *f, struct conn *to, struct worker *w, struct iovec *iov, int count)
{
	enum flow_result result = FLOW_WAITS;
	ssize_t sent = 0;

	if (to->writable && !flow_holds(f)) {
		sent = count == 1 ? conn_send(to, iov->iov_base, iov->iov_len) :
				    conn_sendv(to, iov, count);
		result = flow_after_write(f, sent, w);
	}
	if (result == FLOW_WAITS)
		result = flow_hold_pieces(f, w, iov, count, sent > 0 ? (size_t)sent : 0);
	while (to->writable && flow_holds(f) && result == FLOW_WAITS)
		result = flow_flush(f, to, w);
	if (result != FLOW_WAITS && f->frame != NULL)
		slab_queue_clear(&f->frame->fed, &w->slabs);
	return result;
}

/* How much to read at most, so that little or nothing of it lies beyond the message's end. */
static size_t
flow_ask(const struct flow *f)
{
	const uint64_t ahead = http_body_data_ahead(&f->frame->body);

	if (ahead >= f->ask_bytes)
		return f->ask_bytes;
	if (f->frame->body.framing != HTTP_BODY_CHUNKED)
		return (size_t)ahead;
	return ahead + SLAB_ROOM < f->ask_bytes ? (size_t)ahead + SLAB_ROOM : f->ask_bytes;
}

static enum flow_result
flow_copy_framed(struct flow *f, struct conn *from, struct conn *to, struct worker *w)
{
	ssize_t got = conn_recv(from, w->scratch, flow_ask(f));
	struct iovec iov[FLOW_PIECES];
	enum flow_result fed, result = FLOW_WAITS;
	size_t used;
	int count = 0;

	if (got <= 0)
		return flow_after_read(f, got);
	flow_adapt(f, (size_t)got);
	fed = flow_feed(f, w, w->scratch, (size_t)got, &used, iov, FLOW_PIECES, &count);
	if (f->state == FLOW_EOF &&
	    slab_queue_put(&f->frame->rest, &w->slabs, w->scratch + used, (size_t)got - used) != 0)
		return FLOW_NO_MEMORY;
	if (count > 0)
		result = flow_send(f, to, w, iov, count);
	return result != FLOW_WAITS ? result : fed;
}

static void
flow_adapt_splice(struct flow *f, size_t got)
{
	if (got >= FLOW_SMALL_BYTES)
		f->small_splices = 0;
	else if (++f->small_splices >= FLOW_SMALL_SPLICES)
		f->splices = false;
}

/* What was not seen: data, of which that much was certain. */
static void
flow_skip(struct flow *f, size_t bytes)
{
	http_body_skip(&f->frame->body, bytes);
	if (f->frame->body.done)
		f->state = FLOW_EOF;
}

/* There is a pipe, and it is empty; it may be given `most` bytes. */
static enum flow_result
flow_splice(struct flow *f, struct conn *from, struct conn *to, struct worker *w, uint64_t most)
{
	const size_t ask = most < f->pipe->size ? (size_t)most : f->pipe->size;
	ssize_t got = conn_splice_in(from, f->pipe->in_fd, ask);

	if (got > 0) {
		if (f->frame != NULL)
			flow_skip(f, (size_t)got);
		f->pipe->bytes = (uint32_t)got;
		f->bytes += (uint64_t)got;
		f->read_ms = w->loop->now_ms;
		flow_adapt_splice(f, (size_t)got);
		return flow_flush_pipe(f, to, w);
	}
	flow_give_pipe(f, w);
	if (got == -EINVAL) {
		f->cannot_splice = true;
		f->splices = false;
		return FLOW_WAITS;
	}
	return flow_after_read(f, got);
}

static enum flow_result
flow_move(struct flow *f, struct conn *from, struct conn *to, struct worker *w)
{
	const uint64_t ahead =
		f->frame != NULL ? http_body_data_ahead(&f->frame->body) : UINT64_MAX;

	assert(f->frame == NULL || f->frame->rest.bytes == 0);
	if (f->splices && ahead >= FLOW_LARGE_BYTES)
		f->pipe = pipe_take(&w->pipes, w->loop->now_ms);
	if (f->pipe != NULL)
		return flow_splice(f, from, to, w, ahead);
	return f->frame != NULL ? flow_copy_framed(f, from, to, w) : flow_copy(f, from, to, w);
}

/* What it has cost so far, in bytes that were only moved. */
static uint64_t
flow_work(const struct flow *f)
{
	return f->bytes + (f->frame == NULL ? 0 : f->frame->spans * FLOW_SPAN_BYTES);
}

enum flow_result
flow_run(struct flow *f, struct conn *from, struct conn *to, struct worker *w)
{
	const uint64_t before = flow_work(f);
	enum flow_result result = FLOW_WAITS;

	while (to->writable && result == FLOW_WAITS) {
		if (flow_holds(f)) {
			result = flow_flush(f, to, w);
			continue;
		}
		if (f->frame != NULL && f->frame->body.fault != HTTP_FAULT_NONE)
			return FLOW_BAD;
		/* an end that was read with the head is read once more: it is this message's, too */
		if (f->state != FLOW_OPEN || !(from->readable || from->eof))
			break;
		if (flow_work(f) - before >= FLOW_TURN_BYTES)
			return FLOW_MORE;
		result = flow_move(f, from, to, w);
	}
	return result;
}
