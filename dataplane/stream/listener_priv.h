/*
 * A worker's accepting on one bind.
 *
 * Made by control before its publication is sent (installing cannot fail), then the worker's: it
 * accepts in batches, pauses at a limit, and is freed when the frontend lets go of the bind: then
 * everybody who is in the queue is accepted, for the kernel has promised him a connection. A long
 * queue takes several turns, in which the listener outlives what it was installed with.
 */
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>
#include "core/list.h"
#include "core/loop.h"
#include "net/bind.h"

struct frontend;
struct frontend_conf;
struct worker;

enum listener_state {
	LISTENER_NEW,
	LISTENER_ACCEPTING,
	LISTENER_PAUSED,	/* at a limit: in worker->paused, not polled */
	LISTENER_RETRYING,	/* no descriptors or memory: not polled, a timer is set */
	LISTENER_DRAINING,	/* let go, nobody new comes: accepts the rest of its queue */
	LISTENER_CLOSED,
};

struct listener {
	unsigned		 magic;
#define LISTENER_MAGIC		 0x115fe4e5
	enum listener_state	 state;
	struct list		 node;		/* frontend_slot.listeners */
	struct list		 worker_node;	/* worker.listeners */
	struct list		 paused_node;	/* worker.paused */
	struct worker		*worker;
	struct frontend		*frontend;	/* outlives it: stopped when the frontend is retired */
	struct frontend_conf	*conf;		/* draining: that under which it was let go; else NULL */
	struct bind		*bind;		/* held by the conf that is installed; draining: kept */
	uint32_t		 index;		/* of the bind in that conf */
	uint32_t		 batch;		/* how many to accept at a wake-up */
	uint32_t		 full_batches;	/* in a row */
	struct event		 event;
	struct wheel_timer	 retry;
	struct task		 drain;
	struct mail		 home;		/* draining is done: control frees it */
	struct grave		 grave;
};

/* NULL: no memory. Control. */
struct listener *listener_new(struct frontend *frontend, struct bind *bind);
void listener_discard(struct listener *l);	/* one that was never started; may be NULL */

/* All on the worker. */
void listener_start(struct listener *l, struct worker *worker);

/*
 * Let go, while the conf that it belongs to is installed. What has come already is accepted,
 * whatever the limits say; where the bind is ending, the worker's socket is closed after that.
 */
void listener_stop(struct listener *l);

/* Let go and close the worker's socket, in this turn: the process stops. */
void listener_stop_for_good(struct listener *l);

/* A place may be free: accept again. */
void listener_resume(struct listener *l);
