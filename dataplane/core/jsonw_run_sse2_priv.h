/*
 * Sixteen bytes at a time, for x86-64. What is shorter, and what is left at the end, is taken in two
 * pieces that overlap, so that nothing goes byte by byte: most names and values are that short.
 */
#pragma once

#include <emmintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A bit a byte that is not of the run. */
static inline unsigned
run_stops(__m128i bytes)
{
	/* signed: the bytes from 0x80 on are less than a space, too */
	__m128i stops = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));

	stops = _mm_or_si128(stops, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
	stops = _mm_or_si128(stops, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
	return (unsigned)_mm_movemask_epi8(stops);
}

/* Each of these copies a text of such a length whole. Returns a bit a byte that is not of the run. */
static inline unsigned
run_copy_16(char *out, const char *text)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)text);

	_mm_storeu_si128((__m128i *)(void *)out, bytes);
	return run_stops(bytes);
}

static inline unsigned
run_copy_8_to_16(char *out, const char *text, size_t len)
{
	uint64_t first, last;
	unsigned stops;

	memcpy(&first, text, 8);
	memcpy(&last, text + len - 8, 8);
	memcpy(out, &first, 8);
	memcpy(out + len - 8, &last, 8);
	stops = run_stops(_mm_set_epi64x((int64_t)last, (int64_t)first));
	return (stops & 0xff) | (stops >> 8) << (len - 8);
}

static inline unsigned
run_copy_4_to_8(char *out, const char *text, size_t len)
{
	uint32_t first, last;
	unsigned stops;

	memcpy(&first, text, 4);
	memcpy(&last, text + len - 4, 4);
	memcpy(out, &first, 4);
	memcpy(out + len - 4, &last, 4);
	stops = run_stops(_mm_cvtsi64_si128((int64_t)((uint64_t)last << 32 | first)));
	return (stops & 0xf) | (stops >> 4 & 0xf) << (len - 4);
}

/* The first byte, one in the middle, the last: all there are. */
static inline unsigned
run_copy_1_to_3(char *out, const char *text, size_t len)
{
	const unsigned char first = (unsigned char)text[0], last = (unsigned char)text[len - 1];
	const unsigned char middle = (unsigned char)text[len / 2];
	unsigned stops = run_stops(_mm_cvtsi32_si128(last << 16 | middle << 8 | first));

	out[0] = (char)first;
	out[len / 2] = (char)middle;
	out[len - 1] = (char)last;
	return (stops & 1) | (stops >> 1 & 1) << len / 2 | (stops >> 2 & 1) << (len - 1);
}

static inline __attribute__((always_inline)) size_t
run_copy(char *out, const char *text, size_t len)
{
	size_t at = 0;
	unsigned stops;

	if (len >= 16) {
		while ((stops = run_copy_16(out + at, text + at)) == 0 && len - at > 16)
			at = len - at >= 32 ? at + 16 : len - 16;
	} else if (len >= 8)
		stops = run_copy_8_to_16(out, text, len);
	else if (len >= 4)
		stops = run_copy_4_to_8(out, text, len);
	else
		stops = len == 0 ? 0 : run_copy_1_to_3(out, text, len);
	return stops == 0 ? len : at + (size_t)__builtin_ctz(stops);
}
