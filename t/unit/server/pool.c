/*
 * Connections to servers: opened, kept, taken again, limited and purged.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <netinet/tcp.h>
#include "t/unit/server/pool_scene.h"

static void
what_is_given_is_taken_again_and_wakes_its_new_owner(void **state)
{
	struct server_conn *sc = open_one();

	assert_pool(1, 0);
	assert_int_equal(sc->uses, 1);
	pool_give(sc);
	assert_pool(0, 1);
	assert_null(sc->owner);
	wakes = 0;
	assert_ptr_equal(take(HTTP_REUSE_SAFE, false), sc);
	assert_int_equal(sc->uses, 2);
	assert_pool(1, 0);
	assert_int_equal(send(peers[0], "x", 1, 0), 1);
	while (wakes == 0)
		scene_turn();
	assert_true(sc->conn.readable);
	server_conn_close(&sc);
	assert_null(sc);
	assert_pool(0, 0);
}

static void
never_takes_nothing_and_safe_nothing_for_a_first_request(void **state)
{
	struct server_conn *sc;

	lay(0, 1);
	assert_null(take(HTTP_REUSE_NEVER, false));
	assert_null(take(HTTP_REUSE_NEVER, true));
	assert_null(take(HTTP_REUSE_SAFE, true));
	sc = take(HTTP_REUSE_SAFE, false);
	assert_non_null(sc);
	server_conn_close(&sc);
}

static void
aggressive_takes_for_a_first_request_what_was_reused_before(void **state)
{
	struct server_conn *reused, *other;

	lay(0, 1);
	assert_null(take(HTTP_REUSE_AGGRESSIVE, true));
	reused = take(HTTP_REUSE_AGGRESSIVE, false);
	assert_non_null(reused);
	other = open_one();
	pool_give(reused);
	pool_give(other); /* newer, but nothing is known of it */
	assert_ptr_equal(take(HTTP_REUSE_AGGRESSIVE, true), reused);
	assert_null(take(HTTP_REUSE_AGGRESSIVE, true));
	assert_ptr_equal(take(HTTP_REUSE_AGGRESSIVE, false), other);
	server_conn_close(&reused);
	server_conn_close(&other);
}

static void
always_takes_any_for_a_first_request(void **state)
{
	struct server_conn *sc;

	lay(0, 1);
	sc = take(HTTP_REUSE_ALWAYS, true);
	assert_non_null(sc);
	server_conn_close(&sc);
}

static void
the_last_given_is_taken_first(void **state)
{
	struct server_conn *a = open_one(), *b = open_one(), *c = open_one();

	pool_give(b);
	pool_give(a);
	pool_give(c);
	assert_ptr_equal(take(HTTP_REUSE_SAFE, false), c);
	assert_ptr_equal(take(HTTP_REUSE_SAFE, false), a);
	assert_ptr_equal(take(HTTP_REUSE_SAFE, false), b);
	assert_null(take(HTTP_REUSE_SAFE, false));
	assert_pool(3, 0);
	pool_give(a);
	pool_give(b);
	pool_give(c);
	assert_ptr_equal(take(HTTP_REUSE_ALWAYS, true), c);
	server_conn_close(&c);
}

static void
a_connection_of_another_key_is_not_taken(void **state)
{
	struct server_conn *seven = open_to(0, 0, 7), *none = open_one();

	pool_give(seven);
	pool_give(none);
	assert_ptr_equal(
		pool_take(server_slot(server, 0), HTTP_REUSE_ALWAYS, true, 7, &wakes, on_wake),
		seven);
	assert_null(pool_take(server_slot(server, 0), HTTP_REUSE_ALWAYS, true, 7, &wakes, on_wake));
	server_conn_close(&seven);
}

static void
a_worker_does_not_take_what_another_holds(void **state)
{
	lay(1, 1);
	assert_int_equal(idle(), 1);
	assert_null(take(HTTP_REUSE_ALWAYS, true));
}

static void
after_max_reuse_times_it_is_closed(void **state)
{
	struct server_conf conf = keeping();
	struct server_conn *sc = open_one();

	conf.max_reuse = 2;
	publish(conf);
	for (int i = 0; i < 2; i++) {
		pool_give(sc);
		assert_ptr_equal(take(HTTP_REUSE_SAFE, false), sc);
	}
	pool_give(sc);
	assert_pool(0, 0);
	assert_string_equal(seen(), "f");
}

static void
pool_max_conn_holds_over_all_workers(void **state)
{
	struct server_conf conf = keeping();

	conf.pool_max_conn = 2;
	publish(conf);
	lay(0, 1);
	lay(1, 1);
	lay(1, 1); /* is over its need, too */
	assert_int_equal(idle(), 2);
	lay(0, 3);
	assert_int_equal(idle(), 2);
	assert_int_equal(pool()->shared, 1);
	assert_int_equal(pool()->used, 0);
}

static void
a_lower_pool_max_conn_closes_what_is_too_many(void **state)
{
	struct server_conf conf = keeping();

	lay(0, 4);
	lay(1, 2);
	conf.pool_max_conn = 4;
	publish(conf);
	assert_int_equal(idle(), 4);
	assert_string_equal(seen(), "ffoooo");
	conf.pool_max_conn = 0;
	publish(conf);
	assert_int_equal(idle(), 0);
	assert_false(wheel_timer_is_set(&pool()->purge));
	lay(0, 1);
	assert_pool(0, 0);
	assert_string_equal(seen(), "fffffff");
}

static void
a_conf_of_zeros_keeps_none(void **state)
{
	struct server_conn *sc;

	lay(0, 2);
	publish((struct server_conf){ .address = addresses[0] });
	assert_pool(0, 0);
	sc = open_one();
	pool_give(sc);
	assert_pool(0, 0);
	assert_false(pool_give_own(open_one(), &losses, on_lost));
	assert_int_equal(losses, 0);
	assert_string_equal(seen(), "ffff");
}

static void
clients_who_come_once_leave_no_more_than_were_served_at_a_time(void **state)
{
	struct server_conf conf = keeping();

	for (int i = 0; i < 10; i++) {
		assert_null(take(HTTP_REUSE_SAFE, true));
		lay(0, 1);
	}
	assert_pool(0, 1);
	lay(0, 3);
	assert_pool(0, 3);
	conf.pool_low_conn = 5;
	publish(conf);
	for (int i = 0; i < 10; i++)
		lay(0, 1);
	assert_pool(0, 5);
}

static void
a_purge_closes_half_of_what_nobody_needed_the_oldest_first(void **state)
{
	struct server_conn *sc;

	lay(0, 8);
	purge(); /* eight were busy at once */
	assert_string_equal(seen(), "oooooooo");
	sc = take(HTTP_REUSE_SAFE, false);
	pool_give(sc);
	purge(); /* one was: of seven, four go */
	assert_string_equal(seen(), "ffffoooo");
	purge(); /* none was: of four, two */
	assert_string_equal(seen(), "ffffffoo");
	sc = take(HTTP_REUSE_SAFE, false);
	purge(); /* one is busy: none was busy besides, of one, one */
	assert_string_equal(seen(), "fffffffo");
	assert_false(wheel_timer_is_set(&pool()->purge));
	pool_give(sc);
	purge();
	assert_pool(0, 1);
	purge();
	assert_string_equal(seen(), "ffffffff");
	assert_pool(0, 0);
	assert_false(wheel_timer_is_set(&pool()->purge));
}

static void
between_purges_their_number_does_not_grow_beyond_the_need(void **state)
{
	lay(0, 8);
	purge();
	purge(); /* of eight, four */
	assert_pool(0, 4);
	for (int i = 0; i < 3; i++)
		lay(0, 1); /* first requests, each its own */
	assert_pool(0, 4);
	lay(0, 6);
	assert_pool(0, 6);
}

static void
the_oldest_is_found_whether_it_was_reused_or_not(void **state)
{
	struct server_conn *a = open_one(), *b = open_one(), *c = open_one();

	pool_give(b);
	assert_ptr_equal(take(HTTP_REUSE_SAFE, false), b);
	pool_give(a);
	pool_give(b);
	pool_give(c);
	a->idle_ms -= 20;
	b->idle_ms -= 10;
	purge(); /* three were busy */
	purge(); /* of three, two: one from each list */
	assert_string_equal(seen(), "ffo");
}

static void
pool_low_conn_of_a_worker_survive_purges(void **state)
{
	struct server_conf conf = keeping();

	conf.pool_low_conn = 3;
	publish(conf);
	lay(0, 6);
	for (int i = 0; i < 6; i++)
		purge();
	assert_pool(0, 3);
	assert_string_equal(seen(), "fffooo");
}

static void
without_a_purge_delay_only_private_ones_are_kept(void **state)
{
	struct server_conf conf = keeping();

	lay(0, 2);
	assert_true(pool_give_own(open_one(), &losses, on_lost));
	conf.pool_purge_delay = 0;
	publish(conf);
	assert_false(wheel_timer_is_set(&pool()->purge));
	lay(0, 1);
	assert_true(pool_give_own(open_one(), &losses, on_lost));
	assert_pool(0, 2); /* the private ones */
	assert_string_equal(seen(), "ffofo");
}

static void
the_timer_is_left_alone_while_connections_come_and_go(void **state)
{
	struct server_conf conf = keeping();
	struct server_conn *sc;
	uint64_t at_ms;

	assert_false(wheel_timer_is_set(&pool()->purge));
	sc = open_one();
	assert_false(wheel_timer_is_set(&pool()->purge));
	pool_give(sc);
	at_ms = pool()->purge.at_ms;
	for (int i = 0; i < 5; i++) {
		scene_workers[0]->now_ms += 100;
		assert_ptr_equal(take(HTTP_REUSE_SAFE, false), sc);
		assert_true(wheel_timer_is_set(&pool()->purge));
		pool_give(sc);
		assert_int_equal(pool()->purge.at_ms, at_ms);
	}
	conf.pool_purge_delay = 60 * DELAY_MS;
	publish(conf);
	assert_true(pool()->purge.at_ms > at_ms + DELAY_MS);
}

static void
what_cannot_be_opened_leaves_nothing(void **state)
{
	static const char nowhere[] = "unix:/nowhere/at/all";
	struct server_conf conf = keeping();
	int result = 0;

	assert_int_equal(addr_parse(&conf.address, slice_of(nowhere), 0, NULL), ERR_OK);
	publish(conf);
	assert_null(server_conn_open(server_slot(server, 0), scene_workers[0], 0, &wakes, on_wake,
				     &result));
	assert_int_equal(result, -ENOENT);
	assert_pool(0, 0);
}

static int
keepalive_of(const struct server_conn *sc, int level, int option)
{
	socklen_t len = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(sc->conn.fd, level, option, &value, &len), 0);
	return value;
}

static void
the_backends_keepalive_is_set(void **state)
{
	struct publish_item *item = scene_backend_item(backend, 1, false);
	struct server_conn *without = open_one(), *with;

	scene_publish(&item, 1);
	backend->conf->srvtcpka = (struct tcp_keepalive){ .on = true, .idle_s = 77 };
	with = open_one();
	assert_int_equal(keepalive_of(without, SOL_SOCKET, SO_KEEPALIVE), 0);
	assert_int_equal(keepalive_of(with, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(keepalive_of(with, IPPROTO_TCP, TCP_KEEPIDLE), 77);
	server_conn_close(&without);
	server_conn_close(&with);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		POOL_TEST(what_is_given_is_taken_again_and_wakes_its_new_owner),
		POOL_TEST(never_takes_nothing_and_safe_nothing_for_a_first_request),
		POOL_TEST(aggressive_takes_for_a_first_request_what_was_reused_before),
		POOL_TEST(always_takes_any_for_a_first_request),
		POOL_TEST(the_last_given_is_taken_first),
		POOL_TEST(a_connection_of_another_key_is_not_taken),
		POOL_TEST(a_worker_does_not_take_what_another_holds),
		POOL_TEST(after_max_reuse_times_it_is_closed),
		POOL_TEST(pool_max_conn_holds_over_all_workers),
		POOL_TEST(a_lower_pool_max_conn_closes_what_is_too_many),
		POOL_TEST(a_conf_of_zeros_keeps_none),
		POOL_TEST(clients_who_come_once_leave_no_more_than_were_served_at_a_time),
		POOL_TEST(a_purge_closes_half_of_what_nobody_needed_the_oldest_first),
		POOL_TEST(between_purges_their_number_does_not_grow_beyond_the_need),
		POOL_TEST(the_oldest_is_found_whether_it_was_reused_or_not),
		POOL_TEST(pool_low_conn_of_a_worker_survive_purges),
		POOL_TEST(without_a_purge_delay_only_private_ones_are_kept),
		POOL_TEST(the_timer_is_left_alone_while_connections_come_and_go),
		POOL_TEST(what_cannot_be_opened_leaves_nothing),
		POOL_TEST(the_backends_keepalive_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
