/*
 * Decoding of base64, for converters that need a part of it.
 */
#pragma once

#include <stddef.h>
#include "core/str.h"

/* Never more bytes than this come from `len` digits. */
static inline size_t
base64_bytes_max(size_t len)
{
	return len / 4 * 3 + 3;
}

/*
 * Into `out`, of base64_bytes_max() bytes; how many they are. -1: it is not base64 (RFC 4648, 4)
 * with padding, or base64url (RFC 4648, 5) without. Bits behind the last byte do not count.
 */
ptrdiff_t base64_bytes(char *out, struct slice in);
ptrdiff_t base64url_bytes(char *out, struct slice in);
