/*
 * A byte at a time, for any machine.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

static inline bool
run_takes(char c)
{
	return c >= ' ' && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

static inline __attribute__((always_inline)) size_t
run_copy(char *out, const char *text, size_t len)
{
	size_t at = 0;

	for (; at < len && run_takes(text[at]); at++)
		out[at] = text[at];
	return at;
}
