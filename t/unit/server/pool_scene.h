/*
 * A server of the test's own, and connections to it, for the tests of server/'s pools: the sockets
 * are real, both workers are turned by hand, the wheel is advanced ahead of time.
 */
#pragma once

#include <errno.h>
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

static inline void
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
static inline struct server_conf
keeping(void)
{
	return (struct server_conf){
		.address = addresses[0],
		.weight = 1,
		.weight_percent = 100,
		.pool_max_conn = -1,
		.pool_purge_delay = DELAY_MS,
		.max_reuse = -1,
	};
}

static inline void
publish(struct server_conf said)
{
	struct server_conf *conf = malloc(sizeof(*conf));
	struct publish_item *item = NULL;

	assert_non_null(conf);
	*conf = said;
	assert_int_equal(server_publish_new(&item, server, conf, SERVER_CAUSE_CONFIG), ERR_OK);
	scene_publish(&item, 1);
}

static inline int
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

static inline int
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

static inline void
on_wake(struct conn *c)
{
	assert_ptr_equal(container_of(c, struct server_conn, conn)->owner, &wakes);
	wakes++;
}

static struct server_conn *private_one; /* a client's */

static inline void
on_lost(struct server_conn *sc)
{
	assert_ptr_equal(sc->owner, &losses);
	assert_int_equal(sc->conn.fd, -1);
	losses++;
	if (private_one != NULL)
		server_conn_close(&private_one);
}

/* On `worker`, to listener `to`. */
static inline struct server_conn *
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

static inline struct server_conn *
open_one(void)
{
	return open_to(0, 0, 0);
}

static inline struct server_conn *
take(enum http_reuse reuse, bool is_first)
{
	return pool_take(server_slot(server, 0), reuse, is_first, 0, &wakes, on_wake);
}

static inline struct pool *
pool(void)
{
	return &server_slot(server, 0)->pool;
}

/* Open `n` at once and give them all: they are idle. */
static inline void
lay(uint32_t worker, unsigned n)
{
	struct server_conn *all[PEERS_MAX];

	for (unsigned i = 0; i < n; i++)
		all[i] = open_to(worker, 0, 0);
	for (unsigned i = 0; i < n; i++)
		pool_give(all[i]);
}

static inline unsigned
idle(void)
{
	return server_idle_connections(server);
}

/* What the server sees of each connection: 'o' open, 'f' a FIN, 'r' an RST. */
static inline const char *
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

static inline void
wait_for_idle(unsigned count)
{
	for (int i = 0; idle() != count; i++) {
		assert_true(i < 100000);
		scene_turn();
	}
}

/* The next purge, ahead of time. */
static inline void
purge(void)
{
	struct wheel *wheel = &scene_workers[0]->wheel;
	const uint64_t at_ms = pool()->purge.at_ms;

	assert_true(wheel_timer_is_set(&pool()->purge));
	/* one that was set by the loop's clock may lie behind the wheel, which is far ahead */
	wheel_advance(wheel, at_ms > wheel->now_ms ? at_ms : wheel->now_ms + 1);
}

static inline void
assert_pool(unsigned used, unsigned count)
{
	assert_int_equal(pool()->used, used);
	assert_int_equal(idle(), count);
}

#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
