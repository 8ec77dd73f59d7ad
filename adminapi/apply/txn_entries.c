/*
 * Planning a write of a map's entries: preconditions, what is there already, the edits.
 *
 * Of one entry the head is asked whether it is there, so that is control's; all of them, or several, may
 * be planned on the helper.
 */
#include "config.h"
#include "adminapi/apply/txn_priv.h"

#include <stdlib.h>
#include <string.h>
#include "adminapi/apply/maps.h"
#include "adminapi/json/strict.h"

#define SEVERAL_MAX 5000 /* of one PATCH: they are set in one turn of the loop */

/* -- what is there -- */

enum known { KNOWN_NOT, KNOWN_SET, KNOWN_GONE };

static enum known
find_in_edits(const struct map_edits *edits, struct slice key, struct slice *value)
{
	enum known known = edits->replaces ? KNOWN_GONE : KNOWN_NOT;
	struct map_edit edit;
	size_t at = 0;

	while (map_edits_next(edits, &at, &edit)) {
		if (!slice_equals(edit.key, key))
			continue;
		*value = edit.value;
		known = edit.value.at == NULL ? KNOWN_GONE : KNOWN_SET;
	}
	return known;
}

static enum known
find_in_map(const struct map *map, struct slice key, struct slice *value)
{
	return map_get(map, key, value) ? KNOWN_SET : KNOWN_GONE;
}

/* What an op that is on its way to the disk does to it. */
static enum known
find_in_op(const struct plan_op *op, struct slice key, struct slice *value)
{
	const struct map_settings *s = op->prepared;

	if (op->edits != NULL)
		return find_in_edits(op->edits, key, value);
	if (op->from == NULL) /* its contents are the object's already */
		return find_in_map(((struct map_object *)op->object)->map, key, value);
	return s != NULL && s->contents != NULL ? find_in_map(s->contents, key, value) : KNOWN_NOT;
}

static enum known
find_in_plan(const struct plan *plan, const struct doc_node *node, struct slice key,
	     struct slice *value)
{
	for (uint32_t i = plan->count; i > 0; i--)
		if (plan->ops[i - 1]->node == node)
			return find_in_op(plan->ops[i - 1], key, value);
	return KNOWN_NOT;
}

/* In the head: what was handed over last counts. */
static bool
find_in_head(const struct doc_node *node, struct slice key, struct slice *value)
{
	const struct map_object *object = node->object;

	for (struct list *at = pipeline.under_way.prev; at != &pipeline.under_way; at = at->prev) {
		enum known known = KNOWN_NOT;

		if (txn_of(at)->state == TXN_COMMITTING)
			known = find_in_plan(&txn_of(at)->plan, node, key, value);
		if (known != KNOWN_NOT)
			return known == KNOWN_SET;
	}
	return find_in_map(object->map, key, value) == KNOWN_SET;
}

/* -- bodies -- */

static void
entry_issue(struct txn *txn, const char *key, const char *detail)
{
	struct pointer at = { 0 };

	if (key != NULL)
		pointer_push(&at, key);
	issues_add(&txn->write->issues, pointer_text(&at), "%s", detail);
	pointer_fini(&at);
	txn->outcome = WRITE_INVALID;
}

/* A string, or {"value": string}, perhaps with the key beside it. NULL: neither. */
static const char *
value_of(const cJSON *item)
{
	if (cJSON_IsObject(item))
		item = doc_field(item, "value");
	return cJSON_IsString(item) ? item->valuestring : NULL;
}

/* False, with an issue: it can be none of this map. `key` is told where it stands in the body. */
static bool
entry_is_fit(struct txn *txn, const char *told, const char *key, const char *value)
{
	size_t len = strlen(key);

	if (len == 0 || len > MAP_KEY_MAX_BYTES)
		entry_issue(txn, told, "a key has 1 to 1024 bytes");
	else if (value == NULL)
		entry_issue(txn, told, "must be a string, or an object with a string \"value\"");
	else if (strlen(value) > MAP_VALUE_MAX_BYTES)
		entry_issue(txn, told, "a value has at most 8192 bytes");
	else
		return true;
	return false;
}

static struct map_edits *
edits_new(struct txn *txn)
{
	struct map_edits *edits = map_edits_new();

	if (edits == NULL)
		plan_nomem(&txn->plan);
	return edits;
}

/* -- one -- */

static void
plan_one(struct txn *txn, struct doc_node *node, struct slice key, const char *value, bool exists,
	 struct slice before)
{
	struct map_edits *edits;

	if (exists && value != NULL && slice_equals(before, slice_of(value)))
		return; /* as it was */
	edits = edits_new(txn);
	if (edits == NULL)
		return;
	edits->is_one = true;
	edits->is_new = !exists;
	if (exists && (edits->was = strndup(before.at, before.len)) == NULL)
		plan_nomem(&txn->plan);
	map_edits_add(edits, key, value == NULL ? (struct slice){ NULL, 0 } : slice_of(value));
	plan_edit(&txn->plan, node, edits);
}

static void
plan_entry(struct txn *txn, struct doc_node *node, const cJSON *body)
{
	struct write *w = txn->write;
	struct slice key = slice_of(w->entry), before = { NULL, 0 };
	bool exists = find_in_head(node, key, &before);
	const char *value = w->verb == WRITE_DELETE ? NULL : value_of(body);

	if (!precondition_of(w, exists, node->head_revision)) {
		txn->outcome = WRITE_PRECONDITION;
	} else if (w->verb == WRITE_CREATE && exists) {
		diag_set(&w->why, "the map has that key already");
		txn->outcome = WRITE_EXISTS;
	} else if (!exists && (w->verb == WRITE_DELETE || w->verb == WRITE_PATCH)) {
		diag_set(&w->why, "the map has no such key");
		txn->outcome = WRITE_NOT_FOUND;
	} else if (w->verb == WRITE_DELETE || entry_is_fit(txn, NULL, w->entry, value)) {
		w->created = !exists;
		plan_one(txn, node, key, value, exists, before);
	}
}

/* -- several -- */

static void
plan_several(struct txn *txn, struct doc_node *node, const cJSON *body)
{
	struct map_edits *edits = edits_new(txn);
	const cJSON *item;

	if (edits == NULL)
		return;
	cJSON_ArrayForEach(item, body) {
		if (cJSON_IsNull(item))
			map_edits_add(edits, slice_of(item->string), (struct slice){ NULL, 0 });
		else if (entry_is_fit(txn, item->string, item->string, value_of(item)))
			map_edits_add(edits, slice_of(item->string), slice_of(value_of(item)));
	}
	if (edits->set + edits->removed > SEVERAL_MAX)
		entry_issue(txn, NULL,
			    "has more than 5000 entries: send some at a time, or PUT all");
	if (txn->outcome == WRITE_DONE && edits->set + edits->removed > 0)
		plan_edit(&txn->plan, node, edits);
	else
		map_edits_free(&edits);
}

/* -- all -- */

static void
contents_free(void *contents)
{
	struct map *map = contents;

	map_free(&map);
}

/* False: no memory. */
static bool
contents_take(struct txn *txn, struct map *map, struct map_edits *edits, const cJSON *item)
{
	const char *value = value_of(item);
	struct diag why;
	enum err e;

	if (!entry_is_fit(txn, item->string, item->string, value))
		return true;
	map_edits_add(edits, slice_of(item->string), slice_of(value));
	e = map_set(map, slice_of(item->string), slice_of(value), &why);
	if (e == ERR_INVALID)
		entry_issue(txn, item->string, why.text);
	return e != ERR_NOMEM;
}

static void
plan_all(struct txn *txn, struct doc_node *node, const cJSON *body)
{
	struct map_edits *edits = edits_new(txn);
	const cJSON *item;
	struct map *map;
	bool ok = true;

	if (edits == NULL)
		return;
	map = maps_contents_new(node);
	if (map == NULL) {
		map_edits_free(&edits);
		plan_nomem(&txn->plan);
		return;
	}
	edits->replaces = true;
	edits->contents = map;
	edits->contents_free = contents_free;
	cJSON_ArrayForEach(item, body)
		ok = ok && contents_take(txn, map, edits, item);
	if (!ok)
		plan_nomem(&txn->plan);
	if (txn->outcome == WRITE_DONE)
		plan_edit(&txn->plan, node, edits);
	else
		map_edits_free(&edits);
}

void
txn_plan_entries(struct txn *txn, struct doc_node *node, const cJSON *body)
{
	struct write *w = txn->write;

	if (w->entry != NULL) {
		plan_entry(txn, node, body);
	} else if (!precondition_of(w, true, node->head_revision)) {
		txn->outcome = WRITE_PRECONDITION;
	} else if (!cJSON_IsObject(body)) {
		entry_issue(txn, NULL, "must be an object of values by key");
	} else if (w->verb == WRITE_PUT) {
		plan_all(txn, node, body);
	} else {
		plan_several(txn, node, body);
	}
	if (txn->outcome == WRITE_DONE)
		txn_plan_conclude(txn);
}
