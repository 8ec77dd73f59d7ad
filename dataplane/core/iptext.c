/*
 * Digits by hand: an IPv4 address costs four small divisions by constants. Any thread.
 */
#include "config.h"
#include "core/iptext.h"
#include <string.h>

#define IP6_GROUPS 8

/* The least number of each length but the first. */
static const uint64_t lengths[] = {
	UINT64_C(10),
	UINT64_C(100),
	UINT64_C(1000),
	UINT64_C(10000),
	UINT64_C(100000),
	UINT64_C(1000000),
	UINT64_C(10000000),
	UINT64_C(100000000),
	UINT64_C(1000000000),
	UINT64_C(10000000000),
	UINT64_C(100000000000),
	UINT64_C(1000000000000),
	UINT64_C(10000000000000),
	UINT64_C(100000000000000),
	UINT64_C(1000000000000000),
	UINT64_C(10000000000000000),
	UINT64_C(100000000000000000),
	UINT64_C(1000000000000000000),
	UINT64_C(10000000000000000000),
};

/* In place from its last digit on: no copy. */
static inline size_t
number_write(char *out, uint64_t value)
{
	size_t len = 1;

	while (len < UINT64_TEXT_MAX_BYTES && value >= lengths[len - 1])
		len++;
	for (size_t at = len; at > 0; value /= 10)
		out[--at] = (char)('0' + value % 10);
	return len;
}

size_t
uint64_write(char out[UINT64_TEXT_MAX_BYTES], uint64_t value)
{
	return number_write(out, value);
}

size_t
uint16_write(char out[UINT16_TEXT_MAX_BYTES], uint16_t value)
{
	return number_write(out, value);
}

static char *
octet_write(char *out, uint8_t value)
{
	if (value >= 100) {
		*out++ = (char)('0' + value / 100);
		*out++ = (char)('0' + value / 10 % 10);
	} else if (value >= 10)
		*out++ = (char)('0' + value / 10);
	*out++ = (char)('0' + value % 10);
	return out;
}

size_t
ip4_write(char out[IP4_TEXT_MAX_BYTES], const uint8_t bytes[4])
{
	char *at = octet_write(out, bytes[0]);

	for (int i = 1; i < 4; i++) {
		*at++ = '.';
		at = octet_write(at, bytes[i]);
	}
	return (size_t)(at - out);
}

static char *
group_write(char *out, uint16_t value)
{
	static const char digits[] = "0123456789abcdef";
	int shift = value > 0xfff ? 12 : value > 0xff ? 8 : value > 0xf ? 4 : 0;

	for (; shift >= 0; shift -= 4)
		*out++ = digits[value >> shift & 0xf];
	return out;
}

/* The first of the longest runs of two zero groups or more (RFC 5952, 4.2): its start, and its end. */
static int
zeros_find(const uint16_t groups[IP6_GROUPS], int *end)
{
	int best = 0, best_len = 1;

	for (int i = 0; i < IP6_GROUPS; i++) {
		int from = i;

		while (i < IP6_GROUPS && groups[i] == 0)
			i++;
		if (i - from > best_len) {
			best = from;
			best_len = i - from;
		}
	}
	*end = best_len > 1 ? best + best_len : 0;
	return best;
}

size_t
ip6_write_hex(char out[IP6_TEXT_MAX_BYTES], const uint8_t bytes[16])
{
	uint16_t groups[IP6_GROUPS];
	int zeros, zeros_end;
	char *at = out;

	for (int i = 0; i < IP6_GROUPS; i++)
		groups[i] = (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
	zeros = zeros_find(groups, &zeros_end);
	for (int i = 0; i < IP6_GROUPS; i++) {
		if (i == zeros && zeros_end > 0) {
			*at++ = ':';
			i = zeros_end - 1;
			if (zeros_end == IP6_GROUPS)
				*at++ = ':';
			continue;
		}
		if (i > 0)
			*at++ = ':';
		at = group_write(at, groups[i]);
	}
	return (size_t)(at - out);
}

size_t
ip6_write(char out[IP6_TEXT_MAX_BYTES], const uint8_t bytes[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const char prefix[] = "::ffff:";
	size_t len = sizeof(prefix) - 1;

	if (memcmp(bytes, mapped, sizeof(mapped)) != 0)
		return ip6_write_hex(out, bytes);
	memcpy(out, prefix, len);
	return len + ip4_write(out + len, bytes + sizeof(mapped));
}
