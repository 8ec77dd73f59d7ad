/*
 * Maps: named lists of keys, each with a value, that change while they are read (HAProxy manual, "map", "add-acl", "set-map").
 *
 * The map keeps its entries in the order in which they came; for each way in which rules look at it (a match method,
 * case ignored or not, a type of values) there is a view, which follows every change. Control is the
 * only writer; what a rule on a worker changes is mailed to it (map_ask()) and in force a moment later.
 * Readers take no lock.
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
struct pattern_set;

#define MAP_KEY_MAX_BYTES	1024
#define MAP_VALUE_MAX_BYTES	8192
#define MAP_ENTRIES_MAX		10000000

/* -- control -- */

enum err map_new(struct map **mp, const char *name);
const char *map_name(const struct map *map);
size_t map_count(const struct map *map);

/*
 * HAProxy's file format: a line an entry, "key value" (value may be missing), "#" comments, blank lines.
 * ERR_INVALID with the line's number in `diag`. Any thread, as the map is not in use yet.
 */
enum err map_load(struct map *map, struct slice text, struct diag *diag);

/* Set one (new, or another value), remove one. ERR_INVALID: some view can't take it. */
enum err map_set(struct map *map, struct slice key, struct slice value, struct diag *diag);
bool map_remove(struct map *map, struct slice key);
bool map_get(const struct map *map, struct slice key, struct slice *value);

/* In order, from behind `after` (NULL: from the front); NULL: no more. */
struct map_entry;
const struct map_entry *map_next(const struct map *map, const struct map_entry *after);
struct slice map_entry_key(const struct map_entry *entry);
struct slice map_entry_value(const struct map_entry *entry);

/* The contents of `from` instead, at once for each reader; `from` is used up. ERR_INVALID: a view can't take them. */
enum err map_replace(struct map *map, struct map **from, struct diag *diag);

/*
 * How expressions look at it: shared by all that ask alike, counted. ERR_INVALID: an entry is not fit for that method or
 * type ("line"-less: its key is named in `diag`). Given back with map_view_release().
 */
enum err map_view_get(struct map_view **vp, struct map *map, const struct match *match, bool nocase,
	enum sample_type value_type, struct diag *diag);
void map_view_release(struct map_view **vp);
void map_free(struct map **mp);		/* no view is left */

/* -- workers -- */

/* As pattern_set_find(). */
bool map_view_find(const struct map_view *view, struct eval *eval, struct sample *sample,
	struct sample *value);

/* set-map, add-acl (empty value), del-map, del-acl: `value.at` NULL removes. ERR_NOMEM, ERR_LIMIT: too many are under way. */
enum err map_view_ask(const struct map_view *view, struct slice key, struct slice value);
