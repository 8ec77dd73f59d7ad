/*
 * An exchange: rules and backend, the request on its way, bodies both ways, time-outs.
 *
 * The stream's worker.
 */
#include "config.h"
#include <stdlib.h>
#include <string.h>
#include "rules/rules.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"

#define EXCHANGE_IOVECS (H1_IOVECS + 64)

static struct draft *
draft_new(struct worker *w)
{
	struct draft *d = w->free_drafts;

	if (d == NULL)
		return malloc(sizeof(*d));
	w->free_drafts = d->next_free;
	w->free_draft_count--;
	return d;
}

static void
draft_free(struct worker *w, struct draft *d)
{
	if (d == NULL)
		return;
	if (w->free_draft_count >= WORKER_DRAFTS_KEPT) {
		free(d);
		return;
	}
	d->next_free = w->free_drafts;
	w->free_drafts = d;
	w->free_draft_count++;
}

void
exchange_discard(struct worker *w, struct exchange *x)
{
	if (x == NULL)
		return;
	draft_free(w, x->draft);
	if (w->free_exchange_count >= WORKER_STREAMS_KEPT) {
		free(x);
		return;
	}
	x->next_free = w->free_exchanges;
	w->free_exchanges = x;
	w->free_exchange_count++;
}

struct exchange *
exchange_new(struct worker *w)
{
	struct exchange *x = w->free_exchanges;

	if (x != NULL) {
		w->free_exchanges = x->next_free;
		w->free_exchange_count--;
	} else {
		x = malloc(sizeof(*x));
	}
	if (x == NULL)
		return NULL;
	memset(x, 0, sizeof(*x));
	x->draft = draft_new(w);
	if (x->draft == NULL) {
		exchange_discard(w, x);
		return NULL;
	}
	x->request.fields = x->draft->fields;
	x->room = (struct http_room){ x->draft->lines, sizeof(x->draft->lines) };
	return x;
}

void
exchange_free(struct stream *s)
{
	struct exchange *x = s->exchange;

	if (x == NULL)
		return;
	s->exchange = NULL;
	if (x->response != NULL)
		slab_give(&s->worker->slabs, x->response);
	free(x->facts);
	exchange_discard(s->worker, x);
}

void
exchange_pool_free(struct worker *w)
{
	while (w->free_exchanges != NULL) {
		struct exchange *x = w->free_exchanges;

		w->free_exchanges = x->next_free;
		free(x);
	}
	while (w->free_drafts != NULL) {
		struct draft *d = w->free_drafts;

		w->free_drafts = d->next_free;
		free(d);
	}
}

/* -- rules, and where to -- */

/* A rule answered: true. */
static bool
exchange_obey(struct stream *s, const struct rule_verdict *v)
{
	struct exchange *x = s->exchange;

	if (v->rule == NULL)
		return false;
	x->rule = v->rule->id;
	if (v->answer != NULL)
		exchange_answer(s, v->answer, v->extra, v->cause);
	else
		exchange_answer_error(s, v->error, v->cause);
	return true;
}

static bool
exchange_run_rules(struct stream *s, const struct rules *rules)
{
	struct rule_verdict verdict;

	if (rules == NULL)
		return false;
	rules_run_request(rules, &s->exchange->request, &s->exchange->room, &verdict);
	return exchange_obey(s, &verdict);
}

static struct backend *
exchange_find_backend(struct stream *s)
{
	const struct frontend_conf *conf = s->frontend_conf;
	struct rule_verdict verdict;

	if (conf->http.rules == NULL)
		return conf->default_backend;
	rules_run_use_backend(conf->http.rules, &s->exchange->request, &verdict);
	if (verdict.rule == NULL)
		return conf->default_backend;
	s->exchange->rule = verdict.rule->id;
	return verdict.backend;
}

/* -- the request on its way -- */

static enum err
exchange_add_addresses(struct stream *s)
{
	struct exchange *x = s->exchange;
	const struct backend_http *bh = &s->backend_conf->http;
	const struct frontend_http *fh = &s->frontend_conf->http;
	const struct http_forwardfor *xff = bh->forwardfor.on ? &bh->forwardfor : &fh->forwardfor;
	const struct http_forwardfor *xot = bh->originalto.on ? &bh->originalto : &fh->originalto;
	enum err result = ERR_OK;
	struct addr client, local;

	if (!xff->on && !xot->on && !bh->forwarded.on)
		return ERR_OK;
	stream_peer_addr(&s->client->peer, &client);
	if (xot->on || bh->forwarded.on)
		client_local(s->client, &local);
	if (xff->on)
		result = http_forward_for(&x->request, xff, &client, &x->room);
	if (xot->on && result == ERR_OK)
		result = http_forward_original_to(&x->request, xot, &local, &x->room);
	if (bh->forwarded.on && result == ERR_OK)
		result = http_forward_forwarded(&x->request, &bh->forwarded, &client, &local, false,
						&x->room);
	return result;
}

/* What a proxy changes in it. False: it has grown too large, and was answered. */
static bool
exchange_prepare(struct stream *s)
{
	if (http_forward_hops(&s->exchange->request, false) == ERR_OK &&
	    exchange_add_addresses(s) == ERR_OK)
		return true;
	exchange_refuse(s, HTTP_FAULT_FIELDS);
	return false;
}

void
exchange_begin(struct stream *s)
{
	struct exchange *x = s->exchange;
	struct client *c = s->client;

	x->request_ms = s->worker->loop->now_ms;
	x->keeps_client = h1_is_persistent(&x->request) && !c->closes;
	c->requests++;
	s->flow[UP].bytes += x->parse.head_len;
	flow_frame(&s->flow[UP], &x->frame[UP], &x->request, false);
	if (exchange_run_rules(s, s->frontend_conf->http.rules))
		return;
	if (!stream_set_backend(s, exchange_find_backend(s))) {
		s->state = STREAM_CHOOSING;
		exchange_fail(s, END_NO_BACKEND);
	} else if (!exchange_run_rules(s, s->backend_conf->http.rules) && exchange_prepare(s)) {
		s->state = STREAM_CHOOSING;
		stream_choose(s, NULL, false);
	}
}

bool
exchange_is_repeatable(const struct stream *s)
{
	const struct exchange *x = s->exchange;

	/* nothing of it was read but what lies in client->in */
	return x->facts == NULL && x->frame[UP].body.done && x->frame[UP].rest.bytes == 0 &&
	       s->flow[UP].bytes == x->rest_at - s->client->in->start;
}

bool
exchange_take_facts(struct stream *s)
{
	struct exchange *x = s->exchange;
	struct slice *kept[] = { &x->request.method_text, &x->request.target,
				 &x->request.authority };
	size_t len = 1;
	char *at;

	if (x->facts != NULL || s->client->in == NULL)
		return true;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		len += kept[i]->len;
	at = x->facts = malloc(len);
	if (at == NULL)
		return false;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (kept[i]->len > 0)
			memcpy(at, kept[i]->at, kept[i]->len);
		kept[i]->at = at;
		at += kept[i]->len;
	}
	x->request.count = 0;
	x->request.fields = NULL;
	x->room = (struct http_room){ 0 };
	draft_free(s->worker, x->draft);
	x->draft = NULL;
	slab_give(&s->worker->slabs, s->client->in);
	s->client->in = NULL;
	return true;
}

/* Nobody will ask for the request's bytes again, nor for what is behind them. */
static bool
exchange_is_past_request(const struct stream *s)
{
	const struct exchange *x = s->exchange;
	const struct backend_http *conf;

	if (s->client->in == NULL || x->rest_at < s->client->in->end ||
	    !flow_is_done(&s->flow[UP]))
		return false;
	if (s->state == STREAM_OPEN || s->state == STREAM_LAST)
		return true;
	conf = &s->backend_conf->http;
	return s->state == STREAM_AWAITING && (x->request.says & HTTP_SAYS_UPGRADE) == 0 &&
	       (conf->retry_on & ~RETRY_ON_CONN_FAILURE) == 0 && conf->retry_on_statuses == 0;
}

void
exchange_slim(struct stream *s)
{
	if (exchange_is_past_request(s))
		(void)exchange_take_facts(s);	/* without memory it stays as it is */
}

/* The flow towards a server from its beginning: it is sent for the first time, or once more. */
static void
exchange_rewind(struct stream *s)
{
	struct flow *up = &s->flow[UP];
	const uint64_t counted = up->counted;

	if (!s->exchange->is_sent)
		return;
	flow_fini(up, s->worker);
	flow_init(up, s->worker->loop->now_ms);
	flow_frame(up, &s->exchange->frame[UP], &s->exchange->request, false);
	up->bytes = s->exchange->head_end - s->client->in->start; /* parse is the response's by now */
	up->counted = counted;
}

/* The head, what of the body has come, and on a new connection the PROXY header before them: one call. */
static enum flow_result
exchange_send(struct stream *s)
{
	struct exchange *x = s->exchange;
	struct slab *in = s->client->in;
	struct iovec iov[EXCHANGE_IOVECS];
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
				   in->end - x->head_end, &used, iov, EXCHANGE_IOVECS, &count);
	x->rest_at = x->head_end + (uint32_t)used;
	if (result != FLOW_WAITS)
		return result;
	return flow_send(&s->flow[UP], &s->sc->conn, s->worker, iov, count);
}

static void
exchange_note_sent(struct stream *s)
{
	struct flow *up = &s->flow[UP];

	if (up->state != FLOW_EOF || flow_holds(up))
		return;
	up->state = FLOW_FLUSHED;
	s->exchange->sent_ms = s->worker->loop->now_ms;
}

/*
 * The server takes no more of the request. It may have answered already, and that answer counts; what
 * is not sent any more is not read any more, so both connections end with this exchange.
 */
static void
exchange_stop_up(struct stream *s)
{
	flow_fini(&s->flow[UP], s->worker);
	s->flow[UP].state = FLOW_SHUT;
	s->sc->conn.readable = true;
}

static void
exchange_connected(struct stream *s)
{
	const uint64_t now_ms = s->worker->loop->now_ms;
	enum flow_result result;

	s->state = STREAM_AWAITING;
	s->connected_ms = now_ms;
	s->wants_new = false;
	exchange_rewind(s);
	result = exchange_send(s);
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

/* -- bodies -- */

/* False: the stream has ended. */
static bool
exchange_move_up(struct stream *s)
{
	enum flow_result result;

	if (flow_is_done(&s->flow[UP]))
		return true;
	result = flow_run(&s->flow[UP], &s->client->conn, &s->sc->conn, s->worker);
	switch (result) {
	case FLOW_MORE: loop_queue(s->worker->loop, &s->task); break;
	case FLOW_WAITS: break;
	case FLOW_SINK_FAILED: exchange_stop_up(s); return true;
	case FLOW_SOURCE_CUT: stream_end(s, END_CLIENT_CLOSE); return false;
	case FLOW_SOURCE_FAILED: stream_end(s, END_CLIENT_ABORT); return false;
	case FLOW_BAD: exchange_refuse(s, s->exchange->frame[UP].body.fault); return false;
	case FLOW_NO_MEMORY: exchange_fail(s, END_RESOURCE); return false;
	}
	exchange_note_sent(s);
	return true;
}

/* False: the stream has ended. */
static bool
exchange_move_down(struct stream *s)
{
	struct flow *down = &s->flow[DOWN];
	struct conn *client = &s->client->conn, *server = stream_conn(s, SERVER);
	enum flow_result result = FLOW_WAITS;

	/* one that has ended asks nothing of its source, which may be gone: an answer of ours */
	if (down->state == FLOW_OPEN || flow_holds(down))
		result = flow_run(down, server != NULL ? server : client, client, s->worker);
	switch (result) {
	case FLOW_MORE: loop_queue(s->worker->loop, &s->task); break;
	case FLOW_WAITS: break;
	case FLOW_SINK_FAILED: stream_end(s, END_CLIENT_ABORT); return false;
	case FLOW_SOURCE_CUT: stream_end(s, END_SERVER_CLOSE); return false;
	case FLOW_SOURCE_FAILED: stream_end(s, END_SERVER_ABORT); return false;
	case FLOW_BAD:
		s->exchange->fault = s->exchange->frame[DOWN].body.fault;
		stream_end(s, END_BAD_RESPONSE);
		return false;
	case FLOW_NO_MEMORY: stream_end(s, END_RESOURCE); return false;
	}
	if (down->state != FLOW_EOF)
		return true;
	/* where the answer is with the client, it is data of the request that still moves */
	s->state = flow_holds(down) ? STREAM_LAST : STREAM_OPEN;
	if (!flow_holds(down))
		down->state = FLOW_FLUSHED;
	return true;
}

/* The answer is with the client. Is there more to do for the request? */
static bool
exchange_is_over(const struct stream *s)
{
	const struct conn *server = stream_conn(s, SERVER);

	if (!flow_is_done(&s->flow[DOWN]))
		return false;
	if (s->exchange->has_own || flow_is_done(&s->flow[UP]))
		return true;
	/* the server has answered before it read all; let it through, as HAProxy does, while it takes it */
	return !s->exchange->keeps_server || server == NULL || server->closed_seen;
}

void
exchange_move(struct stream *s)
{
	const uint64_t before = s->flow[UP].bytes + s->flow[DOWN].bytes;

	if (!s->exchange->has_own && !exchange_move_up(s))
		return;
	if (!exchange_move_down(s))
		return;
	if (exchange_is_over(s)) {
		s->exchange->is_whole = true;
		stream_end(s, s->exchange->has_own ? s->exchange->answered : END_DONE);
		return;
	}
	if (s->flow[UP].bytes + s->flow[DOWN].bytes != before)
		stream_note_active(s);
	stream_arm(s);
}

static void
exchange_await(struct stream *s)
{
	if (exchange_move_up(s))
		back_read(s);
	if (s->state == STREAM_AWAITING)
		stream_arm(s);	/* it may wait for the other side now */
}

void
exchange_run(struct stream *s)
{
	switch (s->state) {
	case STREAM_REQUEST: front_read(s); break;
	case STREAM_AWAITING: exchange_await(s); break;
	case STREAM_OPEN:
	case STREAM_LAST: exchange_move(s); break;
	case STREAM_CHOOSING:
	case STREAM_QUEUED:
	case STREAM_CONNECTING:
	case STREAM_RETRYING:
	case STREAM_ENDED: break;
	}
}

/* An RST without a FIN looks like data, which nobody reads where the request is whole, or held up. */
static bool
exchange_may_have_failed(const struct stream *s, const struct conn *c)
{
	const struct flow *up = &s->flow[UP];

	return c->closed_seen || (c->readable && (flow_is_done(up) || flow_holds(up)));
}

/*
 * A FIN of a client that waits is no abort: it may have shut down its side and still read (HAProxy without
 * "abortonclose" goes on, too). A reset is.
 */
static void
exchange_on_client(struct stream *s)
{
	struct conn *c = &s->client->conn;

	if (s->state != STREAM_REQUEST && exchange_may_have_failed(s, c) && conn_error(c) != 0)
		stream_end(s, END_CLIENT_ABORT);
	else
		exchange_run(s);
}

/* -- time-outs -- */

static uint64_t
later_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Whom it waits for, and since when. */
static uint64_t
exchange_waits_ms(const struct stream *s, enum stream_side *side)
{
	const struct flow *up = &s->flow[UP], *down = &s->flow[DOWN];

	*side = CLIENT;
	if (flow_holds(down))
		return down->written_ms;
	if (!flow_is_done(up) && !flow_holds(up))
		return later_of(up->read_ms, later_of(up->written_ms, down->read_ms));
	*side = SERVER;
	return later_of(down->read_ms, later_of(up->written_ms, down->written_ms));
}

static uint64_t
exchange_deadline_ms(const struct stream *s, enum end_cause *cause)
{
	enum stream_side side;
	uint64_t since_ms;

	if (s->state == STREAM_REQUEST) {
		*cause = END_REQUEST_TIMEOUT;
		return time_after(s->begun_ms, s->frontend_conf->http.timeout_request);
	}
	since_ms = exchange_waits_ms(s, &side);
	*cause = side == CLIENT ? END_CLIENT_TIMEOUT : END_SERVER_TIMEOUT;
	return time_after(since_ms, side == CLIENT ? s->frontend_conf->timeout_client
						   : s->backend_conf->timeout_server);
}

const struct stream_mode stream_http = {
	.connected = exchange_connected,
	.take_idle = back_take_idle,
	.failed = exchange_fail,
	.on_client = exchange_on_client,
	.on_server = exchange_run,
	.run = exchange_run,
	.deadline_ms = exchange_deadline_ms,
	.timed_out = back_timed_out,
	.finish = exchange_finish,
	.part = exchange_part,
};

const struct stream_mode stream_tunnel = {
	.connected = NULL,
	.failed = NULL,
	.on_client = tcp_pump,
	.on_server = tcp_pump,
	.run = tcp_pump,
	.deadline_ms = tcp_deadline_ms,
	.timed_out = stream_end,
	.part = tcp_part,
};
