/*
 * The server that the bench's proxies forward to.
 *
 *	origin reply --bytes N		N bytes as an HTTP answer to each request, connections are kept
 *	origin churn --bytes N		the same, and closes after the first answer
 *	origin store --bytes N		the same after a request's body, whose length its header tells
 *	origin source --bytes N		N bytes to everybody who connects, then FIN
 *	origin sink			reads to the end, then says how many bytes those were
 *
 * A request is whatever ends in an empty line, so the same bytes go through a TCP and an HTTP proxy.
 * Who answers says so after its port: "answer N", the bytes of an answer with its header. One thread. A connection lives from accept to its close in connection_on_event().
 */
#define _GNU_SOURCE 1
#include "tool.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_A_TURN 256
#define SCRATCH_BYTES (256 * 1024) /* a read of this size is never short on a busy socket */
#define FILLER_BYTES (256 * 1024)
#define HEAD_BYTES 2047 /* a request's header, with what a proxy adds */
#define REPLY_LIMIT_BYTES (64 * 1024 * 1024) /* replies are kept whole; more is `source`'s job */

struct connection {
	int fd;
	unsigned matched; /* bytes of the request's closing \r\n\r\n seen so far, 0..3 */
	uint64_t received_bytes;
	const char *block; /* what is sent, over and over; borrowed, or `answer` */
	size_t block_bytes;
	size_t block_at;     /* next byte of the block to send */
	uint64_t owed_bytes; /* still to send, in whole and part blocks */
	bool closing;        /* close once nothing is owed */
	char answer[24];     /* sink: the count */
	uint64_t body_bytes; /* store: of the request, still to come */
	size_t head_bytes;
	char head[HEAD_BYTES + 1]; /* store: the request's header until it is whole */
};

struct mode {
	const char *name;
	bool needs_bytes;
	void (*on_open)(struct connection *c);
	/* which bytes the next receive wants, and whether it only counts them */
	size_t (*next_bytes)(const struct connection *c, bool *counts);
	void (*on_bytes)(struct connection *c, const char *bytes, size_t count);
	void (*on_eof)(struct connection *c);
};

static const struct mode *mode;
static uint64_t option_bytes;
static const char *reply; /* header and body */
static size_t reply_bytes;
static char filler[FILLER_BYTES];
static char scratch[SCRATCH_BYTES];

/* The header is what a server of files sends today: seven fields, some 220 bytes. */
static const char *
reply_build(uint64_t body_bytes, size_t *total_bytes)
{
	char head[512];
	int head_bytes = snprintf(head, sizeof(head),
				  "HTTP/1.1 200 OK\r\n"
				  "Server: origin\r\n"
				  "Date: Fri, 20 Nov 2026 10:00:00 GMT\r\n"
				  "Content-Type: text/html\r\n"
				  "Content-Length: %" PRIu64 "\r\n"
				  "Last-Modified: Mon, 02 Nov 2026 08:30:00 GMT\r\n"
				  "ETag: \"6726a1b8-400\"\r\n"
				  "Accept-Ranges: bytes\r\n\r\n",
				  body_bytes);
	char *whole;

	if (body_bytes > REPLY_LIMIT_BYTES) {
		errno = 0;
		tool_die("--bytes: a reply has at most %d bytes", REPLY_LIMIT_BYTES);
	}
	*total_bytes = (size_t)head_bytes + (size_t)body_bytes;
	whole = malloc(*total_bytes);
	if (whole == NULL)
		tool_die("reply of %zu bytes", *total_bytes);
	memcpy(whole, head, (size_t)head_bytes);
	memset(whole + head_bytes, 'r', (size_t)body_bytes);
	return whole;
}

/* How many requests end within these bytes; the state between two calls is c->matched. */
static unsigned
requests_count(struct connection *c, const char *bytes, size_t count)
{
	static const char end[] = "\r\n\r\n";
	unsigned found = 0;

	for (size_t i = 0; i < count; i++) {
		if (bytes[i] == end[c->matched])
			c->matched++;
		else
			c->matched = bytes[i] == '\r';
		if (c->matched == 4) {
			c->matched = 0;
			found++;
		}
	}
	return found;
}

static void
reply_on_open(struct connection *c)
{
	c->block = reply;
	c->block_bytes = reply_bytes;
}

static void
reply_on_bytes(struct connection *c, const char *bytes, size_t count)
{
	c->owed_bytes += (uint64_t)requests_count(c, bytes, count) * reply_bytes;
}

static void
churn_on_bytes(struct connection *c, const char *bytes, size_t count)
{
	if (c->closing || requests_count(c, bytes, count) == 0)
		return;
	c->owed_bytes = reply_bytes;
	c->closing = true;
}

/* The header, then the body, then owe an answer. One request at a time: load sends no next one before. */
static void
store_on_bytes(struct connection *c, const char *bytes, size_t count)
{
	const char *end, *field;

	if (c->body_bytes == 0) {
		memcpy(c->head + c->head_bytes, bytes, count);
		c->head_bytes += count;
		c->head[c->head_bytes] = '\0';
		end = strstr(c->head, "\r\n\r\n");
		if (end == NULL) {
			c->closing = c->head_bytes == HEAD_BYTES;
			return;
		}
		field = strcasestr(c->head, "\r\nContent-Length:");
		if (field != NULL && field < end)
			c->body_bytes = strtoull(field + strlen("\r\nContent-Length:"), NULL, 10);
		count = c->head_bytes - (size_t)(end + 4 - c->head);
		c->head_bytes = 0;
	}
	c->body_bytes -= count < c->body_bytes ? count : c->body_bytes;
	if (c->body_bytes == 0)
		c->owed_bytes += reply_bytes;
}

static size_t
store_next_bytes(const struct connection *c, bool *counts)
{
	*counts = c->body_bytes > 0;
	if (c->body_bytes == 0)
		return HEAD_BYTES - c->head_bytes;
	return c->body_bytes < sizeof(scratch) ? (size_t)c->body_bytes : sizeof(scratch);
}

static size_t
all_next_bytes(const struct connection *c, bool *counts)
{
	(void)c;
	*counts = false;
	return sizeof(scratch);
}

/* Bytes that nobody reads are not copied: that keeps this end cheaper than any proxy. */
static size_t
counted_next_bytes(const struct connection *c, bool *counts)
{
	(void)c;
	*counts = true;
	return sizeof(scratch);
}

static void
any_on_eof(struct connection *c)
{
	c->closing = true;
}

static void
source_on_open(struct connection *c)
{
	c->block = filler;
	c->block_bytes = sizeof(filler);
	c->owed_bytes = option_bytes;
	c->closing = true;
}

static void
nothing_on_bytes(struct connection *c, const char *bytes, size_t count)
{
	(void)c;
	(void)bytes;
	(void)count;
}

static void
nothing_on_open(struct connection *c)
{
	(void)c;
}

static void
sink_on_eof(struct connection *c)
{
	int length;

	if (c->closing)
		return; /* the end is seen again on each later wake-up */
	length = snprintf(c->answer, sizeof(c->answer), "%" PRIu64 "\n", c->received_bytes);
	c->block = c->answer;
	c->block_bytes = (size_t)length;
	c->owed_bytes = c->block_bytes;
	c->closing = true;
}

static const struct mode modes[] = {
	{ "reply", true, reply_on_open, all_next_bytes, reply_on_bytes, any_on_eof },
	{ "churn", true, reply_on_open, all_next_bytes, churn_on_bytes, any_on_eof },
	{ "store", true, reply_on_open, store_next_bytes, store_on_bytes, any_on_eof },
	{ "source", true, source_on_open, counted_next_bytes, nothing_on_bytes, any_on_eof },
	{ "sink", false, nothing_on_open, counted_next_bytes, nothing_on_bytes, sink_on_eof },
};

/* Read what is there; false when the connection failed. */
static bool
connection_read(struct connection *c, bool peer_closed)
{
	for (;;) {
		bool counts;
		size_t asked = mode->next_bytes(c, &counts);
		ssize_t got = recv(c->fd, scratch, asked, counts ? MSG_TRUNC : 0);

		if (got < 0)
			return errno == EAGAIN || errno == EINTR;
		if (got == 0) {
			mode->on_eof(c);
			return true;
		}
		c->received_bytes += (uint64_t)got;
		mode->on_bytes(c, scratch, (size_t)got);
		if (c->closing || ((size_t)got < asked && !peer_closed))
			return true;
	}
}

/* Send what is owed; false when the connection failed or is done. */
static bool
connection_write(struct connection *c)
{
	while (c->owed_bytes > 0) {
		size_t chunk = c->block_bytes - c->block_at;
		ssize_t sent;

		if (chunk > c->owed_bytes)
			chunk = (size_t)c->owed_bytes;
		sent = send(c->fd, c->block + c->block_at, chunk, MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		c->owed_bytes -= (uint64_t)sent;
		c->block_at = (c->block_at + (size_t)sent) % c->block_bytes;
	}
	return !c->closing;
}

static void
connection_on_event(struct connection *c, uint32_t events)
{
	bool alive = true;

	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		alive = connection_read(c, (events & ~(uint32_t)(EPOLLIN | EPOLLOUT)) != 0);
	if (alive && connection_write(c))
		return;
	close(c->fd);
	free(c);
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
		mode->on_open(c);
		tool_watch(epoll_fd, fd, c);
	}
}

static void
mode_choose(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (name != NULL && strcmp(modes[i].name, name) == 0)
			mode = &modes[i];
	}
	errno = 0;
	if (mode == NULL)
		tool_die(
			"usage: origin reply|churn|store|source|sink [--bytes N] [--listen ADDRESS:PORT]");
	if (mode->needs_bytes && option_bytes == 0)
		tool_die("%s needs --bytes", mode->name);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "bytes", required_argument, NULL, 'b' },
		{ "listen", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	struct sockaddr_in addr = tool_addr("127.0.0.1:0");
	struct epoll_event events[EVENTS_A_TURN];
	int listen_fd, epoll_fd, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'b')
			option_bytes = tool_number("bytes", optarg);
		else if (option == 'l')
			addr = tool_addr(optarg);
		else
			return 2;
	}
	mode_choose(argv[optind]);
	if (mode->on_open == reply_on_open)
		reply = reply_build(option_bytes, &reply_bytes);
	memset(filler, 'f', sizeof(filler));
	epoll_fd = tool_epoll();
	listen_fd = tool_listen(&addr);
	tool_watch(epoll_fd, listen_fd, NULL);
	if (reply != NULL && (printf("answer %zu\n", reply_bytes) < 0 || fflush(stdout) != 0))
		tool_die("stdout");
	for (;;) {
		int count = epoll_wait(epoll_fd, events, EVENTS_A_TURN, -1);

		if (count < 0 && errno != EINTR)
			tool_die("epoll_wait");
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == NULL)
				connections_accept(epoll_fd, listen_fd);
			else
				connection_on_event(events[i].data.ptr, events[i].events);
		}
	}
}
