/*
 * CRC32c, Castagnoli's polynomial (RFC 3720, 12.1; the PROXY protocol's checksum). Pure; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Of `bytes` behind what gave `crc` (0: they are the first). */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);
