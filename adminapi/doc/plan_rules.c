/*
 * One rule of a frontend or backend is changed by a change of the list.
 */
#include "config.h"
#include "adminapi/doc/plan.h"

#include <stdlib.h>
#include <string.h>
#include "adminapi/doc/plan_priv.h"
#include "adminapi/json/strict.h"

const cJSON *
rules_find(const cJSON *set, const char *id, uint32_t *index)
{
	const cJSON *list = set == NULL ? NULL : doc_field(set, "rules"), *rule;
	uint32_t at = 0;

	if (!cJSON_IsArray(list))
		return NULL;
	cJSON_ArrayForEach(rule, list) {
		const char *its = rule_id(rule);

		if (its != NULL && strcmp(its, id) == 0) {
			if (index != NULL)
				*index = at;
			return rule;
		}
		at++;
	}
	return NULL;
}

/* A list that is being changed, and where in the body we are. */
struct edit {
	struct plan *plan;
	cJSON *list;
	struct pointer *at;
};

static void
edit_issue(struct edit *e, const char *field, const char *detail)
{
	size_t mark = pointer_push(e->at, field);

	issues_add(&e->plan->issues, pointer_text(e->at), "%s", detail);
	pointer_pop(e->at, mark);
}

static cJSON *
edit_find(const struct edit *e, const char *id, int *index)
{
	cJSON *rule;

	*index = 0;
	cJSON_ArrayForEach(rule, e->list) {
		if (rule_id(rule) != NULL && strcmp(rule_id(rule), id) == 0)
			return rule;
		(*index)++;
	}
	return NULL;
}

/* cJSON 1.7.15, which is about, inserts at the front only: what stands behind steps aside. */
static void
list_insert(cJSON *list, cJSON *rule, int index)
{
	cJSON *behind = cJSON_GetArrayItem(list, index), *next;
	cJSON aside = { .type = cJSON_Array };

	for (; behind != NULL; behind = next) {
		next = behind->next;
		cJSON_AddItemToArray(&aside, cJSON_DetachItemViaPointer(list, behind));
	}
	cJSON_AddItemToArray(list, rule);
	for (behind = aside.child; behind != NULL; behind = next) {
		next = behind->next;
		cJSON_AddItemToArray(list, cJSON_DetachItemViaPointer(&aside, behind));
	}
}

/* Put `rule`, which is in no list, where `place` says: {"before"} or {"after"} an id; else at `index`. */
static void
edit_insert(struct edit *e, cJSON *rule, const cJSON *place, int index)
{
	const cJSON *before = doc_field(place, "before"), *after = doc_field(place, "after");
	const cJSON *given = before != NULL ? before : after;
	const char *field = before != NULL ? "before" : "after";
	int found;

	if (before != NULL && after != NULL) {
		edit_issue(e, "after", "not together with before");
	} else if (given != NULL && !cJSON_IsString(given)) {
		edit_issue(e, field, "must be the id of a rule");
	} else if (given != NULL && edit_find(e, given->valuestring, &found) == NULL) {
		edit_issue(e, field, "there is no other rule of that id");
	} else if (given != NULL) {
		index = before != NULL ? found : found + 1;
	}
	list_insert(e->list, rule, index);
}

/* What the body says of the rule itself. NULL: no memory. */
static cJSON *
rule_part(const cJSON *body)
{
	cJSON *part = cJSON_Duplicate(body, true);

	if (part != NULL) {
		cJSON_DeleteItemFromObjectCaseSensitive(part, "before");
		cJSON_DeleteItemFromObjectCaseSensitive(part, "after");
	}
	return part;
}

/* The id in the body, if any, is the one that the rule is addressed by. */
static bool
edit_set_id(struct edit *e, cJSON *rule, const char *id)
{
	const cJSON *given = doc_field(rule, "id");

	if (given == NULL)
		return cJSON_AddStringToObject(rule, "id", id) != NULL;
	if (!cJSON_IsString(given) || strcmp(given->valuestring, id) != 0)
		edit_issue(e, "id", "must be the id that the rule is addressed by");
	return true;
}

static void
edit_write(struct edit *e, const char *id, const cJSON *body, bool is_patch)
{
	bool moves = doc_field(body, "before") != NULL || doc_field(body, "after") != NULL;
	cJSON *old, *part = rule_part(body), *rule = part;
	int index = INT32_MAX;

	old = id == NULL ? NULL : edit_find(e, id, &index);
	if (part != NULL && is_patch) {
		rule_restore_status(e->plan, part);
		rule = json_merge(old, part);
		cJSON_Delete(part);
	}
	if (rule == NULL || (id != NULL && !edit_set_id(e, rule, id))) {
		cJSON_Delete(rule);
		plan_nomem(e->plan);
		return;
	}
	if (old != NULL && !moves) {
		cJSON_ReplaceItemViaPointer(e->list, old, rule);
		return;
	}
	if (old != NULL)
		cJSON_Delete(cJSON_DetachItemViaPointer(e->list, old));
	edit_insert(e, rule, body, index);
}

static void
edit_remove(struct edit *e, const char *id)
{
	int index;
	cJSON *rule = edit_find(e, id, &index);

	if (rule != NULL)
		cJSON_Delete(cJSON_DetachItemViaPointer(e->list, rule));
}

static void
edit_members(struct edit *e, const cJSON *body)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, body) {
		size_t mark = pointer_push(e->at, member->string);

		if (cJSON_IsNull(member))
			edit_remove(e, member->string);
		else if (!cJSON_IsObject(member))
			issues_add(&e->plan->issues, pointer_text(e->at), "must be an object");
		else
			edit_write(e, member->string, member, true);
		pointer_pop(e->at, mark);
	}
}

static bool
edit_begin(struct edit *e, const struct doc_node *node)
{
	const cJSON *list = doc_field(plan_version(node)->set, "rules");

	e->list = cJSON_IsArray(list) ? cJSON_Duplicate(list, true) : cJSON_CreateArray();
	return e->list != NULL;
}

/* The list becomes the node's, with all else as it was. */
static void
edit_end(struct edit *e, struct doc_node *node)
{
	cJSON *part = cJSON_CreateObject(), *own = NULL;

	if (part != NULL && cJSON_AddItemToObject(part, "rules", e->list))
		own = json_merge(plan_version(node)->set, part);
	else
		cJSON_Delete(e->list);
	if (own == NULL)
		plan_nomem(e->plan);
	plan_accept_set(e->plan, node, part, own);
	cJSON_Delete(part);
}

void
plan_rules_edit(struct plan *plan, struct doc_node *node, enum plan_rules_verb verb, const char *id,
		const cJSON *body)
{
	struct pointer at = { 0 };
	struct edit e = { .plan = plan, .at = &at };

	if (verb != PLAN_RULE_DELETE && !cJSON_IsObject(body)) {
		issues_add(&plan->issues, "", "must be an object");
		return;
	}
	if (!edit_begin(&e, node)) {
		plan_nomem(plan);
		return;
	}
	switch (verb) {
	case PLAN_RULE_PUT:
	case PLAN_RULE_CREATE: edit_write(&e, id, body, false); break;
	case PLAN_RULE_PATCH: edit_write(&e, id, body, true); break;
	case PLAN_RULES_PATCH: edit_members(&e, body); break;
	case PLAN_RULE_DELETE: edit_remove(&e, id); break;
	}
	edit_end(&e, node);
	pointer_fini(&at);
}
