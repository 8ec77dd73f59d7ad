/*
 * Those who play all clients, or all servers, of a scene: a thread each, some sockets, and moves at random.
 */
#pragma once

#include "t/unit/stream/rig.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PLAYERS	   40
#define MOST_BYTES 300000

struct cast {
	pthread_t		 thread;
	unsigned		 seed;
	int			 fds[PLAYERS];
	bool			 are_clients;
	const char *const	*lines;		/* NULL: they say nothing but noise; ends with NULL */
	long			 pause_us;	/* after a round of moves */
	atomic_bool		 is_over;
};

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
player_speak(struct cast *cast, int i)
{
	const char *line = noise;
	size_t len = (size_t)rand_r(&cast->seed) % MOST_BYTES, count = 0;

	if (cast->lines != NULL) {
		while (cast->lines[count] != NULL)
			count++;
		line = cast->lines[(size_t)rand_r(&cast->seed) % count];
		len = strlen(line);
	}
	(void)send(cast->fds[i], line, len, MSG_NOSIGNAL);
}

static void
player_move(struct cast *cast, int i)
{
	static _Thread_local char bytes[MOST_BYTES];
	unsigned what = (unsigned)rand_r(&cast->seed) % 20;

	if (what < 8) {
		player_speak(cast, i);
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
	const struct timespec pause = { .tv_nsec = cast->pause_us * 1000 };

	memset(cast->fds, -1, sizeof(cast->fds));
	while (!atomic_load(&cast->is_over)) {
		for (int i = 0; i < PLAYERS; i++) {
			if (cast->fds[i] < 0)
				player_enter(cast, i);
			else
				player_move(cast, i);
		}
		if (cast->pause_us > 0)
			nanosleep(&pause, NULL);
	}
	for (int i = 0; i < PLAYERS; i++) {
		if (cast->fds[i] >= 0)
			player_leave(cast, i);
	}
	return NULL;
}

static void
cast_start(struct cast *cast)
{
	assert_int_equal(pthread_create(&cast->thread, NULL, cast_play, cast), 0);
}

static void
cast_stop(struct cast *cast)
{
	atomic_store(&cast->is_over, true);
	pthread_join(cast->thread, NULL);
}
