/*
 * A connection of the admin server: its phases and their deadlines.
 *
 * The library's own timeout counts inactivity only, so a client that sends a byte now and then
 * would stay for ever: the deadlines here are absolute, one timer a connection, set when a phase
 * begins. Running out shuts the socket down; the library then finds its end and closes it.
 * Control thread only.
 */
#include "config.h"
#include "adminapi/http/http_priv.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/log.h"

#define FIN_GRACE_MS 100	/* of a client that has said all: for what the library holds already */

/* The deadline of a phase; 0: none. */
static uint32_t
phase_limit_ms(const struct http_limits *limits, enum connection_phase phase)
{
	switch (phase) {
	case CONNECTION_HEADERS: return limits->headers_ms;
	case CONNECTION_BODY: return limits->body_ms;
	case CONNECTION_IDLE: return limits->idle_ms;
	case CONNECTION_CALL:
	case CONNECTION_ANSWER:
	case CONNECTION_CUT: break;
	}
	return 0;
}

void
connection_enter(struct connection *c, enum connection_phase phase)
{
	uint32_t limit_ms = phase_limit_ms(&c->http->limits, phase);

	if (c->phase == CONNECTION_CUT)
		return;
	c->phase = phase;
	if (limit_ms > 0)
		wheel_set(&c->http->loop->wheel, &c->deadline, c->http->loop->now_ms + limit_ms);
	else
		wheel_cancel(&c->deadline);
}

static void
connection_cut(struct connection *c)
{
	connection_enter(c, CONNECTION_CUT);
	shutdown(c->fd, SHUT_RDWR);	/* wakes the library's epoll */
}

static void
connection_on_deadline(struct wheel_timer *timer)
{
	struct connection *c =
		obj_cast(container_of(timer, struct connection, deadline), CONNECTION_MAGIC);

	if (c->phase != CONNECTION_IDLE && http_may_log(c->http))
		log_msg(LOG_LEVEL_INFO, "admin: %s: closed, %s did not end within %u ms", c->peer,
			c->phase == CONNECTION_BODY ? "the body" : "the headers",
			phase_limit_ms(&c->http->limits, c->phase));
	if (c->phase == CONNECTION_BODY)
		answer_send_raw(c->fd, MHD_HTTP_REQUEST_TIMEOUT, "the body did not come in time");
	connection_cut(c);
}

struct connection *
connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	assert(info != NULL);
	return obj_cast(info->socket_context, CONNECTION_MAGIC);
}

/* "127.0.0.1:1234", or who is behind a Unix socket. */
static void
peer_format(struct connection *c, const struct addr *peer)
{
	char text[ADDR_TEXT_BYTES];
	struct ucred who;
	socklen_t len = sizeof(who);

	if (!addr_is_unix(peer))
		snprintf(c->peer, sizeof(c->peer), "%s", addr_format(peer, text));
	else if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0)
		snprintf(c->peer, sizeof(c->peer), "unix uid %u", (unsigned)who.uid);
	else
		snprintf(c->peer, sizeof(c->peer), "unix");
}

/*
 * Full: the connection that has been idle for longest makes room; the one that comes is let in
 * before the library has noticed. False: none is idle.
 */
static bool
connection_make_room(struct http_server *http)
{
	struct connection *oldest = NULL;

	if (http->counts.connections_current >= http->limits.connections + HTTP_CONNECTIONS_SPARE)
		return false;
	list_foreach(node, &http->connections) {
		struct connection *c = container_of(node, struct connection, node);

		if (c->phase == CONNECTION_IDLE &&
		    (oldest == NULL || c->deadline.at_ms < oldest->deadline.at_ms))
			oldest = c;
	}
	if (oldest != NULL)
		connection_cut(oldest);
	return oldest != NULL;
}

static void
connection_turn_away(struct http_server *http, int fd, const char *detail)
{
	http->counts.refused++;
	answer_send_raw(fd, MHD_HTTP_SERVICE_UNAVAILABLE, detail);
	linger_start(http, fd);
	close(fd);
}

void
connection_open(struct http_server *http, int fd, const struct addr *peer)
{
	struct connection *c;

	if (http->counts.connections_current >= http->limits.connections &&
	    !connection_make_room(http)) {
		connection_turn_away(http, fd, "too many connections to the admin server");
		return;
	}
	c = obj_new(sizeof(*c), CONNECTION_MAGIC);
	if (c == NULL) {
		connection_turn_away(http, fd, "out of memory");
		return;
	}
	c->http = http;
	c->fd = fd;
	wheel_timer_init(&c->deadline, connection_on_deadline);
	list_init(&c->node);
	peer_format(c, peer);
	http->adding = c;
	if (MHD_add_connection(http->daemon, fd, &peer->sa, peer->len) != MHD_YES) {
		http->counts.refused++;		/* the library has closed fd */
		obj_free(http->adding);		/* NULL where the end was notified already */
		http->adding = NULL;
	}
	http_schedule(http);
}

static void
connection_started(struct http_server *http, struct MHD_Connection *mhd, void **context)
{
	struct connection *c = http->adding;

	assert(c != NULL && c->mhd == NULL);
	http->adding = NULL;
	c->mhd = mhd;
	*context = c;
	list_append(&http->connections, &c->node);
	http->counts.connections_current++;
	c->phase = CONNECTION_IDLE;
	connection_enter(c, CONNECTION_HEADERS);
}

static void
connection_closed(struct connection *c)
{
	wheel_cancel(&c->deadline);
	list_remove(&c->node);
	c->http->counts.connections_current--;
	request_free(&c->request);
	if (c->stream != NULL)
		http_stream_cut(c->stream);
	obj_free(c);
}

void
connection_on_notify(void *arg, struct MHD_Connection *mhd, void **context,
		     enum MHD_ConnectionNotificationCode code)
{
	switch (code) {
	case MHD_CONNECTION_NOTIFY_STARTED:
		connection_started(obj_cast(arg, HTTP_SERVER_MAGIC), mhd, context);
		break;
	case MHD_CONNECTION_NOTIFY_CLOSED:
		connection_closed(obj_cast(*context, CONNECTION_MAGIC));
		*context = NULL;
		break;
	}
}

/*
 * A FIN that came together with the request wakes nobody any more: the library read less than it had
 * room for, and epoll's edge is gone.
 */
static bool
connection_has_fin(const struct connection *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* The answer was sent, or the request ended some other way. */
void
connection_on_completed(void *arg, struct MHD_Connection *mhd, void **context,
			enum MHD_RequestTerminationCode code)
{
	struct connection *c = connection_of(mhd);

	request_free(&c->request);
	connection_enter(c, CONNECTION_IDLE);
	if (c->phase == CONNECTION_IDLE && connection_has_fin(c))	/* what it sent ahead is served */
		wheel_set(&c->http->loop->wheel, &c->deadline,
			  c->http->loop->now_ms + FIN_GRACE_MS);
}

enum MHD_Result
connection_refuse(struct connection *c, unsigned status, const char *detail)
{
	answer_send_raw(c->fd, status, detail);
	linger_start(c->http, c->fd);
	connection_enter(c, CONNECTION_CUT);
	c->http->closing = true;	/* until MHD_run() is over */
	return MHD_NO;
}
