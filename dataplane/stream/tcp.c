/*
 * TCP mode: a raw byte pump of two directions, each with an end of its own; and what a tunnel has of it.
 *
 * The worker's thread.
 */
#include "config.h"
#include <assert.h>
#include <errno.h>
#include "stream/frontend_priv.h"
#include "stream/stream_priv.h"

#define STREAM_DRAIN_TURNS 64 /* of FLOW_TURN_BYTES each: more than a socket's buffer holds */

/*
 * What came behind a PROXY header waits for the server, like all that the client sends. False: no
 * memory.
 */
static bool
tcp_take_input(struct stream *s)
{
	struct client *c = s->client;
	struct flow *up = &s->flow[UP];
	const struct slab *in = c->in;
	int result;

	if (in == NULL)
		return true;
	result = slab_queue_put(&up->held, &s->worker->slabs, in->data + in->start,
				in->end - in->start);
	up->bytes += in->end - in->start;
	slab_give(&s->worker->slabs, c->in);
	c->in = NULL;
	return result == 0;
}

void
tcp_start(struct client *c, struct frontend_conf *conf)
{
	struct stream *s = stream_start(c, conf, c->bind_index, &stream_tcp, STREAM_CHOOSING);

	if (s == NULL)
		client_end(c);
	else
		stream_run_rules(s);
}

/* Its rules have let it pass: what they have read is the first that goes to the server. */
static void
tcp_ruled(struct stream *s)
{
	s->state = STREAM_CHOOSING;
	if (s->client->conn.eof)
		s->client->conn.readable = true;	/* the pump has to see the end, too */
	if (!tcp_take_input(s))
		stream_end(s, END_RESOURCE);
	else
		stream_choose(s, false);
}

/* Nobody is told why: a rule of TCP mode only closes. */
static void
tcp_obey(struct stream *s, enum rules_result result, const struct rules_verdict *verdict)
{
	count_add(&s->frontend->slots[s->worker->index].counters.denied, 1);
	if (verdict->rule != NULL)
		s->ruled->rule = verdict->rule->id;
	if (verdict->silently)
		conn_drop(&s->client->conn);
	stream_end(s, END_DENIED);
}

/* A new socket has room for the PROXY header; one that takes less is broken. */
static bool
tcp_send_header(struct stream *s)
{
	char header[PROXY_OUT_MAX_BYTES];
	const size_t len = stream_proxy_header(s, header);

	return len == 0 || conn_send(&s->sc->conn, header, len) == (ssize_t)len;
}

static void
tcp_connected(struct stream *s)
{
	const uint64_t now_ms = s->worker->loop->now_ms;

	s->state = STREAM_OPEN;
	s->connected_ms = now_ms;
	if (!tcp_inspect_begin(s))
		return;
	for (int i = UP; i <= DOWN; i++)
		s->flow[i].read_ms = s->flow[i].written_ms = now_ms;
	if (!tcp_send_header(s)) {
		stream_connect_failed(s, END_CONNECT_FAILED);
		return;
	}
	observe_success(server_slot(s->server, s->worker->index), 4);
	stream_log_early(s);
	stream_arm(s);
	tcp_pump(s);
}

/*
 * Carry ends across. When both ways are flushed the two close() say FIN, and no shutdown() is
 * needed. True: all is done.
 */
static bool
tcp_carry_ends(struct stream *s)
{
	for (int i = UP; i <= DOWN; i++) {
		if (s->flow[i].state == FLOW_EOF && !flow_holds(&s->flow[i]))
			s->flow[i].state = FLOW_FLUSHED;
	}
	if (flow_is_done(&s->flow[UP]) && flow_is_done(&s->flow[DOWN]))
		return true;
	for (int i = UP; i <= DOWN; i++) {
		if (s->flow[i].state == FLOW_FLUSHED) {
			conn_shutdown(stream_conn(s, 1 - i));
			s->flow[i].state = FLOW_SHUT;
		}
	}
	if (s->flow[UP].state != FLOW_OPEN || s->flow[DOWN].state != FLOW_OPEN)
		stream_arm(s);	/* client_fin and server_fin may be shorter than what is armed */
	return false;
}

/*
 * One side was reset, or failed. What it sent before that is in its socket still, or held by us: it
 * is written as far as the other side's socket takes it now. That side is then reset, once it has
 * got this (cut_priv.h), so that it sees the cut and does not take it for a regular
 * end.
 */
static void
tcp_fail(struct stream *s, enum stream_side side)
{
	struct flow *rest = &s->flow[side];
	enum flow_result result = FLOW_MORE;

	stream_conn(s, side)->readable = true;
	for (int i = 0; i < STREAM_DRAIN_TURNS && result == FLOW_MORE; i++)
		result = flow_run(rest, stream_conn(s, side), stream_conn(s, 1 - side), s->worker);
	stream_end(s, side == CLIENT ? END_CLIENT_ABORT : END_SERVER_ABORT);
}

/* True: the flow failed, and the stream has ended. `i` is both the flow and its source's side. */
static bool
tcp_end_if_failed(struct stream *s, enum stream_flow i, enum flow_result result)
{
	switch (result) {
	case FLOW_WAITS:
	case FLOW_MORE: return false;
	case FLOW_SOURCE_CUT:
	case FLOW_BAD: assert(!"not of a flow that is not framed"); break;
	case FLOW_SOURCE_FAILED: tcp_fail(s, (enum stream_side)i); return true;
	case FLOW_SINK_FAILED: tcp_fail(s, (enum stream_side)(1 - i)); return true;
	case FLOW_NO_MEMORY: stream_end(s, END_RESOURCE); return true;
	}
	return false;
}

/* An RST behind a FIN comes with no read that could tell it. */
static bool
tcp_end_if_reset(struct stream *s, enum stream_side side)
{
	struct conn *c = stream_conn(s, side);

	if (!c->failed || conn_error(c) == 0)
		return false;
	tcp_fail(s, side);
	return true;
}

void
tcp_pump(struct stream *s)
{
	const uint64_t before = s->flow[UP].bytes + s->flow[DOWN].bytes;
	bool more = false;
	int last = DOWN;

	if (s->ruled != NULL && s->ruled->inspected != NULL) {
		switch (tcp_inspect(s)) {
		case TCP_INSPECTED: break;
		case TCP_INSPECTS: last = UP; break;
		case TCP_ENDED: return;
		}
	}
	for (int i = UP; i <= last; i++) {
		enum flow_result result =
			flow_run(&s->flow[i], stream_conn(s, i), stream_conn(s, 1 - i), s->worker);

		if (tcp_end_if_failed(s, i, result))
			return;
		more = more || result == FLOW_MORE;
	}
	if (tcp_end_if_reset(s, CLIENT) || tcp_end_if_reset(s, SERVER))
		return;
	if (tcp_carry_ends(s)) {
		stream_end(s, END_DONE);
		return;
	}
	if (s->flow[UP].bytes + s->flow[DOWN].bytes != before)
		stream_note_active(s);
	if (more)
		loop_queue(s->worker->loop, &s->task);
}

/* Was the stream cut, so that a regular end towards `side` would be a lie? */
static bool
tcp_cuts(const struct stream *s, enum stream_side side)
{
	const struct flow *to = &s->flow[1 - side];

	switch (s->cause) {
	case END_CLIENT_ABORT:
	case END_SERVER_ABORT:
		/* what this side was sent is whole: it need not know what became of the other way */
		return !flow_is_done(to);
	case END_SERVER_DOWN:
	case END_ACTIVE_BACK:
	case END_ADMIN:
	case END_SERVER_REMOVED:
	case END_SHUTDOWN: return true;
	case END_RESOURCE:
	case END_INTERNAL:
		/* before there was a server it is an end like that of a connect that failed */
		return s->ended_in == STREAM_OPEN;
	case END_NONE:
	case END_DONE:
	case END_ANSWERED:
	case END_DENIED:
	case END_BAD_REQUEST:
	case END_BAD_RESPONSE:
	case END_BAD_PROXY:
	case END_REQUEST_TIMEOUT:
	case END_CLIENT_CLOSE:
	case END_SERVER_CLOSE:
	case END_CLIENT_TIMEOUT:
	case END_CONNECT_TIMEOUT:
	case END_SERVER_TIMEOUT:
	case END_CONNECT_REFUSED:
	case END_CONNECT_FAILED:
	case END_NO_SERVER:
	case END_QUEUE_TIMEOUT:
	case END_QUEUE_FULL:
	case END_NO_BACKEND:
	case END_NO_ROOM:
		/* silence is an end like any other, unless bytes were under way */
		return flow_holds(to);
	}
	return true;
}

static void
tcp_part_side(struct stream *s, enum stream_side side)
{
	if (!tcp_cuts(s, side))
		stream_close(s, side);
	else if (s->cause == END_CLIENT_ABORT || s->cause == END_SERVER_ABORT)
		stream_cut(s, side);
	else
		stream_reset(s, side);
}

void
tcp_part(struct stream *s)
{
	tcp_part_side(s, CLIENT);
	tcp_part_side(s, SERVER);
}

/*
 * A side's time-out counts from the last byte that was read from it or
 * written to it: a write that is blocked is silence. Once a direction of a side is shut, its
 * client_fin or server_fin holds for it. A side that has sent its end is waited for only while it
 * does not take what is there for it: a slow answer to a request that ended is the server's silence,
 * not the client's (HAProxy does the same). Where a tunnel time-out holds it supersedes the
 * other two while both ways are open, and counts from the last byte of either side. The client is
 * judged first.
 */
static uint64_t
side_active_ms(const struct stream *s, enum stream_side side)
{
	return later_of(s->flow[side].read_ms, s->flow[1 - side].written_ms);
}

static bool
side_is_half_shut(const struct stream *s, enum stream_side side)
{
	return s->flow[side].state != FLOW_OPEN || s->flow[1 - side].state == FLOW_SHUT;
}

/* May it still send, or is there something for it to take? */
static bool
side_is_awaited(const struct stream *s, enum stream_side side)
{
	return s->flow[side].state == FLOW_OPEN || flow_holds(&s->flow[1 - side]);
}

/* When `side` has been silent for too long. */
static uint64_t
side_deadline_ms(const struct stream *s, enum stream_side side)
{
	const struct frontend_conf *fc = s->frontend_conf;
	const struct backend_conf *bc = s->backend_conf;
	const uint64_t active_ms = side_active_ms(s, side);

	if (!side_is_awaited(s, side))
		return WHEEL_NEVER;
	if (side_is_half_shut(s, side))
		return time_after(active_ms,
				  side == CLIENT ? fc->timeout_client_fin : bc->timeout_server_fin);
	if (bc->tunnel_set || s->exchange != NULL)
		return time_after(later_of(active_ms, side_active_ms(s, 1 - side)),
				  stream_wish_ms(s, RULE_TIMEOUT_TUNNEL, bc->timeout_tunnel));
	if (side == CLIENT)
		return time_after(active_ms,
				  stream_wish_ms(s, RULE_TIMEOUT_CLIENT, fc->timeout_client));
	return time_after(active_ms, stream_wish_ms(s, RULE_TIMEOUT_SERVER, bc->timeout_server));
}

uint64_t
tcp_deadline_ms(const struct stream *s, enum end_cause *cause)
{
	const uint64_t client_ms = side_deadline_ms(s, CLIENT);
	const uint64_t server_ms = side_deadline_ms(s, SERVER);
	const uint64_t rules_ms = s->ruled == NULL || s->ruled->inspected == NULL ? WHEEL_NEVER
								       : s->ruled->run.until_ms;

	*cause = END_NONE;
	if (rules_ms <= client_ms && rules_ms <= server_ms)
		return rules_ms;
	*cause = client_ms <= server_ms ? END_CLIENT_TIMEOUT : END_SERVER_TIMEOUT;
	return client_ms <= server_ms ? client_ms : server_ms;
}

/* END_NONE: rules have waited long enough for the server's bytes. */
static void
tcp_timed_out(struct stream *s, enum end_cause cause)
{
	if (cause == END_NONE)
		tcp_pump(s);
	else
		stream_end(s, cause);
}

static void
tcp_on_client(struct stream *s)
{
	if (s->state == STREAM_OPEN)
		tcp_pump(s);
	else if (s->state == STREAM_RULES && s->ruled->run.waits_for_bytes &&
		 s->client->conn.readable)
		stream_run_rules(s);
	else if (s->client->conn.failed && conn_error(&s->client->conn) != 0)
		stream_end(s, END_CLIENT_ABORT);
	/* else the client's bytes wait in its socket until there is a server to take them */
}

const struct stream_mode stream_tcp = {
	.connected = tcp_connected,
	.failed = stream_end,
	.on_client = tcp_on_client,
	.on_server = tcp_pump,
	.gather = tcp_gather,
	.ruled = tcp_ruled,
	.obey = tcp_obey,
	.run = tcp_pump,
	.deadline_ms = tcp_deadline_ms,
	.timed_out = tcp_timed_out,
	.part = tcp_part,
};
