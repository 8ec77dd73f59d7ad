/*
 * Frontends and their binds changed while streams run; servers taken away under them; stopping.
 */
#include "config.h"
#include "t/unit/stream/rig.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "stream/frontend_priv.h"

static void
talks(int client, int server)
{
	rig_write(client, "to");
	rig_reads(server, "to");
	rig_write(server, "fro");
	rig_reads(client, "fro");
}

static void
close_both(int client, int server)
{
	close(client);
	close(server);
}

static bool
is_refused(const struct addr *to)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool refused;

	assert_true(fd >= 0);
	refused = connect(fd, &to->sa, to->len) != 0 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

static void
a_kept_bind_keeps_its_sockets_and_its_streams(void **state)
{
	int before, served, after, late, waiting;

	RIG(.threads = 2);
	rig_pair(&before, &served);
	rig_hold(0);
	rig_hold(1);
	waiting = rig_client();		/* in the queue while the change is made */
	rig_release(0);
	rig_release(1);
	rig_publish(rig_frontend_item(rig.frontend, &rig.bind, 1, 0), NULL);
	talks(before, served);
	late = rig_accept(0);
	talks(waiting, late);
	close_both(waiting, late);
	rig_pair(&after, &late);
	talks(after, late);
	close_both(before, served);
	close_both(after, late);
}

static void
a_bind_that_is_taken_away_is_accepted_empty_and_refuses(void **state)
{
	struct addr address = rig_loopback(), old = { 0 };
	struct bind *bind;
	int running, served, waiting, late;

	RIG(0);
	old = rig.address;
	rig_pair(&running, &served);
	bind = rig_bind_open(&address);
	rig_hold(0);
	waiting = rig_client();		/* the worker does not know of it yet */
	rig_release(0);
	rig_publish(rig_frontend_item(rig.frontend, &bind, 1, 0), NULL);
	rig.address = *bind_address(bind);
	bind_release(&bind);
	late = rig_accept(0);
	talks(waiting, late);
	talks(running, served);		/* it still has the old conf */
	assert_true(is_refused(&old));
	close_both(waiting, late);
	close_both(running, served);
	rig_pair(&running, &served);
	talks(running, served);
	close_both(running, served);
	rig_wait_until(engine_streams() == 0);
}

static void
a_port_can_be_used_again_as_soon_as_it_was_let_go(void **state)
{
	struct addr address, other = rig_loopback();
	struct bind *bind, *again;
	int running, served;

	RIG(.threads = 2);
	rig_pair(&running, &served);
	address = rig.address;
	bind = rig_bind_open(&other);
	rig_publish(rig_frontend_item(rig.frontend, &bind, 1, 0), NULL);
	again = rig_bind_open(&address);	/* though a stream of the old conf runs */
	rig_publish(rig_frontend_item(rig.frontend, &again, 1, 0), NULL);
	bind_release(&bind);
	bind_release(&again);
	talks(running, served);
	close_both(running, served);
	rig_pair(&running, &served);
	talks(running, served);
	close_both(running, served);
}

/* How many sockets listen at this IPv4 address's port. */
static uint32_t
listening_at(const struct addr *address)
{
	FILE *table = fopen("/proc/net/tcp", "re");
	uint32_t count = 0;
	unsigned port, state;
	char line[256];

	assert_non_null(table);
	while (fgets(line, sizeof(line), table) != NULL) {
		if (sscanf(line, " %*u: %*x:%x %*x:%*x %x", &port, &state) == 2 &&
		    port == addr_port(address) && state == TCP_LISTEN)
			count++;
	}
	assert_int_equal(fclose(table), 0);
	return count;
}

static void
on_acked(void *arg)
{
	*(bool *)arg = true;
}

/* rig_publish() of one item that does not wait. */
static void
publish_unacked(struct publish_item *item, bool *acked)
{
	struct publication *p = NULL;

	assert_int_equal(publication_new(&p), ERR_OK);
	publication_add(p, item);
	publication_send(p);
	publication_seal(p, on_acked, acked);
}

static void
a_worker_that_stands_still_keeps_its_own_socket_open_and_not_for_long(void **state)
{
	struct addr old, other = rig_loopback();
	struct bind *bind;
	bool acked = false;
	int client, server;

	RIG(.threads = 2);
	old = rig.address;
	bind = rig_bind_open(&other);
	rig_hold(1);
	frontend_cut_off_ms = 300;
	publish_unacked(rig_frontend_item(rig.frontend, &bind, 1, 0), &acked);
	frontend_cut_off_ms = 2000;
	rig_wait_until(listening_at(&old) == 1);
	assert_false(is_refused(&old));
	rig_wait_until(listening_at(&old) == 0);
	assert_true(is_refused(&old));
	assert_false(acked);
	rig_release(1);
	rig_wait_until(acked);
	rig.address = *bind_address(bind);
	bind_release(&bind);
	rig_wait_until(engine_streams() == 0);
	rig_pair(&client, &server);
	talks(client, server);
	close_both(client, server);
}

/* The frontend's bind goes, with so many in its queue that it takes several turns. */
static struct publish_item *
leave_long_queue(int *clients, uint32_t count)
{
	struct addr other = rig_loopback();
	struct bind *bind = rig_bind_open(&other);
	struct publish_item *item = rig_frontend_item(rig.frontend, &bind, 1, 0);

	bind_release(&bind);
	rig_hold(0);
	for (uint32_t i = 0; i < count; i++)
		clients[i] = rig_client();
	return item;
}

static void
a_long_queue_is_accepted_to_its_end(void **state)
{
	struct publish_item *item;
	int clients[600];

	RIG(.server_maxconn = 1, .maxqueue = 1000);
	item = leave_long_queue(clients, 600);
	rig_release(0);
	rig_publish(item, NULL);
	rig_serve_all(clients, 600);
	assert_true(is_refused(&rig.address));
}

static void
stopping_accepts_the_rest_of_a_long_queue(void **state)
{
	bool acked = false, idle = false;
	int clients[600];

	RIG(.server_maxconn = 1, .maxqueue = 1000);
	publish_unacked(leave_long_queue(clients, 600), &acked);
	engine_on_idle(on_acked, &idle);
	engine_stop_listening();
	rig_release(0);
	rig_serve_all(clients, 600);
	rig_wait_until(idle);
	assert_true(acked);
}

static void
a_bind_may_move_to_another_frontend(void **state)
{
	struct addr address = rig_loopback();
	struct frontend *other = NULL;
	struct publish_item *retire = NULL;
	struct bind *bind = rig.bind, *own;
	int client, server;

	RIG(.threads = 2);
	bind = rig.bind;
	own = rig_bind_open(&address);
	assert_int_equal(frontend_new(&other, "other"), ERR_OK);
	rig_publish(rig_frontend_item(rig.frontend, &own, 1, 0),
		    rig_frontend_item(other, &bind, 1, 0), NULL);
	bind_release(&own);
	rig_pair(&client, &server);
	talks(client, server);
	close_both(client, server);
	rig_logs("\"frontend\":\"other\"");
	assert_int_equal(frontend_retire_new(&retire, other), ERR_OK);
	rig_publish(retire, NULL);
}

static void
several_binds_of_one_frontend_name_themselves_in_the_log(void **state)
{
	struct addr address = rig_loopback();
	struct bind *binds[2];
	char text[ADDR_TEXT_BYTES + 16], name[ADDR_TEXT_BYTES];
	int client, server;

	RIG(0);
	binds[1] = rig.bind;
	binds[0] = rig_bind_open(&address);
	rig_publish(rig_frontend_item(rig.frontend, binds, 2, 0), NULL);
	for (int i = 0; i < 2; i++) {
		rig.address = *bind_address(binds[i]);
		rig_pair(&client, &server);
		talks(client, server);
		close_both(client, server);
		(void)snprintf(text, sizeof(text), "\"bind\":\"%s\"",
			       addr_format(&rig.address, name));
		rig_logs(text);
	}
	bind_release(&binds[0]);
}

static void
a_server_that_is_deleted_keeps_its_streams(void **state)
{
	struct publish_item *item = NULL;
	int client, server, next;

	RIG(.servers = 2);
	rig_pair(&client, &server);
	assert_int_equal(server_retire_new(&item, rig.servers[0], NULL), ERR_OK);
	rig.servers[0] = NULL;
	rig_publish(item, NULL);
	talks(client, server);
	next = rig_client();
	close_both(next, rig_accept(1));
	talks(client, server);
	close_both(client, server);
	rig_logs("\"server\":\"s2\"");
	rig_logs("\"server\":\"s1\"");
}

static void
a_server_whose_address_changes_keeps_its_streams(void **state)
{
	int client, server, next, other;

	RIG(.servers = 2);
	rig_publish(rig_server_item(rig.servers[1], 1, 0, SERVER_MAINT), NULL);
	rig_pair(&client, &server);
	rig_publish(rig_server_item(rig.servers[0], 1, 0, SERVER_READY), NULL);
	next = rig_client();
	other = rig_accept(1);
	talks(next, other);
	talks(client, server);
	close_both(client, server);
	close_both(next, other);
}

static void
on_idle(void *arg)
{
	*(bool *)arg = true;
}

static void
stopping_accepts_the_queue_empty_and_waits_for_the_last_stream(void **state)
{
	bool idle = false;
	int client, server, waiting, late;

	RIG(.threads = 2);
	rig_pair(&client, &server);
	rig_hold(0);
	rig_hold(1);
	waiting = rig_client();
	engine_on_idle(on_idle, &idle);
	engine_stop_listening();
	rig_release(0);
	rig_release(1);
	late = rig_accept(0);
	talks(waiting, late);
	rig_wait_until(is_refused(&rig.address));
	talks(client, server);
	assert_false(idle);
	close_both(client, server);
	close_both(waiting, late);
	rig_wait_until(idle);
}

static void
stopping_without_streams_is_idle_at_once(void **state)
{
	bool idle = false;

	RIG(.threads = 2, .unix_client = true);
	engine_stop_listening();
	engine_on_idle(on_idle, &idle);
	rig_wait_until(idle);
}

static void
a_frontend_published_after_stopping_does_not_listen(void **state)
{
	struct addr address = rig_loopback();
	struct bind *bind;
	bool idle = false;

	RIG(.threads = 2);
	engine_on_idle(on_idle, &idle);
	engine_stop_listening();
	rig_wait_until(idle);
	bind = rig_bind_open(&address);
	address = *bind_address(bind);
	rig_publish(rig_frontend_item(rig.frontend, &bind, 1, 0), NULL);
	bind_release(&bind);
	assert_true(is_refused(&address));
}

/* engine_stop() with streams that run and one that waits: in the teardown. */
static void
the_end_cuts_what_still_runs(void **state)
{
	int client, server, waiting;

	RIG(.threads = 2, .server_maxconn = 1);
	rig_pair(&client, &server);
	waiting = rig_client();
	rig_wait_until(engine_streams() == 2);
	rig_stop_at_once();
	rig_reads_reset(client);
	rig_reads_reset(server);
	rig_reads_reset(waiting);
	close_both(client, server);
	close(waiting);
}

static int
stopped_already(void **state)
{
	return 0;
}

#define ONE(test)                                                           \
	{                                                                   \
		.name = #test, .test_func = test, .teardown_func = rig_stop \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(a_kept_bind_keeps_its_sockets_and_its_streams),
		ONE(a_bind_that_is_taken_away_is_accepted_empty_and_refuses),
		ONE(a_port_can_be_used_again_as_soon_as_it_was_let_go),
		ONE(a_worker_that_stands_still_keeps_its_own_socket_open_and_not_for_long),
		ONE(a_long_queue_is_accepted_to_its_end),
		ONE(stopping_accepts_the_rest_of_a_long_queue),
		ONE(a_bind_may_move_to_another_frontend),
		ONE(several_binds_of_one_frontend_name_themselves_in_the_log),
		ONE(a_server_that_is_deleted_keeps_its_streams),
		ONE(a_server_whose_address_changes_keeps_its_streams),
		ONE(stopping_accepts_the_queue_empty_and_waits_for_the_last_stream),
		ONE(stopping_without_streams_is_idle_at_once),
		ONE(a_frontend_published_after_stopping_does_not_listen),
		{ .name = "the_end_cuts_what_still_runs",
		  .test_func = the_end_cuts_what_still_runs,
		  .teardown_func = stopped_already },
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
