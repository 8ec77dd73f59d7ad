/*
 * Who a client is, in expressions: addresses, what its PROXY header said, what the kernel measured
 * (HAProxy manual, 7.3.3 "src", "dst", "fc_rtt").
 *
 * "src" and "dst" are what rules, a PROXY header or the kernel say, in that order; "fc_src" and the like
 * do not ask a stream's rules. The client's worker.
 */
#include "config.h"
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "expr/fetch.h"
#include "stream/fetch_priv.h"
#include "stream/stream_priv.h"

#define IP4_BYTES 4
#define IP6_BYTES 16
#define HASH_BYTES 4

const struct client *
eval_client(const struct eval *eval)
{
	if (eval->client != NULL)
		return eval->client;
	return eval->stream == NULL ? NULL : eval->stream->client;
}

/* -- addresses; each false where there is none -- */

typedef bool address_fn(const struct eval *eval, struct addr *addr);

static bool
address_src(const struct eval *eval, struct addr *addr)
{
	const struct client *c = eval_client(eval);

	if (c == NULL)
		return false;
	stream_peer_addr(eval->stream != NULL && eval->stream->client != NULL
				 ? stream_src(eval->stream)
				 : &c->peer, addr);
	return true;
}

static bool
address_dst(const struct eval *eval, struct addr *addr)
{
	const struct client *c = eval_client(eval);

	if (c == NULL)
		return false;
	if (eval->stream != NULL && eval->stream->client != NULL)
		stream_dst(eval->stream, addr);
	else
		client_local(c, addr);
	return addr->len != 0;
}

static bool
address_client_src(const struct eval *eval, struct addr *addr)
{
	const struct client *c = eval_client(eval);

	if (c == NULL)
		return false;
	stream_peer_addr(&c->peer, addr);
	return true;
}

static bool
address_client_dst(const struct eval *eval, struct addr *addr)
{
	const struct client *c = eval_client(eval);

	if (c == NULL)
		return false;
	client_local(c, addr);
	return addr->len != 0;
}

static bool
address_server_src(const struct eval *eval, struct addr *addr)
{
	const struct stream *s = eval->stream;

	return s != NULL && s->sc != NULL && s->sc->conn.fd >= 0 &&
	       addr_of_socket(addr, s->sc->conn.fd) == ERR_OK;
}

static bool
address_server_dst(const struct eval *eval, struct addr *addr)
{
	const struct stream *s = eval->stream;

	return s != NULL && s->sc != NULL && s->sc->conn.fd >= 0 &&
	       addr_of_peer(addr, s->sc->conn.fd) == ERR_OK;
}

/* Only who has it can bind a socket to it (HAProxy manual, "src_is_local": it takes a few system calls). */
static bool
address_is_local(const struct addr *addr)
{
	struct addr any_port = *addr;
	bool is_local;
	int fd;

	if (addr_is_unix(addr) || addr_is_loopback(addr))
		return true;
	fd = socket(addr->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	addr_set_port(&any_port, 0);
	is_local = bind(fd, &any_port.sa, any_port.len) == 0;
	close(fd);
	return is_local;
}

static bool
ip_get(const struct eval *eval, address_fn *address, struct sample *sample)
{
	struct addr addr;

	return address(eval, &addr) && ip_of_socket(&sample->ip, &addr.sa);
}

static bool
port_get(const struct eval *eval, address_fn *address, struct sample *sample)
{
	struct addr addr;

	if (!address(eval, &addr) || addr_is_unix(&addr))
		return false;
	sample->number = addr_port(&addr);
	return true;
}

static bool
is_local_get(const struct eval *eval, address_fn *address, struct sample *sample)
{
	struct addr addr;

	if (!address(eval, &addr))
		return false;
	sample->number = address_is_local(&addr);
	return true;
}

#define GETTER(name, get, address)							\
	static bool name(struct eval *eval, const struct args *args, struct fetch_cursor *cursor, \
		struct sample *sample)							\
	{										\
		return get(eval, address, sample);					\
	}

GETTER(get_src, ip_get, address_src)
GETTER(get_src_port, port_get, address_src)
GETTER(get_src_is_local, is_local_get, address_src)
GETTER(get_dst, ip_get, address_dst)
GETTER(get_dst_port, port_get, address_dst)
GETTER(get_dst_is_local, is_local_get, address_dst)
GETTER(get_fc_src, ip_get, address_client_src)
GETTER(get_fc_src_port, port_get, address_client_src)
GETTER(get_fc_src_is_local, is_local_get, address_client_src)
GETTER(get_fc_dst, ip_get, address_client_dst)
GETTER(get_fc_dst_port, port_get, address_client_dst)
GETTER(get_fc_dst_is_local, is_local_get, address_client_dst)
GETTER(get_bc_src, ip_get, address_server_src)
GETTER(get_bc_src_port, port_get, address_server_src)
GETTER(get_bc_dst, ip_get, address_server_dst)
GETTER(get_bc_dst_port, port_get, address_server_dst)

/* -- a hash of the request, with the address behind it -- */

static bool
hash_with_src(struct eval *eval, uint32_t hash, struct sample *sample)
{
	struct sample src;
	size_t len;
	uint8_t *at;

	if (!ip_get(eval, address_src, &src))
		return false;
	len = src.ip.is_ipv4 ? IP4_BYTES : IP6_BYTES;
	at = (uint8_t *)eval_take(eval, HASH_BYTES + len);
	if (at == NULL)
		return false;
	for (int i = 0; i < HASH_BYTES; i++)
		at[i] = (uint8_t)(hash >> (24 - 8 * i));
	memcpy(at + HASH_BYTES, src.ip.bytes + IP6_BYTES - len, len);
	sample->text = (struct slice){ (char *)at, HASH_BYTES + len };
	return true;
}

static bool
get_base32_src(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	int64_t hash;

	return fetch_base32(eval, &hash) && hash_with_src(eval, (uint32_t)hash, sample);
}

static bool
get_url32_src(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	int64_t hash;

	return fetch_url32(eval, &hash) && hash_with_src(eval, (uint32_t)hash, sample);
}

/* -- its PROXY header -- */

static bool
get_rcvd_proxy(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct client *c = eval_client(eval);

	if (c == NULL)
		return false;
	sample->number = c->proxied != NULL && c->proxied->is_header;
	return true;
}

static bool
tlv_get(const struct eval *eval, uint8_t type, struct sample *sample)
{
	const struct client *c = eval_client(eval);

	return c != NULL && c->proxied != NULL &&
	       proxy_tlv_find((struct slice){ c->proxied->tlvs, c->proxied->tlvs_len }, type,
			      &sample->text);
}

static bool
get_authority(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return tlv_get(eval, PROXY_TLV_AUTHORITY, sample);
}

static bool
get_unique_id(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return tlv_get(eval, PROXY_TLV_UNIQUE_ID, sample);
}

/* -- the kernel's measures -- */

static bool
tcp_info_get(const struct eval *eval, struct tcp_info *info)
{
	const struct client *c = eval_client(eval);
	socklen_t len = sizeof(*info);

	*info = (struct tcp_info){ 0 };
	return c != NULL && c->conn.fd >= 0 &&
	       getsockopt(c->conn.fd, IPPROTO_TCP, TCP_INFO, info, &len) == 0;
}

/* args->number: by what microseconds are divided; 1 for counts. */
#define TCP_INFO_GETTER(name, field, divisor)						\
	static bool name(struct eval *eval, const struct args *args, struct fetch_cursor *cursor, \
		struct sample *sample)							\
	{										\
		struct tcp_info info;							\
											\
		if (!tcp_info_get(eval, &info))						\
			return false;							\
		sample->number = (int64_t)info.field / (divisor);			\
		return true;								\
	}

TCP_INFO_GETTER(get_rtt, tcpi_rtt, args->number)
TCP_INFO_GETTER(get_rttvar, tcpi_rttvar, args->number)
TCP_INFO_GETTER(get_unacked, tcpi_unacked, 1)
TCP_INFO_GETTER(get_sacked, tcpi_sacked, 1)
TCP_INFO_GETTER(get_retrans, tcpi_retrans, 1)
TCP_INFO_GETTER(get_fackets, tcpi_fackets, 1)
TCP_INFO_GETTER(get_lost, tcpi_lost, 1)
TCP_INFO_GETTER(get_reordering, tcpi_reordering, 1)

static enum err
check_unit(struct args *args, const struct compile_env *env, struct diag *diag)
{
	bool is_us = slice_equals(args->at[0].text, SLICE("us"));

	args->number = is_us ? 1 : 1000;
	if (is_us || args->at[0].kind == ARG_NONE || slice_equals(args->at[0].text, SLICE("ms")))
		return ERR_OK;
	diag_set(diag, "expected \"us\" or \"ms\" for the unit");
	return ERR_INVALID;
}

/* clang-format off */
#define ROW(name, type, needs, help, get) { name, type, needs, { ARG_NONE }, false, false, false, help, NULL, get }
#define UNIT(name, help, get) \
	{ name, SAMPLE_INT, NEEDS_CLIENT, { ARG_STRING | ARG_OPTIONAL }, false, false, false, help, check_unit, get }

static const struct fetch rows[] = {
	ROW("base32+src",	SAMPLE_BINARY,	NEEDS_REQUEST | NEEDS_CLIENT, "base32, and src behind it",	get_base32_src),
	ROW("bc_dst",		SAMPLE_IP,	NEEDS_SERVER,	"where the connection to the server goes",		get_bc_dst),
	ROW("bc_dst_port",	SAMPLE_INT,	NEEDS_SERVER,	"the port there",					get_bc_dst_port),
	ROW("bc_src",		SAMPLE_IP,	NEEDS_SERVER,	"our address on the connection to the server",		get_bc_src),
	ROW("bc_src_port",	SAMPLE_INT,	NEEDS_SERVER,	"our port there",					get_bc_src_port),
	ROW("dst",		SAMPLE_IP,	NEEDS_CLIENT,	"where the client connected to",			get_dst),
	ROW("dst_is_local",	SAMPLE_BOOL,	NEEDS_CLIENT,	"that is an address of this system",			get_dst_is_local),
	ROW("dst_port",		SAMPLE_INT,	NEEDS_CLIENT,	"the port that the client connected to",		get_dst_port),
	ROW("fc_dst",		SAMPLE_IP,	NEEDS_CLIENT,	"dst, whatever a request's rules say",			get_fc_dst),
	ROW("fc_dst_is_local",	SAMPLE_BOOL,	NEEDS_CLIENT,	"that is an address of this system",			get_fc_dst_is_local),
	ROW("fc_dst_port",	SAMPLE_INT,	NEEDS_CLIENT,	"dst_port, whatever a request's rules say",		get_fc_dst_port),
	ROW("fc_fackets",	SAMPLE_INT,	NEEDS_CLIENT,	"the kernel's fack counter of the client's connection",	get_fackets),
	ROW("fc_lost",		SAMPLE_INT,	NEEDS_CLIENT,	"packets that the kernel thinks lost",			get_lost),
	ROW("fc_pp_authority",	SAMPLE_STRING,	NEEDS_CLIENT,	"the authority that the client's PROXY header names",	get_authority),
	ROW("fc_pp_unique_id",	SAMPLE_STRING,	NEEDS_CLIENT,	"the unique ID that the client's PROXY header brings",	get_unique_id),
	ROW("fc_rcvd_proxy",	SAMPLE_BOOL,	NEEDS_CLIENT,	"the client came with a PROXY header",			get_rcvd_proxy),
	ROW("fc_reordering",	SAMPLE_INT,	NEEDS_CLIENT,	"the kernel's reordering counter",			get_reordering),
	ROW("fc_retrans",	SAMPLE_INT,	NEEDS_CLIENT,	"packets that were sent again and not acknowledged yet", get_retrans),
	UNIT("fc_rtt",		"the round trip to the client as the kernel measured it, in ms or us",				get_rtt),
	UNIT("fc_rttvar",	"how much it varies",										get_rttvar),
	ROW("fc_sacked",	SAMPLE_INT,	NEEDS_CLIENT,	"packets that were acknowledged selectively",		get_sacked),
	ROW("fc_src",		SAMPLE_IP,	NEEDS_CLIENT,	"src, whatever a request's rules say",			get_fc_src),
	ROW("fc_src_is_local",	SAMPLE_BOOL,	NEEDS_CLIENT,	"that is an address of this system",			get_fc_src_is_local),
	ROW("fc_src_port",	SAMPLE_INT,	NEEDS_CLIENT,	"src_port, whatever a request's rules say",		get_fc_src_port),
	ROW("fc_unacked",	SAMPLE_INT,	NEEDS_CLIENT,	"packets that are not acknowledged yet",		get_unacked),
	ROW("src",		SAMPLE_IP,	NEEDS_CLIENT,	"the client's address, as the kernel, its PROXY header or rules say",	get_src),
	ROW("src_is_local",	SAMPLE_BOOL,	NEEDS_CLIENT,	"that is an address of this system",			get_src_is_local),
	ROW("src_port",		SAMPLE_INT,	NEEDS_CLIENT,	"the client's port",					get_src_port),
	ROW("url32+src",	SAMPLE_BINARY,	NEEDS_REQUEST | NEEDS_CLIENT, "url32, and src behind it",	get_url32_src),
};
/* clang-format on */

struct fetch_table fetch_client = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
