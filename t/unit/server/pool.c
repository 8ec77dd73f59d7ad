/*
 * Connections to servers: kept, taken again, limited, purged, and closed where their server moves.
 * The server is a listener of the test; both workers are turned by hand.
 */
#include "config.h"
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/obj.h"
#include "server/server_priv.h"
#include "t/unit/server/scene.h"

#define PEERS_MAX 64
#define DELAY_MS 5000

static int listeners[2];
static struct addr addresses[2];
static int peers[PEERS_MAX]; /* the server's ends, in order of their opening; -1: closed */
static unsigned peer_count;
static struct backend *backend;
static struct server *server;
static unsigned wakes, losses;

static void
listener_open(unsigned i)
{
	struct addr *a = &addresses[i];

	memset(a, 0, sizeof(*a));
	a->len = sizeof(a->in);
	a->in.sin_family = AF_INET;
	a->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listeners[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listeners[i] >= 0);
	assert_int_equal(bind(listeners[i], &a->sa, a->len), 0);
	assert_int_equal(listen(listeners[i], PEERS_MAX), 0);
	assert_int_equal(addr_of_socket(a, listeners[i]), ERR_OK);
}

/* A conf that keeps all; what a test wants otherwise it changes. */
static struct server_conf
keeping(void)
{
	return (struct server_conf){
		.address = addresses[0],
		.weight = 1,
		.pool_max_conn = -1,
		.pool_purge_delay = DELAY_MS,
		.max_reuse = -1,
	};
}

static void
publish(struct server_conf said)
{
	struct server_conf *conf = malloc(sizeof(*conf));
	struct publish_item *item = NULL;

	assert_non_null(conf);
	*conf = said;
	assert_int_equal(server_publish_new(&item, server, conf, SERVER_CAUSE_CONFIG), ERR_OK);
	scene_publish(&item, 1);
}

static int
start(void **state)
{
	scene_start(2, false);
	listener_open(0);
	listener_open(1);
	peer_count = wakes = losses = 0;
	backend = scene_backend(1, false);
	server = scene_server_new(backend, "s", 1);
	publish(keeping());
	return 0;
}

static int
stop(void **state)
{
	scene_drop(backend);
	scene_stop();
	for (unsigned i = 0; i < peer_count; i++)
		if (peers[i] >= 0)
			close(peers[i]);
	close(listeners[0]);
	close(listeners[1]);
	return 0;
}

static void
on_wake(struct conn *c)
{
	assert_ptr_equal(container_of(c, struct server_conn, conn)->owner, &wakes);
	wakes++;
}

static struct server_conn *private_one; /* a client's */

static void
on_lost(struct server_conn *sc)
{
	assert_ptr_equal(sc->owner, &losses);
	assert_int_equal(sc->conn.fd, -1);
	losses++;
	if (private_one != NULL)
		server_conn_close(&private_one);
}

/* On `worker`, to listener `to`. */
static struct server_conn *
open_to(uint32_t worker, unsigned to, uint64_t key)
{
	struct server_conn *sc;
	int result = 1;

	sc = server_conn_open(server_slot(server, worker), scene_workers[worker], key, &wakes,
			      on_wake, &result);
	assert_non_null(sc);
	assert_int_equal(result, 0);
	assert_true(peer_count < PEERS_MAX);
	peers[peer_count] = accept(listeners[to], NULL, NULL);
	assert_true(peers[peer_count] >= 0);
	peer_count++;
	while (!sc->conn.writable)
		scene_turn();
	return sc;
}

static struct server_conn *
open_one(void)
{
	return open_to(0, 0, 0);
}

static struct server_conn *
take(enum http_reuse reuse, bool is_first)
{
	return pool_take(server_slot(server, 0), reuse, is_first, 0, &wakes, on_wake);
}

static struct pool *
pool(void)
{
	return &server_slot(server, 0)->pool;
}

/* Open `n` at once and give them all: they are idle. */
static void
lay(uint32_t worker, unsigned n)
{
	struct server_conn *all[PEERS_MAX];

	for (unsigned i = 0; i < n; i++)
		all[i] = open_to(worker, 0, 0);
	for (unsigned i = 0; i < n; i++)
		pool_give(all[i]);
}

static unsigned
idle(void)
{
	return server_idle_connections(server);
}

/* What the server sees of each connection: 'o' open, 'f' a FIN, 'r' an RST. */
static const char *
seen(void)
{
	static char text[PEERS_MAX + 1];
	char byte;

	scene_settle();
	for (unsigned i = 0; i < peer_count; i++) {
		ssize_t n = recv(peers[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK);

		text[i] = n == 0 ? 'f' : n < 0 && errno == EAGAIN ? 'o' : 'r';
	}
	text[peer_count] = '\0';
	return text;
}

static void
wait_for_idle(unsigned count)
{
	for (int i = 0; idle() != count; i++) {
		assert_true(i < 100000);
		scene_turn();
	}
}

/* The next purge, ahead of time. */
static void
purge(void)
{
	struct wheel *wheel = &scene_workers[0]->wheel;
	const uint64_t at_ms = pool()->purge.at_ms;

	assert_true(wheel_timer_is_set(&pool()->purge));
	/* one that was set by the loop's clock may lie behind the wheel, which is far ahead */
	wheel_advance(wheel, at_ms > wheel->now_ms ? at_ms : wheel->now_ms + 1);
}

static void
assert_pool(unsigned used, unsigned count)
{
	assert_int_equal(pool()->used, used);
	assert_int_equal(idle(), count);
}

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
	assert_pool(0, 2);		/* the private ones */
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

#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

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
		POOL_TEST(an_idle_one_is_closed_when_its_server_closes),
		POOL_TEST(an_idle_one_is_closed_when_its_server_says_something),
		POOL_TEST(one_with_something_to_read_is_not_kept),
		POOL_TEST(one_that_only_may_have_something_to_read_is_kept),
		POOL_TEST(maintenance_closes_idle_ones_and_busy_ones_when_they_are_done),
		POOL_TEST(drain_and_a_weight_leave_them),
		POOL_TEST(our_own_admin_listener_gets_none),
		POOL_TEST(a_new_address_closes_what_goes_to_the_old_one),
		POOL_TEST(so_do_a_new_source_and_the_proxy_protocol),
		POOL_TEST(a_server_that_goes_takes_its_idle_ones_with_it),
		POOL_TEST(a_worker_that_stops_keeps_none),
		POOL_TEST(a_private_one_is_for_its_client_alone),
		POOL_TEST(neither_limit_nor_purge_closes_private_ones),
		POOL_TEST(its_client_is_told_when_a_private_one_is_lost),
		POOL_TEST(a_client_may_close_another_private_one_when_it_loses_one),
		POOL_TEST(busy_and_idle_ones_may_be_closed_cut_or_forgotten),
		POOL_TEST(what_cannot_be_opened_leaves_nothing),
		POOL_TEST(the_backends_keepalive_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
