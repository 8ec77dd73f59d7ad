/*
 * Calls that are answered later: the connection is suspended meanwhile.
 */
#include "config.h"
#include "rig.h"

static void
answer_kept(int i, unsigned status, const char *body)
{
	struct answer answer = { .status = status };

	buf_puts(&answer.body, body);
	call_answer(rig.kept[i], &answer);
	rig.kept[i] = NULL;
}

static void
a_call_is_answered_later(void **state)
{
	struct client c;

	client_open(&c);
	client_send(&c, "PUT /v1/later HTTP/1.1\r\n" HOST
			"X-Actor: bob\r\nContent-Length: 2\r\n\r\n{}");
	rig_await(rig.kept_count == 1);
	assert_string_equal(rig.kept[0]->actor, "bob");
	rig_turn_for(20);
	assert_false(client_has(&c, "HTTP"));
	answer_kept(0, 200, "{\"late\":1}");
	client_await(&c, "{\"late\":1}");
	client_send(&c, "GET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
	client_await(&c, "\"bytes\":0");
	client_close(&c);
}

static void
waiting_for_an_answer_costs_nothing(void **state)
{
	struct client c;
	uint64_t turns;

	client_open(&c);
	client_send(&c,
		    "GET /v1/later HTTP/1.1\r\n" HOST "\r\nGET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
	rig_await(rig.kept_count == 1);
	turns = rig.loop->turns;
	rig_turn_for(100);
	assert_in_range(rig.loop->turns - turns, 0, 200);	/* 50 are the rig's ticks */
	answer_kept(0, 204, "");
	client_await(&c, " 204 ");
	client_await(&c, "\"bytes\":0");
	turns = rig.loop->turns;
	rig_turn_for(100);
	assert_in_range(rig.loop->turns - turns, 0, 200);
	client_close(&c);
}

static void
no_deadline_runs_while_the_handler_has_it(void **state)
{
	const struct http_limits limits = { 50, 50, 500, 10, 1000, 1000 };
	struct client c;

	rig_open(&limits);
	client_open(&c);
	client_send(&c, "PUT /v1/later HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}");
	rig_await(rig.kept_count == 1);
	rig_turn_for(200);
	answer_kept(0, 200, "{\"late\":2}");
	client_await(&c, "{\"late\":2}");
	client_close(&c);
	rig_close();
}

static void
the_answer_to_a_client_that_left_is_dropped(void **state)
{
	struct client fin, rst;
	struct linger hard = { 1, 0 };

	client_open(&fin);
	client_send(&fin, "PUT /v1/later HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}");
	client_open(&rst);
	client_send(&rst, "PUT /v1/later HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}");
	rig_await(rig.kept_count == 2);
	setsockopt(rst.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	client_close(&fin);
	client_close(&rst);
	rig_turn_for(20);
	assert_int_equal(rig_counts().connections_current, 2);	/* nobody has noticed */
	answer_kept(0, 200, "{}");
	answer_kept(1, 200, "{}");
	rig_await(rig_counts().connections_current == 0);
	assert_int_equal(rig_counts().body_bytes, 0);
	assert_says(ask("GET /v1/echo HTTP/1.1\r\n" HOST BYE), " 200 ");
}

static void
one_handler_may_answer_anothers_call(void **state)
{
	struct client first, second;

	client_open(&first);
	client_send(&first, "GET /v1/later HTTP/1.1\r\n" HOST "\r\n");
	rig_await(rig.kept_count == 1);
	client_open(&second);
	client_send(&second, "POST /v1/release HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n");
	client_await(&second, " 204 ");
	client_await(&first, "{\"released\":true}");
	client_close(&first);
	client_close(&second);
}

static void
a_hundred_calls_wait_and_the_next_is_served_at_once(void **state)
{
	struct client waiting[100];
	int i;

	for (i = 0; i < 100; i++) {
		client_open(&waiting[i]);
		client_send(&waiting[i], "GET /v1/later HTTP/1.1\r\n" HOST "\r\n");
	}
	rig_await(rig.kept_count == 100);
	assert_says(ask("GET /v1/echo HTTP/1.1\r\n" HOST BYE), " 200 ");
	for (i = 0; i < 100; i++)
		answer_kept(i, 200, "{\"late\":3}");
	for (i = 0; i < 100; i++) {
		client_await(&waiting[i], "{\"late\":3}");
		client_close(&waiting[i]);
	}
}

static void
the_server_may_end_before_the_answer(void **state)
{
	struct client c;

	client_open(&c);
	client_send(&c, "PUT /v1/later HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}");
	rig_await(rig.kept_count == 1);
	http_listener_close(&rig.listener);
	http_server_free(&rig.http);
	assert_string_equal(rig.kept[0]->body.at, "{}");
	answer_kept(0, 200, "{}");
	client_read(&c);
	assert_true(c.ended);
	assert_int_equal(c.in.len, 0);
	client_close(&c);
}

static void
an_answer_without_memory_is_503(void **state)
{
	struct answer answer = { .status = 200, .body = { .failed = true } };
	struct client c;

	client_open(&c);
	client_send(&c, "GET /v1/later HTTP/1.1\r\n" HOST "\r\n");
	rig_await(rig.kept_count == 1);
	call_answer(rig.kept[0], &answer);
	client_await(&c, "\"detail\":\"out of memory\"}");
	assert_true(client_has(&c, "HTTP/1.1 503 "));
	client_close(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(a_call_is_answered_later),
		rig_test(waiting_for_an_answer_costs_nothing),
		cmocka_unit_test(no_deadline_runs_while_the_handler_has_it),
		rig_test(the_answer_to_a_client_that_left_is_dropped),
		rig_test(one_handler_may_answer_anothers_call),
		rig_test(a_hundred_calls_wait_and_the_next_is_served_at_once),
		rig_test(the_server_may_end_before_the_answer),
		rig_test(an_answer_without_memory_is_503),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
