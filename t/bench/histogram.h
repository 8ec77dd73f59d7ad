/*
 * Latencies: counts in buckets whose width grows with the value, so that a percentile is right to
 * within 1.6 % from 1 ns to an hour. One thread.
 */
#pragma once
#include <stdint.h>

#define HISTOGRAM_STEPS 64                       /* buckets a power of two */
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * 37) /* up to 2^42 ns */

struct histogram {
	uint64_t count;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t value_ns);

/* The value that `share` (0..1) of all do not exceed; 0 when there are none. */
uint64_t histogram_percentile_ns(const struct histogram *h, double share);
