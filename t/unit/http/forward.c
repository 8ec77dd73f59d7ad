/*
 * What a proxy changes in a head: what went in as text, and what comes out.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "http/forward.h"
#include "http/h1.h"

struct scene {
	struct http_field	fields[HTTP_FIELDS_MAX];
	struct http_head	head;
	char			bytes[512];
	struct http_room	room;
};

/* The head of "GET / HTTP/1.1" or "HTTP/1.1 STATUS" with these fields; a 101 was asked for. */
static void
head_read(struct scene *s, const char *start, const char *fields)
{
	static char text[8192];
	struct http_head request = { .method = HTTP_METHOD_GET, .says = HTTP_SAYS_UPGRADE };
	struct http_field upgrade;
	struct h1_parse parse = { 0 };
	enum h1_result result;
	size_t len = (size_t)snprintf(text, sizeof(text), "%s\r\n%s\r\n", start, fields);

	assert_true(len < sizeof(text));
	s->head = (struct http_head){ .fields = s->fields };
	s->room = (struct http_room){ s->bytes, sizeof(s->bytes) };
	request.fields = &upgrade;
	assert_int_equal(http_head_add(&request, SLICE("Upgrade: websocket\r\n")), ERR_OK);
	if (start[0] == 'H')
		result = h1_parse_response(&parse, &s->head, text, len, &request);
	else
		result = h1_parse_request(&parse, &s->head, text, len);
	if (result != H1_DONE)
		fail_msg("%s: %s", fields, http_fault_name(parse.fault));
}

static void
request_read(struct scene *s, const char *fields)
{
	char host[8192];

	snprintf(host, sizeof(host), "Host: a\r\n%s", fields);
	head_read(s, "GET / HTTP/1.1", host);
}

/* Of who says nothing. */
static const struct http_forwardfor off;

/* The fields as they go out, without the first line of the request. */
static const char *
fields_sent(const struct scene *s)
{
	static char text[8192];
	char room[H1_ROOM_BYTES];
	struct iovec iov[H1_IOVECS];
	size_t bytes, len = 0;
	int count = h1_write_head(&s->head, iov, room, &bytes);

	assert_true(bytes < sizeof(text));
	for (int i = 0; i < count; i++) {
		memcpy(text + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	assert_int_equal(len, bytes);
	text[len - 2] = '\0';
	return strstr(text, "\r\n") + 2;
}

struct hops_row {
	const char	*in, *out;
};

static void
each_goes_on(const char *start, const char *host, const struct hops_row *rows, size_t count,
	     bool to_minor_0)
{
	for (size_t i = 0; i < count; i++) {
		struct scene s;
		char in[4096], out[4096];

		snprintf(in, sizeof(in), "%s%s", host, rows[i].in);
		snprintf(out, sizeof(out), "%s%s", host, rows[i].out);
		head_read(&s, start, in);
		assert_int_equal(http_forward_hops(&s.head, to_minor_0), ERR_OK);
		assert_string_equal(fields_sent(&s), out);
	}
}

#define EACH_GOES_ON(start, host, rows, to_minor_0) \
	each_goes_on((start), (host), (rows), sizeof(rows) / sizeof((rows)[0]), (to_minor_0))

static void
hop_by_hop_fields_of_a_request_end_here(void **state)
{
	static const struct hops_row rows[] = {
		{ "", "" },
		{ "Accept: x\r\nUser-Agent: y\r\n", "Accept: x\r\nUser-Agent: y\r\n" },
		{ "Connection: keep-alive\r\nA: b\r\n", "A: b\r\n" },
		{ "A: b\r\nConnection: close\r\nC: d\r\n", "A: b\r\nC: d\r\n" },
		{ "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nA: b\r\n", "A: b\r\n" },
		{ "Upgrade: websocket\r\n", "" },
		{ "TE: gzip\r\n", "" },
		{ "Connection: X-Hop, close, ,x-two\r\nX-Hop: 1\r\nX-Hops: 2\r\nX-TWO: 3\r\nx-hop: 4\r\n",
		  "X-Hops: 2\r\n" },
		{ "X-Hop: 1\r\nConnection: close\r\nConnection: x-hop\r\n", "" },
		{ "Connection: not-there\r\nA: b\r\n", "A: b\r\n" },
		{ "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\n" },
	};

	(void)state;
	EACH_GOES_ON("POST / HTTP/1.1", "Host: a\r\n", rows, false);
}

static void
connection_cannot_take_away_what_others_rely_on(void **state)
{
	static const struct hops_row rows[] = {
		{ "Connection: host\r\n", "" },
		{ "Connection: content-length\r\nContent-Length: 0\r\n", "Content-Length: 0\r\n" },
		{ "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n",
		  "Transfer-Encoding: chunked\r\n" },
		{ "Connection: X-Forwarded-For, x-forwarded-proto\r\nX-Forwarded-For: 1\r\nX-Forwarded-Proto: 2\r\n",
		  "X-Forwarded-For: 1\r\nX-Forwarded-Proto: 2\r\n" },
		{ "Connection: Forwarded,X-Real-IP\r\nForwarded: for=x\r\nX-Real-IP: 2\r\n",
		  "Forwarded: for=x\r\nX-Real-IP: 2\r\n" },
		{ "Connection: cookie, authorization, content-type, content-encoding\r\nCookie: a\r\nAuthorization: b\r\n"
		  "Content-Type: c\r\nContent-Encoding: d\r\n",
		  "Cookie: a\r\nAuthorization: b\r\nContent-Type: c\r\nContent-Encoding: d\r\n" },
		{ "Connection: Expect\r\nExpect: 100-continue\r\n", "Expect: 100-continue\r\n" },
	};

	(void)state;
	EACH_GOES_ON("POST / HTTP/1.1", "Host: a\r\n", rows, false);
}

static void
an_upgrade_and_trailers_go_on_with_their_connection(void **state)
{
	static const struct hops_row rows[] = {
		{ "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n",
		  "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n" },
		{ "Upgrade: websocket\r\nConnection: close\r\nConnection: upgrade, sec-websocket-key, x-hop\r\n"
		  "Sec-WebSocket-Key: k\r\nX-Hop: 1\r\n",
		  "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: k\r\n" },
		{ "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n",
		  "" },
		{ "Connection: TE\r\nTE: trailers\r\n", "Connection: te\r\nTE: trailers\r\n" },
		{ "TE: trailers\r\nA: b\r\n", "TE: trailers\r\nA: b\r\nConnection: te\r\n" },
		{ "TE: deflate;q=0.5, Trailers\r\nTE: gzip\r\nConnection: te, close\r\n",
		  "TE: trailers\r\nConnection: te\r\n" },
		{ "Connection: te, upgrade\r\nTE: trailers\r\nUpgrade: x\r\n",
		  "Connection: upgrade, te\r\nTE: trailers\r\nUpgrade: x\r\n" },
	};

	(void)state;
	EACH_GOES_ON("GET / HTTP/1.1", "Host: a\r\n", rows, false);
}

static void
hop_by_hop_fields_of_a_response_end_here(void **state)
{
	static const struct hops_row rows[] = {
		{ "Content-Length: 0\r\n", "Content-Length: 0\r\n" },
		{ "Content-Length: 0\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n",
		  "Content-Length: 0\r\n" },
		{ "Upgrade: h2,h2c\r\nConnection: Upgrade, close\r\nContent-Length: 0\r\n",
		  "Content-Length: 0\r\n" },
		{ "Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0\r\n",
		  "Content-Length: 0\r\n" },
		{ "TE: trailers\r\nContent-Length: 0\r\n", "Content-Length: 0\r\n" },
		{ "Connection: set-cookie, x-a\r\nSet-Cookie: a=b\r\nX-A: 1\r\nContent-Length: 0\r\n",
		  "Set-Cookie: a=b\r\nContent-Length: 0\r\n" },
	};

	(void)state;
	EACH_GOES_ON("HTTP/1.1 200 OK", "", rows, false);
}

static void
a_granted_or_demanded_upgrade_goes_on(void **state)
{
	static const struct hops_row rows[] = {
		{ "Upgrade: websocket\r\nConnection: Upgrade\r\n",
		  "Upgrade: websocket\r\nConnection: upgrade\r\n" },
	};

	(void)state;
	EACH_GOES_ON("HTTP/1.1 101 Switching Protocols", "", rows, false);
	EACH_GOES_ON("HTTP/1.1 426 Upgrade Required", "Content-Length: 0\r\n", rows, false);
}

static void
chunks_are_no_word_to_http_1_0(void **state)
{
	static const struct hops_row rows[] = {
		{ "Transfer-Encoding: chunked\r\nTrailer: x\r\nA: b\r\n", "A: b\r\n" },
	};

	(void)state;
	EACH_GOES_ON("HTTP/1.1 200 OK", "", rows, true);
}

static void
connection_may_not_name_very_many_fields(void **state)
{
	char fields[4096] = "Connection: close";
	struct scene s;

	(void)state;
	for (int i = 0; i < 32; i++)
		snprintf(fields + strlen(fields), sizeof(fields) - strlen(fields), ",x-%d,close",
			 i);
	strcat(fields, "\r\n");
	request_read(&s, fields);
	assert_int_equal(http_forward_hops(&s.head, false), ERR_OK);
	strcpy(strstr(fields, "\r\n"), ",x\r\n");
	request_read(&s, fields);
	assert_int_equal(http_forward_hops(&s.head, false), ERR_LIMIT);
}

static void
a_full_head_can_be_upgraded(void **state)
{
	char fields[8192] = "Connection: upgrade\r\nUpgrade: websocket\r\n";
	struct scene s;

	(void)state;
	for (int i = 0; i < HTTP_FIELDS_MAX - 3; i++)
		strcat(fields, "A: b\r\n");
	request_read(&s, fields);
	assert_int_equal(s.head.count, HTTP_FIELDS_MAX);
	assert_int_equal(http_forward_hops(&s.head, false), ERR_OK);
	assert_int_equal(s.head.count, HTTP_FIELDS_MAX);
}

static struct addr
address(const char *text)
{
	struct addr addr = { 0 };

	if (text[0] != '\0')
		assert_int_equal(addr_parse(&addr, slice_of(text), 0, NULL), ERR_OK);
	return addr;
}

static void
the_client_and_the_local_address_are_told(void **state)
{
	static const struct {
		const char	*addr, *client, *local;
	} rows[] = {
		{ "192.0.2.1:5", "X-Forwarded-For: 192.0.2.1\r\n", "X-Original-To: 192.0.2.1\r\n" },
		{ "255.255.255.255:5", "X-Forwarded-For: 255.255.255.255\r\n",
		  "X-Original-To: 255.255.255.255\r\n" },
		{ "[2001:db8::1]:5", "X-Forwarded-For: 2001:db8::1\r\n",
		  "X-Original-To: 2001:db8::1\r\n" },
		{ "unix:/run/s", "", "" },
		{ "", "", "" },
	};
	const struct http_forwardfor conf = { .on = true };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr addr = address(rows[i].addr);
		char want[256];
		struct scene s;

		request_read(&s, "");
		assert_int_equal(http_forward_for(&s.head, &conf, &off, &addr, &s.room), ERR_OK);
		assert_int_equal(http_forward_original_to(&s.head, &conf, &off, &addr, &s.room),
				 ERR_OK);
		snprintf(want, sizeof(want), "Host: a\r\n%s%s", rows[i].client, rows[i].local);
		assert_string_equal(fields_sent(&s), want);
		assert_int_equal(s.room.left, sizeof(s.bytes) - (size_t)(s.room.at - s.bytes));
	}
}

static const char *
forwarded_for(struct scene *s, const struct http_forwardfor *conf, const char *fields,
	      const char *client)
{
	struct addr addr = address(client);

	request_read(s, fields);
	assert_int_equal(http_forward_for(&s->head, conf, &off, &addr, &s->room), ERR_OK);
	return fields_sent(s) + strlen("Host: a\r\n");
}

static void
a_line_is_added_to_those_that_came(void **state)
{
	const struct http_forwardfor conf = { .on = true };
	struct scene s;

	(void)state;
	assert_string_equal(forwarded_for(&s, &conf, "x-forwarded-for: 10.0.0.1\r\n", "192.0.2.1"),
			    "x-forwarded-for: 10.0.0.1\r\nX-Forwarded-For: 192.0.2.1\r\n");
}

static void
if_none_leaves_alone_what_came(void **state)
{
	const struct http_forwardfor conf = { .on = true, .if_none = true };
	struct scene s;

	(void)state;
	assert_string_equal(forwarded_for(&s, &conf, "x-forwarded-for: a\r\n", "192.0.2.1"),
			    "x-forwarded-for: a\r\n");
	assert_string_equal(forwarded_for(&s, &conf, "", "192.0.2.1"),
			    "X-Forwarded-For: 192.0.2.1\r\n");
}

static void
except_and_the_headers_name_are_configuration(void **state)
{
	struct http_forwardfor conf = { .on = true,
					.header = strdup("X-Client"),
					.except_count = 2 };
	struct scene s;

	(void)state;
	conf.except = calloc(2, sizeof(conf.except[0]));
	assert_non_null(conf.except);
	assert_int_equal(network_parse(&conf.except[0], SLICE("127.0.0.0/8"), NULL), ERR_OK);
	assert_int_equal(network_parse(&conf.except[1], SLICE("2001:db8::/32"), NULL), ERR_OK);
	assert_string_equal(forwarded_for(&s, &conf, "", "192.0.2.1"), "X-Client: 192.0.2.1\r\n");
	assert_string_equal(forwarded_for(&s, &conf, "", "127.0.0.1"), "");
	assert_string_equal(forwarded_for(&s, &conf, "", "2001:db8::1"), "");
	http_forwardfor_fini(&conf);
	assert_null(conf.header);
	assert_string_equal(forwarded_for(&s, &conf, "", "192.0.2.1"), "");
}

/* What HAProxy 2.6 does with "option forwardfor" in both. */
static void
what_backend_and_frontend_say_holds_together(void **state)
{
	static struct network local = { 0 };
	static const struct {
		struct http_forwardfor	 backend, frontend;
		const char		*came, *added;
	} rows[] = {
		{ { .on = true },
		  { .on = true, .header = (char *)"X-F" },
		  "",
		  "X-Forwarded-For: 127.0.0.1\r\n" },
		{ { .on = true, .header = (char *)"X-B" },
		  { .on = true },
		  "",
		  "X-B: 127.0.0.1\r\n" },
		{ { .on = true, .header = (char *)"X-B" },
		  { .on = true, .header = (char *)"X-F" },
		  "",
		  "X-B: 127.0.0.1\r\n" },
		{ { .on = false },
		  { .on = true, .header = (char *)"X-F" },
		  "",
		  "X-F: 127.0.0.1\r\n" },
		{ { .on = true }, { .on = true, .except = &local, .except_count = 1 }, "", "" },
		{ { .on = true, .except = &local, .except_count = 1 }, { .on = true }, "", "" },
		{ { .on = false }, { .on = false }, "", "" },
		{ { .on = true }, { .on = true, .if_none = true }, "X-Forwarded-For: a\r\n",
		  "X-Forwarded-For: 127.0.0.1\r\n" },
		{ { .on = true, .if_none = true }, { .on = true }, "X-Forwarded-For: a\r\n",
		  "X-Forwarded-For: 127.0.0.1\r\n" },
		{ { .on = true, .if_none = true }, { .on = true, .if_none = true },
		  "X-Forwarded-For: a\r\n", "" },
		{ { .on = true, .if_none = true }, { .on = false }, "X-Forwarded-For: a\r\n", "" },
		{ { .on = false }, { .on = true, .if_none = true }, "X-Forwarded-For: a\r\n", "" },
		{ { .on = true, .if_none = true },
		  { .on = true, .if_none = true, .header = (char *)"X-F" }, "X-F: a\r\n",
		  "X-Forwarded-For: 127.0.0.1\r\n" },
	};
	const struct addr addr = address("127.0.0.1");

	(void)state;
	assert_int_equal(network_parse(&local, SLICE("127.0.0.0/8"), NULL), ERR_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scene s;
		char want[256];

		request_read(&s, rows[i].came);
		assert_int_equal(http_forward_for(&s.head, &rows[i].backend, &rows[i].frontend,
						  &addr, &s.room),
				 ERR_OK);
		snprintf(want, sizeof(want), "Host: a\r\n%s%s", rows[i].came, rows[i].added);
		assert_string_equal(fields_sent(&s), want);
	}
}

static void
forwarded_says_what_it_is_asked_to(void **state)
{
	static const struct {
		struct http_forwarded	 conf;
		const char		*host, *client, *local, *line;
		bool			 is_tls;
	} rows[] = {
		{ { .proto = true, .for_ = true },
		  "a.org",
		  "192.0.2.1:5",
		  "198.51.100.2:80",
		  "proto=http;for=192.0.2.1",
		  false },
		{ { .proto = true },
		  "a.org",
		  "192.0.2.1:5",
		  "198.51.100.2:80",
		  "proto=https",
		  true },
		{ { .for_ = true, .for_port = true },
		  "a.org",
		  "192.0.2.1:5",
		  "198.51.100.2:80",
		  "for=\"192.0.2.1:5\"",
		  false },
		{ { .for_ = true },
		  "a.org",
		  "[2001:db8::1]:5",
		  "198.51.100.2:80",
		  "for=\"[2001:db8::1]\"",
		  false },
		{ { .for_ = true, .for_port = true, .by = true, .by_port = true },
		  "a.org",
		  "[2001:db8::1]:5",
		  "[::1]:80",
		  "by=\"[::1]:80\";for=\"[2001:db8::1]:5\"",
		  false },
		{ { .for_ = true, .for_port = true, .by = true, .by_port = true },
		  "a.org",
		  "unix:/run/s",
		  "unix:/run/s",
		  "by=unknown;for=unknown",
		  false },
		{ { .for_port = true, .by_port = true },
		  "a.org",
		  "192.0.2.1:5",
		  "198.51.100.2:80",
		  NULL,
		  false },
		{ { .host = true },
		  "a.org",
		  "192.0.2.1:5",
		  "198.51.100.2:80",
		  "host=a.org",
		  false },
		{ { .host = true },
		  "a.org:8080",
		  "192.0.2.1:5",
		  "198.51.100.2:80",
		  "host=\"a.org:8080\"",
		  false },
		{ { .host = true, .by = true },
		  "[::1]",
		  "192.0.2.1:5",
		  "198.51.100.2:80",
		  "host=\"[::1]\";by=198.51.100.2",
		  false },
		{ { .host = true }, "", "192.0.2.1:5", "198.51.100.2:80", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr client = address(rows[i].client), local = address(rows[i].local);
		struct http_forwarded conf = rows[i].conf;
		char in[256], want[512];
		struct scene s;

		snprintf(in, sizeof(in), "Host: %s\r\n", rows[i].host);
		snprintf(want, sizeof(want), "%s%s%s%s", in, rows[i].line ? "Forwarded: " : "",
			 rows[i].line ? rows[i].line : "", rows[i].line ? "\r\n" : "");
		head_read(&s, "GET / HTTP/1.1", in);
		assert_int_equal(http_forward_forwarded(&s.head, &conf, &client, &local,
							rows[i].is_tls, &s.room),
				 ERR_OK);
		assert_string_equal(fields_sent(&s), in);	/* it is off */
		conf.on = true;
		assert_int_equal(http_forward_forwarded(&s.head, &conf, &client, &local,
							rows[i].is_tls, &s.room),
				 ERR_OK);
		assert_string_equal(fields_sent(&s), want);
	}
}

static void
a_quote_in_a_host_does_not_end_it(void **state)
{
	const struct http_forwarded conf = { .on = true, .host = true };
	struct addr addr = address("192.0.2.1:5");
	struct scene s;

	(void)state;
	request_read(&s, "");
	s.head.authority = SLICE("a\";for=b\\");
	assert_int_equal(http_forward_forwarded(&s.head, &conf, &addr, &addr, false, &s.room),
			 ERR_OK);
	assert_string_equal(fields_sent(&s), "Host: a\r\nForwarded: host=\"a\\\";for=b\\\\\"\r\n");
}

static void
without_room_nothing_is_written(void **state)
{
	const struct http_forwarded all = { true, true, true, true, true, true, true };
	const struct http_forwardfor conf = { .on = true };
	struct addr addr = address("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	struct scene s;

	(void)state;
	for (size_t left = 0; left < 256; left++) {
		char *room = malloc(left + 1);
		enum err err;

		assert_non_null(room);
		request_read(&s, "");
		s.room = (struct http_room){ room, left };
		err = http_forward_for(&s.head, &conf, &off, &addr, &s.room);
		assert_int_equal(s.head.count, 1 + (err == ERR_OK));
		assert_true(err == ERR_OK || (err == ERR_NOMEM && s.room.at == room));
		s.room = (struct http_room){ room, left };
		err = http_forward_forwarded(&s.head, &all, &addr, &addr, true, &s.room);
		assert_true(err == ERR_OK || (err == ERR_NOMEM && s.room.at == room));
		assert_true(s.room.left <= left);
		free(room);
	}
	assert_int_equal(s.head.count, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hop_by_hop_fields_of_a_request_end_here),
		cmocka_unit_test(connection_cannot_take_away_what_others_rely_on),
		cmocka_unit_test(an_upgrade_and_trailers_go_on_with_their_connection),
		cmocka_unit_test(hop_by_hop_fields_of_a_response_end_here),
		cmocka_unit_test(a_granted_or_demanded_upgrade_goes_on),
		cmocka_unit_test(chunks_are_no_word_to_http_1_0),
		cmocka_unit_test(connection_may_not_name_very_many_fields),
		cmocka_unit_test(a_full_head_can_be_upgraded),
		cmocka_unit_test(the_client_and_the_local_address_are_told),
		cmocka_unit_test(a_line_is_added_to_those_that_came),
		cmocka_unit_test(if_none_leaves_alone_what_came),
		cmocka_unit_test(except_and_the_headers_name_are_configuration),
		cmocka_unit_test(what_backend_and_frontend_say_holds_together),
		cmocka_unit_test(forwarded_says_what_it_is_asked_to),
		cmocka_unit_test(a_quote_in_a_host_does_not_end_it),
		cmocka_unit_test(without_room_nothing_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
