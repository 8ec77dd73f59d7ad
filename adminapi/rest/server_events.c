/*
 * Events of servers and backends: what became of them and why, and the same in the log, in HAProxy's words.
 *
 * Counts of servers left are those of the moment when it is told: of many that change together each line says
 * what holds behind them all. Control thread.
 */
#include "config.h"
#include "adminapi/rest/resources.h"

#include <stdio.h>
#include "adminapi/rest/events.h"
#include "adminapi/rest/sessions.h"
#include "adminapi/rest/status.h"
#include "core/endcause.h"
#include "core/log.h"
#include "core/obj.h"
#include "server/backend.h"
#include "server/server.h"

static void
event_begin(struct jsonw *w, struct buf *out, const struct server *server)
{
	jsonw_init(w, out);
	jsonw_object(w, NULL);
	jsonw_string(w, "backend", server->backend->name);
	jsonw_string(w, "server", server->name);
}

/* -- why -- */

/* The verdict that it comes from; NULL: it does not come from one. */
static const struct check_verdict *
cause_verdict(const struct server *server)
{
	switch (server_cause_source(server->cause)) {
	case CAUSE_OF_CHECK: return &server->health.last_check.verdict;
	case CAUSE_OF_AGENT: return &server->health.last_agent.verdict;
	case CAUSE_OF_CONFIG:
	case CAUSE_OF_OTHER: return NULL;
	}
	return NULL;
}

static void
write_verdict(struct jsonw *w, const struct check_verdict *verdict)
{
	jsonw_string(w, "result", check_result_code(verdict->result));
	if (verdict->code != 0)
		jsonw_uint(w, "code", verdict->code);
	else
		jsonw_null(w, "code");
	jsonw_string(w, "detail", verdict->detail[0] == '\0' ? NULL : verdict->detail);
	jsonw_uint(w, "duration_ms", verdict->duration_ms);
}

/* -- a server's line -- */

/* ", reason: Layer7 wrong status, code: 500, info: "...", check duration: 2ms" */
static void
line_put_verdict(struct buf *line, const struct check_verdict *verdict)
{
	buf_printf(line, ", reason: %s", check_result_words(verdict->result));
	if (verdict->code != 0)
		buf_printf(line, ", code: %u", verdict->code);
	if (verdict->detail[0] != '\0')
		buf_printf(line, ", info: \"%s\"", verdict->detail);
	buf_printf(line, ", check duration: %ums", verdict->duration_ms);
}

static void
line_put_reason(struct buf *line, const struct server *server)
{
	const struct check_verdict *verdict = cause_verdict(server);

	if (verdict != NULL)
		line_put_verdict(line, verdict);
	else if (server->cause == SERVER_CAUSE_TRACKED && server->tracked != NULL)
		buf_printf(line, " via %s/%s", server->tracked->backend->name,
			server->tracked->name);
	else
		buf_printf(line, ", reason: %s", server_cause_detail(server));
}

/* What is left, or online again. */
static void
line_put_counts(struct buf *line, const struct server *server, bool is_loss)
{
	struct backend *backend = server->backend;
	uint32_t actives = backend->levels[0].usable;
	uint32_t backups = backend_usable(backend) - actives;
	uint32_t queued = queue_length(&backend->queue);

	buf_printf(line, ". %u active and %u backup servers %s.%s", actives, backups,
		is_loss ? "left" : "online", actives == 0 && backups > 0 ? " Running on backup."
									 : "");
	if (is_loss)
		buf_printf(line, " %u sessions active, 0 requeued, %u remaining in queue.",
			atomic_load_explicit(&server->current, memory_order_relaxed), queued);
	else
		buf_printf(line, " 0 sessions requeued, %u total in queue.", queued);
}

static bool
is_maintenance(enum server_state state)
{
	return state == SERVER_STATE_MAINT || state == SERVER_STATE_NO_ADDRESS;
}

/* Out of maintenance: what was in the way, and what it is now. */
static void
line_put_return(struct buf *line, const struct server_change *change)
{
	bool is_tracked = change->server->cause == SERVER_CAUSE_TRACKED;

	buf_printf(line, "is %s/%s (%s).", server_state_is_up(change->to) ? "UP" : "DOWN",
		change->to == SERVER_STATE_DRAIN ? "DRAIN" : "READY",
		change->from == SERVER_STATE_NO_ADDRESS ? "resolves again" :
		is_tracked ? "leaving maintenance" : "leaving forced maintenance");
}

static void
line_put_maintenance(struct buf *line, const struct server_change *change)
{
	const struct server *server = change->server;

	buf_puts(line, "is going DOWN for maintenance");
	if (change->to == SERVER_STATE_NO_ADDRESS)
		buf_printf(line, " (%s)", server_cause_detail(server));
	else if (server->cause == SERVER_CAUSE_TRACKED)
		line_put_reason(line, server);
	line_put_counts(line, server, true);
}

/* It serves: since it is not down or stopping any more, or not draining. */
static void
line_put_rise(struct buf *line, const struct server_change *change)
{
	if (change->from == SERVER_STATE_DRAIN) {
		buf_puts(line, "is UP (leaving forced drain).");
		return;
	}
	buf_puts(line, "is UP");
	line_put_reason(line, change->server);
	line_put_counts(line, change->server, false);
}

static void
line_put_change(struct buf *line, const struct server_change *change)
{
	const struct server *server = change->server;

	switch (change->to) {
	case SERVER_STATE_MAINT:
	case SERVER_STATE_NO_ADDRESS:
		line_put_maintenance(line, change);
		return;
	case SERVER_STATE_DOWN:
		buf_puts(line, "is DOWN");
		break;
	case SERVER_STATE_STOPPING:
		buf_puts(line, "is stopping");
		break;
	case SERVER_STATE_DRAIN:
		buf_puts(line, "enters drain state");
		if (server->cause == SERVER_CAUSE_TRACKED)
			line_put_reason(line, server);
		line_put_counts(line, server, false);
		return;
	case SERVER_STATE_STARTING:
	case SERVER_STATE_NO_CHECK:
	case SERVER_STATE_UP:
		line_put_rise(line, change);
		return;
	}
	line_put_reason(line, server);
	line_put_counts(line, server, change->to == SERVER_STATE_DOWN);
}

static enum log_level
change_level(const struct server_change *change)
{
	if (change->to != SERVER_STATE_DOWN || is_maintenance(change->from))
		return LOG_LEVEL_NOTICE;
	if (change->from == SERVER_STATE_DRAIN || change->from == SERVER_STATE_STOPPING)
		return LOG_LEVEL_NOTICE;
	return LOG_LEVEL_ALERT;
}

/* "Server app/s1 is DOWN, ..."; nothing where it only serves in another way. */
static void
log_change(const struct server_change *change)
{
	const struct server *server = change->server;
	struct buf line = { 0 };

	if (change->from == change->to ||
	    (server_state_is_usable(change->from) && server_state_is_usable(change->to)))
		return;
	if (is_maintenance(change->from) && !is_maintenance(change->to))
		line_put_return(&line, change);
	else
		line_put_change(&line, change);
	buf_put(&line, "", 1);
	if (!line.failed)
		log_msg(change_level(change), "%sServer %s/%s %s",
			server->level > 0 ? "Backup " : "", server->backend->name, server->name,
			line.at);
	buf_fini(&line);
}

/* -- a server -- */

static void
event_emit_removed(const struct server_change *change)
{
	struct buf out = { 0 };
	struct jsonw w;

	event_begin(&w, &out, change->server);
	jsonw_string(&w, "from", server_state_text(change->from));
	jsonw_string(&w, "to", NULL);
	jsonw_bool(&w, "eligible", false);
	server_cause_write(&w, change->server);
	jsonw_end_object(&w);
	event_emit_object(EVENT_SERVER, &out);
}

static void
event_write_move(struct jsonw *w, const struct server_change *change)
{
	char text[ADDR_TEXT_BYTES];

	jsonw_object(w, "address");
	jsonw_string(w, "from", addr_format(change->moved_from, text));
	jsonw_string(w, "to", addr_format(&change->server->conf->address, text));
	jsonw_end_object(w);
}

/* That it moved is all there is to say, where nothing else has changed. */
static void
write_moved(struct jsonw *w, const struct server *server)
{
	jsonw_object(w, "cause");
	jsonw_string(w, "code", server_cause_code(SERVER_CAUSE_MOVED));
	jsonw_string(w, "detail", server_cause_words(SERVER_CAUSE_MOVED));
	jsonw_string(w, "actor", actor_text(server->conf->actor));
	jsonw_end_object(w);
}

static void
event_write_causes(struct jsonw *w, const struct server_change *change)
{
	const struct server *server = change->server;
	const struct check_verdict *verdict = cause_verdict(server);

	if (change->moved_from != NULL && change->from == change->to) {
		write_moved(w, server);
		return;
	}
	server_cause_write(w, server);
	if (verdict == NULL || (change->from == change->to && !change->has_other_cause))
		return;
	jsonw_object(w, "check");
	write_verdict(w, verdict);
	jsonw_end_object(w);
}

static void
event_emit_change(const struct server_change *change)
{
	const struct server *server = change->server;
	struct buf out = { 0 };
	char words[256];
	struct jsonw w;

	event_begin(&w, &out, server);
	jsonw_string(&w, "from", change->is_new ? NULL : server_state_text(change->from));
	jsonw_string(&w, "to", server_state_text(change->to));
	jsonw_bool(&w, "eligible", server->eligible);
	jsonw_string(&w, "eligible_because", server_eligible_because(server, words, sizeof(words)));
	if (change->moved_from != NULL)
		event_write_move(&w, change);
	event_write_causes(&w, change);
	jsonw_end_object(&w);
	event_emit_object(EVENT_SERVER, &out);
}

/* -- a backend: when the last of its usable servers goes, when one comes -- */

/* The one whose state changed last, of those that are usable now, or are not. NULL: there is none. */
static const struct server *
backend_last_turned(const struct backend *backend, bool is_usable)
{
	const struct server *last = NULL;

	for (int i = 0; i < SERVER_PRIORITIES; i++)
		list_foreach(node, &backend->levels[i].servers) {
			const struct server *server =
				container_of(node, struct server, by_priority);

			if (server->usable == is_usable && server->is_told &&
			    (last == NULL || server->since_us > last->since_us))
				last = server;
		}
	return last;
}

/* The server that turned the backend, and why: this one, or one that was told of before it. */
static void
event_write_turn(struct jsonw *w, const struct server_change *change, bool is_down)
{
	const bool is_it = change->is_removed || (change->from != change->to &&
		server_state_is_usable(change->to) != is_down);
	const struct server *last = is_it ? NULL :
		backend_last_turned(change->server->backend, !is_down);
	const struct server *server = last != NULL ? last : change->server;

	jsonw_string(w, "server", server->name);
	server_cause_write(w, server);
}

static void
event_emit_backend(const struct server_change *change, bool is_down)
{
	struct buf out = { 0 };
	struct jsonw w;

	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "backend", change->server->backend->name);
	jsonw_string(&w, "from", is_down ? "up" : "down");
	jsonw_string(&w, "to", is_down ? "down" : "up");
	event_write_turn(&w, change, is_down);
	jsonw_end_object(&w);
	event_emit_object(EVENT_BACKEND, &out);
}

/* Behind all the servers that changed with it. One that goes itself, on purpose, is nobody's emergency. */
static void
backend_tell(const struct server_change *change)
{
	struct backend *backend = change->server->backend;
	bool is_down = backend_usable(backend) == 0;

	if (is_down == backend->is_told_down || backend->is_gone || backend->conf == NULL ||
	    !list_is_empty(&backend->changed))
		return;
	backend->is_told_down = is_down;
	event_emit_backend(change, is_down);
	if (is_down)
		log_msg(LOG_LEVEL_EMERG, "backend %s has no server available!", backend->name);
}

void
events_of_server(const struct server_change *change)
{
	if (change->is_removed) {
		event_emit_removed(change);
	} else {
		event_emit_change(change);
		log_change(change);
	}
	backend_tell(change);
}

/* -- checks -- */

static const char *
outcome_words(const struct check_news *news)
{
	switch (check_result_outcome(news->verdict->result)) {
	case CHECK_IS_PASS:
		return "succeeded";
	case CHECK_IS_COND:
		return "conditionally succeeded";
	case CHECK_IS_FAIL:
	case CHECK_IS_NONE:
		return "failed";
	}
	return "failed";
}

static void
log_check(const struct check_news *news)
{
	const struct server *server = news->server;
	struct buf line = { 0 };

	line_put_verdict(&line, news->verdict);
	buf_put(&line, "", 1);
	if (!line.failed)
		log_msg(LOG_LEVEL_NOTICE, "%s check for %sserver %s/%s %s%s, status: %u/%u %s.",
			news->source == CHECK_OF_AGENT ? "Agent" : "Health",
			server->level > 0 ? "backup " : "", server->backend->name, server->name,
			outcome_words(news), line.at, news->progress, news->of,
			news->is_up ? "UP" : "DOWN");
	buf_fini(&line);
}

void
events_of_check(const struct check_news *news)
{
	const struct backend_conf *conf = news->server->backend->conf;
	struct buf out = { 0 };
	struct jsonw w;

	if (!news->is_change)
		return;
	if (conf != NULL && conf->log_health_checks)
		log_check(news);
	event_begin(&w, &out, news->server);
	jsonw_string(&w, "source", news->source == CHECK_OF_AGENT ? "agent" : "check");
	write_verdict(&w, news->verdict);
	jsonw_string(&w, "health", news->is_up ? "up" : "down");
	jsonw_uint(&w, "progress", news->progress);
	jsonw_uint(&w, "of", news->of);
	jsonw_end_object(&w);
	event_emit_object(EVENT_CHECK, &out);
}

/* -- ends of its sessions -- */

/* " (app/s1)": who came back. */
static void
line_put_by(struct buf *line, const struct server *by)
{
	if (by != NULL)
		buf_printf(line, " (%s/%s)", by->backend->name, by->name);
	buf_put(line, "", 1);
}

static void
event_write_by(struct jsonw *w, const struct server *by)
{
	char text[2 * (DOC_NAME_MAX + 1)];

	if (by == NULL)
		return;
	snprintf(text, sizeof(text), "%s/%s", by->backend->name, by->name);
	jsonw_string(w, "by", text);
}

void
events_of_ends(const struct server *server, enum end_cause cause, uint32_t ended)
{
	const struct server *by = server->end_order.by;
	struct buf out = { 0 }, line = { 0 };
	struct jsonw w;

	if (ended == 0)
		return;
	event_begin(&w, &out, server);
	kill_write_cause(&w, cause, NULL, NULL);
	event_write_by(&w, by);
	jsonw_uint(&w, "ended", ended);
	jsonw_end_object(&w);
	event_emit_object(EVENT_SESSION_KILL, &out);
	line_put_by(&line, by);
	if (!line.failed)
		log_msg(LOG_LEVEL_NOTICE, "%sServer %s/%s: %u sessions ended, reason: %s%s.",
			server->level > 0 ? "Backup " : "", server->backend->name, server->name,
			ended, end_cause_words(cause), line.at);
	buf_fini(&line);
}
