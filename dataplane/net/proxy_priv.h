/*
 * What reading and writing of PROXY headers share: version 2 on the wire (proxy-protocol.txt, 2.2).
 */
#pragma once

#include <stdint.h>
#include "net/proxy.h"

#define V2_SIGNATURE	     "\r\n\r\n\0\r\nQUIT\n"
#define V2_SIGNATURE_BYTES   12
#define V2_FIXED_BYTES	     16		/* signature, version and command, family, length */

#define V2_LOCAL	     0x20
#define V2_PROXY	     0x21

/* The family's byte: address family, and SOCK_STREAM. */
#define V2_UNSPEC	     0x00
#define V2_TCP4		     0x11
#define V2_TCP6		     0x21
#define V2_UNIX_STREAM	     0x31

#define V2_TCP4_BYTES	     12
#define V2_TCP6_BYTES	     36
#define V2_UNIX_PATH_BYTES   108
#define V2_UNIX_BYTES	     (2 * V2_UNIX_PATH_BYTES)

#define TLV_HEAD_BYTES	     3		/* type, length */
#define TLV_CRC32C_BYTES     4

static inline uint16_t
be16_get(const char *at)
{
	return (uint16_t)((uint8_t)at[0] << 8 | (uint8_t)at[1]);
}

static inline void
be16_put(char *at, uint16_t value)
{
	at[0] = (char)(value >> 8);
	at[1] = (char)value;
}

static inline uint32_t
be32_get(const char *at)
{
	return (uint32_t)be16_get(at) << 16 | be16_get(at + 2);
}

static inline void
be32_put(char *at, uint32_t value)
{
	be16_put(at, (uint16_t)(value >> 16));
	be16_put(at + 2, (uint16_t)value);
}

/* Version 1; as proxy_parse(), with at least one byte. */
enum proxy_result proxy_parse_line(struct proxy_header *h, const char *bytes, size_t len,
	struct diag *diag);
