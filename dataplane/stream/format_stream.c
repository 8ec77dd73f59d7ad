/*
 * The variables of log formats: a row each (HAProxy manual, 8.2.6 "Custom log format"; 8.4 for the times,
 * 8.5 for the termination state). Where a stage was not reached a time is -1.
 *
 * They may stand in any format: what is not known where that is written is "-", or nothing. The stream's
 * worker; what the process is called is read when they are registered.
 */
#include "config.h"
#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>
#include "core/iptext.h"
#include "expr/format.h"
#include "stream/capture.h"
#include "stream/engine_priv.h"
#include "stream/exchange_priv.h"
#include "stream/format_stream.h"
#include "stream/frontend_priv.h"
#include "stream/log_time.h"
#include "stream/stream_log_priv.h"
#include "stream/stream_priv.h"
#include "stream/unique_id.h"

#define HOST_BYTES 256

static char host_name[HOST_BYTES];
static int64_t process_id;

/* -- addresses -- */

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

static void
put_number(struct format_out *out, uint64_t number, unsigned digits)
{
	if (format_flag_hex(out))
		format_put_hex(out, number, digits);
	else
		format_put_int(out, (int64_t)number);
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

static const struct client *
client_of(const struct eval *eval)
{
	return eval->client != NULL	? eval->client
	       : eval->stream == NULL ? NULL
				      : eval->stream->client;
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

static void
put_ci(struct eval *eval, struct format_out *out)
{
	const struct stream_peer *peer = peer_of(eval);

	if (peer != NULL)
		put_ip(out, &peer->sa);
}

static void
put_cp(struct eval *eval, struct format_out *out)
{
	const struct stream_peer *peer = peer_of(eval);

	if (peer != NULL)
		put_port(out, &peer->sa, client_of(eval)->bind_index + 1);
}

static void
put_fi(struct eval *eval, struct format_out *out)
{
	const struct client *c = client_of(eval);
	struct addr addr;

	if (c == NULL)
		return;
	client_local(c, &addr);
	if (addr.len != 0)
		put_ip(out, &addr.sa);
}

static void
put_fp(struct eval *eval, struct format_out *out)
{
	const struct client *c = client_of(eval);
	struct addr addr;

	if (c == NULL)
		return;
	client_local(c, &addr);
	if (addr.len != 0)
		put_port(out, &addr.sa, c->bind_index + 1);
}

/* Our end of the connection to the server. False: there is none (any more). */
static bool
server_local(const struct eval *eval, struct addr *addr)
{
	const struct stream *s = eval->stream;

	return s != NULL && s->sc != NULL && s->sc->conn.fd >= 0 &&
	       addr_of_socket(addr, s->sc->conn.fd) == ERR_OK;
}

static void
put_bi(struct eval *eval, struct format_out *out)
{
	struct addr addr;

	if (server_local(eval, &addr))
		put_ip(out, &addr.sa);
}

static void
put_bp(struct eval *eval, struct format_out *out)
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

static void
put_si(struct eval *eval, struct format_out *out)
{
	const struct addr *addr = server_address(eval);

	if (addr != NULL)
		put_ip(out, &addr->sa);
}

static void
put_sp(struct eval *eval, struct format_out *out)
{
	const struct addr *addr = server_address(eval);

	if (addr != NULL)
		put_port(out, &addr->sa, 0);
}

/* -- names -- */

static void
put_f(struct eval *eval, struct format_out *out)
{
	const struct client *c = client_of(eval);

	if (c != NULL)
		format_put(out, slice_of(c->frontend->name));
}

static void
put_b(struct eval *eval, struct format_out *out)
{
	const struct stream *s = eval->stream;

	if (s != NULL && s->backend != NULL)
		format_put(out, slice_of(s->backend->name));
	else
		put_f(eval, out);
}

static void
put_s(struct eval *eval, struct format_out *out)
{
	const struct stream *s = eval->stream;

	if (s == NULL || s->server == NULL)
		format_put(out, SLICE("<NOSRV>"));
	else
		format_put(out, slice_of(s->server->name));
}

static void
put_H(struct eval *eval, struct format_out *out)
{
	format_put(out, slice_of(host_name));
}

static void
put_pid(struct eval *eval, struct format_out *out)
{
	put_number(out, (uint64_t)process_id, 4);
}

static void
put_ID(struct eval *eval, struct format_out *out)
{
	struct slice id;

	if (eval->stream != NULL && stream_unique_id(eval->stream, &id))
		format_put(out, id);
}

static void
put_rt(struct eval *eval, struct format_out *out)
{
	if (eval->stream != NULL)
		put_number(out, stream_number(eval->stream), 4);
}

static void
put_lc(struct eval *eval, struct format_out *out)
{
	const struct client *c = client_of(eval);

	if (c != NULL)
		put_number(out, atomic_fetch_add_explicit(&c->frontend->log_lines, 1,
							  memory_order_relaxed), 4);
}

/* -- times -- */

/* When the stream was begun, and when what it waited for before: the accept, or the end of the exchange before. */
static uint64_t
accept_us(const struct stream *s)
{
	if (s->exchange == NULL)
		return s->begun_us;
	return s->begun_us - (s->begun_ms - s->client->since_ms) * 1000;
}

static void
put_date(struct eval *eval, struct format_out *out, enum log_date date, bool is_request)
{
	const struct stream *s = eval->stream;

	if (s != NULL)
		format_put_raw(out, log_date(date, (is_request ? s->begun_us : accept_us(s)) /
						   1000000));
}

static void
put_date_ms(struct eval *eval, struct format_out *out, bool is_request)
{
	const struct stream *s = eval->stream;
	struct slice date;
	char text[64];
	uint64_t us;
	unsigned ms;

	if (s == NULL)
		return;
	us = is_request ? s->begun_us : accept_us(s);
	ms = (unsigned)(us / 1000 % 1000);
	date = log_date(LOG_DATE_LOCAL, us / 1000000);
	memcpy(text, date.at, date.len);
	text[date.len] = '.';
	text[date.len + 1] = (char)('0' + ms / 100);
	text[date.len + 2] = (char)('0' + ms / 10 % 10);
	text[date.len + 3] = (char)('0' + ms % 10);
	format_put_raw(out, (struct slice){ text, date.len + 4 });
}

static void
put_t(struct eval *eval, struct format_out *out)
{
	put_date_ms(eval, out, false);
}

static void
put_tr(struct eval *eval, struct format_out *out)
{
	put_date_ms(eval, out, true);
}

static void
put_T(struct eval *eval, struct format_out *out)
{
	put_date(eval, out, LOG_DATE_GMT_ZONE, false);
}

static void
put_Tl(struct eval *eval, struct format_out *out)
{
	put_date(eval, out, LOG_DATE_LOCAL_ZONE, false);
}

static void
put_trg(struct eval *eval, struct format_out *out)
{
	put_date(eval, out, LOG_DATE_GMT_ZONE, true);
}

static void
put_trl(struct eval *eval, struct format_out *out)
{
	put_date(eval, out, LOG_DATE_LOCAL_ZONE, true);
}

static void
put_Ts(struct eval *eval, struct format_out *out)
{
	if (eval->stream != NULL)
		put_number(out, accept_us(eval->stream) / 1000000, 4);
}

static void
put_ms(struct eval *eval, struct format_out *out)
{
	unsigned ms;
	char text[3];

	if (eval->stream == NULL)
		return;
	ms = (unsigned)(accept_us(eval->stream) / 1000 % 1000);
	if (format_flag_hex(out)) {
		format_put_hex(out, ms, 2);
		return;
	}
	text[0] = (char)('0' + ms / 100);
	text[1] = (char)('0' + ms / 10 % 10);
	text[2] = (char)('0' + ms % 10);
	format_put_raw(out, (struct slice){ text, sizeof(text) });
}

static int64_t
now_ms(const struct stream *s)
{
	return (int64_t)s->worker->loop->now_ms;
}

static int64_t
time_idle(const struct stream *s)
{
	return s->exchange == NULL ? 0 : (int64_t)(s->begun_ms - s->client->since_ms);
}

/* Of a request that was read whole and then had no backend to go to, HAProxy does not tell it. */
static int64_t
time_request(const struct stream *s)
{
	const struct exchange *x = s->exchange;

	if (x == NULL || x->request_ms == 0 || s->cause == END_NO_BACKEND)
		return -1;
	return (int64_t)(x->request_ms - s->begun_ms);
}

static int64_t
time_all_request(const struct stream *s)
{
	return time_request(s) < 0 ? -1 : time_idle(s) + time_request(s);
}

static int64_t
time_data(const struct stream *s)
{
	const uint64_t from = s->exchange == NULL ? s->connected_ms : s->exchange->response_ms;

	return from == 0 ? -1 : now_ms(s) - (int64_t)from;
}

static int64_t
time_active(const struct stream *s)
{
	return now_ms(s) - (int64_t)s->begun_ms;
}

static int64_t
time_total(const struct stream *s)
{
	return time_idle(s) + time_active(s);
}

static int64_t
time_handshake(const struct stream *s)
{
	return 0;	/* a PROXY header's is in the idle time */
}

static void
put_time(struct eval *eval, struct format_out *out, int64_t (*time)(const struct stream *s))
{
	format_put_int(out, eval->stream == NULL ? -1 : time(eval->stream));
}

/* "+": more will follow. */
static void
put_plus(const struct stream *s, struct format_out *out)
{
	if (s != NULL && s->logged_early)
		format_put_raw(out, SLICE("+"));
}

static void
put_Ta(struct eval *eval, struct format_out *out)
{
	put_plus(eval->stream, out);
	put_time(eval, out, time_active);
}

static void
put_Tt(struct eval *eval, struct format_out *out)
{
	put_plus(eval->stream, out);
	put_time(eval, out, time_total);
}

static void
put_Tu(struct eval *eval, struct format_out *out)
{
	put_plus(eval->stream, out);
	put_time(eval, out, time_active);
}

#define PUT_TIME(name, time)						\
	static void put_##name(struct eval *eval, struct format_out *out) \
	{								\
		put_time(eval, out, time);				\
	}

PUT_TIME(Tc, stream_time_connect)
PUT_TIME(Td, time_data)
PUT_TIME(Th, time_handshake)
PUT_TIME(Ti, time_idle)
PUT_TIME(Tq, time_all_request)
PUT_TIME(TR, time_request)
PUT_TIME(Tr, stream_time_response)
PUT_TIME(Tw, stream_time_queue)

/* -- counts -- */

static uint32_t
level_of(const _Atomic uint32_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* A stream that has ended does not count itself any more (as HAProxy). */
static uint32_t
without_own(const struct stream *s, uint32_t current)
{
	return s->state == STREAM_ENDED && s->server != NULL && current > 0 ? current - 1 : current;
}

static void
put_ac(struct eval *eval, struct format_out *out)
{
	format_put_int(out, level_of(&engine.connections.current));
}

static void
put_fc(struct eval *eval, struct format_out *out)
{
	const struct client *c = client_of(eval);

	format_put_int(out, c == NULL ? 0 : level_of(&c->frontend->sessions.current));
}

static void
put_bc(struct eval *eval, struct format_out *out)
{
	const struct stream *s = eval->stream;

	format_put_int(out, s == NULL || s->backend == NULL
				    ? 0
				    : without_own(s, level_of(&s->backend->current)));
}

static void
put_sc(struct eval *eval, struct format_out *out)
{
	const struct stream *s = eval->stream;

	format_put_int(out, s == NULL || s->server == NULL
				    ? 0
				    : without_own(s, level_of(&s->server->current)));
}

static void
put_rc(struct eval *eval, struct format_out *out)
{
	const struct stream *s = eval->stream;

	if (s != NULL && s->redispatched)
		format_put_raw(out, SLICE("+"));
	format_put_int(out, s == NULL ? 0 : stream_retries(s));
}

/* The waiting line is the backend's, whoever's place it is for. */
static void
put_bq(struct eval *eval, struct format_out *out)
{
	format_put_int(out, eval->stream == NULL ? 0 : eval->stream->queue_ahead);
}

static void
put_sq(struct eval *eval, struct format_out *out)
{
	format_put_int(out, 0);
}

static void
put_B(struct eval *eval, struct format_out *out)
{
	put_plus(eval->stream, out);
	format_put_int(out, eval->stream == NULL ? 0 : (int64_t)eval->stream->flow[DOWN].bytes);
}

static void
put_U(struct eval *eval, struct format_out *out)
{
	format_put_int(out, eval->stream == NULL ? 0 : (int64_t)eval->stream->flow[UP].bytes);
}

/* -- the end -- */

/* -1: it was to get one, and got none. */
static void
put_ST(struct eval *eval, struct format_out *out)
{
	const struct stream *s = eval->stream;

	if (s == NULL || s->exchange == NULL)
		format_put_int(out, 0);
	else
		format_put_int(out, s->exchange->status == 0 ? -1 : s->exchange->status);
}

static void
put_ts(struct eval *eval, struct format_out *out)
{
	char state[] = "--";

	if (eval->stream != NULL)
		stream_termination(eval->stream, state);
	format_put_raw(out, (struct slice){ state, 2 });
}

static void
put_tsc(struct eval *eval, struct format_out *out)
{
	char state[] = "----";	/* the last two are about persistence cookies */

	if (eval->stream != NULL)
		stream_termination(eval->stream, state);
	format_put_raw(out, (struct slice){ state, 4 });
}

/* -- the request -- */

/* "GET /a HTTP/1.1", as much of it as is logged (HAProxy: tune.http.logurilen). */
static void
put_r(struct eval *eval, struct format_out *out)
{
	char line[LOG_REQUEST_BYTES];
	struct slice method, uri;
	size_t len;

	if (eval->stream == NULL || eval->stream->exchange == NULL)
		return;
	if (!exchange_said(eval->stream, &method, &uri)) {
		format_put_as(out, SLICE("<BADREQ>"), FORMAT_AS_URI);
		return;
	}
	memcpy(line, method.at, method.len);
	len = method.len;
	line[len++] = ' ';
	memcpy(line + len, uri.at, uri.len);
	len += uri.len;
	if (sizeof(line) - len >= sizeof(" HTTP/1.1") - 1) {
		memcpy(line + len, " HTTP/1.1", sizeof(" HTTP/1.1") - 1);
		len += sizeof(" HTTP/1.1") - 1;
		line[len - 1] = eval->stream->exchange->request.minor == 0 ? '0' : '1';
	}
	format_put_as(out, (struct slice){ line, len }, FORMAT_AS_URI);
}

/* A part of it. */
static void
put_said(struct eval *eval, struct format_out *out,
	 struct slice (*part)(struct slice method, struct slice uri))
{
	struct slice method, uri;

	if (eval->stream == NULL || eval->stream->exchange == NULL)
		return;
	if (exchange_said(eval->stream, &method, &uri))
		format_put_as(out, part(method, uri), FORMAT_AS_URI);
	else
		format_put_as(out, SLICE("<BADREQ>"), FORMAT_AS_URI);
}

static struct slice
said_method(struct slice method, struct slice uri)
{
	return method;
}

static struct slice
said_uri(struct slice method, struct slice uri)
{
	return uri;
}

static const char *
query_mark(struct slice uri)
{
	return uri.len == 0 ? NULL : memchr(uri.at, '?', uri.len);
}

static struct slice
said_before_query(struct slice method, struct slice uri)
{
	const char *mark = query_mark(uri);

	return mark == NULL ? uri : (struct slice){ uri.at, (size_t)(mark - uri.at) };
}

static struct slice
said_query(struct slice method, struct slice uri)
{
	const char *mark = query_mark(uri);

	if (mark == NULL)
		return (struct slice){ "", 0 };
	return (struct slice){ mark, (size_t)(uri.at + uri.len - mark) };
}

static struct slice
said_path(struct slice method, struct slice uri)
{
	return said_before_query(method, request_uri_path(uri));
}

#define PUT_SAID(name, part)						\
	static void put_##name(struct eval *eval, struct format_out *out) \
	{								\
		put_said(eval, out, part);				\
	}

PUT_SAID(HM, said_method)
PUT_SAID(HP, said_before_query)
PUT_SAID(HPO, said_path)
PUT_SAID(HQ, said_query)
PUT_SAID(HU, said_uri)

static void
put_HV(struct eval *eval, struct format_out *out)
{
	const struct exchange *x = eval->stream == NULL ? NULL : eval->stream->exchange;

	if (x == NULL)
		return;
	format_put_as(out,
		      !x->is_parsed		? SLICE("<BADREQ>")
		      : x->request.minor == 0 ? SLICE("HTTP/1.0")
					      : SLICE("HTTP/1.1"),
		      FORMAT_AS_URI);
}

/* -- captures -- */

/* How many there are to be shown: none of a request that was none. */
static uint32_t
capture_count(const struct stream *s, bool is_response)
{
	if (s == NULL || s->exchange == NULL || !s->exchange->is_parsed)
		return 0;
	return s->frontend_conf->captures.sides[is_response].count;
}

/* "{a|b}". */
static void
put_captures(struct eval *eval, struct format_out *out, bool is_response)
{
	const struct stream *s = eval->stream;
	const uint32_t count = capture_count(s, is_response);

	if (count == 0)
		return;
	format_put_quote(out);
	format_put_raw(out, SLICE("{"));
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			format_put_raw(out, SLICE("|"));
		format_put_as(out, capture_get(s, is_response, i), FORMAT_AS_PART);
	}
	format_put_raw(out, SLICE("}"));
	format_put_quote(out);
}

/* "a" "b". */
static void
put_capture_list(struct eval *eval, struct format_out *out, bool is_response)
{
	const struct stream *s = eval->stream;
	const uint32_t count = capture_count(s, is_response);

	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			format_put_raw(out, SLICE(" "));
		format_put_as(out, capture_get(s, is_response, i), FORMAT_AS_HEADER);
	}
}

static void
put_hr(struct eval *eval, struct format_out *out)
{
	put_captures(eval, out, false);
}

static void
put_hs(struct eval *eval, struct format_out *out)
{
	put_captures(eval, out, true);
}

static void
put_hrl(struct eval *eval, struct format_out *out)
{
	put_capture_list(eval, out, false);
}

static void
put_hsl(struct eval *eval, struct format_out *out)
{
	put_capture_list(eval, out, true);
}

static void
put_CC(struct eval *eval, struct format_out *out)
{
	if (eval->stream != NULL)
		format_put(out, capture_cookie(eval->stream, false));
}

static void
put_CS(struct eval *eval, struct format_out *out)
{
	if (eval->stream != NULL)
		format_put(out, capture_cookie(eval->stream, true));
}

#define NUMBER	FORMAT_NUMBER
#define TEXT	FORMAT_TEXT
#define HTTP	NEEDS_HTTP

/* clang-format off */
static const struct format_var rows[] = {
	/* name	 kind	 needs	may vanish */
	{ "B",	 NUMBER, 0,	false, "bytes from the server to the client",			put_B },
	{ "CC",	 TEXT,	 HTTP,	false, "the captured cookie of the request",			put_CC },
	{ "CS",	 TEXT,	 HTTP,	false, "the captured cookie of the response",			put_CS },
	{ "H",	 TEXT,	 0,	false, "the host's name",					put_H },
	{ "HM",	 TEXT,	 HTTP,	false, "the request's method",					put_HM },
	{ "HP",	 TEXT,	 HTTP,	false, "the request's URI without its query",			put_HP },
	{ "HPO", TEXT,	 HTTP,	false, "the request's path: neither host nor query",		put_HPO },
	{ "HQ",	 TEXT,	 HTTP,	false, "the request's query with its question mark",		put_HQ },
	{ "HU",	 TEXT,	 HTTP,	false, "the request's URI",					put_HU },
	{ "HV",	 TEXT,	 HTTP,	false, "the request's HTTP version",				put_HV },
	{ "ID",	 TEXT,	 0,	false, "what unique_id_format makes",				put_ID },
	{ "ST",	 NUMBER, 0,	false, "the response's status",					put_ST },
	{ "T",	 TEXT,	 0,	false, "when it was accepted, in GMT",				put_T },
	{ "TR",	 NUMBER, HTTP,	false, "ms until the request's head was there",			put_TR },
	{ "Ta",	 NUMBER, HTTP,	false, "ms from the request's first byte to the end",		put_Ta },
	{ "Tc",	 NUMBER, 0,	false, "ms to connect to the server",				put_Tc },
	{ "Td",	 NUMBER, 0,	false, "ms for the data",					put_Td },
	{ "Th",	 NUMBER, 0,	false, "ms for handshakes",					put_Th },
	{ "Ti",	 NUMBER, HTTP,	false, "ms idle before the request",				put_Ti },
	{ "Tl",	 TEXT,	 0,	false, "when it was accepted, with the time zone",		put_Tl },
	{ "Tq",	 NUMBER, HTTP,	false, "Th + Ti + TR",						put_Tq },
	{ "Tr",	 NUMBER, HTTP,	false, "ms until the response's head was there",		put_Tr },
	{ "Ts",	 NUMBER, 0,	false, "when it was accepted, in seconds since 1970",		put_Ts },
	{ "Tt",	 NUMBER, 0,	false, "ms from the accept to the end",				put_Tt },
	{ "Tu",	 NUMBER, 0,	false, "ms as the client saw it: without the idle time",	put_Tu },
	{ "Tw",	 NUMBER, 0,	false, "ms in the queue",					put_Tw },
	{ "U",	 NUMBER, 0,	false, "bytes from the client to the server",			put_U },
	{ "ac",	 NUMBER, 0,	false, "connections of the process",				put_ac },
	{ "b",	 TEXT,	 0,	false, "the backend",						put_b },
	{ "bc",	 NUMBER, 0,	false, "sessions of the backend",				put_bc },
	{ "bi",	 TEXT,	 0,	false, "the address that we connected to the server from",	put_bi },
	{ "bp",	 NUMBER, 0,	false, "and its port",						put_bp },
	{ "bq",	 NUMBER, 0,	false, "how many waited before it in the queue",		put_bq },
	{ "ci",	 TEXT,	 0,	false, "the client's address",					put_ci },
	{ "cp",	 NUMBER, 0,	false, "the client's port",					put_cp },
	{ "f",	 TEXT,	 0,	false, "the frontend",						put_f },
	{ "fc",	 NUMBER, 0,	false, "connections of the frontend",				put_fc },
	{ "fi",	 TEXT,	 0,	false, "the address that the client connected to",		put_fi },
	{ "fp",	 NUMBER, 0,	false, "and its port",						put_fp },
	{ "ft",	 TEXT,	 0,	false, "the frontend, with a ~ behind it for TLS",		put_f },
	{ "hr",	 TEXT,	 0,	true,  "the request's captures: {a|b}",				put_hr },
	{ "hrl", TEXT,	 0,	true,  "the same as a list",					put_hrl },
	{ "hs",	 TEXT,	 0,	true,  "the response's captures: {a|b}",			put_hs },
	{ "hsl", TEXT,	 0,	true,  "the same as a list",					put_hsl },
	{ "lc",	 NUMBER, 0,	false, "lines that the frontend logged before",			put_lc },
	{ "ms",	 NUMBER, 0,	false, "milliseconds of the accept's time",			put_ms },
	{ "pid", NUMBER, 0,	false, "the process id",					put_pid },
	{ "r",	 TEXT,	 HTTP,	false, "the request's first line",				put_r },
	{ "rc",	 NUMBER, 0,	false, "retries, with a + before them after a redispatch",	put_rc },
	{ "rt",	 NUMBER, 0,	false, "a number that only this session has",			put_rt },
	{ "s",	 TEXT,	 0,	false, "the server",						put_s },
	{ "sc",	 NUMBER, 0,	false, "sessions of the server",				put_sc },
	{ "si",	 TEXT,	 0,	false, "the server's address",					put_si },
	{ "sp",	 NUMBER, 0,	false, "and its port",						put_sp },
	{ "sq",	 NUMBER, 0,	false, "0: the queue is the backend's",				put_sq },
	{ "t",	 TEXT,	 0,	false, "when it was accepted, local time with milliseconds",	put_t },
	{ "tr",	 TEXT,	 HTTP,	false, "when the request began, local time with milliseconds",	put_tr },
	{ "trg", TEXT,	 HTTP,	false, "when the request began, in GMT",			put_trg },
	{ "trl", TEXT,	 HTTP,	false, "when the request began, with the time zone",		put_trl },
	{ "ts",	 TEXT,	 0,	false, "the termination state",					put_ts },
	{ "tsc", TEXT,	 HTTP,	false, "the termination state with that of cookies",		put_tsc },
};
/* clang-format on */

static struct format_table table = { rows, sizeof(rows) / sizeof(rows[0]), NULL };

void
format_stream_register(void)
{
	process_id = getpid();
	if (gethostname(host_name, sizeof(host_name) - 1) != 0)
		host_name[0] = '\0';
	format_register(&table);
}
