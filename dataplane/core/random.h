/*
 * Random numbers for spreading and naming: fast, and not for secrets.
 *
 * Each thread has its own generator (xoshiro256**, Blackman and Vigna), seeded by the system at its
 * first use.
 */
#pragma once

#include <stdint.h>

uint64_t random_u64(void);

/* 0 to below - 1; 0 if `below` is 0. */
static inline uint32_t
random_below(uint32_t below)
{
	return (uint32_t)((random_u64() >> 32) * below >> 32);
}
