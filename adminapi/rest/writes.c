/*
 * PUT, PATCH, POST and DELETE: a call becomes a write, its outcome an answer. Control thread.
 */
#include "config.h"
#include "adminapi/rest/resources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/rest/reader.h"
#include "adminapi/rest/rules.h"
#include "adminapi/rest/sessions.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/obj.h"
#include "stream/sessions.h"

#define FORCE_MS 2000	/* for all workers to end the sessions: as for installing a change */

/* DELETE of a server with ?force: its sessions are ended, even if that is after the answer. */
struct forced {
	struct removal		 removal;
	struct kill_note	 note;
	struct rest_write	*rw;	/* NULL: answered already */
};

struct rest_write {
	struct write	 write;
	struct call	*call;
	struct target	 target;
	struct forced	*forced;	/* NULL: not asked for, or over */
	bool		 is_waiting;	/* deleted; the answer waits for `forced` */
	struct wheel_timer timer;	/* for that */
	enum view	 view;		/* of the answer */
	uint32_t	 depth;
};

static void
rest_write_free(struct rest_write *rw)
{
	issues_fini(&rw->write.issues);
	buf_fini(&rw->write.changes);
	wheel_cancel(&rw->timer);
	if (rw->forced != NULL)
		rw->forced->rw = NULL;
	free(rw);
}

/* -- answers -- */

void
answer_failed_write(struct call *call, const struct write *w)
{
	switch (w->outcome) {
	case WRITE_BAD_JSON:
		call_problem(call, 400, &w->issues, "the body is not JSON");
		break;
	case WRITE_NOT_FOUND:
		call_problem(call, 404, NULL, "%s", w->why.text);
		break;
	case WRITE_CONFLICT:
	case WRITE_EXISTS:
		call_problem(call, 409, &w->issues, "%s", w->why.text);
		break;
	case WRITE_PRECONDITION:
		call_problem(call, 412, NULL,
			     "the resource is not as If-Match or If-None-Match say");
		break;
	case WRITE_INVALID:
		call_problem(call, 422, &w->issues, "the document would not be valid");
		break;
	case WRITE_UNAVAILABLE:
		call_problem(call, 503, NULL, "%s", w->why.text);
		break;
	case WRITE_UNDECIDED:
		call_problem_with(call, 503, NULL, SLICE(",\"committed\":null"),
			"the store has not answered: the change may come into force yet, or not");
		break;
	case WRITE_UNACKNOWLEDGED:
		call_problem_with(call, 503, NULL, SLICE(",\"committed\":true"),
			"stored, but not every worker has installed it yet");
		break;
	case WRITE_DONE:
	case WRITE_UNCHANGED:
	case WRITE_DRY:
		break;
	}
}

static void
answer_location(const struct rest_write *rw, struct buf *out)
{
	for (uint32_t i = 0; i < rw->call->segment_count; i++)
		buf_printf(out, "/%s", rw->call->segments[i]);
	buf_printf(out, "/%s", rw->write.of_rules ? rw->write.rule : rw->write.name);
	buf_put(out, "", 1);
}

/* After a change of one rule that rule, else the list. A later write may have taken it away already. */
static void
answer_rules(struct rest_write *rw)
{
	const struct write *w = &rw->write;
	struct answer head = { .status = w->created ? 201 : 200 };
	struct buf location = { 0 };

	if (w->node == NULL || w->node->live == NULL ||
	    (w->rule != NULL && rules_find(w->node->live->set, w->rule, NULL) == NULL)) {
		head.status = 204;
		call_answer(rw->call, &head);
		return;
	}
	if (w->verb == WRITE_CREATE)
		answer_location(rw, &location);
	head.location = location.failed ? NULL : location.at;
	rules_answer(rw->call, rest_doc(), w->node, w->rule, rw->view, &head);
	buf_fini(&location);
}

/* The resource as a GET shows it; after a PATCH of members, those that it changed. */
static void
answer_resource(struct rest_write *rw)
{
	const struct write *w = &rw->write;
	bool members = w->verb == WRITE_PATCH_MEMBERS;
	struct reader_query q = { .members_of = DOC_KINDS, .depth = rw->depth, .view = rw->view,
		.node = w->node };
	char etag[VIEW_ETAG_BYTES];
	struct answer head = { .status = w->created ? 201 : 200, .etag = etag };
	struct buf location = { 0 };

	if (members) {
		q.members_of = w->kind;
		q.since = w->revision;
		q.node = rest_doc()->root;
		if (w->parent != NULL)
			q.node = doc_child(q.node, DOC_BACKEND, w->parent);
	}
	if (q.node == NULL || q.node->live == NULL) {
		struct answer gone = { .status = 204 };

		call_answer(rw->call, &gone);	/* a later write took it away already */
		return;
	}
	if (w->verb == WRITE_CREATE)
		answer_location(rw, &location);
	head.location = location.failed ? NULL : location.at;
	view_etag(etag, reader_revision(&q), q.view);
	reader_answer(rw->call, rest_doc(), &q, &head);
	buf_fini(&location);
}

static void
answer_deleted(struct rest_write *rw)
{
	struct answer answer = { .status = 204 };

	call_answer(rw->call, &answer);
}

/* -- ?force -- */

/* Its sessions are ended, or there is nothing to end. */
static void
forced_end(uint32_t ended, void *arg)
{
	struct forced *forced = arg;
	struct rest_write *rw = forced->rw;

	kill_note_fini(&forced->note, ended);
	free(forced);
	if (rw == NULL)
		return;
	rw->forced = NULL;
	if (!rw->is_waiting)
		return;
	answer_deleted(rw);
	rest_write_free(rw);
}

/* New sessions do not go there any more, wherever this mail arrives; those that run are ended. */
static void
forced_on_sent(struct removal *removal, uint64_t generation)
{
	struct forced *forced = container_of(removal, struct forced, removal);
	struct session_filter filter = { .server = generation };

	if (generation == 0) {
		forced_end(0, forced);
	} else if (sessions_end(&filter, END_SERVER_REMOVED, forced_end, forced) != ERR_OK) {
		log_msg(LOG_LEVEL_ERROR,
			"out of memory: sessions on a server that was deleted with "
			"?force run on");
		forced_end(0, forced);
	}
}

static bool
forced_new(struct rest_write *rw)
{
	struct forced *forced = calloc(1, sizeof(*forced));

	if (forced == NULL)
		return false;
	forced->removal.sent = forced_on_sent;
	forced->rw = rw;
	kill_note_init(&forced->note, rw->call, END_SERVER_REMOVED, NULL);
	rw->forced = forced;
	rw->write.removal = &forced->removal;
	return true;
}

static void
forced_on_timeout(struct wheel_timer *timer)
{
	struct rest_write *rw = container_of(timer, struct rest_write, timer);

	call_problem_with(rw->call, 503, NULL, SLICE(",\"committed\":true"),
		"deleted, but a worker did not end its sessions in time: it does when it goes on");
	rest_write_free(rw);
}

static void
rest_write_deleted(struct rest_write *rw)
{
	struct loop *loop = loop_self();

	if (rw->forced == NULL) {
		answer_deleted(rw);
		rest_write_free(rw);
		return;
	}
	rw->is_waiting = true;
	wheel_set(&loop->wheel, &rw->timer, loop->now_ms + FORCE_MS);
}

static void
answer_dry(struct rest_write *rw)
{
	struct answer answer = { .status = 200, .body = rw->write.changes };

	rw->write.changes = (struct buf){ 0 };
	call_answer(rw->call, &answer);
}

static void
rest_write_done(struct write *w)
{
	struct rest_write *rw = container_of(w, struct rest_write, write);

	switch (w->outcome) {
	case WRITE_DONE:
	case WRITE_UNCHANGED:
		if (w->verb == WRITE_DELETE) {
			rest_write_deleted(rw);
			return;
		}
		if (w->of_rules)
			answer_rules(rw);
		else
			answer_resource(rw);
		break;
	case WRITE_DRY:
		answer_dry(rw);
		break;
	case WRITE_BAD_JSON:
	case WRITE_NOT_FOUND:
	case WRITE_CONFLICT:
	case WRITE_EXISTS:
	case WRITE_PRECONDITION:
	case WRITE_INVALID:
	case WRITE_UNAVAILABLE:
	case WRITE_UNDECIDED:
	case WRITE_UNACKNOWLEDGED:
		answer_failed_write(rw->call, w);
		break;
	}
	rest_write_free(rw);
}

/* -- calls -- */

static void
write_call_submit(struct call *call, enum write_verb verb)
{
	struct rest_write *rw = calloc(1, sizeof(*rw));
	bool force;

	if (rw == NULL) {
		call_problem(call, 503, NULL, "out of memory");
		return;
	}
	rw->call = call;
	rw->target = target_of(call);
	rw->write = (struct write){
		.verb = verb, .kind = rw->target.kind, .parent = rw->target.parent,
		.name = rw->target.name, .text = call->body, .origin = DOC_BY_REST,
		.if_match = call->if_match, .if_none_match = call->if_none_match,
		.actor = call->actor, .reason = call->reason, .peer = call->peer,
		.of_rules = rw->target.of_rules, .rule = rw->target.rule,
		.done = rest_write_done,
	};
	rw->depth = READER_DEPTH_ALL;
	if (!param_view(call, &rw->view) || !param_uint(call, "depth", DEPTH_MAX, &rw->depth) ||
	    !param_bool(call, "dry_run", &rw->write.dry_run) ||
	    !param_bool(call, "force", &force)) {
		free(rw);
		return;
	}
	wheel_timer_init(&rw->timer, forced_on_timeout);
	if (force && verb == WRITE_DELETE && rw->target.kind == DOC_SERVER && !forced_new(rw)) {
		call_problem(call, 503, NULL, "out of memory");
		free(rw);
		return;
	}
	write_submit(&rw->write);
}

void
resource_put(struct call *call)
{
	write_call_submit(call, WRITE_PUT);
}

void
resource_patch(struct call *call)
{
	struct target target = target_of(call);

	write_call_submit(call, target.is_collection || (target.of_rules && target.rule == NULL) ?
		WRITE_PATCH_MEMBERS : WRITE_PATCH);
}

void
resource_delete(struct call *call)
{
	write_call_submit(call, WRITE_DELETE);
}

void
collection_post(struct call *call)
{
	write_call_submit(call, WRITE_CREATE);
}
