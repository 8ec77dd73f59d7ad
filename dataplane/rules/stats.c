/*
 * Hits of a rule: a cache line for each worker.
 */
#include "config.h"
#include "rules/stats.h"
#include <stdlib.h>

struct rule_slot {
	_Alignas(64) _Atomic uint64_t	hits;
	_Atomic uint64_t		last_us;
};

struct rule_stats {
	uint32_t		 refs;		/* control's */
	uint32_t		 workers;
	struct rule_slot	 slots[];
};

struct rule_stats *
rule_stats_new(uint32_t workers)
{
	const size_t bytes = sizeof(struct rule_stats) + workers * sizeof(struct rule_slot);
	struct rule_stats *stats = aligned_alloc(64, (bytes + 63) / 64 * 64);

	if (stats == NULL)
		return NULL;
	stats->refs = 1;
	stats->workers = workers;
	for (uint32_t i = 0; i < workers; i++) {
		atomic_init(&stats->slots[i].hits, 0);
		atomic_init(&stats->slots[i].last_us, 0);
	}
	return stats;
}

struct rule_stats *
rule_stats_ref(struct rule_stats *stats)
{
	stats->refs++;
	return stats;
}

void
rule_stats_unref(struct rule_stats **sp)
{
	struct rule_stats *stats = *sp;

	*sp = NULL;
	if (stats != NULL && --stats->refs == 0)
		free(stats);
}

void
rule_stats_hit(struct rule_stats *stats, uint32_t worker, uint64_t wall_us)
{
	struct rule_slot *slot = &stats->slots[worker];
	const uint64_t hits = atomic_load_explicit(&slot->hits, memory_order_relaxed);

	atomic_store_explicit(&slot->hits, hits + 1, memory_order_relaxed);
	atomic_store_explicit(&slot->last_us, wall_us, memory_order_relaxed);
}

void
rule_stats_read(const struct rule_stats *stats, struct rule_hits *hits)
{
	*hits = (struct rule_hits){ 0 };
	for (uint32_t i = 0; i < stats->workers; i++) {
		const struct rule_slot *slot = &stats->slots[i];
		const uint64_t last_us = atomic_load_explicit(&slot->last_us, memory_order_relaxed);

		hits->hits += atomic_load_explicit(&slot->hits, memory_order_relaxed);
		if (last_us > hits->last_us)
			hits->last_us = last_us;
	}
}
