/*
 * Listeners: TCP and Unix, their files, and what happens at the limits.
 */
#include "config.h"
#include "rig.h"
#include <sys/resource.h>
#include <sys/un.h>

static char dir[64];

static int
dir_setup(void **state)
{
	strcpy(dir, "/tmp/sluice-listener-XXXXXX");
	assert_non_null(mkdtemp(dir));
	rig_open(NULL);
	return 0;
}

static int
dir_teardown(void **state)
{
	rig_close();
	assert_int_equal(rmdir(dir), 0);
	return 0;
}

static struct addr
socket_at(const char *name)
{
	struct addr addr;
	char text[ADDR_TEXT_BYTES];

	snprintf(text, sizeof(text), "unix:%s/%s", dir, name);
	assert_int_equal(addr_parse(&addr, slice_of(text), 0, NULL), ERR_OK);
	return addr;
}

/* The error's words, "" when it opens. Static memory. */
static const char *
trouble_at(const struct addr *addr)
{
	static struct diag diag;
	struct http_listener *listener = NULL;

	diag.text[0] = '\0';
	if (http_listener_open(&listener, addr, 0, &diag) == ERR_OK)
		assert_string_equal(diag.text, "");
	http_listener_close(&listener);
	return diag.text;
}

static unsigned
mode_of(const struct addr *addr)
{
	struct stat st;

	assert_int_equal(lstat(addr->un.sun_path, &st), 0);
	return st.st_mode & 07777;
}

static void
port_0_becomes_a_real_one(void **state)
{
	assert_true(addr_port(http_listener_address(rig.listener)) > 0);
	assert_says(trouble_at(http_listener_address(rig.listener)), "Address already in use");
}

static void
ipv6_works(void **state)
{
	struct http_listener *listener = rig_listen("[::1]:0", 0);
	struct client c;

	client_open_at(&c, http_listener_address(listener));
	client_send(&c, "GET /v1/echo HTTP/1.1\r\nHost: [::1]\r\n\r\n");
	client_await(&c, "\"peer\":\"[::1]:");
	client_close(&c);
	http_listener_close(&listener);
}

static void
a_unix_socket_has_its_mode_and_knows_who_comes(void **state)
{
	struct addr addr = socket_at("admin.sock");
	struct http_listener *listener = NULL;
	struct client c;
	char peer[64];

	umask(077);
	assert_int_equal(http_listener_open(&listener, &addr, 0660, NULL), ERR_OK);
	umask(022);
	http_listener_start(rig.http, listener);
	assert_int_equal(mode_of(&addr), 0660);
	client_open_at(&c, &addr);
	client_send(&c, "PUT /v1/echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}");
	snprintf(peer, sizeof(peer), "\"peer\":\"unix uid %u\"", (unsigned)getuid());
	client_await(&c, peer);
	http_listener_close(&listener);
	assert_int_equal(access(addr.un.sun_path, F_OK), -1);
	client_forget(&c);
	client_send(&c, "GET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
	client_await(&c, peer);		/* what was accepted lives on */
	client_close(&c);
}

static void
the_mode_is_0600_when_nobody_says_otherwise(void **state)
{
	struct addr addr = socket_at("admin.sock");
	struct http_listener *listener = NULL;

	assert_int_equal(http_listener_open(&listener, &addr, 0, NULL), ERR_OK);
	assert_int_equal(mode_of(&addr), 0600);
	http_listener_close(&listener);
}

static void
a_stale_socket_is_replaced(void **state)
{
	struct addr addr = socket_at("admin.sock");
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, &addr.sa, addr.len), 0);
	close(fd);
	assert_int_equal(access(addr.un.sun_path, F_OK), 0);
	assert_string_equal(trouble_at(&addr), "");
	assert_int_equal(access(addr.un.sun_path, F_OK), -1);
}

static void
a_live_socket_is_refused_and_left_alone(void **state)
{
	struct addr addr = socket_at("admin.sock");
	struct http_listener *listener = NULL;

	assert_int_equal(http_listener_open(&listener, &addr, 0, NULL), ERR_OK);
	http_listener_start(rig.http, listener);
	assert_says(trouble_at(&addr), "another program listens there");
	assert_int_equal(access(addr.un.sun_path, F_OK), 0);
	http_listener_close(&listener);
}

static void
a_file_that_is_no_socket_is_refused_and_left_alone(void **state)
{
	struct addr addr = socket_at("admin.sock");
	int fd = open(addr.un.sun_path, O_CREAT | O_WRONLY, 0600);

	close(fd);
	assert_says(trouble_at(&addr), "a file that is no socket");
	assert_int_equal(unlink(addr.un.sun_path), 0);
}

static void
a_folder_that_is_not_there_is_named(void **state)
{
	struct addr addr = socket_at("nowhere/admin.sock");

	assert_says(trouble_at(&addr), "nowhere/admin.sock: bind: No such file or directory");
}

static void
closing_leaves_a_file_that_is_anothers(void **state)
{
	struct addr addr = socket_at("admin.sock");
	struct http_listener *first = NULL, *second = NULL;

	assert_int_equal(http_listener_open(&first, &addr, 0, NULL), ERR_OK);
	assert_int_equal(unlink(addr.un.sun_path), 0);
	assert_int_equal(http_listener_open(&second, &addr, 0, NULL), ERR_OK);
	http_listener_close(&first);
	assert_int_equal(access(addr.un.sun_path, F_OK), 0);
	http_listener_close(&second);
}

static void
an_abstract_socket_works(void **state)
{
	struct http_listener *listener;
	struct client c;
	char text[100];

	snprintf(text, sizeof(text), "unix:@sluice-test-%d", (int)getpid());
	listener = rig_listen(text, 0);
	client_open_at(&c, http_listener_address(listener));
	client_send(&c, "GET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
	client_await(&c, "\"bytes\":0");
	client_close(&c);
	http_listener_close(&listener);
}

static void
what_waits_in_the_queue_is_served_when_a_listener_closes(void **state)
{
	struct client c;

	client_open(&c);
	client_send(&c, "GET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
	http_listener_close(&rig.listener);	/* before the loop saw the client */
	client_await(&c, "\"bytes\":0");
	client_close(&c);
}

static void
the_server_may_end_before_its_listeners(void **state)
{
	http_server_free(&rig.http);
	rig_turn_for(10);
}

static void
beyond_the_limit_of_connections_is_503(void **state)
{
	const struct http_limits limits = { 5000, 5000, 5000, 3, 1000, 1000 };
	struct client in[3], out;
	int i;

	rig_open(&limits);
	for (i = 0; i < 3; i++)
		client_open(&in[i]);
	rig_await(rig_counts().connections_current == 3);
	client_open(&out);
	client_send(&out, "GET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
	client_await_end(&out);
	assert_says(out.in.at, "HTTP/1.1 503 ");
	assert_says(out.in.at, "too many connections");
	assert_int_equal(rig_counts().refused, 1);
	client_close(&out);
	client_close(&in[0]);
	rig_await(rig_counts().connections_current == 2);
	assert_says(ask("GET /v1/echo HTTP/1.1\r\n" HOST BYE), " 200 ");
	for (i = 1; i < 3; i++)
		client_close(&in[i]);
	rig_close();
}

static void
an_idle_connection_makes_room(void **state)
{
	const struct http_limits limits = { 5000, 5000, 5000, 3, 1000, 1000 };
	struct client in[3], next;
	int i;

	rig_open(&limits);
	for (i = 0; i < 3; i++)
		client_open(&in[i]);
	for (i = 2; i >= 0; i--) {
		client_send(&in[i], i == 0 ? "GET /v1/later HTTP/1.1\r\n" HOST "\r\n"
					   : "GET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
		rig_await(i == 0 ? rig.kept_count == 1 : client_has(&in[i], "\"bytes\":0"));
		rig_turn_for(5);
	}
	client_open(&next);
	client_send(&next, "GET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
	client_await(&next, " 200 ");
	client_await_end(&in[2]);	/* idle for longest */
	client_read(&in[1]);
	assert_false(in[1].ended);
	client_close(&next);
	for (i = 0; i < 3; i++)
		client_close(&in[i]);
	call_problem(rig.kept[0], 503, NULL, "late");
	rig_close();
}

/* Accept fails; the listener rests instead of spinning, and comes back. */
static void
without_descriptors_it_waits(void **state)
{
	struct rlimit limit, none;
	struct client c;
	uint64_t turns;

	client_open(&c);
	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	turns = rig.loop->turns;
	rig_turn_for(60);
	assert_in_range(rig.loop->turns - turns, 0, 150);
	setrlimit(RLIMIT_NOFILE, &limit);
	client_send(&c, "GET /v1/echo HTTP/1.1\r\n" HOST "\r\n");
	client_await(&c, "\"bytes\":0");
	client_close(&c);
}

#define dir_test(name) cmocka_unit_test_setup_teardown(name, dir_setup, dir_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(port_0_becomes_a_real_one),
		rig_test(ipv6_works),
		dir_test(a_unix_socket_has_its_mode_and_knows_who_comes),
		dir_test(the_mode_is_0600_when_nobody_says_otherwise),
		dir_test(a_stale_socket_is_replaced),
		dir_test(a_live_socket_is_refused_and_left_alone),
		dir_test(a_file_that_is_no_socket_is_refused_and_left_alone),
		dir_test(a_folder_that_is_not_there_is_named),
		dir_test(closing_leaves_a_file_that_is_anothers),
		rig_test(an_abstract_socket_works),
		rig_test(what_waits_in_the_queue_is_served_when_a_listener_closes),
		rig_test(the_server_may_end_before_its_listeners),
		cmocka_unit_test(beyond_the_limit_of_connections_is_503),
		cmocka_unit_test(an_idle_connection_makes_room),
		rig_test(without_descriptors_it_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
