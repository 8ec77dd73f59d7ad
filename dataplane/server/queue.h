/*
 * The waiting line of a backend: sessions that found every usable server full.
 *
 * Shared by all workers under one small lock, which is taken only by a session that must wait or
 * when one waits. First come, first served: by the ticket that a waiter draws when it first joins;
 * unless rules gave it a class (lower ones first) or an offset, by which it came as if so much later or
 * earlier (HAProxy manual, "set-priority-class", "set-priority-offset").
 * A waiter is embedded in its stream and belongs to one worker. Being called is a mail to that
 * worker and means "try again"; a waiter that finds the place taken goes back to where it stood.
 *
 * How no call is lost. Who gives a place back first counts it free (server->current) and then looks
 * at `length`; who waits first counts itself in `length` and then tries to get a place. Both are
 * sequentially consistent (a read-modify-write, then a load; no fences), so at least one of the two
 * sees the other: every place that is given while `length` > 0 becomes a call. What was given before
 * somebody joined an empty line is found by him who joins: so he must try (`untried`), and with him
 * all who join before one of them has tried, after joining, and found everything full; from then on
 * joining is enough, and nobody may overtake the line by trying. A call that finds nobody in line,
 * while one who was called has not tried yet, is kept (`spare`) for the next who joins. A waiter
 * that leaves although it was called hands the call to the next.
 *
 * How calling ends. A waiter that was called in vain comes back, and a kept call calls it at once;
 * so kept calls must be few, or it goes round for as long as they last (a server without maxconn
 * that came and went: for ever). Each call is used up by one waiter, and one event keeps no more of
 * them than sessions wait: each of those is called once more at most. What goes beyond (more places
 * than sessions that wait) is not counted: whoever joins from then on must try again, as if the line
 * were empty, until one of them finds everything full. As he may have tried before that event and
 * say so after it, `untried` is a number that is drawn anew: he takes back only the one he saw.
 *
 * A stream uses backend_pick_or_wait() and backend_stop_waiting(), which know all this.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/err.h"
#include "core/heap.h"
#include "core/mailbox.h"

struct queue {
	pthread_mutex_t		lock;		/* guards `line`, `tickets`, `last_ms`, `spare`, waiters' states */
	struct heap		line;		/* of waiters, by ticket */
	uint64_t		tickets;	/* the last that was drawn */
	int64_t			last_ms;	/* when the last one joined: workers' clocks differ a little */
	uint32_t		spare;		/* calls for those who join; 0 while somebody is in line */
	_Atomic uint32_t	served;		/* who waited and got a place; wraps */
	_Atomic uint32_t	length;		/* who waits, or was called and has not tried yet */
	_Atomic uint64_t	untried;	/* not 0: there may be places that nobody was called for */
};

/*
 * A waiter's mail stays under way when it leaves after it was called, and when it comes back
 * before that mail has arrived; so both have a state of their own.
 */
enum queue_state {
	QUEUE_OUT,
	QUEUE_WAITING,		/* in line */
	QUEUE_CALLED,		/* not in line, the mail is under way */
	QUEUE_LEFT,		/* it left, and the mail is under way */
	QUEUE_BACK,		/* in line again, and that mail is still under way */
};

struct queue_waiter {
	struct heap_node	 node;		/* under the lock */
	enum queue_state	 state;		/* under the lock; zeroed memory is QUEUE_OUT */
	uint64_t		 ticket;	/* under the lock; its place in line */
	uint32_t		 served_before;	/* queue->served when it first joined */
	struct queue		*queue;		/* the queue's: where it last joined */
	struct mail		 mail;		/* the queue's */

	/* the owner sets these, before it joins */
	int16_t			 priority_class;
	int32_t			 priority_offset_ms;
	int64_t			 place_ms;	/* the worker's loop time; the queue adds the offset, under the lock */
	struct mailbox		*mailbox;	/* the worker's */
	void		       (*called)(struct queue_waiter *);	/* on the worker: try again */
};

void queue_init(struct queue *queue);
void queue_fini(struct queue *queue);	/* empty */

/*
 * Join at the tail; `again`: at the place that it had when it was called. ERR_LIMIT: `limit` wait
 * already (not asked when `again`). Try once more for a place after joining if
 * queue_must_try() is not 0, and leave if you got one, or say queue_is_full() if all is full.
 */
enum err queue_join(struct queue *queue, struct queue_waiter *waiter, uint32_t limit, bool again);

/*
 * Leave. True: it is out, nothing follows. False: it had been called, and the call was handed to
 * the next; `called` will still be invoked once, with the waiter out, and the waiter must live
 * until then, and what holds the queue, too. Its owner must know that it does not wait any more.
 * Until then it may join this queue again, but no other. May be asked at any time.
 */
bool queue_leave(struct queue_waiter *waiter);

/* Asked right after joining: may there be a free place that nobody is called for? 0: no. */
static inline uint64_t
queue_must_try(const struct queue *queue)
{
	return atomic_load_explicit(&queue->untried, memory_order_relaxed);
}

/*
 * Who joined and tried found no place: those who join from here on need not try. `untried` is what
 * queue_must_try() told him; if it has changed since, there may be places that he did not see.
 */
static inline void
queue_is_full(struct queue *queue, uint64_t untried)
{
	atomic_compare_exchange_strong_explicit(&queue->untried, &untried, 0, memory_order_relaxed,
						memory_order_relaxed);
}

/* Whether somebody waits: a newcomer has to stand behind him. */
static inline uint32_t
queue_length(const struct queue *queue)
{
	return atomic_load(&queue->length);	/* seq_cst: see above; a plain load on amd64 */
}

/*
 * How many got a place while it waited, itself included: HAProxy's number for its log (1 for who was first in line,
 * or whom nobody was served before as he gave up). Whoever waited and got a place asks queue_serve(), once;
 * who gives up, queue_give_up().
 */
static inline uint32_t
queue_serve(struct queue_waiter *waiter)
{
	return atomic_fetch_add_explicit(&waiter->queue->served, 1, memory_order_relaxed) + 1 -
	       waiter->served_before;
}

static inline uint32_t
queue_give_up(const struct queue_waiter *waiter)
{
	return atomic_load_explicit(&waiter->queue->served, memory_order_relaxed) + 1 -
	       waiter->served_before;
}

/* Call up to `count`: that many places became free. UINT32_MAX: everybody. */
void queue_call_many(struct queue *queue, uint32_t count);

/* A place became free: call the first, if any. Costs one load when nobody waits. */
static inline void
queue_call(struct queue *queue)
{
	if (queue_length(queue) > 0)
		queue_call_many(queue, 1);
}
