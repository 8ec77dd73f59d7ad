/*
 * Backends by name, as a worker has them installed: for rules that make a name of what a request says.
 *
 * A table per worker, its own. A backend's node lies in its slot, so that installing can't fail; the tables
 * are taken by control with the first backend, before any worker hears of one.
 */
#include "config.h"
#include <stdlib.h>
#include "core/obj.h"
#include "server/server_priv.h"

#define NAME_BUCKETS 1024 /* a power of two */

static struct list *tables;	/* NAME_BUCKETS a worker */
static uint32_t tables_workers;

/* A second engine, with more workers, comes when the first and all its backends are gone. */
enum err
names_init(uint32_t workers)
{
	struct list *more;

	if (workers <= tables_workers)
		return ERR_OK;
	more = calloc((size_t)workers * NAME_BUCKETS, sizeof(*more));
	if (more == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < (size_t)workers * NAME_BUCKETS; i++)
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
	return &tables[(size_t)worker * NAME_BUCKETS + name_hash(name) % NAME_BUCKETS];
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
