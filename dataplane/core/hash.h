/*
 * Hashes of HAProxy's "hash-type" and of the converters of the same names: the same numbers for the
 * same bytes, so that who moves over keeps his distribution. None withstands an attacker. Pure; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The CRC of Ethernet, gzip and PNG. crc32c.h has the other. */
uint32_t hash_crc32(const void *bytes, size_t len);
uint32_t hash_djb2(const void *bytes, size_t len);
uint32_t hash_sdbm(const void *bytes, size_t len);
uint32_t hash_wt6(const void *bytes, size_t len);

/* Spreads near values over the whole range: HAProxy's "avalanche". */
uint32_t hash_avalanche(uint32_t value);
