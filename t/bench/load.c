/*
 * The clients: a fixed number of connections does a fixed amount of work, then says how it went.
 *
 *	load small --to ADDRESS:PORT	request and answer, over and over, on connections that stay
 *	load put   --to ... --bytes N	the same with N bytes in each request
 *	load churn --to ...		a connection for each request; the server closes it
 *	load down  --to ... --bytes N	a connection for N bytes from the server
 *	load up    --to ... --bytes N	a connection for N bytes to the server, which says how many came
 *	load idle  --to ...		one request a connection, then all are held until stdin ends
 *
 * --connections C at a time, --units U in all (requests, connections or transfers), --request SHAPE, one of
 * the table below (padded, to --request-bytes N).
 *
 * Work is fixed, not time: then CPU seconds of what is measured divide by the same number each round. It
 * is a closed loop, so latencies are those of C clients that wait for each other's turns, no more.
 *
 * A slot is one client. It runs one unit after another: connect unless connected, send, perhaps FIN,
 * receive to the unit's end. What goes wrong is counted, uses up the unit and closes the connection.
 * One line of JSON on stdout at the end. One thread.
 */
#define _GNU_SOURCE 1
#include "histogram.h"
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
#define SCRATCH_BYTES (256 * 1024)
#define HEAD_BYTES 1024        /* an answer's header, or a sink's count */
#define STALL_MS 20000         /* nothing happened for so long: the rest is lost */
#define FIRST_BYTES 4096       /* a small answer whole; of a large one, little more than its header */
#define CONNECTS_UNDER_WAY 16  /* idle: what a proxy needs for so many at once is no connection's */
#define REQUEST_LEAST_BYTES 64 /* room for the padded request without padding */
#define REQUEST_START_BYTES 512
#define REQUEST_MOST_BYTES 1000000

enum unit_end {
	END_AT_LENGTH, /* the answer's Content-Length */
	END_AT_FIN,    /* the server's FIN */
};

struct mode {
	const char *name;
	bool sends_request;
	bool sends_body;  /* option_bytes of filler behind the request's header */
	bool sends_bytes; /* option_bytes of filler, then FIN */
	bool keeps_connection;
	bool holds; /* a unit a slot, then its connection just stays */
	enum unit_end end;
	/* is what came with the unit what should have come? NULL: the length was enough */
	bool (*judge)(uint64_t received_bytes, const char *head);
};

struct request {
	const char *name;
	bool is_padded;    /* to option_request_bytes, by one more field */
	const char *start; /* its line and fields, but Content-Length and the empty line */
};

struct slot {
	int fd; /* -1: not connected */
	bool busy;
	uint64_t started_ns;
	uint64_t to_send_bytes;
	size_t send_at; /* within the block */
	uint64_t received_bytes;
	uint64_t wanted_bytes; /* 0 until the header is whole */
	size_t head_bytes;
	char head[HEAD_BYTES + 1];
};

static const struct mode *mode;
static struct sockaddr_in to_addr;
static uint64_t option_bytes, option_units = 1, option_connections = 1, option_request_bytes = 128;
static int epoll_fd;
static char *block; /* the request, or filler */
static size_t block_bytes;
static struct slot *slots;
static uint64_t slots_used, slots_busy;
static uint64_t units_left, units_done, errors;
static uint64_t started_ns, finished_ns;
static struct histogram latencies;
static char scratch[SCRATCH_BYTES];

static bool
transfer_is_whole(uint64_t received_bytes, const char *head)
{
	(void)head;
	return received_bytes == option_bytes;
}

static bool
count_is_right(uint64_t received_bytes, const char *head)
{
	(void)received_bytes;
	return strtoull(head, NULL, 10) == option_bytes;
}

static const struct mode modes[] = {
	{ "small", true, false, false, true, false, END_AT_LENGTH, NULL },
	{ "put", true, true, false, true, false, END_AT_LENGTH, NULL },
	{ "churn", true, false, false, false, false, END_AT_FIN, NULL },
	{ "down", false, false, false, false, false, END_AT_FIN, transfer_is_whole },
	{ "up", false, false, true, false, false, END_AT_FIN, count_is_right },
	{ "idle", true, false, false, true, true, END_AT_LENGTH, NULL },
};

#define USUAL_FIELDS                                                                               \
	"Host: www.example.com\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n"                       \
	"Accept-Language: en\r\nAccept-Encoding: gzip\r\nCookie: id=1234\r\n"

static const struct request requests[] = {
	{ "padded", true, "GET / HTTP/1.1\r\nHost: bench\r\n" },
	{ "usual", false, "GET /index.html HTTP/1.1\r\n" USUAL_FIELDS },
	{ "close", false, "GET /index.html HTTP/1.1\r\n" USUAL_FIELDS "Connection: close\r\n" },
	{ "put", false, "PUT /index.html HTTP/1.1\r\n" USUAL_FIELDS },
	{ "least", false, "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n" }, /* wrk's */
};

static const struct request *request = &requests[0];

/* All of a request but what pads it and ends its header; the length without the NUL. */
static size_t
request_write(char *text, size_t size)
{
	char length[48] = "";
	int written;

	if (mode->sends_body)
		snprintf(length, sizeof(length), "Content-Length: %" PRIu64 "\r\n", option_bytes);
	written = snprintf(text, size, "%s%s%s", request->start, length,
			   request->is_padded ? "X-Padding: " : "");
	return (size_t)written;
}

/* What is sent, over and over: a request with its body, or filler. */
static void
block_build(void)
{
	char text[REQUEST_START_BYTES];
	size_t text_bytes = mode->sends_request ? request_write(text, sizeof(text)) : 0;
	const char *end = request->is_padded ? "\r\n\r\n" : "\r\n";
	size_t head_bytes = text_bytes + strlen(end);

	if (request->is_padded)
		head_bytes = (size_t)option_request_bytes;
	block_bytes = mode->sends_request ? head_bytes + (mode->sends_body ? option_bytes : 0)
					  : SCRATCH_BYTES;
	block = malloc(block_bytes);
	if (block == NULL)
		tool_die("block");
	memset(block, 'x', block_bytes);
	if (mode->sends_request) {
		memcpy(block, text, text_bytes);
		memcpy(block + head_bytes - strlen(end), end, strlen(end));
	}
}

/*
 * Take what came into account. An answer's length is known from its header on; false when that is not
 * of status 200 with a Content-Length, or more came than it says.
 */
static bool
slot_take(struct slot *s, const char *bytes, size_t count)
{
	size_t room = HEAD_BYTES - s->head_bytes;
	const char *end, *field;

	s->received_bytes += count;
	if (!mode->sends_request && !mode->sends_bytes)
		return true;
	if (s->wanted_bytes == 0) {
		memcpy(s->head + s->head_bytes, bytes, count < room ? count : room);
		s->head_bytes += count < room ? count : room;
		s->head[s->head_bytes] = '\0';
		end = strstr(s->head, "\r\n\r\n");
		if (end == NULL)
			return s->head_bytes < HEAD_BYTES;
		field = strcasestr(s->head, "\r\nContent-Length:");
		if (field == NULL || field > end ||
		    strncmp(s->head + strlen("HTTP/1.1"), " 200", 4) != 0)
			return false;
		s->wanted_bytes = (uint64_t)(end + 4 - s->head) +
				  strtoull(field + strlen("\r\nContent-Length:"), NULL, 10);
	}
	return s->received_bytes <= s->wanted_bytes;
}

static void
slot_close(struct slot *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/*
 * How many bytes to ask for, and whether they are only counted: those are not copied, the proxy shall be
 * the slow one. Of an answer that is all behind the header.
 */
static size_t
slot_wants(const struct slot *s, bool *counts)
{
	*counts = !mode->sends_bytes && (!mode->sends_request || s->wanted_bytes > 0);
	return mode->sends_request && s->wanted_bytes == 0 ? FIRST_BYTES : sizeof(scratch);
}

/* False when the connection failed. */
static bool
slot_send(struct slot *s)
{
	while (s->to_send_bytes > 0) {
		size_t chunk = block_bytes - s->send_at;
		ssize_t sent;

		if (chunk > s->to_send_bytes)
			chunk = (size_t)s->to_send_bytes;
		sent = send(s->fd, block + s->send_at, chunk, MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN || errno == EINTR;
		s->to_send_bytes -= (uint64_t)sent;
		s->send_at = (s->send_at + (size_t)sent) % block_bytes;
		if (s->to_send_bytes == 0 && mode->sends_bytes && shutdown(s->fd, SHUT_WR) != 0)
			return false;
	}
	return true;
}

enum received {
	RECEIVED_SOME,
	RECEIVED_UNIT,
	RECEIVED_BAD,
};

static enum received
slot_on_fin(struct slot *s)
{
	if (mode->end != END_AT_FIN || s->to_send_bytes > 0)
		return RECEIVED_BAD;
	if (mode->judge != NULL)
		return mode->judge(s->received_bytes, s->head) ? RECEIVED_UNIT : RECEIVED_BAD;
	return s->wanted_bytes > 0 && s->received_bytes == s->wanted_bytes ? RECEIVED_UNIT
									   : RECEIVED_BAD;
}

static enum received
slot_receive(struct slot *s, bool peer_closed)
{
	for (;;) {
		bool counts;
		size_t asked = slot_wants(s, &counts);
		ssize_t got = recv(s->fd, scratch, asked, counts ? MSG_TRUNC : 0);

		if (got < 0)
			return errno == EAGAIN || errno == EINTR ? RECEIVED_SOME : RECEIVED_BAD;
		if (got == 0)
			return slot_on_fin(s);
		if (!slot_take(s, scratch, (size_t)got))
			return RECEIVED_BAD;
		if (mode->end == END_AT_LENGTH && s->wanted_bytes > 0 &&
		    s->received_bytes == s->wanted_bytes)
			return RECEIVED_UNIT;
		if ((size_t)got < asked && !peer_closed)
			return RECEIVED_SOME;
	}
}

/* Take a unit, if one is left. A connect that fails at once uses up its unit. */
static void
slot_begin(struct slot *s)
{
	while (units_left > 0 && !s->busy) {
		units_left--;
		s->started_ns = tool_now_ns();
		s->to_send_bytes = mode->sends_request ? block_bytes : 0;
		if (mode->sends_bytes)
			s->to_send_bytes = option_bytes;
		s->send_at = 0;
		s->received_bytes = 0;
		s->wanted_bytes = 0;
		s->head_bytes = 0;
		s->head[0] = '\0';
		if (s->fd < 0) {
			s->fd = tool_connect(&to_addr);
			if (s->fd >= 0)
				tool_watch(epoll_fd, s->fd, s);
		}
		s->busy = s->fd >= 0;
		slots_busy += s->busy;
		errors += !s->busy;
	}
}

static void
slot_end_unit(struct slot *s, bool good)
{
	finished_ns = tool_now_ns();
	if (good) {
		units_done++;
		histogram_add(&latencies, finished_ns - s->started_ns);
	} else {
		errors++;
	}
	if (!good || !mode->keeps_connection)
		slot_close(s);
	s->busy = false;
	slots_busy--;
	if (!mode->holds)
		slot_begin(s);
	else if (slots_used < option_connections)
		slot_begin(&slots[slots_used++]);
}

/* A connection without a unit has nothing to hear. */
static void
slot_on_event_idle(struct slot *s)
{
	if (recv(s->fd, scratch, sizeof(scratch), 0) >= 0 || errno != EAGAIN) {
		errors++;
		slot_close(s);
	}
}

static void
slot_on_event(struct slot *s, uint32_t events)
{
	enum received received = RECEIVED_SOME;

	if (!s->busy) {
		slot_on_event_idle(s);
		return;
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		received = slot_receive(s, (events & ~(uint32_t)(EPOLLIN | EPOLLOUT)) != 0);
	if (received == RECEIVED_SOME) {
		if (!slot_send(s))
			slot_end_unit(s, false);
		return;
	}
	slot_end_unit(s, received == RECEIVED_UNIT);
	/* on a kept connection nothing else will wake the next unit */
	if (s->busy && mode->keeps_connection && !slot_send(s))
		slot_end_unit(s, false);
}

static void
slots_init(void)
{
	slots = calloc(option_connections, sizeof(*slots));
	if (slots == NULL)
		tool_die("%" PRIu64 " connections", option_connections);
	for (uint64_t i = 0; i < option_connections; i++)
		slots[i].fd = -1;
}

static void
load_run(void)
{
	struct epoll_event events[EVENTS_A_TURN];

	started_ns = finished_ns = tool_now_ns();
	while (slots_used < option_connections && (!mode->holds || slots_used < CONNECTS_UNDER_WAY))
		slot_begin(&slots[slots_used++]);
	while (slots_busy > 0) {
		int count = epoll_wait(epoll_fd, events, EVENTS_A_TURN, STALL_MS);

		if (count < 0 && errno != EINTR)
			tool_die("epoll_wait");
		if (count == 0) {
			errors += slots_busy + units_left;
			break;
		}
		for (int i = 0; i < count; i++)
			slot_on_event(events[i].data.ptr, events[i].events);
	}
}

static void
load_report(void)
{
	double seconds = (double)(finished_ns - started_ns) / 1e9;

	printf("{\"units\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"seconds\":%.6f,"
	       "\"per_second\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f}\n",
	       units_done, errors, seconds, seconds > 0 ? (double)units_done / seconds : 0,
	       (double)histogram_percentile_ns(&latencies, 0.5) / 1e3,
	       (double)histogram_percentile_ns(&latencies, 0.99) / 1e3,
	       (double)histogram_percentile_ns(&latencies, 0.999) / 1e3);
	if (fflush(stdout) != 0)
		tool_die("stdout");
}

/* The line above said that all connections are open; they stay until whoever reads it lets go. */
static void
load_hold(void)
{
	while (mode->holds && read(STDIN_FILENO, scratch, sizeof(scratch)) > 0)
		continue;
}

static void
request_choose(const char *name)
{
	request = NULL;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(requests[i].name, name) == 0)
			request = &requests[i];
	}
	errno = 0;
	if (request == NULL)
		tool_die("--request is padded, usual, close, put or least");
}

static void
options_check(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (name != NULL && strcmp(modes[i].name, name) == 0)
			mode = &modes[i];
	}
	errno = 0;
	if (mode == NULL || to_addr.sin_port == 0)
		tool_die("usage: load small|put|churn|down|up|idle --to ADDRESS:PORT "
			 "[--connections C] [--units U] [--request SHAPE] [--request-bytes N] "
			 "[--bytes N]");
	if ((!mode->sends_request || mode->sends_body) && option_bytes == 0)
		tool_die("%s needs --bytes", mode->name);
	if (option_request_bytes < REQUEST_LEAST_BYTES || option_request_bytes > REQUEST_MOST_BYTES)
		tool_die("--request-bytes is %d to %d", REQUEST_LEAST_BYTES, REQUEST_MOST_BYTES);
	if (mode->holds)
		option_units = option_connections;
	units_left = option_units;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' },
		{ "bytes", required_argument, NULL, 'b' },
		{ "connections", required_argument, NULL, 'c' },
		{ "request", required_argument, NULL, 'q' },
		{ "request-bytes", required_argument, NULL, 'r' },
		{ "units", required_argument, NULL, 'u' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't': to_addr = tool_addr(optarg); break;
		case 'b': option_bytes = tool_number("bytes", optarg); break;
		case 'c': option_connections = tool_number("connections", optarg); break;
		case 'q': request_choose(optarg); break;
		case 'r': option_request_bytes = tool_number("request-bytes", optarg); break;
		case 'u': option_units = tool_number("units", optarg); break;
		default: return 2;
		}
	}
	options_check(argv[optind]);
	block_build();
	slots_init();
	epoll_fd = tool_epoll();
	load_run();
	load_report();
	load_hold();
	return errors == 0 ? 0 : 1;
}
