/*
 * Time-outs: which one ends a silent stream, what counts as silence, and what follows.
 */
#include "config.h"
#include "t/unit/stream/rig.h"
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SHORT_MS 150

static void
sleep_ms(int ms)
{
	const struct timespec wait = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&wait, NULL);
}

/* How long the stream has been there when this comes back: after its end. */
static uint64_t
ends_after_ms(int fd)
{
	uint64_t from_ms = rig_now_ms();
	char byte;

	assert_true(recv(fd, &byte, 1, 0) <= 0);
	return rig_now_ms() - from_ms;
}

static void
a_silent_client_ends_the_stream(void **state)
{
	int client, server;

	RIG(.client = SHORT_MS);
	rig_pair(&client, &server);
	assert_in_range(ends_after_ms(client), SHORT_MS - 20, 5000);
	rig_reads_end(server);
	rig_logs(STATE("cD"));
	close(client);
	close(server);
}

static void
a_silent_server_ends_the_stream(void **state)
{
	int client, server;

	RIG(.server = SHORT_MS);
	rig_pair(&client, &server);
	assert_in_range(ends_after_ms(server), SHORT_MS - 20, 5000);
	rig_reads_end(client);
	rig_logs(STATE("sD"));
	close(client);
	close(server);
}

static void
the_client_is_blamed_first(void **state)
{
	int client, server;

	RIG(.client = SHORT_MS, .server = SHORT_MS);
	rig_pair(&client, &server);
	rig_reads_end(client);
	rig_logs(STATE("cD"));
	close(client);
	close(server);
}

static void
bytes_in_either_direction_keep_a_side_awake(void **state)
{
	int client, server;

	RIG(.client = SHORT_MS * 2, .server = SHORT_MS * 2);
	rig_pair(&client, &server);
	for (int i = 0; i < 6; i++) {
		sleep_ms(SHORT_MS);
		rig_write(server, "tick");
		rig_reads(client, "tick");
	}
	close(client);
	rig_reads_end(server);
	close(server);
	rig_logs(STATE("--"));
}

/* The client reads nothing: its side is silent although the server's bytes wait for it. */
static void
a_blocked_write_is_silence(void **state)
{
	static char filler[1 << 16];
	const int small = 16 * 1024;
	int client, server;

	RIG(.client = 400);
	rig_pair(&client, &server);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	while (send(server, filler, sizeof(filler), MSG_NOSIGNAL) > 0)
		;	/* ends when the stream was cut */
	rig_logs(STATE("cD"));
	rig_reads_reset(client);	/* bytes were under way: no regular end */
	close(client);
	close(server);
}

static void
a_tunnel_time_out_supersedes_the_others(void **state)
{
	int client, server;

	RIG(.client = 100, .server = 100, .tunnel = 500);
	rig_pair(&client, &server);
	assert_in_range(ends_after_ms(client), 450, 5000);
	rig_logs(STATE("cD"));
	close(client);
	close(server);
}

static void
a_server_gets_server_fin_when_the_client_has_ended(void **state)
{
	int client, server;

	RIG(.server_fin = SHORT_MS, .tunnel = 30000);
	rig_pair(&client, &server);
	rig_finish(client);
	rig_reads_end(server);
	assert_in_range(ends_after_ms(client), 0, 5000);
	rig_logs(STATE("sD"));
	close(client);
	close(server);
}

static void
a_client_gets_client_fin_when_the_server_has_ended(void **state)
{
	int client, server;

	RIG(.client_fin = SHORT_MS, .server_fin = 30000, .tunnel = 30000);
	rig_pair(&client, &server);
	rig_finish(server);
	rig_reads_end(client);
	assert_in_range(ends_after_ms(server), 0, 5000);
	rig_logs(STATE("cD"));
	close(client);
	close(server);
}

/* It has said all, and takes what comes: it is the other one's turn. */
static void
nobody_waits_for_a_side_that_has_ended(void **state)
{
	int client, server;

	RIG(.client = SHORT_MS, .client_fin = SHORT_MS);
	rig_pair(&client, &server);
	rig_finish(client);
	rig_reads_end(server);
	sleep_ms(SHORT_MS * 3);
	rig_write(server, "late");
	rig_reads(client, "late");
	close(server);
	rig_reads_end(client);
	close(client);
	rig_logs(STATE("--"));
}

static void
a_side_that_has_ended_must_take_what_comes(void **state)
{
	static char filler[1 << 16];
	const int small = 16 * 1024;
	int client, server;

	RIG(.client_fin = 400);
	rig_pair(&client, &server);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	rig_finish(client);
	while (send(server, filler, sizeof(filler), MSG_NOSIGNAL) > 0)
		;	/* ends when the stream was cut */
	rig_logs(STATE("cD"));
	rig_reads_reset(client);
	close(client);
	close(server);
}

static void
a_server_that_does_not_accept_in_time_is_given_up(void **state)
{
	int client;

	RIG(.connect = SHORT_MS);
	rig_origin_listen_short(0);
	client = rig_client();
	rig_reads_end(client);
	rig_logs(STATE("sC"));
	close(client);
}

static void
a_place_that_does_not_come_in_time_is_given_up(void **state)
{
	int first, server, second;

	RIG(.server_maxconn = 1, .queue = SHORT_MS);
	rig_pair(&first, &server);
	second = rig_client();
	rig_reads_end(second);
	rig_logs(STATE("sQ"));
	close(second);
	close(first);
	close(server);
}

static void
no_time_out_means_none(void **state)
{
	int client, server;

	RIG(.client = TIMEOUT_NONE, .server = TIMEOUT_NONE, .connect = TIMEOUT_NONE,
	    .client_fin = TIMEOUT_NONE, .server_fin = TIMEOUT_NONE, .queue = TIMEOUT_NONE);
	rig_pair(&client, &server);
	rig_finish(client);
	rig_reads_end(server);
	sleep_ms(SHORT_MS);
	rig_write(server, "x");
	rig_reads(client, "x");
	close(server);
	rig_reads_end(client);
	close(client);
	rig_logs(STATE("--"));
}

/* What came while the worker stood still for longer than the time-out is read before it judges. */
static void
a_time_out_is_judged_after_the_socket_was_read(void **state)
{
	int client, server;

	RIG(.client = SHORT_MS, .server = SHORT_MS);
	rig_pair(&client, &server);
	rig_hold(0);
	sleep_ms(SHORT_MS * 2);
	rig_write(client, "late?");
	rig_release(0);
	rig_reads(server, "late?");
	close(client);
	rig_reads_end(server);
	close(server);
	rig_logs(STATE("--"));
}

#define ONE(test)                                                           \
	{                                                                   \
		.name = #test, .test_func = test, .teardown_func = rig_stop \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(a_silent_client_ends_the_stream),
		ONE(a_silent_server_ends_the_stream),
		ONE(the_client_is_blamed_first),
		ONE(bytes_in_either_direction_keep_a_side_awake),
		ONE(a_blocked_write_is_silence),
		ONE(a_tunnel_time_out_supersedes_the_others),
		ONE(a_server_gets_server_fin_when_the_client_has_ended),
		ONE(a_client_gets_client_fin_when_the_server_has_ended),
		ONE(nobody_waits_for_a_side_that_has_ended),
		ONE(a_side_that_has_ended_must_take_what_comes),
		ONE(a_server_that_does_not_accept_in_time_is_given_up),
		ONE(a_place_that_does_not_come_in_time_is_given_up),
		ONE(no_time_out_means_none),
		ONE(a_time_out_is_judged_after_the_socket_was_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
