/*
 * Bytes compared and hashed eight at a time, as they are or with ASCII case ignored. Pure; any
 * thread.
 *
 * The hash multiplies words with secrets drawn at start, so that keys that fall together can not
 * be prepared by whoever sends them. It is not the same in two processes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes_secret {
	uint64_t	a, b, c;
};

/* Drawn by bytes_secret_draw(), once, before the first set is made; then only read. */
extern struct bytes_secret bytes_secret;
void bytes_secret_draw(void);

static inline uint64_t
word_load(const char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return word;
}

static inline uint64_t
word_load_half(const char *at)
{
	uint32_t half;

	memcpy(&half, at, sizeof(half));
	return half;
}

#define WORD_OF(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Each of the eight bytes, if it is one of A to Z, to its lower case. */
static inline uint64_t
word_fold(uint64_t word)
{
	uint64_t low = word & WORD_OF(0x7f);
	uint64_t from_a = low + WORD_OF(0x80 - 'A');		/* top bit: at least 'A' */
	uint64_t over_z = low + WORD_OF(0x80 - 'Z' - 1);	/* top bit: beyond 'Z' */
	uint64_t upper = (from_a ^ over_z) & ~word & WORD_OF(0x80);

	return word | upper >> 2;	/* 0x80 to 0x20 */
}

static inline char
byte_fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool
bytes_equal_nocase(const char *a, const char *b, size_t len)
{
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		if (word_fold(word_load(a + i)) != word_fold(word_load(b + i)))
			return false;
	}
	for (; i < len; i++) {
		if (byte_fold(a[i]) != byte_fold(b[i]))
			return false;
	}
	return true;
}

static inline bool
bytes_equal(const char *a, const char *b, size_t len, bool nocase)
{
	return nocase ? bytes_equal_nocase(a, b, len) : len == 0 || memcmp(a, b, len) == 0;
}

/* Both halves of the product depend on all bits of both. */
static inline uint64_t
words_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint32_t
bytes_hash(const char *at, size_t len, bool nocase)
{
	uint64_t hash = bytes_secret.c + len, first = 0, last = 0;

	for (; len > 16; at += 16, len -= 16) {
		first = word_load(at);
		last = word_load(at + 8);
		if (nocase) {
			first = word_fold(first);
			last = word_fold(last);
		}
		hash = words_mix(first ^ bytes_secret.a, last ^ hash);
	}
	if (len >= 8) {
		first = word_load(at);
		last = word_load(at + len - 8);
	} else if (len >= 4) {
		first = word_load_half(at);
		last = word_load_half(at + len - 4);
	} else if (len > 0) {
		first = (uint64_t)(unsigned char)at[0] << 16 |
			(uint64_t)(unsigned char)at[len / 2] << 8 | (unsigned char)at[len - 1];
		last = 0;
	}
	if (nocase) {
		first = word_fold(first);
		last = word_fold(last);
	}
	hash = words_mix(first ^ bytes_secret.a, last ^ hash);
	hash = words_mix(hash ^ bytes_secret.b, bytes_secret.a);
	return (uint32_t)(hash ^ hash >> 32);
}
