/*
 * Latency histogram, see histogram.h. Values below 64 have a bucket each; above, a value's highest set
 * bit chooses a group of 64 buckets and the six bits below it the bucket.
 */
#include "histogram.h"

#define STEP_BITS 6 /* log2 of HISTOGRAM_STEPS */

static unsigned
bucket_of(uint64_t value_ns)
{
	unsigned group, bucket;

	if (value_ns < HISTOGRAM_STEPS)
		return (unsigned)value_ns;
	group = 63 - (unsigned)__builtin_clzll(value_ns) - STEP_BITS;
	bucket = (group + 1) * HISTOGRAM_STEPS + (unsigned)(value_ns >> group) % HISTOGRAM_STEPS;
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The largest value that falls into a bucket. */
static uint64_t
bucket_top_ns(unsigned bucket)
{
	unsigned group = bucket / HISTOGRAM_STEPS;
	uint64_t step = bucket % HISTOGRAM_STEPS;

	if (group == 0)
		return step;
	return ((HISTOGRAM_STEPS + step + 1) << (group - 1)) - 1;
}

void
histogram_add(struct histogram *h, uint64_t value_ns)
{
	h->buckets[bucket_of(value_ns)]++;
	h->count++;
}

uint64_t
histogram_percentile_ns(const struct histogram *h, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)h->count + 0.5);
	uint64_t seen = 0;

	if (h->count == 0)
		return 0;
	if (wanted == 0)
		wanted = 1;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen >= wanted)
			return bucket_top_ns(i);
	}
	return bucket_top_ns(HISTOGRAM_BUCKETS - 1);
}
