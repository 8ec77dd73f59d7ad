/*
 * Looking at streams and ending them from the control thread.
 */
#include "config.h"
#include "t/unit/stream/rig.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct session_filter all;

static void
a_stream_is_described(void **state)
{
	struct session_list *list;
	const struct session_info *info;
	struct addr address;
	int client, server;

	RIG(0);
	rig_pair(&client, &server);
	rig_write(client, "1234");
	rig_reads(server, "1234");
	rig_write(server, "123456");
	rig_reads(client, "123456");
	list = rig_sessions(&all, 10);
	assert_int_equal(list->count, 1);
	assert_false(list->more);
	info = list->infos[0];
	assert_true(info->id != 0);
	assert_string_equal(info->frontend, "web");
	assert_string_equal(info->backend, "app");
	assert_string_equal(info->server, "s1");
	assert_string_equal(info->state, "open");
	assert_int_equal(info->bytes_in, 4);
	assert_int_equal(info->bytes_out, 6);
	assert_int_equal(addr_of_socket(&address, client), ERR_OK);
	assert_true(addr_equals(&address, &info->client));
	assert_true(addr_equals(&rig.address, &info->local));
	assert_true(addr_equals(&rig.origin_addresses[0], &info->server_address));
	session_list_free(&list);
	rig_finish(client);
	rig_reads_end(server);
	list = rig_sessions(&all, 10);
	assert_string_equal(list->infos[0]->state, "closing");
	session_list_free(&list);
	close(client);
	close(server);
}

static void
states_before_the_server_are_told(void **state)
{
	struct session_list *list;
	int first, second, server;

	RIG(.server_maxconn = 1);
	rig_pair(&first, &server);
	second = rig_client();
	rig_wait_until(rig_count(&all) == 2);
	list = rig_sessions(&all, 10);
	assert_string_equal(list->infos[1]->state, "queued");
	assert_string_equal(list->infos[1]->server, "");
	session_list_free(&list);
	close(first);
	close(second);
	close(server);
}

static void
pages_follow_one_another_without_gaps(void **state)
{
	enum { CLIENTS = 50 };
	int clients[CLIENTS];
	uint64_t after = 0;
	uint32_t seen = 0;
	bool more = true;

	RIG(.threads = 3);
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = rig_client();
		close(rig_accept(0));
	}
	while (more) {
		struct session_list *list =
			rig_sessions(&(struct session_filter){ .after = after }, 7);

		assert_in_range(list->count, 1, 7);
		for (uint32_t i = 0; i < list->count; i++) {
			assert_true(list->infos[i]->id > after);
			after = list->infos[i]->id;
		}
		seen += list->count;
		more = list->more;
		session_list_free(&list);
	}
	assert_int_equal(seen, CLIENTS);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
}

/* More than one turn of a walk, while streams come and go. */
static void
a_long_walk_sees_every_stream_that_stays(void **state)
{
	enum { CLIENTS = 1100, ENDED_A_TURN = 64 };
	static int clients[CLIENTS], servers[CLIENTS];
	uint64_t turns;

	RIG(.maxconn = 5000);
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = rig_client();
		servers[i] = rig_accept(0);
	}
	rig_wait_until(engine_streams() == CLIENTS);
	assert_int_equal(rig_count(&all), CLIENTS);
	turns = atomic_load(&publish_worker(0)->turns);
	assert_int_equal(rig_end(&all, END_ADMIN), CLIENTS);
	assert_true(atomic_load(&publish_worker(0)->turns) - turns >= CLIENTS / ENDED_A_TURN);
	assert_int_equal(rig_count(&all), 0);
	for (int i = 0; i < CLIENTS; i++) {
		close(clients[i]);
		close(servers[i]);
	}
}

static struct session_filter
from(const char *network)
{
	struct session_filter filter = { .src = SESSION_SRC_NETWORK };
	struct diag diag;

	assert_int_equal(network_parse(&filter.src_network, slice_of(network), &diag), ERR_OK);
	return filter;
}

static void
a_source_is_compared_by_its_prefix(void **state)
{
	struct session_filter exact = from("127.0.0.1"), wide = from("127.0.0.0/8"),
			      other = from("127.0.0.2"), mapped = from("::ffff:127.0.0.0/104"),
			      socket = { .src = SESSION_SRC_UNIX };
	int client, server;

	RIG(0);
	rig_pair(&client, &server);
	assert_int_equal(rig_count(&exact), 1);
	assert_int_equal(rig_count(&wide), 1);
	assert_int_equal(rig_count(&other), 0);
	assert_int_equal(rig_count(&mapped), 1);
	assert_int_equal(rig_count(&socket), 0);
	close(client);
	close(server);
}

static void
a_client_of_a_unix_socket_is_in_no_network(void **state)
{
	struct session_filter all_of_ip = from("::/0"), socket = { .src = SESSION_SRC_UNIX };
	int client, server;

	RIG(.unix_client = true);
	rig_pair(&client, &server);
	assert_int_equal(rig_count(&all_of_ip), 0);
	assert_int_equal(rig_count(&socket), 1);
	close(client);
	close(server);
}

static void
only_what_matches_is_ended(void **state)
{
	struct session_filter of_s1 = { 0 }, no_more = { 0 };
	int clients[2], servers[2];
	int of[2];

	RIG(.servers = 2, .threads = 2);
	/* one on each server, whoever comes first */
	clients[0] = rig_client();
	rig_wait_until(rig_has_connection(0) || rig_has_connection(1));
	of[0] = rig_has_connection(0) ? 0 : 1;
	servers[0] = rig_accept((uint32_t)of[0]);
	rig_publish(rig_server_item(rig.servers[of[0]], (uint32_t)of[0], 0, SERVER_DRAIN), NULL);
	of[1] = 1 - of[0];
	clients[1] = rig_client();
	servers[1] = rig_accept((uint32_t)of[1]);
	of_s1.server = rig.servers[of[0]]->generation;
	no_more.server = of_s1.server + 100;
	assert_int_equal(rig_end(&no_more, END_SERVER_REMOVED), 0);
	no_more.server = 0;
	strcpy(no_more.backend_name, "another");
	assert_int_equal(rig_end(&no_more, END_SERVER_REMOVED), 0);
	strcpy(no_more.backend_name, "app");
	strcpy(no_more.server_name, "another");
	assert_int_equal(rig_end(&no_more, END_SERVER_REMOVED), 0);
	strcpy(of_s1.backend_name, "app");
	strcpy(of_s1.server_name, rig.servers[of[0]]->name);
	assert_int_equal(rig_end(&of_s1, END_SERVER_REMOVED), 1);
	rig_reads_reset(clients[0]);
	rig_reads_reset(servers[0]);
	rig_write(clients[1], "still here");
	rig_reads(servers[1], "still here");
	rig_logs(STATE("KD"));
	for (int i = 0; i < 2; i++) {
		close(clients[i]);
		close(servers[i]);
	}
}

static void
each_cause_has_its_letter(void **state)
{
	static const struct {
		enum end_cause	 cause;
		const char	*letters;
	} causes[] = {
		{ END_SERVER_DOWN, STATE("DD") },
		{ END_ACTIVE_BACK, STATE("UD") },
		{ END_ADMIN, STATE("KD") },
	};

	RIG(0);
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		int client, server;

		rig_pair(&client, &server);
		rig_write(client, "x");
		rig_reads(server, "x");
		assert_int_equal(rig_end(&all, causes[i].cause), 1);
		rig_logs(causes[i].letters);
		rig_reads_reset(client);
		rig_reads_reset(server);
		close(client);
		close(server);
	}
}

static void
a_stream_is_ended_by_its_id(void **state)
{
	struct session_filter one = { 0 };
	struct session_list *list;
	int a, b, server_a, server_b;

	RIG(0);
	rig_pair(&a, &server_a);
	rig_pair(&b, &server_b);
	list = rig_sessions(&all, 10);
	one.id = list->infos[1]->id;
	session_list_free(&list);
	assert_int_equal(rig_end(&one, END_ADMIN), 1);
	assert_int_equal(rig_end(&one, END_ADMIN), 0);
	rig_reads_reset(b);
	rig_write(a, "x");
	rig_reads(server_a, "x");
	close(a);
	close(b);
	close(server_a);
	close(server_b);
}

static void
a_waiting_stream_can_be_ended(void **state)
{
	int first, second, server;

	RIG(.threads = 2, .server_maxconn = 1);
	rig_pair(&first, &server);
	second = rig_client();
	rig_wait_until(rig_count(&all) == 2);
	assert_int_equal(rig_end(&all, END_ADMIN), 2);
	rig_reads_reset(second);
	rig_wait_until(engine_streams() == 0);
	close(first);
	close(second);
	close(server);
}

#define ONE(test)                                                           \
	{                                                                   \
		.name = #test, .test_func = test, .teardown_func = rig_stop \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(a_stream_is_described),
		ONE(states_before_the_server_are_told),
		ONE(pages_follow_one_another_without_gaps),
		ONE(a_long_walk_sees_every_stream_that_stays),
		ONE(a_source_is_compared_by_its_prefix),
		ONE(a_client_of_a_unix_socket_is_in_no_network),
		ONE(only_what_matches_is_ended),
		ONE(each_cause_has_its_letter),
		ONE(a_stream_is_ended_by_its_id),
		ONE(a_waiting_stream_can_be_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
