/*
 * Backends and servers by name, as a worker has them installed: for rules that make a name of what a request says.
 *
 * A table per worker, its own. A node lies in its object's slot, so that installing can't fail; the tables
 * are taken by control with the first backend, before any worker hears of one.
 */
#include "config.h"
#include <stdlib.h>
#include "core/obj.h"
#include "server/server_priv.h"

/* powers of two */
#define NAME_BUCKETS   1024
#define SERVER_BUCKETS 4096
#define WORKER_BUCKETS (NAME_BUCKETS + SERVER_BUCKETS)

static struct list *tables;	/* WORKER_BUCKETS a worker: the backends', behind them the servers' */
static uint32_t tables_workers;

/* A second engine, with more workers, comes when the first and all its backends are gone. */
enum err
names_init(uint32_t workers)
{
	struct list *more;

	if (workers <= tables_workers)
		return ERR_OK;
	more = calloc((size_t)workers * WORKER_BUCKETS, sizeof(*more));
	if (more == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < (size_t)workers * WORKER_BUCKETS; i++)
		list_init(&more[i]);
	free(tables);
	tables = more;
	tables_workers = workers;
	return ERR_OK;
}

/* FNV-1a, 32 bits (draft-eastlake-fnv): names are configuration's, no attacker's. */
static uint32_t
name_hash(struct slice name)
{
	uint32_t hash = 0x811c9dc5;

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (unsigned char)name.at[i]) * 0x01000193;
	return hash;
}

static struct list *
name_bucket(uint32_t worker, struct slice name)
{
	return &tables[(size_t)worker * WORKER_BUCKETS + name_hash(name) % NAME_BUCKETS];
}

/* Backends often call their servers alike. */
static struct list *
server_bucket(uint32_t worker, const struct backend *backend, struct slice name)
{
	const uint32_t hash = name_hash(name) + backend->number * 0x9e3779b1;

	return &tables[(size_t)worker * WORKER_BUCKETS + NAME_BUCKETS +
		       (hash ^ hash >> 16) % SERVER_BUCKETS];
}

/* The newest first: one that was created anew hides the one that is going. */
void
names_add(struct backend_slot *slot)
{
	list_prepend(name_bucket(slot->worker, slice_of(slot->backend->name)), &slot->by_name);
}

void
names_remove(struct backend_slot *slot)
{
	list_remove(&slot->by_name);
}

struct backend *
backend_find(uint32_t worker, struct slice name)
{
	list_foreach(node, name_bucket(worker, name)) {
		struct backend_slot *slot = container_of(node, struct backend_slot, by_name);

		if (slice_equals(name, slice_of(slot->backend->name)))
			return slot->backend;
	}
	return NULL;
}

/* The newest first, too. */
void
names_add_server(struct server_slot *slot)
{
	const struct server *server = slot->server;

	list_prepend(server_bucket(slot->worker, server->backend, slice_of(server->name)),
		     &slot->by_name);
}

void
names_remove_server(struct server_slot *slot)
{
	list_remove(&slot->by_name);
}

struct server *
backend_find_server(const struct backend *backend, uint32_t worker, struct slice name)
{
	list_foreach(node, server_bucket(worker, backend, name)) {
		struct server *server = container_of(node, struct server_slot, by_name)->server;

		if (server->backend == backend && slice_equals(name, slice_of(server->name)))
			return server;
	}
	return NULL;
}
