/*
 * All time-outs of a stream, on its client's one timer.
 *
 * Activity only stores a time; the timer fires at the earliest moment that a time-out could be due,
 * looks, and is set again. A time-out is judged only after the sockets were read.
 *
 * The stream's worker.
 */
#include "config.h"
#include "stream/frontend_priv.h"
#include "stream/stream_priv.h"

uint64_t
time_after(uint64_t from_ms, int64_t timeout_ms)
{
	return timeout_ms == TIMEOUT_NONE ? WHEEL_NEVER : from_ms + (uint64_t)timeout_ms;
}

/* The next time-out, and what it will mean. */
static uint64_t
stream_deadline(const struct stream *s, enum end_cause *cause)
{
	switch (s->state) {
	case STREAM_CHOOSING:
	case STREAM_ENDED: return WHEEL_NEVER;
	case STREAM_QUEUED: *cause = END_QUEUE_TIMEOUT; return s->deadline_ms;
	case STREAM_CONNECTING:
	case STREAM_RETRYING: *cause = END_CONNECT_TIMEOUT; return s->deadline_ms;
	case STREAM_RULES:
	case STREAM_TARPIT: return s->ruled->run.until_ms;
	case STREAM_REQUEST:
	case STREAM_AWAITING:
	case STREAM_OPEN:
	case STREAM_LAST: break;
	}
	return s->mode->deadline_ms(s, cause);
}

void
stream_arm(struct stream *s)
{
	enum end_cause cause;

	client_arm(s->client, stream_deadline(s, &cause));
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
	s->mode->failed(s, END_QUEUE_TIMEOUT);
}

static void
stream_on_timeout(struct stream *s, enum end_cause cause)
{
	switch (s->state) {
	case STREAM_QUEUED: stream_on_queue_timeout(s); break;
	case STREAM_CONNECTING: stream_connect_failed(s, cause); break;
	case STREAM_RETRYING: stream_retry(s); break;
	case STREAM_RULES:
	case STREAM_TARPIT: stream_run_rules(s); break;
	case STREAM_REQUEST:
	case STREAM_AWAITING:
	case STREAM_OPEN:
	case STREAM_LAST: s->mode->timed_out(s, cause); break;
	case STREAM_CHOOSING:
	case STREAM_ENDED: break;
	}
}

void
stream_read_once_more(struct stream *s)
{
	for (int side = CLIENT; side <= SERVER; side++) {
		struct conn *c = stream_conn(s, side);

		if (c != NULL && s->flow[side].state == FLOW_OPEN)
			c->readable = true;
	}
	s->mode->run(s);
}

void
stream_on_timer(struct stream *s)
{
	const uint64_t now_ms = s->worker->loop->now_ms;
	enum end_cause cause = END_NONE;

	if (s->state >= STREAM_AWAITING && stream_deadline(s, &cause) <= now_ms)
		stream_read_once_more(s);
	if (s->state == STREAM_ENDED)
		return;
	if (stream_deadline(s, &cause) <= now_ms)
		stream_on_timeout(s, cause);
	else
		stream_arm(s);
}
