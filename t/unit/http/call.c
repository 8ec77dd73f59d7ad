/*
 * Requests as the wire brings them: framing, limits, headers, bodies.
 */
#include "config.h"
#include "rig.h"

static void
a_request_is_answered_with_its_headers(void **state)
{
	const char *answer = ask("GET /v1/echo?view=config HTTP/1.1\r\n" HOST BYE);

	assert_says(answer, "HTTP/1.1 200 OK\r\n");
	assert_says(answer, "Content-Type: application/json\r\n");
	assert_says(answer, "Cache-Control: no-store\r\n");
	assert_says(answer, "ETag: \"7\"\r\n");
	assert_says(answer, "Content-Length: ");
	assert_says(answer, "\"peer\":\"127.0.0.1:");
	assert_says(answer, "\"view\":\"config\"");
}

static void
head_has_the_length_and_no_body(void **state)
{
	const char *answer = ask("HEAD /v1/echo HTTP/1.1\r\n" HOST BYE);

	assert_says(answer, "200 OK");
	assert_silent(answer, "Content-Length: 0\r\n");
	assert_says(answer, "Content-Length: ");
	assert_silent(answer, "{");
}

static void
a_204_has_neither_type_nor_length(void **state)
{
	const char *answer = ask("OPTIONS /v1/echo HTTP/1.1\r\n" HOST BYE);

	assert_says(answer, "204 No Content");
	assert_silent(answer, "\nContent-Type");
	assert_silent(answer, "Content-Length");
}

static void
several_requests_go_over_one_connection_even_at_once(void **state)
{
	struct client c;

	client_open(&c);
	client_send(&c, "PUT /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nfirst"
			"PUT /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\nsecond"
			"GET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
	client_await(&c, "\"body\":\"first\"");
	client_await(&c, "\"body\":\"second\"");
	client_await(&c, "\"bytes\":0");
	client_forget(&c);
	client_send(&c, "GET /v1/echo?view=third HTTP/1.1\r\n" HOST "\r\n");
	client_await(&c, "third");
	client_close(&c);
}

static void
a_request_may_come_byte_by_byte(void **state)
{
	const char *text = "PUT /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\n{ab}";
	struct client c;
	int on = 1;

	client_open(&c);
	setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	for (; *text != '\0'; text++) {
		client_send_bytes(&c, text, 1);
		rig_turn();
	}
	client_await(&c, "\"body\":\"{ab}\"");
	client_close(&c);
}

static void
a_client_that_half_closes_gets_its_answer(void **state)
{
	struct client c;

	client_open(&c);
	client_send(&c, "GET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
	shutdown(c.fd, SHUT_WR);
	client_await(&c, "\"bytes\":0");
	client_await_end(&c);
	client_close(&c);
}

static void
http_1_0_works_and_closes(void **state)
{
	const char *answer = ask("GET /v1/echo HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");

	assert_says(answer, "200 OK");
	assert_says(answer, "\"bytes\":0");
}

static void
an_ambiguous_host_or_framing_is_400(void **state)
{
	static const char *const requests[] = {
		"GET /v1/echo HTTP/1.1\r\n" BYE,
		"GET /v1/echo HTTP/1.0\r\n" BYE,
		"GET /v1/echo HTTP/1.1\r\n" HOST HOST BYE,
		"GET /v1/echo HTTP/1.1\r\n" HOST "Host: other\r\n" BYE,
		"GET /healthz HTTP/1.1\r\n" HOST HOST BYE,
		"PUT /v1/echo HTTP/1.1\r\n" HOST
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"PUT /v1/echo HTTP/1.1\r\n" HOST
		"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
		"PUT /v1/echo HTTP/1.1\r\n" HOST
		"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"PUT /v1/echo HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\nhello",
		"PUT /v1/echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\nhello",
		"PUT /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\nhello",
		"PUT /v1/echo HTTP/1.1\r\n" HOST
		"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"PUT /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\nhello",
		"PUT /v1/echo HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET /v1/echo HTTP/1.1\r\n" HOST
		"Origin: http://localhost\r\nOrigin: http://x\r\n" BYE,
		"GET /v1/echo HTTP/1.1\r\n" HOST "If-Match: \"1\"\r\nIf-Match: \"2\"\r\n" BYE,
		"GET /v1/echo HTTP/1.1\r\nHost : evil.example\r\n" HOST BYE,
		"GET /v1/echo HTTP/1.1\r\n Host: evil.example\r\n" HOST BYE,
		"GET /v1/echo HTTP/1.1\r\n" HOST " folded\r\n" BYE,
		"GET /v1/echo HTTP/1.1\r\n" HOST "Content-Length\t: 5\r\n" BYE,
		"GET http://localhost/v1/echo HTTP/1.1\r\n" HOST BYE,
		"GET /v1/echo HTTP/1.0 HTTP/1.1\r\n" HOST BYE,
		"GET /healthz HTTP/1.1\r\n" BYE,
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		const char *answer = ask(requests[i]);

		if (strncmp(answer, "HTTP/1.1 400 ", 13) != 0)
			fail_msg("to %s came %s", requests[i], answer);
		assert_silent(answer, " 200 ");	/* nothing behind it was taken for a request */
	}
}

static void
a_claim_is_shown_and_one_that_is_too_long_or_not_printable_is_400(void **state)
{
	char request[1024], claim[300];

	assert_says(ask("GET /v1/echo HTTP/1.1\r\nX-Actor: bob the deployer\r\n" HOST BYE),
		    "\"actor\":\"bob the deployer\"");
	assert_says(ask("GET /v1/echo HTTP/1.1\r\nX-Actor: b\xc3\xb6\r\n" HOST BYE), " 400 ");
	memset(claim, 'x', sizeof(claim));
	claim[256] = '\0';
	snprintf(request, sizeof(request), "GET /v1/echo HTTP/1.1\r\nX-Actor: %s\r\n" HOST BYE,
		 claim);
	assert_says(ask(request), " 200 ");
	claim[256] = 'x';
	claim[257] = '\0';
	snprintf(request, sizeof(request), "GET /v1/echo HTTP/1.1\r\nX-Reason: %s\r\n" HOST BYE,
		 claim);
	assert_says(ask(request), "X-Reason must be at most 256 printable bytes");
}

static void
a_chunked_body_is_put_together(void **state)
{
	assert_says(ask("PUT /v1/echo HTTP/1.1\r\n" HOST "Connection: close\r\n"
			"Content-Type: Application/JSON; charset=utf-8\r\n"
			"Transfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n"),
		    "\"body\":\"{\\\"a\\\":1}\"");
}

static void
the_body_of_a_get_is_ignored(void **state)
{
	struct client c;

	client_open(&c);
	client_send(&c, "GET /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
			"GET /v1/echo?view=next HTTP/1.1\r\n" HOST "\r\n");
	client_await(&c, "\"bytes\":0");
	client_await(&c, "\"view\":\"next\"");
	client_close(&c);
}

static void
expect_100_continue_is_honoured(void **state)
{
	struct client c;

	client_open(&c);
	client_send(&c, "PUT /v1/echo HTTP/1.1\r\n" HOST
			"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	client_await(&c, "HTTP/1.1 100 Continue\r\n\r\n");
	client_send(&c, "hello");
	client_await(&c, "\"body\":\"hello\"");
	client_close(&c);
}

static void
expect_100_continue_of_too_much_is_413_at_once(void **state)
{
	const char *answer = ask("PUT /v1/echo HTTP/1.1\r\n" HOST
				 "Expect: 100-continue\r\nContent-Length: 16777217\r\n\r\n");

	assert_says(answer, "HTTP/1.1 413 ");
	assert_silent(answer, "100 Continue");
}

/* A body of `bytes`; the answer's text. */
static const char *
ask_with_body(const char *head, size_t bytes)
{
	static char answer[65536];
	char *body = malloc(bytes);
	struct client c;

	memset(body, ' ', bytes);
	client_open(&c);
	client_send(&c, head);
	client_send_bytes(&c, body, bytes);
	client_await_end(&c);
	snprintf(answer, sizeof(answer), "%s", c.in.at);
	client_close(&c);
	free(body);
	return answer;
}

static void
a_body_of_16_mib_is_taken(void **state)
{
	assert_says(ask_with_body("PUT /v1/echo HTTP/1.1\r\n" HOST
				  "Connection: close\r\nContent-Length: 16777216\r\n\r\n",
				  16777216),
		    "\"bytes\":16777216");
	assert_int_equal(rig_counts().body_bytes, 0);
}

static void
a_larger_body_is_413_whatever_the_method_and_is_not_read(void **state)
{
	static const char *const methods[] = { "PUT", "PATCH", "POST", "DELETE", "GET", "OPTIONS" };
	char head[200];

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		const char *answer;

		snprintf(head, sizeof(head),
			 "%s /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 16777217\r\n\r\n",
			 methods[i]);
		answer = ask_with_body(head, 1000);
		assert_says(answer, "HTTP/1.1 413 ");
		assert_says(answer, "Connection: close");
		assert_says(answer, "the body is over 16777216 bytes");
		assert_null(strstr(answer + 1, "HTTP/1.1 "));
	}
}

/* The client would be sending for a long time; what it sent is dropped, so the answer arrives. */
static void
a_413_reaches_a_client_that_goes_on_sending(void **state)
{
	assert_says(ask_with_body("PUT /v1/echo HTTP/1.1\r\n" HOST
				  "Content-Length: 99999999\r\n\r\n",
				  4 * 1024 * 1024),
		    "HTTP/1.1 413 ");
}

static void
a_chunked_body_that_grows_too_large_is_413(void **state)
{
	struct client c;
	char *chunk = malloc(1024 * 1024);
	int i;

	memset(chunk, 'x', 1024 * 1024);
	client_open(&c);
	client_send(&c, "PUT /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	for (i = 0; i < 20 && !c.ended; i++) {
		client_send(&c, "100000\r\n");
		client_send_bytes(&c, chunk, 1024 * 1024);
		client_send(&c, "\r\n");
	}
	client_await_end(&c);
	assert_says(c.in.at, "HTTP/1.1 413 ");
	client_close(&c);
	free(chunk);
	assert_int_equal(rig_counts().body_bytes, 0);
}

static void
bodies_beyond_the_common_budget_are_503_and_come_again(void **state)
{
	struct client slow, c;
	const struct http_limits limits = { .headers_ms = 10000,
					    .body_ms = 10000,
					    .idle_ms = 10000,
					    .connections = 10,
					    .body_bytes = 100000,
					    .bodies_bytes = 120000 };
	char *body = malloc(100000);

	memset(body, ' ', 100000);
	rig_open(&limits);
	client_open(&slow);
	client_send(&slow, "PUT /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
	client_send_bytes(&slow, body, 90000);
	rig_await(rig_counts().body_bytes >= 90000);
	client_open(&c);
	client_send(&c, "PATCH /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
	client_send_bytes(&c, body, 100000);
	client_await_end(&c);
	assert_says(c.in.at, "HTTP/1.1 503 ");
	assert_says(c.in.at, "Retry-After: 1\r\n");
	client_close(&c);
	client_send_bytes(&slow, body, 10000);
	client_await(&slow, "\"bytes\":100000");
	assert_int_equal(rig_counts().body_bytes, 0);
	client_close(&slow);
	free(body);
	rig_close();
}

static void
a_client_that_leaves_in_its_body_frees_it(void **state)
{
	struct client c;

	client_open(&c);
	client_send(&c,
		    "PUT /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\nhalf of it");
	rig_await(rig_counts().body_bytes > 0);
	client_close(&c);
	rig_await(rig_counts().body_bytes == 0 && rig_counts().connections_current == 0);
}

static void
headers_without_end_are_refused(void **state)
{
	char line[8000];
	struct client c;
	int i;

	memset(line, 'x', sizeof(line));
	client_open(&c);
	client_send(&c, "GET /v1/echo HTTP/1.1\r\n" HOST);
	for (i = 0; i < 20 && !c.ended; i++) {
		client_send(&c, "X-Long: ");
		client_send_bytes(&c, line, sizeof(line));
		client_send(&c, "\r\n");
	}
	client_await_end(&c);
	assert_silent(c.in.at, " 200 ");
	client_close(&c);
	assert_says(ask("GET /v1/echo HTTP/1.1\r\n" HOST BYE), " 200 ");
}

static void
garbage_is_refused_and_harms_nobody(void **state)
{
	const struct http_limits limits = { 300, 300, 300, 10, 1000, 1000 };
	static const char *const requests[] = {
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello over TLS\r\n\r\n",
		"GET /v1/echo HTTP/1.1\nHost localhost\n\n",
		"GET  HTTP/1.1\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		("PUT /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
	};

	rig_open(&limits);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct client c;

		client_open(&c);
		client_send(&c, requests[i]);
		shutdown(c.fd, SHUT_WR);
		client_await_end(&c);
		assert_silent(c.in.at, " 200 ");
		client_close(&c);
	}
	assert_says(ask("GET /v1/echo HTTP/1.1\r\n" HOST BYE), " 200 ");
	rig_close();
}

static void
a_foreign_host_or_origin_is_403_and_its_body_is_not_read(void **state)
{
	assert_says(ask("GET /v1/echo HTTP/1.1\r\nHost: evil.example\r\n" BYE), " 403 ");
	assert_says(ask("GET /v1/echo HTTP/1.1\r\nOrigin: http://evil.example\r\n" HOST BYE),
		    " 403 ");
	assert_says(ask("PATCH /v1/echo HTTP/1.1\r\nOrigin: null\r\nContent-Length: 50\r\n" HOST
			"\r\n"),
		    " 403 ");
	assert_says(ask("GET /v1/echo HTTP/1.1\r\nSec-Fetch-Site: same-site\r\n" HOST BYE),
		    " 403 ");
	assert_says(ask("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n" BYE), " 200 ");
	assert_says(ask("GET /healthz?x=1 HTTP/1.1\r\nHost: evil.example\r\n" BYE), " 400 ");
	assert_says(ask("GET /healthz/.. HTTP/1.1\r\nHost: evil.example\r\n" BYE), " 403 ");
}

static void
a_listed_name_is_a_host(void **state)
{
	const char *names[] = { "admin.example", "sluice" };

	assert_int_equal(http_server_set_hosts(rig.http, names, 2), ERR_OK);
	assert_says(ask("GET /v1/echo HTTP/1.1\r\nHost: Admin.Example:9901\r\n" BYE), " 200 ");
	assert_int_equal(http_server_set_hosts(rig.http, names, 0), ERR_OK);
	assert_says(ask("GET /v1/echo HTTP/1.1\r\nHost: admin.example\r\n" BYE), " 403 ");
}

static void
an_encoded_body_is_415(void **state)
{
	assert_says(
		ask("PUT /v1/echo HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n" HOST
			"\r\n{}"),
		    " 415 ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(a_request_is_answered_with_its_headers),
		rig_test(head_has_the_length_and_no_body),
		rig_test(a_204_has_neither_type_nor_length),
		rig_test(several_requests_go_over_one_connection_even_at_once),
		rig_test(a_request_may_come_byte_by_byte),
		rig_test(a_client_that_half_closes_gets_its_answer),
		rig_test(http_1_0_works_and_closes),
		rig_test(an_ambiguous_host_or_framing_is_400),
		rig_test(a_claim_is_shown_and_one_that_is_too_long_or_not_printable_is_400),
		rig_test(a_chunked_body_is_put_together),
		rig_test(the_body_of_a_get_is_ignored),
		rig_test(expect_100_continue_is_honoured),
		rig_test(expect_100_continue_of_too_much_is_413_at_once),
		rig_test(a_body_of_16_mib_is_taken),
		rig_test(a_larger_body_is_413_whatever_the_method_and_is_not_read),
		rig_test(a_413_reaches_a_client_that_goes_on_sending),
		rig_test(a_chunked_body_that_grows_too_large_is_413),
		cmocka_unit_test(bodies_beyond_the_common_budget_are_503_and_come_again),
		rig_test(a_client_that_leaves_in_its_body_frees_it),
		rig_test(headers_without_end_are_refused),
		cmocka_unit_test(garbage_is_refused_and_harms_nobody),
		rig_test(a_foreign_host_or_origin_is_403_and_its_body_is_not_read),
		rig_test(a_listed_name_is_a_host),
		rig_test(an_encoded_body_is_415),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
