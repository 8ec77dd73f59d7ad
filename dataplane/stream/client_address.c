/*
 * Who a client is: addresses as the PROXY header or the kernel tells them.
 *
 * The worker's thread.
 */
#include "config.h"
#include <string.h>
#include "stream/client_priv.h"

void
client_local(const struct client *c, struct addr *addr)
{
	if (c->proxied != NULL)
		stream_peer_addr(&c->proxied->to, addr);
	else if (c->conn.fd < 0 || addr_of_socket(addr, c->conn.fd) != ERR_OK)
		*addr = (struct addr){ 0 };
}

/*
 * FNV-1a, 64 bits (draft-eastlake-fnv), from a secret start: who can
 * choose an address must not find one with another client's number.
 */
static uint64_t
hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

uint64_t
client_identity(const struct client *c)
{
	struct addr local;
	uint64_t hash = c->worker->identity_seed;

	client_local(c, &local);
	hash = hash_bytes(hash, c->peer.storage, sizeof(c->peer.storage));
	hash = hash_bytes(hash, &local.sa, local.len);
	if (c->proxied != NULL)
		hash = hash_bytes(hash, c->proxied->tlvs, c->proxied->tlvs_len);
	return hash == 0 ? 1 : hash;
}

void
stream_peer_addr(const struct stream_peer *peer, struct addr *addr)
{
	*addr = (struct addr){ 0 };
	switch (peer->sa.sa_family) {
	case AF_INET:
		addr->in = peer->in;
		addr->len = sizeof(addr->in);
		break;
	case AF_INET6:
		addr->in6 = peer->in6;
		addr->len = sizeof(addr->in6);
		break;
	default: addr->un.sun_family = AF_UNIX; addr->len = sizeof(sa_family_t);
	}
}
