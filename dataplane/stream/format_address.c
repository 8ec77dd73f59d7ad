/*
 * Log variables: addresses of the client, of ours and of the server (HAProxy manual, 8.2.6). The stream's worker.
 */
#include "config.h"
#include "stream/format_stream_priv.h"
#include <arpa/inet.h>
#include "core/iptext.h"

static void
put_ip_hex(struct format_out *out, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	char text[2 * sizeof(struct in6_addr)];

	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 0xf];
	}
	format_put(out, (struct slice){ text, 2 * len });
}

/* Nothing of what is no address. */
static void
put_ip(struct format_out *out, const struct sockaddr *sa)
{
	const uint8_t *in =
		(const uint8_t *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	const uint8_t *in6 =
		(const uint8_t *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	char text[IP6_TEXT_MAX_BYTES];

	switch (sa->sa_family) {
	case AF_INET:
		if (format_flag_hex(out))
			put_ip_hex(out, in, sizeof(struct in_addr));
		else
			format_put(out, (struct slice){ text, ip4_write(text, in) });
		break;
	case AF_INET6:
		if (format_flag_hex(out))
			put_ip_hex(out, in6, sizeof(struct in6_addr));
		else
			format_put(out, (struct slice){ text, ip6_write(text, in6) });
		break;
	case AF_UNIX: format_put(out, SLICE("unix")); break;
	}
}

/* Of a Unix socket: which bind of the frontend it is. */
static void
put_port(struct format_out *out, const struct sockaddr *sa, uint32_t bind_number)
{
	switch (sa->sa_family) {
	case AF_INET:
		put_number(out, ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port), 4);
		break;
	case AF_INET6:
		put_number(out, ntohs(((const struct sockaddr_in6 *)(const void *)sa)->sin6_port),
			   4);
		break;
	case AF_UNIX: put_number(out, bind_number, 4); break;
	}
}

/* Who asks, as rules may have changed it. NULL: nobody (yet). */
static const struct stream_peer *
peer_of(const struct eval *eval)
{
	const struct client *c = client_of(eval);

	if (c == NULL)
		return NULL;
	return eval->stream != NULL && eval->stream->client != NULL ? stream_src(eval->stream)
								    : &c->peer;
}

void
var_ci(struct eval *eval, struct format_out *out)
{
	const struct stream_peer *peer = peer_of(eval);

	if (peer != NULL)
		put_ip(out, &peer->sa);
}

void
var_cp(struct eval *eval, struct format_out *out)
{
	const struct stream_peer *peer = peer_of(eval);

	if (peer != NULL)
		put_port(out, &peer->sa, client_of(eval)->bind_index + 1);
}

/* Where the client connected to, as rules may have changed it. False: it is not known. */
static bool
local_of(const struct eval *eval, struct addr *addr)
{
	const struct client *c = client_of(eval);

	if (c == NULL)
		return false;
	if (eval->stream != NULL && eval->stream->client != NULL)
		stream_dst(eval->stream, addr);
	else
		client_local(c, addr);
	return addr->len != 0;
}

void
var_fi(struct eval *eval, struct format_out *out)
{
	struct addr addr;

	if (local_of(eval, &addr))
		put_ip(out, &addr.sa);
}

void
var_fp(struct eval *eval, struct format_out *out)
{
	struct addr addr;

	if (local_of(eval, &addr))
		put_port(out, &addr.sa, client_of(eval)->bind_index + 1);
}

/* Our end of the connection to the server. False: there is none (any more). */
static bool
server_local(const struct eval *eval, struct addr *addr)
{
	const struct stream *s = eval->stream;

	return s != NULL && s->sc != NULL && s->sc->conn.fd >= 0 &&
	       addr_of_socket(addr, s->sc->conn.fd) == ERR_OK;
}

void
var_bi(struct eval *eval, struct format_out *out)
{
	struct addr addr;

	if (server_local(eval, &addr))
		put_ip(out, &addr.sa);
}

void
var_bp(struct eval *eval, struct format_out *out)
{
	struct addr addr;

	if (server_local(eval, &addr))
		put_port(out, &addr.sa, 0);
}

/* Where the server is, as its worker has it now. NULL: no server. */
static const struct addr *
server_address(const struct eval *eval)
{
	const struct stream *s = eval->stream;
	const struct server_conf *conf;

	if (s == NULL || s->server == NULL)
		return NULL;
	conf = s->server->slots[s->worker->index].conf;
	return conf == NULL ? NULL : &conf->address;
}

void
var_si(struct eval *eval, struct format_out *out)
{
	const struct addr *addr = server_address(eval);

	if (addr != NULL)
		put_ip(out, &addr->sa);
}

void
var_sp(struct eval *eval, struct format_out *out)
{
	const struct addr *addr = server_address(eval);

	if (addr != NULL)
		put_port(out, &addr->sa, 0);
}
