/*
 * An exchange between its two connections: bodies both ways, what wakes it, time-outs.
 *
 * The stream's worker.
 */
#include "config.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"

void
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
void
exchange_stop_up(struct stream *s)
{
	flow_fini(&s->flow[UP], s->worker);
	s->flow[UP].state = FLOW_SHUT;
	s->sc->conn.readable = true;
}

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
	if (s->exchange->answer == ANSWER_OURS || flow_is_done(&s->flow[UP]))
		return true;
	/* the server has answered before it read all; let it through, as HAProxy does, while it takes it */
	return !s->exchange->keeps_server || server == NULL || server->closed_seen ||
	       conn_error(&s->sc->conn) != 0;
}

void
exchange_move(struct stream *s)
{
	const uint64_t before = s->flow[UP].bytes + s->flow[DOWN].bytes;

	if (s->exchange->answer != ANSWER_OURS && !exchange_move_up(s))
		return;
	if (!exchange_move_down(s))
		return;
	if (exchange_is_over(s)) {
		s->exchange->is_whole = true;
		stream_end(s,
			   s->exchange->answer == ANSWER_OURS ? s->exchange->answered : END_DONE);
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
	case STREAM_RULES:
		if (s->ruled->run.waits_for_bytes && s->client->conn.readable)
			stream_run_rules(s);
		break;
	case STREAM_AWAITING: exchange_await(s); break;
	case STREAM_OPEN:
	case STREAM_LAST: exchange_move(s); break;
	case STREAM_CHOOSING:
	case STREAM_QUEUED:
	case STREAM_CONNECTING:
	case STREAM_RETRYING:
	case STREAM_TARPIT:
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
	else if (s->state == STREAM_TARPIT && c->closed_seen)
		stream_end(s, END_CLIENT_CLOSE); /* he does not wait for it: nor do we */
	else
		exchange_run(s);
}

/* -- time-outs -- */

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
	if (side == CLIENT)
		return time_after(since_ms, stream_wish_ms(s, RULE_TIMEOUT_CLIENT,
							   s->frontend_conf->timeout_client));
	return time_after(since_ms, stream_wish_ms(s, RULE_TIMEOUT_SERVER,
						   s->backend_conf->timeout_server));
}

const struct stream_mode stream_http = {
	.connected = back_connected,
	.take_idle = back_take_idle,
	.failed = exchange_fail,
	.on_client = exchange_on_client,
	.on_server = exchange_run,
	.gather = exchange_gather,
	.ruled = exchange_ruled,
	.obey = exchange_obey,
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
