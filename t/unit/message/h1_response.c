/*
 * Response heads: what is refused, and how a response's end is found.
 */
#include "config.h"
#include "scene.h"

#define OK "HTTP/1.1 200 OK\r\n"

static const struct bad {
	struct slice	text;
	enum http_fault	fault;
} bad[] = {
	/* status lines */
	{ B("HTTP/1.1 20 OK\r\n\r\n"), HTTP_FAULT_STATUS },
	{ B("HTTP/1.1 2000 OK\r\n\r\n"), HTTP_FAULT_STATUS },
	{ B("HTTP/1.1 099 OK\r\n\r\n"), HTTP_FAULT_STATUS },
	{ B("HTTP/1.1 2x0 OK\r\n\r\n"), HTTP_FAULT_STATUS },
	{ B("HTTP/1.1  200 OK\r\n\r\n"), HTTP_FAULT_STATUS },
	{ B("HTTP/1.1 200\tOK\r\n\r\n"), HTTP_FAULT_STATUS },
	{ B("HTTP/1.1 200 O\0K\r\n\r\n"), HTTP_FAULT_STATUS },
	{ B("HTTP/1.1 200 O\x1bK\r\n\r\n"), HTTP_FAULT_STATUS },
	{ B("HTTP/1.1 200 OK\n\r\n"), HTTP_FAULT_LINE_END },
	{ B("HTTP/1.1 200\n\r\n"), HTTP_FAULT_LINE_END },
	{ B("HTTP/1.1 200 O\rK\r\n\r\n"), HTTP_FAULT_LINE_END },
	{ B("HTTP/1.1\r\n\r\n"), HTTP_FAULT_VERSION },
	{ B("HTTP/1.1\t200 OK\r\n\r\n"), HTTP_FAULT_VERSION },
	{ B("HTTP/2.0 200 OK\r\n\r\n"), HTTP_FAULT_VERSION },
	{ B("HTTP/1.2 200 OK\r\n\r\n"), HTTP_FAULT_VERSION },
	{ B("HTTP/2 200\r\n\r\n"), HTTP_FAULT_VERSION },
	{ B("http/1.1 200 OK\r\n\r\n"), HTTP_FAULT_VERSION },
	{ B("ICY 200 OK\r\n\r\n"), HTTP_FAULT_VERSION },
	{ B("<html>"), HTTP_FAULT_VERSION },
	{ B("\r\n" OK "\r\n"), HTTP_FAULT_VERSION },
	{ B(" " OK "\r\n"), HTTP_FAULT_VERSION },

	/* fields, as in requests */
	{ B(OK "A : b\r\n\r\n"), HTTP_FAULT_NAME },
	{ B(OK "A: b\r\n c\r\n\r\n"), HTTP_FAULT_FOLDED },
	{ B(OK " A: b\r\n\r\n"), HTTP_FAULT_NAME },
	{ B(OK "A: \0\r\n\r\n"), HTTP_FAULT_VALUE },
	{ B(OK "A: b\n\r\n"), HTTP_FAULT_LINE_END },
	{ B(OK "A: b\rc\r\n\r\n"), HTTP_FAULT_LINE_END },
	{ B(OK "A: b\r\n\n"), HTTP_FAULT_LINE_END },

	/* framing */
	{ B(OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
	  HTTP_FAULT_LENGTH_AND_CODING },
	{ B(OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
	  HTTP_FAULT_LENGTH_AND_CODING },
	{ B(OK "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), HTTP_FAULT_LENGTH },
	{ B(OK "Content-Length: 5, 5\r\n\r\n"), HTTP_FAULT_LENGTH },
	{ B(OK "Content-Length: -1\r\n\r\n"), HTTP_FAULT_LENGTH },
	{ B(OK "Content-Length: +1\r\n\r\n"), HTTP_FAULT_LENGTH },
	{ B(OK "Content-Length:\r\n\r\n"), HTTP_FAULT_LENGTH },
	{ B(OK "Content-Length: 99999999999999999999\r\n\r\n"), HTTP_FAULT_LENGTH },
	{ B(OK "Transfer-Encoding: chunked, chunked\r\n\r\n"), HTTP_FAULT_CODING },
	{ B(OK "Transfer-Encoding: chunked, gzip\r\n\r\n"), HTTP_FAULT_CODING },
	{ B(OK "Transfer-Encoding: gzip\r\n\r\n"), HTTP_FAULT_CODING },
	{ B(OK "Transfer-Encoding: identity\r\n\r\n"), HTTP_FAULT_CODING },
	{ B(OK "Transfer-Encoding:\r\n\r\n"), HTTP_FAULT_CODING },
	{ B(OK "Transfer-Encoding: gzip, chunked\r\n\r\n"), HTTP_FAULT_CODING_UNKNOWN },
	{ B("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), HTTP_FAULT_CODING },
	{ B("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n"), HTTP_FAULT_LENGTH },
	{ B("HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n"), HTTP_FAULT_CODING },
	{ B("HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n"), HTTP_FAULT_LENGTH },
	{ B("HTTP/1.1 304 Not Modified\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
	  HTTP_FAULT_LENGTH },

	/* nobody asked */
	{ B("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
	  HTTP_FAULT_UPGRADE },
	{ B("HTTP/1.1 101 Switching\r\n\r\n"), HTTP_FAULT_UPGRADE },
};

static void
what_can_be_read_in_two_ways_is_refused(void **state)
{
	struct scene s;

	for (size_t i = 0; i < 2 * COUNT(bad); i++) {
		const struct bad *b = &bad[i / 2];

		(i % 2 ? scene_read_bytes : scene_read)(&s, true, b->text, 0, NULL);
		if (s.result != H1_BAD || s.parse.fault != b->fault)
			fail_msg("%d, %s instead of %s: %.*s", s.result,
				 http_fault_name(s.parse.fault), http_fault_name(b->fault),
				 (int)b->text.len, b->text.at);
		scene_fini(&s);
	}
}

#define ASK(method, rest) #method " / HTTP/1.1\r\nHost: h\r\n" rest "\r\n"
#define GET ASK(GET, "")
#define HEAD ASK(HEAD, "")
#define CONNECT "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n"
#define WEBSOCKET ASK(GET, "Connection: Upgrade\r\nUpgrade: foo, websocket\r\nUpgrade: bar\r\n")

/* Where a response ends, by its request (RFC 9112, 6.3). */
static const struct good {
	struct slice		 request;
	struct slice		 text;
	unsigned		 status;
	const char		*reason;
	enum http_framing	 framing;
	uint64_t		 length;
	bool			 closes;
	bool			 left_out;	/* what frames is not sent on */
} good[] = {
	{ B(GET), B(OK "Content-Length: 5\r\n\r\n"), 200, "OK", HTTP_BODY_LENGTH, 5, false, false },
	{ B(GET), B(OK "Content-Length: 0\r\n\r\n"), 200, "OK", HTTP_BODY_LENGTH, 0, false, false },
	{ B(GET), B(OK "Transfer-Encoding: chunked\r\n\r\n"), 200, "OK", HTTP_BODY_CHUNKED, 0,
	  false, false },
	{ B(GET), B(OK "\r\n"), 200, "OK", HTTP_BODY_TO_EOF, 0, true, false },
	{ B(GET), B(OK "Connection: keep-alive\r\n\r\n"), 200, "OK", HTTP_BODY_TO_EOF, 0, true,
	  false },
	{ B(GET), B("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n"), 200, "OK", HTTP_BODY_LENGTH, 5,
	  true, false },
	{ B(GET), B("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n"), 200,
	  "OK", HTTP_BODY_LENGTH, 5, false, false },
	{ B(GET), B(OK "Connection: close\r\nContent-Length: 5\r\n\r\n"), 200, "OK",
	  HTTP_BODY_LENGTH, 5, true, false },
	{ B(GET), B("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n"), 200, "", HTTP_BODY_LENGTH, 5,
	  false, false },
	{ B(GET), B("HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n"), 200, "", HTTP_BODY_LENGTH, 5,
	  false, false },
	{ B(GET), B("HTTP/1.1 999 \tGr\xfc\xdf dich\r\nContent-Length: 5\r\n\r\n"), 999,
	  "\tGr\xfc\xdf dich", HTTP_BODY_LENGTH, 5, false, false },
	{ B(HEAD), B(OK "Content-Length: 5\r\n\r\n"), 200, "OK", HTTP_NO_BODY, 0, false, false },
	{ B(HEAD), B(OK "Transfer-Encoding: chunked\r\n\r\n"), 200, "OK", HTTP_NO_BODY, 0, false,
	  false },
	{ B(HEAD), B(OK "\r\n"), 200, "OK", HTTP_NO_BODY, 0, false, false },
	{ B(GET), B("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), 304, "Not Modified",
	  HTTP_NO_BODY, 0, false, false },
	{ B(GET), B("HTTP/1.1 100 Continue\r\n\r\n"), 100, "Continue", HTTP_NO_BODY, 0, false,
	  false },
	{ B(GET), B("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), 103, "Early Hints",
	  HTTP_NO_BODY, 0, false, false },
	{ B(GET), B("HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n"), 100, "Continue",
	  HTTP_NO_BODY, 0, false, true },
	{ B(GET), B("HTTP/1.1 204 No Content\r\n\r\n"), 204, "No Content", HTTP_NO_BODY, 0, false,
	  false },
	{ B(GET), B("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"), 204, "No Content",
	  HTTP_NO_BODY, 0, false, true },
	{ B(GET), B("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"), 204, "No Content",
	  HTTP_NO_BODY, 0, true, true },
	{ B(GET), B("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"), 204,
	  "No Content", HTTP_NO_BODY, 0, true, true },
	{ B(CONNECT), B(OK "\r\n"), 200, "OK", HTTP_TUNNEL, 0, true, false },
	{ B(CONNECT), B(OK "Content-Length: 5\r\n\r\n"), 200, "OK", HTTP_TUNNEL, 0, true, true },
	{ B(CONNECT), B(OK "Transfer-Encoding: chunked\r\n\r\n"), 200, "OK", HTTP_TUNNEL, 0, true,
	  true },
	{ B(CONNECT), B("HTTP/1.1 204 No\r\n\r\n"), 204, "No", HTTP_TUNNEL, 0, true, false },
	{ B(CONNECT), B("HTTP/1.1 100 Continue\r\n\r\n"), 100, "Continue", HTTP_NO_BODY, 0, false,
	  false },
	{ B(CONNECT), B("HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\n"), 403, "No",
	  HTTP_BODY_LENGTH, 5, false, false },
	{ B(WEBSOCKET), B("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n"),
	  101, "Go", HTTP_TUNNEL, 0, true, false },
	{ B(WEBSOCKET), B("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: bar\r\n\r\n"), 101,
	  "Go", HTTP_TUNNEL, 0, true, false },
	{ B(WEBSOCKET), B(OK "Content-Length: 5\r\n\r\n"), 200, "OK", HTTP_BODY_LENGTH, 5, false,
	  false },
};

static void
is_read(const struct good *g, const struct scene *s)
{
	if (s->result != H1_DONE)
		fail_msg("%d, %s: %.*s", s->result, http_fault_name(s->parse.fault),
			 (int)g->text.len, g->text.at);
	assert_true(s->head.is_response);
	assert_int_equal(s->parse.head_len, g->text.len);
	assert_int_equal(s->head.status, g->status);
	is_text(s->head.reason, g->reason);
	assert_int_equal(s->head.framing, g->framing);
	assert_int_equal(s->head.length, g->length);
	assert_int_equal(h1_is_persistent(&s->head), !g->closes);
	for (uint32_t i = 0; i < s->head.count; i++)
		assert_int_equal(s->room[i].left_out, g->left_out);
}

static void
a_response_ends_by_its_status_its_request_and_its_fields(void **state)
{
	struct scene request, s;

	for (size_t i = 0; i < COUNT(good); i++) {
		scene_read(&request, false, good[i].request, 0, NULL);
		assert_int_equal(request.result, H1_DONE);
		scene_read(&s, true, good[i].text, 0, &request.head);
		is_read(&good[i], &s);
		scene_fini(&s);
		scene_read_bytes(&s, true, good[i].text, 0, &request.head);
		is_read(&good[i], &s);
		scene_fini(&s);
		scene_fini(&request);
	}
}

static void
each_beginning_of_a_head_wants_more(void **state)
{
	struct scene s;

	for (size_t i = 0; i < COUNT(good); i++) {
		for (size_t len = 0; len < good[i].text.len; len++) {
			scene_read(&s, true, (struct slice){ good[i].text.at, len }, 0, NULL);
			assert_int_equal(s.result, H1_MORE);
			scene_fini(&s);
		}
	}
}

static void
an_upgrade_to_what_was_not_asked_is_refused(void **state)
{
	static const struct slice texts[] = {
		B("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: baz\r\n\r\n"),
		B("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: foo, baz\r\n\r\n"),
		B("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade:\r\n\r\n"),
		B("HTTP/1.1 101 Go\r\nUpgrade: websocket\r\n\r\n"),
		B("HTTP/1.1 101 Go\r\nConnection: upgrade\r\n\r\n"),
	};
	struct scene request, s;

	scene_read(&request, false, (struct slice)B(WEBSOCKET), 0, NULL);
	for (size_t i = 0; i < COUNT(texts); i++) {
		scene_read(&s, true, texts[i], 0, &request.head);
		assert_int_equal(s.result, H1_BAD);
		assert_int_equal(s.parse.fault, HTTP_FAULT_UPGRADE);
		scene_fini(&s);
	}
	scene_fini(&request);
}

static void
an_offer_of_h2c_ends_here(void **state)
{
	struct scene s;

	scene_read(&s, true, (struct slice)B(OK "Connection: Upgrade\r\nUpgrade: h2,h2c\r\n\r\n"),
		   0, NULL);
	assert_int_equal(s.result, H1_DONE);
	assert_null(http_head_find(&s.head, HTTP_NAME_UPGRADE, NULL));
	assert_int_equal(s.head.says & HTTP_SAYS_UPGRADE, 0);
	scene_fini(&s);
}

static void
authentication_of_a_connection_is_seen(void **state)
{
	static const struct {
		struct slice	text;
		bool		is_private;
	} rows[] = {
		{ B("HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\n\r\n"), true },
		{ B("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nwww-authenticate: Negotiate abc\r\n\r\n"),
		  true },
		{ B("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic, ntlm\r\n\r\n"), true },
		{ B("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"NTLM\"\r\n\r\n"), false },
	};
	struct scene s;

	for (size_t i = 0; i < COUNT(rows); i++) {
		scene_read(&s, true, rows[i].text, 0, NULL);
		assert_int_equal((s.head.says & HTTP_PRIVATE) != 0, rows[i].is_private);
		scene_fini(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_can_be_read_in_two_ways_is_refused),
		cmocka_unit_test(a_response_ends_by_its_status_its_request_and_its_fields),
		cmocka_unit_test(each_beginning_of_a_head_wants_more),
		cmocka_unit_test(an_upgrade_to_what_was_not_asked_is_refused),
		cmocka_unit_test(an_offer_of_h2c_ends_here),
		cmocka_unit_test(authentication_of_a_connection_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
