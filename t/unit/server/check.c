/*
 * Attempts of checks against sockets that accept, refuse, keep silent, speak in pieces, reset.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "t/unit/server/attempt_scene.h"

/* -- connecting -- */

static void
a_bare_connect_passes_and_the_program_never_hears_of_it(void **state)
{
	assert_string_equal(once(), "L4OK ");
	turn_for(20);
	assert_int_equal(peer.count, 0);
}

static void
a_refused_connect_says_so(void **state)
{
	struct addr addr;
	int fd = refusing_new(&addr);

	server_said()->address = addr;
	assert_string_equal(once(), "L4CON Connection refused");
	close(fd);
}

static void
the_step_that_is_refused_is_named(void **state)
{
	struct addr addr;
	char expected[128];
	int fd = refusing_new(&addr);

	steps_begin();
	step_connect((struct check_connect){ 0 }, NULL);
	step_connect((struct check_connect){ .port = addr_port(&addr) }, "second");
	steps_end();
	snprintf(expected, sizeof(expected),
		 "L4CON Connection refused at step 2 of tcp-check (connect port %u) comment: 'second'",
		 addr_port(&addr));
	assert_string_equal(once(), expected);
	close(fd);
}

static void
the_connect_that_goes_without_saying_is_called_the_initial_one(void **state)
{
	struct addr addr;
	int fd = refusing_new(&addr);

	server_said()->address = addr;
	steps_begin();
	step_send("x");
	steps_end();
	assert_string_equal(once(),
			    "L4CON Connection refused at initial connection step of tcp-check");
	close(fd);
}

/* Connects to `addr` until its line of those not accepted is full. */
static unsigned
fill(const struct addr *addr, int *fds, unsigned most)
{
	unsigned count = 0;

	while (count < most) {
		struct pollfd p = { .events = POLLOUT };

		fds[count] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(fds[count] >= 0);
		(void)connect(fds[count], &addr->sa, addr->len);
		p.fd = fds[count++];
		if (poll(&p, 1, 50) == 0)
			return count;
	}
	return count;
}

static void
who_does_not_answer_a_connect_times_out_within_inter(void **state)
{
	struct addr addr;
	int fd = listener_new(&addr), fds[8];
	unsigned count;

	assert_int_equal(listen(fd, 0), 0);
	count = fill(&addr, fds, 8);
	server_said()->address = addr;
	assert_string_equal(once(), "L4TOUT ");
	assert_in_range(verdict.duration_ms, 300, 3000);
	/* with timeout.check the connecting has its own time */
	backend->conf->timeout_check = 20000;
	assert_string_equal(once(), "L4TOUT ");
	assert_in_range(verdict.duration_ms, 300, 3000);
	server_said()->inter = 20000;
	backend->conf->timeout_connect = 100;
	assert_string_equal(once(), "L4TOUT ");
	assert_in_range(verdict.duration_ms, 100, 3000);
	while (count > 0)
		close(fds[--count]);
	close(fd);
}

static void
a_check_goes_to_its_own_address_and_port(void **state)
{
	struct addr addr;
	int fd = refusing_new(&addr);

	server_said()->address = addr;
	server_said()->check_port = addr_port(&peer.addr);
	assert_string_equal(once(), "L4OK ");
	server_said()->check_addr = peer.addr;	/* another one, but for the port */
	addr_set_port(&server_said()->check_addr, 0);
	server_said()->address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	assert_string_equal(once(), "L4OK ");
	/* what a step says counts more */
	steps_begin();
	step_connect((struct check_connect){ .port = addr_port(&addr) }, NULL);
	steps_end();
	assert_begins(once(), "L4CON");
	close(fd);
}

static void
a_unix_address_is_checked_too(void **state)
{
	struct addr addr = { 0 };
	char text[64];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(text, sizeof(text), "unix:@sluice-check-%d", (int)getpid());
	assert_int_equal(addr_parse(&addr, slice_of(text), 0, NULL), ERR_OK);
	server_said()->address = addr;
	assert_string_equal(once(), "L4CON Connection refused");
	assert_int_equal(bind(fd, &addr.sa, addr.len), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_string_equal(once(), "L4OK ");
	server_said()->check_port = 1;	/* there it has no meaning */
	assert_string_equal(once(), "L4OK ");
	close(fd);
}

static void
our_own_admin_listener_is_never_connected_to(void **state)
{
	server_said()->own_admin = true;
	assert_string_equal(once(), "L4CON its address is one of our own admin listeners");
}

static void
it_comes_from_the_servers_source_but_not_from_its_port(void **state)
{
	struct sockaddr_in from = { 0 };
	socklen_t len = sizeof(from);

	server_said()->source = peer.addr;	/* that port is taken */
	server_said()->source.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 2);
	steps_begin();
	step_send("x");
	step_expect("hello", NULL);
	steps_end();
	check_start(check, false);
	UNTIL(peer.heard_len > 0);
	assert_int_equal(getpeername(peer.conns[0], (struct sockaddr *)&from, &len), 0);
	assert_int_equal(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK + 2));
	/* of another family: not at all */
	check_stop(check);
	server_said()->source.sa.sa_family = AF_INET6;
	peer.manner = SAYS;
	assert_string_equal(once(), "L7OK (tcp-check)");
}

/* -- sending and reading -- */

static void
expect_hello(void)
{
	steps_begin();
	step_expect("hello", "greet");
	steps_end();
}

static void
what_comes_in_pieces_is_judged_as_a_whole(void **state)
{
	expect_hello();
	peer.manner = SAYS_IN_PIECES;
	assert_string_equal(once(), "L7OK (tcp-check)");
	assert_int_equal(judged_bytes, 5);
}

static void
who_keeps_silent_times_out_and_the_step_is_named(void **state)
{
	expect_hello();
	assert_string_equal(
		once(), "L7TOUT at step 1 of tcp-check (expect string 'hello') comment: 'greet'");
	assert_in_range(verdict.duration_ms, 300, 3000);
	peer.manner = SAYS;	/* too little */
	peer.says = "hel";
	assert_begins(once(), "L7TOUT");
	server_said()->inter = 20000;
	backend->conf->timeout_check = 100;
	assert_begins(once(), "L7TOUT");
	assert_in_range(verdict.duration_ms, 100, 3000);
}

static void
a_timeout_may_be_called_otherwise(void **state)
{
	expect_hello();
	steps->steps[1].expect.tout_status = CHECK_L4TOUT;
	assert_begins(once(), "L4TOUT");
}

static void
an_end_is_told_to_the_judge(void **state)
{
	expect_hello();
	peer.manner = SAYS_AND_CLOSES;
	assert_string_equal(once(), "L7OK (tcp-check)");
	peer.says = "hel";
	assert_begins(once(), "L7RSP TCPCHK did not match content 'hello'");
	assert_true(judged_at_end);
	assert_int_equal(judged_bytes, 3);
	peer.says = "";
	assert_begins(once(), "L7RSP TCPCHK got an empty response");
	assert_int_equal(judged_bytes, 0);
}

static void
a_reset_is_an_invalid_answer_at_once(void **state)
{
	steps_begin();
	step_send("x");
	step_expect("hello", NULL);
	steps_end();
	server_said()->inter = 20000;
	peer.manner = RESETS;
	assert_string_equal(once(), "L7RSP Connection reset by peer at step 2 of tcp-check "
				    "(expect string 'hello')");
	/* behind bytes it is an end like another */
	peer.manner = SAYS_AND_RESETS;
	peer.says = "hel";
	assert_begins(once(), "L7RSP TCPCHK did not match content 'hello'");
}

/* More than the socket takes at once: by the time that there is room the peer has answered, and gone. */
static void
what_was_said_counts_though_no_more_can_be_sent(void **state)
{
	static char much[8 * 1024 * 1024];

	memset(much, 'x', sizeof(much) - 1);
	steps_begin();
	step_send(much);
	step_send("y");
	step_expect("hello", NULL);
	steps_end();
	server_said()->inter = 20000;
	peer.manner = SAYS_AND_CLOSES;
	assert_string_equal(once(), "L7OK (tcp-check)");
	peer.manner = SAYS_AND_RESETS;
	assert_string_equal(once(), "L7OK (tcp-check)");
	peer.says = "hel";
	assert_begins(once(), "L7RSP");
	assert_int_equal(judged_bytes, 3);
	assert_true(judged_at_end);
	/* and where nothing was said there is nothing to be judged */
	peer.manner = RESETS;
	assert_string_equal(once(), "L7RSP Connection reset by peer at step 1 of tcp-check (send)");
	steps_begin();
	step_send(much);
	steps_end();
	peer.manner = SAYS_AND_RESETS;
	assert_string_equal(once(), "L7RSP Connection reset by peer at step 1 of tcp-check (send)");
}

static void
of_endless_bytes_so_many_are_judged_and_no_more(void **state)
{
	expect_hello();
	peer.manner = ENDLESS;
	assert_begins(once(), "L7RSP TCPCHK did not match content 'hello'");
	assert_int_equal(judged_bytes, CHECK_REPLY_BYTES);
	assert_true(judged_at_end);
}

static void
what_is_sent_last_is_enough(void **state)
{
	steps_begin();
	step_send("hel");
	step_send("lo");
	steps_end();
	assert_string_equal(once(), "L7OK (tcp-check)");
	UNTIL(peer.heard_len == 5);
	assert_memory_equal(peer.heard, "hello", 5);
	UNTIL(peer.was_reset);
}

static void
a_connection_may_end_with_a_fin(void **state)
{
	steps_begin();
	step_connect((struct check_connect){ .linger = true }, NULL);
	step_expect("hello", NULL);
	step_send("bye");
	steps_end();
	peer.manner = SAYS;
	assert_string_equal(once(), "L7OK (tcp-check)");
	UNTIL(peer.was_closed);
	assert_false(peer.was_reset);
	assert_memory_equal(peer.heard, "bye", 3);
}

static void
several_connections_are_one_check(void **state)
{
	steps_begin();
	step_connect((struct check_connect){ 0 }, NULL);
	step_send("one");
	step_expect("hello", NULL);
	step_connect((struct check_connect){ .linger = true }, NULL);
	step_expect("hello", NULL);
	step_send("two");
	steps_end();
	peer.manner = SAYS;
	assert_string_equal(once(), "L7OK (tcp-check)");
	UNTIL(peer.heard_len == 6);
	assert_memory_equal(peer.heard, "onetwo", 6);
	assert_int_equal(peer.count, 2);
}

static void
more_than_a_socket_takes_is_sent_in_parts(void **state)
{
	static char much[4 * 1024 * 1024];
	int small = 4096;

	memset(much, 'x', sizeof(much) - 1);
	assert_int_equal(setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	server_said()->inter = 10000;
	steps_begin();
	step_send(much);
	step_expect("hello", NULL);
	steps_end();
	check_start(check, false);
	while (peer.count == 0 || peer.said[0] == 0) {
		peer.heard_len = 0;
		if (peer.count > 0 && peer.manner == SILENT && check_is_under_way(check))
			peer.manner = SAYS;
		turn();
	}
	UNTIL((peer.heard_len = 0, told > 0));
	assert_int_equal(verdict.result, CHECK_L7OK);
}

/* -- the PROXY header -- */

static const char *
heard_by_check(void)
{
	peer.heard_len = 0;
	(void)once();
	turn_for(20);
	peer.heard[peer.heard_len] = '\0';
	return peer.heard;
}

static void
a_check_speaks_proxy_as_the_servers_connections_do(void **state)
{
	server_said()->send_proxy.version = 1;
	assert_begins(heard_by_check(), "PROXY TCP4 127.0.0.1 127.0.0.1 ");
	assert_int_equal(verdict.result, CHECK_L4OK);
	server_said()->send_proxy.version = 2;
	assert_memory_equal(heard_by_check(), "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);
	assert_int_equal(peer.heard_len, 16);
}

static void
elsewhere_it_does_so_only_if_it_is_told(void **state)
{
	server_said()->send_proxy.version = 2;
	server_said()->check_port = addr_port(&peer.addr);
	assert_string_equal(heard_by_check(), "");
	server_said()->check_send_proxy = true;
	assert_memory_equal(heard_by_check(), "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);
	server_said()->send_proxy.version = 0;
	assert_begins(heard_by_check(), "PROXY TCP4 ");
}

static void
a_connect_that_is_written_asks_for_the_header_itself(void **state)
{
	server_said()->send_proxy.version = 1;
	server_said()->check_send_proxy = true;
	steps_begin();
	step_connect((struct check_connect){ 0 }, NULL);
	step_send("x");
	steps_end();
	assert_string_equal(heard_by_check(), "x");
	steps_begin();
	step_connect((struct check_connect){ .send_proxy = true }, NULL);
	step_send("x");
	steps_end();
	assert_begins(heard_by_check(), "PROXY TCP4 ");
	assert_int_equal(peer.heard[peer.heard_len - 1], 'x');
}

/* -- agents -- */

static void
agent_start(const char *says, enum manner manner)
{
	struct check_conf *conf = NULL;
	unsigned before;

	check_free(&check);
	assert_int_equal(check_new(&check, server, CHECK_OF_AGENT), ERR_OK);
	assert_int_equal(check_conf_new_agent(&conf, SLICE("hi\n")), ERR_OK);
	check_conf_unref(&agent_steps);
	server_said()->agent_steps = agent_steps = conf;
	server_said()->agent_port = addr_port(&peer.addr);
	peer.says = says;
	peer.manner = manner;
	before = told_agent + told_silent;
	check_start(check, false);
	UNTIL(told_agent + told_silent > before);
	assert_int_equal(told, 0);
}

static void
an_agent_is_asked_and_its_line_understood(void **state)
{
	agent_start("drain 50%\n", SAYS_IN_PIECES);
	assert_int_equal(told_agent, 1);
	assert_int_equal(report.admin, AGENT_DRAIN);
	assert_int_equal(report.weight, 50);
	assert_memory_equal(peer.heard, "hi\n", 3);
}

static void
an_agent_that_says_nothing_known_is_as_good_as_silent(void **state)
{
	agent_start("bla\n", SAYS);
	assert_int_equal(told_silent, 1);
	assert_int_equal(verdict.result, CHECK_L7RSP);
}

static void
of_an_agent_each_word_counts_as_it_came(void **state)
{
	static char line[CHECK_REPLY_BYTES + 1];

	agent_start("fail #\\ \xc3\xa9 \"x\"\n", SAYS);
	assert_int_equal(told_agent, 1);
	assert_int_equal(report.health, AGENT_FAIL);
	assert_string_equal(report.reason, "\\x5C \\xC3\\xA9 \"x\"");
	assert_string_equal(verdict.detail, "fail #\\x5C \\xC3\\xA9 \"x\"");
	/* as much as HAProxy reads: 16384 bytes with the line's end */
	memset(line, ' ', sizeof(line) - 1);
	memcpy(line, "up", 2);
	memcpy(line + CHECK_REPLY_BYTES - 7, "maint\r\n", 7);
	agent_start(line, SAYS);
	assert_int_equal(told_agent, 2);
	assert_int_equal(report.health, AGENT_UP);
	assert_int_equal(report.admin, AGENT_MAINT);
	assert_int_equal(strlen(verdict.detail), CHECK_DETAIL_BYTES - 1);
}

/* HAProxy: CHECKED, which is what a report without a word becomes, see verdict.c. */
static void
an_agent_that_says_nothing_was_heard(void **state)
{
	static const char *const lines[] = { "\n", "\r\ndown\n", " ,\t\n", "#just so\n" };

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		agent_start(lines[i], SAYS);
		assert_int_equal(told_agent, i + 1);
		assert_int_equal(told_silent, 0);
		assert_false(agent_report_says(&report));
	}
	assert_string_equal(verdict.detail, "#just so");
}

static void
a_silent_agent_is_told_as_such(void **state)
{
	agent_start("", SILENT);
	assert_int_equal(told_silent, 1);
	assert_int_equal(verdict.result, CHECK_L7TOUT);
}

static void
an_agent_that_is_not_there_is_told_as_such(void **state)
{
	struct addr addr;
	int fd = refusing_new(&addr);

	close(peer.fd);
	peer.fd = fd;
	peer.addr = addr;
	agent_start("", SILENT);
	assert_int_equal(told_silent, 1);
	assert_int_equal(verdict.result, CHECK_L4CON);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CHECK_TEST(a_bare_connect_passes_and_the_program_never_hears_of_it),
		CHECK_TEST(a_refused_connect_says_so),
		CHECK_TEST(the_step_that_is_refused_is_named),
		CHECK_TEST(the_connect_that_goes_without_saying_is_called_the_initial_one),
		CHECK_TEST(who_does_not_answer_a_connect_times_out_within_inter),
		CHECK_TEST(a_check_goes_to_its_own_address_and_port),
		CHECK_TEST(a_unix_address_is_checked_too),
		CHECK_TEST(our_own_admin_listener_is_never_connected_to),
		CHECK_TEST(it_comes_from_the_servers_source_but_not_from_its_port),
		CHECK_TEST(what_comes_in_pieces_is_judged_as_a_whole),
		CHECK_TEST(who_keeps_silent_times_out_and_the_step_is_named),
		CHECK_TEST(a_timeout_may_be_called_otherwise),
		CHECK_TEST(an_end_is_told_to_the_judge),
		CHECK_TEST(a_reset_is_an_invalid_answer_at_once),
		CHECK_TEST(what_was_said_counts_though_no_more_can_be_sent),
		CHECK_TEST(of_endless_bytes_so_many_are_judged_and_no_more),
		CHECK_TEST(what_is_sent_last_is_enough),
		CHECK_TEST(a_connection_may_end_with_a_fin),
		CHECK_TEST(several_connections_are_one_check),
		CHECK_TEST(more_than_a_socket_takes_is_sent_in_parts),
		CHECK_TEST(a_check_speaks_proxy_as_the_servers_connections_do),
		CHECK_TEST(elsewhere_it_does_so_only_if_it_is_told),
		CHECK_TEST(a_connect_that_is_written_asks_for_the_header_itself),
		CHECK_TEST(an_agent_is_asked_and_its_line_understood),
		CHECK_TEST(an_agent_that_says_nothing_known_is_as_good_as_silent),
		CHECK_TEST(of_an_agent_each_word_counts_as_it_came),
		CHECK_TEST(an_agent_that_says_nothing_was_heard),
		CHECK_TEST(a_silent_agent_is_told_as_such),
		CHECK_TEST(an_agent_that_is_not_there_is_told_as_such),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
