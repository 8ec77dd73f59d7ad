/*
 * From a client to a server: choose, wait in line, connect, and what follows a failure.
 *
 * HAProxy's rules ("retries", "option redispatch"): a retry on the same server comes after
 * min(timeout connect, 1 s), but for one after a time-out, which has been wait enough. With "redispatch" each
 * retry goes elsewhere, at once, where others serve, too; its interval counts where a rule named the server
 * (HAProxy 2.6 does so, whatever its manual says of the last retry). A server that takes no new streams any
 * more is not retried either. In HTTP mode an idle connection may be there, which saves the connect, and
 * retry_on may rule retries out.
 *
 * The stream's worker.
 */
#include "config.h"
#include <errno.h>
#include "core/obj.h"
#include "stream/stream_log_priv.h"
#include "stream/stream_priv.h"

#define RETRY_WAIT_MS	1000		   /* HAProxy manual, "retries" */
#define STREAM_KEY_OWN	(UINT64_C(1) << 63) /* a connection's key that no client has */

static struct server_slot *
stream_server_slot(const struct stream *s)
{
	return server_slot(s->server, s->worker->index);
}

static struct backend_counters *
stream_backend_counters(const struct stream *s)
{
	return &s->backend->slots[s->worker->index].counters;
}

/* It was to go elsewhere: that is done, or nobody cares any more. */
static void
stream_forget_avoided(struct stream *s)
{
	if (s->avoid != NULL)
		snap_unref(&server_slot(s->avoid, s->worker->index)->ref);
	s->avoid = NULL;
}

void
stream_leave_server(struct stream *s)
{
	struct server *server = s->server;

	stream_forget_avoided(s);
	if (server == NULL)
		return;
	s->server = NULL;
	list_remove(&s->by_server);
	backend_leave(server, s->worker->index);
}

/* What an errno of connect() means for the log. */
static enum end_cause
stream_connect_cause(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case EAGAIN: /* a Unix socket whose queue is full */ return END_CONNECT_REFUSED;
	case ETIMEDOUT: return END_CONNECT_TIMEOUT;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
	case EADDRNOTAVAIL:
	case EADDRINUSE: return END_RESOURCE;
	default: return END_CONNECT_FAILED;
	}
}

/* A connecting socket that is readable has failed, or its server is one that speaks first. */
static void
stream_on_connect_wake(struct stream *s, struct conn *c)
{
	int error = c->readable ? conn_error(c) : 0;

	if (error != 0)
		stream_connect_failed(s, stream_connect_cause(-error));
	else if (c->writable)
		s->mode->connected(s);
}

void
stream_on_server_wake(struct conn *c)
{
	struct server_conn *sc =
		obj_cast(container_of(c, struct server_conn, conn), SERVER_CONN_MAGIC);
	struct stream *s = obj_cast(sc->owner, STREAM_MAGIC);

	loop_mark(s->worker->loop);
	if (s->state == STREAM_CONNECTING)
		stream_on_connect_wake(s, c);
	else
		s->mode->on_server(s);
}

/*
 * Who may use a connection besides us: behind a PROXY header each client has his own (HAProxy does the
 * same). 0: anybody.
 */
uint64_t
stream_conn_key(const struct stream *s)
{
	const struct server_conf *conf = stream_server_slot(s)->conf;

	if (conf->send_proxy.version == 0)
		return 0;
	/* what rules made of its addresses is this stream's alone: so is the connection */
	return s->ruled != NULL && s->ruled->addrs != NULL ? s->id | STREAM_KEY_OWN
							   : client_identity(s->client);
}

static struct server_conn *
stream_open_conn(struct stream *s, int *result)
{
	return server_conn_open(stream_server_slot(s), s->worker->loop, stream_conn_key(s), s,
				stream_on_server_wake, result);
}

static void
stream_connect_new(struct stream *s)
{
	int result;

	s->state = STREAM_CONNECTING;
	stream_set_deadline(s, s->backend_conf->timeout_connect);
	stream_note_active(s);
	s->sc = stream_open_conn(s, &result);
	/* idle connections are worth less than one that is wanted now */
	if (s->sc == NULL && (result == -EMFILE || result == -ENFILE) &&
	    pools_close_idle(s->worker->index))
		s->sc = stream_open_conn(s, &result);
	if (s->sc == NULL) {
		stream_connect_failed(s, stream_connect_cause(-result));
		return;
	}
	if (result > 0)
		s->mode->connected(s);
}

void
stream_connect(struct stream *s)
{
	if (s->mode->take_idle != NULL && !s->wants_new) {
		s->sc = s->mode->take_idle(s);
		if (s->sc != NULL) {
			s->mode->connected(s);
			return;
		}
	}
	stream_connect_new(s);
}

size_t
stream_proxy_header(const struct stream *s, char buf[PROXY_OUT_MAX_BYTES])
{
	const struct proxy_send *how = &stream_server_slot(s)->conf->send_proxy;
	const struct proxied *proxied = s->client->proxied;
	struct slice tlvs = { NULL, 0 };
	struct addr from, to;

	if (how->version == 0)
		return 0;
	stream_peer_addr(stream_src(s), &from);
	stream_dst(s, &to);
	if (proxied != NULL)
		tlvs = (struct slice){ proxied->tlvs, proxied->tlvs_len };
	return proxy_write(buf, how, &from, &to, tlvs);
}

/* The server that it has once more, in a moment: a connect that fails at once must not pile up calls. */
static void
stream_retry_later(struct stream *s)
{
	s->state = STREAM_RETRYING;
	stream_set_deadline(s, s->retry_wait_ms);
}

static void
stream_count_redispatch(struct stream *s)
{
	count_add(&server_slot(s->avoid, s->worker->index)->counters.redispatches, 1);
	count_add(&stream_backend_counters(s)->redispatches, 1);
	s->redispatched = true;
}

static void
stream_take_server(struct stream *s, struct server *server, enum pick pick)
{
	const uint64_t now_ms = s->worker->loop->now_ms;

	s->queue_time_ms = stream_queued_for_ms(s, s->state == STREAM_QUEUED);
	if (s->state == STREAM_QUEUED)
		s->queue_served += queue_serve(&s->waiter);
	if (s->assigned_ms == 0)
		s->assigned_ms = now_ms;
	if (s->avoid != NULL && s->avoid != server)
		stream_count_redispatch(s);
	stream_forget_avoided(s);
	s->server = server;
	s->pick = s->redispatched && pick != PICK_RETRY ? PICK_REDISPATCH : pick;
	s->is_named = pick == PICK_RULE;
	list_append(&stream_server_slot(s)->streams, &s->by_server);
	count_add(&stream_server_slot(s)->counters.sessions, 1);
	rate_add(&stream_server_slot(s)->counters.session_rate, now_ms);
	if (pick == PICK_RETRY)		/* the others were full, or have gone meanwhile */
		stream_retry_later(s);
	else
		stream_connect(s);
}

static void
stream_wait(struct stream *s, uint32_t ahead)
{
	if (s->state == STREAM_QUEUED)
		return;		/* it was called for nothing: its time-out runs on */
	s->state = STREAM_QUEUED;
	s->queued_ms = s->worker->loop->now_ms;
	s->queue_ahead += ahead;
	stream_set_deadline(s, s->backend_conf->timeout_queue);
	stream_note_active(s);
}

void
stream_give_up_waiting(struct stream *s)
{
	if (s->state == STREAM_QUEUED)
		s->queue_served += queue_give_up(&s->waiter);
}

/*
 * A connection that was authenticated (NTLM) is worth more than balance: its next request is the other half of
 * what it began (HAProxy keeps to the server, too, after a 401 or 407).
 */
static bool
stream_keep_to_own(struct stream *s)
{
	const struct server_conn *own = s->client->own;
	struct server *server;

	if (own == NULL || !own->is_private || own->slot->server->backend != s->backend)
		return false;
	server = own->slot->server;
	if (!backend_take(server, s->worker->index))
		return false;
	stream_take_server(s, server, PICK_OWN);
	return true;
}

/* "use-server": where it is up (HAProxy manual); else the balance says where to. */
static bool
stream_go_to_wanted(struct stream *s)
{
	struct server *server = s->ruled == NULL ? NULL : s->ruled->wanted;

	if (server == NULL)
		return false;
	s->ruled->wanted = NULL;
	if (!backend_take_named(server, s->worker->index))
		return false;
	stream_take_server(s, server, PICK_RULE);
	return true;
}

void
stream_choose(struct stream *s, bool was_called)
{
	const uint32_t ahead = queue_length(&s->backend->queue);
	struct server *server;
	enum err result;
	enum pick pick;

	if (s->avoid == NULL && !was_called && (stream_go_to_wanted(s) || stream_keep_to_own(s)))
		return;
	if (!was_called)
		s->waiter.place_ms = (int64_t)s->worker->loop->now_ms;
	s->waiter.priority_class = stream_wishes(s)->priority_class;
	s->waiter.priority_offset_ms = stream_wishes(s)->priority_offset;
	result = backend_pick_or_wait(s->backend, s->worker->index, s->avoid, &s->waiter,
				      was_called, &server, &pick);
	if (result == ERR_OK)
		stream_take_server(s, server, pick);
	else if (result == ERR_BUSY)
		stream_wait(s, ahead);
	else
		s->mode->failed(s, result == ERR_LIMIT ? END_QUEUE_FULL : END_NO_SERVER);
}

/*
 * Does retry number `retry` (from 1) of `retries` go elsewhere? Positive: every Nth; negative: the
 * Nth before the last, the last being -1 (HAProxy manual, "option redispatch").
 */
static bool
redispatch_is_due(int32_t interval, uint32_t retry, uint32_t retries)
{
	int64_t every = interval;

	if (interval < 0)
		every = (int64_t)retries + 1 + interval;
	if (interval == 0 || every <= 0)
		return false;
	return retry % (uint64_t)every == 0;
}

/* How many servers take new streams, beside its own. */
static uint32_t
stream_others(const struct stream *s)
{
	const struct backend_slot *slot = &s->backend->slots[s->worker->index];

	return lb_count(slot->lb) - (stream_server_slot(s)->node.weight > 0);
}

/* May it retry its server? A rule may have named one that drains. */
static bool
stream_may_stay(const struct stream *s)
{
	const struct server_slot *slot = stream_server_slot(s);

	return slot->node.weight > 0 ||
	       (s->is_named && slot->conf != NULL && server_is_up(s->server));
}

static bool
stream_goes_elsewhere(const struct stream *s, uint32_t retries)
{
	const int32_t interval = s->backend_conf->redispatch;

	if (stream_others(s) == 0)
		return false;
	if (!stream_may_stay(s))
		return true;
	if (s->is_named)
		return redispatch_is_due(interval, s->retries, retries);
	return interval != 0;
}

/* What it has failed at; whether that is counted as a redispatch is known once there is a server. */
static void
stream_avoid_server(struct stream *s)
{
	struct server *server = s->server;

	snap_ref(&stream_server_slot(s)->ref);
	stream_leave_server(s);
	s->avoid = server;
}

/* Go elsewhere, in a moment, too. */
static void
stream_redispatch(struct stream *s)
{
	stream_avoid_server(s);
	s->state = STREAM_RETRYING;
	stream_set_deadline(s, 0);
}

void
stream_try_again(struct stream *s, enum end_cause cause, uint32_t wait_ms)
{
	const uint32_t retries = stream_retries_max(s);

	if (s->retries >= retries) {
		s->mode->failed(s, cause);
		return;
	}
	s->retries++;
	s->retry_wait_ms = wait_ms;
	if (stream_goes_elsewhere(s, retries))
		stream_redispatch(s);
	else
		stream_retry_later(s);
}

/* In mode tcp each failed connect is worth a retry, in mode http those that retry_on names are. */
static bool
stream_connects_again(const struct stream *s)
{
	const struct backend_conf *conf = s->backend_conf;

	return conf->mode != MODE_HTTP || (conf->http.retry_on & RETRY_ON_CONN_FAILURE) != 0;
}

/* HAProxy manual, "retries": not at once, to a server that starts anew. A time-out has been wait enough. */
static uint32_t
stream_retry_wait_ms(const struct stream *s, enum end_cause cause)
{
	const int64_t timeout_ms = s->backend_conf->timeout_connect;

	if (cause == END_CONNECT_TIMEOUT)
		return 0;
	return timeout_ms < RETRY_WAIT_MS ? (uint32_t)timeout_ms : RETRY_WAIT_MS;
}

void
stream_connect_failed(struct stream *s, enum end_cause cause)
{
	stream_close(s, SERVER);
	if (cause != END_RESOURCE) {	/* that is our own fault */
		observe_error(stream_server_slot(s), OBSERVED_CONNECT);
		count_add(&stream_server_slot(s)->counters.connect_errors, 1);
		count_add(&stream_backend_counters(s)->connect_errors, 1);
	}
	if (stream_connects_again(s))
		stream_try_again(s, cause, stream_retry_wait_ms(s, cause));
	else
		s->mode->failed(s, cause);
}

void
stream_retry(struct stream *s)
{
	if (s->avoid == NULL && stream_may_stay(s)) {
		count_add(&stream_server_slot(s)->counters.retries, 1);
		count_add(&stream_backend_counters(s)->retries, 1);
		s->pick = PICK_RETRY;
		stream_connect(s);
		return;
	}
	if (s->avoid == NULL)
		stream_avoid_server(s);
	stream_choose(s, false);
}
