/*
 * A transaction: a list of operations, each one allocation with copies of its texts.
 *
 * It belongs to one thread at a time: control (or the helper) fills it, the committer carries it
 * out, control hears of it and frees it.
 */
#include "config.h"
#include "adminapi/store/store.h"
#include <assert.h>
#include <stdlib.h>
#include "adminapi/store/store_priv.h"
#include "core/obj.h"

const struct store_op_fact store_op_facts[STORE_OP_KINDS] = {
	[STORE_PUT] = { "INSERT INTO resources (path, body, meta, revision) VALUES (?1, ?2, ?3, ?4)"
			" ON CONFLICT (path) DO UPDATE SET body = ?2, meta = ?3, revision = ?4",
			3, 1, 0 },
	[STORE_DELETE] = { "DELETE FROM resources WHERE path = ?1", 1, 0, 0 },
	[STORE_SETTING] = { "INSERT INTO settings (key, value) VALUES (?1, ?2)"
			    " ON CONFLICT (key) DO UPDATE SET value = ?2",
			    2, 0, 0 },
	[STORE_SETTING_GONE] = { "DELETE FROM settings WHERE key = ?1", 1, 0, 0 },
	[STORE_REVISION] = { "INSERT INTO revisions (actor, reason, changes, number, time_us)"
			     " VALUES (?1, ?2, ?3, ?4, ?5)",
			     3, 2, 0 },
	[STORE_MAP] = { "INSERT INTO maps (map, base, is_replaced, revision) VALUES (?1, ?2, ?3, ?4)"
			" ON CONFLICT (map) DO UPDATE SET base = ?2, is_replaced = ?3, revision = ?4",
			2, 2, 0 },
	[STORE_MAP_GONE] = { "DELETE FROM maps WHERE map = ?1", 1, 0, 0 },
	[STORE_MAP_CLEAR] = { "DELETE FROM map_entries WHERE map = ?1", 1, 0, 0 },
	[STORE_MAP_EDITS] = { "INSERT INTO map_entries (map, key, value) VALUES (?1, ?2, ?3)"
			      " ON CONFLICT (map, key) DO UPDATE SET value = ?3",
			      1, 0, 2 },
	[STORE_MAP_DROPS] = { "DELETE FROM map_entries WHERE map = ?1 AND key = ?2", 1, 0, 1 },
};

enum err
store_txn_new(struct store_txn **tp)
{
	struct store_txn *txn = obj_new(sizeof(*txn), STORE_TXN_MAGIC);

	if (txn == NULL)
		return ERR_NOMEM;
	txn->end = &txn->ops;
	*tp = txn;
	return ERR_OK;
}

void
store_txn_discard(struct store_txn **tp)
{
	struct store_txn *txn = *tp;

	*tp = NULL;
	if (txn == NULL)
		return;
	for (struct store_op *op = txn->ops, *next; op != NULL; op = next) {
		next = op->next;
		free(op);
	}
	obj_free(txn);
}

/* A text that is not given is SQL's NULL, at == NULL; an empty one is not. */
static enum err
op_add(struct store_txn *txn, enum store_op_kind kind, const struct slice texts[STORE_OP_TEXTS],
       uint64_t number, uint64_t other_number)
{
	size_t len = 0;
	struct store_op *op;

	for (int i = 0; i < STORE_OP_TEXTS; i++)
		len += texts[i].len;
	op = malloc(sizeof(*op) + len);
	if (op == NULL)
		return ERR_NOMEM;
	op->next = NULL;
	op->kind = kind;
	op->numbers[0] = number;
	op->numbers[1] = other_number;
	len = 0;
	for (int i = 0; i < STORE_OP_TEXTS; i++) {
		op->texts[i].len = texts[i].len;
		op->texts[i].at = texts[i].at != NULL ? op->bytes + len : NULL;
		if (texts[i].at != NULL && texts[i].len > 0)
			memcpy(op->bytes + len, texts[i].at, texts[i].len);
		len += texts[i].len;
	}
	*txn->end = op;
	txn->end = &op->next;
	return ERR_OK;
}

static struct slice
slice_if(const char *text)
{
	return text != NULL ? slice_of(text) : (struct slice){ NULL, 0 };
}

/* A text that must be there: an empty slice may have no bytes to point at. */
static struct slice
slice_present(struct slice text)
{
	return text.at != NULL ? text : SLICE("");
}

enum err
store_txn_put(struct store_txn *txn, const char *path, struct slice body, struct slice meta,
	      uint64_t revision)
{
	const struct slice texts[] = { slice_of(path), slice_present(body), slice_present(meta) };

	return op_add(txn, STORE_PUT, texts, revision, 0);
}

enum err
store_txn_delete(struct store_txn *txn, const char *path)
{
	const struct slice texts[STORE_OP_TEXTS] = { slice_of(path) };

	return op_add(txn, STORE_DELETE, texts, 0, 0);
}

enum err
store_txn_setting(struct store_txn *txn, const char *key, struct slice value)
{
	const struct slice texts[STORE_OP_TEXTS] = { slice_of(key), slice_present(value) };

	return op_add(txn, STORE_SETTING, texts, 0, 0);
}

enum err
store_txn_setting_gone(struct store_txn *txn, const char *key)
{
	const struct slice texts[STORE_OP_TEXTS] = { slice_of(key) };

	return op_add(txn, STORE_SETTING_GONE, texts, 0, 0);
}

enum err
store_txn_revision(struct store_txn *txn, uint64_t revision, uint64_t wall_us, const char *actor,
		   const char *reason, struct slice changes_json)
{
	const struct slice texts[] = { slice_if(actor), slice_if(reason),
				       slice_present(changes_json) };

	return op_add(txn, STORE_REVISION, texts, revision, wall_us);
}

enum err
store_txn_map(struct store_txn *txn, const struct store_map *map)
{
	const struct slice texts[STORE_OP_TEXTS] = { map->name, slice_present(map->base) };

	return op_add(txn, STORE_MAP, texts, map->is_replaced, map->revision);
}

enum err
store_txn_map_edits(struct store_txn *txn, const char *map, struct slice packed)
{
	const struct slice texts[STORE_OP_TEXTS] = { slice_of(map), packed };

	return op_add(txn, STORE_MAP_EDITS, texts, 0, 0);
}

enum err
store_txn_map_drop(struct store_txn *txn, const char *map, struct slice packed)
{
	const struct slice texts[STORE_OP_TEXTS] = { slice_of(map), packed };

	return op_add(txn, STORE_MAP_DROPS, texts, 0, 0);
}

enum err
store_txn_map_forget(struct store_txn *txn, const char *map)
{
	const struct slice texts[STORE_OP_TEXTS] = { slice_of(map) };
	enum err e = op_add(txn, STORE_MAP_CLEAR, texts, 0, 0);

	return e == ERR_OK ? op_add(txn, STORE_MAP_GONE, texts, 0, 0) : e;
}
