/*
 * Networks: an address and how many of its bits count ("10.0.0.0/8", "2001:db8::/32", "192.0.2.1").
 *
 * An IPv4 address and the IPv6 address that maps it are the same (RFC 4291, 2.5.5.2). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/diag.h"

struct network {
	uint8_t		bytes[16];	/* IPv4 mapped into IPv6 */
	uint8_t		bits;		/* of these 128 */
	bool		is_ipv4;
};

/* One address, without a port. */
struct ip {
	uint8_t		bytes[16];	/* IPv4 mapped into IPv6 */
	bool		is_ipv4;
};

/* ERR_INVALID: with what is wrong in `diag`; bits beyond the prefix must be 0. */
enum err network_parse(struct network *net, struct slice text, struct diag *diag);

/* False for a Unix socket. The port does not count. */
bool network_has(const struct network *net, const struct sockaddr *sa);
bool networks_have(const struct network *nets, uint32_t count, const struct sockaddr *sa);
bool network_has_ip(const struct network *net, const struct ip *ip);

/* False for a Unix socket. A mapped IPv4 address is IPv4. */
bool ip_of_socket(struct ip *ip, const struct sockaddr *sa);
