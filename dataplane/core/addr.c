/*
 * Socket addresses and their texts. Any thread.
 */
#include "config.h"
#include "core/addr.h"
#include <arpa/inet.h>
#include <assert.h>
#include <stddef.h>
#include "core/iptext.h"

#define ADDR_IP_BYTES	 INET6_ADDRSTRLEN
#define ADDR_SHOWN_BYTES 160 /* of an outside text in an error */
#define PORT_DIGITS	 5

static_assert(ADDR_TEXT_BYTES >= sizeof("unix:") + sizeof(((struct sockaddr_un *)0)->sun_path),
	      "room for the longest path");

/* An error about `text` as a whole. */
static enum err
addr_refuse(struct diag *diag, struct slice text, const char *why)
{
	char shown[ADDR_SHOWN_BYTES];

	diag_set(diag, "\"%s\": %s", str_escape(shown, sizeof(shown), text), why);
	return ERR_INVALID;
}

static bool
slice_opens_with(struct slice text, struct slice prefix)
{
	return text.len >= prefix.len && memcmp(text.at, prefix.at, prefix.len) == 0;
}

/* -1: not a port. */
static int
port_parse(struct slice text)
{
	int port = 0;

	if (text.len == 0 || text.len > PORT_DIGITS)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return -1;
		port = port * 10 + (text.at[i] - '0');
	}
	return port <= UINT16_MAX ? port : -1;
}

/* "path" or "@name", behind "unix:". NULL: fine; else what is wrong. */
static const char *
addr_parse_path(struct addr *addr, struct slice path)
{
	struct sockaddr_un *un = &addr->un;
	bool abstract = path.len > 0 && path.at[0] == '@';

	if (path.len == (size_t)abstract)
		return "a path or @name is missing after unix:";
	if (path.len >= sizeof(un->sun_path))
		return "the path of a Unix socket has at most 107 bytes";
	for (size_t i = 0; i < path.len; i++) {
		if ((unsigned char)path.at[i] < ' ' || path.at[i] == 0x7f)
			return "control characters are not allowed in a path";
	}
	*addr = (struct addr){ 0 };
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path.at, path.len);
	/* an abstract name opens with a NUL and has none at its end */
	if (abstract)
		un->sun_path[0] = '\0';
	addr->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + !abstract);
	return NULL;
}

/* Cut `text` at its port: *ip without brackets. NULL: fine; else what is wrong. */
static const char *
addr_split(struct slice text, unsigned flags, struct slice *ip, struct slice *port, bool *bracketed)
{
	const char *colon = memchr(text.at, ':', text.len);
	const char *last = memrchr(text.at, ':', text.len);
	bool needs_port = (flags & (ADDR_NEED_PORT | ADDR_ANY_PORT)) != 0;

	*bracketed = text.at[0] == '[';
	*port = (struct slice){ NULL, 0 };
	*ip = text;
	if (*bracketed) {
		const char *end = memchr(text.at, ']', text.len);

		if (end == NULL)
			return "the closing ] is missing";
		*ip = (struct slice){ text.at + 1, (size_t)(end - text.at) - 1 };
		last = end + 1 < text.at + text.len ? end + 1 : NULL;
		if (last != NULL && *last != ':')
			return "after ] stands a : and the port, or nothing";
	} else if (colon != last) {
		/* two colons or more: an IPv6 address, in which a port could not be told apart */
		return needs_port ? "write an IPv6 address with its port as [address]:port" : NULL;
	} else if (last != NULL)
		ip->len = (size_t)(last - text.at);
	if (last != NULL)
		*port = (struct slice){ last + 1, (size_t)(text.at + text.len - last) - 1 };
	return last == NULL && needs_port ? "the port is missing" : NULL;
}

/* An IP alone. NULL: fine; else what is wrong. */
static const char *
addr_parse_ip(struct addr *addr, struct slice ip, bool bracketed)
{
	char text[ADDR_IP_BYTES];

	if (memchr(ip.at, '%', ip.len) != NULL)
		return "an address with a scope (%) is not supported";
	if (ip.len == 0 || ip.len >= sizeof(text) || memchr(ip.at, '\0', ip.len) != NULL)
		return "not an IP address";
	memcpy(text, ip.at, ip.len);
	text[ip.len] = '\0';
	*addr = (struct addr){ 0 };
	if (!bracketed && inet_pton(AF_INET, text, &addr->in.sin_addr) == 1) {
		addr->in.sin_family = AF_INET;
		addr->len = sizeof(addr->in);
	} else if (inet_pton(AF_INET6, text, &addr->in6.sin6_addr) == 1) {
		addr->in6.sin6_family = AF_INET6;
		addr->len = sizeof(addr->in6);
	} else
		return bracketed ? "not an IPv6 address in the brackets" : "not an IP address";
	return NULL;
}

/* ip:port and its kin. NULL: fine; else what is wrong. */
static const char *
addr_parse_inet(struct addr *addr, struct slice text, unsigned flags)
{
	struct slice ip, port_text;
	const char *wrong;
	bool bracketed;
	int port = 0;

	wrong = addr_split(text, flags, &ip, &port_text, &bracketed);
	if (wrong != NULL)
		return wrong;
	if ((flags & ADDR_STAR) && !bracketed && (ip.len == 0 || slice_equals(ip, SLICE("*"))))
		ip = SLICE("0.0.0.0");
	wrong = addr_parse_ip(addr, ip, bracketed);
	if (wrong != NULL)
		return wrong;
	if (port_text.at != NULL)
		port = port_parse(port_text);
	if (port < 0)
		return "a port is a number from 0 to 65535";
	if (port == 0 && (flags & ADDR_NEED_PORT))
		return "the port may not be 0";
	addr_set_port(addr, (uint16_t)port);
	return NULL;
}

enum err
addr_parse(struct addr *addr, struct slice text, unsigned flags, struct diag *diag)
{
	struct slice prefix = SLICE("unix:");
	struct addr parsed;
	const char *wrong;

	if (text.len == 0)
		return addr_refuse(diag, text, "an address is missing");
	if (!slice_opens_with(text, prefix))
		wrong = addr_parse_inet(&parsed, text, flags);
	else if (flags & ADDR_NO_UNIX)
		wrong = "a Unix socket is not possible here";
	else
		wrong = addr_parse_path(
			&parsed, (struct slice){ text.at + prefix.len, text.len - prefix.len });
	if (wrong != NULL)
		return addr_refuse(diag, text, wrong);
	*addr = parsed;
	return ERR_OK;
}

/* The path with '@' for the NUL of an abstract name; an unnamed socket's is empty. */
static struct slice
addr_path(const struct addr *addr)
{
	const char *path = addr->un.sun_path;
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t len = addr->len > head ? addr->len - head : 0;

	if (len > 0 && path[0] != '\0')
		len = strnlen(path, len);
	return (struct slice){ path, len };
}

static void
addr_format_path(const struct addr *addr, char buf[ADDR_TEXT_BYTES])
{
	struct slice path = addr_path(addr);
	char *out = buf + strlen("unix:");

	memcpy(buf, "unix:", sizeof("unix:"));
	for (size_t i = 0; i < path.len; i++) {
		unsigned char c = (unsigned char)path.at[i];

		out[i] = (char)(c >= ' ' && c != 0x7f ? c : i == 0 ? '@' : '?');
	}
	out[path.len] = '\0';
}

/* Without a NUL. Returns the length. */
static size_t
addr_write_ip(const struct addr *addr, char buf[ADDR_IP_BYTES])
{
	const struct in6_addr *in6 = &addr->in6.sin6_addr;

	if (addr->sa.sa_family == AF_INET)
		return ip4_write(buf, (const uint8_t *)&addr->in.sin_addr);
	if (!IN6_IS_ADDR_V4COMPAT(in6))
		return ip6_write(buf, in6->s6_addr);
	/* nobody has ::192.0.2.1 any more; it stays as the C library writes it */
	return strlen(inet_ntop(AF_INET6, in6, buf, ADDR_IP_BYTES));
}

static bool
addr_is_inet(const struct addr *addr)
{
	return addr->len > 0 &&
	       (addr->sa.sa_family == AF_INET || addr->sa.sa_family == AF_INET6);
}

const char *
addr_format_ip(const struct addr *addr, char buf[ADDR_TEXT_BYTES])
{
	size_t len = 0;

	if (addr_is_inet(addr))
		len = addr_write_ip(addr, buf);
	else if (addr_is_unix(addr)) {
		len = strlen("unix");
		memcpy(buf, "unix", len);
	}
	buf[len] = '\0';
	return buf;
}

const char *
addr_format(const struct addr *addr, char buf[ADDR_TEXT_BYTES])
{
	char *at = buf;

	if (addr_is_unix(addr)) {
		addr_format_path(addr, buf);
		return buf;
	}
	if (addr_is_inet(addr)) {
		bool brackets = addr->sa.sa_family == AF_INET6;

		if (brackets)
			*at++ = '[';
		at += addr_write_ip(addr, at);
		if (brackets)
			*at++ = ']';
		*at++ = ':';
		at += uint16_write(at, addr_port(addr));
	}
	*at = '\0';
	return buf;
}

bool
addr_equals(const struct addr *a, const struct addr *b)
{
	if (a->len == 0 || b->len == 0)
		return a->len == b->len;
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_UNIX)
		return slice_equals(addr_path(a), addr_path(b));
	if (addr_port(a) != addr_port(b))
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0 &&
	       a->in6.sin6_scope_id == b->in6.sin6_scope_id;
}

bool
addr_is_loopback(const struct addr *addr)
{
	const struct in6_addr *in6 = &addr->in6.sin6_addr;

	if (addr->len == 0)
		return false;
	if (addr->sa.sa_family == AF_INET)
		return ntohl(addr->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (addr->sa.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(in6) ||
		       (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == IN_LOOPBACKNET);
	return addr->sa.sa_family == AF_UNIX;
}

bool
addr_is_unix(const struct addr *addr)
{
	return addr->len > 0 && addr->sa.sa_family == AF_UNIX;
}

uint16_t
addr_port(const struct addr *addr)
{
	if (addr->len == 0)
		return 0;
	if (addr->sa.sa_family == AF_INET)
		return ntohs(addr->in.sin_port);
	return addr->sa.sa_family == AF_INET6 ? ntohs(addr->in6.sin6_port) : 0;
}

void
addr_set_port(struct addr *addr, uint16_t port)
{
	if (addr->len > 0 && addr->sa.sa_family == AF_INET)
		addr->in.sin_port = htons(port);
	else if (addr->len > 0 && addr->sa.sa_family == AF_INET6)
		addr->in6.sin6_port = htons(port);
}

/* What getsockname() or getpeername() says. */
static enum err
addr_ask(struct addr *addr, int fd, int (*ask)(int, struct sockaddr *, socklen_t *))
{
	struct addr found = { 0 };
	socklen_t len = sizeof(found.un);

	if (ask(fd, &found.sa, &len) != 0)
		return ERR_SYSTEM;
	/* the kernel may count a NUL that it has no room for */
	found.len = len < sizeof(found.un) ? len : (socklen_t)sizeof(found.un);
	*addr = found;
	return ERR_OK;
}

static int
addr_ask_own(int fd, struct sockaddr *sa, socklen_t *len)
{
	return getsockname(fd, sa, len);
}

static int
addr_ask_peer(int fd, struct sockaddr *sa, socklen_t *len)
{
	return getpeername(fd, sa, len);
}

enum err
addr_of_socket(struct addr *addr, int fd)
{
	return addr_ask(addr, fd, addr_ask_own);
}

enum err
addr_of_peer(struct addr *addr, int fd)
{
	return addr_ask(addr, fd, addr_ask_peer);
}
