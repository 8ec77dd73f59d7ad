/*
 * Who asks, and whom: a stream's addresses, where rules may say otherwise than its connection.
 *
 * A rule of a connection ("tcp-request-connection set-src") changes it for good, one of a stream for that stream:
 * the next request on the connection has its own.
 *
 * The worker's thread.
 */
#include "config.h"
#include <stdlib.h>
#include <string.h>
#include "stream/stream_priv.h"

/* What rules made of them; NULL: nothing. */
static const struct stream_addrs *
addrs_of(const struct stream *s)
{
	return s->ruled == NULL ? NULL : s->ruled->addrs;
}

const struct stream_peer *
stream_src(const struct stream *s)
{
	const struct stream_addrs *addrs = addrs_of(s);

	return addrs != NULL && addrs->has_src ? &addrs->src : &s->client->peer;
}

void
stream_dst(const struct stream *s, struct addr *addr)
{
	const struct stream_addrs *addrs = addrs_of(s);

	if (addrs != NULL && addrs->has_dst)
		stream_peer_addr(&addrs->dst, addr);
	else
		client_local(s->client, addr);
}

static in_port_t
peer_port(const struct stream_peer *peer)
{
	if (peer->sa.sa_family == AF_INET)
		return peer->in.sin_port;
	return peer->sa.sa_family == AF_INET6 ? peer->in6.sin6_port : 0;
}

static void
peer_set_ip(struct stream_peer *peer, const struct ip *ip)
{
	const in_port_t port = peer_port(peer);

	*peer = (struct stream_peer){ 0 };
	if (ip->is_ipv4) {
		peer->in.sin_family = AF_INET;
		peer->in.sin_port = port;
		memcpy(&peer->in.sin_addr, ip->bytes + 12, 4);
	} else {
		peer->in6.sin6_family = AF_INET6;
		peer->in6.sin6_port = port;
		memcpy(&peer->in6.sin6_addr, ip->bytes, 16);
	}
}

/* A Unix socket gets an address only with its IP: a port alone is none. */
static void
peer_change(struct stream_peer *peer, const struct ip *ip, int port)
{
	if (ip != NULL)
		peer_set_ip(peer, ip);
	if (port >= 0 && peer->sa.sa_family == AF_INET)
		peer->in.sin_port = htons((uint16_t)port);
	else if (port >= 0 && peer->sa.sa_family == AF_INET6)
		peer->in6.sin6_port = htons((uint16_t)port);
}

static void
peer_of_addr(struct stream_peer *peer, const struct addr *addr)
{
	*peer = (struct stream_peer){ 0 };
	if (addr->sa.sa_family == AF_INET)
		peer->in = addr->in;
	else if (addr->sa.sa_family == AF_INET6)
		peer->in6 = addr->in6;
	else
		peer->sa.sa_family = AF_UNIX;
}

/* Without memory it stays what it was. */
void
stream_set_address(struct stream *s, enum rule_address which, const struct ip *ip, int port)
{
	struct stream_addrs *addrs = s->ruled->addrs;
	struct addr local;

	if (addrs == NULL)
		addrs = s->ruled->addrs = calloc(1, sizeof(*addrs));
	if (addrs == NULL)
		return;
	if (which == RULE_SRC) {
		addrs->src = *stream_src(s);
		addrs->has_src = true;
		peer_change(&addrs->src, ip, port);
	} else {
		stream_dst(s, &local);
		peer_of_addr(&addrs->dst, &local);
		addrs->has_dst = true;
		peer_change(&addrs->dst, ip, port);
	}
}

/* Where it connected to is kept as a PROXY header's word is. */
static struct stream_peer *
client_to(struct client *c)
{
	struct addr local;

	if (c->proxied != NULL)
		return &c->proxied->to;
	client_local(c, &local);
	c->proxied = calloc(1, sizeof(*c->proxied));
	if (c->proxied == NULL)
		return NULL;
	peer_of_addr(&c->proxied->to, &local);
	return &c->proxied->to;
}

void
client_set_address(struct client *c, enum rule_address which, const struct ip *ip, int port)
{
	struct stream_peer *peer = which == RULE_SRC ? &c->peer : client_to(c);

	if (peer != NULL)
		peer_change(peer, ip, port);
}
