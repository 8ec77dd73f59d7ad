/*
 * Events of writes: who changed what. Control thread.
 */
#include "config.h"
#include "adminapi/rest/resources.h"

#include "adminapi/apply/prepare.h"
#include "adminapi/rest/events.h"
#include "core/log.h"
#include "server/backend.h"
#include "server/server.h"

static void
event_emit_listener(const char *frontend, const struct bind *bind, bool opens, void *arg)
{
	char text[ADDR_TEXT_BYTES];
	struct buf out = { 0 };
	struct jsonw w;

	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "frontend", frontend);
	jsonw_string(&w, "address", addr_format(bind_address(bind), text));
	jsonw_string(&w, "state", opens ? "listening" : "closed");
	jsonw_end_object(&w);
	event_emit_object(EVENT_LISTENER, &out);
}

static void
event_write_cause(struct jsonw *w, enum server_cause cause)
{
	jsonw_object(w, "cause");
	jsonw_string(w, "code", server_cause_code(cause));
	jsonw_string(w, "detail", server_cause_words(cause));
	jsonw_end_object(w);
}

/* Not a change of state, but a surprise: the file does not say what holds. */
static void
event_emit_kept(const struct doc_node *node)
{
	const char *words = server_cause_words(SERVER_CAUSE_RESTORED);
	const cJSON *state = doc_field(node->live->set, "admin_state");
	struct buf out = { 0 };
	struct jsonw w;

	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "backend", node->parent->name);
	jsonw_string(&w, "server", node->name);
	jsonw_string(&w, "admin_state", state->valuestring);
	event_write_cause(&w, SERVER_CAUSE_RESTORED);
	jsonw_end_object(&w);
	event_emit_object(EVENT_SERVER, &out);
	log_msg(LOG_LEVEL_NOTICE, "%s/%s: %s, %s", node->parent->name, node->name,
		state->valuestring, words);
}

static void
event_emit_config(const struct plan *plan, const struct write *write)
{
	struct buf out = { 0 };
	struct jsonw w;

	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_uint(&w, "revision", plan->revision);
	jsonw_string(&w, "actor", write == NULL ? NULL : write->actor);
	jsonw_string(&w, "reason", write == NULL ? NULL : write->reason);
	jsonw_string(&w, "peer", write == NULL ? NULL : write->peer);
	jsonw_raw(&w, "changes", (struct slice){ plan->changes.at, plan->changes.len });
	jsonw_uint(&w, "change_count", plan->change_count);
	jsonw_end_object(&w);
	event_emit_object(EVENT_CONFIG, &out);
}

/* Whose entries are others: some of them, all, or those of a file that was edited. */
static void
event_emit_map(const struct plan *plan, const struct plan_op *op)
{
	const struct map_edits *edits = op->edits;
	struct buf out = { 0 };
	struct jsonw w;

	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "map", op->node->name);
	jsonw_uint(&w, "revision", plan->revision);
	jsonw_string(&w, "change", edits == NULL ? op->to == NULL ? "removed" : "read" :
		edits->replaces ? "replaced" : "entries");
	if (edits != NULL)
		jsonw_uint(&w, "set", edits->set);
	if (edits != NULL)
		jsonw_uint(&w, "removed", edits->removed);
	jsonw_end_object(&w);
	event_emit_object(EVENT_MAP, &out);
}

void
events_of_write(const struct plan *plan, const struct write *write)
{
	if (!plan_is_empty(plan))
		event_emit_config(plan, write);
	for (uint32_t i = 0; i < plan->count; i++) {
		if (plan->ops[i]->kept)
			event_emit_kept(plan->ops[i]->node);
		if (plan->ops[i]->node->kind == DOC_MAP && plan_op_is_change(plan->ops[i]))
			event_emit_map(plan, plan->ops[i]);
		prepared_bind_changes(plan->ops[i], event_emit_listener, NULL);
	}
}
