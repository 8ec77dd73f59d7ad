/*
 * Writing a PROXY header (proxy-protocol.txt, 2). Any thread.
 */
#include "config.h"
#include "net/proxy.h"
#include <assert.h>
#include "core/crc32c.h"
#include "core/iptext.h"
#include "net/proxy_priv.h"

#define AUTHORITY_MAX_BYTES 255		/* a host name's; a longer one is not sent on */

static_assert(PROXY_OUT_MAX_BYTES >= V2_FIXED_BYTES + V2_TCP6_BYTES + 2 * TLV_HEAD_BYTES +
	      AUTHORITY_MAX_BYTES + TLV_CRC32C_BYTES, "room for all that is written");

/* The family's byte as both ends have it in common: an IP's, or none. */
static uint8_t
ends_family(const struct addr *from, const struct addr *to)
{
	int a = from != NULL && from->len > 0 ? from->sa.sa_family : AF_UNSPEC;
	int b = to != NULL && to->len > 0 ? to->sa.sa_family : AF_UNSPEC;

	if (a == AF_INET && b == AF_INET)
		return V2_TCP4;
	if ((a == AF_INET || a == AF_INET6) && (b == AF_INET || b == AF_INET6))
		return V2_TCP6;
	return V2_UNSPEC;
}

/* As IPv6: an IPv4 address is mapped. */
static void
ip6_bytes(const struct addr *addr, char bytes[16])
{
	if (addr->sa.sa_family == AF_INET6) {
		memcpy(bytes, &addr->in6.sin6_addr, 16);
		return;
	}
	memset(bytes, 0, 10);
	memset(bytes + 10, 0xff, 2);
	memcpy(bytes + 12, &addr->in.sin_addr, 4);
}

static char *
text_put(char *at, struct slice text)
{
	memcpy(at, text.at, text.len);
	return at + text.len;
}

/* With the blank behind it. */
static char *
ip_put(char *at, const struct addr *addr, uint8_t family)
{
	char bytes[16];

	if (family == V2_TCP4)
		at += ip4_write(at, (const uint8_t *)&addr->in.sin_addr);
	else {
		ip6_bytes(addr, bytes);
		at += ip6_write_hex(at, (const uint8_t *)bytes);
	}
	*at++ = ' ';
	return at;
}

static size_t
proxy_write_line(char *buf, const struct addr *from, const struct addr *to)
{
	uint8_t family = ends_family(from, to);
	char *at;

	if (family == V2_UNSPEC)
		return (size_t)(text_put(buf, SLICE("PROXY UNKNOWN\r\n")) - buf);
	at = text_put(buf, family == V2_TCP4 ? SLICE("PROXY TCP4 ") : SLICE("PROXY TCP6 "));
	at = ip_put(at, from, family);
	at = ip_put(at, to, family);
	at += uint16_write(at, addr_port(from));
	*at++ = ' ';
	at += uint16_write(at, addr_port(to));
	return (size_t)(text_put(at, SLICE("\r\n")) - buf);
}

static char *
addresses_put(char *at, uint8_t family, const struct addr *from, const struct addr *to)
{
	if (family == V2_TCP4) {
		memcpy(at, &from->in.sin_addr, 4);
		memcpy(at + 4, &to->in.sin_addr, 4);
		at += 8;
	} else {
		ip6_bytes(from, at);
		ip6_bytes(to, at + 16);
		at += 32;
	}
	be16_put(at, addr_port(from));
	be16_put(at + 2, addr_port(to));
	return at + 4;
}

static char *
tlv_put(char *at, enum proxy_tlv type, struct slice value)
{
	*at = (char)type;
	be16_put(at + 1, (uint16_t)value.len);
	return text_put(at + TLV_HEAD_BYTES, value);
}

static char *
tlvs_put(char *at, unsigned options, struct slice tlvs)
{
	struct slice authority;

	if ((options & PROXY_SEND_AUTHORITY) &&
	    proxy_tlv_find(tlvs, PROXY_TLV_AUTHORITY, &authority) &&
	    authority.len <= AUTHORITY_MAX_BYTES)
		at = tlv_put(at, PROXY_TLV_AUTHORITY, authority);
	/* the last: its value is known when all else is written */
	if (options & PROXY_SEND_CRC32C)
		at = tlv_put(at, PROXY_TLV_CRC32C, (struct slice){ "\0\0\0", TLV_CRC32C_BYTES });
	return at;
}

static size_t
proxy_write_v2(char *buf, unsigned options, const struct addr *from, const struct addr *to,
	       struct slice tlvs)
{
	uint8_t family = ends_family(from, to);
	char *at = buf + V2_FIXED_BYTES;
	size_t len;

	memcpy(buf, V2_SIGNATURE, V2_SIGNATURE_BYTES);
	/*
	 * Who is no IP is not told of, as HAProxy does it: as a receiver it refuses Unix sockets and
	 * UNSPEC in a PROXY command. LOCAL has nothing behind it (2.2: "should not present any address").
	 */
	buf[12] = family == V2_UNSPEC ? V2_LOCAL : V2_PROXY;
	buf[13] = (char)family;
	if (family != V2_UNSPEC)
		at = tlvs_put(addresses_put(at, family, from, to), options, tlvs);
	len = (size_t)(at - buf);
	be16_put(buf + 14, (uint16_t)(len - V2_FIXED_BYTES));
	if (family != V2_UNSPEC && (options & PROXY_SEND_CRC32C))
		be32_put(at - TLV_CRC32C_BYTES, crc32c(0, buf, len));
	return len;
}

size_t
proxy_write(char buf[PROXY_OUT_MAX_BYTES], const struct proxy_send *how, const struct addr *from,
	    const struct addr *to, struct slice tlvs)
{
	assert((from == NULL) == (to == NULL));
	if (how->version == 0)
		return 0;
	if (how->version == 1)
		return proxy_write_line(buf, from, to);
	return proxy_write_v2(buf, how->options, from, to, tlvs);
}
