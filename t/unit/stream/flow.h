/*
 * One flow between two connections on the test's own loop; the test is source, sink and worker.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/loop.h"
#include "stream/pump_priv.h"
#include "stream/worker_priv.h"

#define KIB	   1024
#define MIB	   (1024 * KIB)
#define ROOM	   (4 * MIB)

static struct worker worker;
static struct pipe_budget budget;
static struct conn from, to;
static struct flow flow;
static struct frame framed;
static int source, sink; /* the other ends of `from` and `to` */
static enum flow_result result;
static char got[ROOM]; /* what the sink read */
static size_t got_len;

static void
on_wake(struct conn *c)
{
	loop_mark(worker.loop);
}

static void
nonblocking_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
}

static void
tcp_pair(int fds[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(at);

	assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&at, len), 0);
	fds[1] = accept(listener, NULL, NULL);
	assert_true(fds[1] >= 0);
	close(listener);
	for (int i = 0; i < 2; i++)
		assert_int_equal(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
}

static void
open_conn(struct conn *c, int *peer, void (*pair)(int fds[2]))
{
	int fds[2];

	pair(fds);
	*peer = fds[1];
	conn_init(c, on_wake);
	assert_int_equal(conn_open(c, worker.loop->base, fds[0]), 0);
}

/* The flow is the body of a message like this one. */
static void
frame(enum http_framing framing, uint64_t length, bool decodes)
{
	const struct http_head head = { .framing = framing, .length = length };

	flow_frame(&flow, &framed, &head, decodes);
}

static void
scene(void (*pair)(int fds[2]), uint64_t pipe_memory)
{
	memset(&worker, 0, sizeof(worker));
	assert_int_equal(loop_new(&worker.loop, 0), ERR_OK);
	atomic_store(&budget.limit, pipe_memory);
	slab_pool_init(&worker.slabs, WORKER_SLABS_KEPT);
	pipe_pool_init(&worker.pipes, &budget, WORKER_PIPES_KEPT);
	worker.scratch = malloc(WORKER_SCRATCH_BYTES);
	assert_non_null(worker.scratch);
	open_conn(&from, &source, pair);
	open_conn(&to, &sink, pair);
	flow_init(&flow, 0);
	memset(&framed, 0, sizeof(framed));
	got_len = 0;
}

static void
scene_end(void)
{
	flow_fini(&flow, &worker);
	conn_close(&from);
	conn_close(&to);
	close(source);
	close(sink);
	slab_pool_fini(&worker.slabs); /* asserts that none is out */
	pipe_pool_fini(&worker.pipes);
	loop_free(&worker.loop);
	free(worker.scratch);
	assert_int_equal(atomic_load(&budget.used), 0);
}

/* As much as it takes; how much that was. */
static size_t
says(const char *bytes, size_t len)
{
	ssize_t n = send(source, bytes, len, MSG_NOSIGNAL);

	assert_true(n >= 0 || errno == EAGAIN);
	return n < 0 ? 0 : (size_t)n;
}

static void
says_all(const char *text)
{
	assert_int_equal(says(text, strlen(text)), strlen(text));
}

static void
ends(void)
{
	assert_int_equal(shutdown(source, SHUT_WR), 0);
}

static void
reads(void)
{
	ssize_t n;

	while ((n = recv(sink, got + got_len, ROOM - got_len, 0)) > 0)
		got_len += (size_t)n;
	assert_true(n == 0 || errno == EAGAIN);
}

static void
run_once(void)
{
	loop_turn(worker.loop, false);
	result = flow_run(&flow, &from, &to, &worker);
}

static void
run(void)
{
	do
		run_once();
	while (result == FLOW_MORE);
}

static void
assert_got(const char *bytes, size_t len)
{
	assert_int_equal(got_len, len);
	assert_memory_equal(got, bytes, len);
}
