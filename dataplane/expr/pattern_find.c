/*
 * Looking up a sample in a set. Workers, for each request, without a lock and without memory.
 *
 * Where the set has values the best pattern counts, which is the method's (the longest prefix,
 * the narrowest network) or the one that came first, as in HAProxy; where it has none any will
 * do.
 */
#include "config.h"
#include "expr/match_priv.h"
#include "expr/regex.h"

#define EXPANDED_MAX_BYTES 8192	/* of a value with groups */

const struct pattern *
pattern_better(const struct pattern_set *set, const struct pattern *a, const struct pattern *b,
	       const struct sample *sample)
{
	uint32_t rank_a, rank_b;

	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	if (set->match->rank != NULL) {
		rank_a = set->match->rank(a, sample);
		rank_b = set->match->rank(b, sample);
		if (rank_a != rank_b)
			return rank_a > rank_b ? a : b;
	}
	return a->number <= b->number ? a : b;
}

static const struct pattern *
list_search(const struct pattern_set *set, const _Atomic(struct pattern *) *list,
	const struct sample *sample)
{
	const struct pattern *p = atomic_load_explicit(list, memory_order_acquire), *best = NULL;

	for (; p != NULL; p = atomic_load_explicit(&p->next, memory_order_acquire)) {
		if (!set->holds(set, p, sample))
			continue;
		if (!set->has_values || set->match->rank == NULL)
			return p;	/* the list is in order */
		best = pattern_better(set, best, p, sample);
	}
	return best;
}

const struct pattern *
pattern_set_search(const struct pattern_set *set, const struct sample *sample)
{
	const struct table *table = atomic_load_explicit(&set->table, memory_order_acquire);
	const struct pattern *best, *other;

	if (table == NULL)
		best = list_search(set, &set->listed, sample);
	else
		best = set->match->search(set, table, sample);
	if (best != NULL && !set->has_values)
		return best;
	other = list_search(set, &set->unhashed, sample);
	return pattern_better(set, best, other, sample);
}

/* The first of that key. Of several (case, other spellings) the lowest number, if that matters. */
static const struct pattern *
table_look(const struct pattern_set *set, const struct table *table, struct slice key)
{
	struct probe probe = table_probe(table, bytes_hash(key.at, key.len, set->nocase));
	const struct pattern *p, *best = NULL;

	while ((p = probe_next(&probe)) != NULL) {
		if (p->key_len != key.len || !bytes_equal(p->bytes, key.at, key.len, set->nocase))
			continue;
		if (!set->has_values)
			return p;
		if (best == NULL || p->number < best->number)
			best = p;
	}
	return best;
}

const struct pattern *
pattern_set_look(const struct pattern_set *set, struct slice text)
{
	const struct sample sample = { .type = SAMPLE_STRING, .text = text };
	const struct table *table = atomic_load_explicit(&set->table, memory_order_acquire);

	return table != NULL ? table_look(set, table, text) :
		list_search(set, &set->listed, &sample);
}

const struct pattern *
table_search_text(const struct pattern_set *set, const struct table *table,
	const struct sample *sample)
{
	return table_look(set, table, sample->text);
}

static const struct pattern *
table_look_number(const struct pattern_set *set, const struct table *table, int64_t number)
{
	const int64_t key[2] = { number, number };

	return table_look(set, table, (struct slice){ (const char *)key, sizeof(key) });
}

const struct pattern *
table_search_number(const struct pattern_set *set, const struct table *table,
	const struct sample *sample)
{
	return table_look_number(set, table, sample->number);
}

const struct pattern *
table_search_length(const struct pattern_set *set, const struct table *table,
	const struct sample *sample)
{
	return table_look_number(set, table, (int64_t)sample->text.len);
}

static const struct cuts *
set_cuts(const struct pattern_set *set)
{
	return atomic_load_explicit(&set->cuts, memory_order_acquire);
}

const struct pattern *
table_search_prefix(const struct pattern_set *set, const struct table *table,
	const struct sample *sample)
{
	const struct cuts *cuts = set_cuts(set);

	for (uint32_t i = 0; i < cuts->count; i++) {
		const struct pattern *p;

		if (cuts->at[i].len > sample->text.len)
			continue;
		p = table_look(set, table, (struct slice){ sample->text.at, cuts->at[i].len });
		if (p != NULL)
			return p;	/* the longest */
	}
	return NULL;
}

const struct pattern *
table_search_suffix(const struct pattern_set *set, const struct table *table,
	const struct sample *sample)
{
	const char *end = sample->text.at + sample->text.len;
	const struct cuts *cuts = set_cuts(set);
	const struct pattern *best = NULL;

	for (uint32_t i = 0; i < cuts->count; i++) {
		size_t len = cuts->at[i].len;

		if (len > sample->text.len)
			continue;
		best = pattern_better(set, best,
			table_look(set, table, (struct slice){ end - len, len }), sample);
		if (best != NULL && !set->has_values)
			return best;
	}
	return best;
}

/* Those that begin with `rest` and end at a delimiter. */
static const struct pattern *
table_search_portion(const struct pattern_set *set, const struct table *table, struct slice rest,
	const struct sample *sample)
{
	const struct cuts *cuts = set_cuts(set);
	const struct pattern *best = NULL;

	for (uint32_t i = 0; i < cuts->count; i++) {
		size_t len = cuts->at[i].len;

		if (len > rest.len ||
		    (len < rest.len && !is_delimiter(set, rest.at[len])))
			continue;
		best = pattern_better(set, best,
			table_look(set, table, (struct slice){ rest.at, len }), sample);
		if (best != NULL && !set->has_values)
			return best;
	}
	return best;
}

const struct pattern *
table_search_portions(const struct pattern_set *set, const struct table *table,
	const struct sample *sample)
{
	struct slice in = sample->text;
	const struct pattern *best = NULL;

	for (size_t i = 0; i < in.len; i++) {
		if (i != 0 && !is_delimiter(set, in.at[i - 1]))
			continue;
		best = pattern_better(set, best, table_search_portion(set, table,
			(struct slice){ in.at + i, in.len - i }, sample), sample);
		if (best != NULL && !set->has_values)
			return best;
	}
	return best;
}

/* Networks of one family that have the address; the narrowest. */
static const struct pattern *
table_search_family(const struct pattern_set *set, const struct table *table, const uint8_t *addr,
	uint8_t len)
{
	const struct cuts *cuts = set_cuts(set);
	uint8_t key[PATTERN_KEY_BYTES];

	for (uint32_t i = 0; i < cuts->count; i++) {
		const struct cut *cut = &cuts->at[i];
		const struct pattern *p;

		if (cut->mask_len != len)
			continue;
		for (unsigned k = 0; k < len; k++)
			key[k] = addr[k] & cut->mask[k];
		memcpy(key + len, cut->mask, len);
		p = table_look(set, table, (struct slice){ (const char *)key, 2U * len });
		if (p != NULL)
			return p;
	}
	return NULL;
}

/* The address's own family first, then the other, as in HAProxy. */
const struct pattern *
table_search_net(const struct pattern_set *set, const struct table *table,
	const struct sample *sample)
{
	const struct ip *ip = &sample->ip;
	const struct pattern *p = NULL;
	uint8_t ip4[4];

	if (!ip->is_ipv4)
		p = table_search_family(set, table, ip->bytes, 16);
	if (p == NULL && ip_inside(ip, ip4))
		p = table_search_family(set, table, ip4, 4);
	if (p == NULL && ip->is_ipv4)
		p = table_search_family(set, table, ip->bytes, 16);
	return p;
}

/* The value is a format of groups: made in the evaluation's room. */
static bool
value_expand(const struct pattern *pattern, struct slice format, struct eval *eval,
	const struct sample *sample, struct slice *text)
{
	size_t size = eval->room.left < EXPANDED_MAX_BYTES ? eval->room.left : EXPANDED_MAX_BYTES;
	struct regex_groups groups;
	size_t len;
	char *out;

	if (size == 0 || !regex_match(pattern_regex(pattern), sample->text, &groups))
		return false;
	out = eval_take(eval, size);
	if (out == NULL)
		return false;
	if (regex_expand(out, size, &len, format, &groups) != ERR_OK) {
		eval_trim(eval, out);
		return false;
	}
	eval_trim(eval, out + len);
	*text = (struct slice){ out, len };
	return true;
}

bool
pattern_give_value(const struct pattern_set *set, const struct pattern *pattern, struct eval *eval,
	const struct sample *sample, struct sample *value)
{
	struct slice bytes = pattern_value(pattern);

	*value = (struct sample){ .type = set->value_type };
	switch (set->value_type) {
	case SAMPLE_ANY:
		return false;
	case SAMPLE_BOOL:
	case SAMPLE_INT:
		memcpy(&value->number, bytes.at, sizeof(value->number));
		return true;
	case SAMPLE_IP:
		memcpy(&value->ip, bytes.at, sizeof(value->ip));
		return true;
	case SAMPLE_STRING:
	case SAMPLE_BINARY:
	case SAMPLE_METHOD:
		value->text = bytes;
		return !set->match->expands ||
		       value_expand(pattern, bytes, eval, sample, &value->text);
	}
	return false;
}

/* Does any of the list hold? */
static inline bool
list_has(const struct pattern_set *set, const _Atomic(struct pattern *) *list,
	 const struct sample *sample)
{
	const struct pattern *p = atomic_load_explicit(list, memory_order_acquire);

	while (p != NULL && !set->holds(set, p, sample))
		p = atomic_load_explicit(&p->next, memory_order_acquire);
	return p != NULL;
}

/* pattern_set_search() where any will do: a condition's few patterns are compared right here. */
static inline bool
set_has(const struct pattern_set *set, const struct sample *sample)
{
	const struct table *table = atomic_load_explicit(&set->table, memory_order_acquire);

	if (table == NULL ? list_has(set, &set->listed, sample) :
		set->match->search(set, table, sample) != NULL)
		return true;
	return list_has(set, &set->unhashed, sample);
}

bool
pattern_set_find(const struct pattern_set *set, struct eval *eval, struct sample *sample,
	struct sample *value)
{
	const struct pattern *pattern;

	if ((set->takes & 1U << sample->type) == 0 && !sample_cast(eval, sample, set->match->cast))
		return false;
	if (!set->takes_patterns)
		return set->holds(set, NULL, sample);
	if (!set->has_values)
		return set_has(set, sample);
	pattern = pattern_set_search(set, sample);
	if (pattern == NULL || value == NULL)
		return pattern != NULL;
	return pattern_give_value(set, pattern, eval, sample, value);
}
