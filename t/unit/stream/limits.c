/*
 * maxconn of a frontend and of the process: accepting pauses and goes on; nobody is refused.
 */
#include "config.h"
#include "t/unit/stream/rig.h"
#include <sys/resource.h>
#include <unistd.h>

static void
close_both(int client, int server)
{
	close(client);
	close(server);
}

static void
pauses_and_goes_on(void)
{
	int client, server, waiting, late;

	rig_pair(&client, &server);
	waiting = rig_client();
	rig_write(waiting, "patient");
	assert_true(rig_is_silent(waiting, 100));
	assert_false(rig_has_connection(0));
	assert_int_equal(engine_streams(), 1);
	close_both(client, server);
	late = rig_accept(0);
	rig_reads(late, "patient");
	close_both(waiting, late);
	rig_wait_until(engine_streams() == 0);
}

static void
a_full_frontend_pauses_and_goes_on(void **state)
{
	RIG(.frontend_maxconn = 1);
	pauses_and_goes_on();
	pauses_and_goes_on();
}

static void
a_full_process_pauses_and_goes_on(void **state)
{
	RIG(.maxconn = 1);
	pauses_and_goes_on();
	pauses_and_goes_on();
}

static void
a_place_that_another_worker_gives_back_is_used(void **state)
{
	RIG(.threads = 4, .frontend_maxconn = 1, .maxconn = 1);
	for (int i = 0; i < 5; i++)
		pauses_and_goes_on();
}

/* Far more clients than places, over several workers: all are served, never too many at a time. */
static void
no_wake_up_is_lost(void **state)
{
	enum { CLIENTS = 300 };
	static int clients[CLIENTS];
	struct frontend_totals totals;

	RIG(.threads = 4, .frontend_maxconn = 3, .maxconn = 4);
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = rig_client();
	rig_serve_all(clients, CLIENTS);
	frontend_totals(rig.frontend, &totals);
	assert_int_equal(totals.max, 3);
	assert_int_equal(totals.sessions, CLIENTS);
}

/* A place is taken to try accept4(), and wake-ups for nothing are many: that is no connection. */
static void
max_counts_connections_that_were_accepted(void **state)
{
	struct frontend_totals totals;
	struct engine_totals process;

	RIG(.threads = 4);
	for (int i = 0; i < 40; i++) {
		int client, server;

		rig_pair(&client, &server);
		close_both(client, server);
		rig_wait_until(engine_streams() == 0);
	}
	frontend_totals(rig.frontend, &totals);
	engine_totals(&process);
	assert_int_equal(totals.max, 1);
	assert_int_equal(process.max, 1);
}

static void
a_higher_maxconn_of_the_process_holds_at_once(void **state)
{
	int client, server, second, late;

	RIG(.threads = 2, .maxconn = 1);
	rig_pair(&client, &server);
	second = rig_client();
	assert_true(rig_is_silent(second, 50));
	assert_false(rig_has_connection(0));
	engine_set_maxconn(2);
	late = rig_accept(0);
	close_both(client, server);
	close_both(second, late);
}

static void
a_higher_maxconn_of_the_frontend_holds_at_once(void **state)
{
	int client, server, second, late;

	RIG(.threads = 2, .frontend_maxconn = 1);
	rig_pair(&client, &server);
	second = rig_client();
	assert_true(rig_is_silent(second, 50));
	rig_publish(rig_frontend_item(rig.frontend, &rig.bind, 1, 2), NULL);
	late = rig_accept(0);
	close_both(client, server);
	close_both(second, late);
}

/* The lowest number that is free: with it as the limit none is. */
static rlim_t
descriptor_free(void)
{
	int fd = dup(0);

	assert_true(fd >= 0);
	close(fd);
	return (rlim_t)fd;
}

/* The limit is the test's too: it opens its sockets before. */
static void
no_descriptor_pauses_and_goes_on(void **state)
{
	struct rlimit before, now;
	int client, server;

	RIG(0);
	rig_hold(0);
	client = rig_client();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	now.rlim_cur = descriptor_free();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	rig_release(0);
	for (int i = 0; i < 50; i++)
		rig_turn();
	assert_int_equal(engine_streams(), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	server = rig_accept(0);
	close_both(client, server);
}

#define ONE(test)                                                           \
	{                                                                   \
		.name = #test, .test_func = test, .teardown_func = rig_stop \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(a_full_frontend_pauses_and_goes_on),
		ONE(a_full_process_pauses_and_goes_on),
		ONE(a_place_that_another_worker_gives_back_is_used),
		ONE(no_wake_up_is_lost),
		ONE(max_counts_connections_that_were_accepted),
		ONE(a_higher_maxconn_of_the_process_holds_at_once),
		ONE(a_higher_maxconn_of_the_frontend_holds_at_once),
		ONE(no_descriptor_pauses_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
