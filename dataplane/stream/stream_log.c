/*
 * What a stream leaves behind: counters, and one line of JSON at its end (API.md, "Logs").
 *
 * The line is written into a buffer of the worker that is used again and again, and copied into its
 * log ring: no malloc a line. Names and times follow HAProxy's tcplog.
 */
#include "config.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "stream/engine_priv.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"
#include "stream/stream_priv.h"

void
stream_count(struct stream *s)
{
	const uint32_t worker = s->worker->index;
	struct frontend_counters *frontend = &s->frontend->slots[worker].counters;
	uint64_t in = s->flow[UP].bytes - s->flow[UP].counted;
	uint64_t out = s->flow[DOWN].bytes - s->flow[DOWN].counted;

	if (in + out == 0)
		return;
	s->flow[UP].counted += in;
	s->flow[DOWN].counted += out;
	count_add(&s->worker->counters.bytes_in, in);
	count_add(&s->worker->counters.bytes_out, out);
	count_add(&frontend->bytes_in, in);
	count_add(&frontend->bytes_out, out);
	if (s->server == NULL)
		return;
	count_add(&s->backend->slots[worker].counters.bytes_in, in);
	count_add(&s->backend->slots[worker].counters.bytes_out, out);
	count_add(&s->server->slots[worker].counters.bytes_in, in);
	count_add(&s->server->slots[worker].counters.bytes_out, out);
}

static void
log_client(struct jsonw *w, const struct stream *s)
{
	char text[ADDR_TEXT_BYTES];
	struct addr addr;

	stream_peer_addr(&s->client->peer, &addr);
	jsonw_string(w, "client", addr_is_unix(&addr) ? "unix" : addr_format(&addr, text));
}

/* When a server was first looked for. */
static uint64_t
stream_ready_ms(const struct stream *s)
{
	return s->exchange == NULL ? s->begun_ms : s->exchange->request_ms;
}

/* -1: that stage was not reached (HAProxy manual, 8.4). */
static void
log_timers(struct jsonw *w, const struct stream *s)
{
	const uint64_t now_ms = s->worker->loop->now_ms;
	int64_t queue = -1, connect = -1, data = -1;

	if (s->ended_in == STREAM_QUEUED)
		queue = (int64_t)(s->queue_time_ms + now_ms - s->queued_ms);
	else if (s->assigned_ms != 0)
		queue = (int64_t)s->queue_time_ms;
	if (s->connected_ms != 0) {
		connect = (int64_t)(s->connected_ms - stream_ready_ms(s) - s->queue_time_ms);
		data = (int64_t)(now_ms - s->connected_ms);
	}
	jsonw_object(w, "timers_ms");
	if (s->exchange != NULL)
		exchange_log_timers(w, s);
	jsonw_int(w, "queue", queue);
	jsonw_int(w, "connect", connect);
	if (s->exchange != NULL)
		exchange_log_response(w, s);
	else
		jsonw_int(w, "data", data);
	jsonw_uint(w, "total", now_ms - s->begun_ms);
	jsonw_end_object(w);
}

static void
log_end(struct jsonw *w, const struct stream *s)
{
	char state[] = "----";

	state[0] = end_cause_letter(s->cause);
	if (s->cause != END_DONE)
		state[1] = stream_state_letter(s->ended_in);
	if (!s->client->is_http)
		state[2] = '\0';	/* the last two are about cookies */

	jsonw_string(w, "termination_state", state);
	jsonw_string(w, "cause", end_cause_words(s->cause));
}

static uint32_t
level_of(const _Atomic uint32_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void
log_connections(struct jsonw *w, const struct stream *s)
{
	jsonw_object(w, "connections");
	jsonw_uint(w, "actconn", level_of(&engine.connections.current));
	jsonw_uint(w, "feconn", level_of(&s->frontend->sessions.current));
	jsonw_uint(w, "beconn", s->backend == NULL ? 0 : level_of(&s->backend->current));
	jsonw_uint(w, "srv_conn", s->server == NULL ? 0 : level_of(&s->server->current));
	jsonw_end_object(w);
}

uint32_t
stream_retries(const struct stream *s)
{
	return s->retries + s->renewals;
}

static void
log_members(struct jsonw *w, const struct stream *s)
{
	jsonw_time(w, "time", s->begun_us);
	log_client(w, s);
	jsonw_string(w, "frontend", s->frontend->name);
	jsonw_string(w, "bind", s->frontend_conf->bind_texts[s->bind_index]);
	jsonw_string(w, "backend", s->backend == NULL ? NULL : s->backend->name);
	jsonw_string(w, "server", s->server == NULL ? NULL : s->server->name);
	jsonw_string(w, "picked", pick_text(s->pick));
	log_timers(w, s);
	if (s->exchange != NULL)
		exchange_log_request(w, s);
	jsonw_uint(w, "bytes_in", s->flow[UP].bytes);
	jsonw_uint(w, "bytes_out", s->flow[DOWN].bytes);
	log_end(w, s);
	log_connections(w, s);
	jsonw_uint(w, "retries", stream_retries(s));
	jsonw_bool(w, "redispatched", s->redispatched);
	jsonw_object(w, "queue");
	jsonw_uint(w, "backend", s->queue_ahead);
	jsonw_end_object(w);
}

void
stream_log(struct stream *s)
{
	const struct log_list *log = s->frontend_conf->log;
	struct buf *line = &s->worker->line;
	struct jsonw w;

	if (log == NULL)
		return;
	buf_clear(line);
	jsonw_init(&w, line);
	jsonw_object(&w, NULL);
	log_members(&w, s);
	jsonw_end_object(&w);
	if (!line->failed)
		(void)log_write(s->worker->log, log, LOG_LEVEL_INFO,
				(struct slice){ line->at, line->len });
}
