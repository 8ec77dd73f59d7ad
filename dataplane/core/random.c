/*
 * Random numbers that are no secrets: xoshiro256** (prng.di.unimi.it). Any thread.
 */
#include "config.h"
#include "core/random.h"
#include <pthread.h>
#include <stdbool.h>
#include <sys/random.h>
#include "core/clock.h"

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)	/* splitmix64's, which fills a poor seed up */

static _Thread_local struct {
	uint64_t	s[4];
	bool		is_seeded;
} generator;

/* Without the system's randomness (it can be so early in a boot) the clock and the thread have to do. */
static void
generator_seed(void)
{
	uint64_t *s = generator.s;

	if (getrandom(s, sizeof(generator.s), GRND_NONBLOCK) != (ssize_t)sizeof(generator.s)) {
		uint64_t from = clock_read_us(CLOCK_REALTIME) ^ (uint64_t)pthread_self();

		for (int i = 0; i < 4; i++) {
			uint64_t z = from += GOLDEN;

			z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
			z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
			s[i] = z ^ z >> 31;
		}
	}
	s[0] |= (s[0] | s[1] | s[2] | s[3]) == 0;	/* all zeros would stay so */
	generator.is_seeded = true;
}

static uint64_t
rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

uint64_t
random_u64(void)
{
	uint64_t *s = generator.s, result, t;

	if (!generator.is_seeded)
		generator_seed();
	result = rotate(s[1] * 5, 7) * 9;
	t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}
