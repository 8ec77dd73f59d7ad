/*
 * The PROXY protocol, versions 1 and 2: who is behind a connection (haproxy.org, proxy-protocol.txt).
 *
 * Pure: bytes in, an address out, and the other way round. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/diag.h"
#include "core/str.h"

#define PROXY_V1_MAX_BYTES	107	/* worst-case line with its CRLF (2.1) */
#define PROXY_IN_MAX_BYTES	4096	/* a v2 header with its TLVs; longer ones are refused */
#define PROXY_OUT_MAX_BYTES	1024

enum proxy_result {
	PROXY_DONE,
	PROXY_MORE,		/* good so far */
	PROXY_BAD,
};

struct proxy_header {
	uint8_t		version;	/* 1, 2 */
	bool		is_local;	/* LOCAL, UNKNOWN or AF_UNSPEC: the connection's own addresses hold */
	struct addr	from, to;
	struct slice	tlvs;		/* v2: as they came, well-formed; points into the bytes; LOCAL: none */
	size_t		len;		/* of the header: what follows is the client's */
};

/*
 * Read one from the front of `bytes`. `diag` (may be NULL) says what is wrong. CRC32c is checked
 * where it is there.
 */
enum proxy_result proxy_parse(struct proxy_header *h, const char *bytes, size_t len,
	struct diag *diag);

/* The types that we know by name (2.2). */
enum proxy_tlv {
	PROXY_TLV_ALPN		= 0x01,
	PROXY_TLV_AUTHORITY	= 0x02,
	PROXY_TLV_CRC32C	= 0x03,
	PROXY_TLV_NOOP		= 0x04,
	PROXY_TLV_UNIQUE_ID	= 0x05,
	PROXY_TLV_SSL		= 0x20,
	PROXY_TLV_NETNS		= 0x30,
};

/* The value of the first of that type; false: none. */
bool proxy_tlv_find(struct slice tlvs, uint8_t type, struct slice *value);

/* What to send: server's "send-proxy" (1), "send-proxy-v2" (2) with "proxy-v2-options". */
#define PROXY_SEND_CRC32C	0x1
#define PROXY_SEND_AUTHORITY	0x2	/* as the client's own header had it */
struct proxy_send {
	uint8_t		version;	/* 0: none */
	unsigned	options;	/* PROXY_SEND_* */
};

/*
 * Write the header for a connection from `from` to `to`; both NULL: of our own (LOCAL, UNKNOWN; so are
 * Unix sockets, as HAProxy has it). Mixed families become IPv6 (v1, too). `tlvs`: the client's own.
 * Returns the length, never over PROXY_OUT_MAX_BYTES.
 */
size_t proxy_write(char buf[PROXY_OUT_MAX_BYTES], const struct proxy_send *how,
	const struct addr *from, const struct addr *to, struct slice tlvs);
