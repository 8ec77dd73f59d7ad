/*
 * How a server's weight reaches the balancing sets of the workers.
 *
 * An item of a publication carries the weight of its own server. What changes for other servers
 * goes by one mail a worker and server, embedded in the server's slot: it says "look at lb_order",
 * is sent once however often that changes, and so cannot fail and never piles up.
 *
 * As the mail is not sent again while it is under way, it may arrive before a publication that was
 * sent earlier than the order that the worker then reads; and a weight that depends on that
 * publication (a backup ceases to serve because an active comes with it) would be taken too soon,
 * with a moment in which there is no server. Hence an order names the last item of its backend that
 * it depends on, and a worker that has not installed that item yet sends the mail to itself: behind
 * the publication, which is in its mailbox already or about to be put there.
 */
#include "config.h"
#include <assert.h>
#include "core/obj.h"
#include "server/server_priv.h"

#define ORDER_WEIGHT_BITS 16	/* of lb_order, below the item's number */
#define ORDER_WEIGHT_MASK ((UINT64_C(1) << ORDER_WEIGHT_BITS) - 1)

uint16_t
weight_ordered(const struct server *server)
{
	uint64_t order = atomic_load_explicit(&server->lb_order, memory_order_relaxed);

	return order & ORDER_WEIGHT_MASK;
}

void
weight_order(struct server *server, uint64_t sequence)
{
	/* release: with the acquire in weight_on_mail() */
	atomic_store_explicit(&server->lb_order, sequence << ORDER_WEIGHT_BITS | server->weight,
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
	if (queue_length(&backend->queue) == 0)
		return;
	if (was == 0 && weight > 0)
		queue_call_many(&backend->queue, server_room(slot->server));
	else if (was > 0 && weight == 0 && lb_count(lb) == 0)
		queue_call_many(&backend->queue, UINT32_MAX);	/* they learn that none is left */
}

void
weight_install(struct server_slot *slot, uint16_t weight, uint64_t sequence)
{
	slot->server->backend->slots[slot->worker].installed = sequence;
	weight_apply(slot, weight);
}

static void
weight_send_to_self(struct server_slot *slot)
{
	/* acq_rel: if it was true, control has just sent it, behind what we wait for */
	if (atomic_exchange_explicit(&slot->weight_sent, true, memory_order_acq_rel))
		return;
	slot->weight_again = true;
	snap_ref(&slot->ref);	/* a mail of control's arrives before the server retires; this may not */
	mailbox_send(&publish_worker(slot->worker)->mailbox, &slot->weight_mail);
}

/* Worker. */
static void
weight_on_mail(struct mail *mail)
{
	struct server_slot *slot = container_of(mail, struct server_slot, weight_mail);
	bool was_own = slot->weight_again;
	uint64_t order;

	slot->weight_again = false;
	atomic_exchange_explicit(&slot->weight_sent, false, memory_order_acq_rel);
	order = atomic_load_explicit(&slot->server->lb_order, memory_order_acquire);
	if (slot->ref.retired)
		assert(slot->node.weight == 0);
	else if (order >> ORDER_WEIGHT_BITS > slot->server->backend->slots[slot->worker].installed)
		weight_send_to_self(slot);
	else
		weight_apply(slot, order & ORDER_WEIGHT_MASK);
	if (was_own)
		snap_unref(&slot->ref);
}

void
weight_init(struct server_slot *slot)
{
	slot->weight_mail.deliver = weight_on_mail;
	atomic_init(&slot->weight_sent, false);
}
