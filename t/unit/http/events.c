/*
 * The ring of events and its readers, over the wire.
 */
#include "config.h"
#include "rig.h"

static void
reader_open(struct client *c, const char *query, const char *last_id)
{
	char request[300];

	snprintf(request, sizeof(request), "GET /v1/events%s HTTP/1.1\r\n" HOST "%s%s%s\r\n", query,
		 last_id != NULL ? "Last-Event-ID: " : "", last_id != NULL ? last_id : "",
		 last_id != NULL ? "\r\n" : "");
	client_open(c);
	client_send(c, request);
	client_await(c, ": events after ");
}

static void
emit(enum event_kind kind, int n)
{
	char members[64];

	snprintf(members, sizeof(members), "{\"n\":%d}", n);
	event_emit(kind, slice_of(members));
}

/* How often `text` came. */
static int
times(struct client *c, const char *text)
{
	int n = 0;

	client_read(c);
	for (const char *at = c->in.at; (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

static void
a_reader_gets_its_headers_at_once_and_events_as_they_come(void **state)
{
	struct client c;

	emit(EVENT_CONFIG, 1);
	reader_open(&c, "", NULL);
	assert_true(client_has(&c, "Content-Type: text/event-stream\r\n"));
	assert_true(client_has(&c, "Cache-Control: no-store\r\n"));
	emit(EVENT_SERVER, 2);
	assert_int_equal(events_last_id(), 2);
	client_await(&c, "id: 2\nevent: server\ndata: {\"id\":2,\"time\":\"2");
	client_await(&c, "Z\",\"kind\":\"server\",\"n\":2}\n\n");
	assert_int_equal(times(&c, "event: config"), 0);
	client_close(&c);
}

static void
members_come_with_or_without_braces_or_none(void **state)
{
	struct client c;

	reader_open(&c, "", NULL);
	event_emit(EVENT_PROCESS, SLICE("\"bare\":1,\n\"second\":2"));
	event_emit(EVENT_PROCESS, SLICE("{}"));
	client_await(&c, "\"kind\":\"process\",\"bare\":1, \"second\":2}\n\n");
	client_await(&c, "\"kind\":\"process\"}\n\n");
	client_close(&c);
}

static void
a_reader_resumes_after_its_last_id(void **state)
{
	struct client c;

	for (int i = 1; i <= 5; i++)
		emit(EVENT_SERVER, i);
	reader_open(&c, "", "3");
	client_await(&c, "id: 4\n");
	client_await(&c, "id: 5\n");
	assert_int_equal(times(&c, "\nid: "), 2);
	client_close(&c);
	reader_open(&c, "", "0");
	client_await(&c, "id: 5\n");
	assert_int_equal(times(&c, "\nid: "), 5);
	client_close(&c);
	reader_open(&c, "", "5");
	emit(EVENT_SERVER, 6);
	client_await(&c, "id: 6\n");
	assert_int_equal(times(&c, "\nid: "), 1);
	client_close(&c);
}

static void
an_id_of_an_earlier_process_begins_anew(void **state)
{
	struct client c;

	emit(EVENT_SERVER, 1);
	emit(EVENT_SERVER, 2);
	reader_open(&c, "", "9000");
	client_await(&c, "id: 2\n");
	assert_int_equal(times(&c, "\nid: "), 2);
	client_close(&c);
}

static void
a_reader_may_choose_kinds(void **state)
{
	struct client c;

	reader_open(&c, "?kind=config,session-kill", NULL);
	emit(EVENT_SERVER, 1);
	emit(EVENT_CONFIG, 2);
	emit(EVENT_LISTENER, 3);
	emit(EVENT_SESSION_KILL, 4);
	client_await(&c, "event: session-kill");
	assert_int_equal(times(&c, "event: config"), 1);
	assert_int_equal(times(&c, "\nid: "), 2);
	client_close(&c);
}

static void
thousands_of_another_kind_are_passed_over(void **state)
{
	struct client c;

	for (int i = 0; i < 3000; i++)
		emit(EVENT_SERVER, i);
	emit(EVENT_CONFIG, 1);
	reader_open(&c, "?kind=config", "0");
	client_await(&c, "id: 3001\n");
	client_close(&c);
}

static void
an_unknown_kind_is_400_with_the_nearest(void **state)
{
	assert_says(ask("GET /v1/events?kind=server,sever HTTP/1.1\r\n" HOST BYE),
		    "unknown kind of event \\\"sever\\\": did you mean \\\"server\\\"?");
	assert_says(ask("GET /v1/events?kind=server, HTTP/1.1\r\n" HOST BYE), " 400 ");
	assert_says(ask("GET /v1/events?kinds=server HTTP/1.1\r\n" HOST BYE), "did you mean");
	assert_says(ask("GET /v1/events HTTP/1.1\r\nLast-Event-ID: x\r\n" HOST BYE), " 400 ");
	assert_says(ask("GET /v1/events HTTP/1.1\r\nLast-Event-ID: -1\r\n" HOST BYE), " 400 ");
}

static void
a_reader_that_lags_is_told_what_it_missed(void **state)
{
	struct client c;

	for (int i = 0; i < EVENTS_MAX + 10; i++)
		emit(EVENT_SERVER, i);
	reader_open(&c, "", "4");
	client_await(&c, "id: 10\nevent: lost\ndata: {\"id\":10,");
	client_await(&c, "\"kind\":\"lost\",\"missing\":6}\n\n");
	client_await(&c, "id: 11\n");
	client_await(&c, "id: 4106\n");
	client_close(&c);
}

static void
the_ring_is_bounded_in_bytes(void **state)
{
	struct buf members = { 0 };
	struct client c;

	buf_puts(&members, "\"long\":\"");
	for (int i = 0; i < 100000; i++)
		buf_puts(&members, "0123456789");
	buf_puts(&members, "\"");
	for (int i = 0; i < 5; i++)
		event_emit(EVENT_SERVER, (struct slice){ members.at, members.len });
	reader_open(&c, "", "0");
	client_await(&c, "\"missing\":1}");
	client_await(&c, "id: 2\n");
	rig_await(times(&c, "89\"}\n\n") == 4);
	client_close(&c);
	buf_fini(&members);
}

static void
a_comment_line_comes_now_and_then(void **state)
{
	struct client c;

	events_ping_every(20);
	reader_open(&c, "", NULL);
	rig_await(times(&c, ": ping\n\n") == 3);
	client_close(&c);
}

static void
a_reader_that_left_is_found_by_the_comment_line(void **state)
{
	struct client c;

	events_ping_every(20);
	reader_open(&c, "", NULL);
	client_close(&c);
	rig_await(rig_counts().connections_current == 0);
}

static void
a_hundred_readers_cost_nothing_while_nothing_happens(void **state)
{
	struct client c[100];
	uint64_t turns;
	int i;

	for (i = 0; i < 100; i++)
		reader_open(&c[i], "", NULL);
	turns = rig.loop->turns;
	rig_turn_for(60);
	assert_in_range(rig.loop->turns - turns, 0, 150);
	emit(EVENT_CONFIG, 1);
	for (i = 0; i < 100; i++) {
		client_await(&c[i], "id: 1\n");
		client_close(&c[i]);
	}
}

static void
head_opens_no_reader(void **state)
{
	assert_says(ask("HEAD /v1/events HTTP/1.1\r\n" HOST BYE), "text/event-stream");
	rig_await(rig_counts().connections_current == 0);
	emit(EVENT_CONFIG, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(a_reader_gets_its_headers_at_once_and_events_as_they_come),
		rig_test(members_come_with_or_without_braces_or_none),
		rig_test(a_reader_resumes_after_its_last_id),
		rig_test(an_id_of_an_earlier_process_begins_anew),
		rig_test(a_reader_may_choose_kinds),
		rig_test(thousands_of_another_kind_are_passed_over),
		rig_test(an_unknown_kind_is_400_with_the_nearest),
		rig_test(a_reader_that_lags_is_told_what_it_missed),
		rig_test(the_ring_is_bounded_in_bytes),
		rig_test(a_comment_line_comes_now_and_then),
		rig_test(a_reader_that_left_is_found_by_the_comment_line),
		rig_test(a_hundred_readers_cost_nothing_while_nothing_happens),
		rig_test(head_opens_no_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
