/*
 * Strides of one byte, for any machine; and for the end of what wider strides begin.
 */
#pragma once

#include "http/chars_priv.h"

static inline const char *
scan_set(const char *at, const char *end, unsigned set)
{
	while (at < end && char_is(*at, set))
		at++;
	return at;
}

/* Over CHAR_NAME. */
static inline const char *
scan_name(const char *at, const char *end)
{
	return scan_set(at, end, CHAR_NAME);
}

/* Over CHAR_VALUE. */
static inline const char *
scan_value(const char *at, const char *end)
{
	return scan_set(at, end, CHAR_VALUE);
}
