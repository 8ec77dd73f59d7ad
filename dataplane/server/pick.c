/*
 * Choosing a server for a stream, and waiting for one. Worker thread.
 */
#include "config.h"
#include "core/obj.h"
#include "server/backend.h"
#include "server/server.h"

static const char *const pick_texts[] = {
#define X(name, text) [PICK_##name] = text,
	PICKS(X)
#undef X
};

const char *
pick_text(enum pick pick)
{
	return pick_texts[pick];
}

/* What is asked of each candidate. */
struct candidacy {
	const struct server	*avoid;		/* NULL: none */
	struct lb_node		*avoided;	/* its node, when it was passed over */
};

static struct server_slot *
slot_of(struct lb_node *node)
{
	return container_of(node, struct server_slot, node);
}

static bool
candidate_accept(struct lb_node *node, void *arg)
{
	struct candidacy *candidacy = arg;
	struct server *server = slot_of(node)->server;

	if (server == candidacy->avoid) {
		candidacy->avoided = node;
		return false;
	}
	return server_place_take(server);
}

static enum pick
pick_of(const struct server_slot *slot, const struct server *avoid)
{
	if (avoid != NULL)
		return slot->server == avoid ? PICK_RETRY : PICK_REDISPATCH;
	return slot->conf->priority == 0 ? PICK_BALANCE : PICK_BACKUP;
}

static void
backend_enter(struct backend *backend)
{
	uint32_t was = atomic_fetch_add_explicit(&backend->current, 1, memory_order_relaxed);
	uint32_t max = atomic_load_explicit(&backend->current_max, memory_order_relaxed);

	while (was + 1 > max &&
	       !atomic_compare_exchange_weak_explicit(&backend->current_max, &max, was + 1,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

enum err
backend_pick(struct backend *backend, uint32_t worker, struct server *avoid, struct server **sp,
	     enum pick *pick)
{
	struct lb *lb = backend->slots[worker].lb;
	struct candidacy candidacy = { .avoid = avoid };
	struct lb_node *node;
	struct server_slot *slot;

	if (lb_count(lb) == 0)
		return ERR_GONE;
	node = lb_pick(lb, 0, candidate_accept, &candidacy);
	if (node == NULL && candidacy.avoided != NULL && server_place_take(avoid))
		node = candidacy.avoided;
	if (node == NULL)
		return ERR_BUSY;
	slot = slot_of(node);
	snap_ref(&slot->ref);
	backend_enter(backend);
	*sp = slot->server;
	*pick = pick_of(slot, avoid);
	return ERR_OK;
}

static bool
server_take(struct server *server, uint32_t worker)
{
	if (!server_place_take(server))
		return false;
	snap_ref(&server_slot(server, worker)->ref);
	backend_enter(server->backend);
	return true;
}

bool
backend_take(struct server *server, uint32_t worker)
{
	return server_slot(server, worker)->node.weight > 0 && server_take(server, worker);
}

bool
backend_take_named(struct server *server, uint32_t worker)
{
	return server_slot(server, worker)->conf != NULL &&
	       server_is_up(server) && server_take(server, worker);
}

void
backend_leave(struct server *server, uint32_t worker)
{
	atomic_fetch_sub_explicit(&server->backend->current, 1, memory_order_relaxed);
	server_place_give(server);
	snap_unref(&server_slot(server, worker)->ref);	/* last: the server may go now */
}

enum err
backend_pick_or_wait(struct backend *backend, uint32_t worker, struct server *avoid,
		     struct queue_waiter *waiter, bool was_called, struct server **sp,
		     enum pick *pick)
{
	struct backend_slot *slot = &backend->slots[worker];
	enum err e = lb_count(slot->lb) > 0 ? ERR_BUSY : ERR_GONE;
	uint64_t untried;

	if (e == ERR_BUSY && (was_called || queue_length(&backend->queue) == 0))
		e = backend_pick(backend, worker, avoid, sp, pick);
	if (e != ERR_BUSY)
		return e;
	e = queue_join(&backend->queue, waiter, slot->conf->maxqueue, was_called);
	if (e != ERR_OK)
		return e;
	untried = queue_must_try(&backend->queue);
	if (untried == 0)
		return ERR_BUSY;
	e = backend_pick(backend, worker, avoid, sp, pick);
	if (e == ERR_BUSY)
		queue_is_full(&backend->queue, untried);
	else
		queue_leave(waiter);
	return e;
}
