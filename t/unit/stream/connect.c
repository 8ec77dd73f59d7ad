/*
 * From a client to a server: retries, redispatch, the waiting line, and what the log says of each.
 */
#include "config.h"
#include "t/unit/stream/rig.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct backend_totals
totals(void)
{
	struct backend_totals t;

	backend_totals(rig.backend, &t);
	return t;
}

/* One exchange and a regular end; `origin` is who must get it. */
static void
is_served_by(int client, uint32_t origin)
{
	int server = rig_accept(origin);

	rig_write(client, "x");
	rig_reads(server, "x");
	close(client);
	rig_reads_end(server);
	close(server);
	rig_wait_until(engine_streams() == 0);
}

static void
a_refused_connect_without_retries_ends_the_stream(void **state)
{
	int client;

	RIG(0);
	rig_origin_close(0);
	client = rig_client();
	rig_reads_end(client);
	close(client);
	rig_logs(STATE("SC"));
	assert_int_equal(totals().connect_errors, 1);
	assert_int_equal(totals().retries, 0);
}

static void
retries_are_counted_and_wait_for_the_connect_time_out(void **state)
{
	uint64_t from_ms;
	int client;

	RIG(.retries = 3, .connect = 100);
	rig_origin_close(0);
	from_ms = rig_now_ms();
	client = rig_client();
	rig_reads_end(client);
	assert_in_range(rig_now_ms() - from_ms, 290, 10000);
	close(client);
	rig_logs("\"cause\":\"the server refused the connection\",");
	assert_int_equal(totals().connect_errors, 4);
	assert_int_equal(totals().retries, 3);
	assert_int_equal(totals().redispatches, 0);
}

static void
a_redispatch_goes_to_another_server_at_once(void **state)
{
	RIG(.servers = 2, .retries = 3, .redispatch = 1);
	rig_origin_close(0);
	for (int i = 0; i < 4; i++)
		is_served_by(rig_client(), 1);
	assert_in_range(totals().redispatches, 2, 4);
	assert_int_equal(totals().retries, 0);
	for (int i = 0; i < 4; i++)
		rig_logs("\"server\":\"s2\"");
}

/* The interval is for who was named by a rule: HAProxy goes elsewhere at the first retry, too. */
static void
where_others_serve_no_interval_keeps_it_from_them(void **state)
{
	static const int32_t intervals[] = { -1, 2, -2 };

	for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++) {
		RIG(.servers = 2, .retries = 3, .redispatch = intervals[i]);
		rig_origin_close(0);
		is_served_by(rig_client(), 1); /* the rotation begins with one of the two */
		is_served_by(rig_client(), 1);
		assert_in_range(totals().redispatches, 1, 2);
		assert_int_equal(totals().retries, 0);
		if (i + 1 < sizeof(intervals) / sizeof(intervals[0]))
			rig_stop(state);
	}
}

static void
a_redispatch_without_another_server_is_a_retry_and_waits(void **state)
{
	uint64_t from_ms;
	int client;

	RIG(.retries = 2, .redispatch = 1, .connect = 100);
	rig_origin_close(0);
	from_ms = rig_now_ms();
	client = rig_client();
	rig_reads_end(client);
	assert_in_range(rig_now_ms() - from_ms, 190, 10000);
	close(client);
	rig_logs("\"retries\":2,\"redispatched\":false");
	assert_int_equal(totals().redispatches, 0);
	assert_int_equal(totals().retries, 2);
}

/* The one place of the other server is taken: the same one is tried again, which is no redispatch. */
static void
a_redispatch_finds_the_others_full_and_waits_for_the_same(void **state)
{
	uint64_t from_ms;
	int held, holder, client;

	RIG(.servers = 2, .retries = 2, .redispatch = 1, .connect = 100, .server_maxconn = 1);
	rig_origin_close(0);
	held = rig_client();
	holder = rig_accept(1);
	from_ms = rig_now_ms();
	client = rig_client();
	rig_reads_end(client);
	assert_in_range(rig_now_ms() - from_ms, 190, 10000);
	close(client);
	rig_logs_both_of("\"server\":\"s1\"", "\"retries\":2,\"redispatched\":false");
	assert_int_equal(totals().retries, 2);
	close(held);
	close(holder);
}

static void
all_are_dead_and_are_tried_in_turns_without_a_wait(void **state)
{
	uint64_t from_ms;
	int client;

	RIG(.servers = 2, .retries = 3, .redispatch = -1);
	rig_origin_close(0);
	rig_origin_close(1);
	from_ms = rig_now_ms();
	client = rig_client();
	rig_reads_end(client);
	assert_in_range(rig_now_ms() - from_ms, 0, 900); /* a wait would be of 1 s */
	close(client);
	rig_logs("\"retries\":3,\"redispatched\":true");
	assert_int_equal(totals().redispatches, 3);
}

/* It has waited for the time-out already (HAProxy does not wait more either). */
static void
a_retry_after_a_time_out_comes_at_once(void **state)
{
	uint64_t from_ms;
	int client;

	RIG(.retries = 2, .connect = 400);
	rig_origin_listen_short(0);
	from_ms = rig_now_ms();
	client = rig_client();
	rig_reads_end(client);
	assert_in_range(rig_now_ms() - from_ms, 3 * 400 - 10, 5 * 400 - 100);
	close(client);
	rig_logs("\"retries\":2,\"redispatched\":false");
	assert_int_equal(totals().retries, 2);
}

static void
no_usable_server_is_told(void **state)
{
	int client;

	RIG(0);
	rig_publish(rig_server_item(rig.servers[0], 0, 0, SERVER_MAINT), NULL);
	client = rig_client();
	rig_reads_end(client);
	close(client);
	rig_logs("\"cause\":\"no server is usable\"");
}

/* It is in its wait before a retry when its server goes into maintenance. */
static void
a_server_that_left_the_rotation_is_not_retried(void **state)
{
	int client;

	RIG(.servers = 2, .retries = 1000, .connect = 100);
	rig_publish(rig_server_item(rig.servers[1], 1, 0, SERVER_MAINT), NULL);
	rig_origin_close(0);
	client = rig_client();
	rig_wait_until(rig_retries() >= 1);
	rig_publish(rig_server_item(rig.servers[1], 1, 0, SERVER_READY),
		    rig_server_item(rig.servers[0], 0, 0, SERVER_MAINT), NULL);
	is_served_by(client, 1);
	rig_logs("\"redispatched\":true");
	assert_int_equal(totals().redispatches, 1);
}

static void
a_full_server_makes_the_next_wait_for_its_place(void **state)
{
	int first, second, server;

	RIG(.threads = 2, .server_maxconn = 1);
	rig_pair(&first, &server);
	second = rig_client();
	rig_wait_until(totals().queued == 1);
	assert_false(rig_has_connection(0));
	rig_write(second, "early");
	close(first);
	close(server);
	server = rig_accept(0);
	rig_reads(server, "early");
	close(server);
	rig_reads_end(second);
	close(second);
	rig_logs("\"queue\":{\"backend\":0}");
	rig_logs(STATE("--"));
	assert_int_equal(totals().queued, 0);
}

static void
a_full_line_ends_the_next(void **state)
{
	int first, second, third, server;

	RIG(.server_maxconn = 1, .maxqueue = 1);
	rig_pair(&first, &server);
	second = rig_client();
	rig_wait_until(totals().queued == 1);
	third = rig_client();
	rig_reads_end(third);
	rig_logs("\"cause\":\"the queue was full\"");
	close(first);
	close(second);
	close(third);
	close(server);
}

static void
a_client_that_resets_in_line_leaves_it(void **state)
{
	int first, second, server;

	RIG(.server_maxconn = 1);
	rig_pair(&first, &server);
	second = rig_client();
	rig_wait_until(totals().queued == 1);
	rig_reset(second);
	rig_logs(STATE("CQ"));
	rig_wait_until(totals().queued == 0); /* its line is written before it leaves */
	close(first);
	close(server);
}

static void
those_in_line_are_told_when_the_last_server_goes(void **state)
{
	int first, second, server;

	RIG(.server_maxconn = 1);
	rig_pair(&first, &server);
	second = rig_client();
	rig_wait_until(totals().queued == 1);
	rig_publish(rig_server_item(rig.servers[0], 0, 1, SERVER_MAINT), NULL);
	rig_reads_end(second);
	rig_logs("\"cause\":\"no server is usable\"");
	close(first);
	close(second);
	close(server);
}

/* Many for one place, over two workers: each gets it in the end. */
static void
nobody_is_forgotten_in_line(void **state)
{
	enum { CLIENTS = 100 };
	int clients[CLIENTS];

	RIG(.threads = 2, .server_maxconn = 2, .maxconn = 1000);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = rig_client();
	rig_serve_all(clients, CLIENTS);
	assert_int_equal(totals().queued, 0);
}

static void
a_unix_server_is_reached_and_a_missing_one_is_retried(void **state)
{
	int client, server;

	RIG(.unix_client = true, .unix_server = true);
	rig_pair(&client, &server);
	rig_write(client, "over unix");
	rig_reads(server, "over unix");
	close(server);
	rig_reads_end(client);
	close(client);
	rig_logs("\"client\":\"unix\"");
	rig_origin_close(0);
	client = rig_client();
	rig_reads_end(client);
	close(client);
	rig_logs(STATE("SC"));
}

static void
ipv6_is_served(void **state)
{
	RIG(.ipv6 = true);
	is_served_by(rig_client(), 0);
	rig_logs("\"client\":\"[::1]:");
}

static void
publish_source(const char *text)
{
	struct server_conf *conf = server_conf_new();
	struct publish_item *item = NULL;

	assert_non_null(conf);
	conf->address = rig.origin_addresses[0];
	conf->weight = 1;
	assert_int_equal(addr_parse(&conf->source, slice_of(text), 0, NULL), ERR_OK);
	assert_int_equal(server_publish_new(&item, rig.servers[0], conf, SERVER_CAUSE_CONFIG),
			 ERR_OK);
	rig_publish(item, NULL);
}

static void
connects_come_from_the_source_address(void **state)
{
	struct addr peer;
	char text[ADDR_TEXT_BYTES];
	int client, server;

	RIG(0);
	publish_source("127.0.0.77");
	rig_pair(&client, &server);
	assert_int_equal(addr_of_peer(&peer, server), ERR_OK);
	assert_string_equal(addr_format_ip(&peer, text), "127.0.0.77");
	close(client);
	close(server);
}

static void
a_source_that_is_not_ours_is_our_fault_and_not_the_servers(void **state)
{
	int client;

	RIG(0);
	publish_source("192.0.2.1");
	client = rig_client();
	rig_reads_end(client);
	close(client);
	rig_logs(STATE("RC"));
	assert_int_equal(totals().connect_errors, 0);
}

#define ONE(test)                                                           \
	{                                                                   \
		.name = #test, .test_func = test, .teardown_func = rig_stop \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(a_refused_connect_without_retries_ends_the_stream),
		ONE(retries_are_counted_and_wait_for_the_connect_time_out),
		ONE(a_redispatch_goes_to_another_server_at_once),
		ONE(where_others_serve_no_interval_keeps_it_from_them),
		ONE(a_redispatch_without_another_server_is_a_retry_and_waits),
		ONE(a_redispatch_finds_the_others_full_and_waits_for_the_same),
		ONE(all_are_dead_and_are_tried_in_turns_without_a_wait),
		ONE(a_retry_after_a_time_out_comes_at_once),
		ONE(no_usable_server_is_told),
		ONE(a_server_that_left_the_rotation_is_not_retried),
		ONE(a_full_server_makes_the_next_wait_for_its_place),
		ONE(a_full_line_ends_the_next),
		ONE(a_client_that_resets_in_line_leaves_it),
		ONE(those_in_line_are_told_when_the_last_server_goes),
		ONE(nobody_is_forgotten_in_line),
		ONE(a_unix_server_is_reached_and_a_missing_one_is_retried),
		ONE(ipv6_is_served),
		ONE(connects_come_from_the_source_address),
		ONE(a_source_that_is_not_ours_is_our_fault_and_not_the_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
