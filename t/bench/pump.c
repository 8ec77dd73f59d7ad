/*
 * The floor: the least that a correct TCP proxy does, on bare epoll.
 *
 *	pump --connect ADDRESS:PORT [--splice]
 *
 * It accepts, connects, moves bytes both ways with half-close carried across, and closes. It has no
 * timeouts, no choice of server, no limits, no log: what a real proxy costs above it is the price of
 * those. One recv and one send a message, sockets registered once, no probing for EAGAIN.
 *
 * --splice moves bytes through a pipe a direction instead: the floor for bulk, and a bad one for small
 * messages.
 *
 * One thread. Both sockets of a pair may be in one epoll batch, so a pair that ends is freed after it.
 */
#define _GNU_SOURCE 1
#include "tool.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_A_TURN 256
#define SCRATCH_BYTES (256 * 1024)
#define PIPE_BYTES (1024 * 1024) /* fs.pipe-max-size unless root raised it */

enum flow_end {
	FLOW_OPEN,     /* the source may still send */
	FLOW_EOF_SEEN, /* its FIN was read; what it sent before may still be held */
	FLOW_SHUT,     /* passed on */
};

struct pair;

struct side {
	int fd;
	struct pair *pair;
	bool readable;
	bool writable;
	bool peer_closed; /* the last wake-up said that its FIN is queued behind the data */
};

/* One direction. Bytes wait in `held` (recv/send) or in the pipe (splice), never in both. */
struct flow {
	struct side *from;
	struct side *to;
	enum flow_end end;
	char *held; /* SCRATCH_BYTES, from the first short send on */
	size_t held_at;
	size_t held_bytes;
	int pipe[2]; /* -1 until the first byte */
	size_t piped_bytes;
};

struct pair {
	struct side side[2]; /* client, server */
	struct flow flow[2]; /* to the server, to the client */
	struct pair *next_dead;
	bool dead;
};

static struct sockaddr_in server_addr;
static bool (*flow_move)(struct flow *flow);
static struct pair *dead_pairs;
static char scratch[SCRATCH_BYTES];

/* True while nothing is held; false when the socket took no more or failed (*failed). */
static bool
held_flush(struct flow *flow, bool *failed)
{
	while (flow->held_bytes > 0) {
		ssize_t sent = send(flow->to->fd, flow->held + flow->held_at, flow->held_bytes,
				    MSG_NOSIGNAL);

		if (sent < 0) {
			*failed = errno != EAGAIN;
			flow->to->writable = false;
			return false;
		}
		flow->held_at += (size_t)sent;
		flow->held_bytes -= (size_t)sent;
	}
	return true;
}

static bool
held_keep(struct flow *flow, const char *bytes, size_t count)
{
	if (flow->held == NULL)
		flow->held = malloc(SCRATCH_BYTES);
	if (flow->held == NULL)
		return false;
	memcpy(flow->held, bytes, count);
	flow->held_at = 0;
	flow->held_bytes = count;
	return true;
}

/*
 * A receive returned `got` of `asked` bytes. A short one empties the socket; if its FIN was already
 * queued when epoll reported it, nothing can follow, and reading the 0 is a call saved.
 */
static void
side_after_short_read(struct flow *flow)
{
	if (flow->from->peer_closed)
		flow->end = FLOW_EOF_SEEN;
	flow->from->readable = false;
}

/* Move what can be moved with recv and send; false when a socket failed. */
static bool
flow_copy(struct flow *flow)
{
	bool failed = false;

	while (flow->to->writable && held_flush(flow, &failed) && flow->end == FLOW_OPEN &&
	       flow->from->readable) {
		ssize_t got = recv(flow->from->fd, scratch, sizeof(scratch), 0);
		ssize_t sent;

		if (got < 0) {
			flow->from->readable = false;
			return errno == EAGAIN;
		}
		if (got == 0) {
			flow->end = FLOW_EOF_SEEN;
			break;
		}
		if ((size_t)got < sizeof(scratch))
			side_after_short_read(flow);
		/* the last bytes wait for the FIN, one packet for both */
		sent = send(flow->to->fd, scratch, (size_t)got,
			    MSG_NOSIGNAL | (flow->end == FLOW_EOF_SEEN ? MSG_MORE : 0));
		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent < got) {
			size_t kept_from = sent < 0 ? 0 : (size_t)sent;

			flow->to->writable = false;
			if (!held_keep(flow, scratch + kept_from, (size_t)got - kept_from))
				return false;
		}
	}
	return !failed;
}

static bool
flow_open_pipe(struct flow *flow)
{
	if (flow->pipe[0] >= 0)
		return true;
	if (pipe2(flow->pipe, O_NONBLOCK | O_CLOEXEC) != 0)
		return false;
	/* a smaller pipe is slower, not wrong */
	(void)fcntl(flow->pipe[1], F_SETPIPE_SZ, PIPE_BYTES);
	return true;
}

/* Fill the pipe once; *moved when something came. False when the socket failed. */
static bool
pipe_fill(struct flow *flow, bool *moved)
{
	ssize_t got;

	if (flow->end != FLOW_OPEN || !flow->from->readable || flow->piped_bytes >= PIPE_BYTES)
		return true;
	if (!flow_open_pipe(flow))
		return false;
	got = splice(flow->from->fd, NULL, flow->pipe[1], NULL, PIPE_BYTES,
		     SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (got < 0) {
		/* with bytes in it, it may be the pipe that has no room */
		flow->from->readable = flow->piped_bytes > 0;
		return errno == EAGAIN;
	}
	if (got == 0)
		flow->end = FLOW_EOF_SEEN;
	flow->piped_bytes += (size_t)got;
	*moved = got > 0;
	return true;
}

/* Empty the pipe once; *moved when something went. False when the socket failed. */
static bool
pipe_drain(struct flow *flow, bool *moved)
{
	ssize_t sent;

	if (flow->piped_bytes == 0 || !flow->to->writable)
		return true;
	sent = splice(flow->pipe[0], NULL, flow->to->fd, NULL, flow->piped_bytes,
		      SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (sent < 0) {
		flow->to->writable = false;
		return errno == EAGAIN;
	}
	flow->piped_bytes -= (size_t)sent;
	*moved = true;
	return true;
}

/* Move what can be moved with splice; false when a socket failed. */
static bool
flow_splice(struct flow *flow)
{
	bool moved;

	do {
		moved = false;
		if (!pipe_fill(flow, &moved) || !pipe_drain(flow, &moved))
			return false;
	} while (moved);
	return true;
}

/* Pass a FIN on once nothing is before it. */
static void
flow_finish(struct flow *flow, const struct flow *back)
{
	if (flow->end != FLOW_EOF_SEEN || flow->held_bytes > 0 || flow->piped_bytes > 0)
		return;
	if (back->end != FLOW_SHUT) /* else both are done, and close() says FIN */
		(void)shutdown(flow->to->fd, SHUT_WR);
	flow->end = FLOW_SHUT;
}

static void
flow_close_pipe(struct flow *flow)
{
	if (flow->pipe[0] < 0)
		return;
	close(flow->pipe[0]);
	close(flow->pipe[1]);
}

static void
pair_end(struct pair *pair)
{
	close(pair->side[0].fd);
	close(pair->side[1].fd);
	flow_close_pipe(&pair->flow[0]);
	flow_close_pipe(&pair->flow[1]);
	pair->dead = true;
	pair->next_dead = dead_pairs;
	dead_pairs = pair;
}

static void
dead_pairs_free(void)
{
	while (dead_pairs != NULL) {
		struct pair *pair = dead_pairs;

		dead_pairs = pair->next_dead;
		free(pair->flow[0].held);
		free(pair->flow[1].held);
		free(pair);
	}
}

static void
side_on_event(struct side *side, uint32_t events)
{
	struct pair *pair = side->pair;

	if (pair->dead)
		return;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		side->readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		side->writable = true;
	/* with an error pending the end is not a FIN: read on until recv says which */
	side->peer_closed = (events & EPOLLRDHUP) && !(events & EPOLLERR);
	for (int i = 0; i < 2; i++) {
		if (!flow_move(&pair->flow[i])) {
			pair_end(pair);
			return;
		}
		flow_finish(&pair->flow[i], &pair->flow[1 - i]);
	}
	if (pair->flow[0].end == FLOW_SHUT && pair->flow[1].end == FLOW_SHUT)
		pair_end(pair);
}

static void
pair_start(int epoll_fd, int client_fd)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	int server_fd = tool_connect(&server_addr);

	if (pair == NULL || server_fd < 0)
		tool_die("no pair for a client");
	pair->side[0].fd = client_fd;
	pair->side[1].fd = server_fd;
	for (int i = 0; i < 2; i++) {
		pair->side[i].pair = pair;
		pair->flow[i].from = &pair->side[i];
		pair->flow[i].to = &pair->side[1 - i];
		pair->flow[i].pipe[0] = -1;
		tool_watch(epoll_fd, pair->side[i].fd, &pair->side[i]);
	}
}

static void
clients_accept(int epoll_fd, int listen_fd)
{
	for (;;) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
			return;
		if (fd < 0)
			tool_die("accept");
		pair_start(epoll_fd, fd);
	}
}

static void
pump_run(int epoll_fd, int listen_fd)
{
	struct epoll_event events[EVENTS_A_TURN];

	for (;;) {
		int count = epoll_wait(epoll_fd, events, EVENTS_A_TURN, -1);

		if (count < 0 && errno != EINTR)
			tool_die("epoll_wait");
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == NULL)
				clients_accept(epoll_fd, listen_fd);
			else
				side_on_event(events[i].data.ptr, events[i].events);
		}
		dead_pairs_free();
	}
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "connect", required_argument, NULL, 'c' },
		{ "splice", no_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	const struct sockaddr_in any = tool_addr("127.0.0.1:0");
	int listen_fd, epoll_fd, option;

	flow_move = flow_copy;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			server_addr = tool_addr(optarg);
		else if (option == 's')
			flow_move = flow_splice;
		else
			return 2;
	}
	errno = 0;
	if (server_addr.sin_port == 0)
		tool_die("usage: pump --connect ADDRESS:PORT [--splice]");
	epoll_fd = tool_epoll();
	listen_fd = tool_listen(&any);
	tool_watch(epoll_fd, listen_fd, NULL);
	pump_run(epoll_fd, listen_fd);
}
