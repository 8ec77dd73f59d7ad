/*
 * Telling a server who asked: X-Forwarded-For, X-Original-To (HAProxy manual, "option forwardfor",
 * "option originalto") and Forwarded (RFC 7239).
 *
 * Each adds a line of its own and leaves alone what came. A line is written into the room by hand, as it
 * is written for each request. Any thread.
 */
#include "config.h"
#include "http/forward.h"
#include <stdlib.h>
#include "core/iptext.h"
#include "http/chars_priv.h"

#define NODE_MAX_BYTES (sizeof("\"[]:65535\"") - 1 + IP6_TEXT_MAX_BYTES)

static char *
text_put(char *at, struct slice text)
{
	memcpy(at, text.at, text.len);
	return at + text.len;
}

static bool
addr_is_ip(const struct addr *addr)
{
	return addr->len > 0 && addr->sa.sa_family != AF_UNIX;
}

static char *
ip_put(char *at, const struct addr *addr)
{
	if (addr->sa.sa_family == AF_INET)
		return at + ip4_write(at, (const uint8_t *)&addr->in.sin_addr);
	return at + ip6_write(at, addr->in6.sin6_addr.s6_addr);
}

/* What stands in the room up to `end` becomes the head's. */
static enum err
room_add(struct http_head *head, struct http_room *room, char *end)
{
	struct slice line = { room->at, (size_t)(end - room->at) };
	enum err err = http_head_add(head, line);

	if (err != ERR_OK)
		return err;
	room->at += line.len;
	room->left -= line.len;
	return ERR_OK;
}

/* What holds of a backend and a frontend together (HAProxy 2.6 does so). */
static struct slice
header_name(const struct http_forwardfor *backend, const struct http_forwardfor *frontend,
	    struct slice otherwise)
{
	const char *name = backend->on ? backend->header : frontend->header;

	return name != NULL ? slice_of(name) : otherwise;
}

static bool
is_excepted(const struct http_forwardfor *conf, const struct addr *addr)
{
	return networks_have(conf->except, conf->except_count, &addr->sa);
}

static bool
is_if_none(const struct http_forwardfor *backend, const struct http_forwardfor *frontend)
{
	return (backend->if_none || !backend->on) && (frontend->if_none || !frontend->on);
}

/* "NAME: IP CRLF" */
static enum err
ip_line_add(struct http_head *head, const struct http_forwardfor *backend,
	    const struct http_forwardfor *frontend, struct slice name, const struct addr *addr,
	    struct http_room *room)
{
	char *at;

	if (!backend->on && !frontend->on)
		return ERR_OK;
	name = header_name(backend, frontend, name);
	if (!addr_is_ip(addr) || is_excepted(backend, addr) || is_excepted(frontend, addr))
		return ERR_OK;
	if (is_if_none(backend, frontend) && http_head_find_named(head, name, NULL) != NULL)
		return ERR_OK;
	if (room->left < name.len + IP6_TEXT_MAX_BYTES + sizeof(": \r\n") - 1)
		return ERR_NOMEM;
	at = text_put(room->at, name);
	at = text_put(at, SLICE(": "));
	at = ip_put(at, addr);
	return room_add(head, room, text_put(at, SLICE("\r\n")));
}

enum err
http_forward_for(struct http_head *head, const struct http_forwardfor *backend,
		 const struct http_forwardfor *frontend, const struct addr *client,
		 struct http_room *room)
{
	return ip_line_add(head, backend, frontend, SLICE("X-Forwarded-For"), client, room);
}

enum err
http_forward_original_to(struct http_head *head, const struct http_forwardfor *backend,
			 const struct http_forwardfor *frontend, const struct addr *local,
			 struct http_room *room)
{
	return ip_line_add(head, backend, frontend, SLICE("X-Original-To"), local, room);
}

/* A node (RFC 7239, 6): quoted where it is more than an IPv4 address, as ":" and "[" are of no token. */
static char *
node_put(char *at, const struct addr *addr, bool with_port)
{
	bool is_ip6 = addr->sa.sa_family == AF_INET6;

	if (!addr_is_ip(addr))
		return text_put(at, SLICE("unknown"));
	if (is_ip6 || with_port)
		*at++ = '"';
	if (is_ip6)
		*at++ = '[';
	at = ip_put(at, addr);
	if (is_ip6)
		*at++ = ']';
	if (with_port) {
		*at++ = ':';
		at += uint16_write(at, addr_port(addr));
	}
	if (is_ip6 || with_port)
		*at++ = '"';
	return at;
}

/* As a token if it is one, else as a quoted string (RFC 9110, 5.6.4). At most 2 * len + 2 bytes. */
static char *
value_put(char *at, struct slice value)
{
	bool is_token = value.len > 0;

	for (size_t i = 0; i < value.len && is_token; i++)
		is_token = char_is(value.at[i], CHAR_TOKEN);
	if (is_token)
		return text_put(at, value);
	*at++ = '"';
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] == '"' || value.at[i] == '\\')
			*at++ = '\\';
		*at++ = value.at[i];
	}
	*at++ = '"';
	return at;
}

/* In HAProxy's order. */
static char *
parameters_put(char *at, const struct http_head *head, const struct http_forwarded *conf,
	       const struct addr *client, const struct addr *local, bool is_tls)
{
	if (conf->proto)
		at = text_put(at, is_tls ? SLICE("proto=https;") : SLICE("proto=http;"));
	if (conf->host && head->authority.len > 0) {
		at = value_put(text_put(at, SLICE("host=")), head->authority);
		*at++ = ';';
	}
	if (conf->by) {
		at = node_put(text_put(at, SLICE("by=")), local, conf->by_port);
		*at++ = ';';
	}
	if (conf->for_) {
		at = node_put(text_put(at, SLICE("for=")), client, conf->for_port);
		*at++ = ';';
	}
	return at;
}

enum err
http_forward_forwarded(struct http_head *head, const struct http_forwarded *conf,
		       const struct addr *client, const struct addr *local, bool is_tls,
		       struct http_room *room)
{
	static const char all[] = "Forwarded: proto=https;host=\"\";by=;for=;\r\n";
	size_t most = sizeof(all) - 1 + 2 * NODE_MAX_BYTES;
	char *first, *at;

	if (!conf->on)
		return ERR_OK;
	if (conf->host)
		most += 2 * head->authority.len;
	if (room->left < most)
		return ERR_NOMEM;
	if (most > UINT16_MAX)
		return ERR_LIMIT;
	first = text_put(room->at, SLICE("Forwarded: "));
	at = parameters_put(first, head, conf, client, local, is_tls);
	if (at == first)
		return ERR_OK;
	/* over the last semicolon */
	return room_add(head, room, text_put(at - 1, SLICE("\r\n")));
}

void
http_forwardfor_fini(struct http_forwardfor *conf)
{
	free(conf->except);
	free(conf->header);
	*conf = (struct http_forwardfor){ 0 };
}
