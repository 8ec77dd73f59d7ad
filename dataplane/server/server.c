/*
 * Servers as objects: their life, their totals, places under maxconn. Control thread, but for the
 * places.
 */
#include "config.h"
#include "server/server.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "core/obj.h"
#include "server/server_priv.h"

static uint64_t server_generations;		/* control */

static void
server_free(struct server *server)
{
	struct backend *backend = server->backend;
	bool is_watching = server->is_watching;

	assert(atomic_load(&server->current) == 0);
	assert(server->is_gone || list_is_empty(&server->by_priority));
	list_remove(&server->by_priority);
	assert(server_idle_connections(server) == 0);
	check_free(&server->check);
	check_free(&server->agent);
	free(server->moved_from);
	why_fini(server);
	server_conf_free(server->conf);
	free(server->name);
	obj_free(server);
	if (is_watching)		/* last: it may go now, too */
		backend_unwatch(backend);
	else
		backend_release(backend);
}

void
server_free_if_done(struct server *server)
{
	if (!server->is_home || !server->is_retired || !list_is_empty(&server->untold))
		return;
	if (server->holders == 0) {
		server_free(server);
	} else if (!server->is_watching) {
		/* a rule of its own backend may hold it, which goes with that backend's conf */
		server->is_watching = true;
		backend_watch(server->backend);
		backend_release(server->backend);
	}
}

void
server_hold(struct server *server)
{
	assert_control();
	server->holders++;
}

void
server_release(struct server *server)
{
	assert_control();
	assert(server->holders > 0);
	server->holders--;
	server_free_if_done(server);
}

/* The last worker has let go. */
static void
server_on_home(struct snap *snap)
{
	struct server *server = container_of(snap, struct server, snap);

	server->is_home = true;
	server_free_if_done(server);
}

static void
server_slot_init(struct server_slot *slot, struct server *server, uint32_t worker)
{
	snap_slot_init(&slot->ref, &server->snap);
	lb_node_init(&slot->node, server->id);
	list_init(&slot->streams);
	list_init(&slot->by_name);
	pool_init(&slot->pool);
	weight_init(slot);
	slot->server = server;
	slot->worker = worker;
	server_ends_init(slot);
}

enum err
server_new(struct server **sp, struct backend *backend, const char *name, uint32_t id)
{
	uint32_t workers = publish_worker_count();
	struct server *server;

	assert_control();
	server = obj_new_aligned(sizeof(*server) + workers * sizeof(server->slots[0]),
				 _Alignof(struct server), SERVER_MAGIC);
	if (server == NULL)
		return ERR_NOMEM;
	server->name = strdup(name);
	if (server->name == NULL) {
		obj_free(server);
		return ERR_NOMEM;
	}
	snap_init(&server->snap, workers, server_on_home);
	server->backend = backend;
	backend_hold(backend);
	server->id = id;
	server->generation = ++server_generations;
	list_init(&server->by_priority);
	list_init(&server->changed);
	list_init(&server->untold);
	track_init(server);
	slow_init(server);
	server->workers = workers;
	for (uint32_t i = 0; i < workers; i++)
		server_slot_init(&server->slots[i], server, i);
	*sp = server;
	return ERR_OK;
}

void
server_discard(struct server **sp)
{
	assert_control();
	if (*sp == NULL)
		return;
	assert((*sp)->conf == NULL);
	server_free(*sp);
	*sp = NULL;
}

void
server_totals(const struct server *server, struct server_totals *totals)
{
	memset(totals, 0, sizeof(*totals));
	for (uint32_t i = 0; i < server->workers; i++) {
		const struct server_counters *c = &server->slots[i].counters;

		totals->sessions += counter_read(&c->sessions);
		totals->bytes_in += counter_read(&c->bytes_in);
		totals->bytes_out += counter_read(&c->bytes_out);
		totals->connect_errors += counter_read(&c->connect_errors);
		totals->retries += counter_read(&c->retries);
		totals->redispatches += counter_read(&c->redispatches);
		totals->response_errors += counter_read(&c->response_errors);
		for (int k = 0; k < HTTP_CLASSES; k++)
			totals->responses[k] += counter_read(&c->responses[k]);
	}
	totals->current = atomic_load_explicit(&server->current, memory_order_relaxed);
	totals->max = atomic_load_explicit(&server->current_max, memory_order_relaxed);
}

/*
 * The loads and the compare-and-swap are seq_cst: they stand against queue_join()'s count
 * (queue.h). On amd64 that costs nothing.
 */
bool
server_place_take(struct server *server)
{
	uint32_t current = atomic_load(&server->current), max;

	do {
		uint32_t maxconn = atomic_load(&server->maxconn);

		if (maxconn != 0 && current >= maxconn)
			return false;
	} while (!atomic_compare_exchange_weak(&server->current, &current, current + 1));
	max = atomic_load_explicit(&server->current_max, memory_order_relaxed);
	while (current + 1 > max &&
	       !atomic_compare_exchange_weak_explicit(&server->current_max, &max, current + 1,
						      memory_order_relaxed, memory_order_relaxed))
		;
	return true;
}

void
server_place_give(struct server *server)
{
	/* seq_cst, and before the queue is looked at: see queue.h */
	uint32_t was = atomic_fetch_sub(&server->current, 1);

	assert(was > 0);
	queue_call(&server->backend->queue);
}
