/*
 * Strides of one byte, for any machine.
 */
#pragma once

#include "http/chars_priv.h"

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
