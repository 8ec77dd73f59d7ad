/*
 * What each byte may be part of: one table, a bit a set.
 *
 * Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CHAR_TOKEN		0x01	/* tchar (RFC 9110, 5.6.2) */
#define CHAR_NAME		0x02	/* [A-Za-z0-9-]: what nearly all header names are made of */
#define CHAR_TARGET		0x04	/* of a request target: RFC 3986, and [ ] wherever they are */
#define CHAR_HOST		0x08	/* reg-name (RFC 3986, 3.2.2), with %, without the comma */
#define CHAR_VALUE		0x10	/* of a field value: no control but HTAB (RFC 9110, 5.5) */
#define CHAR_HEX		0x20
#define CHAR_TARGET_RELAXED	0x40	/* all but controls and space */
#define CHAR_NAME_RELAXED	0x80	/* all but white space, line ends and the colon */

extern const uint8_t http_chars[256];

static inline bool
char_is(char c, unsigned sets)
{
	return (http_chars[(unsigned char)c] & sets) != 0;
}

static inline bool
char_is_space(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool
char_is_digit(char c)
{
	return (unsigned char)(c - '0') <= 9;
}

static inline bool
char_is_alpha(char c)
{
	return (unsigned char)((c | 0x20) - 'a') < 26;
}

static inline unsigned char
char_lower(char c)
{
	return (unsigned char)c + ((unsigned char)(c - 'A') < 26 ? 0x20 : 0);
}

/* The first byte that is in none of these sets, or `end`. */
static inline const char *
scan_set(const char *at, const char *end, unsigned set)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): behind 16 bytes by SSE2 it takes the rest for unset */
	while (at < end && char_is(*at, set))
		at++;
	return at;
}
