/*
 * A server's own rules: "backup" is a way to say "priority", "disabled" one to say "admin_state"; ids are
 * given once and kept.
 */
#include "config.h"
#include "adminapi/doc/plan.h"

#include <stdlib.h>
#include <string.h>
#include "adminapi/doc/plan_priv.h"
#include "adminapi/json/strict.h"

static void
own_set_number(struct plan *plan, cJSON *own, const char *field, double value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(own, field);
	if (cJSON_AddNumberToObject(own, field, value) == NULL)
		plan_nomem(plan);
}

static void
backup_disagrees(struct plan *plan, struct doc_node *node, bool backup, double priority)
{
	struct pointer *at = plan_at(plan, node);

	pointer_push(at, "backup");
	issues_add(&plan->issues, pointer_text(at), "is %s, but priority is %d",
		backup ? "true" : "false", (int)priority);
}

/* true makes priority 0 into 1 and leaves 1..9; false makes it 0. Only "priority" is stored. */
static void
backup_rule(struct plan *plan, struct doc_node *node, const cJSON *input, cJSON *own)
{
	const cJSON *backup = doc_field(input, "backup");
	const cJSON *given = doc_field(input, "priority");
	const cJSON *priority = doc_field(own, "priority");
	double now = cJSON_IsNumber(priority) ? priority->valuedouble : 0;
	bool is_backup = cJSON_IsTrue(backup);

	if (cJSON_IsNull(backup) && given == NULL)
		cJSON_DeleteItemFromObjectCaseSensitive(own, "priority");
	if (!cJSON_IsBool(backup))
		return;			/* absent, or the schema's to refuse */
	cJSON_DeleteItemFromObjectCaseSensitive(own, "backup");
	if (cJSON_IsNumber(given)) {
		if ((given->valuedouble > 0) != is_backup)
			backup_disagrees(plan, node, is_backup, given->valuedouble);
		return;
	}
	if (!is_backup && now != 0)
		own_set_number(plan, own, "priority", 0);
	else if (is_backup && now == 0)
		own_set_number(plan, own, "priority", 1);
}

static void
disabled_disagrees(struct plan *plan, struct doc_node *node, bool disabled, const char *state)
{
	struct pointer *at = plan_at(plan, node);

	pointer_push(at, "disabled");
	issues_add(&plan->issues, pointer_text(at), "is %s, but admin_state is %s",
		disabled ? "true" : "false", state);
}

static bool
is_maint(const cJSON *state)
{
	return cJSON_IsString(state) && strcmp(state->valuestring, "maint") == 0;
}

/* true makes it maint; false makes maint ready and leaves drain. Only "admin_state" is stored. */
static void
disabled_rule(struct plan *plan, struct doc_node *node, const cJSON *input, cJSON *own)
{
	const cJSON *disabled = doc_field(input, "disabled");
	const cJSON *given = doc_field(input, "admin_state");
	bool now = is_maint(doc_field(own, "admin_state"));
	bool wanted = cJSON_IsTrue(disabled);

	if (cJSON_IsNull(disabled) && given == NULL)
		cJSON_DeleteItemFromObjectCaseSensitive(own, "admin_state");
	if (!cJSON_IsBool(disabled))
		return;			/* absent, or the schema's to refuse */
	cJSON_DeleteItemFromObjectCaseSensitive(own, "disabled");
	if (cJSON_IsString(given)) {
		if (is_maint(given) != wanted)
			disabled_disagrees(plan, node, wanted, given->valuestring);
		return;
	}
	if (wanted == now)
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(own, "admin_state");
	if (cJSON_AddStringToObject(own, "admin_state", wanted ? "maint" : "ready") == NULL)
		plan_nomem(plan);
}

void
plan_raise(struct plan *plan, struct doc_node *node, uint32_t *last, uint32_t id)
{
	uint32_t before = *last;

	*last = id;
	if (plan->raised_count > 0 && plan->raised[plan->raised_count - 1].last == last)
		return;
	if (plan->raised_count == plan->raised_cap) {
		uint32_t cap = plan->raised_cap == 0 ? 4 : plan->raised_cap * 2;
		struct plan_raise *more = realloc(plan->raised, cap * sizeof(*more));

		if (more == NULL) {
			plan_nomem(plan);
			return;
		}
		plan->raised = more;
		plan->raised_cap = cap;
	}
	plan->raised[plan->raised_count++] = (struct plan_raise){ node, last, before };
}

void
plan_take_ids(struct plan *plan, struct doc_node *backend, const cJSON *members)
{
	uint32_t highest = backend->last_id, last = highest;
	const cJSON *member;

	plan->ids.backend = backend;
	plan->ids.floor = highest;
	plan->ids.ascend = true;
	cJSON_ArrayForEach(member, members) {
		const cJSON *id = cJSON_IsObject(member) ? doc_field(member, "id") : NULL;

		if (!cJSON_IsNumber(id) || id->valuedouble <= plan->ids.floor ||
		    id->valuedouble > SERVER_ID_MAX)
			continue;
		plan->ids.ascend &= id->valuedouble > last;
		last = (uint32_t)id->valuedouble;
		highest = last > highest ? last : highest;
	}
	if (highest > backend->last_id)
		plan_raise(plan, backend, &backend->last_id, highest);
}

static void
id_rule(struct plan *plan, struct doc_node *node, const cJSON *old, cJSON *own)
{
	const cJSON *given = doc_field(own, "id");
	const cJSON *kept = old == NULL ? NULL : doc_field(old, "id");

	if (given == NULL && kept != NULL) {
		own_set_number(plan, own, "id", kept->valuedouble);
	} else if (given == NULL) {
		plan_raise(plan, node->parent, &node->parent->last_id,
			node->parent->last_id + 1);
		own_set_number(plan, own, "id", node->parent->last_id);
	} else if (cJSON_IsNumber(given) && (kept == NULL || !json_equals(kept, given))) {
		/* above all that were: nobody can have it; else it is looked for later */
		if (plan->ids.backend == node->parent && plan->ids.ascend &&
		    given->valuedouble > plan->ids.floor)
			return;
		if (given->valuedouble > node->parent->last_id &&
		    given->valuedouble <= SERVER_ID_MAX)
			plan_raise(plan, node->parent, &node->parent->last_id,
				(uint32_t)given->valuedouble);
		else
			plan->ids_given = true;
	}
}

/* An admin_state other than ready that REST set survives a file that names none for the server. */
static void
admin_rule(struct plan *plan, struct doc_node *node, const cJSON *input, cJSON *own)
{
	const struct doc_version *old = plan_version(node);
	const cJSON *state = old == NULL ? NULL : doc_field(old->set, "admin_state");
	struct plan_op *op;

	if (plan->origin != DOC_BY_CONFIG || !cJSON_IsString(state) ||
	    old->admin_by != DOC_BY_REST || strcmp(state->valuestring, "ready") == 0 ||
	    doc_field(input, "admin_state") != NULL || doc_field(input, "disabled") != NULL)
		return;
	op = plan_op_on(plan, node, false);
	if (op == NULL || cJSON_AddStringToObject(own, "admin_state", state->valuestring) == NULL)
		plan_nomem(plan);
	else
		op->kept = true;
}

void
plan_server_rules(struct plan *plan, struct doc_node *node, const cJSON *old, const cJSON *input,
	cJSON *own)
{
	admin_rule(plan, node, input, own);
	disabled_rule(plan, node, input, own);
	backup_rule(plan, node, input, own);
	id_rule(plan, node, old, own);
}

enum doc_origin
plan_admin_origin(const struct plan *plan, const struct doc_version *old, const cJSON *own)
{
	const cJSON *before = old == NULL ? NULL : doc_field(old->set, "admin_state");
	const cJSON *now = doc_field(own, "admin_state");

	if (now == NULL)
		return DOC_BY_CONFIG;
	return before != NULL && json_equals(now, before) ? old->admin_by : plan->origin;
}
