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
		return unhashed_get(set, draft->text);
	if (table == NULL)
		return chain_get(&set->listed, draft->text);
	return table_get(table, bytes_hash(draft->key.at, draft->key.len, set->nocase),
			 draft->text);
}

struct pattern *
pattern_set_get(const struct pattern_set *set, struct slice text)
{
	struct draft draft = { .text = text };
	struct pattern *pattern = NULL;

	if (set->match->parse == draft_parse_regex)	/* never compiled for this */
		return unhashed_get((struct pattern_set *)set, text);
	if (set->match->parse != NULL && set->match->parse(set, &draft, NULL) == ERR_OK)
		pattern = set_get((struct pattern_set *)set, &draft);
	draft_fini(&draft);
	return pattern;
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
	p->is_by_rule = false;
	p->hash = draft->hashes ? bytes_hash(draft->key.at, draft->key.len, set->nocase)
				: bytes_hash(draft->text.at, draft->text.len, false);
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

	*change = (struct pattern_change){ 0 };
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
		unhashed_add(set, pattern);
	} else if (table != NULL) {
		table_insert(table, pattern);
	} else {
		chain_add(&set->listed, &set->listed_last, pattern);
		set->listed_count++;
	}
}

/* Take it out of what readers follow; `by` comes in its place, NULL: nothing. */
static void
set_unlink(struct pattern_set *set, struct pattern *pattern, bool hashes, struct pattern *by)
{
	struct table *table = atomic_load_explicit(&set->table, memory_order_relaxed);

	if (!hashes)
		unhashed_unlink(set, pattern, by);
	else if (table == NULL)
		chain_unlink(&set->listed, &set->listed_last, NULL, pattern, by);
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
	set_unlink(set, old, change->hashes, fresh);
	list_insert_before(&old->order, &fresh->order);
	list_remove(&old->order);
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
			index_free(set);
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
