/*
 * What a map is made of: a set of its own ("str", with case, text as values), which has the order
 * and is the view of all who look at it in just that way; and a set for each other way.
 */
#pragma once

#include "core/list.h"
#include "core/loop.h"
#include "expr/map.h"
#include "expr/pattern_priv.h"

struct map_view {
	_Atomic(struct pattern_set *)
		set; /* the map's own, or its; workers read it, control swaps it */
	struct map		*map;
	struct list		 node;		/* of map->views */
	const struct match	*match;
	bool			 nocase;
	enum sample_type	 value_type;
	bool			 is_own;	/* `set` is its, not the map's */
	uint32_t		 refs;		/* control's */
	union {
		struct pattern_change	 change;	/* map_set() */
		struct pattern_set	*next;		/* map_replace() */
	};
};

/* What a worker asks for; control frees it. */
struct map_ask {
	struct map_ask	*next;
	bool		 removes;
	uint32_t	 key_len, value_len;
	char		 bytes[];
};

struct map {
	_Atomic(struct pattern_set *) own;	/* workers look into it before they ask */
	struct list		 views;		/* control's */
	bool			 is_live;	/* some view was given: workers may look */
	bool			 is_gone;	/* freed once `mail` has come home */

	/* asks: pushed by workers, taken whole by control; whoever finds none sends the mail */
	_Atomic(struct map_ask *) asks;
	_Atomic(uint32_t)	 under_way;
	struct mail		 mail;
	struct loop		*control;	/* set before any view is given */
	struct map_ask		*due, **due_end; /* control's: in order; `task` does some of them a turn */
	struct task		 task;
	uint64_t		 asks_done, asks_refused;
	_Atomic(uint64_t)	 asks_dropped;
	uint64_t		 rule_bytes, rule_bytes_max; /* of entries by rules; control's */
};

static inline struct pattern_set *
map_own(const struct map *map)
{
	return atomic_load_explicit(&map->own, memory_order_acquire);
}

static inline struct pattern_set *
view_set(const struct map_view *view)
{
	return atomic_load_explicit(&view->set, memory_order_acquire);
}

/* What a rule asked for: as map_set(). ERR_LIMIT: no more bytes for rules, too. */
enum err map_set_by_rule(struct map *map, struct slice key, struct slice value);

/* A view in its list, without entries. */
enum err map_add_view(struct map_view **vp, struct map *map, const struct match *match, bool nocase,
	enum sample_type value_type);
void map_drop_view(struct map_view *view);

/*
 * What `own` has as a set of that view's kind. ERR_INVALID: an entry is not fit, `diag` names it.
 */
enum err map_view_fill(struct pattern_set **sp, const struct pattern_set *own,
		       const struct map_view *kind, struct diag *diag);

/* NULL: it has none of that kind. */
struct map_view *map_view_find_kind(const struct map *map, const struct match *match, bool nocase,
	enum sample_type value_type);

/* Control: what workers asked for; some of it; none of it any more. */
void map_on_asks(struct mail *mail);
void map_on_due(struct task *task);
void map_drop_due(struct map *map);
void map_destroy(struct map *map);
