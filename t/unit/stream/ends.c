/*
 * Orders to end a server's streams, as streams of TCP in each phase carry them out.
 */
#include "config.h"
#include "t/unit/stream/rig.h"
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "server/ends.h"
#include "stream/engine_priv.h"
#include "stream/exchange_priv.h"
#include "stream/stream_priv.h"
#include "stream/worker_priv.h"

static int64_t ended = -1;

static void
on_ended(const struct server *server, enum end_cause cause, uint32_t count)
{
	ended = count;
}

/* Order it, and wait until it is home. */
static uint32_t
end_streams(uint32_t server, enum end_cause cause)
{
	ended = -1;
	server_on_ended(on_ended);
	server_end_streams(rig.servers[server], cause, NULL);
	rig_wait_until(ended >= 0);
	return (uint32_t)ended;
}

static const struct {
	enum end_cause	cause;
	const char     *letter, *words;
} causes[] = {
	{ END_SERVER_DOWN, "D", "\"cause\":\"its server was marked down\"" },
	{ END_ACTIVE_BACK, "U", "\"cause\":\"an active server came back up\"" },
	{ END_ADMIN, "K", "\"cause\":\"ended by an administrator\"" },
};
#define CAUSES (sizeof(causes) / sizeof(causes[0]))

static const char *
termination(size_t cause, char phase)
{
	static char text[128];

	(void)snprintf(text, sizeof(text), STATE("%s%c") ",%s", causes[cause].letter, phase,
		       causes[cause].words);
	return text;
}

static void
each_cause_ends_an_idle_stream_and_both_sides_see_the_cut(void **state)
{
	int client, server;

	RIG(.threads = 2);
	for (size_t i = 0; i < CAUSES; i++) {
		rig_pair(&client, &server);
		rig_write(client, "1234");
		rig_reads(server, "1234");
		assert_int_equal(end_streams(0, causes[i].cause), 1);
		rig_reads_reset(client);
		rig_reads_reset(server);
		rig_logs(termination(i, 'D'));
		close(client);
		close(server);
	}
	assert_int_equal(atomic_load(&rig.servers[0]->current), 0);
}

static void
a_connect_under_way_ends_too(void **state)
{
	int client;

	RIG(0);
	rig_origin_listen_short(0);
	for (size_t i = 0; i < CAUSES; i++) {
		client = rig_client();
		rig_wait_until(rig_count(&(struct session_filter){
				       .server = rig.servers[0]->generation }) == 1);
		assert_int_equal(end_streams(0, causes[i].cause), 1);
		rig_reads_reset(client);
		rig_logs(termination(i, 'C'));
		close(client);
	}
	assert_int_equal(atomic_load(&rig.servers[0]->current), 0);
}

static void
who_waits_for_a_retry_ends_too(void **state)
{
	int client;

	RIG(.retries = 3);
	rig_origin_close(0);
	client = rig_client();
	rig_wait_until(rig_retries() > 0);
	assert_int_equal(end_streams(0, END_SERVER_DOWN), 1);
	rig_reads_reset(client);
	rig_logs(termination(0, 'C'));
	close(client);
}

static void
who_waits_in_line_has_no_server_and_stays(void **state)
{
	int client, server, second, other;

	RIG(.server_maxconn = 1);
	rig_pair(&client, &server);
	second = rig_client();
	rig_wait_until(rig_count(&(struct session_filter){ 0 }) == 2);
	assert_int_equal(end_streams(0, END_SERVER_DOWN), 1);
	rig_logs(termination(0, 'D'));
	rig_reads_reset(client);
	other = rig_accept(0);		/* its place is the next one's */
	rig_write(second, "5678");
	rig_reads(other, "5678");
	close(client);
	close(server);
	close(second);
	close(other);
}

/* Both directions are full: bytes are held, in slabs or in a pipe, and nobody reads. */
static void
a_stream_that_is_stuck_in_bulk_ends(void **state)
{
	static char bulk[1 << 20];
	int client, server;

	RIG(.pipe_memory = 4 << 20);
	for (size_t i = 0; i < CAUSES; i++) {
		ssize_t sent = 1;

		rig_pair(&client, &server);
		for (int idle = 0; idle < 20; idle = sent > 0 ? 0 : idle + 1) {
			sent = send(client, bulk, sizeof(bulk), MSG_DONTWAIT);
			if (send(server, bulk, sizeof(bulk), MSG_DONTWAIT) > 0)
				sent = 1;
			rig_turn();
		}
		assert_int_equal(end_streams(0, causes[i].cause), 1);
		rig_reads_reset(server);
		rig_reads_reset(client);
		rig_logs(termination(i, 'D'));
		close(client);
		close(server);
	}
	assert_int_equal(count_get(&engine.pipes.used), 0);
}

static void
a_half_closed_stream_ends_either_way(void **state)
{
	for (int way = 0; way < 2; way++) {
		int client, server;

		RIG(0);
		rig_pair(&client, &server);
		rig_finish(way == 0 ? client : server);
		rig_reads_end(way == 0 ? server : client);
		assert_int_equal(end_streams(0, END_ACTIVE_BACK), 1);
		rig_reads_reset(way == 0 ? client : server);
		rig_logs(termination(1, 'D'));
		close(client);
		close(server);
		if (way == 0)
			rig_stop(NULL);
	}
}

/* Where the answer is whole from the server, or ours, and nothing goes there any more. */
static void
an_exchange_whose_server_side_is_shut_is_left_alone(void **state)
{
	static const struct {
		enum answer_from answer;
		enum stream_state state;
		enum flow_state	 up, down;
	} cases[] = {
		{ ANSWER_SERVERS, STREAM_LAST, FLOW_FLUSHED, FLOW_EOF },
		{ ANSWER_SERVERS, STREAM_LAST, FLOW_SHUT, FLOW_EOF },
		{ ANSWER_SERVERS, STREAM_OPEN, FLOW_FLUSHED, FLOW_FLUSHED },
		{ ANSWER_OURS, STREAM_LAST, FLOW_OPEN, FLOW_EOF },
		{ ANSWER_OURS, STREAM_LAST, FLOW_FLUSHED, FLOW_EOF },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct exchange x = { .answer = cases[i].answer };
		struct stream s = { .magic = STREAM_MAGIC,
				    .mode = &stream_http,
				    .state = cases[i].state,
				    .exchange = &x };

		s.flow[UP].state = cases[i].up;
		s.flow[DOWN].state = cases[i].down;
		assert_false(stream_end_by_server(&s.by_server, END_SERVER_DOWN));
		assert_false(stream_end_by_server(&s.by_server, END_ACTIVE_BACK));
		assert_int_equal(s.state, cases[i].state);
	}
}

static void
an_exchange_ends_whatever_it_waits_for(void **state)
{
	static const struct {
		const char *request, *answer;
		char	    phase;
		const char *status;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", 'H', "\"status\":500" },
		{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234", "", 'H',
		  "\"status\":500" },
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-", 'H',
		  "\"status\":500" },
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 103 Early\r\n\r\n", 'H',
		  "\"status\":500" },
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1", 'D', "\"status\":200" },
		/* all was answered, and the request goes on */
		{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234",
		  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", 'D', "\"status\":200" },
	};

	RIG(.http = true);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct session_list *list;
		int client, server;
		char line[256];

		client = rig_client();
		rig_write(client, cases[i].request);
		server = rig_accept(0);
		rig_reads(server, cases[i].request[0] == 'G' ? "GET" : "POST");
		rig_write(server, cases[i].answer);
		for (;;) {
			uint64_t out;

			list = rig_sessions(&(struct session_filter){ 0 }, 1);
			out = list->infos[0]->bytes_out;
			session_list_free(&list);
			if (out > 0 || cases[i].answer[0] == '\0' || i == 2)
				break;
		}
		assert_int_equal(end_streams(0, END_ACTIVE_BACK), 1);
		(void)snprintf(line, sizeof(line), STATE("U%c--"), cases[i].phase);
		rig_logs_both_of(line, cases[i].status);
		rig_reads_reset(server);
		close(client);
		close(server);
	}
	assert_int_equal(atomic_load(&rig.servers[0]->current), 0);
	assert_int_equal(server_idle_connections(rig.servers[0]), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			each_cause_ends_an_idle_stream_and_both_sides_see_the_cut, NULL, rig_stop),
		cmocka_unit_test_setup_teardown(a_connect_under_way_ends_too, NULL, rig_stop),
		cmocka_unit_test_setup_teardown(who_waits_for_a_retry_ends_too, NULL, rig_stop),
		cmocka_unit_test_setup_teardown(who_waits_in_line_has_no_server_and_stays, NULL,
						rig_stop),
		cmocka_unit_test_setup_teardown(a_stream_that_is_stuck_in_bulk_ends, NULL,
						rig_stop),
		cmocka_unit_test_setup_teardown(a_half_closed_stream_ends_either_way, NULL,
						rig_stop),
		cmocka_unit_test(an_exchange_whose_server_side_is_shut_is_left_alone),
		cmocka_unit_test_setup_teardown(an_exchange_ends_whatever_it_waits_for, NULL,
						rig_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
