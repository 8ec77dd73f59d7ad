/*
 * Socket addresses: parsing and writing "ip:port", "[ip6]:port" and "unix:path".
 *
 * Names are never looked up here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <sys/un.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"

#define ADDR_TEXT_BYTES 128	/* longest text with its NUL: "unix:" and a sun_path */

struct addr {
	socklen_t		len;		/* 0: none */
	union {
		struct sockaddr		sa;
		struct sockaddr_in	in;
		struct sockaddr_in6	in6;
		struct sockaddr_un	un;
	};
};

/* What addr_parse accepts beyond ip and port. */
#define ADDR_NEED_PORT	0x1	/* a port must be there and not be 0 */
#define ADDR_ANY_PORT	0x2	/* a port must be there, 0 is fine */
#define ADDR_NO_UNIX	0x4
#define ADDR_STAR	0x8	/* "*:80" and ":80" mean 0.0.0.0 */
				/* without *_PORT: the port may be left out (0), and an
				   IPv6 address without brackets is one without a port */

/*
 * ERR_INVALID with what is wrong in `diag`, and *addr left alone. "@" after "unix:" is the abstract
 * namespace. An IPv6 address with a port is in brackets; scope ids are refused.
 */
enum err addr_parse(struct addr *addr, struct slice text, unsigned flags, struct diag *diag);

/* Canonical text. Returns buf. An empty address gives ""; control characters in a path show as '?'. */
const char *addr_format(const struct addr *addr, char buf[ADDR_TEXT_BYTES]);

/* Only the IP ("unix" for a Unix socket), without port or brackets. Returns buf. */
const char *addr_format_ip(const struct addr *addr, char buf[ADDR_TEXT_BYTES]);

bool addr_equals(const struct addr *a, const struct addr *b);
bool addr_is_loopback(const struct addr *addr);		/* 127/8, ::1, ::ffff:127/104, or a Unix socket */
bool addr_is_unix(const struct addr *addr);
uint16_t addr_port(const struct addr *addr);		/* host order; 0 for a Unix socket */
void addr_set_port(struct addr *addr, uint16_t port);

/* Its own address (getsockname), its peer's (getpeername). ERR_SYSTEM leaves errno. */
enum err addr_of_socket(struct addr *addr, int fd);
enum err addr_of_peer(struct addr *addr, int fd);
