/*
 * Rates: events in the last second, as a sliding counter of two periods (HAProxy manual, "fe_sess_rate";
 * what happened in this second, and of the one before the part that is not yet a second ago).
 *
 * One thread counts, any may read: all is in one word, so nobody sees half of a change. Who has a counter per
 * worker adds up what he reads.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define RATE_PERIOD_MS	1000
#define RATE_COUNT_BITS 22	/* of each count; it stays at its largest */
#define RATE_COUNT_MAX	((UINT64_C(1) << RATE_COUNT_BITS) - 1)
#define RATE_SECOND_BITS 20	/* wraps: who was silent for 12 days reads what was then */
#define RATE_SECOND_MASK ((UINT64_C(1) << RATE_SECOND_BITS) - 1)

/* From the top: a second, the count of the one before, its own. Zeroed: nothing happened. */
struct rate {
	_Atomic uint64_t	word;
};

/* The word as it would be if an event came now, but without that. */
static inline uint64_t
rate_at(uint64_t word, uint64_t now_ms)
{
	uint64_t second = (now_ms / RATE_PERIOD_MS) & RATE_SECOND_MASK;
	uint64_t of = word >> 2 * RATE_COUNT_BITS, count = word & RATE_COUNT_MAX;

	if (of == second)
		return word;
	if (((of + 1) & RATE_SECOND_MASK) != second)
		count = 0;
	return second << 2 * RATE_COUNT_BITS | count << RATE_COUNT_BITS;
}

/* One event. The counter's thread. */
static inline void
rate_add(struct rate *rate, uint64_t now_ms)
{
	uint64_t word = rate_at(atomic_load_explicit(&rate->word, memory_order_relaxed), now_ms);

	if ((word & RATE_COUNT_MAX) != RATE_COUNT_MAX)
		word++;
	atomic_store_explicit(&rate->word, word, memory_order_relaxed);
}

/*
 * Events a second, in thousandths: sums of many are rounded once. `now_ms` may be a little behind
 * the counter's.
 */
static inline uint64_t
rate_read_milli(const struct rate *rate, uint64_t now_ms)
{
	uint64_t word = rate_at(atomic_load_explicit(&rate->word, memory_order_relaxed), now_ms);
	uint64_t before = word >> RATE_COUNT_BITS & RATE_COUNT_MAX;

	return before * (RATE_PERIOD_MS - now_ms % RATE_PERIOD_MS) +
	       (word & RATE_COUNT_MAX) * RATE_PERIOD_MS;
}
