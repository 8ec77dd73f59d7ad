/*
 * Bulk in both directions at once, byte for byte, copied and spliced, over each kind of socket; and
 * what is held when nobody reads.
 */
#include "config.h"
#include "t/unit/stream/rig.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIB (1024 * 1024)
#define BLOCK_BYTES (1 << 16)
#define PERIOD	    65521	/* a prime: no shift by a buffer's size goes unnoticed */

/* One end of the conversation: it says all it has to say, ends, and reads to the end. */
struct end {
	int		 fd;
	uint64_t	 to_send, sent, received;
	bool		 reading, done;
};

static unsigned char pattern[PERIOD + BLOCK_BYTES];

static void
pattern_fill(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(pattern); i++) {
		if (i >= PERIOD) {
			pattern[i] = pattern[i - PERIOD];
			continue;
		}
		x = x * 1664525 + 1013904223;
		pattern[i] = (unsigned char)(x >> 24);
	}
}

static void
end_send(struct end *e)
{
	uint64_t left = e->to_send - e->sent;
	ssize_t n = send(e->fd, pattern + e->sent % PERIOD, left < BLOCK_BYTES ? left : BLOCK_BYTES,
			 MSG_NOSIGNAL);

	assert_true(n > 0 || errno == EAGAIN);
	if (n > 0)
		e->sent += (uint64_t)n;
	if (e->sent == e->to_send)
		rig_finish(e->fd);
}

static void
end_receive(struct end *e)
{
	unsigned char got[BLOCK_BYTES];
	ssize_t n = recv(e->fd, got, sizeof(got), 0);

	assert_true(n >= 0 || errno == EAGAIN);
	if (n > 0) {
		assert_memory_equal(got, pattern + e->received % PERIOD, n);
		e->received += (uint64_t)n;
	}
	e->done = n == 0;
}

static void
end_open(struct end *e, int fd, uint64_t to_send)
{
	*e = (struct end){ .fd = fd, .to_send = to_send, .reading = true };
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

/* Until both are done, or nothing moves for `quiet_ms`. */
static void
converse(struct end ends[2], int quiet_ms)
{
	for (;;) {
		struct pollfd fds[2];

		for (int i = 0; i < 2; i++) {
			fds[i] = (struct pollfd){ .fd = ends[i].fd };
			if (ends[i].sent < ends[i].to_send)
				fds[i].events |= POLLOUT;
			if (ends[i].reading && !ends[i].done)
				fds[i].events |= POLLIN;
			if (fds[i].events == 0)
				fds[i].fd = -1;
		}
		if ((ends[0].done && ends[1].done) || poll(fds, 2, quiet_ms) == 0)
			return;
		for (int i = 0; i < 2; i++) {
			if (fds[i].revents & POLLOUT)
				end_send(&ends[i]);
			if (fds[i].revents & (POLLIN | POLLHUP | POLLERR))
				end_receive(&ends[i]);
		}
	}
}

static void
exchange(uint64_t up, uint64_t down)
{
	struct end ends[2];
	int client, server;

	rig_pair(&client, &server);
	end_open(&ends[0], client, up);
	end_open(&ends[1], server, down);
	for (int i = 0; i < 2; i++) {
		if (ends[i].to_send == 0)
			rig_finish(ends[i].fd);
	}
	converse(ends, RIG_WAIT_S * 1000);
	assert_int_equal(ends[1].received, up);
	assert_int_equal(ends[0].received, down);
	close(client);
	close(server);
	rig_logs("\"termination_state\":\"--\"");
}

static void
bulk_both_ways_arrives_unchanged(void **state)
{
	RIG(0);
	exchange(64 * MIB, 64 * MIB);
}

static void
spliced_bulk_both_ways_arrives_unchanged(void **state)
{
	struct engine_totals totals;

	RIG(.pipe_memory = 4 * MIB);
	exchange(64 * MIB, 64 * MIB);
	engine_totals(&totals);
	assert_in_range(totals.pipe_memory_used, 64 * 1024, 4 * MIB);	/* so pipes were used */
}

static void
a_budget_for_one_small_pipe_is_kept(void **state)
{
	struct engine_totals totals;

	RIG(.pipe_memory = 100 * 1024);
	exchange(16 * MIB, 16 * MIB);
	engine_totals(&totals);
	assert_in_range(totals.pipe_memory_used, 0, 100 * 1024);
}

static void
spliced_bulk_over_unix_sockets_arrives_unchanged(void **state)
{
	RIG(.pipe_memory = 4 * MIB, .unix_client = true, .unix_server = true);
	exchange(16 * MIB, 16 * MIB);
}

static void
spliced_bulk_from_ipv6_to_a_unix_socket_arrives_unchanged(void **state)
{
	RIG(.pipe_memory = 4 * MIB, .ipv6 = true, .unix_server = true);
	exchange(16 * MIB, 5 * MIB + 1);
}

static void
odd_sizes_arrive_unchanged(void **state)
{
	static const uint32_t sizes[] = { 0,     1,      16383,  16384,  16385,
					  65536, 262143, 262144, 262145, 600001 };

	RIG(.pipe_memory = 2 * MIB);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		exchange(sizes[i], sizes[sizeof(sizes) / sizeof(sizes[0]) - 1 - i]);
}

static void
set_buffers(int fd, int bytes)
{
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
}

/* The server sends, the client does not read: all stands still, and goes on when it does. */
static void
hold_back(uint64_t limit)
{
	struct end ends[2];
	int client, server;

	rig_pair(&client, &server);
	set_buffers(client, 32 * 1024);
	end_open(&ends[0], client, 0);
	end_open(&ends[1], server, 256 * MIB);
	ends[0].reading = false;
	rig_finish(client);
	ends[1].done = true;
	converse(ends, 500);
	assert_in_range(ends[1].sent, 1, limit);
	ends[1].to_send = ends[1].sent + 3 * MIB;
	ends[0].reading = true;
	converse(ends, RIG_WAIT_S * 1000);
	assert_int_equal(ends[0].received, ends[1].to_send);
	close(client);
	close(server);
	rig_logs("\"termination_state\":\"--\"");
}

/* The kernel's buffers of two connections, and what we hold: far from 256 MiB. */
static void
a_reader_that_stops_stops_the_writer(void **state)
{
	RIG(0);
	hold_back(96 * MIB);
}

static void
a_reader_that_stops_stops_the_writer_with_splice_too(void **state)
{
	RIG(.pipe_memory = 2 * MIB);
	hold_back(96 * MIB);
}

/* It ends while bytes are held for it, in slabs or in a pipe. */
static void
a_reader_that_leaves_with_bytes_held_for_it_leaves_nothing_behind(void **state)
{
	struct end ends[2];
	int client, server;

	RIG(.pipe_memory = 2 * MIB);
	rig_pair(&client, &server);
	end_open(&ends[0], client, 0);
	end_open(&ends[1], server, 256 * MIB);
	ends[0].reading = false;
	ends[1].done = true;
	converse(ends, 300);
	rig_reset(client);
	rig_logs("\"termination_state\":\"CD\"");
	close(server);
}

static void
many_streams_at_once_arrive_unchanged(void **state)
{
	struct end ends[20][2];
	int client, server, running = 20;

	RIG(.threads = 2, .pipe_memory = 2 * MIB);
	for (int i = 0; i < 20; i++) {
		rig_pair(&client, &server);
		end_open(&ends[i][0], client, 1 * MIB + (uint64_t)i);
		end_open(&ends[i][1], server, 2 * MIB + (uint64_t)i);
	}
	while (running > 0) {
		running = 0;
		for (int i = 0; i < 20; i++) {
			converse(ends[i], 0);
			running += !ends[i][0].done || !ends[i][1].done;
		}
	}
	for (int i = 0; i < 20; i++) {
		assert_int_equal(ends[i][0].received, 2 * MIB + i);
		assert_int_equal(ends[i][1].received, 1 * MIB + i);
		close(ends[i][0].fd);
		close(ends[i][1].fd);
	}
}

#define ONE(test)                                                           \
	{                                                                   \
		.name = #test, .test_func = test, .teardown_func = rig_stop \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(bulk_both_ways_arrives_unchanged),
		ONE(spliced_bulk_both_ways_arrives_unchanged),
		ONE(a_budget_for_one_small_pipe_is_kept),
		ONE(spliced_bulk_over_unix_sockets_arrives_unchanged),
		ONE(spliced_bulk_from_ipv6_to_a_unix_socket_arrives_unchanged),
		ONE(odd_sizes_arrive_unchanged),
		ONE(a_reader_that_stops_stops_the_writer),
		ONE(a_reader_that_stops_stops_the_writer_with_splice_too),
		ONE(a_reader_that_leaves_with_bytes_held_for_it_leaves_nothing_behind),
		ONE(many_streams_at_once_arrive_unchanged),
	};

	pattern_fill();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
