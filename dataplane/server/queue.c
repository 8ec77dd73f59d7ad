/*
 * The waiting line of a backend. Any worker; control calls, too.
 */
#include "config.h"
#include "server/queue.h"
#include <assert.h>
#include <stddef.h>
#include "core/obj.h"

#define CALL_BATCH 64		/* waiters called under one hold of the lock */

static bool
queue_before(const struct heap_node *a, const struct heap_node *b)
{
	const struct queue_waiter *first = container_of(a, const struct queue_waiter, node);
	const struct queue_waiter *second = container_of(b, const struct queue_waiter, node);

	if (first->priority_class != second->priority_class)
		return first->priority_class < second->priority_class;
	if (first->place_ms != second->place_ms)
		return first->place_ms < second->place_ms;
	return first->ticket < second->ticket;
}

void
queue_init(struct queue *queue)
{
	int failed = pthread_mutex_init(&queue->lock, NULL);

	assert(failed == 0);	/* glibc's needs no memory */
	heap_init(&queue->line, queue_before);
	queue->tickets = 0;
	queue->last_ms = 0;
	queue->spare = 0;
	atomic_init(&queue->served, 0);
	atomic_init(&queue->length, 0);
	atomic_init(&queue->untried, 0);
}

void
queue_fini(struct queue *queue)
{
	assert(heap_is_empty(&queue->line) && queue_length(queue) == 0);
	pthread_mutex_destroy(&queue->lock);
}

/*
 * Give spare calls to those in line, the first first, CALL_BATCH at most. Returns those whose mail
 * has to be sent, once the lock is free: each lives until its mail was delivered.
 */
static struct mail *
queue_match_locked(struct queue *queue)
{
	struct mail *first = NULL, **end = &first;

	for (uint32_t i = 0; i < CALL_BATCH && queue->spare > 0; i++) {
		struct heap_node *node = heap_take_first(&queue->line);
		struct queue_waiter *waiter;

		if (node == NULL)
			break;
		queue->spare--;
		waiter = container_of(node, struct queue_waiter, node);
		if (waiter->state == QUEUE_WAITING) {	/* else its mail is under way already */
			*end = &waiter->mail;
			end = &waiter->mail.next;
		}
		waiter->state = QUEUE_CALLED;
	}
	*end = NULL;
	return first;
}

static void
queue_send(struct mail *mail)
{
	while (mail != NULL) {
		struct mail *next = mail->next;		/* the mailbox uses it, too */

		mailbox_send(container_of(mail, struct queue_waiter, mail)->mailbox, mail);
		mail = next;
	}
}

/* Unlock, send, and go on while there are both calls and waiters. */
static void
queue_match_and_unlock(struct queue *queue)
{
	for (;;) {
		struct mail *mail = queue_match_locked(queue);
		bool more = queue->spare > 0 && !heap_is_empty(&queue->line);

		pthread_mutex_unlock(&queue->lock);
		queue_send(mail);
		if (!more)
			return;
		pthread_mutex_lock(&queue->lock);
	}
}

/* Who joins from here on must try: there may be places that nobody was called for. */
static void
queue_invite_locked(struct queue *queue)
{
	atomic_store_explicit(&queue->untried, ++queue->tickets, memory_order_relaxed);
}

/* One waits no more. Who joins an empty line looks for himself, so nothing is kept for him. */
static void
queue_count_out_locked(struct queue *queue)
{
	if (atomic_fetch_sub(&queue->length, 1) == 1)
		queue->spare = 0;
}

/* Worker: the call has come. */
static void
queue_on_mail(struct mail *mail)
{
	struct queue_waiter *waiter = container_of(mail, struct queue_waiter, mail);
	struct queue *queue = waiter->queue;
	enum queue_state was;

	pthread_mutex_lock(&queue->lock);
	was = waiter->state;
	assert(was == QUEUE_CALLED || was == QUEUE_LEFT || was == QUEUE_BACK);
	waiter->state = was == QUEUE_BACK ? QUEUE_WAITING : QUEUE_OUT;
	if (was == QUEUE_CALLED)
		queue_count_out_locked(queue);
	queue_match_and_unlock(queue);
	if (was != QUEUE_BACK)
		waiter->called(waiter);		/* last statement: it may be gone */
}

/* Its place for good: who came later stands behind, but for what rules say. */
static void
queue_place_locked(struct queue *queue, struct queue_waiter *waiter)
{
	if (waiter->place_ms > queue->last_ms)
		queue->last_ms = waiter->place_ms;
	waiter->place_ms = queue->last_ms + waiter->priority_offset_ms;
	waiter->ticket = ++queue->tickets;
	waiter->served_before = atomic_load_explicit(&queue->served, memory_order_relaxed);
}

enum err
queue_join(struct queue *queue, struct queue_waiter *waiter, uint32_t limit, bool again)
{
	pthread_mutex_lock(&queue->lock);
	assert(waiter->state == QUEUE_OUT || waiter->state == QUEUE_LEFT);
	assert(waiter->state == QUEUE_OUT || waiter->queue == queue);
	if (!again && queue_length(queue) >= limit) {
		pthread_mutex_unlock(&queue->lock);
		return ERR_LIMIT;
	}
	if (waiter->state == QUEUE_OUT)
		waiter->mail.deliver = queue_on_mail;
	waiter->state = waiter->state == QUEUE_OUT ? QUEUE_WAITING : QUEUE_BACK;
	waiter->queue = queue;
	if (!again)
		queue_place_locked(queue, waiter);
	heap_insert(&queue->line, &waiter->node);
	if (atomic_fetch_add(&queue->length, 1) == 0)	/* seq_cst, before he tries: see the header */
		queue_invite_locked(queue);
	queue_match_and_unlock(queue);
	return ERR_OK;
}

bool
queue_leave(struct queue_waiter *waiter)
{
	struct queue *queue = waiter->queue;
	enum queue_state was;

	if (queue == NULL)
		return true;		/* it never joined */
	pthread_mutex_lock(&queue->lock);
	was = waiter->state;
	if (was == QUEUE_WAITING || was == QUEUE_BACK)
		heap_remove(&queue->line, &waiter->node);
	if (was == QUEUE_CALLED)
		queue->spare++;		/* the call was for whoever is first */
	if (was != QUEUE_OUT && was != QUEUE_LEFT)
		queue_count_out_locked(queue);
	waiter->state = was == QUEUE_OUT || was == QUEUE_WAITING ? QUEUE_OUT : QUEUE_LEFT;
	queue_match_and_unlock(queue);
	return was == QUEUE_OUT || was == QUEUE_WAITING;
}

/*
 * Each match uses up a call, and only this makes new ones: `length` at most, whatever `count` says.
 * So a waiter that is called in vain, comes back and is called again does so a bounded number of
 * times; then it waits. That no place is lost by the cut: those in line are called, those who were
 * called and have not tried have a call each for when they come back, and all others are invited.
 */
static void
queue_keep_locked(struct queue *queue, uint32_t count)
{
	const uint32_t length = queue_length(queue);

	if (queue->spare <= length && count <= length - queue->spare) {
		queue->spare += count;
		return;
	}
	queue->spare = length;
	if (length > 0)
		queue_invite_locked(queue);
}

void
queue_call_many(struct queue *queue, uint32_t count)
{
	pthread_mutex_lock(&queue->lock);
	queue_keep_locked(queue, count);
	queue_match_and_unlock(queue);
}
