/*
 * The hash table of a pattern set: buckets of a cache line, filled one after the other.
 *
 * A bucket counts the patterns that had to go past it, so a reader stops where that is 0, and
 * what is removed leaves no mark. A larger table takes the 32 bits of hash from the old one; it
 * looks at no pattern. One writer; readers see each slot before or after a change.
 */
#include "config.h"
#include <assert.h>
#include <stdlib.h>
#include "expr/pattern_priv.h"

#define BUCKET_FILL \
	4 /* patterns for each bucket, at most, on the average: some buckets have more */
#define TABLE_ALIGNMENT 64
#define TABLE_BUCKETS_MAX (UINT32_C(1) << 28)

static struct table *
table_alloc(uint32_t buckets)
{
	size_t size = sizeof(struct table) + buckets * sizeof(struct bucket);
	struct table *table;

	size = (size + TABLE_ALIGNMENT - 1) / TABLE_ALIGNMENT * TABLE_ALIGNMENT;
	table = aligned_alloc(TABLE_ALIGNMENT, size);
	if (table == NULL)
		return NULL;
	memset(table, 0, size);
	table->mask = buckets - 1;
	return table;
}

struct table *
table_new(size_t patterns)
{
	uint32_t buckets = 4;

	while ((size_t)buckets * BUCKET_FILL < patterns) {
		if (buckets == TABLE_BUCKETS_MAX)
			return NULL;
		buckets *= 2;
	}
	return table_alloc(buckets);
}

bool
table_is_full(const struct table *table)
{
	return table->count >= ((size_t)table->mask + 1) * BUCKET_FILL;
}

static bool
bucket_put(struct bucket *b, uint32_t hash, struct pattern *pattern)
{
	for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
		if (atomic_load_explicit(&b->at[i], memory_order_relaxed) != NULL)
			continue;
		atomic_store_explicit(&b->hash[i], hash, memory_order_relaxed);
		/* to the acquire of probe_next() */
		atomic_store_explicit(&b->at[i], pattern, memory_order_release);
		return true;
	}
	return false;
}

static void
bucket_pass(struct bucket *b, uint32_t count)
{
	atomic_store_explicit(&b->passed,
			      atomic_load_explicit(&b->passed, memory_order_relaxed) + count,
			      memory_order_relaxed);
}

static void
table_put(struct table *table, uint32_t hash, struct pattern *pattern)
{
	uint32_t at = hash & table->mask;

	while (!bucket_put(&table->bucket[at], hash, pattern)) {
		bucket_pass(&table->bucket[at], 1);
		at = (at + 1) & table->mask;
	}
	table->count++;
}

void
table_insert(struct table *table, struct pattern *pattern)
{
	assert(!table_is_full(table));
	table_put(table, pattern->hash, pattern);
}

/* Where it is; it must be there. */
static _Atomic(struct pattern *) *
table_slot(struct table *table, const struct pattern *pattern, uint32_t *bucket)
{
	struct probe probe = table_probe(table, pattern->hash);
	struct pattern *found;

	while ((found = probe_next(&probe)) != pattern)
		assert(found != NULL);
	*bucket = probe.bucket;
	return &table->bucket[probe.bucket].at[probe.slot - 1];
}

void
table_remove(struct table *table, const struct pattern *pattern)
{
	uint32_t at = pattern->hash & table->mask, bucket;

	atomic_store_explicit(table_slot(table, pattern, &bucket), NULL, memory_order_release);
	for (; at != bucket; at = (at + 1) & table->mask)
		bucket_pass(&table->bucket[at], UINT32_MAX);	/* one fewer */
	table->count--;
}

void
table_swap(struct table *table, const struct pattern *old, struct pattern *pattern)
{
	uint32_t bucket;

	assert(old->hash == pattern->hash);
	atomic_store_explicit(table_slot(table, old, &bucket), pattern, memory_order_release);
}

struct table *
table_grow(const struct table *table)
{
	struct table *grown = table->mask + 1 < TABLE_BUCKETS_MAX ?
		table_alloc((table->mask + 1) * 2) : NULL;

	if (grown == NULL)
		return NULL;
	for (uint32_t at = 0; at <= table->mask; at++) {
		const struct bucket *b = &table->bucket[at];

		for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
			struct pattern *pattern =
				atomic_load_explicit(&b->at[i], memory_order_relaxed);

			if (pattern != NULL)
				table_put(grown, atomic_load_explicit(&b->hash[i],
					memory_order_relaxed), pattern);
		}
	}
	return grown;
}

void
table_free(struct table *table)
{
	free(table);
}
