/*
 * Publishing: a list of changes, installed by every worker in one go, in order, acknowledged.
 *
 * All memory is taken beforehand (publication_new, one item a change, embedded in what it
 * installs), so publication_send() cannot fail. Mail that the control thread sends to workers
 * between publication_send() and publication_seal() arrives after the items were installed and
 * before the acknowledgement.
 *
 * Control thread, but for install(), which runs on each worker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/err.h"
#include "core/loop.h"

struct publish_item;

struct publish_ops {
	/* Worker thread: swap pointers, start or stop what must be; may not fail. */
	void	(*install)(struct publish_item *, struct loop *worker);
	/* Control thread, after every worker has acknowledged: free the predecessor, the item. */
	void	(*acked)(struct publish_item *);
	/* Control thread, instead of the others: the change was called off before it was sent. */
	void	(*abort)(struct publish_item *);

	/*
	 * Control thread, in publication_send(); each is called for all items, in order, before the
	 * next begins. NULL: nothing to do.
	 *
	 * publish: what the control thread knows changes; from here on it is the published truth.
	 * before: mail sent here is delivered before the items are installed.
	 * after: the workers' mail was sent; mail sent here is delivered after the items.
	 */
	void	(*publish)(struct publish_item *);
	void	(*before)(struct publish_item *);
	void	(*after)(struct publish_item *);
};

struct publish_item {
	const struct publish_ops	*ops;
	struct publish_item		*next;	/* the publication's */
};

/* Who receives: the workers' loops, set once at start, before any publication is made. */
void publish_set_workers(struct loop *const *workers, uint32_t count);
uint32_t publish_worker_count(void);
bool publish_is_running(void);	/* there are workers, and not only their number (sluice --check) */
struct loop *publish_worker(uint32_t index);

struct publication;

enum err publication_new(struct publication **pp);	/* ERR_NOMEM leaves *pp alone */
void publication_add(struct publication *p, struct publish_item *item);	/* in order */

/* Hand the items to all workers. */
void publication_send(struct publication *p);

/* Ask for the acknowledgement; `on_acked(arg)` follows every item's acked(), then it is freed. */
void publication_seal(struct publication *p, void (*on_acked)(void *arg), void *arg);

/* Call off one that was not sent: abort() of each item, newest first. Frees it. */
void publication_abort(struct publication **pp);
