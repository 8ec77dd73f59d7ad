/*
 * Connections to servers: closed by their server, where it moves or goes, and by their owners; those
 * that are private.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "server/agent.h"
#include "server/check.h"
#include "t/unit/server/pool_scene.h"

static void
an_idle_one_is_closed_when_its_server_closes(void **state)
{
	lay(0, 2);
	assert_int_equal(shutdown(peers[0], SHUT_WR), 0);
	wait_for_idle(1);
	assert_int_equal(pool()->shared, 1);
	sock_reset(peers[1]);
	peers[1] = -1;
	wait_for_idle(0);
	assert_null(take(HTTP_REUSE_ALWAYS, true));
	assert_pool(0, 0);
}

static void
an_idle_one_is_closed_when_its_server_says_something(void **state)
{
	lay(0, 1);
	assert_int_equal(send(peers[0], "HTTP/1.1 408 \r\n\r\n", 17, 0), 17);
	wait_for_idle(0);
	assert_string_equal(seen(), "r");
}

static void
one_with_something_to_read_is_not_kept(void **state)
{
	struct server_conn *talks = open_one(), *closed = open_one();

	assert_int_equal(send(peers[0], "x", 1, 0), 1);
	assert_int_equal(shutdown(peers[1], SHUT_WR), 0);
	while (!talks->conn.readable || !closed->conn.closed_seen)
		scene_turn();
	pool_give(talks);
	pool_give(closed);
	assert_pool(0, 0);
	assert_string_equal(seen(), "ff");
}

static void
one_that_only_may_have_something_to_read_is_kept(void **state)
{
	struct server_conn *sc = open_one();

	sc->conn.readable = true; /* the last read ended where the answer did */
	pool_give(sc);
	assert_pool(0, 1);
	assert_false(sc->conn.readable);
}

static void
maintenance_closes_idle_ones_and_busy_ones_when_they_are_done(void **state)
{
	struct server_conf conf = keeping(), maint = keeping();
	struct server_conn *busy = open_one(), *late;

	lay(0, 1);
	lay(1, 1);
	maint.admin = SERVER_MAINT;
	publish(maint);
	assert_pool(1, 0);
	assert_string_equal(seen(), "off");
	assert_false(wheel_timer_is_set(&pool()->purge));
	late = open_one(); /* a stream's that had chosen it before */
	pool_give(late);
	assert_pool(1, 0);
	publish(conf);
	pool_give(busy);
	assert_pool(0, 0);
	assert_string_equal(seen(), "ffff");
	lay(0, 1);
	assert_pool(0, 1);
}

static void
drain_and_a_weight_leave_them(void **state)
{
	struct server_conf conf = keeping();

	lay(0, 1);
	conf.weight = 7;
	publish(conf);
	conf.admin = SERVER_DRAIN;
	publish(conf);
	assert_pool(0, 1);
}

/* It has no weight to lose, so nothing else would tell the workers. */
static void
a_server_that_falls_while_it_drains_loses_them(void **state)
{
	const struct check_verdict verdict = { .result = CHECK_L7OK };
	const struct agent_report down = { .health = AGENT_DOWN };
	struct server_conf conf = keeping();

	checks_finish(); /* nobody asks an agent */
	conf.admin = SERVER_DRAIN;
	conf.agent_check = true;
	publish(conf);
	lay(0, 1);
	assert_pool(0, 1);
	server_on_agent(server, &verdict, &down);
	scene_settle();
	assert_pool(0, 0);
}

static void
our_own_admin_listener_gets_none(void **state)
{
	struct server_conf conf = keeping();

	lay(0, 1);
	conf.own_admin = true;
	publish(conf);
	assert_pool(0, 0);
}

static void
a_new_address_closes_what_goes_to_the_old_one(void **state)
{
	struct server_conf conf = keeping();
	struct server_conn *busy = open_one();

	lay(0, 2);
	conf.address = addresses[1];
	publish(conf);
	assert_pool(1, 0);
	pool_give(busy);
	assert_pool(0, 0);
	busy = open_to(0, 1, 0);
	pool_give(busy);
	assert_pool(0, 1);
	assert_string_equal(seen(), "fffo");
}

static void
so_do_a_new_source_and_the_proxy_protocol(void **state)
{
	struct server_conf conf = keeping();

	lay(0, 1);
	conf.send_proxy.version = 2;
	publish(conf);
	assert_pool(0, 0);
	lay(0, 1);
	conf.send_proxy.options = PROXY_SEND_CRC32C;
	publish(conf);
	assert_pool(0, 0);
	lay(0, 1);
	conf.source = addresses[0];
	addr_set_port(&conf.source, 0);
	publish(conf);
	assert_pool(0, 0);
	lay(0, 1);
	assert_pool(0, 1);
}

static void
a_server_that_goes_takes_its_idle_ones_with_it(void **state)
{
	struct server_conn *busy = open_one();
	struct server_slot *slot = server_slot(server, 0);

	lay(0, 2);
	lay(1, 1);
	snap_ref(&slot->ref); /* the busy one's stream */
	scene_retire(server);
	assert_string_equal(seen(), "offf");
	assert_pool(1, 0);
	assert_false(wheel_timer_is_set(&slot->pool.purge));
	pool_give(busy);
	assert_pool(0, 0);
	assert_false(wheel_timer_is_set(&slot->pool.purge));
	loop_adopt(scene_workers[0]);
	snap_unref(&slot->ref);
	loop_adopt(scene_control);
	assert_string_equal(seen(), "ffff");
}

static void
a_worker_that_stops_keeps_none(void **state)
{
	lay(0, 2);
	assert_true(pool_give_own(open_one(), &losses, on_lost));
	pool_close_all(server_slot(server, 0));
	assert_pool(0, 0);
	assert_int_equal(losses, 1);
	lay(0, 1);
	assert_pool(0, 0);
	assert_string_equal(seen(), "ffff");
}

static void
a_private_one_is_for_its_client_alone(void **state)
{
	struct server_conn *sc = open_one();

	assert_true(pool_give_own(sc, &losses, on_lost));
	assert_pool(0, 1);
	assert_null(take(HTTP_REUSE_ALWAYS, true));
	pool_take_own(sc, &wakes, on_wake);
	assert_pool(1, 0);
	assert_int_equal(sc->uses, 2);
	sc->is_private = true;
	pool_give(sc);
	assert_pool(0, 0);
	assert_int_equal(losses, 0);
	assert_string_equal(seen(), "f");
}

static void
neither_limit_nor_purge_closes_private_ones(void **state)
{
	struct server_conf conf = keeping();

	conf.pool_max_conn = 1;
	publish(conf);
	for (int i = 0; i < 3; i++)
		assert_true(pool_give_own(open_one(), &losses, on_lost));
	assert_false(wheel_timer_is_set(&pool()->purge));
	lay(0, 1); /* they count: there is no room for this one */
	assert_pool(0, 3);
	purge();
	publish(conf);
	assert_pool(0, 3);
	assert_int_equal(losses, 0);
}

static void
its_client_is_told_when_a_private_one_is_lost(void **state)
{
	struct server_conf conf = keeping();

	assert_true(pool_give_own(open_one(), &losses, on_lost));
	assert_true(pool_give_own(open_one(), &losses, on_lost));
	assert_int_equal(shutdown(peers[0], SHUT_WR), 0);
	wait_for_idle(1);
	assert_int_equal(losses, 1);
	conf.admin = SERVER_MAINT;
	publish(conf);
	assert_int_equal(losses, 2);
	assert_pool(0, 0);
}

static void
a_client_may_close_another_private_one_when_it_loses_one(void **state)
{
	struct server_conf conf = keeping();
	struct server_conn *a = open_one(), *b = open_one();

	assert_true(pool_give_own(a, &losses, on_lost));
	assert_true(pool_give_own(b, &losses, on_lost));
	private_one = a; /* b, the newer, is closed first */
	conf.address = addresses[1];
	publish(conf);
	assert_null(private_one);
	assert_int_equal(losses, 1);
	assert_pool(0, 0);
	assert_true(pool_give_own(a = open_to(0, 1, 0), &losses, on_lost));
	private_one = a; /* the one that is being lost: it is left alone */
	publish(keeping());
	assert_null(private_one);
	assert_int_equal(losses, 2);
	assert_string_equal(seen(), "fff");
}

static void
busy_and_idle_ones_may_be_closed_cut_or_forgotten(void **state)
{
	struct server_conn *busy = open_one(), *cut = open_one(), *taken = open_one();
	struct server_conn *lying = open_one(), *own = open_one();
	int fd = conn_take(&taken->conn);

	pool_give(lying);
	assert_true(pool_give_own(own, &losses, on_lost));
	assert_pool(3, 2);
	server_conn_close(&busy);
	server_conn_reset(&cut);
	server_conn_forget(&taken);
	assert_pool(0, 2);
	server_conn_reset(&lying);
	server_conn_close(&own);
	assert_pool(0, 0);
	assert_int_equal(pool()->shared, 0);
	assert_int_equal(losses, 0);
	assert_null(taken);
	assert_string_equal(seen(), "frorf");
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		POOL_TEST(an_idle_one_is_closed_when_its_server_closes),
		POOL_TEST(an_idle_one_is_closed_when_its_server_says_something),
		POOL_TEST(one_with_something_to_read_is_not_kept),
		POOL_TEST(one_that_only_may_have_something_to_read_is_kept),
		POOL_TEST(maintenance_closes_idle_ones_and_busy_ones_when_they_are_done),
		POOL_TEST(drain_and_a_weight_leave_them),
		POOL_TEST(our_own_admin_listener_gets_none),
		POOL_TEST(a_server_that_falls_while_it_drains_loses_them),
		POOL_TEST(a_new_address_closes_what_goes_to_the_old_one),
		POOL_TEST(so_do_a_new_source_and_the_proxy_protocol),
		POOL_TEST(a_server_that_goes_takes_its_idle_ones_with_it),
		POOL_TEST(a_worker_that_stops_keeps_none),
		POOL_TEST(a_private_one_is_for_its_client_alone),
		POOL_TEST(neither_limit_nor_purge_closes_private_ones),
		POOL_TEST(its_client_is_told_when_a_private_one_is_lost),
		POOL_TEST(a_client_may_close_another_private_one_when_it_loses_one),
		POOL_TEST(busy_and_idle_ones_may_be_closed_cut_or_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
