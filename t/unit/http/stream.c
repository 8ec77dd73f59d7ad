/*
 * Answers that are written while they are sent.
 */
#include "config.h"
#include "rig.h"

static void
feed(const char *text)
{
	buf_puts(&rig.feed, text);
	call_stream_wake(rig.stream);
}

static void
stream_open(struct client *c)
{
	client_open(c);
	client_send(c, "GET /v1/stream HTTP/1.1\r\n" HOST "\r\n");
	rig_await(rig.stream != NULL && rig.fills > 0);
}

static void
it_waits_is_woken_and_ends(void **state)
{
	struct client c;

	stream_open(&c);
	client_await(&c, "\r\n\r\n");
	assert_true(client_has(&c, "Content-Type: text/plain\r\n"));
	feed("one");
	client_await(&c, "3\r\none\r\n");
	feed("two!");
	client_await(&c, "4\r\ntwo!\r\n");
	rig.feed_ends = true;
	call_stream_wake(rig.stream);
	client_await(&c, "0\r\n\r\n");
	assert_int_equal(rig.closes, 1);
	client_forget(&c);
	client_send(&c, "GET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
	client_await(&c, "\"bytes\":0");
	client_close(&c);
}

static void
waiting_costs_nothing(void **state)
{
	struct client c;
	uint64_t turns;
	int fills;

	stream_open(&c);
	fills = rig.fills;
	turns = rig.loop->turns;
	rig_turn_for(100);
	assert_int_equal(rig.fills, fills);
	assert_in_range(rig.loop->turns - turns, 0, 200);	/* 50 are the rig's ticks */
	client_close(&c);
}

static void
a_wake_inside_fill_is_not_lost(void **state)
{
	struct client c;

	stream_open(&c);
	rig.wake_in_fill = true;
	call_stream_wake(rig.stream);
	client_await(&c, "woken");
	call_stream_wake(rig.stream);	/* for nothing */
	call_stream_wake(rig.stream);
	rig_turn_for(10);
	feed("more");
	client_await(&c, "more");
	client_close(&c);
}

static void
an_error_cuts_the_connection(void **state)
{
	struct client c;

	stream_open(&c);
	feed("half");
	client_await(&c, "half");
	rig.feed_fails = true;
	call_stream_wake(rig.stream);
	client_await_end(&c);
	assert_false(client_has(&c, "0\r\n\r\n"));
	assert_int_equal(rig.closes, 1);
	client_close(&c);
}

static void
a_client_that_left_is_found_by_writing(void **state)
{
	struct client c;

	stream_open(&c);
	client_close(&c);
	rig_turn_for(20);
	assert_int_equal(rig.closes, 0);
	feed("anybody?\n");
	rig_turn_for(5);
	if (rig.stream != NULL)
		feed("hello?\n");
	rig_await(rig.closes == 1);
	rig_await(rig_counts().connections_current == 0);
}

static void
a_large_answer_comes_whole(void **state)
{
	struct client c;

	stream_open(&c);
	for (int i = 0; i < 100000; i++)
		buf_printf(&rig.feed, "line %d of a long answer\n", i);
	rig.feed_ends = true;
	call_stream_wake(rig.stream);
	client_await(&c, "line 99999 of a long answer\n");
	client_await(&c, "0\r\n\r\n");
	assert_in_range(rig.most_fills_a_turn, 1,
			3); /* the loop's other business goes on meanwhile */
	client_close(&c);
}

static void
http_1_0_gets_it_without_chunks(void **state)
{
	struct client c;

	client_open(&c);
	client_send(&c, "GET /v1/stream HTTP/1.0\r\n" HOST "\r\n");
	rig_await(rig.stream != NULL);
	feed("plain\n");
	client_await(&c, "\r\n\r\nplain\n");
	rig.feed_ends = true;
	call_stream_wake(rig.stream);
	client_await_end(&c);
	assert_int_equal(rig.closes, 1);
	client_close(&c);
}

static void
head_closes_it_unread(void **state)
{
	const char *answer = ask("HEAD /v1/stream HTTP/1.1\r\n" HOST BYE);

	assert_says(answer, " 200 OK\r\n");
	assert_int_equal(rig.fills, 0);
	assert_int_equal(rig.closes, 1);
}

/* The client's headers fill the connection's memory; fill() has its 4 KiB all the same. */
static void
there_is_room_for_4_kib_whatever_the_headers(void **state)
{
	struct client c;
	char *line = malloc(60001);

	memset(line, 'x', 60000);
	line[60000] = '\0';
	client_open(&c);
	client_send(&c, "GET /v1/stream HTTP/1.1\r\n" HOST "X-Long: ");
	client_send(&c, line);
	client_send(&c, "\r\n\r\n");
	rig_await(rig.stream != NULL);
	for (int i = 0; i < 1000; i++)
		buf_printf(&rig.feed, "line %d\n", i);
	call_stream_wake(rig.stream);
	client_await(&c, "line 999\n");
	assert_in_range(rig.least_room, 4096, SIZE_MAX);
	client_close(&c);
	free(line);
}

static void
the_server_may_end_while_it_waits(void **state)
{
	struct client c;

	stream_open(&c);
	http_listener_close(&rig.listener);
	http_server_free(&rig.http);
	assert_int_equal(rig.closes, 1);
	client_await_end(&c);
	client_close(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(it_waits_is_woken_and_ends),
		rig_test(waiting_costs_nothing),
		rig_test(a_wake_inside_fill_is_not_lost),
		rig_test(an_error_cuts_the_connection),
		rig_test(a_client_that_left_is_found_by_writing),
		rig_test(a_large_answer_comes_whole),
		rig_test(http_1_0_gets_it_without_chunks),
		rig_test(head_closes_it_unread),
		rig_test(there_is_room_for_4_kib_whatever_the_headers),
		rig_test(the_server_may_end_while_it_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
