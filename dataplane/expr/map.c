/*
 * Maps: their entries. Control is the only writer; map_load() runs on any thread before the map
 * is in use.
 *
 * A change is prepared in each set, which may fail, and then made in all. So no view has what the
 * map has not.
 */
#include "config.h"
#include <assert.h>
#include <stdlib.h>
#include "core/obj.h"
#include "expr/map_priv.h"

static enum err
map_new_set(struct pattern_set **sp, bool is_live)
{
	return pattern_set_new(sp, match_find(SLICE("str")), false, SAMPLE_STRING, is_live);
}

enum err
map_new(struct map **mp)
{
	struct map *map = calloc(1, sizeof(*map));
	struct pattern_set *own = NULL;

	if (map == NULL)
		return ERR_NOMEM;
	list_init(&map->views);
	map->mail.deliver = map_on_asks;
	map->due_end = &map->due;
	map->rule_bytes_max = MAP_SIZE_BYTES;
	task_init(&map->task, map_on_due);
	if (map_new_set(&own, false) != ERR_OK) {
		map_destroy(map);
		return ERR_NOMEM;
	}
	atomic_init(&map->own, own);
	*mp = map;
	return ERR_OK;
}

enum err
map_new_like(struct map **mp, const struct map *map)
{
	struct map *like = NULL;
	enum err e = map_new(&like);

	if (e != ERR_OK)
		return e;
	list_foreach(node, &map->views) {
		struct map_view *view = container_of(node, struct map_view, node), *copy;

		e = map_add_view(&copy, like, view->match, view->nocase, view->value_type);
		if (e == ERR_OK && copy->is_own) {
			struct pattern_set *set = NULL;

			e = pattern_set_new(&set, view->match, view->nocase, view->value_type,
					    false);
			atomic_store_explicit(&copy->set, set, memory_order_relaxed);
		}
		if (e != ERR_OK) {
			map_destroy(like);
			return e;
		}
	}
	*mp = like;
	return ERR_OK;
}

size_t
map_count(const struct map *map)
{
	return pattern_set_count(map_own(map));
}

/* -- entries: the patterns of the map's own set -- */

static const struct map_entry *
entry_of(const struct pattern *pattern)
{
	return (const struct map_entry *)pattern;
}

static const struct pattern *
pattern_of(const struct map_entry *entry)
{
	return (const struct pattern *)entry;
}

const struct map_entry *
map_find(const struct map *map, struct slice key)
{
	return entry_of(pattern_set_get(map_own(map), key));
}

const struct map_entry *
map_next(const struct map *map, const struct map_entry *after)
{
	return entry_of(pattern_set_next(map_own(map), pattern_of(after)));
}

struct slice
map_entry_key(const struct map_entry *entry)
{
	return pattern_text(pattern_of(entry));
}

struct slice
map_entry_value(const struct map_entry *entry)
{
	return pattern_value(pattern_of(entry));
}

bool
map_get(const struct map *map, struct slice key, struct slice *value)
{
	const struct map_entry *entry = map_find(map, key);

	if (entry != NULL)
		*value = map_entry_value(entry);
	return entry != NULL;
}

/* -- changes -- */

static enum err
map_check(const struct map *map, struct slice key, struct slice value, struct diag *diag)
{
	if (key.len > MAP_KEY_MAX_BYTES) {
		diag_set(diag, "a key has at most %d bytes, not %zu", MAP_KEY_MAX_BYTES, key.len);
		return ERR_INVALID;
	}
	if (value.len > MAP_VALUE_MAX_BYTES) {
		diag_set(diag, "a value has at most %d bytes, not %zu", MAP_VALUE_MAX_BYTES,
			 value.len);
		return ERR_INVALID;
	}
	return ERR_OK;
}

static void
map_abort(struct map *map, struct list *end, struct pattern_change *change)
{
	for (struct list *node = map->views.next; node != end; node = node->next) {
		struct map_view *view = container_of(node, struct map_view, node);

		if (view->is_own)
			pattern_set_abort(view_set(view), &view->change);
	}
	pattern_set_abort(map_own(map), change);
}

/* 0: control put it there, or nobody. */
static uint64_t
rule_bytes_of(const struct pattern *pattern)
{
	if (pattern == NULL || !pattern->is_by_rule)
		return 0;
	return MAP_ENTRY_BYTES + pattern_text(pattern).len + pattern->value_len;
}

/* Marks it, if so. False: it is a rule's, and too much. */
static bool
change_is_paid(struct map *map, const struct pattern_change *change, bool by_rule)
{
	uint64_t now = map->rule_bytes - rule_bytes_of(change->old), then;

	change->fresh->is_by_rule = by_rule;
	then = now + rule_bytes_of(change->fresh);
	return !by_rule || then <= map->rule_bytes_max || then <= map->rule_bytes;
}

static void
map_commit(struct map *map, struct pattern_change *change)
{
	map->rule_bytes += rule_bytes_of(change->fresh) - rule_bytes_of(change->old);
	list_foreach(node, &map->views) {
		struct map_view *view = container_of(node, struct map_view, node);

		if (view->is_own)
			pattern_set_commit(view_set(view), &view->change);
	}
	pattern_set_commit(map_own(map), change);
}

enum put {
	PUT_FIRST,	/* of a file: a key that is there keeps its value */
	PUT,
	PUT_BY_RULE,
	PUT_TRIAL,	/* it is prepared, not done */
};

static enum err
map_put(struct map *map, struct slice key, struct slice value, enum put how, struct diag *diag)
{
	struct pattern_change change;
	bool is_new;
	enum err e = pattern_set_prepare(map_own(map), &change, key, value, how != PUT_FIRST,
					 false, diag);

	if (e != ERR_OK || change.fresh == NULL)
		return e;
	is_new = change.old == NULL;
	if (is_new && map_count(map) >= MAP_ENTRIES_MAX) {
		diag_set(diag, "a map has at most %d entries", MAP_ENTRIES_MAX);
		e = ERR_LIMIT;
		map_abort(map, map->views.next, &change);
		return e;
	}
	if (!change_is_paid(map, &change, how == PUT_BY_RULE)) {
		map_abort(map, map->views.next, &change);
		return ERR_LIMIT;
	}
	list_foreach(node, &map->views) {
		struct map_view *view = container_of(node, struct map_view, node);

		if (view->is_own)
			e = pattern_set_prepare(view_set(view), &view->change, key, value, true,
						is_new, diag);
		if (e != ERR_OK) {
			map_abort(map, node, &change);
			return e;
		}
	}
	if (how == PUT_TRIAL)
		map_abort(map, &map->views, &change);
	else
		map_commit(map, &change);
	return ERR_OK;
}

enum err
map_set(struct map *map, struct slice key, struct slice value, struct diag *diag)
{
	enum err e = map_check(map, key, value, diag);

	return e == ERR_OK ? map_put(map, key, value, PUT, diag) : e;
}

enum err
map_set_by_rule(struct map *map, struct slice key, struct slice value)
{
	enum err e = map_check(map, key, value, NULL);

	return e == ERR_OK ? map_put(map, key, value, PUT_BY_RULE, NULL) : e;
}

void
map_limit(struct map *map, uint64_t bytes)
{
	map->rule_bytes_max = bytes;
}

uint64_t
map_rule_bytes(const struct map *map)
{
	return map->rule_bytes;
}

enum err
map_try_set(struct map *map, struct slice key, struct slice value, struct diag *diag)
{
	enum err e = map_check(map, key, value, diag);

	return e == ERR_OK ? map_put(map, key, value, PUT_TRIAL, diag) : e;
}

bool
map_remove(struct map *map, struct slice key)
{
	const struct pattern *entry = pattern_set_get(map_own(map), key);

	if (entry == NULL)
		return false;
	map->rule_bytes -= rule_bytes_of(entry);
	pattern_set_remove(map_own(map), key);
	list_foreach(node, &map->views) {
		struct map_view *view = container_of(node, struct map_view, node);

		if (view->is_own)
			pattern_set_remove(view_set(view), key);
	}
	return true;
}

/* -- from a file -- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Up to, without, its end; `text` moves behind that. */
static struct slice
line_take(struct slice *text)
{
	const char *end = memchr(text->at, '\n', text->len);
	struct slice line = { text->at, end != NULL ? (size_t)(end - text->at) : text->len };
	const char *cr;

	text->at += line.len + (end != NULL);
	text->len -= line.len + (end != NULL);
	cr = line.len != 0 ? memchr(line.at, '\r', line.len) : NULL;
	if (cr != NULL)
		line.len = (size_t)(cr - line.at);	/* HAProxy's lines end there */
	return line;
}

/* False: nothing is in it. */
static bool
line_split(struct slice line, struct slice *key, struct slice *value)
{
	const char *at = line.at, *end = line.at + line.len;

	if (line.len == 0 || *at == '#')
		return false;
	while (at < end && is_blank(*at))
		at++;
	key->at = at;
	while (at < end && !is_blank(*at))
		at++;
	key->len = (size_t)(at - key->at);
	while (at < end && is_blank(*at))
		at++;
	while (end > at && is_blank(end[-1]))
		end--;
	*value = (struct slice){ at, (size_t)(end - at) };
	return key->len != 0;
}

enum err
map_load(struct map *map, struct slice text, struct diag *diag)
{
	size_t number = 0;

	assert(!map->is_live);
	while (text.len != 0) {
		struct slice key, value;
		struct diag why = { "no memory" };
		enum err e;

		number++;
		if (!line_split(line_take(&text), &key, &value))
			continue;
		e = map_check(map, key, value, &why);
		if (e == ERR_OK)
			e = map_put(map, key, value, PUT_FIRST, &why);
		if (e != ERR_OK) {
			diag_set(diag, "line %zu: %s", number, why.text);
			return e;
		}
	}
	return ERR_OK;
}

/* -- all at once -- */

/* For each view what it will look into. */
static enum err
map_prepare_replace(struct map *map, struct map *from, struct diag *diag)
{
	list_foreach(node, &map->views) {
		struct map_view *view = container_of(node, struct map_view, node), *ready;
		enum err e;

		if (!view->is_own) {
			view->next = map_own(from);
			continue;
		}
		ready = map_view_find_kind(from, view->match, view->nocase, view->value_type);
		if (ready != NULL) {
			view->next = view_set(ready);
			continue;
		}
		view->next = NULL;
		e = map_add_view(&ready, from, view->match, view->nocase, view->value_type);
		if (e != ERR_OK)
			return e;
		e = map_view_fill(&view->next, map_own(from), ready, diag);
		if (e != ERR_OK) {
			map_drop_view(ready);
			return e;
		}
		atomic_store_explicit(&ready->set, view->next, memory_order_relaxed);
	}
	return ERR_OK;
}

enum err
map_replace(struct map *map, struct map **from, struct diag *diag)
{
	enum err e = map_prepare_replace(map, *from, diag);
	struct pattern_set *old;

	if (e != ERR_OK)
		return e;
	list_foreach(node, &map->views) {
		struct map_view *view = container_of(node, struct map_view, node), *ready;

		old = view_set(view);
		view->next->is_live = map->is_live;
		atomic_store_explicit(&view->set, view->next, memory_order_release);
		if (!view->is_own)
			continue;
		pattern_set_retire(&old);
		ready = map_view_find_kind(*from, view->match, view->nocase, view->value_type);
		atomic_store_explicit(&ready->set, NULL, memory_order_relaxed);
	}
	old = map_own(map);
	map_own(*from)->is_live = map->is_live;
	map->rule_bytes = (*from)->rule_bytes;
	atomic_store_explicit(&map->own, map_own(*from), memory_order_release);
	atomic_store_explicit(&(*from)->own, NULL, memory_order_relaxed);
	pattern_set_retire(&old);
	map_destroy(*from);
	*from = NULL;
	return ERR_OK;
}

/* -- the end -- */

void
map_destroy(struct map *map)
{
	struct pattern_set *own = map_own(map);

	list_foreach_safe(node, &map->views)
		map_drop_view(container_of(node, struct map_view, node));
	pattern_set_retire(&own);
	free(map);
}

void
map_free(struct map **mp)
{
	struct map *map = *mp;

	*mp = NULL;
	if (map == NULL)
		return;
	list_foreach(node, &map->views)
		assert(container_of(node, struct map_view, node)->refs == 0);
	/* asks that are under way come home first */
	map->is_gone = true;
	map_drop_due(map);
	if (atomic_load_explicit(&map->under_way, memory_order_acquire) == 0)
		map_destroy(map);
}
