/*
 * Sets of patterns: how they are made and changed. One writer; what readers do is in
 * pattern_find.c.
 *
 * A change is prepared, which may fail, and committed, which may not: all memory is there by then
 * (the pattern, a larger table, a list of cuts with room for another).
 */
#include "config.h"
#include <assert.h>
#include <stdlib.h>
#include "core/obj.h"
#include "expr/match_priv.h"
#include "expr/regex.h"

#define RETIRE_SLICE 256	/* patterns that one call frees */

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

static void
pattern_free(const struct pattern_set *set, struct pattern *pattern)
{
	struct regex *regex;

	if (set->match->parse == draft_parse_regex) {
		memcpy(&regex, pattern->bytes, sizeof(regex));
		regex_free(&regex);
	}
	free(pattern);
}

static bool
pattern_on_grace(struct grace *grace)
{
	free(container_of(grace, struct pattern, grace));
	return true;
}

static bool
pattern_regex_on_grace(struct grace *grace)
{
	struct pattern *pattern = container_of(grace, struct pattern, grace);
	struct regex *regex;

	memcpy(&regex, pattern->bytes, sizeof(regex));
	regex_free(&regex);
	free(pattern);
	return true;
}

/* It is in no link that readers follow. */
static void
pattern_retire(const struct pattern_set *set, struct pattern *pattern)
{
	if (!set->is_live)
		pattern_free(set, pattern);
	else if (set->match->parse == draft_parse_regex)
		grace_free(&pattern->grace, pattern_regex_on_grace);
	else
		grace_free(&pattern->grace, pattern_on_grace);
}

enum err
pattern_set_new(struct pattern_set **sp, const struct match *match, bool nocase,
	enum sample_type value_type, bool is_live)
{
	struct pattern_set *set = calloc(1, sizeof(*set));

	if (set == NULL)
		return ERR_NOMEM;
	bytes_secret_draw();
	set->match = match;
	set->takes = match->takes;
	set->holds = match->holds;
	set->takes_patterns = match->parse != NULL;
	/* what is no text has no case; a method's is judged by hold_method() */
	set->nocase = nocase && (match->cast == SAMPLE_STRING || match->cast == SAMPLE_METHOD) &&
		match->parse != draft_parse_number;
	set->is_live = is_live;
	set->value_type = value_type;
	set->has_values = value_type != SAMPLE_ANY;
	list_init(&set->order);
	*sp = set;
	return ERR_OK;
}

size_t
pattern_set_count(const struct pattern_set *set)
{
	return set->count;
}

struct pattern *
pattern_set_next(const struct pattern_set *set, const struct pattern *after)
{
	struct list *node = after != NULL ? after->order.next : set->order.next;

	return node != &set->order ? container_of(node, struct pattern, order) : NULL;
}

/* -- finding by text -- */

static struct pattern *
list_get(_Atomic(struct pattern *) *list, struct slice text)
{
	struct pattern *p = atomic_load_explicit(list, memory_order_relaxed);

	while (p != NULL && !slice_equals(pattern_text(p), text))
		p = atomic_load_explicit(&p->next, memory_order_relaxed);
	return p;
}

static struct pattern *
table_get(struct table *table, uint32_t hash, struct slice text)
{
	struct probe probe = table_probe(table, hash);
	struct pattern *p;

	while ((p = probe_next(&probe)) != NULL && !slice_equals(pattern_text(p), text))
		;
	return p;
}

static struct pattern *
set_get(struct pattern_set *set, const struct draft *draft)
{
	struct table *table = atomic_load_explicit(&set->table, memory_order_relaxed);

	if (!draft->hashes)
		return list_get(&set->unhashed, draft->text);
	if (table == NULL)
		return list_get(&set->listed, draft->text);
	return table_get(table, bytes_hash(draft->key.at, draft->key.len, set->nocase),
			 draft->text);
}

struct pattern *
pattern_set_get(const struct pattern_set *set, struct slice text)
{
	struct draft draft = { .text = text };
	struct pattern *pattern = NULL;

	if (set->match->parse == draft_parse_regex)	/* never compiled for this */
		return list_get((_Atomic(struct pattern *) *)&set->unhashed, text);
	if (set->match->parse != NULL && set->match->parse(set, &draft, NULL) == ERR_OK)
		pattern = set_get((struct pattern_set *)set, &draft);
	draft_fini(&draft);
	return pattern;
}

/* -- lists -- */

static void
list_add(_Atomic(struct pattern *) *list, struct pattern **last, struct pattern *pattern)
{
	atomic_store_explicit(*last != NULL ? &(*last)->next : list, pattern, memory_order_release);
	*last = pattern;
}

/*
 * Put `by` in the place of `pattern`, or, if that is NULL, what follows it; readers at `pattern`
 * find their way on.
 */
static void
list_unlink(_Atomic(struct pattern *) *list, struct pattern **last, struct pattern *pattern,
	struct pattern *by)
{
	_Atomic(struct pattern *) *link = list;
	struct pattern *next = atomic_load_explicit(&pattern->next, memory_order_relaxed);
	struct pattern *before = NULL, *at;

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

/* One that nobody uses costs lookups a little until the next new one comes. */
static void
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

/* Room for one more that hashes. */
static enum err
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

/* -- changes -- */

/* NULL: no memory. The draft's regular expression is the pattern's from here on. */
static struct pattern *
pattern_new(const struct pattern_set *set, struct draft *draft, struct slice value)
{
	bool text_is_key = draft->key.at == draft->text.at && draft->key.len == draft->text.len;
	size_t text_len = text_is_key ? 0 : draft->text.len;
	struct pattern *p = malloc(sizeof(*p) + draft->key.len + text_len + value.len);
	char *end;

	if (p == NULL)
		return NULL;
	atomic_init(&p->next, NULL);
	list_init(&p->order);
	p->number = 0;
	p->hash = draft->hashes ? bytes_hash(draft->key.at, draft->key.len, set->nocase) : 0;
	p->key_len = (uint32_t)draft->key.len;
	p->text_len = text_is_key ? PATTERN_TEXT_IS_KEY : (uint32_t)text_len;
	p->value_len = (uint32_t)value.len;
	end = p->bytes;
	if (draft->key.len != 0)
		end = mempcpy(end, draft->key.at, draft->key.len);
	if (text_len != 0)
		end = mempcpy(end, draft->text.at, text_len);
	if (value.len != 0)
		memcpy(end, value.at, value.len);
	draft->regex = NULL;
	return p;
}

static bool
pattern_has_value(const struct pattern *pattern, struct slice value)
{
	return slice_equals(pattern_value(pattern), value);
}

/* The draft is parsed. */
static enum err
set_prepare(struct pattern_set *set, struct pattern_change *change, struct draft *draft,
	struct slice value, bool replace, bool is_new)
{
	/* a second one in a list without values is harmless, and looking for the first is not */
	if (!is_new && (draft->hashes || set->has_values || replace))
		change->old = set_get(set, draft);
	if (change->old != NULL && (!replace || pattern_has_value(change->old, value)))
		return ERR_OK;
	change->hashes = draft->hashes;
	change->fresh = pattern_new(set, draft, value);
	if (change->fresh == NULL)
		return ERR_NOMEM;
	if (change->old != NULL || !change->hashes ||
	    set_reserve(set, pattern_key(change->fresh)) == ERR_OK)
		return ERR_OK;
	pattern_free(set, change->fresh);
	change->fresh = NULL;
	return ERR_NOMEM;
}

enum err
pattern_set_prepare(struct pattern_set *set, struct pattern_change *change, struct slice text,
	struct slice value, bool replace, bool is_new, struct diag *diag)
{
	struct draft draft = { .text = text };
	char room[PATTERN_KEY_BYTES];
	enum err e;

	*change = (struct pattern_change){ NULL };
	if (set->match->parse == NULL) {
		diag_set(diag, "\"-m %s\" takes no value", set->match->name);
		return ERR_INVALID;
	}
	if (text.len >= UINT32_MAX || value.len >= UINT32_MAX)
		return ERR_LIMIT;
	e = value_parse(set->value_type, value, &value, room, diag);
	if (e == ERR_OK && set->match->expands && set->has_values)
		e = regex_check_format(value, diag);
	if (e == ERR_OK)
		e = set->match->parse(set, &draft, diag);
	if (e == ERR_OK)
		e = set_prepare(set, change, &draft, value, replace, is_new);
	draft_fini(&draft);
	return e;
}

static void
set_insert(struct pattern_set *set, struct pattern *pattern, bool hashes)
{
	struct table *table = atomic_load_explicit(&set->table, memory_order_relaxed);

	pattern->number = set->next_number++;
	list_append(&set->order, &pattern->order);
	set->count++;
	if (!hashes) {
		list_add(&set->unhashed, &set->unhashed_last, pattern);
	} else if (table != NULL) {
		table_insert(table, pattern);
	} else {
		list_add(&set->listed, &set->listed_last, pattern);
		set->listed_count++;
	}
}

/* Take it out of what readers follow; `by` comes in its place, NULL: nothing. */
static void
set_unlink(struct pattern_set *set, struct pattern *pattern, bool hashes, struct pattern *by)
{
	struct table *table = atomic_load_explicit(&set->table, memory_order_relaxed);

	if (!hashes)
		list_unlink(&set->unhashed, &set->unhashed_last, pattern, by);
	else if (table == NULL)
		list_unlink(&set->listed, &set->listed_last, pattern, by);
	else if (by != NULL)
		table_swap(table, pattern, by);
	else
		table_remove(table, pattern);
}

void
pattern_set_commit(struct pattern_set *set, struct pattern_change *change)
{
	struct pattern *fresh = change->fresh, *old = change->old;

	change->fresh = NULL;
	if (fresh == NULL)
		return;
	if (old == NULL) {
		set_insert(set, fresh, change->hashes);
		return;
	}
	fresh->number = old->number;
	list_insert_before(&old->order, &fresh->order);
	list_remove(&old->order);
	set_unlink(set, old, change->hashes, fresh);
	pattern_retire(set, old);
}

void
pattern_set_abort(struct pattern_set *set, struct pattern_change *change)
{
	struct table *table = atomic_load_explicit(&set->table, memory_order_relaxed);

	if (change->fresh == NULL)
		return;
	if (change->old == NULL && change->hashes && table != NULL && set->match->has_cuts)
		set_drop_cut(set, pattern_key(change->fresh));
	pattern_free(set, change->fresh);
	change->fresh = NULL;
}

enum err
pattern_set_add(struct pattern_set *set, struct slice text, struct slice value, bool replace,
	struct diag *diag)
{
	struct pattern_change change;
	enum err e = pattern_set_prepare(set, &change, text, value, replace, false, diag);

	if (e == ERR_OK)
		pattern_set_commit(set, &change);
	return e;
}

/* Does a hash find it? As its draft said. */
static bool
pattern_hashes(const struct pattern_set *set, const struct pattern *pattern)
{
	const struct pattern *p = atomic_load_explicit(&set->unhashed, memory_order_relaxed);

	if (set->match->search == NULL)
		return false;
	if (set->match->parse == draft_parse_number)
		return pattern_bound(pattern, 0) == pattern_bound(pattern, 1);
	if (set->match->parse != draft_parse_net)
		return true;
	while (p != NULL && p != pattern)
		p = atomic_load_explicit(&p->next, memory_order_relaxed);
	return p == NULL;
}

static void
set_remove(struct pattern_set *set, struct pattern *pattern)
{
	bool hashes = pattern_hashes(set, pattern);
	struct table *table = atomic_load_explicit(&set->table, memory_order_relaxed);

	set_unlink(set, pattern, hashes, NULL);
	if (hashes && table == NULL)
		set->listed_count--;
	if (hashes && table != NULL && set->match->has_cuts)
		set_drop_cut(set, pattern_key(pattern));
	list_remove(&pattern->order);
	set->count--;
	pattern_retire(set, pattern);
}

bool
pattern_set_remove(struct pattern_set *set, struct slice text)
{
	struct pattern *pattern;
	bool was_there = false;

	/* more than one where nobody looked for the first */
	while ((pattern = pattern_set_get(set, text)) != NULL) {
		set_remove(set, pattern);
		was_there = true;
		if (set->has_values)
			break;
	}
	return was_there;
}

/* -- the end -- */

/* At most `count` patterns; true: that was all, and the rest went too. */
static bool
set_free_some(struct pattern_set *set, size_t count)
{
	while (count-- > 0) {
		struct pattern *pattern = pattern_set_next(set, NULL);

		if (pattern == NULL) {
			table_free(atomic_load_explicit(&set->table, memory_order_relaxed));
			free(atomic_load_explicit(&set->cuts, memory_order_relaxed));
			free(set);
			return true;
		}
		list_remove(&pattern->order);
		pattern_free(set, pattern);
	}
	return false;
}

static bool
set_on_grace(struct grace *grace)
{
	return set_free_some(container_of(grace, struct pattern_set, grace), RETIRE_SLICE);
}

void
pattern_set_retire(struct pattern_set **sp)
{
	struct pattern_set *set = *sp;

	*sp = NULL;
	if (set == NULL)
		return;
	if (set->is_live)
		grace_free(&set->grace, set_on_grace);
	else
		pattern_set_free(&set);
}

void
pattern_set_free(struct pattern_set **sp)
{
	struct pattern_set *set = *sp;

	*sp = NULL;
	if (set != NULL)
		set_free_some(set, SIZE_MAX);
}
