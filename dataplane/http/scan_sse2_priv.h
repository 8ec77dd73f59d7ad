/*
 * Strides of sixteen bytes, for x86-64.
 */
#pragma once

#include <emmintrin.h>
#include "http/chars_priv.h"

/* Of each byte: 0xff if it is at most `limit`, unsigned. */
static inline __m128i
scan_at_most(__m128i bytes, char limit)
{
	return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(limit)), bytes);
}

/* Over CHAR_NAME. */
static inline const char *
scan_name(const char *at, const char *end)
{
	while (end - at >= 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)at);
		__m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
		__m128i good = scan_at_most(_mm_sub_epi8(lower, _mm_set1_epi8('a')), 25);
		unsigned bad;

		good = _mm_or_si128(good, scan_at_most(_mm_sub_epi8(bytes, _mm_set1_epi8('0')), 9));
		good = _mm_or_si128(good, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')));
		bad = ~(unsigned)_mm_movemask_epi8(good) & 0xffff;
		if (bad != 0)
			return at + __builtin_ctz(bad);
		at += 16;
	}
	return scan_set(at, end, CHAR_NAME);
}

/* Over CHAR_VALUE. */
static inline const char *
scan_value(const char *at, const char *end)
{
	while (end - at >= 16) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)at);
		__m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
		__m128i bad = _mm_andnot_si128(tab, scan_at_most(bytes, 0x1f));
		unsigned mask;

		bad = _mm_or_si128(bad, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f)));
		mask = (unsigned)_mm_movemask_epi8(bad);
		if (mask != 0)
			return at + __builtin_ctz(mask);
		at += 16;
	}
	return scan_set(at, end, CHAR_VALUE);
}
