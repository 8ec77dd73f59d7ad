/*
 * The system's clocks. Who runs on a loop reads loop->now_us instead: one look a turn.
 */
#pragma once

#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC or CLOCK_REALTIME, in microseconds. Any thread. */
static inline uint64_t
clock_read_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);	/* cannot fail for these two */
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
