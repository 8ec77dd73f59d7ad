/*
 * Binding: what is taken is refused, what is dead is replaced, what is ours is removed.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "net/bind.h"

static char folder[] = "/tmp/sluice-bind-XXXXXX";

static struct bind_conf
conf_of(const char *text)
{
	struct bind_conf conf = { 0 };

	assert_int_equal(addr_parse(&conf.address, slice_of(text), ADDR_ANY_PORT, NULL), ERR_OK);
	return conf;
}

static struct bind_conf
conf_of_file(const char *name)
{
	char text[ADDR_TEXT_BYTES];

	assert_true(snprintf(text, sizeof(text), "unix:%s/%s", folder, name) < ADDR_TEXT_BYTES);
	return conf_of(text);
}

static struct bind *
opens(const struct bind_conf *conf, uint32_t workers)
{
	struct bind *bind = NULL;
	struct diag diag = { "" };

	if (bind_open(&bind, conf, workers, &diag) != ERR_OK)
		fail_msg("%s", diag.text);
	return bind;
}

static void
is_taken(const struct bind_conf *conf)
{
	struct bind *bind = NULL;
	struct diag diag = { "" };

	assert_int_equal(bind_open(&bind, conf, 2, &diag), ERR_EXISTS);
	assert_null(bind);
	assert_non_null(strstr(diag.text, "bind"));
}

static bool
is_reached(const struct addr *addr)
{
	int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool reached;

	assert_true(fd >= 0);
	reached = connect(fd, &addr->sa, addr->len) == 0;
	close(fd);
	return reached;
}

static void
port_0_is_one_port_for_all_workers(void **state)
{
	struct bind_conf conf = conf_of("127.0.0.1:0");
	struct bind *bind = opens(&conf, 3);
	struct addr address;

	assert_true(addr_port(bind_address(bind)) != 0);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(addr_of_socket(&address, bind_fd(bind, i)), ERR_OK);
		assert_true(addr_equals(&address, bind_address(bind)));
	}
	assert_true(bind_fd(bind, 0) != bind_fd(bind, 1));
	assert_true(is_reached(bind_address(bind)));
	bind_release(&bind);
	assert_null(bind);
	assert_false(is_reached(&address));
}

static void
an_address_that_listens_is_taken_even_with_reuseport(void **state)
{
	struct bind_conf conf = conf_of("127.0.0.1:0"), same;
	struct bind *bind = opens(&conf, 2);

	same = (struct bind_conf){ .address = *bind_address(bind) };
	is_taken(&same);
	bind_release(&bind);
	bind = opens(&same, 2);
	bind_release(&bind);
}

static void
ipv6_is_bound(void **state)
{
	struct bind_conf conf = conf_of("[::1]:0");
	struct bind *bind = opens(&conf, 2);

	assert_true(is_reached(bind_address(bind)));
	bind_release(&bind);
}

static void
an_address_that_is_not_ours_is_an_error_with_its_text(void **state)
{
	struct bind_conf conf = conf_of("192.0.2.1:8080");
	struct bind *bind = NULL;
	struct diag diag = { "" };

	assert_int_equal(bind_open(&bind, &conf, 2, &diag), ERR_SYSTEM);
	assert_non_null(strstr(diag.text, "192.0.2.1:8080: Cannot assign requested address"));
}

static void
a_unix_socket_is_shared_has_its_mode_and_is_removed(void **state)
{
	struct bind_conf conf = conf_of_file("shared");
	struct bind *bind;
	struct stat st;

	conf.mode = 0620;
	bind = opens(&conf, 3);
	assert_int_equal(bind_fd(bind, 0), bind_fd(bind, 2));
	assert_int_equal(stat(conf.address.un.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0620);
	assert_true(is_reached(&conf.address));
	is_taken(&conf);
	bind_hold(bind);
	bind_release(&(struct bind *){ bind });
	assert_true(is_reached(&conf.address));
	bind_release(&bind);
	assert_int_equal(stat(conf.address.un.sun_path, &st), -1);
}

static void
a_dead_unix_socket_is_replaced(void **state)
{
	struct bind_conf conf = conf_of_file("dead");
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct bind *replacement;

	assert_int_equal(bind(fd, &conf.address.sa, conf.address.len), 0);
	close(fd);
	replacement = opens(&conf, 1);
	assert_true(is_reached(&conf.address));
	bind_release(&replacement);
}

static void
a_file_that_is_no_socket_is_left_alone(void **state)
{
	struct bind_conf conf = conf_of_file("precious");
	FILE *file = fopen(conf.address.un.sun_path, "w");
	struct stat st;

	assert_non_null(file);
	fclose(file);
	is_taken(&conf);
	assert_int_equal(stat(conf.address.un.sun_path, &st), 0);
	assert_int_equal(unlink(conf.address.un.sun_path), 0);
}

static void
a_successors_file_is_not_removed(void **state)
{
	struct bind_conf conf = conf_of_file("moved");
	struct bind *old = opens(&conf, 1), *new;

	assert_int_equal(unlink(conf.address.un.sun_path), 0);
	new = opens(&conf, 1);
	bind_release(&old);
	assert_true(is_reached(&conf.address));
	bind_release(&new);
}

static void
the_longest_path_is_bound(void **state)
{
	struct bind_conf conf = conf_of_file("x");
	struct bind *bind;
	size_t len = strlen(conf.address.un.sun_path);

	memset(conf.address.un.sun_path + len, 'y', sizeof(conf.address.un.sun_path) - 1 - len);
	conf.address.un.sun_path[sizeof(conf.address.un.sun_path) - 1] = '\0';
	conf.address.len = sizeof(conf.address.un);
	bind = opens(&conf, 1);
	assert_true(is_reached(&conf.address));
	bind_release(&bind);
}

static void
an_abstract_name_is_bound(void **state)
{
	char text[64];
	struct bind_conf conf;
	struct bind *bind;

	(void)snprintf(text, sizeof(text), "unix:@sluice-bind-%d", (int)getpid());
	conf = conf_of(text);
	bind = opens(&conf, 2);
	assert_true(is_reached(&conf.address));
	is_taken(&conf);
	bind_release(&bind);
	assert_false(is_reached(&conf.address));
}

static void
a_bind_knows_what_it_was_configured_with(void **state)
{
	struct bind_conf conf = conf_of("127.0.0.1:0"), other;
	struct bind *bind = opens(&conf, 1);

	assert_true(bind_matches(bind, &conf));
	other = conf;
	other.backlog = 7;
	assert_true(bind_matches(bind, &other));	/* that can be changed */
	other = (struct bind_conf){ .address = *bind_address(bind) };
	assert_false(bind_matches(bind, &other));	/* port 0 is what was asked for */
	bind_release(&bind);
}

/* Does one configured with `text` and this bind's port have a part of it? */
static bool
overlaps(const struct bind *bind, const char *text)
{
	struct bind_conf conf = conf_of(text);

	addr_set_port(&conf.address, addr_port(bind_address(bind)));
	return bind_overlaps(bind, &conf);
}

static void
addresses_overlap_where_one_is_all(void **state)
{
	struct bind_conf one = conf_of("127.0.0.1:0"), all = conf_of("0.0.0.0:0");
	struct bind *bind = opens(&one, 1);

	assert_true(overlaps(bind, "127.0.0.1:0"));
	assert_true(overlaps(bind, "0.0.0.0:0"));
	assert_true(overlaps(bind, "[::]:0"));
	assert_false(overlaps(bind, "127.0.0.2:0"));
	assert_false(overlaps(bind, "[::1]:0"));
	assert_false(bind_overlaps(bind, &one));	/* another port */
	bind_release(&bind);
	bind = opens(&all, 1);
	assert_true(overlaps(bind, "127.0.0.1:0"));
	assert_false(overlaps(bind, "[::1]:0"));
	bind_release(&bind);
}

static void
what_overlaps_is_opened_beside(void **state)
{
	struct bind_conf one = conf_of("127.0.0.1:0"), all = conf_of("0.0.0.0:0");
	struct bind *narrow = opens(&one, 2), *wide;

	one.address = all.address = *bind_address(narrow);
	all.address.in.sin_addr.s_addr = htonl(INADDR_ANY);
	is_taken(&all);
	all.is_shared = true;
	wide = opens(&all, 2);
	bind_release(&narrow);
	assert_true(is_reached(&one.address));
	bind_release(&wide);
}

static void
the_permissions_of_a_file_follow(void **state)
{
	struct bind_conf conf = conf_of_file("permissions");
	const char *path = conf.address.un.sun_path;
	mode_t unset = umask(022);
	struct bind *bind = opens(&conf, 1);
	struct stat st;

	(void)umask(unset);
	bind_set_mode(bind, 0600);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	bind_set_mode(bind, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	bind_release(&bind);
}

static void
workers_may_close_their_own_sockets(void **state)
{
	struct bind_conf conf = conf_of("127.0.0.1:0"), file = conf_of_file("closing");
	struct bind *bind = opens(&conf, 2), *shared = opens(&file, 2);
	struct addr address = *bind_address(bind);

	bind_close_on(bind, 0);
	bind_close_on(shared, 0);
	assert_true(is_reached(&address));
	assert_true(is_reached(&file.address));
	bind_close_on(shared, 0);	/* once more: nothing is left to do */
	assert_true(is_reached(&file.address));
	bind_close_on(bind, 1);
	bind_close_on(shared, 1);
	assert_false(is_reached(&address));
	assert_false(is_reached(&file.address));
	bind_release(&bind);
	bind_release(&shared);
}

static int
accepts(const struct bind *bind, uint32_t worker)
{
	return accept(bind_fd(bind, worker), NULL, NULL);
}

static int
connects(const struct addr *addr)
{
	int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &addr->sa, addr->len), 0);
	return fd;
}

static void
has_one_in_its_queue(const struct bind *bind)
{
	int fd = accepts(bind, 0);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(accepts(bind, 0), -1);
}

static void
a_file_that_its_last_user_leaves_keeps_its_queue_and_refuses(void **state)
{
	struct bind_conf conf = conf_of_file("left"), name = conf_of("unix:@sluice-test-left");
	struct bind *binds[] = { opens(&conf, 2), opens(&name, 2) }, *next;

	for (int i = 0; i < 2; i++) {
		const struct addr address = *bind_address(binds[i]);
		int waiting = connects(&address);

		bind_leave(binds[i]);
		assert_true(bind_is_ending(binds[i]));
		assert_false(is_reached(&address));
		has_one_in_its_queue(binds[i]);
		close(waiting);
	}
	assert_true(bind_is_closing(&name));
	next = opens(&conf, 2);	/* beside the one that has not closed */
	bind_release_left(&binds[0]);
	bind_release_left(&binds[1]);
	assert_false(bind_is_closing(&name));
	assert_true(is_reached(&conf.address));
	bind_release(&next);
}

static void
a_socket_that_refuses_new_ones_keeps_its_queue(void **state)
{
	struct bind_conf conf = conf_of("127.0.0.1:0");
	struct bind *bind = opens(&conf, 1);
	const struct addr address = *bind_address(bind);
	int waiting = connects(&address);
	int late = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(bind_refuse_new(bind, 0));
	assert_int_equal(connect(late, &address.sa, address.len), -1);
	has_one_in_its_queue(bind);
	bind_close_on(bind, 0);
	assert_false(is_reached(&address));
	close(late);
	close(waiting);
	bind_release(&bind);
}

static void
one_that_is_ending_is_not_found_but_ours(void **state)
{
	struct bind_conf conf = conf_of("127.0.0.1:0"), same = { 0 };
	struct bind *any = opens(&conf, 2), *bind, *held, *next;

	same.address = *bind_address(any);
	assert_null(bind_find(&same));	/* it was asked for any port */
	bind_release(&any);
	bind = held = opens(&same, 2);
	assert_ptr_equal(bind_find(&same), bind);
	bind_hold(held);
	bind_release(&held);
	assert_ptr_equal(bind_find(&same), bind);
	bind_leave(bind);
	assert_null(bind_find(&same));
	same.is_shared = bind_is_ours(&same);
	assert_true(same.is_shared);
	next = opens(&same, 2);
	assert_ptr_equal(bind_find(&same), next);
	bind_release_left(&bind);
	bind_release(&next);
	assert_false(bind_is_ours(&same));
}

static void
what_no_worker_closes_is_cut_off(void **state)
{
	struct bind_conf conf = conf_of("127.0.0.1:0");
	struct bind *bind = opens(&conf, 2);
	const struct addr address = *bind_address(bind);

	bind_leave(bind);
	bind_close_on(bind, 0);
	assert_true(is_reached(&address));
	bind_cut_off(bind);
	assert_false(is_reached(&address));
	bind_release_left(&bind);
}

static int
make_folder(void **state)
{
	return mkdtemp(folder) == NULL;
}

static int
remove_folder(void **state)
{
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_0_is_one_port_for_all_workers),
		cmocka_unit_test(an_address_that_listens_is_taken_even_with_reuseport),
		cmocka_unit_test(ipv6_is_bound),
		cmocka_unit_test(an_address_that_is_not_ours_is_an_error_with_its_text),
		cmocka_unit_test(a_unix_socket_is_shared_has_its_mode_and_is_removed),
		cmocka_unit_test(a_dead_unix_socket_is_replaced),
		cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
		cmocka_unit_test(a_successors_file_is_not_removed),
		cmocka_unit_test(the_longest_path_is_bound),
		cmocka_unit_test(an_abstract_name_is_bound),
		cmocka_unit_test(a_bind_knows_what_it_was_configured_with),
		cmocka_unit_test(addresses_overlap_where_one_is_all),
		cmocka_unit_test(what_overlaps_is_opened_beside),
		cmocka_unit_test(the_permissions_of_a_file_follow),
		cmocka_unit_test(workers_may_close_their_own_sockets),
		cmocka_unit_test(a_file_that_its_last_user_leaves_keeps_its_queue_and_refuses),
		cmocka_unit_test(a_socket_that_refuses_new_ones_keeps_its_queue),
		cmocka_unit_test(one_that_is_ending_is_not_found_but_ours),
		cmocka_unit_test(what_no_worker_closes_is_cut_off),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
