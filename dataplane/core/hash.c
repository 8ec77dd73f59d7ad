/*
 * Hashes of HAProxy's "hash-type". Their arithmetic is modulo 2^32 throughout.
 * Pure; any thread.
 */
#include "config.h"
#include "core/hash.h"

/* Four bits at a time of the reflected polynomial 0xedb88320. */
static const uint32_t crc32_nibbles[16] = {
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
	0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
	0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t
hash_crc32(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= at[i];
		crc = crc >> 4 ^ crc32_nibbles[crc & 15];
		crc = crc >> 4 ^ crc32_nibbles[crc & 15];
	}
	return ~crc;
}

uint32_t
hash_djb2(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint32_t hash = 5381;

	for (size_t i = 0; i < len; i++)
		hash = hash * 33 + at[i];
	return hash;
}

uint32_t
hash_sdbm(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint32_t hash = 0;

	for (size_t i = 0; i < len; i++)
		hash = hash * 65599 + at[i];
	return hash;
}

static uint32_t
rotate_left(uint32_t value, unsigned bits)
{
	return value << (bits & 31) | value >> (-bits & 31);
}

/* Two halves, each turned by as many bits as the mix of the last round says. */
uint32_t
hash_wt6(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint32_t a = 0xa53c965a;
	uint32_t b = 0x5ca6953a;
	unsigned turn_b = 6;
	unsigned turn_a = 18;

	for (size_t i = 0; i < len; i++) {
		uint32_t new_a = rotate_left(~(b + at[i]), turn_b);
		uint32_t mix;

		b = rotate_left(~(a ^ at[i]), turn_a);
		a = new_a;
		mix = (a >> 16 ^ b) & 0xffff;
		turn_b = mix & 31;
		turn_a = mix >> 11;
	}
	return a ^ b;
}

/* Bob Jenkins' integer hash of full avalanche, then a prime near 3/4 of the range, as HAProxy has it. */
uint32_t
hash_avalanche(uint32_t value)
{
	value = value + 0x7ed55d16 + (value << 12);
	value = value ^ 0xc761c23c ^ value >> 19;
	value = value + 0x165667b1 + (value << 5);
	value = (value + 0xd3a2646c) ^ value << 9;
	value = value + 0xfd7046c5 + (value << 3);
	value = value ^ 0xb55a4f09 ^ value >> 16;
	return value * 3221225473U;
}
