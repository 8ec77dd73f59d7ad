/*
 * The ways in which rules look at a map, and what they ask of it. Control, but for
 * map_view_find() and map_view_ask(), which workers call.
 */
#include "config.h"
#include <assert.h>
#include <stdlib.h>
#include "core/clock.h"
#include "core/obj.h"
#include "expr/map_priv.h"
#include "expr/match_priv.h"

#define SHOWN_BYTES 64     /* how much of a key an error shows */
#define ASKS_SLICE_US 1000 /* of what workers ask for, a turn */
#define ASKS_UNTIMED 4     /* between two looks at the clock */

/* Does the map's own set answer? */
static bool
kind_is_own(const struct match *match, bool nocase, enum sample_type value_type)
{
	return match->parse == draft_parse_text && !match->has_cuts && !nocase &&
	       (value_type == SAMPLE_STRING || value_type == SAMPLE_ANY);
}

struct map_view *
map_view_find_kind(const struct map *map, const struct match *match, bool nocase,
		   enum sample_type value_type)
{
	list_foreach(node, &map->views) {
		struct map_view *view = container_of(node, struct map_view, node);

		if (view->match == match && view->nocase == nocase &&
		    view->value_type == value_type)
			return view;
	}
	return NULL;
}

enum err
map_add_view(struct map_view **vp, struct map *map, const struct match *match, bool nocase,
	     enum sample_type value_type)
{
	struct map_view *view = calloc(1, sizeof(*view));

	if (view == NULL)
		return ERR_NOMEM;
	view->map = map;
	view->match = match;
	view->nocase = nocase;
	view->value_type = value_type;
	view->is_own = !kind_is_own(match, nocase, value_type);
	if (!view->is_own)
		atomic_init(&view->set, map_own(map));
	list_append(&map->views, &view->node);
	*vp = view;
	return ERR_OK;
}

void
map_drop_view(struct map_view *view)
{
	struct pattern_set *set = view_set(view);

	list_remove(&view->node);
	if (view->is_own)
		pattern_set_retire(&set);
	free(view);
}

enum err
map_view_fill(struct pattern_set **sp, const struct pattern_set *own, const struct map_view *kind,
	      struct diag *diag)
{
	const struct pattern *entry = NULL;
	struct pattern_set *set = NULL;
	enum err e = pattern_set_new(&set, kind->match, kind->nocase, kind->value_type, false);

	while (e == ERR_OK && (entry = pattern_set_next(own, entry)) != NULL) {
		struct pattern_change change;
		struct diag why = { "no memory" };
		char shown[SHOWN_BYTES];

		e = pattern_set_prepare(set, &change, pattern_text(entry), pattern_value(entry),
					false, true, &why);
		if (e == ERR_OK)
			pattern_set_commit(set, &change);
		else
			diag_set(diag, "the entry \"%s\": %s",
				 str_escape(shown, sizeof(shown), pattern_text(entry)), why.text);
	}
	if (e == ERR_OK)
		*sp = set;
	else if (set != NULL)
		pattern_set_free(&set);
	return e;
}

/* From the first view on workers may look; only control makes changes then. */
static void
map_go_live(struct map *map)
{
	if (map->is_live)
		return;
	map->is_live = true;
	map->control = loop_self();
	map_own(map)->is_live = true;
}

enum err
map_view_get(struct map_view **vp, struct map *map, const struct match *match, bool nocase,
	     enum sample_type value_type, struct diag *diag)
{
	struct map_view *view = map_view_find_kind(map, match, nocase, value_type);
	struct pattern_set *set = NULL;
	enum err e;

	map_go_live(map);
	if (view == NULL) {
		e = map_add_view(&view, map, match, nocase, value_type);
		if (e != ERR_OK)
			return e;
	}
	if (view->is_own && view_set(view) == NULL) {
		e = map_view_fill(&set, map_own(map), view, diag);
		if (e != ERR_OK) {
			map_drop_view(view);
			return e;
		}
		atomic_store_explicit(&view->set, set, memory_order_release);
	}
	view_set(view)->is_live = true;
	view->refs++;
	*vp = view;
	return ERR_OK;
}

void
map_view_release(struct map_view **vp)
{
	struct map_view *view = *vp;

	*vp = NULL;
	if (view == NULL)
		return;
	assert(view->refs > 0);
	if (--view->refs == 0)
		map_drop_view(view);
}

bool
map_is_viewed(const struct map *map)
{
	return !list_is_empty(&map->views);
}

bool
map_view_find(const struct map_view *view, struct eval *eval, struct sample *sample,
	      struct sample *value)
{
	return pattern_set_find(view_set(view), eval, sample, value);
}

/* -- asks -- */

/* Would it change nothing? Only if nothing is under way that could. */
static bool
ask_is_idle(const struct map *map, struct slice key, struct slice value)
{
	const struct pattern *entry;

	if (atomic_load_explicit(&map->under_way, memory_order_acquire) != 0)
		return false;
	entry = pattern_set_look(map_own(map), key);
	if (value.at == NULL || entry == NULL)
		return value.at == NULL && entry == NULL;
	return slice_equals(pattern_value(entry), value);
}

static struct map_ask *
ask_new(struct slice key, struct slice value)
{
	struct map_ask *ask = malloc(sizeof(*ask) + key.len + value.len);

	if (ask == NULL)
		return NULL;
	ask->removes = value.at == NULL;
	ask->key_len = (uint32_t)key.len;
	ask->value_len = (uint32_t)value.len;
	if (key.len != 0)
		memcpy(ask->bytes, key.at, key.len);
	if (!ask->removes && value.len != 0)
		memcpy(ask->bytes + key.len, value.at, value.len);
	return ask;
}

/*
 * True: there was none before it, so somebody must tell control. Acquire: of the exchange in
 * map_on_asks(), since when the mail is free to be sent.
 */
static bool
ask_push(struct map *map, struct map_ask *ask)
{
	struct map_ask *top = atomic_load_explicit(&map->asks, memory_order_relaxed);

	do {
		ask->next = top;
	} while (!atomic_compare_exchange_weak_explicit(&map->asks, &top, ask, memory_order_acq_rel,
							memory_order_relaxed));
	return top == NULL;
}

static enum err
map_ask(struct map *map, struct slice key, struct slice value)
{
	struct map_ask *ask;

	if (key.len > MAP_KEY_MAX_BYTES || value.len > MAP_VALUE_MAX_BYTES)
		return ERR_LIMIT;
	if (ask_is_idle(map, key, value))
		return ERR_OK;
	if (atomic_fetch_add_explicit(&map->under_way, 1, memory_order_relaxed) >= MAP_ASKS_MAX) {
		atomic_fetch_sub_explicit(&map->under_way, 1, memory_order_relaxed);
		return ERR_LIMIT;
	}
	ask = ask_new(key, value);
	if (ask == NULL) {
		atomic_fetch_sub_explicit(&map->under_way, 1, memory_order_relaxed);
		return ERR_NOMEM;
	}
	if (ask_push(map, ask))
		mailbox_send(&map->control->mailbox, &map->mail);
	return ERR_OK;
}

enum err
map_view_ask(const struct map_view *view, struct slice key, struct slice value)
{
	enum err e = map_ask(view->map, key, value);

	if (e != ERR_OK)
		atomic_fetch_add_explicit(&view->map->asks_dropped, 1, memory_order_relaxed);
	return e;
}

static void
map_do_ask(struct map *map, const struct map_ask *ask)
{
	struct slice key = { ask->bytes, ask->key_len };
	struct slice value = { ask->bytes + ask->key_len, ask->value_len };
	enum err e = ERR_OK;

	if (ask->removes)
		map_remove(map, key);
	else
		e = map_set_by_rule(map, key, value);
	if (e == ERR_OK)
		map->asks_done++;
	else if (e == ERR_LIMIT && map_count(map) < MAP_ENTRIES_MAX)
		atomic_fetch_add_explicit(&map->asks_dropped, 1, memory_order_relaxed);
	else
		map->asks_refused++;
}

/* As they came, behind those that are due. */
static void
asks_append(struct map *map, struct map_ask *ask)
{
	struct map_ask *first = NULL, *last = ask, *next;

	if (ask == NULL)
		return;
	for (; ask != NULL; ask = next) {
		next = ask->next;
		ask->next = first;
		first = ask;
	}
	*map->due_end = first;
	map->due_end = &last->next;
}

static void
due_free_first(struct map *map)
{
	struct map_ask *ask = map->due;

	map->due = ask->next;
	if (map->due == NULL)
		map->due_end = &map->due;
	free(ask);
}

/* One may be compared with all that a view has. */
void
map_on_due(struct task *task)
{
	struct map *map = container_of(task, struct map, task);
	const uint64_t until_us = clock_read_us(CLOCK_MONOTONIC) + ASKS_SLICE_US;
	uint32_t count = 0;

	while (map->due != NULL) {
		map_do_ask(map, map->due);
		due_free_first(map);
		if (++count % ASKS_UNTIMED == 0 && clock_read_us(CLOCK_MONOTONIC) >= until_us)
			break;
	}
	if (map->due != NULL)
		loop_queue(loop_self(), task);
	/* release: who sees 0 sees what was done */
	atomic_fetch_sub_explicit(&map->under_way, count, memory_order_acq_rel);
}

void
map_drop_due(struct map *map)
{
	uint32_t count = 0;

	task_cancel(&map->task);
	for (; map->due != NULL; count++)
		due_free_first(map);
	atomic_fetch_sub_explicit(&map->under_way, count, memory_order_acq_rel);
}

void
map_on_asks(struct mail *mail)
{
	struct map *map = container_of(mail, struct map, mail);

	/* from here on the next ask sends the mail again; it is ours, and free to be sent */
	asks_append(map, atomic_exchange_explicit(&map->asks, NULL, memory_order_acq_rel));
	if (!map->is_gone) {
		map_on_due(&map->task);
		return;
	}
	map_drop_due(map);
	if (atomic_load_explicit(&map->under_way, memory_order_acquire) == 0)
		map_destroy(map);
}

uint64_t
map_asks_done(const struct map *map)
{
	return map->asks_done;
}

uint64_t
map_asks_dropped(const struct map *map)
{
	return atomic_load_explicit(&map->asks_dropped, memory_order_relaxed);
}

uint64_t
map_asks_refused(const struct map *map)
{
	return map->asks_refused;
}
