/*
 * How often a rule applied, and when last: kept over changes of its list as long as it keeps its id.
 *
 * One writer per worker; readers add up. Counted: control gives and takes references.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct rule_stats;

/* For so many workers; one reference. NULL: no memory. */
struct rule_stats *rule_stats_new(uint32_t workers);
struct rule_stats *rule_stats_ref(struct rule_stats *stats);
void rule_stats_unref(struct rule_stats **sp);		/* *sp may be NULL, and is NULL afterwards */

void rule_stats_hit(struct rule_stats *stats, uint32_t worker, uint64_t wall_us);	/* worker */

struct rule_hits {
	uint64_t	hits;
	uint64_t	last_us;	/* wall time; 0: never */
};
void rule_stats_read(const struct rule_stats *stats, struct rule_hits *hits);	/* any thread */
