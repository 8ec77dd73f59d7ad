/*
 * Maps: named lists of keys, each with a value, that change while they are read (HAProxy manual,
 * "map", "add-acl", "set-map").
 *
 * The map keeps its entries in the order in which they came; for each way in which rules look at
 * it (a match method, case ignored or not, a type of values) there is a view, which follows every
 * change. Control is the only writer; what a rule on a worker changes is mailed to it
 * (map_view_ask()) and in force a moment later. Readers take no lock.
 *
 * A key is there once. Of a file's lines with the same key the first counts and the others are
 * left out: HAProxy keeps them, but looks only at the first, sets all, and deletes all, so nobody
 * can tell but who counts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"
#include "expr/pattern.h"
#include "expr/sample.h"

struct map;
struct map_view;

#define MAP_KEY_MAX_BYTES	1024
#define MAP_VALUE_MAX_BYTES	8192
#define MAP_ENTRIES_MAX		10000000
#define MAP_ASKS_MAX		4096	/* changes by workers that are under way, of a map */
#define MAP_ENTRY_BYTES		64	/* that an entry by a rule counts beside key and value */
#define MAP_SIZE_BYTES		(64 * 1024 * 1024)	/* of all these, unless it is said */

/* -- control -- */

enum err map_new(struct map **mp);

/*
 * An empty one that has the views that `map` has now, so that map_load() on another thread does
 * all the work, and checks entries against them: for map_replace().
 */
enum err map_new_like(struct map **mp, const struct map *map);
size_t map_count(const struct map *map);

/*
 * HAProxy's file format: a line an entry, "key value". Blanks around either do not count; the
 * value is the rest of the line, or empty. Empty lines, and those whose very first byte is "#",
 * are left out. ERR_INVALID with the line's number in `diag`: a key or value is too long, or a
 * view can't take it; ERR_LIMIT: too many; ERR_NOMEM. Any thread, as long as the map is not in
 * use.
 */
enum err map_load(struct map *map, struct slice text, struct diag *diag);

/*
 * Set one (new: it goes to the end; or another value in its place), remove one. ERR_INVALID: some
 * view can't take it, or it is too long; ERR_LIMIT: too many entries; ERR_NOMEM. Nothing is
 * changed then.
 */
enum err map_set(struct map *map, struct slice key, struct slice value, struct diag *diag);
enum err map_try_set(struct map *map, struct slice key, struct slice value,
	struct diag *diag);	/* what map_set() would say; changes nothing */
bool map_remove(struct map *map, struct slice key);
bool map_get(const struct map *map, struct slice key, struct slice *value);

/*
 * In order, from behind `after` (NULL: from the front); NULL: no more. An entry holds until the
 * map is changed.
 */
struct map_entry;
const struct map_entry *map_find(const struct map *map,
				 struct slice key); /* NULL: it is not there */
const struct map_entry *map_next(const struct map *map, const struct map_entry *after);
struct slice map_entry_key(const struct map_entry *entry);
struct slice map_entry_value(const struct map_entry *entry);

/*
 * The contents of `from` instead, at once for each reader; `from` is used up, and *from NULL.
 * ERR_INVALID: a view can't take them, ERR_NOMEM; nothing is changed then, and `from` stays the
 * caller's. Takes no time if `from` was made with map_new_like(); else some 0.2 s for a million
 * entries and view.
 */
enum err map_replace(struct map *map, struct map **from, struct diag *diag);

/*
 * How expressions look at it: shared by all that ask alike, counted. ERR_INVALID: an entry is not
 * fit for that method or type (its key is named in `diag`). Given back with map_view_release().
 * Takes 0.2 s for a million entries, but no time for "str" with its case and text as values (or
 * SAMPLE_ANY): that is the map itself.
 */
enum err map_view_get(struct map_view **vp, struct map *map, const struct match *match, bool nocase,
	enum sample_type value_type, struct diag *diag);
void map_view_release(struct map_view **vp);
bool map_is_viewed(const struct map *map);	/* some view was not given back */
void map_free(struct map **mp);		/* no view is left */

/* -- workers -- */

/* As pattern_set_find(). */
bool map_view_find(const struct map_view *view, struct eval *eval, struct sample *sample,
	struct sample *value);

/*
 * set-map, add-acl (empty value), del-map, del-acl: `value.at` NULL removes. Control does it a
 * moment later, in the order in which this worker asked. What would change nothing is not sent.
 * ERR_NOMEM; ERR_LIMIT: too many are under way, or it is too long. Either is counted as dropped.
 */
enum err map_view_ask(const struct map_view *view, struct slice key, struct slice value);

/* What workers asked for and was not done: a view, or a limit, did not take it. Control. */
uint64_t map_asks_refused(const struct map *map);
uint64_t map_asks_done(const struct map *map);

/* These were dropped: they could not be asked for, or would have passed map_limit(). Control. */
uint64_t map_asks_dropped(const struct map *map);

/*
 * What entries that rules put there may take, in bytes: keys, values, and MAP_ENTRY_BYTES each.
 * What is there stays. An entry to which control gives another value is no rule's any more. Control.
 */
void map_limit(struct map *map, uint64_t bytes);
uint64_t map_rule_bytes(const struct map *map);	/* what these take now */
