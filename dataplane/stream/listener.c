/*
 * Accepting: batches, limits, errors. See listener_priv.h.
 *
 * A place under both limits is taken before accept4(), so that the limits hold and nobody who was
 * accepted has to be sent away. How many are accepted at a wake-up grows slowly and shrinks at once:
 * the event is level-triggered, and an accept4() that finds nobody is a call wasted.
 *
 * Worker, but for listener_new(), listener_discard() and the end of one that was draining.
 */
#include "config.h"
#include "stream/listener_priv.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/log.h"
#include "core/obj.h"
#include "stream/engine_priv.h"
#include "stream/frontend_priv.h"
#include "stream/stream_priv.h"
#include "stream/worker_priv.h"

#define LISTENER_BATCH_MAX    64
#define LISTENER_BATCH_GROW   4	    /* full batches in a row */
#define LISTENER_DRAIN_MAX    65536 /* longer than any queue, in case that each call fails */
#define LISTENER_DRAIN_TURN   256   /* how many of a queue a turn accepts, some ms */
#define LISTENER_RETRY_MS     100   /* after EMFILE and the like */
#define LISTENER_COMPLAINT_MS 10000 /* between two complaints of a worker */

struct listener *
listener_new(struct frontend *frontend, struct bind *bind)
{
	struct listener *l = obj_new(sizeof(*l), LISTENER_MAGIC);

	if (l == NULL)
		return NULL;
	list_init(&l->node);
	list_init(&l->worker_node);
	list_init(&l->paused_node);
	l->frontend = frontend;
	l->bind = bind;
	l->batch = 1;
	return l;
}

void
listener_discard(struct listener *l)
{
	obj_free(l);
}

static void
listener_bury(struct grave *grave)
{
	obj_free(container_of(grave, struct listener, grave));
}

/* In which of the two limits there is no place; NULL: both were taken. */
static struct limit *
listener_take_places(struct listener *l)
{
	if (!limit_take(&l->frontend->sessions))
		return &l->frontend->sessions;
	if (limit_take(&engine.connections))
		return NULL;
	engine_resume(limit_give(&l->frontend->sessions));
	return &engine.connections;
}

static void
listener_give_places(struct listener *l)
{
	engine_resume(limit_give(&l->frontend->sessions));
	engine_resume(limit_give(&engine.connections));
}

/* Places, or a word to whoever gives one back: limit_priv.h says why twice. */
static bool
listener_may_accept(struct listener *l)
{
	struct limit *full;

	while ((full = listener_take_places(l)) != NULL) {
		uint64_t bit = UINT64_C(1) << l->worker->index;

		if (atomic_load(&full->waiting) & bit)
			return false;
		limit_wait(full, l->worker->index);
	}
	return true;
}

static void
listener_ignore_events(struct listener *l)
{
	if (l->state == LISTENER_ACCEPTING)
		(void)event_del(&l->event);
}

static void
listener_pause(struct listener *l)
{
	listener_ignore_events(l);
	l->state = LISTENER_PAUSED;
	if (list_is_empty(&l->paused_node))
		list_append(&l->worker->paused, &l->paused_node);
}

/* What a peer can trigger at will is told once in a while. */
static void
listener_complain(struct listener *l, int error)
{
	struct worker *w = l->worker;
	char text[ADDR_TEXT_BYTES];

	if (w->told_ms != 0 && w->loop->now_ms - w->told_ms < LISTENER_COMPLAINT_MS)
		return;
	w->told_ms = w->loop->now_ms;
	log_msg(LOG_LEVEL_WARNING, "%s: cannot accept on %s, retrying every %d ms: %s",
		l->frontend->name, addr_format(bind_address(l->bind), text), LISTENER_RETRY_MS,
		strerror(error));
}

static void
listener_retry_later(struct listener *l)
{
	listener_ignore_events(l);
	list_remove(&l->paused_node);
	l->state = LISTENER_RETRYING;
	wheel_set(&l->worker->loop->wheel, &l->retry, l->worker->loop->now_ms + LISTENER_RETRY_MS);
}

/* Did accept4() fail for this one connection, and the next may be good? */
static bool
listener_error_passes(int error)
{
	static const int passing[] = {
		ECONNABORTED, EINTR,	   EPROTO,	 ENETDOWN,    ENOPROTOOPT,
		EHOSTDOWN,    ENONET,	   EHOSTUNREACH, ENETUNREACH, EPERM,
	};

	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		if (error == passing[i])
			return true;
	}
	return false;
}

enum accepted {
	ACCEPTED_ONE,	/* or the one that was there has left */
	ACCEPTED_NONE,	/* the queue is empty */
	ACCEPTED_ERROR, /* errno: not now */
};

static enum accepted
listener_accept_one(struct listener *l)
{
	struct stream_peer peer;
	socklen_t len = sizeof(peer.storage);
	int fd = accept4(bind_fd(l->bind, l->worker->index), &peer.sa, &len,
			 SOCK_NONBLOCK | SOCK_CLOEXEC);
	int error = errno;

	if (fd >= 0) {
		limit_fill(&l->frontend->sessions);
		limit_fill(&engine.connections);
		client_start(l, fd, &peer);
		return ACCEPTED_ONE;
	}
	listener_give_places(l);
	/* EINVAL: it was shut down, and the order to let go is under way */
	if (error == EAGAIN || error == EINVAL)
		return ACCEPTED_NONE;
	if (listener_error_passes(error))
		return ACCEPTED_ONE;
	errno = error;
	return ACCEPTED_ERROR;
}

/* The queue was empty after `accepted`, or the batch was done with perhaps more behind it. */
static void
listener_adapt(struct listener *l, uint32_t accepted)
{
	if (accepted < l->batch) {
		l->batch = accepted > 1 ? accepted : 1;
		l->full_batches = 0;
	} else if (++l->full_batches >= LISTENER_BATCH_GROW) {
		l->full_batches = 0;
		if (l->batch < LISTENER_BATCH_MAX)
			l->batch *= 2;
	}
}

/* A batch. Leaves the listener paused, retrying, or as it was. */
static enum accepted
listener_accept(struct listener *l, uint32_t batch)
{
	enum accepted result = ACCEPTED_ONE;
	uint32_t n = 0;

	while (n < batch && result == ACCEPTED_ONE) {
		if (!listener_may_accept(l)) {
			listener_pause(l);
			return ACCEPTED_ERROR;
		}
		result = listener_accept_one(l);
		if (result == ACCEPTED_ONE)
			n++;
	}
	if (result == ACCEPTED_ERROR) {
		listener_complain(l, errno);
		listener_retry_later(l);
		return result;
	}
	listener_adapt(l, n);
	return result;
}

static void
listener_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = obj_cast(arg, LISTENER_MAGIC);

	loop_mark(l->worker->loop);
	(void)listener_accept(l, l->batch);
}

static void
listener_watch(struct listener *l)
{
	list_remove(&l->paused_node);
	if (event_add(&l->event, NULL) == 0) {
		l->state = LISTENER_ACCEPTING;
		return;
	}
	listener_complain(l, ENOMEM);
	listener_retry_later(l);
}

static void
listener_on_retry(struct wheel_timer *timer)
{
	struct listener *l = obj_cast(container_of(timer, struct listener, retry), LISTENER_MAGIC);

	listener_watch(l);
}

/* At a limit that is always reached a listener stays unpolled: no epoll_ctl a connection. */
void
listener_resume(struct listener *l)
{
	enum accepted result;

	if (l->state != LISTENER_PAUSED)
		return;
	result = listener_accept(l, LISTENER_BATCH_MAX);
	if (result != ACCEPTED_ERROR)
		listener_watch(l);
}

void
listener_start(struct listener *l, struct worker *worker)
{
	l->worker = worker;
	wheel_timer_init(&l->retry, listener_on_retry);
	list_append(&worker->listeners, &l->worker_node);
	if (event_assign(&l->event, worker->loop->base, bind_fd(l->bind, worker->index),
			 EV_READ | EV_PERSIST, listener_on_event, l) != 0)
		assert(!"event_assign refuses only what is no event");
	listener_watch(l);
}

/* Accept `max` of the queue; false: it is not known to be empty. */
static bool
listener_drain(struct listener *l, uint32_t max)
{
	enum accepted result = ACCEPTED_ONE;

	for (uint32_t n = 0; n < max && result == ACCEPTED_ONE; n++) {
		limit_force(&l->frontend->sessions);
		limit_force(&engine.connections);
		result = listener_accept_one(l);
	}
	return result != ACCEPTED_ONE;
}

static void
listener_detach(struct listener *l)
{
	l->state = LISTENER_CLOSED;
	list_remove(&l->node);
	list_remove(&l->worker_node);
}

/* Before its socket closes: who closes it may be another worker. */
static void
listener_ignore_all(struct listener *l)
{
	listener_ignore_events(l);
	wheel_cancel(&l->retry);
	list_remove(&l->paused_node);
}

static void
listener_end(struct listener *l)
{
	listener_detach(l);
	loop_bury(l->worker->loop, &l->grave, listener_bury);
}

/* Control. */
static void
listener_on_home(struct mail *mail)
{
	struct listener *l = obj_cast(container_of(mail, struct listener, home), LISTENER_MAGIC);

	bind_release_left(&l->bind);
	obj_free(l);
}

/* The queue of one that is draining is empty. Last statement: `l` is control's. */
static void
listener_end_draining(struct listener *l)
{
	const uint32_t worker = l->worker->index;

	bind_close_on(l->bind, worker);
	task_cancel(&l->drain);
	listener_detach(l);
	snap_unref(&l->conf->slots[worker].ref);
	snap_unref(&l->frontend->slots[worker].ref);
	l->home.deliver = listener_on_home;
	mailbox_send(&engine.control->mailbox, &l->home);
}

static void
listener_on_drain(struct task *task)
{
	struct listener *l = obj_cast(container_of(task, struct listener, drain), LISTENER_MAGIC);

	if (listener_drain(l, LISTENER_DRAIN_TURN))
		listener_end_draining(l);
	else
		loop_queue(l->worker->loop, &l->drain);
}

/* It goes on under the conf, the frontend and the bind that it has: they stay as long. */
static void
listener_start_draining(struct listener *l)
{
	struct frontend_slot *slot = &l->frontend->slots[l->worker->index];

	list_remove(&l->node);
	l->state = LISTENER_DRAINING;
	l->conf = slot->conf;
	snap_ref(&slot->ref);
	snap_ref(&l->conf->slots[l->worker->index].ref);
	bind_keep(l->bind);
	task_init(&l->drain, listener_on_drain);
	loop_queue(l->worker->loop, &l->drain);
}

void
listener_stop(struct listener *l)
{
	const bool is_ending = bind_is_ending(l->bind);
	uint32_t max = LISTENER_DRAIN_MAX;

	assert(l->state != LISTENER_NEW && l->state < LISTENER_DRAINING);
	listener_ignore_all(l);
	/* a queue that still grows has no end: all at once */
	if (is_ending && bind_refuse_new(l->bind, l->worker->index))
		max = LISTENER_DRAIN_TURN;
	if (!listener_drain(l, max) && max == LISTENER_DRAIN_TURN) {
		listener_start_draining(l);
		return;
	}
	if (is_ending)
		bind_close_on(l->bind, l->worker->index);
	listener_end(l);
}

void
listener_stop_for_good(struct listener *l)
{
	const bool is_draining = l->state == LISTENER_DRAINING;

	if (!is_draining)
		listener_ignore_all(l);
	(void)bind_refuse_new(l->bind, l->worker->index);
	(void)listener_drain(l, LISTENER_DRAIN_MAX);
	if (is_draining) {
		listener_end_draining(l);
		return;
	}
	bind_close_on(l->bind, l->worker->index);
	listener_end(l);
}
