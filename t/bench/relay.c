/*
 * The floor for HTTP: the least that a proxy with a pool of server connections does, on bare epoll.
 *
 *	relay --connect ADDRESS:PORT --answer-bytes N [--close]
 *
 * It knows nothing of HTTP. A client that says something gets a server's connection, the one used last
 * or a new one, and keeps it for an answer of N bytes; then that goes back to the pool, and with --close
 * the client's is closed. What a real proxy costs above it is the price of parsing, judging and writing
 * headers, of choice, timeouts and log. Nothing is forgiven: who closes early loses both connections.
 *
 * One thread. Both ends of a pair may be in one epoll batch, so what ends is freed after it.
 */
#define _GNU_SOURCE 1
#include "tool.h"
#include <errno.h>
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

/* A connection, a client's or a server's. */
struct end {
	int fd; /* -1: dead */
	bool is_client;
	bool readable;
	struct end *peer; /* NULL: nothing under way */
	struct end *next; /* in the pool, or among the dead */
	char *held;       /* SCRATCH_BYTES to be sent to it, while a send was short */
	size_t held_at;
	size_t held_bytes;
	uint64_t answer_bytes; /* client: received of the answer under way */
};

static struct sockaddr_in server_addr;
static uint64_t option_answer_bytes;
static bool option_close;
static int epoll_fd;
static struct end *pool, *dead;
static char scratch[SCRATCH_BYTES];

static struct end *
end_new(int fd, bool is_client)
{
	struct end *end = calloc(1, sizeof(*end));

	if (end == NULL)
		tool_die("connection");
	end->fd = fd;
	end->is_client = is_client;
	tool_watch(epoll_fd, fd, end);
	return end;
}

static void
end_close(struct end *end)
{
	close(end->fd);
	end->fd = -1;
	end->next = dead;
	dead = end;
}

static void
dead_free(void)
{
	while (dead != NULL) {
		struct end *end = dead;

		dead = end->next;
		free(end->held);
		free(end);
	}
}

static void
pool_remove(const struct end *server)
{
	struct end **at = &pool;

	while (*at != NULL && *at != server)
		at = &(*at)->next;
	if (*at != NULL)
		*at = server->next;
}

/* A connection failed or was closed: with its peer, if it has one. */
static void
end_fail(struct end *end)
{
	if (end->peer != NULL)
		end_close(end->peer);
	else if (!end->is_client)
		pool_remove(end);
	end_close(end);
}

static bool
client_attach(struct end *client)
{
	struct end *server = pool;
	int fd;

	if (server != NULL) {
		pool = server->next;
	} else {
		fd = tool_connect(&server_addr);
		if (fd < 0)
			return false;
		server = end_new(fd, false);
	}
	server->peer = client;
	client->peer = server;
	client->answer_bytes = 0;
	return true;
}

/* The answer is whole and sent. */
static void
client_detach(struct end *client)
{
	client->peer->peer = NULL;
	client->peer->next = pool;
	pool = client->peer;
	client->peer = NULL;
	if (option_close)
		end_close(client);
}

static bool
held_flush(struct end *to)
{
	while (to->held_bytes > 0) {
		ssize_t sent = send(to->fd, to->held + to->held_at, to->held_bytes, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN;
		to->held_at += (size_t)sent;
		to->held_bytes -= (size_t)sent;
	}
	free(to->held);
	to->held = NULL;
	return true;
}

/* Send what was received; what does not go waits. */
static bool
end_send(struct end *to, const char *bytes, size_t count)
{
	ssize_t sent = send(to->fd, bytes, count, MSG_NOSIGNAL);
	size_t done = sent < 0 ? 0 : (size_t)sent;

	if (sent < 0 && errno != EAGAIN)
		return false;
	if (done == count)
		return true;
	to->held = malloc(SCRATCH_BYTES);
	if (to->held == NULL)
		return false;
	to->held_at = 0;
	to->held_bytes = count - done;
	memcpy(to->held, bytes + done, to->held_bytes);
	return true;
}

/* Move what came from one end to its peer; false when a connection failed or was closed. */
static bool
end_move(struct end *from)
{
	while (from->readable && (from->peer == NULL || from->peer->held_bytes == 0)) {
		ssize_t got = recv(from->fd, scratch, sizeof(scratch), 0);

		if (got < 0) {
			from->readable = false;
			return errno == EAGAIN;
		}
		if (got == 0 || (from->peer == NULL && !(from->is_client && client_attach(from))))
			return false;
		from->readable = (size_t)got == sizeof(scratch);
		if (!end_send(from->peer, scratch, (size_t)got))
			return false;
		if (!from->is_client)
			from->peer->answer_bytes += (uint64_t)got;
	}
	return true;
}

static void
end_on_event(struct end *end, uint32_t events)
{
	struct end *client;

	if (end->fd < 0)
		return;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		end->readable = true;
	if ((end->held_bytes > 0 && !held_flush(end)) || !end_move(end) ||
	    (end->held_bytes == 0 && end->peer != NULL && !end_move(end->peer))) {
		end_fail(end);
		return;
	}
	client = end->is_client ? end : end->peer;
	if (client != NULL && client->peer != NULL && client->held_bytes == 0 &&
	    client->answer_bytes >= option_answer_bytes)
		client_detach(client);
}

static void
clients_accept(int listen_fd)
{
	for (;;) {
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
			return;
		if (fd < 0)
			tool_die("accept");
		(void)end_new(fd, true);
	}
}

static void
options_read(int argc, char **argv)
{
	static const struct option options[] = {
		{ "answer-bytes", required_argument, NULL, 'a' },
		{ "close", no_argument, NULL, 'x' },
		{ "connect", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'a')
			option_answer_bytes = tool_number("answer-bytes", optarg);
		else if (option == 'x')
			option_close = true;
		else if (option == 'c')
			server_addr = tool_addr(optarg);
		else
			exit(2);
	}
	errno = 0;
	if (server_addr.sin_port == 0 || option_answer_bytes == 0)
		tool_die("usage: relay --connect ADDRESS:PORT --answer-bytes N [--close]");
}

int
main(int argc, char **argv)
{
	const struct sockaddr_in any = tool_addr("127.0.0.1:0");
	struct epoll_event events[EVENTS_A_TURN];
	int listen_fd;

	options_read(argc, argv);
	epoll_fd = tool_epoll();
	listen_fd = tool_listen(&any);
	tool_watch(epoll_fd, listen_fd, NULL);
	for (;;) {
		int count = epoll_wait(epoll_fd, events, EVENTS_A_TURN, -1);

		if (count < 0 && errno != EINTR)
			tool_die("epoll_wait");
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == NULL)
				clients_accept(listen_fd);
			else
				end_on_event(events[i].data.ptr, events[i].events);
		}
		dead_free();
	}
}
