/*
 * What a stream leaves behind: counters, and a line for its frontend's log: JSON (API.md, "Logs"), or
 * by a format (format_stream.c).
 *
 * The line is written into a buffer of the worker that is used again and again, and copied into its
 * log ring: no malloc a line. Names and times follow HAProxy's logs.
 */
#include "config.h"
#include "core/iptext.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "expr/format.h"
#include "rules/rules.h"
#include "stream/capture.h"
#include "stream/engine_priv.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"
#include "stream/stream_log_priv.h"
#include "stream/stream_priv.h"
#include "stream/unique_id.h"

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

	stream_peer_addr(stream_src(s), &addr);
	jsonw_string(w, "client", addr_is_unix(&addr) ? "unix" : addr_format(&addr, text));
}

/* When it was known what is asked. */
static uint64_t
stream_ready_ms(const struct stream *s)
{
	return s->exchange == NULL ? s->begun_ms : s->exchange->request_ms;
}

/* Before it has its first server, what rules wait for counts, too (HAProxy's Tw). */
uint64_t
stream_queued_for_ms(const struct stream *s, bool is_queued)
{
	const uint64_t now_ms = s->worker->loop->now_ms;

	if (s->assigned_ms == 0)
		return now_ms - stream_ready_ms(s);
	return s->queue_time_ms + (is_queued ? now_ms - s->queued_ms : 0);
}

int64_t
stream_time_queue(const struct stream *s)
{
	if (s->state == STREAM_ENDED && s->ended_in == STREAM_QUEUED)
		return (int64_t)stream_queued_for_ms(s, true);
	return s->assigned_ms == 0 ? -1 : (int64_t)s->queue_time_ms;
}

int64_t
stream_time_connect(const struct stream *s)
{
	if (s->connected_ms == 0)
		return -1;
	return (int64_t)(s->connected_ms - stream_ready_ms(s) - s->queue_time_ms);
}

static void
log_timers(struct jsonw *w, const struct stream *s)
{
	const uint64_t now_ms = s->worker->loop->now_ms;

	jsonw_object(w, "timers_ms");
	if (s->exchange != NULL)
		exchange_log_timers(w, s);
	jsonw_int(w, "queue", stream_time_queue(s));
	jsonw_int(w, "connect", stream_time_connect(s));
	if (s->exchange != NULL)
		exchange_log_response(w, s);
	else
		jsonw_int(w, "data",
			  s->connected_ms == 0 ? -1 : (int64_t)(now_ms - s->connected_ms));
	jsonw_uint(w, "total", now_ms - s->begun_ms);
	jsonw_end_object(w);
}

void
stream_termination(const struct stream *s, char state[2])
{
	if (s->state != STREAM_ENDED)
		return;
	state[0] = end_cause_letter(s->cause);
	if (s->cause != END_DONE)
		state[1] = stream_state_letter(s->ended_in);
}

static void
log_end(struct jsonw *w, const struct stream *s)
{
	char state[] = "----";

	stream_termination(s, state);
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

uint32_t
stream_backend_sessions(const struct stream *s)
{
	return level_of(&s->backend->current) + queue_length(&s->backend->queue);
}

static void
log_connections(struct jsonw *w, const struct stream *s)
{
	jsonw_object(w, "connections");
	jsonw_uint(w, "actconn", level_of(&engine.connections.current));
	jsonw_uint(w, "feconn", level_of(&s->frontend->sessions.current));
	jsonw_uint(w, "beconn", s->backend == NULL ? 0 : stream_backend_sessions(s));
	jsonw_uint(w, "srv_conn", s->server == NULL ? 0 : level_of(&s->server->current));
	jsonw_end_object(w);
}

uint32_t
stream_retries(const struct stream *s)
{
	return s->retries + s->renewals;
}

uint64_t
stream_number(const struct stream *s)
{
	return (s->id >> STREAM_ID_SHIFT) * engine.threads + s->worker->index -
	       (engine.threads - 1);
}

/* -- JSON -- */

/* By the header's name, of slots that rules fill by their number. */
static void
log_captured_side(struct jsonw *w, const struct stream *s, const char *key, bool is_response)
{
	const struct capture_side *side = &s->frontend_conf->captures.sides[is_response];
	char number[UINT64_TEXT_MAX_BYTES + 1];

	jsonw_object(w, key);
	for (uint32_t i = 0; i < side->count; i++) {
		number[uint64_write(number, i)] = '\0';
		jsonw_slice(w, side->slots[i].name != NULL ? side->slots[i].name : number,
			    capture_get(s, is_response, i));
	}
	jsonw_end_object(w);
}

static void
log_captured(struct jsonw *w, const struct stream *s)
{
	const struct capture_conf *conf = &s->frontend_conf->captures;

	if (conf->bytes == 0 || s->exchange == NULL || !s->exchange->is_parsed)
		return;
	jsonw_object(w, "captured");
	log_captured_side(w, s, "request", false);
	log_captured_side(w, s, "response", true);
	if (conf->cookies[0].len > 0) {
		jsonw_slice(w, "request_cookie", capture_cookie(s, false));
		jsonw_slice(w, "response_cookie", capture_cookie(s, true));
	}
	jsonw_end_object(w);
}

static void
log_unique_id(struct jsonw *w, struct stream *s)
{
	struct slice id;

	if (stream_unique_id(s, &id))
		jsonw_slice(w, "unique_id", id);
}

static void
log_members(struct jsonw *w, struct stream *s)
{
	jsonw_time(w, "time", s->begun_us);
	log_client(w, s);
	jsonw_string(w, "frontend", s->frontend->name);
	jsonw_string(w, "bind", s->frontend_conf->bind_texts[s->bind_index]);
	jsonw_string(w, "backend", s->backend == NULL ? NULL : s->backend->name);
	jsonw_string(w, "server", s->server == NULL ? NULL : s->server->name);
	jsonw_string(w, "picked", pick_text(s->pick));
	log_timers(w, s);
	if (s->ruled != NULL && s->ruled->rule != NULL)
		jsonw_string(w, "rule", s->ruled->rule);
	if (s->exchange != NULL)
		exchange_log_request(w, s);
	log_captured(w, s);
	log_unique_id(w, s);
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

static void
line_of_json(struct buf *line, struct stream *s)
{
	struct jsonw w;

	jsonw_init(&w, line);
	jsonw_object(&w, NULL);
	log_members(&w, s);
	jsonw_end_object(&w);
}

/* -- formats -- */

void
stream_eval_fill(struct eval *eval, struct stream *s, struct http_room room)
{
	stream_eval(s, eval);
	eval->room = room;
	if (s->exchange != NULL && s->exchange->is_parsed)
		eval->request = &s->exchange->request;	/* its line, at least */
}

static void
line_of_format(struct buf *line, struct stream *s, const struct format *format)
{
	char room[LOG_ROOM_BYTES];
	char *at = buf_room(line, LOG_LINE_MAX_BYTES);
	struct eval eval;

	if (at == NULL)
		return;
	stream_eval_fill(&eval, s, (struct http_room){ room, sizeof(room) });
	line->len += format_write(format, &eval, at, LOG_LINE_MAX_BYTES);
}

/* -- which, and how much it matters -- */

/* HAProxy manual, 8.3.3: an error, a timeout, a retry, a redispatch, a 5xx. */
static bool
log_is_error(const struct stream *s)
{
	const char letter = s->state == STREAM_ENDED ? end_cause_letter(s->cause) : '-';

	return (letter != '-' && letter != 'L') || s->redispatched || stream_retries(s) > 0 ||
	       (s->exchange != NULL && s->exchange->status >= 500);
}

/* The line's level; -1: there is to be none. */
static int
log_level_of(const struct stream *s)
{
	const struct access_conf *conf = &s->frontend_conf->access;
	const int wished = stream_wishes(s)->log_level - 1;
	const bool is_error = log_is_error(s);

	if (wished == RULE_LEVEL_SILENT || (conf->dont_log_normal && !is_error) ||
	    (conf->dont_log_null && s->flow[UP].bytes == 0))
		return -1;
	if (wished >= 0)
		return wished;
	return is_error && conf->separate_errors ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO;
}

static void
log_lines(struct stream *s)
{
	const struct access_conf *conf = &s->frontend_conf->access;
	const int level = log_level_of(s);
	struct buf *line = &s->worker->line;

	for (uint32_t i = 0; level >= 0 && i < conf->count; i++) {
		const struct access_log *log = &conf->logs[i];

		buf_clear(line);
		if (log->format == NULL)
			line_of_json(line, s);
		else
			line_of_format(line, s, log->format);
		if (!line->failed)
			(void)log_write(s->worker->log, log->list, (enum log_level)level,
					(struct slice){ line->at, line->len });
	}
}

void
stream_log(struct stream *s)
{
	if (s->frontend_conf->access.count != 0 && !s->logged_early)
		log_lines(s);
}

void
stream_log_early(struct stream *s)
{
	const struct access_conf *conf = &s->frontend_conf->access;

	if (!conf->log_asap || conf->count == 0 || s->logged_early)
		return;
	s->logged_early = true;
	log_lines(s);
}
