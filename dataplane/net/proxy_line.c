/*
 * Reading version 1 of a PROXY header, one line of text (proxy-protocol.txt, 2.1).
 *
 * A cursor walks over what has come, each piece taking what can be its own; the first byte that can't
 * is refused. Any thread.
 */
#include "config.h"
#include "net/proxy.h"
#include <arpa/inet.h>
#include "core/iptext.h"
#include "net/proxy_priv.h"

#define IP6_GROUPS 8

struct cursor {
	const char	*at;
	const char	*end;
	const char	*why;		/* PROXY_BAD: what is wrong */
};

static enum proxy_result
cursor_refuse(struct cursor *c, const char *why)
{
	c->why = why;
	return PROXY_BAD;
}

static enum proxy_result
literal_take(struct cursor *c, const char *literal, const char *why)
{
	for (; *literal != '\0'; literal++, c->at++) {
		if (c->at == c->end)
			return PROXY_MORE;
		if (*c->at != *literal)
			return cursor_refuse(c, why);
	}
	return PROXY_DONE;
}

/* A number as it is written canonically, up to `max`: the byte that makes it another is left. */
static bool
digit_fits(unsigned *value, unsigned digits, char c, unsigned max)
{
	if (c < '0' || c > '9' || (digits > 0 && *value == 0))
		return false;
	*value = *value * 10 + (unsigned)(c - '0');
	return *value <= max;
}

/* "192.0.2.1", as far as it has come; *pos behind it. False: it is none. */
static bool
ip4_walk(struct slice text, size_t *pos, bool *whole)
{
	unsigned octets = 0, digits = 0, value = 0;

	for (*whole = false; *pos < text.len; ++*pos) {
		char c = text.at[*pos];

		if (c == '.' && digits > 0 && octets < 3) {
			octets++;
			digits = value = 0;
			continue;
		}
		if (c == ' ' && digits > 0 && octets == 3) {
			*whole = true;
			return true;
		}
		if (!digit_fits(&value, digits++, c, UINT8_MAX))
			return false;
	}
	return true;
}

static bool
hex_is(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* How an IPv6 address stands at a byte. */
struct ip6_walk {
	unsigned	groups;		/* whole ones, each behind it a colon */
	unsigned	digits;		/* of the one under way */
	bool		gap;		/* "::" was there */
};

/* May a colon stand at `pos`, and what does it begin or end? */
static bool
ip6_colon_fits(struct ip6_walk *w, struct slice text, size_t pos)
{
	if (w->digits > 0) {
		w->groups++;
		w->digits = 0;
		return w->groups + w->gap < IP6_GROUPS;
	}
	/* at the front one must follow; else this one follows another: the gap, of which there is one */
	if (pos == 0)
		return text.len == 1 || text.at[1] == ':';
	if (w->gap)
		return false;
	w->gap = true;
	return true;
}

static bool
ip6_ends_well(const struct ip6_walk *w, struct slice text, size_t pos)
{
	unsigned groups = w->groups + (w->digits > 0);
	bool open = pos > 0 && text.at[pos - 1] == ':' && !(pos > 1 && text.at[pos - 2] == ':');

	return !open && (w->gap ? groups < IP6_GROUPS : groups == IP6_GROUPS);
}

/* "2001:db8::1" or "::ffff:192.0.2.1", as ip4_walk(). */
static bool
ip6_walk(struct slice text, size_t *pos, bool *whole)
{
	struct ip6_walk w = { 0 };

	for (*whole = false; *pos < text.len; ++*pos) {
		char c = text.at[*pos];

		if (c == ':') {
			if (!ip6_colon_fits(&w, text, *pos))
				return false;
		} else if (c == '.') {
			/* the last two groups as IPv4: from the start of this one */
			if (w.digits == 0 || (w.gap ? w.groups > 5 : w.groups != 6))
				return false;
			*pos -= w.digits;
			return ip4_walk(text, pos, whole);
		} else if (c == ' ')
			return *whole = ip6_ends_well(&w, text, *pos);
		else if (!hex_is(c) || ++w.digits > 4 ||
			 w.groups + w.gap >= IP6_GROUPS)
			return false;
	}
	return true;
}

/* An address with the blank behind it. */
static enum proxy_result
address_take(struct cursor *c, struct addr *addr, bool is_ip6)
{
	struct slice text = { c->at, (size_t)(c->end - c->at) };
	char copy[IP6_TEXT_MAX_BYTES + 1];
	size_t pos = 0;
	bool whole;

	if (!(is_ip6 ? ip6_walk : ip4_walk)(text, &pos, &whole))
		return cursor_refuse(c, "an address is none of its family");
	if (!whole)
		return PROXY_MORE;
	if (pos >= sizeof(copy))
		return cursor_refuse(c, "an address is too long");
	memcpy(copy, text.at, pos);
	copy[pos] = '\0';
	addr->sa.sa_family = is_ip6 ? AF_INET6 : AF_INET;
	addr->len = is_ip6 ? sizeof(addr->in6) : sizeof(addr->in);
	if (inet_pton(addr->sa.sa_family, copy,
		      is_ip6 ? (void *)&addr->in6.sin6_addr : &addr->in.sin_addr) != 1)
		return cursor_refuse(c, "an address is none of its family");
	c->at += pos + 1;
	return PROXY_DONE;
}

/* A port with the byte behind it. */
static enum proxy_result
port_take(struct cursor *c, struct addr *addr, char behind)
{
	unsigned value = 0, digits = 0;

	for (; c->at < c->end; c->at++) {
		if (*c->at == behind && digits > 0) {
			addr_set_port(addr, (uint16_t)value);
			c->at++;
			return PROXY_DONE;
		}
		if (!digit_fits(&value, digits++, *c->at, UINT16_MAX))
			return cursor_refuse(c, "a port is no number from 0 to 65535");
	}
	return PROXY_MORE;
}

/* " TCP4 192.0.2.1 198.51.100.2 56324 443 CR LF", behind the family. */
static enum proxy_result
connection_take(struct cursor *c, struct proxy_header *h, bool is_ip6)
{
	enum proxy_result result = address_take(c, &h->from, is_ip6);

	if (result == PROXY_DONE)
		result = address_take(c, &h->to, is_ip6);
	if (result == PROXY_DONE)
		result = port_take(c, &h->from, ' ');
	if (result == PROXY_DONE)
		result = port_take(c, &h->to, '\r');
	if (result == PROXY_DONE)
		result = literal_take(c, "\n", "LF is missing behind CR");
	return result;
}

/* Behind UNKNOWN all is ignored up to CR LF; but a line of text it must be. */
static enum proxy_result
unknown_take(struct cursor *c, struct proxy_header *h)
{
	h->is_local = true;
	if (c->at < c->end && *c->at != ' ' && *c->at != '\r')
		return cursor_refuse(c, "the family is not TCP4, TCP6 or UNKNOWN");
	while (c->at < c->end && *c->at >= ' ' && *c->at <= '~')
		c->at++;
	return literal_take(c, "\r\n", "the line does not end with CR LF");
}

static enum proxy_result
line_take(struct cursor *c, struct proxy_header *h)
{
	static const char wrong_family[] = "the family is not TCP4, TCP6 or UNKNOWN";
	enum proxy_result result = literal_take(c, "PROXY ", "it does not open with \"PROXY \"");
	bool is_ip6;

	if (result != PROXY_DONE || c->at == c->end)
		return result == PROXY_DONE ? PROXY_MORE : result;
	if (*c->at == 'U') {
		result = literal_take(c, "UNKNOWN", wrong_family);
		return result == PROXY_DONE ? unknown_take(c, h) : result;
	}
	result = literal_take(c, "TCP", wrong_family);
	if (result != PROXY_DONE || c->at == c->end)
		return result == PROXY_DONE ? PROXY_MORE : result;
	if (*c->at != '4' && *c->at != '6')
		return cursor_refuse(c, wrong_family);
	is_ip6 = *c->at++ == '6';
	result = literal_take(c, " ", "one blank is missing behind the family");
	return result == PROXY_DONE ? connection_take(c, h, is_ip6) : result;
}

enum proxy_result
proxy_parse_line(struct proxy_header *h, const char *bytes, size_t len, struct diag *diag)
{
	size_t seen = len < PROXY_V1_MAX_BYTES ? len : PROXY_V1_MAX_BYTES;
	struct cursor c = { .at = bytes, .end = bytes + seen };
	struct proxy_header read = { .version = 1 };
	enum proxy_result result = line_take(&c, &read);

	if (result == PROXY_MORE && seen == PROXY_V1_MAX_BYTES)
		result = cursor_refuse(&c, "the line is longer than 107 bytes");
	if (result == PROXY_BAD)
		diag_set(diag, "PROXY protocol, version 1: %s", c.why);
	if (result != PROXY_DONE)
		return result;
	read.len = (size_t)(c.at - bytes);
	*h = read;
	return PROXY_DONE;
}
