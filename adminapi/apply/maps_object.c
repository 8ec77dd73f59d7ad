/*
 * Maps in force: contents take the place of others, entries change, rows for the store. Control, but for the
 * rows.
 */
#include "config.h"
#include "adminapi/apply/maps.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/store/store.h"
#include "core/log.h"

/* -- before planning -- */

static void
object_expect(struct map_object *object)
{
	map_free(&object->shell);
	if (map_new_like(&object->shell, object->map) != ERR_OK)
		object->shell = NULL; /* then without, and it takes time to take it over */
}

void
maps_expect(struct doc *doc, const char *name)
{
	doc_each_child(node, doc->root, DOC_MAP)
		if (node->object != NULL && (name == NULL || strcmp(name, node->name) == 0))
			object_expect(node->object);
}

struct map *
maps_contents_new(const struct doc_node *node)
{
	struct map_object *object = node->object;
	struct map *map = object == NULL ? NULL : object->shell;

	if (map == NULL)
		return map_new(&map) == ERR_OK ? map : NULL;
	object->shell = NULL;
	return map;
}

/* -- preparing -- */

static enum err
object_new(struct map_object **op, struct map_settings *s)
{
	struct map_object *object = calloc(1, sizeof(*object));

	if (object == NULL)
		return ERR_NOMEM;
	object->map = s->contents;
	s->contents = NULL;
	object->edits = s->edits;
	object->is_replaced = s->is_replaced;
	object->has_stale_rows = s->has_stale_rows;
	*op = object;
	return ERR_OK;
}

/* What somebody who looks things up could not take is wrong where it stands in the body. */
static enum err
edits_prepare(struct map_edits *edits, struct map_object *object, struct issues *issues)
{
	struct pointer at = { 0 };
	struct map_edit edit;
	struct diag why;
	size_t from = 0;
	bool ok = true;

	while (map_edits_next(edits, &from, &edit)) {
		size_t mark = 0;
		char key[MAP_KEY_MAX_BYTES + 1];
		enum err e = ERR_OK;

		if (edit.value.at != NULL && !edits->replaces)
			e = map_try_set(object->map, edit.key, edit.value, &why);
		if (e == ERR_OK)
			continue;
		if (e == ERR_NOMEM) {
			pointer_fini(&at);
			return e;
		}
		snprintf(key, sizeof(key), "%.*s", (int)edit.key.len, edit.key.at);
		if (!edits->is_one)
			mark = pointer_push(&at, key);
		issues_add(issues, pointer_text(&at), "%s", why.text);
		pointer_pop(&at, mark);
		ok = false;
	}
	pointer_fini(&at);
	if (!ok)
		return ERR_INVALID;
	edits->was_replaced = object->is_replaced;
	edits->was_stale = object->has_stale_rows;
	object->is_replaced |= edits->replaces;
	object->has_stale_rows = false;
	return ERR_OK;
}

/* What was the newest goes into the settings, for map_abort(). */
static void
newest_swap(struct map_object *object, struct map_settings *s)
{
	struct map_base base = object->newest;
	bool is_replaced = object->is_replaced, has_stale_rows = object->has_stale_rows;

	object->newest = s->base;
	if (s->contents != NULL) {
		object->is_replaced = s->is_replaced;
		object->has_stale_rows = s->has_stale_rows;
	}
	s->base = base;
	s->is_replaced = is_replaced;
	s->has_stale_rows = has_stale_rows;
}

enum err
map_prepare(struct plan *plan, struct plan_op *op, struct issues *issues)
{
	struct map_object *object = op->node->object;
	struct map_settings *s = op->conf;

	op->old_object = object;
	if (op->to == NULL) {
		op->node->object = NULL;
		return ERR_OK;
	}
	if (op->edits != NULL)
		return edits_prepare(op->edits, object, issues);
	if (object == NULL && object_new(&object, s) != ERR_OK)
		return ERR_NOMEM;
	op->node->object = object;
	op->prepared = s;
	op->conf = NULL;
	if (op->old_object != NULL)
		newest_swap(object, s);
	else
		object->newest = object->base = s->base;
	return ERR_OK;
}

static void
object_free(struct map_object *object)
{
	map_free(&object->shell);
	map_free(&object->map);
	free(object);
}

void
map_abort(struct plan_op *op)
{
	struct map_object *object = op->node->object;
	struct map_settings *s = op->prepared;

	if (op->edits != NULL) {
		object->is_replaced = op->edits->was_replaced;
		object->has_stale_rows = op->edits->was_stale;
	} else if (s != NULL && op->old_object != NULL) {
		newest_swap(object, s);
	} else if (s != NULL) {
		object_free(object);
	}
	op->node->object = op->old_object;
	if (s != NULL)
		map_drop(s);
	op->prepared = NULL;
}

/* -- publishing -- */

static struct map_object *retired; /* deleted, while somebody reads them */

void
maps_reap(void)
{
	struct map_object **at = &retired;

	while (*at != NULL) {
		struct map_object *object = *at;

		if (map_is_viewed(object->map)) {
			at = &object->next;
			continue;
		}
		*at = object->next;
		object_free(object);
	}
}

static void
object_retire(struct map_object *object)
{
	object->next = retired;
	retired = object;
	maps_reap();
}

/* It was found fit when it was prepared: what is left to fail is memory. */
static void
tell_failure(const struct plan_op *op, enum err e, const struct diag *why)
{
	log_msg(LOG_LEVEL_ERROR, "map %s: stored, but not in force until the next start: %s",
		op->node->name, e == ERR_INVALID ? why->text : err_text(e));
}

static void
contents_publish(struct plan_op *op, struct map_object *object, struct map **contents)
{
	struct diag why;
	enum err e = map_replace(object->map, contents, &why);

	if (e != ERR_OK)
		tell_failure(op, e, &why);
}

static void
settings_publish(struct plan_op *op, struct map_object *object, struct map_settings *s)
{
	bool is_remade = s->contents != NULL;

	object->base = object->newest;
	map_limit(object->map, (uint64_t)s->max_size);
	if (!is_remade)
		return;
	if (object->edits > 0)
		log_msg(LOG_LEVEL_WARNING,
			"/maps/%s/entries: dropped: what the map begins with is "
			"another; REST had changed %u entries",
			op->node->name, (unsigned)object->edits);
	contents_publish(op, object, &s->contents);
	object->edits = s->edits;
}

static void
edits_publish(struct plan_op *op, struct map_object *object)
{
	struct map_edits *edits = op->edits;
	struct map_edit edit;
	struct diag why;
	size_t at = 0;

	if (edits->replaces) {
		struct map *contents = edits->contents;

		edits->contents = NULL;
		contents_publish(op, object, &contents);
		map_free(&contents);
		object->edits = edits->set;
		return;
	}
	object->edits += edits->set + edits->removed;
	while (map_edits_next(edits, &at, &edit)) {
		enum err e = ERR_OK;

		if (edit.value.at == NULL)
			map_remove(object->map, edit.key);
		else
			e = map_set(object->map, edit.key, edit.value, &why);
		if (e != ERR_OK)
			tell_failure(op, e, &why);
	}
}

void
map_publish(struct plan_op *op)
{
	struct map_object *object = op->node->live_object;
	struct map_settings *s = op->prepared;

	if (op->edits != NULL) {
		edits_publish(op, object);
	} else if (op->to == NULL) {
		object_retire(op->old_object);
	} else {
		settings_publish(op, object, s);
		map_drop(s);
	}
	op->prepared = op->old_object = NULL;
}

struct map *
maps_find(struct plan *plan, const char *name)
{
	struct doc_node *node = plan_find(plan, plan->doc->root, DOC_MAP, name);
	struct map_object *object = node == NULL ? NULL : node->object;

	assert(object != NULL);
	return object->map;
}

/* -- rows for the store -- */

/* Nothing has to be known of a key that the map did not begin with: then its row goes. */
static bool
is_in_base(const struct map_object *object, const cJSON *set, struct slice key)
{
	const cJSON *entry;

	if (object->newest.has_file)
		return true; /* perhaps */
	cJSON_ArrayForEach(entry, doc_field(set, "entries"))
		if (slice_equals(slice_of(entry->string), key))
			return true;
	return false;
}

/* Those that leave a row, and those that take theirs away. */
static enum err
edits_split(const struct plan_op *op, const struct map_object *object, struct map_edits *keep,
	    struct map_edits *drop)
{
	struct map_edit edit;
	size_t at = 0;

	while (map_edits_next(op->edits, &at, &edit)) {
		bool needs_row =
			edit.value.at != NULL ||
			(!object->is_replaced && is_in_base(object, op->to->set, edit.key));

		map_edits_add(needs_row ? keep : drop, edit.key, edit.value);
	}
	return keep->packed.failed || drop->packed.failed ? ERR_NOMEM : ERR_OK;
}

static enum err
edits_store(const struct plan_op *op, const struct map_object *object, struct store_txn *st)
{
	const char *name = op->node->name;
	struct map_edits keep = { 0 }, drop = { 0 };
	enum err e;

	if (op->edits->replaces)
		return store_txn_map_edits(
			st, name, (struct slice){ op->edits->packed.at, op->edits->packed.len });
	e = edits_split(op, object, &keep, &drop);
	if (e == ERR_OK && keep.packed.len > 0)
		e = store_txn_map_edits(st, name,
					(struct slice){ keep.packed.at, keep.packed.len });
	if (e == ERR_OK && drop.packed.len > 0)
		e = store_txn_map_drop(st, name, (struct slice){ drop.packed.at, drop.packed.len });
	buf_fini(&keep.packed);
	buf_fini(&drop.packed);
	return e;
}

enum err
map_store(const struct plan *plan, const struct plan_op *op, struct store_txn *st)
{
	const struct map_object *object = op->node->object;
	const struct map_settings *s = op->conf;
	struct store_map map = { .name = slice_of(op->node->name), .revision = plan->revision };
	enum err e = ERR_OK;

	if (op->edits == NULL) {
		bool forgets = op->to == NULL || (s != NULL && s->contents != NULL &&
						  s->edits == 0 && !s->is_replaced);

		return forgets ? store_txn_map_forget(st, op->node->name) : ERR_OK;
	}
	if (op->edits->replaces || object->has_stale_rows)
		e = store_txn_map_forget(st, op->node->name);
	map.base = slice_of(object->newest.digest);
	map.is_replaced = object->is_replaced || op->edits->replaces;
	if (e == ERR_OK)
		e = store_txn_map(st, &map);
	return e == ERR_OK ? edits_store(op, object, st) : e;
}
