/*
 * Regular ends: FIN in every order, with data and without, carried from side to side.
 */
#include "config.h"
#include "t/unit/stream/sides.h"
#include <unistd.h>

static void
bytes_go_both_ways(void **state)
{
	int client, server;

	RIG(0);
	rig_pair(&client, &server);
	rig_write(client, "question");
	rig_reads(server, "question");
	rig_write(server, "answer");
	rig_reads(client, "answer");
	close(client);
	rig_reads_end(server);
	close(server);
	rig_logs(STATE("--"));
}

static void
a_server_may_speak_first(void **state)
{
	int client, server;

	RIG(0);
	rig_pair(&client, &server);
	rig_write(server, "220 ready");
	rig_reads(client, "220 ready");
	close(server);
	rig_reads_end(client);
	close(client);
	rig_logs(STATE("--"));
}

static void
a_half_close_of_the_client_leaves_the_answer_open(void **state)
{
	int client, server;

	RIG(0);
	rig_pair(&client, &server);
	rig_write(client, "all of it");
	rig_finish(client);
	rig_reads(server, "all of it");
	rig_reads_end(server);
	rig_write(server, "late answer");
	rig_reads(client, "late answer");
	close(server);
	rig_reads_end(client);
	close(client);
	rig_logs(STATE("--"));
}

static void
a_half_close_of_the_server_leaves_the_request_open(void **state)
{
	int client, server;

	RIG(0);
	rig_pair(&client, &server);
	rig_finish(server);
	rig_reads_end(client);
	rig_write(client, "more");
	rig_reads(server, "more");
	close(client);
	rig_reads_end(server);
	close(server);
	rig_logs(STATE("--"));
}

static void
a_client_that_said_all_before_it_was_accepted_is_served(void **state)
{
	int client, server;

	RIG(0);
	rig_hold(0);
	client = rig_client();
	rig_write(client, "early");
	rig_finish(client);
	rig_release(0);
	server = rig_accept(0);
	rig_reads(server, "early");
	rig_reads_end(server);
	rig_write(server, "answer");
	close(server);
	rig_reads(client, "answer");
	rig_reads_end(client);
	close(client);
	rig_logs(STATE("--"));
}

static void
data_and_a_fin_in_one_wake_up_arrive(void **state)
{
	const struct side *side = *state;
	int doer, other;

	RIG(0);
	pair_of(side, &doer, &other);
	rig_hold(0);
	rig_write(doer, "last words");
	rig_finish(doer);
	rig_release(0);
	rig_reads(other, "last words");
	rig_reads_end(other);
	close(other);
	rig_reads_end(doer);
	close(doer);
	rig_logs(STATE("--"));
}

static void
both_sides_may_finish_at_once(void **state)
{
	int client, server;

	RIG(0);
	rig_pair(&client, &server);
	rig_write(client, "x");
	rig_reads(server, "x");
	rig_hold(0);
	rig_finish(client);
	rig_finish(server);
	rig_release(0);
	rig_reads_end(client);
	rig_reads_end(server);
	close(client);
	close(server);
	rig_logs(STATE("--"));
}

static void
a_client_that_finishes_while_its_server_is_awaited_is_served(void **state)
{
	int client, server;

	RIG(.retries = 1000, .connect = 50);
	rig_origin_close(0);
	client = rig_client();
	rig_write(client, "patience");
	rig_finish(client);
	rig_wait_until(rig_retries() >= 2);
	rig_origin_reopen(0);
	server = rig_accept(0);
	rig_reads(server, "patience");
	rig_reads_end(server);
	rig_write(server, "answer");
	close(server);
	rig_reads(client, "answer");
	rig_reads_end(client);
	close(client);
	rig_logs(STATE("--"));
}

#define ON(test, i)                                                          \
	{                                                                    \
		.name = #test, .test_func = test, .teardown_func = rig_stop, \
		.initial_state = (void *)&sides[i]                           \
	}
#define BOTH(test) ON(test, 0), ON(test, 1)
#define ONE(test)                                                           \
	{                                                                   \
		.name = #test, .test_func = test, .teardown_func = rig_stop \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(bytes_go_both_ways),
		ONE(a_server_may_speak_first),
		ONE(a_half_close_of_the_client_leaves_the_answer_open),
		ONE(a_half_close_of_the_server_leaves_the_request_open),
		ONE(a_client_that_said_all_before_it_was_accepted_is_served),
		BOTH(data_and_a_fin_in_one_wake_up_arrive),
		ONE(both_sides_may_finish_at_once),
		ONE(a_client_that_finishes_while_its_server_is_awaited_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
