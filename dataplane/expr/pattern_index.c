/*
 * Patterns that no hash finds (ranges, regular expressions, substrings), by their text: so that a
 * change of one of many is not a walk through all. The set's writer only; readers follow the list.
 *
 * It is made when the first change asks for it, as most sets are never changed; where there is no
 * memory for it, the list is searched.
 */
#include "config.h"
#include "core/obj.h"
#include "expr/match_priv.h"

/* Of all that are listed, from now on kept. NULL: no memory. */
static struct table *
index_make(struct pattern_set *set)
{
	struct table *index = table_new(2 * set->unhashed_count);
	struct pattern *p = atomic_load_explicit(&set->unhashed, memory_order_relaxed);

	for (; index != NULL && p != NULL;
	     p = atomic_load_explicit(&p->next, memory_order_relaxed))
		table_insert(index, p);
	set->by_text = index;
	return index;
}

struct pattern *
unhashed_get(struct pattern_set *set, struct slice text)
{
	struct probe probe;
	struct pattern *p;

	if (set->unhashed_count <= PATTERN_LIST_MAX ||
	    (set->by_text == NULL && index_make(set) == NULL))
		return chain_get(&set->unhashed, text);
	probe = table_probe(set->by_text, bytes_hash(text.at, text.len, false));
	while ((p = probe_next(&probe)) != NULL && !slice_equals(pattern_text(p), text))
		;
	return p;
}

void
index_free(struct pattern_set *set)
{
	table_free(set->by_text);
	set->by_text = NULL;
}

static bool
index_has_room(struct pattern_set *set)
{
	struct table *grown;

	if (!table_is_full(set->by_text))
		return true;
	grown = table_grow(set->by_text);
	index_free(set);
	set->by_text = grown;
	return grown != NULL;
}

void
unhashed_add(struct pattern_set *set, struct pattern *pattern)
{
	chain_add(&set->unhashed, &set->unhashed_last, pattern);
	set->unhashed_count++;
	if (set->by_text != NULL && index_has_room(set))
		table_insert(set->by_text, pattern);
}

/* Where no pattern of the set hashes, its order is the list's. NULL: not known, or the first. */
static struct pattern *
unhashed_before(const struct pattern_set *set, const struct pattern *pattern)
{
	if (set->match->search != NULL || pattern->order.prev == &set->order)
		return NULL;
	return container_of(pattern->order.prev, struct pattern, order);
}

void
unhashed_unlink(struct pattern_set *set, struct pattern *pattern, struct pattern *by)
{
	chain_unlink(&set->unhashed, &set->unhashed_last, unhashed_before(set, pattern), pattern,
		     by);
	if (set->by_text != NULL && by != NULL)
		table_swap(set->by_text, pattern, by);
	else if (set->by_text != NULL)
		table_remove(set->by_text, pattern);
	if (by == NULL)
		set->unhashed_count--;
}
