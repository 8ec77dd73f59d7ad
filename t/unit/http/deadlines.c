/*
 * Slow and silent clients. The limits are shortened; the real ones are in server.h.
 */
#include "config.h"
#include "rig.h"

/* A client that sends a byte of `text` a turn until it is cut or all is sent. Milliseconds it took. */
static uint64_t
trickle(struct client *c, const char *text, uint64_t every_ms)
{
	uint64_t start = rig_now_ms();

	for (; *text != '\0' && !c->ended; text++) {
		client_send_bytes(c, text, 1);
		rig_turn_for(every_ms);
		client_read(c);
	}
	return rig_now_ms() - start;
}

static void
headers_that_trickle_are_cut_at_their_deadline(void **state)
{
	const struct http_limits limits = { 150, 5000, 5000, 10, 1000, 1000 };
	struct client c;

	rig_open(&limits);
	client_open(&c);
	assert_in_range(trickle(&c, "GET /v1/echo?view=very-slow HTTP/1.1\r\n" HOST "\r\n", 10),
			140, 450);
	assert_true(c.ended);
	client_close(&c);
	rig_await(rig_counts().connections_current == 0);
	rig_close();
}

static void
a_connection_without_a_byte_is_cut_as_well(void **state)
{
	const struct http_limits limits = { 100, 5000, 5000, 10, 1000, 1000 };
	struct client c;

	rig_open(&limits);
	client_open(&c);
	client_await_end(&c);
	client_close(&c);
	rig_close();
}

/* The loop slept: what it calls "now" is old when the client comes. */
static void
silence_before_a_client_came_does_not_count_against_it(void **state)
{
	const struct http_limits limits = { 150, 5000, 5000, 10, 1000, 1000 };
	struct client c;

	rig_open(&limits);
	rig_turn_for(1);
	usleep(300 * 1000);
	client_open(&c);
	rig_turn_for(10);
	client_send(&c, "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
	client_await(&c, "HTTP/1.1 200 ");
	client_close(&c);
	rig_close();
}

static void
a_body_that_trickles_is_cut_with_408(void **state)
{
	const struct http_limits limits = { 5000, 150, 5000, 10, 1000, 1000 };
	struct client c;

	rig_open(&limits);
	client_open(&c);
	client_send(&c, "PUT /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n");
	assert_in_range(
		trickle(&c, "{                                                        }", 10), 140,
		450);
	assert_true(c.ended);
	assert_says(c.in.at, "HTTP/1.1 408 ");
	client_close(&c);
	rig_await(rig_counts().connections_current == 0);
	assert_int_equal(rig_counts().body_bytes, 0);
	rig_close();
}

static void
a_chunked_body_without_end_is_cut_too(void **state)
{
	const struct http_limits limits = { 5000, 150, 5000, 10, 1000, 1000 };
	struct client c;

	rig_open(&limits);
	client_open(&c);
	client_send(&c, "GET /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	trickle(&c, "1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n", 10);
	client_await_end(&c);
	assert_silent(c.in.at, " 200 ");
	client_close(&c);
	rig_close();
}

static void
a_connection_between_calls_is_cut_when_idle(void **state)
{
	const struct http_limits limits = { 5000, 5000, 100, 10, 1000, 1000 };
	struct client c;

	rig_open(&limits);
	client_open(&c);
	client_send(&c, "GET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
	client_await(&c, "\"bytes\":0");
	client_await_end(&c);
	assert_false(c.reset);
	client_close(&c);
	rig_close();
}

static void
the_headers_of_a_second_call_have_their_deadline_again(void **state)
{
	const struct http_limits limits = { 150, 5000, 5000, 10, 1000, 1000 };
	struct client c;

	rig_open(&limits);
	client_open(&c);
	client_send(&c, "GET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
	client_await(&c, "\"bytes\":0");
	rig_turn_for(200);	/* idle: that of the first is over */
	client_send(&c, "GET /v1/echo?view=again HTTP/1.1\r\n");
	assert_in_range(trickle(&c, HOST "X-Slow: aaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n", 10), 140,
			450);
	assert_true(c.ended);
	client_close(&c);
	rig_close();
}

static void
a_client_that_does_not_read_its_answer_is_cut(void **state)
{
	const struct http_limits limits = { 5000, 5000, 500, 10, 1000, 1000 };
	struct client c;
	int small = 2048;

	rig_open(&limits);
	client_open(&c);
	setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	client_send(&c, "GET /v1/stream HTTP/1.1\r\n" HOST "\r\n");
	rig_await(rig.stream != NULL);
	for (int i = 0; i < 200000; i++)
		buf_puts(&rig.feed, "a long line of the answer that nobody reads\n");
	call_stream_wake(rig.stream);
	rig_await(rig.closes == 1);	/* by the library's inactivity timeout, in whole seconds */
	client_close(&c);
	rig_close();
}

/* Clients that have sent half of something, of every kind; all others are served at once. */
static void
a_hundred_slow_clients_stall_nothing(void **state)
{
	static const char *const halves[] = {
		"GET /v1/ec",
		"GET /v1/echo HTTP/1.1\r\nHos",
		"",
		"PUT /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n{",
		"PUT /v1/echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nx",
	};
	struct client slow[100];
	uint64_t start;
	int i;

	for (i = 0; i < 100; i++) {
		client_open(&slow[i]);
		client_send(&slow[i], halves[i % 5]);
	}
	rig_await(rig_counts().connections_current == 100);
	start = rig_now_ms();
	for (i = 0; i < 20; i++)
		assert_says(ask("PUT /v1/echo HTTP/1.1\r\n" HOST
				"Connection: close\r\nContent-Length: 2\r\n\r\n{}"),
			    " 200 ");
	assert_in_range(rig_now_ms() - start, 0, 1000);
	for (i = 0; i < 100; i++)
		client_close(&slow[i]);
	rig_await(rig_counts().connections_current == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_that_trickle_are_cut_at_their_deadline),
		cmocka_unit_test(a_connection_without_a_byte_is_cut_as_well),
		cmocka_unit_test(silence_before_a_client_came_does_not_count_against_it),
		cmocka_unit_test(a_body_that_trickles_is_cut_with_408),
		cmocka_unit_test(a_chunked_body_without_end_is_cut_too),
		cmocka_unit_test(a_connection_between_calls_is_cut_when_idle),
		cmocka_unit_test(the_headers_of_a_second_call_have_their_deadline_again),
		cmocka_unit_test(a_client_that_does_not_read_its_answer_is_cut),
		rig_test(a_hundred_slow_clients_stall_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
