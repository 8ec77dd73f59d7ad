/*
 * HTTP/1: authorities, of targets and of Host (RFC 3986, 3.2; RFC 9110, 4.2 and 7.2).
 *
 * Userinfo is refused by its "@", which no host may have; and so is "a,b": RFC 3986 would let it be a
 * name, but it is what somebody before us makes of two Host fields. Pure; any thread.
 */
#include "config.h"
#include <arpa/inet.h>
#include "http/chars_priv.h"
#include "http/h1_priv.h"

#define PORT_DIGITS_MAX 5

/* "[", an IPv6 address, "]". */
static bool
host_is_ipv6(struct slice host)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (host.len < 4 || host.len - 2 >= sizeof(text) || host.at[host.len - 1] != ']')
		return false;
	memcpy(text, host.at + 1, host.len - 2);
	text[host.len - 2] = '\0';
	return memchr(text, '\0', host.len - 2) == NULL && inet_pton(AF_INET6, text, &address) == 1;
}

static bool
host_is_name(struct slice host)
{
	for (size_t i = 0; i < host.len; i++) {
		if (!char_is(host.at[i], CHAR_HOST))
			return false;
		if (host.at[i] == '%' && (i + 2 >= host.len || !char_is(host.at[i + 1], CHAR_HEX) ||
					  !char_is(host.at[i + 2], CHAR_HEX)))
			return false;
	}
	return host.len > 0;
}

/* Up to 65535; empty is what RFC 3986 lets be. */
static bool
port_is_sound(struct slice port)
{
	uint32_t number = 0;

	if (port.len > PORT_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < port.len; i++) {
		if (!char_is_digit(port.at[i]))
			return false;
		number = number * 10 + (uint32_t)(port.at[i] - '0');
	}
	return number <= UINT16_MAX;
}

/* What nearly all are, without a "%": the first byte that is of no such name. */
static const char *
plain_name_end(struct slice text)
{
	const char *at = text.at, *end = text.at + text.len;

	while (at < end && char_is(*at, CHAR_HOST) && *at != '%')
		at++;
	return at;
}

bool
h1_authority_parse(struct h1_authority *a, struct slice text)
{
	const char *end = text.at + text.len, *colon = plain_name_end(text);
	const bool is_plain = colon > text.at && (colon == end || *colon == ':');
	const bool is_ip = text.len > 0 && *text.at == '[';

	if (is_ip) {
		const char *bracket = memchr(text.at, ']', text.len);

		colon = bracket == NULL ? end : bracket + 1;
	}
	while (!is_ip && colon < end && *colon != ':')
		colon++;
	a->host = (struct slice){ text.at, (size_t)(colon - text.at) };
	a->port = (struct slice){ end, 0 };
	if (colon < end && *colon != ':')
		return false;
	if (colon < end)
		a->port = (struct slice){ colon + 1, (size_t)(end - colon - 1) };
	if (!port_is_sound(a->port))
		return false;
	return is_plain || (is_ip ? host_is_ipv6(a->host) : host_is_name(a->host));
}

/* 0: none is given, and the scheme has none of its own. */
static uint32_t
port_number(struct slice port, struct slice scheme)
{
	uint32_t number = 0;

	for (size_t i = 0; i < port.len; i++)
		number = number * 10 + (uint32_t)(port.at[i] - '0');
	if (port.len > 0)
		return number;
	if (http_equals_nocase(scheme, SLICE("http")) || http_equals_nocase(scheme, SLICE("ws")))
		return 80;
	if (http_equals_nocase(scheme, SLICE("https")) || http_equals_nocase(scheme, SLICE("wss")))
		return 443;
	return 0;
}

bool
h1_authority_equals(const struct h1_authority *a, const struct h1_authority *b,
		    struct slice scheme)
{
	return http_equals_nocase(a->host, b->host) &&
	       port_number(a->port, scheme) == port_number(b->port, scheme);
}
