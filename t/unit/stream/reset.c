/*
 * Cuts: RST in every order, alone and behind data and FIN, before and after the first wake-up; as
 * the other side sees it and as the log tells it.
 */
#include "config.h"
#include "t/unit/stream/sides.h"
#include <sys/socket.h>
#include <unistd.h>

static void
an_rst_reaches_the_other_side_as_one(void **state)
{
	const struct side *side = *state;
	int doer, other;

	RIG(0);
	pair_of(side, &doer, &other);
	rig_reset(doer);
	rig_reads_reset(other);
	close(other);
	rig_logs(side->reset);
}

/*
 * Both sides in two streams at once, as each needs the tick that looks for such an RST: last words,
 * perhaps a FIN, and an RST in one wake-up.
 */
static void
last_words_and_an_rst_arrive(bool with_fin)
{
	int doers[2], others[2];

	RIG(0);
	for (int i = 0; i < 2; i++)
		pair_of(&sides[i], &doers[i], &others[i]);
	rig_hold(0);
	for (int i = 0; i < 2; i++) {
		rig_write(doers[i], "last words");
		if (with_fin)
			rig_finish(doers[i]);
		rig_reset(doers[i]);
	}
	rig_release(0);
	for (int i = 0; i < 2; i++) {
		rig_reads(others[i], "last words");
		rig_reads_reset(others[i]);
		close(others[i]);
	}
	rig_logs_both(sides[0].reset, sides[1].reset);
}

static void
data_and_an_rst_in_one_wake_up_both_arrive(void **state)
{
	last_words_and_an_rst_arrive(false);
}

static void
data_a_fin_and_an_rst_in_one_wake_up_are_data_and_an_rst(void **state)
{
	last_words_and_an_rst_arrive(true);
}

static void
a_fin_and_an_rst_in_one_wake_up_are_an_rst(void **state)
{
	const struct side *side = *state;
	int doer, other;

	RIG(0);
	pair_of(side, &doer, &other);
	rig_hold(0);
	rig_finish(doer);
	rig_reset(doer);
	rig_release(0);
	rig_reads_reset(other);
	close(other);
	rig_logs(side->reset);
}

/* The other side got a whole message with its end: it is not told of what came after. */
static void
an_rst_after_a_fin_that_was_carried_ends_the_stream(void **state)
{
	const struct side *side = *state;
	int doer, other;

	RIG(0);
	pair_of(side, &doer, &other);
	rig_finish(doer);
	rig_reads_end(other);
	rig_reset(doer);
	rig_logs(side->reset);
	close(other);
}

/* A server that answers before it has read all, and closes: HTTP's 413. */
static void
an_early_answer_arrives_though_the_server_resets(void **state)
{
	int client, server;

	RIG(0);
	rig_pair(&client, &server);
	rig_write(client, "a large body that nobody reads");
	rig_wait_until(!rig_is_silent(server, 0));
	rig_write(server, "413 too large");
	close(server);		/* with unread data: an RST */
	rig_reads(client, "413 too large");
	rig_reads_reset(client);
	close(client);
	rig_logs(STATE("SD"));
}

/* The client takes it slowly: an RST at once would throw away what is under way to it. */
static void
what_was_written_before_the_cut_arrives(void **state)
{
	static char filler[200 * 1024];
	const int small = 32 * 1024;
	int client, server;
	size_t got = 0;
	ssize_t n;

	RIG(0);
	rig_pair(&client, &server);
	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	assert_int_equal(send(server, filler, sizeof(filler), 0), sizeof(filler));
	rig_wait_until(rig_bytes_out() == sizeof(filler));
	rig_reset(server);
	rig_logs(STATE("SD"));
	while ((n = recv(client, filler, sizeof(filler), 0)) > 0)
		got += (size_t)n;
	assert_int_equal(n, -1);	/* and then the cut is seen */
	assert_int_equal(got, sizeof(filler));
	close(client);
}

static void
a_client_that_resets_while_its_server_is_awaited_ends_the_stream(void **state)
{
	int client;

	RIG(.connect = 30000);
	rig_origin_listen_short(0);
	client = rig_client();
	rig_wait_until(rig_count(&(struct session_filter){ 0 }) == 1);
	rig_reset(client);
	rig_logs(STATE("CC"));
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
		BOTH(an_rst_reaches_the_other_side_as_one),
		ONE(data_and_an_rst_in_one_wake_up_both_arrive),
		BOTH(a_fin_and_an_rst_in_one_wake_up_are_an_rst),
		ONE(data_a_fin_and_an_rst_in_one_wake_up_are_data_and_an_rst),
		BOTH(an_rst_after_a_fin_that_was_carried_ends_the_stream),
		ONE(an_early_answer_arrives_though_the_server_resets),
		ONE(what_was_written_before_the_cut_arrives),
		ONE(a_client_that_resets_while_its_server_is_awaited_ends_the_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
