/*
 * A stream's life: its start, its two directions, its one exit.
 *
 * Callbacks end in stream_pump() or a function of stream_connect.c, which may end the stream; none
 * touches it after that. The memory is buried with the turn.
 */
#include "config.h"
#include "stream/stream_priv.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/obj.h"
#include "stream/engine_priv.h"
#include "stream/frontend_priv.h"
#include "stream/listener_priv.h"

#define STREAM_DRAIN_TURNS 64 /* of FLOW_TURN_BYTES each: more than a socket's buffer holds */
#define STREAM_ID_SHIFT	   8  /* below it: the worker */

char
stream_state_letter(enum stream_state state)
{
	static const char letters[] = {
#define X(name, letter, text) [STREAM_##name] = letter,
		STREAM_STATES(X)
#undef X
	};

	return letters[state];
}

static void
stream_free(struct stream *s)
{
	struct worker *w = s->worker;

	s->magic = 0;
	if (w->free_count >= WORKER_STREAMS_KEPT) {
		free(s);
		return;
	}
	s->next_free = w->free_streams;
	w->free_streams = s;
	w->free_count++;
}

static struct stream *
stream_new(struct worker *w)
{
	struct stream *s = w->free_streams;

	if (s == NULL)
		return obj_new(sizeof(*s), STREAM_MAGIC);
	w->free_streams = s->next_free;
	w->free_count--;
	memset(s, 0, sizeof(*s));
	s->magic = STREAM_MAGIC;
	return s;
}

static void
stream_bury(struct grave *grave)
{
	stream_free(container_of(grave, struct stream, grave));
}

/* Nobody will call it any more: its configuration may go. */
static void
stream_release(struct stream *s)
{
	struct worker *w = s->worker;

	if (s->backend_conf != NULL)
		snap_unref(&s->backend_conf->slots[w->index]);
	snap_unref(&s->frontend_conf->slots[w->index].ref);
	snap_unref(&s->frontend->slots[w->index].ref);
	loop_bury(w->loop, &s->grave, stream_bury);
	worker_stream_gone(w);
}

void
stream_pool_free(struct worker *w)
{
	while (w->free_streams != NULL) {
		struct stream *s = w->free_streams;

		w->free_streams = s->next_free;
		free(s);
	}
}

static void
stream_on_client_wake(struct conn *c)
{
	struct stream *s = obj_cast(container_of(c, struct stream, conn[CLIENT]), STREAM_MAGIC);

	loop_mark(s->worker->loop);
	if (s->state == STREAM_OPEN)
		stream_pump(s);
	else if (c->failed && conn_error(c) != 0)
		stream_end(s, END_CLIENT_ABORT);
	/* else the client's bytes wait in its socket until there is a server to take them */
}

static void
stream_on_task(struct task *task)
{
	stream_pump(obj_cast(container_of(task, struct stream, task), STREAM_MAGIC));
}

/* A place on a server may be free; or the last mail of a stream that ended while it waited. */
static void
stream_on_called(struct queue_waiter *waiter)
{
	struct stream *s = obj_cast(container_of(waiter, struct stream, waiter), STREAM_MAGIC);

	if (s->state == STREAM_ENDED)
		stream_release(s);
	else if (s->state == STREAM_QUEUED)
		stream_choose(s, NULL, true);
	/* else it got a place in the meantime */
}

static void
stream_init(struct stream *s, struct worker *w)
{
	s->worker = w;
	s->id = ++w->sequence << STREAM_ID_SHIFT | w->index;
	s->begun_us = w->loop->wall_us;
	s->begun_ms = w->loop->now_ms;
	list_init(&s->by_server);
	list_init(&s->active);
	task_init(&s->task, stream_on_task);
	wheel_timer_init(&s->timer, stream_on_timer);
	conn_init(&s->conn[CLIENT], stream_on_client_wake);
	conn_init(&s->conn[SERVER], stream_on_server_wake);
	flow_init(&s->flow[UP], w->loop->now_ms);
	flow_init(&s->flow[DOWN], w->loop->now_ms);
	s->waiter.mailbox = &w->loop->mailbox;
	s->waiter.called = stream_on_called;
	list_append(&w->streams, &s->link.node);
	w->stream_count++;
	count_add(&w->counters.connections, 1);
}

/* The frontend's conf of this moment, and its backend's: kept to the end. */
static void
stream_take_confs(struct stream *s, struct listener *l)
{
	const uint32_t worker = s->worker->index;
	struct frontend_slot *slot = &l->frontend->slots[worker];
	struct frontend_conf *conf = l->conf != NULL ? l->conf : slot->conf;
	struct backend *backend = conf->default_backend;

	s->frontend = l->frontend;
	s->frontend_conf = conf;
	s->bind_index = l->index;
	snap_ref(&slot->ref);
	snap_ref(&conf->slots[worker].ref);
	count_add(&slot->counters.sessions, 1);
	if (backend == NULL || backend->slots[worker].conf == NULL)
		return;
	s->backend = backend;
	s->backend_conf = backend->slots[worker].conf;
	snap_ref(&s->backend_conf->slots[worker]);
	count_add(&backend->slots[worker].counters.sessions, 1);
}

/* There is no memory for it. */
static void
stream_refuse(struct listener *l, int fd)
{
	close(fd);
	count_add(&l->frontend->slots[l->worker->index].counters.refused, 1);
	engine_resume(limit_empty(&l->frontend->sessions));
	engine_connection_gone();
}

void
stream_start(struct listener *l, int fd, const struct stream_peer *peer)
{
	struct worker *w = l->worker;
	struct stream *s = stream_new(w);

	if (s == NULL) {
		stream_refuse(l, fd);
		return;
	}
	stream_init(s, w);
	stream_take_confs(s, l);
	s->client = *peer;
	if (conn_open(&s->conn[CLIENT], w->loop->base, fd) != 0)
		stream_end(s, END_RESOURCE);
	else if (s->backend == NULL)
		stream_end(s, END_NO_BACKEND);
	else
		stream_choose(s, NULL, false);
}

/*
 * Carry ends across. When both ways are flushed the two close() say FIN, and no shutdown() is
 * needed. True: all is done.
 */
static bool
stream_carry_ends(struct stream *s)
{
	for (int i = UP; i <= DOWN; i++) {
		if (s->flow[i].state == FLOW_EOF && !flow_holds(&s->flow[i]))
			s->flow[i].state = FLOW_FLUSHED;
	}
	if (flow_is_done(&s->flow[UP]) && flow_is_done(&s->flow[DOWN]))
		return true;
	for (int i = UP; i <= DOWN; i++) {
		if (s->flow[i].state == FLOW_FLUSHED) {
			conn_shutdown(&s->conn[1 - i]);
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
 * got this (stream_close, cut_priv.h), so that it sees the cut and does not take it for a regular
 * end.
 */
static void
stream_fail(struct stream *s, enum stream_side side)
{
	struct flow *rest = &s->flow[side];
	enum flow_result result = FLOW_MORE;

	s->conn[side].readable = true;
	for (int i = 0; i < STREAM_DRAIN_TURNS && result == FLOW_MORE; i++)
		result = flow_run(rest, &s->conn[side], &s->conn[1 - side], s->worker);
	stream_end(s, side == CLIENT ? END_CLIENT_ABORT : END_SERVER_ABORT);
}

/* True: the flow failed, and the stream has ended. `i` is both the flow and its source's side. */
static bool
stream_end_if_failed(struct stream *s, enum stream_flow i, enum flow_result result)
{
	switch (result) {
	case FLOW_WAITS:
	case FLOW_MORE: return false;
	case FLOW_SOURCE_CUT:
	case FLOW_BAD: assert(!"not of a flow that is not framed"); break;
	case FLOW_SOURCE_FAILED: stream_fail(s, (enum stream_side)i); return true;
	case FLOW_SINK_FAILED: stream_fail(s, (enum stream_side)(1 - i)); return true;
	case FLOW_NO_MEMORY: stream_end(s, END_RESOURCE); return true;
	}
	return false;
}

/* An RST behind a FIN comes with no read that could tell it. */
static bool
stream_end_if_reset(struct stream *s, enum stream_side side)
{
	if (!s->conn[side].failed || conn_error(&s->conn[side]) == 0)
		return false;
	stream_fail(s, side);
	return true;
}

void
stream_pump(struct stream *s)
{
	const uint64_t before = s->flow[UP].bytes + s->flow[DOWN].bytes;
	bool more = false;

	for (int i = UP; i <= DOWN; i++) {
		enum flow_result result =
			flow_run(&s->flow[i], &s->conn[i], &s->conn[1 - i], s->worker);

		if (stream_end_if_failed(s, i, result))
			return;
		more = more || result == FLOW_MORE;
	}
	if (stream_end_if_reset(s, CLIENT) || stream_end_if_reset(s, SERVER))
		return;
	if (stream_carry_ends(s)) {
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
stream_cuts(const struct stream *s, enum stream_side side)
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
		/* silence is an end like any other, unless bytes were under way */
		return flow_holds(to);
	}
	return true;
}

static void
stream_close(struct stream *s, enum stream_side side)
{
	if (!stream_cuts(s, side))
		conn_close(&s->conn[side]);
	else if (s->cause == END_CLIENT_ABORT || s->cause == END_SERVER_ABORT)
		cuts_add(&s->worker->cuts, &s->conn[side]);
	else
		conn_reset(&s->conn[side]);
}

void
stream_end(struct stream *s, enum end_cause cause)
{
	struct frontend *frontend = s->frontend;

	if (s->state == STREAM_ENDED)
		return;
	s->ended_in = s->state;
	s->cause = cause;
	s->state = STREAM_ENDED;
	wheel_cancel(&s->timer);
	task_cancel(&s->task);
	list_remove(&s->active);
	list_remove(&s->link.node);
	stream_close(s, CLIENT);
	stream_close(s, SERVER);
	flow_fini(&s->flow[UP], s->worker);
	flow_fini(&s->flow[DOWN], s->worker);
	stream_count(s);
	stream_log(s);
	stream_leave_server(s);
	engine_resume(limit_empty(&frontend->sessions));
	engine_connection_gone();
	if (backend_stop_waiting(&s->waiter))
		stream_release(s);
	/* else stream_on_called() comes once more, and releases it */
}

void
stream_end_all(struct worker *w, enum end_cause cause)
{
	list_foreach_safe(node, &w->streams) {
		struct stream_link *link = container_of(node, struct stream_link, node);

		if (!link->is_marker)
			stream_end(container_of(link, struct stream, link), cause);
	}
}
