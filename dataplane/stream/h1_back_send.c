/*
 * The server's side of HTTP/1: a request to bytes, on a connection that is there; also once more.
 *
 * The stream's worker.
 */
#include "config.h"
#include "stream/exchange_priv.h"

#define SEND_IOVECS (H1_IOVECS + 64)

bool
back_is_repeatable(const struct stream *s)
{
	const struct exchange *x = s->exchange;

	/* nothing of it was read but what lies in client->in */
	return x->facts == NULL && x->frame[UP].body.done && x->frame[UP].rest.bytes == 0 &&
	       s->flow[UP].bytes == x->rest_at - s->client->in->start;
}

/* The flow towards a server from its beginning: it is sent for the first time, or once more. */
static void
back_rewind(struct stream *s)
{
	struct flow *up = &s->flow[UP];
	const uint64_t counted = up->counted;

	if (!s->exchange->is_sent)
		return;
	flow_fini(up, s->worker);
	flow_init(up, s->worker->loop->now_ms);
	flow_frame(up, &s->exchange->frame[UP], &s->exchange->request, false);
	up->bytes =
		s->exchange->head_end - s->client->in->start; /* parse is the response's by now */
	up->counted = counted;
}

/* The head, what of the body has come, and on a new connection the PROXY header before them: one call. */
static enum flow_result
back_send_request(struct stream *s)
{
	struct exchange *x = s->exchange;
	struct slab *in = s->client->in;
	struct iovec iov[SEND_IOVECS];
	char header[PROXY_OUT_MAX_BYTES], room[H1_ROOM_BYTES];
	enum flow_result result = FLOW_WAITS;
	size_t bytes, used = 0;
	int count = 0;

	if (s->sc->uses == 1) {
		iov[0].iov_base = header;
		iov[0].iov_len = stream_proxy_header(s, header);
		count = iov[0].iov_len > 0;
	}
	count += h1_write_head(&x->request, iov + count, room, &bytes);
	if (in->end > x->head_end && !x->frame[UP].body.done)
		result = flow_feed(&s->flow[UP], s->worker, in->data + x->head_end,
				   in->end - x->head_end, &used, iov, SEND_IOVECS, &count);
	x->rest_at = x->head_end + (uint32_t)used;
	if (result != FLOW_WAITS)
		return result;
	return flow_send(&s->flow[UP], &s->sc->conn, s->worker, iov, count);
}

void
back_connected(struct stream *s)
{
	const uint64_t now_ms = s->worker->loop->now_ms;
	enum flow_result result;

	s->state = STREAM_AWAITING;
	s->connected_ms = now_ms;
	s->wants_new = false;
	observe_success(s->sc->slot, 4);
	if (s->sc->uses == 1 && s->sc->conn.readable && !s->sc->conn.closed_seen) {
		/* it would be taken for the answer, and the answer for the next client's */
		back_refuse(s, HTTP_FAULT_UNASKED);
		return;
	}
	back_rewind(s);
	result = back_send_request(s);
	s->exchange->is_sent = true;
	for (int i = UP; i <= DOWN; i++)
		s->flow[i].read_ms = s->flow[i].written_ms = now_ms;
	if (result == FLOW_BAD) {
		exchange_refuse(s, s->exchange->frame[UP].body.fault);
		return;
	}
	if (result == FLOW_NO_MEMORY) {
		exchange_fail(s, END_RESOURCE);
		return;
	}
	/* the server may have told before it closed */
	if (result == FLOW_SINK_FAILED)
		exchange_stop_up(s);
	exchange_note_sent(s);
	stream_note_active(s);
	stream_arm(s);
	if (s->sc->conn.readable || !flow_is_done(&s->flow[UP]))
		exchange_run(s);
}
