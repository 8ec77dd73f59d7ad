/*
 * What readers of a set follow, changed under their eyes: lists, the list of cuts, the table. The
 * set's writer only.
 */
#include "config.h"
#include <stdlib.h>
#include "core/obj.h"
#include "expr/match_priv.h"

static bool
table_on_grace(struct grace *grace)
{
	table_free(container_of(grace, struct table, grace));
	return true;
}

static bool
cuts_on_grace(struct grace *grace)
{
	free(container_of(grace, struct cuts, grace));
	return true;
}

/* -- lists -- */

void
chain_add(_Atomic(struct pattern *) *list, struct pattern **last, struct pattern *pattern)
{
	atomic_store_explicit(*last != NULL ? &(*last)->next : list, pattern, memory_order_release);
	*last = pattern;
}

void
chain_unlink(_Atomic(struct pattern *) *list, struct pattern **last, struct pattern *before,
	struct pattern *pattern, struct pattern *by)
{
	_Atomic(struct pattern *) *link = before != NULL ? &before->next : list;
	struct pattern *next = atomic_load_explicit(&pattern->next, memory_order_relaxed), *at;

	while ((at = atomic_load_explicit(link, memory_order_relaxed)) != pattern) {
		before = at;
		link = &at->next;
	}
	if (by != NULL)
		atomic_store_explicit(&by->next, next, memory_order_relaxed);
	atomic_store_explicit(link, by != NULL ? by : next, memory_order_release);
	if (*last == pattern)
		*last = by != NULL ? by : before;
}

struct pattern *
chain_get(_Atomic(struct pattern *) *list, struct slice text)
{
	struct pattern *p = atomic_load_explicit(list, memory_order_relaxed);

	while (p != NULL && !slice_equals(pattern_text(p), text))
		p = atomic_load_explicit(&p->next, memory_order_relaxed);
	return p;
}

/* -- cuts -- */

static struct cut
cut_of(const struct pattern_set *set, struct slice key)
{
	struct cut cut = { .users = 1, .len = (uint32_t)key.len };

	if (set->match->parse != draft_parse_net)
		return cut;
	cut.mask_len = (uint8_t)(key.len / 2);
	memcpy(cut.mask, key.at + cut.mask_len, cut.mask_len);
	cut.len = 0;
	for (unsigned i = 0; i < cut.mask_len; i++)
		cut.len += (unsigned)__builtin_popcount(cut.mask[i]);
	return cut;
}

static struct cut *
cuts_find(struct cuts *cuts, const struct cut *cut)
{
	for (uint32_t i = 0; cuts != NULL && i < cuts->count; i++) {
		struct cut *at = &cuts->at[i];

		if (at->len == cut->len && at->mask_len == cut->mask_len)
			return at;
	}
	return NULL;
}

/* The old ones that are used, and `cut`, in order. NULL: no memory. */
static struct cuts *
cuts_with(const struct cuts *old, const struct cut *cut)
{
	uint32_t count = old != NULL ? old->count : 0;
	struct cuts *cuts = malloc(sizeof(*cuts) + (count + 1) * sizeof(cuts->at[0]));
	bool is_in = false;

	if (cuts == NULL)
		return NULL;
	cuts->count = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (old->at[i].users == 0)
			continue;
		if (!is_in && old->at[i].len < cut->len) {
			cuts->at[cuts->count++] = *cut;
			is_in = true;
		}
		cuts->at[cuts->count++] = old->at[i];
	}
	if (!is_in)
		cuts->at[cuts->count++] = *cut;
	return cuts;
}

/* Count one more pattern of that cut; a cut that is new is published. */
static enum err
set_add_cut(struct pattern_set *set, struct slice key)
{
	struct cuts *old = atomic_load_explicit(&set->cuts, memory_order_relaxed), *cuts;
	struct cut cut = cut_of(set, key), *known = cuts_find(old, &cut);

	if (known != NULL) {
		known->users++;
		return ERR_OK;
	}
	cuts = cuts_with(old, &cut);
	if (cuts == NULL)
		return ERR_NOMEM;
	atomic_store_explicit(&set->cuts, cuts, memory_order_release);
	if (old != NULL && set->is_live)
		grace_free(&old->grace, cuts_on_grace);
	else
		free(old);
	return ERR_OK;
}

void
set_drop_cut(struct pattern_set *set, struct slice key)
{
	struct cut cut = cut_of(set, key);

	cuts_find(atomic_load_explicit(&set->cuts, memory_order_relaxed), &cut)->users--;
}

/* -- the table -- */

/*
 * The listed patterns as a table; readers who are on the list stay there, it is whole to its end.
 */
static enum err
set_make_table(struct pattern_set *set)
{
	struct table *table = table_new(2 * PATTERN_LIST_MAX);
	struct pattern *p = atomic_load_explicit(&set->listed, memory_order_relaxed);

	if (table == NULL)
		return ERR_NOMEM;
	for (; p != NULL; p = atomic_load_explicit(&p->next, memory_order_relaxed)) {
		if (set->match->has_cuts && set_add_cut(set, pattern_key(p)) != ERR_OK) {
			/*
			 * what was counted is counted anew by the next try: too many, which is
			 * harmless
			 */
			table_free(table);
			return ERR_NOMEM;
		}
		table_insert(table, p);
	}
	atomic_store_explicit(&set->table, table, memory_order_release);
	return ERR_OK;
}

static enum err
set_grow_table(struct pattern_set *set, struct table *table)
{
	struct table *grown = table_grow(table);

	if (grown == NULL)
		return ERR_NOMEM;
	atomic_store_explicit(&set->table, grown, memory_order_release);
	if (set->is_live)
		grace_free(&table->grace, table_on_grace);
	else
		table_free(table);
	return ERR_OK;
}

enum err
set_reserve(struct pattern_set *set, struct slice key)
{
	struct table *table = atomic_load_explicit(&set->table, memory_order_relaxed);
	enum err e = ERR_OK;

	if (table == NULL && set->listed_count < PATTERN_LIST_MAX)
		return ERR_OK;
	if (table == NULL)
		e = set_make_table(set);
	else if (table_is_full(table))
		e = set_grow_table(set, table);
	if (e == ERR_OK && set->match->has_cuts)
		e = set_add_cut(set, key);
	return e;
}
