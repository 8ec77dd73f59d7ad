/*
 * Everything at once: clients and servers that come, talk and leave in every way, while servers are
 * drained, replaced and readied, frontends changed and streams killed. Nothing may be left, and the
 * sanitizers find nothing.
 */
#include "config.h"
#include "t/unit/stream/rig.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLAYERS	  40
#define SCENE_MS  1500
#define MOST_BYTES 300000

/* One thread plays all clients or all servers; each has a few sockets and moves at random. */
struct cast {
	pthread_t	 thread;
	unsigned	 seed;
	int		 fds[PLAYERS];
	bool		 are_clients;
};

static atomic_bool curtain;
static char noise[MOST_BYTES];

static void
player_leave(struct cast *cast, int i)
{
	const struct linger now = { .l_onoff = 1 };

	if (rand_r(&cast->seed) % 3 == 0)
		(void)setsockopt(cast->fds[i], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(cast->fds[i]);
	cast->fds[i] = -1;
}

static void
player_enter(struct cast *cast, int i)
{
	int fd;

	if (cast->are_clients) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, &rig.address.sa, rig.address.len) != 0) {
			close(fd);
			return;
		}
	} else {
		struct pollfd p = { .fd = rig.origins[rand_r(&cast->seed) % RIG_ORIGINS],
				    .events = POLLIN };

		fd = poll(&p, 1, 0) > 0 ? accept4(p.fd, NULL, NULL, SOCK_CLOEXEC) : -1;
		if (fd < 0)
			return;
	}
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	cast->fds[i] = fd;
}

static void
player_move(struct cast *cast, int i)
{
	static _Thread_local char bytes[MOST_BYTES];
	unsigned what = (unsigned)rand_r(&cast->seed) % 20;

	if (what < 8) {
		(void)send(cast->fds[i], noise, (size_t)rand_r(&cast->seed) % MOST_BYTES,
			   MSG_NOSIGNAL);
	} else if (what < 17) {
		ssize_t got = recv(cast->fds[i], bytes, sizeof(bytes), 0);

		if (got == 0 || (got < 0 && errno != EAGAIN))
			player_leave(cast, i);
	} else if (what < 18) {
		(void)shutdown(cast->fds[i], SHUT_WR);
	} else {
		player_leave(cast, i);
	}
}

static void *
cast_play(void *arg)
{
	struct cast *cast = arg;

	memset(cast->fds, -1, sizeof(cast->fds));
	while (!atomic_load(&curtain)) {
		for (int i = 0; i < PLAYERS; i++) {
			if (cast->fds[i] < 0)
				player_enter(cast, i);
			else
				player_move(cast, i);
		}
	}
	for (int i = 0; i < PLAYERS; i++) {
		if (cast->fds[i] >= 0)
			player_leave(cast, i);
	}
	return NULL;
}

/* What the control thread does meanwhile. */
static void
direct(unsigned *seed)
{
	static const enum server_admin admins[] = { SERVER_READY, SERVER_READY, SERVER_DRAIN,
						    SERVER_MAINT };
	uint32_t server = (uint32_t)rand_r(seed) % RIG_ORIGINS;
	struct session_filter filter = { 0 };

	switch (rand_r(seed) % 5) {
	case 0:
		rig_publish(rig_server_item(rig.servers[server],
					    (uint32_t)rand_r(seed) % RIG_ORIGINS,
					    (uint32_t)rand_r(seed) % 10, admins[rand_r(seed) % 4]),
			    NULL);
		break;
	case 1:
		rig_publish(
			rig_frontend_item(rig.frontend, &rig.bind, 1, (uint32_t)rand_r(seed) % 50),
			NULL);
		break;
	case 2:
		filter.server = rig.servers[server]->generation;
		rig_end(&filter, END_SERVER_DOWN);
		break;
	case 3: engine_set_maxconn(1 + (uint32_t)rand_r(seed) % 60); break;
	case 4: (void)rig_count(&filter); break;
	}
}

static void
nothing_is_left_of_a_storm(void **state)
{
	struct cast clients = { .seed = 1, .are_clients = true }, servers = { .seed = 2 };
	unsigned seed = 3;
	struct frontend_totals totals;
	uint64_t until;

	RIG(.threads = 3, .servers = RIG_ORIGINS, .pipe_memory = 4 << 20, .retries = 2,
	    .redispatch = 1, .connect = 300, .queue = 300, .server_maxconn = 5, .client_fin = 200,
	    .server_fin = 200);
	assert_int_equal(pthread_create(&clients.thread, NULL, cast_play, &clients), 0);
	assert_int_equal(pthread_create(&servers.thread, NULL, cast_play, &servers), 0);
	until = rig_now_ms() + SCENE_MS;
	while (rig_now_ms() < until)
		direct(&seed);
	engine_set_maxconn(1000);
	rig_publish(rig_frontend_item(rig.frontend, &rig.bind, 1, 0), NULL);
	atomic_store(&curtain, true);
	pthread_join(clients.thread, NULL);
	pthread_join(servers.thread, NULL);
	frontend_totals(rig.frontend, &totals);
	assert_in_range(totals.sessions, 50, UINT32_MAX);
	rig_wait_until(engine_streams() == 0 ||
		       rig_end(&(struct session_filter){ 0 }, END_ADMIN) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_left_of_a_storm, NULL, rig_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
