/*
 * The waiting line of a backend: sessions that found every usable server full.
 *
 * Shared by all workers under one small lock, which is taken only by a session that must wait or
 * when one waits. First come, first served. A waiter is embedded in its stream and belongs to one
 * worker; being woken is a mail to that worker, and means "try again": the place is not reserved,
 * a waiter that finds it taken goes back to the head of the line.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/err.h"
#include "core/list.h"
#include "core/mailbox.h"

struct queue {
	pthread_mutex_t		lock;		/* guards `line` and each waiter's state */
	struct list		line;
	_Atomic uint32_t	length;
};

enum queue_state { QUEUE_OUT, QUEUE_WAITING, QUEUE_CALLED };

struct queue_waiter {
	struct list		 node;		/* under the lock */
	enum queue_state	 state;		/* under the lock */
	struct mail		 mail;		/* QUEUE_CALLED: on its way to the worker */
	struct mailbox		*mailbox;	/* the worker's */
	void		       (*called)(struct queue_waiter *);	/* on the worker: try again */
};

void queue_init(struct queue *queue);
void queue_fini(struct queue *queue);	/* empty */

/* Join at the tail (`first`: at the head again). ERR_LIMIT: `limit` wait already. The caller must
 * try once more to get a place after joining, and leave if it got one (no wake-up is lost so). */
enum err queue_join(struct queue *queue, struct queue_waiter *waiter, uint32_t limit, bool first);

/* Leave: true if it was out or could be taken out; false if the call is under way: its mail will
 * still be delivered, the waiter must live until then (and should pass the call on: queue_call). */
bool queue_leave(struct queue *queue, struct queue_waiter *waiter);

/* A place became free: call the first, if any. Costs one relaxed load when nobody waits. */
void queue_call(struct queue *queue);

/* A server came or grew: call up to `count`. */
void queue_call_many(struct queue *queue, uint32_t count);
