/*
 * A worker: a thread, its loop, and all that its streams share: buffers, pipes, log ring, counters.
 *
 * Everything here is the worker's own, except what is marked.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/list.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/slab.h"
#include "core/spares.h"
#include "core/str.h"
#include "http/head.h"
#include "net/pipe.h"
#include "stream/cut_priv.h"

#define WORKER_SCRATCH_BYTES (256 * 1024)	/* the largest read; beyond it nothing is won */
#define WORKER_SLABS_KEPT    64			/* free slabs: 1 MiB */
#define WORKER_PIPES_KEPT    4			/* free pipes: 4 MiB at most */
#define WORKER_DRAFTS_KEPT   256		/* of requests, 3.4 KiB each */
#define WORKER_EVAL_BYTES \
	(64 * 1024) /* for the results of one rule's expressions, or of a log line's */
#define WORKER_ROOM_BYTES    (16 * 1024)	/* for lines that rules add to a response */
#define WORKER_VARS_KEPT     256		/* blocks of variables */
#define WORKER_STREAMS_KEPT  1024		/* free streams, clients and exchanges, for churn */

/* A place in the worker's list of streams, which walkers share: their markers are in it, too. */
struct stream_link {
	struct list	 node;
	bool		 is_marker;
};

/* One writer, readers may be late: relaxed. */
struct worker_counters {
	_Atomic uint64_t	connections;
	_Atomic uint64_t	bytes_in;
	_Atomic uint64_t	bytes_out;
};

struct worker {
	unsigned		 magic;
#define WORKER_MAGIC		 0x3023be8a
	uint32_t		 index;
	struct loop		*loop;
	pthread_t		 thread;	/* engine's */
	bool			 started;	/* engine's */

	struct slab_pool	 slabs;
	struct pipe_pool	 pipes;
	char			*scratch;	/* WORKER_SCRATCH_BYTES, for the time of one callback */
	struct http_field	 fields[HTTP_FIELDS_MAX];	/* a response's, for the time of one callback */
	char			*eval_room;	/* WORKER_EVAL_BYTES, for the time of one rule */
	char			*lines;		/* WORKER_ROOM_BYTES, a response's, for the time of one callback */
	struct cuts		 cuts;
	struct log_ring		*log;
	struct buf		 line;		/* a log line in the making */

	struct list		 clients;	/* all, by client.node */
	struct list		 sweeping;	/* those that clients_sweep() still has to look at */
	struct task		 sweep_task;
	uint64_t		 identity_seed;	/* random: of client_identity() */
	struct list		 streams;	/* stream_link, by id */
	uint32_t		 stream_count;	/* with those that wait for their last mail */
	uint64_t		 sequence;	/* of the last stream */
	struct spares		 spare_clients, spare_streams, spare_exchanges, spare_drafts;
	struct spares		 spare_captures, spare_ids, spare_vars, spare_ruled;

	struct list		 active;	/* streams that moved bytes, or wait: see stream_tick.c */
	struct list		 due;		/* those that this tick still has to look at */
	struct wheel_timer	 tick;
	struct task		 tick_task;

	struct list		 paused;	/* listeners that wait for a place */
	struct mail		 resume;	/* any thread: accept again */
	_Atomic bool		 resume_sent;	/* that mail is under way */

	struct list		 listeners;	/* all, by worker_node */
	bool			 listening_ended; /* no listener starts any more */
	bool			 stopping;	/* the loop ends with the last stream */
	uint64_t		 told_ms;	/* when accept()'s failure was last logged */

	struct worker_counters	 counters;
};

/* ERR_NOMEM, ERR_SYSTEM. Control, before the thread runs. */
enum err worker_new(struct worker **wp, uint32_t index, struct pipe_budget *budget);

/* After its thread ended, or if it never ran. */
void worker_free(struct worker **wp);

/* The thread: turns the loop until worker_stop(). */
void *worker_main(void *worker);

/* Tell it that places are free again. Any thread. */
void worker_resume(struct worker *worker);

/* A stream is gone, for worker_stop(). */
void worker_stream_gone(struct worker *worker);

/* Accept all queues empty, close the worker's sockets. On the worker. */
void worker_stop_listening(struct worker *worker);

/* End everything and then the loop. On the worker. */
void worker_stop(struct worker *worker);

static inline uint64_t
count_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline void
count_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, count_get(counter) + n, memory_order_relaxed);
}
