/*
 * Carrying out what operation_step() says: writes like any other, and ends of sessions. Control thread.
 *
 * A write after the first goes with If-Match of what was looked at, so somebody else's change that is on its
 * way already is not overwritten: it is looked at again.
 */
#include "config.h"
#include "adminapi/rest/operations_priv.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/rest/events.h"
#include "adminapi/rest/operations.h"
#include "adminapi/rest/resources.h"
#include "adminapi/rest/sessions.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/obj.h"
#include "server/backend.h"
#include "server/ends.h"
#include "server/server.h"

#define RETRY_MS	1000	/* after a write that could not be stored; doubled each time, up to */
#define RETRY_MAX_MS	60000
#define KILL_AGAIN_MS	500	/* who came by a rule meanwhile, or was connecting */
#define KILL_LIMIT_MS	10000	/* then it is told to have failed */

/* -- looking -- */

/* The server of that name as it is in force; NULL: there is none. */
static const struct doc_node *
server_node(const struct operation *op)
{
	const struct doc_node *node = doc_child(rest_doc()->root, DOC_BACKEND, op->backend);

	if (node != NULL)
		node = doc_child(node, DOC_SERVER, op->server);
	return node == NULL || node->live == NULL || node->live_object == NULL ? NULL : node;
}

static const char *
admin_state_set(const struct doc_node *node)
{
	const cJSON *value = doc_field(node->live->set, "admin_state");

	return cJSON_IsString(value) ? value->valuestring : NULL;
}

static uint64_t
server_sessions(const struct server *server)
{
	return atomic_load_explicit(&server->current, memory_order_relaxed);
}

/* NULL: not there. What it has to do is kept in the drain, too: progress. */
static const struct doc_node *
drain_look(struct drain *drain, struct operation_sight *sight)
{
	const struct doc_node *node = server_node(&drain->op);
	const struct server *server = node == NULL ? NULL : node->live_object;
	uint64_t now_ms = loop_self()->now_ms;

	*sight = (struct operation_sight){ .server = OPERATION_SERVER_GONE };
	if (server == NULL)
		return NULL;
	if (drain->generation == 0)
		drain->generation = server->generation;
	sight->server = server->generation == drain->generation ? OPERATION_SERVER_THERE :
		OPERATION_SERVER_REPLACED;
	sight->admin_state = admin_state_set(node);
	if (sight->admin_state == NULL)
		sight->admin_state = "ready";
	sight->by = node->live->actor;
	sight->sessions = server_sessions(server);
	sight->is_due = now_ms >= drain->deadline_ms;
	sight->is_overdue = drain->kill_until_ms != 0 && now_ms >= drain->kill_until_ms;
	if (sight->server == OPERATION_SERVER_THERE &&
	    sight->sessions != drain->op.sessions_left) {
		drain->op.sessions_left = sight->sessions;
		drain->changed_us = loop_self()->wall_us;
	}
	return node;
}

/* -- writing -- */

static void drain_written(struct write *write);

static void
drain_submit(struct drain *drain, enum operation_step step, const char *admin_state,
	const char *if_match)
{
	const struct operation *op = &drain->op;
	bool puts_back = step == OPERATION_PUT_BACK;
	const char *actor = puts_back ? op->off_actor : op->actor;
	const char *reason = puts_back ? op->off_reason : op->reason;

	assert(!drain->is_writing);
	drain->is_writing = true;
	drain->writing = step;
	snprintf(drain->claim, sizeof(drain->claim), "drain %" PRIu64, op->id);
	if (admin_state != NULL)
		snprintf(drain->body, sizeof(drain->body), "{\"admin_state\":%s%s%s}",
			admin_state[0] == '\0' ? "null" : "\"", admin_state,
			admin_state[0] == '\0' ? "" : "\"");
	drain->write = (struct write){
		.verb = admin_state == NULL ? WRITE_DELETE : WRITE_PATCH,
		.kind = DOC_SERVER,
		.parent = op->backend,
		.name = op->server,
		.text = admin_state == NULL ? SLICE("") : slice_of(drain->body),
		.if_match = if_match,
		.dry_run = drain->only_asks,
		.origin = DOC_BY_REST,
		.actor = actor[0] == '\0' ? NULL : actor,
		.reason = reason[0] == '\0' ? drain->claim : reason,
		.done = drain_written,
	};
	write_submit(&drain->write);
}

/* What was looked at, and nothing else, is to be changed. */
static void
drain_submit_matching(struct drain *drain, enum operation_step step, const struct doc_node *node,
	const char *admin_state)
{
	view_etag(drain->etag, node->live_revision, VIEW_CONFIG);
	drain_submit(drain, step, admin_state, drain->etag);
}

static const char *
then_admin_state(const struct operation *op)
{
	return op->then == OPERATION_THEN_DELETE ? NULL : operation_then_text(op->then);
}

/* -- ending sessions -- */

static void
tell_killed(const struct operation *op, uint32_t ended)
{
	char id[OPERATION_ID_BYTES];
	struct buf out = { 0 };
	struct jsonw w;

	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	kill_write_server(&w, op->backend, op->server);
	kill_write_cause(&w, END_ADMIN, op->actor, op->reason);
	jsonw_string(&w, "operation", operation_id_text(id, op->id));
	jsonw_uint(&w, "ended", ended);
	jsonw_end_object(&w);
	if (!out.failed)
		event_emit(EVENT_SESSION_KILL, (struct slice){ out.at, out.len });
	buf_fini(&out);
}

void
operations_on_ended(const struct server *server, enum end_cause cause, uint32_t ended)
{
	struct drain *drain = cause == END_ADMIN ?
		drain_under_way(server->backend->name, server->name) : NULL;

	if (drain == NULL || drain->generation != server->generation) {
		events_of_ends(server, cause, ended);
		return;
	}
	if (ended == 0)
		return;
	drain->op.killed += ended;
	drain->changed_us = loop_self()->wall_us;
	tell_killed(&drain->op, ended);
	log_msg(LOG_LEVEL_NOTICE, "%s/%s: drain %" PRIu64 ": %u sessions ended",
		drain->op.backend, drain->op.server, drain->op.id, (unsigned)ended);
	drain_save(drain);
}

static void
drain_kill(struct drain *drain, const struct doc_node *node)
{
	uint64_t now_ms = loop_self()->now_ms;

	if (drain->kill_until_ms == 0)
		drain->kill_until_ms = now_ms + KILL_LIMIT_MS;
	if (drain->op.state != OPERATION_ENDING)
		drain_enter(drain, OPERATION_ENDING, NULL);
	if (now_ms < drain->kill_again_ms)
		return;
	drain->kill_again_ms = now_ms + KILL_AGAIN_MS;
	server_end_streams(node->live_object, END_ADMIN, NULL);
}

/* -- steps -- */

static void
drain_step(struct drain *drain, enum operation_step step, const struct doc_node *node)
{
	struct operation *op = &drain->op;

	switch (step) {
	case OPERATION_WAIT:
	case OPERATION_END:
		break;
	case OPERATION_DRAIN:
		drain_submit(drain, step, operation_hold(op), NULL);
		break;
	case OPERATION_KILL:
		drain_kill(drain, node);
		break;
	case OPERATION_FINISH:
		if (op->state != OPERATION_FINISHING)
			drain_enter(drain, OPERATION_FINISHING, NULL);
		drain_submit_matching(drain, step, node, then_admin_state(op));
		break;
	case OPERATION_PUT_BACK:
		drain_submit_matching(drain, step, node, op->before);
		break;
	}
}

/* An order to end sessions is away: what it ended is counted when it is home. */
static bool
is_being_ended(const struct drain *drain, const struct doc_node *node,
	       const struct operation_sight *sight)
{
	const struct server *server = node == NULL ? NULL : node->live_object;

	return drain->op.state == OPERATION_ENDING && server != NULL &&
	       server->end_order.is_away && !sight->is_overdue;
}

void
drain_advance(struct drain *drain)
{
	char detail[OPERATION_DETAIL_BYTES];
	struct operation_sight sight;
	const struct doc_node *node;
	enum operation_state end;
	enum operation_step step;

	if (drain->is_writing || loop_self()->now_ms < drain->retry_ms ||
	    operation_state_has_ended(drain->op.state))
		return;
	if (drain->call_off && drain->op.state != OPERATION_CALLING_OFF &&
	    drain->op.state != OPERATION_STARTING)
		drain_enter(drain, OPERATION_CALLING_OFF, NULL);
	node = drain_look(drain, &sight);
	if (is_being_ended(drain, node, &sight))
		return;
	step = operation_step(&drain->op, &sight, &end, detail);
	if (step == OPERATION_END)
		drain_enter(drain, end, detail);
	else
		drain_step(drain, step, node);
}

/* -- what became of a write -- */

static bool
is_in_force(enum write_outcome outcome)
{
	return outcome == WRITE_DONE || outcome == WRITE_UNCHANGED ||
	       outcome == WRITE_UNACKNOWLEDGED;
}

/* Not now, or not known: it is asked for once more. Else the server is looked at again, or it can't be. */
static bool
is_refused(enum write_outcome outcome)
{
	return outcome == WRITE_CONFLICT || outcome == WRITE_INVALID || outcome == WRITE_EXISTS ||
	       outcome == WRITE_BAD_JSON;
}

/* Each try costs a line of the log. */
static void
drain_retry(struct drain *drain, const struct write *w)
{
	struct operation *op = &drain->op;
	struct loop *loop = loop_self();

	drain->retry_wait_ms = drain->retry_wait_ms == 0 ? RETRY_MS :
		drain->retry_wait_ms < RETRY_MAX_MS / 2 ? drain->retry_wait_ms * 2 : RETRY_MAX_MS;
	drain->retry_ms = loop->now_ms + drain->retry_wait_ms;
	drain->changed_us = loop->wall_us;
	snprintf(op->detail, sizeof(op->detail), "%s; it will be tried again: %.200s",
		operation_state_words(op->state),
		w->outcome == WRITE_UNDECIDED ? "the store has not answered" : w->why.text);
}

static void
drain_failed(struct drain *drain, const char *what, const struct write *w)
{
	char detail[OPERATION_DETAIL_BYTES];

	snprintf(detail, sizeof(detail), "%s was refused: %.200s; the server goes on draining",
		 what,
		 issues_any(&w->issues) && w->issues.count > 0 ? w->issues.items[0].detail
							       : w->why.text);
	drain_enter(drain, OPERATION_FAILED, detail);
}

/* It could not begin: who asked is told, and whoever has found it meanwhile. */
static void
drain_never_was(struct drain *drain, const struct write *w)
{
	drain_answer_poster(drain, w);
	drain->op.state = OPERATION_FAILED;
	drain_answer_waiters(drain);
	drain_answer_callers_off(drain, w);
	drain_forget(drain, NULL);
}

/* The first write: who asked for the drain is told what came of it. */
static void
written_begin(struct drain *drain, const struct write *w)
{
	struct operation_sight sight;

	if (!is_in_force(w->outcome) && w->outcome != WRITE_UNDECIDED && drain->poster != NULL) {
		drain_never_was(drain, w);
		return;
	}
	if (is_in_force(w->outcome)) {
		(void)drain_look(drain, &sight);
		drain->op.sessions_at_begin = drain->op.sessions_left;
		drain_enter(drain, OPERATION_WAITING, NULL);
	} else if (is_refused(w->outcome)) {
		drain_failed(drain, "admin_state", w);
	} else {
		drain_retry(drain, w);
	}
	drain_answer_poster(drain, w->outcome == WRITE_DONE || w->outcome == WRITE_UNCHANGED ?
		NULL : w);
	drain_advance(drain);
}

static void
written_finish(struct drain *drain, const struct write *w)
{
	const char *then = operation_then_text(drain->op.then);
	char detail[OPERATION_DETAIL_BYTES];

	if (is_in_force(w->outcome)) {
		operation_done_words(&drain->op, detail);
		drain_enter(drain, OPERATION_DONE, detail);
	} else if (is_refused(w->outcome)) {
		drain_failed(drain, then, w);
	} else if (w->outcome == WRITE_UNAVAILABLE || w->outcome == WRITE_UNDECIDED) {
		drain_retry(drain, w);
	}
}

/* Whoever called it off may try again; it goes on meanwhile. */
static void
written_back(struct drain *drain, const struct write *w)
{
	if (is_in_force(w->outcome)) {
		drain_enter(drain, OPERATION_CALLED_OFF, NULL);
	} else if (w->outcome == WRITE_UNDECIDED) {
		drain_retry(drain, w);
		drain_answer_callers_off(drain, w);
	} else if (is_refused(w->outcome) || w->outcome == WRITE_UNAVAILABLE) {
		drain->call_off = false;
		drain->op.off_actor[0] = drain->op.off_reason[0] = '\0';
		drain->kill_until_ms = 0;
		drain_answer_callers_off(drain, w);
		drain_enter(drain, OPERATION_WAITING, NULL);
	}
}

/* The question before the first write: could it be deleted in the end? */
static void
written_question(struct drain *drain, const struct write *w)
{
	drain->only_asks = false;
	if (w->outcome == WRITE_DRY) {
		drain_save(drain);
		drain_submit(drain, OPERATION_DRAIN, operation_hold(&drain->op),
			     drain->write.if_match);
		return;
	}
	drain_never_was(drain, w);
}

/* A copy: the drain's own is used anew, or gone with the drain. */
static void
drain_written(struct write *write)
{
	struct drain *drain = container_of(write, struct drain, write);
	struct write w = *write;

	write->issues = (struct issues){ 0 };
	write->changes = (struct buf){ 0 };
	drain->is_writing = false;
	if (is_in_force(w.outcome))
		drain->retry_wait_ms = 0;
	if (drain->only_asks)
		written_question(drain, &w);
	else if (drain->writing == OPERATION_DRAIN)
		written_begin(drain, &w);
	else if (drain->writing == OPERATION_FINISH)
		written_finish(drain, &w);
	else
		written_back(drain, &w);
	drains_tick_soon();
	issues_fini(&w.issues);
	buf_fini(&w.changes);
}

void
drain_begin(struct drain *drain, const char *if_match)
{
	drain->only_asks = drain->op.then == OPERATION_THEN_DELETE;
	if (drain->only_asks) {
		drain_submit(drain, OPERATION_FINISH, NULL, if_match);
		return;
	}
	drain_save(drain);
	drain_submit(drain, OPERATION_DRAIN, operation_hold(&drain->op), if_match);
}
