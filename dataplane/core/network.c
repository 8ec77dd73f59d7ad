/*
 * Networks: one comparison for both families, as IPv4 is kept mapped into IPv6. Any thread.
 */
#include "config.h"
#include "core/network.h"
#include <string.h>

#define IPV4_IN_IPV6_BITS 96	/* ::ffff:0:0/96 (RFC 4291, 2.5.5.2) */
#define IPV6_BITS	  128
#define NETWORK_SHOWN_BYTES 160 /* of an outside text in an error */

static const uint8_t ipv4_prefix[IPV4_IN_IPV6_BITS / 8] = { [10] = 0xff, [11] = 0xff };

/* False: no IP. */
static bool
network_bytes(const struct sockaddr *sa, uint8_t bytes[16])
{
	if (sa->sa_family == AF_INET6) {
		memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
		return true;
	}
	if (sa->sa_family != AF_INET)
		return false;
	memcpy(bytes, ipv4_prefix, sizeof(ipv4_prefix));
	memcpy(bytes + sizeof(ipv4_prefix),
	       &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	return true;
}

static bool
network_has_bytes(const struct network *net, const uint8_t bytes[16])
{
	unsigned whole = net->bits / 8, rest = net->bits % 8;

	return memcmp(net->bytes, bytes, whole) == 0 &&
	       (rest == 0 || (net->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0);
}

bool
network_has(const struct network *net, const struct sockaddr *sa)
{
	return networks_have(net, 1, sa);
}

bool
networks_have(const struct network *nets, uint32_t count, const struct sockaddr *sa)
{
	uint8_t bytes[16];

	if (count == 0 || !network_bytes(sa, bytes))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (network_has_bytes(&nets[i], bytes))
			return true;
	}
	return false;
}

static enum err
network_refuse(struct diag *diag, struct slice text, const char *why)
{
	char shown[NETWORK_SHOWN_BYTES];

	diag_set(diag, "\"%s\": %s", str_escape(shown, sizeof(shown), text), why);
	return ERR_INVALID;
}

/* -1: not a number of bits from 0 to `max`, as it is written ("8", not "08"). */
static int
network_parse_bits(struct slice text, int max)
{
	int bits = 0;

	if (text.len == 0 || text.len > 3 || (text.len > 1 && text.at[0] == '0'))
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return -1;
		bits = bits * 10 + (text.at[i] - '0');
	}
	return bits <= max ? bits : -1;
}

/* Is any bit behind the prefix set? */
static bool
network_has_host_bits(const struct network *net)
{
	for (unsigned i = net->bits; i < IPV6_BITS; i++) {
		if (net->bytes[i / 8] & (0x80 >> i % 8))
			return true;
	}
	return false;
}

enum err
network_parse(struct network *net, struct slice text, struct diag *diag)
{
	const char *slash = text.len > 0 ? memchr(text.at, '/', text.len) : NULL;
	struct slice ip = text, bits_text = { NULL, 0 };
	struct network parsed = { .bits = IPV6_BITS };
	struct addr addr;
	int own_bits;

	if (slash != NULL) {
		ip.len = (size_t)(slash - text.at);
		bits_text = (struct slice){ slash + 1, text.len - ip.len - 1 };
	}
	if (addr_parse(&addr, ip, ADDR_NO_UNIX, diag) != ERR_OK)
		return ERR_INVALID;
	if (ip.at[0] == '[' || (addr.sa.sa_family == AF_INET && memchr(ip.at, ':', ip.len) != NULL))
		return network_refuse(diag, text, "a network has no port and no brackets");
	own_bits = addr.sa.sa_family == AF_INET ? IPV6_BITS - IPV4_IN_IPV6_BITS : IPV6_BITS;
	if (slash != NULL) {
		int bits = network_parse_bits(bits_text, own_bits);

		if (bits < 0)
			return network_refuse(diag, text, own_bits == IPV6_BITS ?
				"after the / stands a number from 0 to 128" :
				"after the / stands a number from 0 to 32");
		parsed.bits = (uint8_t)(IPV6_BITS - own_bits + bits);
	}
	network_bytes(&addr.sa, parsed.bytes);
	parsed.is_ipv4 = parsed.bits >= IPV4_IN_IPV6_BITS &&
			 memcmp(parsed.bytes, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
	if (network_has_host_bits(&parsed))
		return network_refuse(diag, text, "bits behind the prefix are set");
	*net = parsed;
	return ERR_OK;
}

bool
network_has_ip(const struct network *net, const struct ip *ip)
{
	return network_has_bytes(net, ip->bytes);
}

bool
ip_of_socket(struct ip *ip, const struct sockaddr *sa)
{
	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return false;
	network_bytes(sa, ip->bytes);
	ip->is_ipv4 = memcmp(ip->bytes, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
	return true;
}
