/*
 * How a server's weight reaches the balancing sets of the workers.
 *
 * An item of a publication carries the weight of its own server. What changes for other servers
 * goes by one mail a worker and server, embedded in the server's slot: it says "look at lb_order",
 * is sent once however often that changes, and so cannot fail and never piles up.
 *
 * As the mail is not sent again while it is under way, a worker may read an order before it has
 * installed a publication that was sent earlier: a backup ceases to serve by an active server that
 * this worker does not have yet. So an order names the last item of its backend that it builds on.
 * A worker that has not installed that one is behind: it uses the greater of the old weight and
 * the new, keeps the slot on a list, and looks again when the item is installed. What was ordered
 * and taken back meanwhile is one of the two, as each order is a change to or from 0 or between
 * two weights above 0. Thus a worker has, after each publication, at least the servers that are to
 * serve then: if there are any, it never has none.
 */
#include "config.h"
#include <assert.h>
#include "core/obj.h"
#include "server/server_priv.h"

/* lb_order: the item's number, the greater weight, the new weight. */
#define ORDER_WEIGHT_BITS 13
#define ORDER_WEIGHT_MASK ((UINT64_C(1) << ORDER_WEIGHT_BITS) - 1)
_Static_assert(LB_WEIGHT_MAX <= ORDER_WEIGHT_MASK, "a weight fits");

static uint16_t
order_weight(uint64_t order)
{
	return order & ORDER_WEIGHT_MASK;
}

static uint16_t
order_weight_behind(uint64_t order)
{
	return order >> ORDER_WEIGHT_BITS & ORDER_WEIGHT_MASK;
}

static uint64_t
order_sequence(uint64_t order)
{
	return order >> 2 * ORDER_WEIGHT_BITS;
}

uint16_t
weight_ordered(const struct server *server)
{
	return order_weight(atomic_load_explicit(&server->lb_order, memory_order_relaxed));
}

void
weight_order(struct server *server, uint64_t sequence)
{
	uint64_t was = weight_ordered(server), is = server->weight, greater = was > is ? was : is;

	/* release: with the acquire in weight_look() */
	atomic_store_explicit(&server->lb_order,
			      (sequence << ORDER_WEIGHT_BITS | greater) << ORDER_WEIGHT_BITS | is,
			      memory_order_release);
}

void
weight_send(struct server *server, uint64_t sequence)
{
	weight_order(server, sequence);
	for (uint32_t i = 0; i < server->workers; i++) {
		struct server_slot *slot = &server->slots[i];

		/* acq_rel: either the worker's exchange follows, and it reads the order above, or
		 * this one finds false and sends */
		if (!atomic_exchange_explicit(&slot->weight_sent, true, memory_order_acq_rel))
			mailbox_send(&publish_worker(i)->mailbox, &slot->weight_mail);
	}
}

/* How many sessions more the server may take. */
static uint32_t
server_room(const struct server *server)
{
	uint32_t maxconn = atomic_load(&server->maxconn), current = atomic_load(&server->current);

	if (maxconn == 0)
		return UINT32_MAX;
	return current < maxconn ? maxconn - current : 0;
}

/*
 * Worker. Each worker calls for itself who waits: a session that joins the line here, just before
 * the server comes, was not there when another worker called.
 */
static void
weight_apply(struct server_slot *slot, uint16_t weight)
{
	struct backend *backend = slot->server->backend;
	struct lb *lb = backend->slots[slot->worker].lb;
	uint16_t was = slot->node.weight;

	lb_set_weight(lb, &slot->node, weight);
	if (weight == 0 && !server_is_up(slot->server))
		pool_begin_anew(slot);
	if (queue_length(&backend->queue) == 0)
		return;
	if (was == 0 && weight > 0)
		queue_call_many(&backend->queue, server_room(slot->server));
	else if (was > 0 && weight == 0 && lb_count(lb) == 0)
		queue_call_many(&backend->queue, UINT32_MAX);	/* they learn that none is left */
}

/* Worker: do what lb_order says, as far as it may be done yet. */
static void
weight_look(struct server_slot *slot)
{
	struct backend_slot *backend_slot = &slot->server->backend->slots[slot->worker];
	uint64_t order = atomic_load_explicit(&slot->server->lb_order, memory_order_acquire);
	bool is_behind = order_sequence(order) > backend_slot->installed;

	list_remove(&slot->behind);
	if (is_behind)
		list_append(&backend_slot->behind, &slot->behind);
	weight_apply(slot, is_behind ? order_weight_behind(order) : order_weight(order));
}

/* Worker. */
static void
weight_on_mail(struct mail *mail)
{
	struct server_slot *slot = container_of(mail, struct server_slot, weight_mail);

	assert(!slot->ref.retired);	/* it was sent before, and mail keeps its order */
	atomic_exchange_explicit(&slot->weight_sent, false, memory_order_acq_rel);
	weight_look(slot);
}

void
weight_install(struct server_slot *slot, uint16_t weight)
{
	if (list_is_empty(&slot->behind))
		weight_apply(slot, weight);
	else
		weight_look(slot);	/* what came early is newer */
}

void
weight_retire(struct server_slot *slot)
{
	list_remove(&slot->behind);
	weight_apply(slot, 0);
}

void
weight_installed(struct backend_slot *backend_slot, uint64_t sequence)
{
	struct list waiting;
	struct list *node;

	backend_slot->installed = sequence;
	list_init(&waiting);
	list_move_all(&waiting, &backend_slot->behind);
	while ((node = list_take_first(&waiting)) != NULL)
		weight_look(container_of(node, struct server_slot, behind));
}

void
weight_init(struct server_slot *slot)
{
	list_init(&slot->behind);
	slot->weight_mail.deliver = weight_on_mail;
	atomic_init(&slot->weight_sent, false);
}
