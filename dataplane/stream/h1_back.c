/*
 * The server's side of HTTP/1: bytes to a response; whether to ask once more; upgrades.
 *
 * A response is read into the worker's scratch and goes out from there: what is whole costs no buffer.
 * Only a head that came in part is kept.
 *
 * The stream's worker.
 */
#include "config.h"
#include <errno.h>
#include <string.h>
#include "stream/capture.h"
#include "stream/exchange_priv.h"

#define BACK_READS  16 /* of heads at a wake-up; then others have their turn */

/* A response's head that is being read. */
struct back {
	struct http_head head;
	const char	*at;		/* what has come, from the head's first byte on */
	size_t		 len;
};

static struct server_slot *
back_slot(const struct stream *s)
{
	return server_slot(s->server, s->worker->index);
}

/* The client's own connection (NTLM, "never"), or one of the pool. */
struct server_conn *
back_take_idle(struct stream *s)
{
	const enum http_reuse reuse = s->backend_conf->http.reuse;
	struct server_conn *own = s->client->own;

	if (own != NULL && own->slot == back_slot(s)) {
		s->client->own = NULL;
		pool_take_own(own, s, stream_on_server_wake);
		return own;
	}
	return pool_take(back_slot(s), reuse, s->client->requests == 1, stream_conn_key(s), s,
			 stream_on_server_wake);
}

/* -- once more -- */

static bool
back_may_retry(const struct stream *s, bool is_wanted)
{
	return is_wanted && s->retries < stream_retries_max(s) &&
	       s->exchange->answer == ANSWER_NONE && back_is_repeatable(s);
}

static void
back_drop_response(struct stream *s)
{
	struct exchange *x = s->exchange;

	if (x->response != NULL)
		slab_give(&s->worker->slabs, x->response);
	x->response = NULL;
}

/* By "retry-on": another try, on another connection, perhaps another server. */
static void
back_retry(struct stream *s, enum end_cause cause)
{
	back_drop_response(s);
	stream_close(s, SERVER);
	s->wants_new = true;
	stream_try_again(s, cause, 0);
}

static bool
back_retries_on(const struct stream *s, unsigned event)
{
	return (s->backend_conf->http.retry_on & event) != 0;
}

/* An idle connection may be closed by its server just when it is used again: that is nobody's fault. */
static bool
back_is_stale(const struct stream *s)
{
	return s->sc->uses > 1 && s->exchange->response == NULL &&
	       s->exchange->answer == ANSWER_NONE;
}

/* Where nothing of a response came and the request can be repeated it is, at once, on a new one. */
static bool
back_may_renew(const struct stream *s)
{
	return back_is_stale(s) && http_method_is_idempotent(s->exchange->request.method) &&
	       back_is_repeatable(s);
}

static void
back_renew(struct stream *s)
{
	s->renewals++;
	stream_close(s, SERVER);
	s->wants_new = true;
	stream_retry(s);
}

/* The server has closed, or failed, before there was a response. */
static void
back_lost(struct stream *s, ssize_t got)
{
	const enum end_cause cause = got == 0 ? END_SERVER_CLOSE : END_SERVER_ABORT;

	if (back_may_renew(s)) {
		back_renew(s);
		return;
	}
	if (!back_is_stale(s))
		observe_error(back_slot(s), got == 0 ? OBSERVED_CLOSE : OBSERVED_READ);
	count_add(&back_slot(s)->counters.response_errors, 1);
	if (s->exchange->response == NULL &&
	    back_may_retry(s, back_retries_on(s, RETRY_ON_EMPTY_RESPONSE)))
		back_retry(s, cause);
	else
		exchange_fail(s, cause);
}

void
back_refuse(struct stream *s, enum http_fault fault)
{
	s->exchange->fault = fault;
	observe_error(back_slot(s), OBSERVED_RESPONSE);
	count_add(&back_slot(s)->counters.response_errors, 1);
	if (back_may_retry(s, back_retries_on(s, RETRY_ON_JUNK_RESPONSE)))
		back_retry(s, END_BAD_RESPONSE);
	else
		exchange_fail(s, END_BAD_RESPONSE);
}

void
back_timed_out(struct stream *s, enum end_cause cause)
{
	if (s->state != STREAM_AWAITING && s->state != STREAM_REQUEST) {
		stream_end(s, cause);
		return;
	}
	if (cause == END_SERVER_TIMEOUT) {
		observe_error(back_slot(s), OBSERVED_TIMEOUT);
		count_add(&back_slot(s)->counters.response_errors, 1);
		if (back_may_retry(s, back_retries_on(s, RETRY_ON_RESPONSE_TIMEOUT))) {
			back_retry(s, cause);
			return;
		}
	}
	exchange_fail(s, cause);
}

/* -- what came -- */

/* An interim response (1xx): it goes to who can understand it. False: the stream has ended. */
static bool
back_pass_interim(struct stream *s, struct back *b)
{
	enum flow_result result;

	if (s->exchange->request.minor == 0)
		return true;
	if (http_forward_hops(&b->head, false) != ERR_OK) {
		back_refuse(s, HTTP_FAULT_FIELDS);
		return false;
	}
	result = front_send_head(s, &b->head, (struct slice){ NULL, 0 });
	if (result == FLOW_WAITS)
		return true;
	stream_end(s, result == FLOW_NO_MEMORY ? END_RESOURCE : END_CLIENT_ABORT);
	return false;
}

static void
back_note_response(struct stream *s, const struct back *b)
{
	struct exchange *x = s->exchange;

	x->status = b->head.status;
	x->response_ms = s->worker->loop->now_ms;
	s->flow[DOWN].bytes += x->parse.head_len;
	s->flow[DOWN].read_ms = x->response_ms;
	if (b->head.says & HTTP_PRIVATE)
		s->sc->is_private = true;
	exchange_count_response(s, b->head.status);
	stream_log_early(s);
}

/* From here on it is two byte streams; what of either side was read already goes first. */
static void
back_open_tunnel(struct stream *s, struct back *b)
{
	struct exchange *x = s->exchange;
	struct slab *in = s->client->in;
	struct flow *up = &s->flow[UP], *down = &s->flow[DOWN];
	const struct slice said = { b->at + x->parse.head_len, b->len - x->parse.head_len };
	const size_t early = in == NULL ? 0 : in->end - x->rest_at;

	x->answer = ANSWER_SERVERS;
	x->is_whole = true;
	s->state = STREAM_OPEN;
	s->mode = &stream_tunnel;
	flow_frame(up, &x->frame[UP], &b->head, false);
	flow_frame(down, &x->frame[DOWN], &b->head, false);
	down->bytes += said.len;
	up->bytes += early;
	if (front_send_head(s, &b->head, said) == FLOW_NO_MEMORY ||
	    (early > 0 &&
	     slab_queue_put(&up->held, &s->worker->slabs, in->data + x->rest_at, early) != 0) ||
	    !exchange_take_facts(s)) {
		stream_end(s, END_RESOURCE);
		return;
	}
	for (int i = UP; i <= DOWN; i++)
		s->flow[i].read_ms = s->flow[i].written_ms = x->response_ms;
	stream_arm(s);
	tcp_pump(s);
}

static void
back_begin_response(struct stream *s, struct back *b)
{
	struct exchange *x = s->exchange;
	const bool decodes = b->head.framing == HTTP_BODY_CHUNKED && x->request.minor == 0;
	enum flow_result result;

	x->keeps_server = h1_is_persistent(&b->head);
	if (decodes || b->head.framing == HTTP_BODY_TO_EOF || s->client->closes ||
	    s->flow[UP].state == FLOW_SHUT)
		x->keeps_client = false;
	/* the rest of the request will be read by nobody: who waited before he sends it must know */
	if (!x->keeps_server && !flow_is_done(&s->flow[UP]))
		x->keeps_client = false;
	captures_response(s, &b->head);
	if (!exchange_respond(s, &b->head))
		return;
	if (http_forward_hops(&b->head, x->request.minor == 0) != ERR_OK ||
	    (b->head.framing != HTTP_TUNNEL && front_add_connection(s, &b->head) != ERR_OK)) {
		back_refuse(s, HTTP_FAULT_FIELDS);
		return;
	}
	back_note_response(s, b);
	if (b->head.framing == HTTP_TUNNEL) {
		back_open_tunnel(s, b);
		return;
	}
	x->answer = ANSWER_SERVERS;
	s->state = STREAM_OPEN;
	flow_frame(&s->flow[DOWN], &x->frame[DOWN], &b->head, decodes);
	result = front_send_response(s, &b->head,
				     (struct slice){ b->at + x->parse.head_len,
						     b->len - x->parse.head_len });
	if (result == FLOW_BAD) {
		x->fault = x->frame[DOWN].body.fault;
		stream_end(s, END_BAD_RESPONSE);
	} else if (result == FLOW_NO_MEMORY) {
		stream_end(s, END_RESOURCE);
	} else if (result == FLOW_SINK_FAILED) {
		stream_end(s, END_CLIENT_ABORT);
	} else {
		exchange_move(s);
	}
}

/* What its status says of the server (HAProxy manual, "observe"). */
static void
back_observe(struct stream *s, uint16_t status)
{
	if (status < 500 || status == 501 || status == 505)
		observe_success(back_slot(s), 7);
	else
		observe_error(back_slot(s), OBSERVED_STATUS);
}

/* A response that is to be had again from somebody else: true. */
static bool
back_retries_on_status(struct stream *s, const struct back *b)
{
	const uint32_t bit = retry_on_status_bit(b->head.status);

	if (!back_may_retry(s, (s->backend_conf->http.retry_on_statuses & bit) != 0))
		return false;
	back_retry(s, END_BAD_RESPONSE);
	return true;
}

/* Keep what has come of a head. */
static void
back_keep(struct stream *s, const struct back *b)
{
	struct exchange *x = s->exchange;

	if (b->len >= SLAB_ROOM) {
		back_refuse(s, HTTP_FAULT_HEAD_LONG);
		return;
	}
	if (x->response == NULL)
		x->response = slab_take(&s->worker->slabs);
	if (x->response == NULL) {
		exchange_fail(s, END_RESOURCE);
		return;
	}
	memmove(x->response->data, b->at, b->len);
	x->response->start = 0;
	x->response->end = (uint32_t)b->len;
}

static bool
is_interim(const struct http_head *head)
{
	return head->status < 200 && head->framing != HTTP_TUNNEL;
}

static void
back_parse(struct stream *s, struct back *b)
{
	struct exchange *x = s->exchange;

	while (b->len > 0) {
		switch (h1_parse_response(&x->parse, &b->head, b->at, b->len, &x->request)) {
		case H1_MORE: back_keep(s, b); return;
		case H1_BAD: back_refuse(s, x->parse.fault); return;
		case H1_DONE: break;
		}
		if (!is_interim(&b->head)) {
			back_observe(s, b->head.status);
			if (!back_retries_on_status(s, b))
				back_begin_response(s, b);
			return;
		}
		if (!back_pass_interim(s, b))
			return;
		b->at += x->parse.head_len;
		b->len -= x->parse.head_len;
		s->flow[DOWN].bytes += x->parse.head_len;
		x->parse.scanned = 0;
	}
	back_drop_response(s);
}

/* Where the next bytes of a head go, behind those that are kept. */
static char *
back_room(struct stream *s, size_t *kept)
{
	const struct slab *part = s->exchange->response;

	*kept = part == NULL ? 0 : part->end;
	if (part != NULL)
		memcpy(s->worker->scratch, part->data, part->end);
	return s->worker->scratch + *kept;
}

/* Interim responses that the client has not taken hold the server up, as a body does. False: the stream has ended. */
static bool
back_flush_interim(struct stream *s)
{
	enum flow_result result;

	if (!flow_holds(&s->flow[DOWN]))
		return true;
	result = flow_send(&s->flow[DOWN], &s->client->conn, s->worker, NULL, 0);
	if (result == FLOW_WAITS)
		return true;
	stream_end(s, result == FLOW_NO_MEMORY ? END_RESOURCE : END_CLIENT_ABORT);
	return false;
}

void
back_read(struct stream *s)
{
	struct exchange *x = s->exchange;
	int reads = 0;

	if (!back_flush_interim(s))
		return;
	while (s->state == STREAM_AWAITING && s->sc->conn.readable && !flow_holds(&s->flow[DOWN])) {
		struct back back = { .head = { .fields = s->worker->fields } };
		size_t kept;
		char *room = back_room(s, &kept);
		ssize_t got;

		if (++reads > BACK_READS) {
			loop_queue(s->worker->loop, &s->task);
			return;
		}
		got = conn_recv(&s->sc->conn, room, SLAB_ROOM - kept);
		if (got == -EAGAIN || got == -EINTR)
			return;
		if (got <= 0) {
			back_lost(s, got);
			return;
		}
		if (x->response == NULL)
			x->parse = (struct h1_parse){ .options = s->backend_conf->http.h1_options };
		s->flow[DOWN].read_ms = s->worker->loop->now_ms;
		back.at = s->worker->scratch;
		back.len = kept + (size_t)got;
		back_parse(s, &back);
	}
}
