/*
 * An admin server on a loop, and raw clients, all on the test's one thread: a wait turns the loop
 * and reads the client's socket until what it waits for is there.
 *
 * The demo resources: /v1/echo says what a call showed; /v1/later keeps its call for the test to
 * answer; /v1/stream is fed by the test; /v1/events, /healthz.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <cmocka.h>
#include "adminapi/http/route.h"
#include "adminapi/http/server.h"
#include "adminapi/rest/events.h"
#include "core/jsonw.h"
#include "core/loop.h"

#define RIG_TICK_MS   2		/* a turn that blocks comes back */
#define RIG_PATIENCE_MS 20000	/* then a wait has failed */
#define RIG_CALLS_MAX 160

static struct rig {
	struct loop		*loop;
	struct http_server	*http;
	struct http_listener	*listener;
	struct event		*tick;
	struct call		*kept[RIG_CALLS_MAX];	/* of /v1/later */
	int			 kept_count;
	/* of /v1/stream */
	struct call_stream	*stream;
	struct buf		 feed;		/* what fill() sends */
	bool			 feed_ends;
	bool			 feed_fails;
	bool			 wake_in_fill;
	int			 fills;
	int			 closes;
	uint64_t		 fill_turn;
	int			 fills_this_turn;
	int			 most_fills_a_turn;
	size_t			 least_room;
} rig;

struct client {
	struct buf	in;	/* terminated */
	int		fd;
	bool		ended;	/* FIN or RST */
	bool		reset;
};

static inline uint64_t
rig_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The demo. */

static inline void
echo_call(struct call *call)
{
	struct answer answer = { .status = 200, .etag = "\"7\"" };
	struct jsonw w;

	jsonw_init(&w, &answer.body);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "method", call->method);
	jsonw_string(&w, "peer", call->peer);
	jsonw_string(&w, "type", call->content_type);
	jsonw_string(&w, "actor", call->actor);
	jsonw_string(&w, "if_match", call->if_match);
	jsonw_string(&w, "name", call->captures[0]);
	jsonw_string(&w, "view", call_param(call, "view"));
	jsonw_uint(&w, "bytes", call->body.len);
	if (call->body.len < 100)
		jsonw_slice(&w, "body", call->body);
	jsonw_end_object(&w);
	call_answer(call, &answer);
}

static inline void
later_call(struct call *call)
{
	assert_in_range(rig.kept_count, 0, RIG_CALLS_MAX - 1);
	rig.kept[rig.kept_count++] = call;
}

/* Answers the oldest kept call from inside another's handler. */
static inline void
release_call(struct call *call)
{
	struct answer other = { .status = 200 }, own = { .status = 204 };

	buf_puts(&other.body, "{\"released\":true}");
	call_answer(rig.kept[0], &other);
	memmove(&rig.kept[0], &rig.kept[1], sizeof(rig.kept[0]) * (size_t)--rig.kept_count);
	call_answer(call, &own);
}

static inline ssize_t
feed_on_fill(void *arg, char *buf, size_t max)
{
	size_t len = rig.feed.len < max ? rig.feed.len : max;

	rig.fills++;
	rig.fills_this_turn = rig.loop->turns == rig.fill_turn ? rig.fills_this_turn + 1 : 1;
	rig.fill_turn = rig.loop->turns;
	if (rig.fills_this_turn > rig.most_fills_a_turn)
		rig.most_fills_a_turn = rig.fills_this_turn;
	if (rig.least_room == 0 || max < rig.least_room)
		rig.least_room = max;
	if (rig.wake_in_fill) {
		rig.wake_in_fill = false;
		buf_puts(&rig.feed, "woken");
		call_stream_wake(rig.stream);
		return CALL_STREAM_WAIT;
	}
	if (rig.feed_fails)
		return CALL_STREAM_ERROR;
	if (len == 0)
		return rig.feed_ends ? CALL_STREAM_END : CALL_STREAM_WAIT;
	memcpy(buf, rig.feed.at, len);
	buf_drop(&rig.feed, len);
	return (ssize_t)len;
}

static inline void
feed_on_close(void *arg)
{
	rig.closes++;
	rig.stream = NULL;
}

static inline void
stream_call(struct call *call)
{
	static const struct call_stream_ops ops = { feed_on_fill, feed_on_close };
	struct answer head = { .status = 200, .content_type = "text/plain" };

	assert_int_equal(call_stream(call, &head, &ops, &rig, &rig.stream), ERR_OK);
}

#define ALL_VERBS(handler)                                                                         \
	{                                                                                          \
		[METHOD_GET] = handler, [METHOD_PUT] = handler, [METHOD_PATCH] = handler,          \
		[METHOD_POST] = handler, [METHOD_DELETE] = handler                                 \
	}

static const struct route rig_routes[] = {
	{ "/v1/echo", ALL_VERBS(echo_call), "view depth", "dry_run" },
	{ "/v1/echo/{name}", { [METHOD_GET] = echo_call, [METHOD_PUT] = echo_call }, NULL, NULL },
	{ "/v1/keys/{key*}", { [METHOD_GET] = echo_call }, "data.*", NULL },
	{ "/v1/later", ALL_VERBS(later_call), NULL, NULL },
	{ "/v1/release", { [METHOD_POST] = release_call }, NULL, NULL },
	{ "/v1/stream", { [METHOD_GET] = stream_call }, NULL, NULL },
	{ "/v1/events", { [METHOD_GET] = events_get }, "kind", NULL },
	{ "/healthz", { [METHOD_GET] = echo_call }, NULL, NULL },
};

static inline void
rig_on_call(struct call *call)
{
	route_call(rig_routes, sizeof(rig_routes) / sizeof(rig_routes[0]), call);
}

/* The rig. */

static inline void
rig_on_tick(evutil_socket_t fd, short what, void *arg)
{
}

static inline struct http_listener *
rig_listen(const char *text, mode_t mode)
{
	struct http_listener *listener = NULL;
	struct addr addr;
	struct diag diag = { "" };

	assert_int_equal(addr_parse(&addr, slice_of(text), ADDR_ANY_PORT, &diag), ERR_OK);
	if (http_listener_open(&listener, &addr, mode, &diag) != ERR_OK)
		fail_msg("%s", diag.text);
	http_listener_start(rig.http, listener);
	return listener;
}

/* `limits`: NULL for generous ones. */
static inline void
rig_open(const struct http_limits *limits)
{
	struct timeval tick = { 0, RIG_TICK_MS * 1000 };
	struct diag diag = { "" };

	memset(&rig, 0, sizeof(rig));
	assert_int_equal(loop_new(&rig.loop, LOOP_CONTROL), ERR_OK);
	loop_adopt(rig.loop);
	rig.tick = event_new(rig.loop->base, -1, EV_PERSIST, rig_on_tick, NULL);
	event_add(rig.tick, &tick);
	if (http_server_new(&rig.http, rig.loop, rig_on_call, limits, &diag) != ERR_OK)
		fail_msg("%s", diag.text);
	rig.listener = rig_listen("127.0.0.1:0", 0);
}

static inline void
rig_turn(void)
{
	loop_turn(rig.loop, true);
}

/* Turn for a while: only to see that nothing happens meanwhile. */
static inline void
rig_turn_for(uint64_t ms)
{
	uint64_t end = rig_now_ms() + ms;

	while (rig_now_ms() < end)
		rig_turn();
}

#define rig_await(condition)                                                                       \
	do {                                                                                       \
		uint64_t await_end = rig_now_ms() + RIG_PATIENCE_MS;                               \
		while (!(condition)) {                                                             \
			if (rig_now_ms() > await_end)                                              \
				fail_msg("never came: %s", #condition);                            \
			rig_turn();                                                                \
		}                                                                                  \
	} while (0)

static inline struct http_counts
rig_counts(void)
{
	struct http_counts counts;

	http_server_counts(rig.http, &counts);
	return counts;
}

static inline void
rig_close(void)
{
	http_listener_close(&rig.listener);
	http_server_free(&rig.http);
	events_fini();
	event_free(rig.tick);
	buf_fini(&rig.feed);
	loop_free(&rig.loop);
	loop_adopt(NULL);
}

/* A raw client. */

static inline void
client_open_at(struct client *c, const struct addr *addr)
{
	memset(c, 0, sizeof(*c));
	c->fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(c->fd >= 0);
	assert_int_equal(connect(c->fd, &addr->sa, addr->len), 0);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	buf_put(&c->in, "", 1);
	c->in.len = 0;
}

static inline void
client_open(struct client *c)
{
	client_open_at(c, http_listener_address(rig.listener));
}

static inline void
client_read(struct client *c)
{
	char piece[65536];
	ssize_t got;

	while (!c->ended && (got = recv(c->fd, piece, sizeof(piece), 0)) != 0) {
		if (got < 0) {
			if (errno == EAGAIN || errno == EINTR)
				return;
			c->reset = c->ended = true;
			return;
		}
		buf_put(&c->in, piece, (size_t)got);
		buf_put(&c->in, "", 1);
		c->in.len--;
	}
	c->ended = true;
}

/* Send all, unless the other side ends first. */
static inline void
client_send_bytes(struct client *c, const char *bytes, size_t len)
{
	uint64_t end = rig_now_ms() + RIG_PATIENCE_MS;

	while (len > 0 && !c->ended) {
		ssize_t sent = send(c->fd, bytes, len, MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			break;
		if (sent > 0) {
			bytes += sent;
			len -= (size_t)sent;
			continue;
		}
		assert_true(rig_now_ms() < end);
		rig_turn();
		client_read(c);
	}
}

static inline void
client_send(struct client *c, const char *text)
{
	client_send_bytes(c, text, strlen(text));
}

static inline bool
client_has(struct client *c, const char *text)
{
	client_read(c);
	return strstr(c->in.at, text) != NULL;
}

static inline void
client_await(struct client *c, const char *text)
{
	uint64_t end = rig_now_ms() + RIG_PATIENCE_MS;

	while (!client_has(c, text)) {
		if (c->ended || rig_now_ms() > end)
			fail_msg("\"%s\" never came (%s), but: %s", text,
				 c->ended ? "closed" : "open", c->in.at);
		rig_turn();
	}
}

static inline void
client_await_end(struct client *c)
{
	rig_await((client_read(c), c->ended));
}

static inline void
client_forget(struct client *c)
{
	c->in.len = 0;
	c->in.at[0] = '\0';
}

static inline void
client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	buf_fini(&c->in);
}

/* One request on a connection of its own: the whole answer, until the server closes. Static memory. */
static inline const char *
ask(const char *request)
{
	static char answer[1 << 20];
	struct client c;

	client_open(&c);
	client_send(&c, request);
	client_await_end(&c);
	snprintf(answer, sizeof(answer), "%s", c.in.at);
	client_close(&c);
	return answer;
}

#define HOST "Host: localhost\r\n"
#define BYE  "Connection: close\r\n\r\n"

#define assert_says(text, part)                                                                    \
	do {                                                                                       \
		const char *says_text = (text);                                                    \
		if (strstr(says_text, (part)) == NULL)                                             \
			fail_msg("no \"%s\" in: %s", (part), says_text);                           \
	} while (0)
#define assert_silent(text, part)                                                                  \
	do {                                                                                       \
		const char *says_text = (text);                                                    \
		if (strstr(says_text, (part)) != NULL)                                             \
			fail_msg("\"%s\" in: %s", (part), says_text);                              \
	} while (0)

static inline int
rig_setup(void **state)
{
	rig_open(NULL);
	return 0;
}

static inline int
rig_teardown(void **state)
{
	rig_close();
	return 0;
}

#define rig_test(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
