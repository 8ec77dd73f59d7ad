/*
 * Calls of operations: beginning, watching, waiting, calling off. Control thread.
 */
#include "config.h"
#include "adminapi/rest/operations.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/json/embedded.h"
#include "adminapi/rest/operations_priv.h"
#include "adminapi/rest/resources.h"
#include "core/loop.h"
#include "core/obj.h"

#define WAITERS_MAX	200		/* each has a connection of the admin server's 1024 */
#define WAIT_MAX_MS	(600 * 1000)	/* ?wait= */
#define PAGE_DEFAULT	1000		/* a millisecond or two of work */
#define PAGE_MAX	1000

static struct schema *schema;
static uint32_t waiting;	/* calls with ?wait= */

/* -- parameters -- */

/* ?wait=30s; 0: not given. False: answered. */
static bool
param_wait(struct call *call, int64_t *ms)
{
	const char *text = call_param(call, "wait");

	*ms = 0;
	if (text == NULL)
		return true;
	if (duration_parse(slice_of(text), ms) != ERR_OK || *ms < 0 || *ms > WAIT_MAX_MS) {
		call_problem(call, 400, NULL,
			"query parameter \"wait\" must be a duration of at most %ds",
			WAIT_MAX_MS / 1000);
		return false;
	}
	if (*ms == 0 || waiting < WAITERS_MAX)
		return true;
	call_problem(call, 429, NULL, "%d calls wait already: ask again without \"wait\"",
		WAITERS_MAX);
	return false;
}

/* NULL: answered. */
static struct drain *
drain_of_path(struct call *call)
{
	const char *name = call->segments[2];
	int64_t id;
	struct drain *drain = NULL;

	if (int_parse(slice_of(name), &id) == ERR_OK && id > 0)
		drain = drain_find((uint64_t)id);
	if (drain == NULL)
		call_problem(call, 404, NULL, "there is no operation \"%s\"; one that has ended is "
			"kept for an hour", name);
	return drain;
}

static const struct schema_node *
drain_schema(void)
{
	struct diag why;

	for (size_t i = 0; schema == NULL && i < embedded_file_count; i++)
		if (strcmp(embedded_files[i].name, "operations.json") == 0 &&
		    schema_compile(&schema, embedded_files[i].text, embedded_files[i].size,
				   &why) != ERR_OK)
			return NULL;
	return schema == NULL ? NULL : schema_def(schema, "drain");
}

/* -- answers -- */

static void
answer_drain(struct call *call, const struct drain *drain, unsigned status)
{
	char etag[VIEW_ETAG_BYTES], location[OPERATION_ID_BYTES + 32];
	struct answer answer = { .status = status, .etag = etag };
	struct jsonw w;

	view_etag(etag, drain->changed_us, VIEW_PLAIN);
	if (call->method == METHOD_POST) {
		snprintf(location, sizeof(location), "/v1/operations/%" PRIu64, drain->op.id);
		answer.location = location;
	}
	jsonw_init(&w, &answer.body);
	jsonw_object(&w, NULL);
	operation_write(&w, &drain->op);
	jsonw_end_object(&w);
	call_answer(call, &answer);
}

/* Of a POST: 202 while it is under way. */
static void
waiter_answer(struct drain_waiter *waiter)
{
	const struct drain *drain = waiter->drain;
	bool is_accepted = waiter->call->method == METHOD_POST &&
		!operation_state_has_ended(drain->op.state);

	wheel_cancel(&waiter->timer);
	list_remove(&waiter->node);
	waiting--;
	answer_drain(waiter->call, drain, is_accepted ? 202 : 200);
	free(waiter);
}

static void
waiter_on_timeout(struct wheel_timer *timer)
{
	waiter_answer(container_of(timer, struct drain_waiter, timer));
}

/* NULL: answered. */
static struct drain_waiter *
waiter_new(struct call *call, struct drain *drain)
{
	struct drain_waiter *waiter = calloc(1, sizeof(*waiter));

	if (waiter == NULL) {
		call_problem(call, 503, NULL, "out of memory");
		return NULL;
	}
	list_init(&waiter->node);
	wheel_timer_init(&waiter->timer, waiter_on_timeout);
	waiter->call = call;
	waiter->drain = drain;
	return waiter;
}

/* Answered when it has ended, or after that time. */
static void
drain_wait(struct call *call, struct drain *drain, int64_t ms)
{
	struct loop *loop = loop_self();
	struct drain_waiter *waiter = waiter_new(call, drain);

	if (waiter == NULL)
		return;
	list_append(&drain->waiters, &waiter->node);
	waiting++;
	if (operation_state_has_ended(drain->op.state) || ms == 0)
		waiter_answer(waiter);
	else
		wheel_set(&loop->wheel, &waiter->timer, loop->now_ms + (uint64_t)ms);
}

void
drain_answer_waiters(struct drain *drain)
{
	while (!list_is_empty(&drain->waiters))
		waiter_answer(container_of(drain->waiters.next, struct drain_waiter, node));
}

/* Whose client has closed its side gets what there is: it costs no connection until the end. */
void
drain_drop_abandoned(struct drain *drain)
{
	list_foreach_safe(node, &drain->waiters) {
		struct drain_waiter *waiter = container_of(node, struct drain_waiter, node);

		if (call_is_abandoned(waiter->call))
			waiter_answer(waiter);
	}
}

void
drain_answer_poster(struct drain *drain, const struct write *failed)
{
	struct call *call = drain->poster;

	drain->poster = NULL;
	if (call != NULL && failed != NULL)
		answer_failed_write(call, failed);
	else if (call != NULL)
		drain_wait(call, drain, drain->post_wait_ms);
}

static void
answer_too_late(struct call *call, const struct drain *drain)
{
	call_problem(call, 409, NULL, "it can't be called off any more: %s, %s",
		operation_state_text(drain->op.state), drain->op.detail);
}

void
drain_answer_callers_off(struct drain *drain, const struct write *failed)
{
	while (!list_is_empty(&drain->callers_off)) {
		struct drain_waiter *waiter = container_of(drain->callers_off.next,
			struct drain_waiter, node);

		list_remove(&waiter->node);
		if (failed != NULL)
			answer_failed_write(waiter->call, failed);
		else if (drain->op.state == OPERATION_CALLED_OFF)
			answer_drain(waiter->call, drain, 200);
		else
			answer_too_late(waiter->call, drain);
		free(waiter);
	}
}

/* -- dry run -- */

struct dry {
	struct write	 write;
	struct call	*call;
	struct slice	 first;		/* what it would write first */
	bool		 only_asks;	/* whether the server could be deleted in the end */
};

static void dry_done(struct write *write);

/* Empty: it is deleted. */
static void
dry_submit(struct dry *dry, struct slice text)
{
	const struct call *call = dry->call;

	dry->write = (struct write){
		.verb = text.len == 0 ? WRITE_DELETE : WRITE_PATCH,
		.kind = DOC_SERVER,
		.parent = call->segments[2],
		.name = call->segments[4],
		.text = text,
		.if_match = call->if_match,
		.dry_run = true,
		.origin = DOC_BY_REST,
		.done = dry_done,
	};
	write_submit(&dry->write);
}

static void
dry_answer(struct dry *dry, struct write *write)
{
	struct answer answer = { .status = 200 };

	if (write->outcome == WRITE_DRY) {
		answer.body = write->changes;
		write->changes = (struct buf){ 0 };
		call_answer(dry->call, &answer);
	} else {
		answer_failed_write(dry->call, write);
	}
}

static void
dry_done(struct write *write)
{
	struct dry *dry = container_of(write, struct dry, write);
	bool goes_on = dry->only_asks && write->outcome == WRITE_DRY;

	if (!goes_on)
		dry_answer(dry, write);
	issues_fini(&write->issues);
	buf_fini(&write->changes);
	if (!goes_on) {
		free(dry);
		return;
	}
	dry->only_asks = false;
	dry_submit(dry, dry->first);
}

/* What would be changed first, if nothing is in the way of all; what follows depends on what happens until then. */
static void
drain_dry(struct call *call, const struct operation_wish *wish, bool in_maint)
{
	struct dry *dry = calloc(1, sizeof(*dry));

	if (dry == NULL) {
		call_problem(call, 503, NULL, "out of memory");
		return;
	}
	dry->call = call;
	dry->first = in_maint ? SLICE("{\"admin_state\":\"maint\"}") :
		SLICE("{\"admin_state\":\"drain\"}");
	dry->only_asks = wish->then == OPERATION_THEN_DELETE;
	dry_submit(dry, dry->only_asks ? SLICE("") : dry->first);
}

/* -- POST -- */

/* False: answered. */
static bool
wish_take(struct call *call, struct operation_wish *wish)
{
	const struct schema_node *def = drain_schema();
	struct issues issues = { 0 };
	enum err e = def == NULL ? ERR_NOMEM :
		operation_wish_parse(wish, call->body, def, &issues);

	if (e == ERR_UNKNOWN)
		call_problem(call, 400, &issues, "the body is not JSON");
	else if (e == ERR_INVALID)
		call_problem(call, 422, &issues, "the drain would not be valid");
	else if (e != ERR_OK)
		call_problem(call, 503, NULL, "out of memory");
	issues_fini(&issues);
	return e == ERR_OK;
}

/* Nothing is in the way of a drain of that server. False: answered. */
static bool
may_begin(struct call *call)
{
	const struct drain *other = drain_under_way(call->segments[2], call->segments[4]);
	char id[OPERATION_ID_BYTES];
	struct buf member = { 0 };

	if (other == NULL && drains_active() < DRAINS_ACTIVE_MAX)
		return true;
	if (other == NULL) {
		call_problem(call, 429, NULL, "%d operations are under way, more are not begun",
			DRAINS_ACTIVE_MAX);
		return false;
	}
	operation_id_text(id, other->op.id);
	buf_printf(&member, ",\"operation\":\"%s\"", id);
	call_problem_with(call, 409, NULL, member.failed ? SLICE("") :
		(struct slice){ member.at, member.len },
		"it is being drained already: operation %s, %s", id,
		operation_state_text(other->op.state));
	buf_fini(&member);
	return false;
}

static void
text_keep(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text == NULL ? "" : text);
}

/* What is set; NULL: nothing. */
static const char *
admin_state_of(const struct doc_node *node)
{
	const cJSON *value = doc_field(node->live->set, "admin_state");

	return cJSON_IsString(value) ? value->valuestring : NULL;
}

static void
drain_take(struct drain *drain, struct call *call, const struct operation_wish *wish,
	const struct doc_node *node)
{
	struct operation *op = &drain->op;
	struct loop *loop = loop_self();
	const char *before = admin_state_of(node);

	op->then = wish->then;
	op->kill = wish->kill;
	text_keep(op->before, sizeof(op->before), before);
	text_keep(op->actor, sizeof(op->actor), call->actor);
	text_keep(op->reason, sizeof(op->reason), call->reason);
	text_keep(op->detail, sizeof(op->detail), operation_state_words(op->state));
	if (wish->has_deadline) {
		op->deadline_us = loop->wall_us + (uint64_t)wish->deadline_ms * 1000;
		drain->deadline_ms = loop->now_ms + (uint64_t)wish->deadline_ms;
	}
	drain->poster = call;
}

void
drain_post(struct call *call)
{
	const struct target target = { .kind = DOC_SERVER, .parent = call->segments[2],
		.name = call->segments[4] };
	struct operation_wish wish;
	const struct doc_node *node;
	const char *before;
	struct drain *drain;
	int64_t wait_ms;
	bool dry_run;

	if (!param_bool(call, "dry_run", &dry_run) || !param_wait(call, &wait_ms) ||
	    !wish_take(call, &wish))
		return;
	node = target_find(call, &target);
	if (node == NULL || !may_begin(call))
		return;
	before = admin_state_of(node);
	if (dry_run) {
		drain_dry(call, &wish, before != NULL && strcmp(before, "maint") == 0);
		return;
	}
	drain = drain_new(target.parent, target.name);
	if (drain == NULL) {
		call_problem(call, 503, NULL, "out of memory");
		return;
	}
	drain_take(drain, call, &wish, node);
	drain->post_wait_ms = wait_ms;
	drain_begin(drain, call->if_match);
}

/* -- GET -- */

void
operation_get(struct call *call)
{
	struct drain *drain;
	int64_t wait_ms;

	if (!param_wait(call, &wait_ms))
		return;
	drain = drain_of_path(call);
	if (drain != NULL)
		drain_wait(call, drain, wait_ms);
}

/* False: answered. */
static bool
param_cursor(struct call *call, uint64_t *after)
{
	const char *text = call_param(call, "cursor");
	int64_t id = 0;

	if (text != NULL && (int_parse(slice_of(text), &id) != ERR_OK || id < 0)) {
		call_problem(call, 400, NULL,
			     "query parameter \"cursor\" must be an operation's id");
		return false;
	}
	*after = (uint64_t)id;
	return true;
}

void
operations_get(struct call *call)
{
	struct answer answer = { .status = 200 };
	struct buf link = { 0 };
	uint32_t limit = PAGE_DEFAULT, count = 0;
	struct drain *drain;
	uint64_t after;
	struct jsonw w;

	if (!param_uint(call, "limit", PAGE_MAX, &limit) || !param_cursor(call, &after))
		return;
	limit = limit == 0 ? PAGE_DEFAULT : limit;
	jsonw_init(&w, &answer.body);
	jsonw_object(&w, NULL);
	for (drain = drain_after(after); drain != NULL && count < limit;
	    drain = drain_next(drain), count++) {
		char id[OPERATION_ID_BYTES];

		after = drain->op.id;
		jsonw_object(&w, operation_id_text(id, after));
		operation_write(&w, &drain->op);
		jsonw_end_object(&w);
	}
	jsonw_end_object(&w);
	if (drain != NULL) {
		buf_printf(&link, "</v1/operations?limit=%u&cursor=%" PRIu64 ">; rel=\"next\"",
			(unsigned)limit, after);
		buf_put(&link, "", 1);
		answer.link = link.failed ? NULL : link.at;
	}
	call_answer(call, &answer);
	buf_fini(&link);
}

/* -- DELETE -- */

void
operation_delete(struct call *call)
{
	struct drain *drain = drain_of_path(call);
	struct drain_waiter *waiter;

	if (drain == NULL)
		return;
	if (operation_state_has_ended(drain->op.state)) {
		drain_forget(drain, call);
		return;
	}
	waiter = waiter_new(call, drain);
	if (waiter == NULL)
		return;
	list_append(&drain->callers_off, &waiter->node);
	text_keep(drain->op.off_actor, sizeof(drain->op.off_actor), call->actor);
	text_keep(drain->op.off_reason, sizeof(drain->op.off_reason), call->reason);
	drain->call_off = true;
	drain->retry_ms = 0;
	drain_advance(drain);
}

/* -- the end -- */

void
operations_answer_all(void)
{
	for (struct drain *drain = drain_after(0); drain != NULL; drain = drain_next(drain))
		drain_answer_waiters(drain);
}

void
drain_answer_all(struct drain *drain)
{
	static const struct write ended = { .outcome = WRITE_UNAVAILABLE,
		.why = { .text = "the process ends" } };

	drain_answer_waiters(drain);
	drain_answer_callers_off(drain, &ended);
	drain_answer_poster(drain, &ended);
}

void
operation_calls_fini(void)
{
	schema_free(&schema);
}
