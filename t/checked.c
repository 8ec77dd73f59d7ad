/*
 * Servers to be checked, for drills: a process that answers on every address that its port has, as one server or as
 * thousands (all of 127/8 is ours), and counts who came to which, when.
 *
 *	checked --counts FILE [--name NAME] [--listen ADDRESS:PORT] [--delay MS]
 *
 * Who begins with a capital letter speaks HTTP: each request, up to its empty line, is answered with 200 and the name,
 * MS later where that is asked for. All others get back what they send, byte by byte, but for each '?' the name.
 *
 * FILE is shared memory, struct counts: t/lib/Sluice/Checked.pm reads it. It links nothing of sluice. One thread. A
 * connection lives from accept to its close in connection_end().
 */
#define _GNU_SOURCE 1
#include "bench/tool.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_A_TURN 256
#define TICK_MS 100
#define TICKS 6000   /* ten minutes */
#define PLACES 65536 /* by the last two bytes of an address */

/* Of connections to one address. Times are ms since the process began. */
struct place {
	uint32_t accepted;
	uint32_t last_ms;
	uint32_t gap_min_ms; /* between two of them; 0: none was seen */
	uint32_t gap_max_ms;
};

struct counts {
	uint64_t accepted, current, requests;
	uint64_t asking, asking_max; /* whose answer is delayed: who asked is there still */
	uint64_t began_ms;           /* CLOCK_MONOTONIC */
	uint32_t ticks[TICKS];       /* accepted in each 100 ms */
	struct place places[PLACES];
};

struct connection {
	int fd;
	bool is_begun, is_http;
	unsigned matched;         /* bytes of the request's closing \r\n\r\n seen so far, 0..3 */
	uint64_t due_ms;          /* when its answer is to go */
	struct connection *next;  /* of those that wait for that, the first in time first */
	struct connection **prev; /* NULL: it does not wait */
};

static struct counts *counts;
static uint64_t delay_ms;
static char greeting[128], answer[256];
static struct connection *waiting, **waiting_end = &waiting;

static uint64_t
now_ms(void)
{
	return tool_now_ns() / 1000000;
}

static void
wait_begin(struct connection *c)
{
	c->due_ms = now_ms() + delay_ms;
	c->next = NULL;
	c->prev = waiting_end;
	*waiting_end = c;
	waiting_end = &c->next;
	if (++counts->asking > counts->asking_max)
		counts->asking_max = counts->asking;
}

static void
wait_end(struct connection *c)
{
	if (c->prev == NULL)
		return;
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	else
		waiting_end = c->prev;
	c->prev = NULL;
	counts->asking--;
}

static void
connection_end(struct connection *c)
{
	wait_end(c);
	close(c->fd);
	free(c);
	counts->current--;
}

/* What is sent here fits into an empty socket; who does not read is cut off. */
static bool
connection_say(const struct connection *c, const char *bytes, size_t count)
{
	return send(c->fd, bytes, count, MSG_NOSIGNAL) == (ssize_t)count;
}

static bool
connection_on_request(struct connection *c)
{
	counts->requests++;
	if (delay_ms == 0)
		return connection_say(c, answer, strlen(answer));
	if (c->prev == NULL)
		wait_begin(c);
	return true;
}

static bool
http_on_bytes(struct connection *c, const char *bytes, size_t count)
{
	static const char end[] = "\r\n\r\n";

	for (size_t i = 0; i < count; i++) {
		c->matched = bytes[i] == end[c->matched] ? c->matched + 1 : bytes[i] == '\r';
		if (c->matched < 4)
			continue;
		c->matched = 0;
		if (!connection_on_request(c))
			return false;
	}
	return true;
}

static bool
echo_on_bytes(struct connection *c, const char *bytes, size_t count)
{
	while (count > 0) {
		const char *mark = memchr(bytes, '?', count);
		size_t plain = mark == NULL ? count : (size_t)(mark - bytes);

		if (plain > 0 && !connection_say(c, bytes, plain))
			return false;
		if (mark == NULL)
			return true;
		if (!connection_say(c, greeting, strlen(greeting)))
			return false;
		bytes += plain + 1;
		count -= plain + 1;
	}
	return true;
}

/* False: it is over. */
static bool
connection_read(struct connection *c)
{
	char bytes[4096];

	for (;;) {
		ssize_t got = recv(c->fd, bytes, sizeof(bytes), 0);
		bool is_alive;

		if (got < 0)
			return errno == EAGAIN || errno == EINTR;
		if (got == 0)
			return false;
		if (!c->is_begun)
			c->is_http = bytes[0] >= 'A' && bytes[0] <= 'Z';
		c->is_begun = true;
		is_alive = c->is_http ? http_on_bytes(c, bytes, (size_t)got)
				      : echo_on_bytes(c, bytes, (size_t)got);
		if (!is_alive)
			return false;
	}
}

static void
place_count(const struct sockaddr_in *to, uint32_t ms)
{
	struct place *place = &counts->places[ntohl(to->sin_addr.s_addr) & (PLACES - 1)];
	uint32_t gap_ms = ms - place->last_ms;

	if (place->accepted++ > 0) {
		if (place->gap_min_ms == 0 || gap_ms < place->gap_min_ms)
			place->gap_min_ms = gap_ms;
		if (gap_ms > place->gap_max_ms)
			place->gap_max_ms = gap_ms;
	}
	place->last_ms = ms;
}

static void
accepted_count(int fd)
{
	uint64_t ms = now_ms() - counts->began_ms;
	struct sockaddr_in to = { 0 };
	socklen_t len = sizeof(to);

	counts->accepted++;
	counts->current++;
	if (ms / TICK_MS < TICKS)
		counts->ticks[ms / TICK_MS]++;
	if (getsockname(fd, (struct sockaddr *)&to, &len) == 0)
		place_count(&to, (uint32_t)ms);
}

static void
connections_accept(int epoll_fd, int listen_fd)
{
	for (;;) {
		struct connection *c;
		int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
			return;
		if (fd < 0)
			tool_die("accept");
		c = calloc(1, sizeof(*c));
		if (c == NULL)
			tool_die("connection");
		c->fd = fd;
		accepted_count(fd);
		tool_watch(epoll_fd, fd, c);
	}
}

/* Answers that are due; how long to wait for the next one, -1: for ever. */
static int
waiting_answer(void)
{
	uint64_t ms = now_ms();

	while (waiting != NULL && waiting->due_ms <= ms) {
		struct connection *c = waiting;

		wait_end(c);
		if (!connection_say(c, answer, strlen(answer)))
			shutdown(c->fd, SHUT_RDWR); /* its event ends it */
	}
	return waiting == NULL ? -1 : (int)(waiting->due_ms - ms);
}

static void
counts_map(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*counts)) != 0)
		tool_die("%s", path);
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (counts == MAP_FAILED)
		tool_die("%s", path);
	close(fd);
	counts->current = counts->asking = 0; /* of a process before this one */
	if (counts->began_ms == 0)
		counts->began_ms = now_ms();
}

static void
serve(int epoll_fd, int listen_fd)
{
	struct epoll_event events[EVENTS_A_TURN];

	for (;;) {
		int count = epoll_wait(epoll_fd, events, EVENTS_A_TURN, waiting_answer());

		if (count < 0 && errno != EINTR)
			tool_die("epoll_wait");
		for (int i = 0; i < count; i++) {
			struct connection *c = events[i].data.ptr;

			if (c == NULL)
				connections_accept(epoll_fd, listen_fd);
			else if (!connection_read(c))
				connection_end(c);
		}
	}
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "counts", required_argument, NULL, 'c' },
		{ "delay", required_argument, NULL, 'd' },
		{ "listen", required_argument, NULL, 'l' },
		{ "name", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	struct sockaddr_in addr = tool_addr("127.0.0.1:0");
	const char *file = NULL, *name = "checked";
	int epoll_fd, listen_fd, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			file = optarg;
		else if (option == 'd')
			delay_ms = tool_number("delay", optarg);
		else if (option == 'l')
			addr = tool_addr(optarg);
		else if (option == 'n')
			name = optarg;
		else
			return 2;
	}
	errno = 0;
	if (file == NULL || optind != argc || strlen(name) > 100)
		tool_die(
			"usage: checked --counts FILE [--name NAME] [--listen ADDRESS:PORT] [--delay MS]");
	snprintf(greeting, sizeof(greeting), "%s\n", name);
	snprintf(answer, sizeof(answer),
		 "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
		 strlen(greeting), greeting);
	counts_map(file);
	epoll_fd = tool_epoll();
	listen_fd = tool_listen(&addr);
	tool_watch(epoll_fd, listen_fd, NULL);
	serve(epoll_fd, listen_fd);
}
