/*
 * What a set of patterns is made of.
 *
 * A pattern is one piece of memory, and does not change once readers can see it: another value is
 * another pattern in its place. Few patterns are a list, which is as fast as anything; more that
 * hash are in a table of their keys. Those that no hash finds (ranges, regular expressions,
 * substrings) are always a list.
 *
 * Of a writer's stores to links that readers follow each is a release, and the reader's load of
 * the same link an acquire: what he finds is whole. What is taken out goes to grace_free() if the
 * set is live.
 */
#pragma once

#include <stdatomic.h>
#include "core/grace.h"
#include "core/list.h"
#include "expr/bytes_priv.h"
#include "expr/pattern.h"

struct regex;

#define PATTERN_KEY_BYTES 32	/* of numbers, networks; texts have their own */
#define PATTERN_LIST_MAX \
	8 /* patterns that hash but are listed: hashing costs as much as comparing these */

struct pattern {
	_Atomic(struct pattern *) next;		/* of the list that it is on */
	/* the writer's */
	union {
		struct list	  order;	/* of the set: as they came */
		struct grace	  grace;	/* once it was taken out */
	};
	uint64_t		  number : 63;	/* which came first; another value keeps it */
	uint64_t		  is_by_rule : 1; /* of a map's own set: a rule put it there */
	uint32_t		  hash;		/* of the key, if it hashes; else of the text */
	uint32_t		  key_len;
	uint32_t		  text_len;
	uint32_t		  value_len;
	/*
	 * numbers: two int64_t; networks: an address and its mask; "reg": a pointer to the struct
	 * regex
	 */
	char			  bytes[];	/* the key; the text, where it is another one; the value */
};

#define PATTERN_TEXT_IS_KEY UINT32_MAX		/* as text_len */

static inline struct slice
pattern_key(const struct pattern *pattern)
{
	return (struct slice){ pattern->bytes, pattern->key_len };
}

static inline struct slice
pattern_text(const struct pattern *pattern)
{
	if (pattern->text_len == PATTERN_TEXT_IS_KEY)
		return pattern_key(pattern);
	return (struct slice){ pattern->bytes + pattern->key_len, pattern->text_len };
}

static inline struct slice
pattern_value(const struct pattern *pattern)
{
	struct slice text = pattern_text(pattern);

	return (struct slice){ text.at + text.len, pattern->value_len };
}

/* "low" and "high" of a number's key. */
static inline int64_t
pattern_bound(const struct pattern *pattern, unsigned i)
{
	int64_t bound;

	memcpy(&bound, pattern->bytes + i * sizeof(bound), sizeof(bound));
	return bound;
}

static inline const struct regex *
pattern_regex(const struct pattern *pattern)
{
	struct regex *regex;

	memcpy(&regex, pattern->bytes, sizeof(regex));
	return regex;
}

/*
 * Which parts of a sample are looked up: prefixes and the like of these lengths, networks of
 * these masks. From the best to the least. Immutable for readers; a new one is published when
 * there is another cut.
 */
struct cut {
	uint32_t	users;		/* the writer's; 0: may go */
	uint32_t	len;		/* of keys; of an address: bits that are set in its mask */
	uint8_t		mask[16];	/* has_mask */
	uint8_t		mask_len;	/* 0, 4 or 16 */
};

struct cuts {
	struct grace	grace;
	uint32_t	count;
	struct cut	at[];
};

/*
 * A hash table of pointers, in buckets of a cache line: a key is in the bucket that its hash
 * names, or, where that was full, in a later one. A pattern is only looked at if all 32 bits of
 * its hash fit.
 */
#define BUCKET_SLOTS 5

struct bucket {
	_Atomic(uint32_t)	  hash[BUCKET_SLOTS];	/* a hint; the key in the pattern decides */
	_Atomic(uint32_t)	  passed;		/* how many that belong here, or before, are behind it */
	_Atomic(struct pattern *) at[BUCKET_SLOTS];
};

struct table {
	struct grace	grace;
	uint32_t	mask;		/* of bucket numbers */
	uint32_t	count;		/* the writer's */
	struct bucket	bucket[] __attribute__((aligned(64)));
};

/* NULL: no memory. `patterns`: how many must fit. */
struct table *table_new(size_t patterns);
bool table_is_full(const struct table *table);
void table_insert(struct table *table, struct pattern *pattern);	/* not when it is full */
void table_remove(struct table *table, const struct pattern *pattern);
void table_swap(struct table *table, const struct pattern *old, struct pattern *pattern);
struct table *
table_grow(const struct table *table); /* a larger one with the same patterns; NULL: no memory */
void table_free(struct table *table);

/* All that have a hash, one at a time. */
struct probe {
	const struct table	*table;
	uint32_t		 hash;
	uint32_t		 bucket;
	uint32_t		 slot;
};

static inline struct probe
table_probe(const struct table *table, uint32_t hash)
{
	return (struct probe){ table, hash, hash & table->mask, 0 };
}

static inline struct pattern *
probe_next(struct probe *p)
{
	for (;;) {
		const struct bucket *b = &p->table->bucket[p->bucket];

		while (p->slot < BUCKET_SLOTS) {
			uint32_t i = p->slot++;
			struct pattern *pattern;

			if (atomic_load_explicit(&b->hash[i], memory_order_relaxed) != p->hash)
				continue;
			pattern = atomic_load_explicit(&b->at[i], memory_order_acquire);
			if (pattern != NULL)
				return pattern;
		}
		if (atomic_load_explicit(&b->passed, memory_order_relaxed) == 0)
			return NULL;
		p->bucket = (p->bucket + 1) & p->table->mask;
		p->slot = 0;
	}
}

struct pattern_set {
	/* what a lookup needs, in a cache line */
	unsigned		  takes;	/* these four: the method's */
	bool			  nocase;
	bool			  has_values;
	bool			  takes_patterns;
	bool			(*holds)(const struct pattern_set *, const struct pattern *,
					 const struct sample *);
	_Atomic(struct pattern *) listed;	/* that hash, while there is no table; in order */
	_Atomic(struct pattern *) unhashed;	/* in order */
	_Atomic(struct table *)	  table;	/* NULL: patterns that hash are few, and listed */
	_Atomic(struct cuts *)	  cuts;		/* match->has_cuts; of the table's patterns */
	const struct match	 *match;
	enum sample_type	  value_type;
	/* the writer's */
	bool			  is_live;	/* there may be readers */
	struct pattern		 *listed_last;
	struct pattern		 *unhashed_last;
	struct list		  order;	/* of all */
	size_t			  count;
	size_t			  listed_count;
	size_t			  unhashed_count;
	struct table		 *by_text;	/* of the unhashed; NULL: none yet */
	uint64_t		  next_number;
	struct grace		  grace;	/* pattern_set_retire() */
};

/*
 * pattern_links.c, for the writer. A list's end; `by` in the place of `pattern`, or, if that is
 * NULL, what follows it: readers who stand at `pattern` find their way on. `before`: what it
 * follows; NULL: to be looked for.
 */
void chain_add(_Atomic(struct pattern *) *list, struct pattern **last, struct pattern *pattern);
void chain_unlink(_Atomic(struct pattern *) *list, struct pattern **last, struct pattern *before,
	struct pattern *pattern, struct pattern *by);
struct pattern *chain_get(_Atomic(struct pattern *) *list, struct slice text);	/* NULL: none */

/* pattern_index.c, for the writer: those that no hash finds. */
struct pattern *unhashed_get(struct pattern_set *set, struct slice text);	/* NULL: none */
void unhashed_add(struct pattern_set *set, struct pattern *pattern);
/* It is still in the set's order. */
void unhashed_unlink(struct pattern_set *set, struct pattern *pattern, struct pattern *by);
void index_free(struct pattern_set *set);

/* Room for one more that hashes, in the table and among the cuts. ERR_NOMEM. */
enum err set_reserve(struct pattern_set *set, struct slice key);

/* It is gone, or did not come. A cut that nobody uses stays until the next new one comes. */
void set_drop_cut(struct pattern_set *set, struct slice key);

/* A change in two steps, for maps, where all views must be able to take it. */
struct pattern_change {
	struct pattern	*fresh;		/* NULL: nothing changes */
	struct pattern	*old;		/* whose place it takes; NULL: none */
	bool		 hashes;
};

/* `is_new`: nothing of that text is there, the caller knows. Errors as of pattern_set_add(). */
enum err pattern_set_prepare(struct pattern_set *set, struct pattern_change *change,
			     struct slice text, struct slice value, bool replace, bool is_new,
			     struct diag *diag);
void pattern_set_commit(struct pattern_set *set, struct pattern_change *change);	/* cannot fail */
void pattern_set_abort(struct pattern_set *set, struct pattern_change *change);

/* The one of that text; the writer's. NULL: there is none. */
struct pattern *pattern_set_get(const struct pattern_set *set, struct slice text);

/*
 * The one that has just that key, for sets whose key is the text ("str"); a reader's. NULL: none.
 */
const struct pattern *pattern_set_look(const struct pattern_set *set, struct slice text);

/* In order; NULL: from the front, no more. The writer's. */
struct pattern *pattern_set_next(const struct pattern_set *set, const struct pattern *after);

/*
 * Free it when no reader can see it any more, in slices. *sp may be NULL, and is NULL afterwards.
 */
void pattern_set_retire(struct pattern_set **sp);

/* The best one that holds for a sample of the method's type. NULL: none. */
const struct pattern *pattern_set_search(const struct pattern_set *set,
					 const struct sample *sample);

/* Of two that hold (either may be NULL). */
const struct pattern *pattern_better(const struct pattern_set *set, const struct pattern *a,
	const struct pattern *b, const struct sample *sample);

/* A value's bytes as the set keeps them. ERR_INVALID. */
enum err value_parse(enum sample_type type, struct slice text, struct slice *bytes,
	char room[PATTERN_KEY_BYTES], struct diag *diag);

/* The pattern's value as a sample. False: it can not be made (a format that does not fit). */
bool pattern_give_value(const struct pattern_set *set, const struct pattern *pattern,
			struct eval *eval, const struct sample *sample, struct sample *value);
