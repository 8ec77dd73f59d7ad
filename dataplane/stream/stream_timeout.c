/*
 * All time-outs of a stream, on one timer.
 *
 * Activity only stores a time; the timer fires at the earliest moment that a time-out could be due,
 * looks, and is set again. A side's time-out counts from the last byte that was read from it or
 * written to it: a write that is blocked is silence. Once a direction of a side is shut, its
 * client_fin or server_fin holds for it. A side that has sent its end is waited for only while it
 * does not take what is there for it: a slow answer to a request that ended is the server's silence,
 * not the client's (HAProxy does the same). Where a tunnel time-out is configured it supersedes the
 * other two while both ways are open, and counts from the last byte of either side. The client is
 * judged first.
 *
 * The stream's worker.
 */
#include "config.h"
#include "core/obj.h"
#include "stream/frontend_priv.h"
#include "stream/stream_priv.h"

static uint64_t
time_after(uint64_t from_ms, int64_t timeout_ms)
{
	return timeout_ms == TIMEOUT_NONE ? WHEEL_NEVER : from_ms + (uint64_t)timeout_ms;
}

static uint64_t
later_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

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
	if (bc->tunnel_set)
		return time_after(later_of(active_ms, side_active_ms(s, 1 - side)),
				  bc->timeout_tunnel);
	return time_after(active_ms, side == CLIENT ? fc->timeout_client : bc->timeout_server);
}

/* The next time-out, and what it will mean. */
static uint64_t
stream_deadline(const struct stream *s, enum end_cause *cause)
{
	uint64_t client_ms, server_ms;

	if (s->state != STREAM_OPEN) {
		*cause = s->state == STREAM_QUEUED ? END_QUEUE_TIMEOUT : END_CONNECT_TIMEOUT;
		return s->deadline_ms;
	}
	client_ms = side_deadline_ms(s, CLIENT);
	server_ms = side_deadline_ms(s, SERVER);
	*cause = client_ms <= server_ms ? END_CLIENT_TIMEOUT : END_SERVER_TIMEOUT;
	return client_ms <= server_ms ? client_ms : server_ms;
}

void
stream_arm(struct stream *s)
{
	enum end_cause cause;
	uint64_t at_ms = stream_deadline(s, &cause);

	if (at_ms == WHEEL_NEVER)
		return;		/* what may be set will fire, look, and be silent */
	if (!wheel_timer_is_set(&s->timer) || s->timer.at_ms > at_ms)
		wheel_set(&s->worker->loop->wheel, &s->timer, at_ms);
}

void
stream_set_deadline(struct stream *s, int64_t timeout_ms)
{
	s->deadline_ms = time_after(s->worker->loop->now_ms, timeout_ms);
	stream_arm(s);
}

static void
stream_on_queue_timeout(struct stream *s)
{
	count_add(&s->backend->slots[s->worker->index].counters.queue_timeouts, 1);
	stream_end(s, END_QUEUE_TIMEOUT);
}

static void
stream_on_timeout(struct stream *s, enum end_cause cause)
{
	switch (s->state) {
	case STREAM_QUEUED: stream_on_queue_timeout(s); break;
	case STREAM_CONNECTING: stream_connect_failed(s, cause); break;
	case STREAM_RETRYING: stream_retry(s); break;
	case STREAM_OPEN: stream_end(s, cause); break;
	case STREAM_CHOOSING:
	case STREAM_ENDED: break;
	}
}

/* A time-out is judged only after the sockets were read: what came may not have been shown yet. */
static void
stream_read_once_more(struct stream *s)
{
	for (int side = CLIENT; side <= SERVER; side++)
		s->conn[side].readable = s->conn[side].readable || s->flow[side].state == FLOW_OPEN;
	stream_pump(s);
}

void
stream_on_timer(struct wheel_timer *timer)
{
	struct stream *s = obj_cast(container_of(timer, struct stream, timer), STREAM_MAGIC);
	const uint64_t now_ms = s->worker->loop->now_ms;
	enum end_cause cause;

	if (s->state == STREAM_OPEN && stream_deadline(s, &cause) <= now_ms)
		stream_read_once_more(s);
	if (s->state == STREAM_ENDED)
		return;
	if (stream_deadline(s, &cause) <= now_ms)
		stream_on_timeout(s, cause);
	else
		stream_arm(s);
}
