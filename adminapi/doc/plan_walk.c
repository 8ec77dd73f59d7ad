/*
 * Bodies into ops: PUT, PATCH (RFC 7396) and DELETE walk the body and the tree side by side.
 */
#include "config.h"
#include "adminapi/doc/plan.h"

#include <string.h>
#include "adminapi/doc/plan_priv.h"
#include "adminapi/json/strict.h"

static bool
is_child_member(enum doc_kind kind, const char *member)
{
	for (const enum doc_kind *child = doc_child_kinds(kind); *child != DOC_KINDS; child++)
		if (strcmp(doc_kind_info(*child)->member, member) == 0)
			return true;
	return false;
}

/* A copy of the body's own part: no children, no "name", no read-only members. */
static cJSON *
own_part(struct plan *plan, enum doc_kind kind, const cJSON *body)
{
	const struct schema_node *def = plan->doc->defs[kind];
	cJSON *own = cJSON_CreateObject();
	const cJSON *member;

	cJSON_ArrayForEach(member, body) {
		const struct schema_node *field = schema_property(def, member->string);
		cJSON *copy;

		if (own == NULL)
			break;
		if (is_child_member(kind, member->string) || strcmp(member->string, "name") == 0 ||
		    (field != NULL && schema_is_readonly(field)))
			continue;
		copy = cJSON_Duplicate(member, true);
		if (copy == NULL || !cJSON_AddItemToObject(own, member->string, copy)) {
			cJSON_Delete(copy);
			cJSON_Delete(own);
			own = NULL;
		}
	}
	if (own == NULL)
		plan_nomem(plan);
	return own;
}

static void
issue_at(struct plan *plan, const struct doc_node *node, const char *field, const char *detail)
{
	struct pointer *at = plan_at(plan, node);
	size_t mark = at->text.len;

	if (field != NULL)
		mark = pointer_push(at, field);
	issues_add(&plan->issues, pointer_text(at), "%s", detail);
	if (field != NULL)
		pointer_pop(at, mark);
}

static bool
is_object(struct plan *plan, const struct doc_node *node, const char *field, const cJSON *body)
{
	if (cJSON_IsObject(body))
		return true;
	issue_at(plan, node, field, "must be an object");
	return false;
}

/* The URL (or the key) names a resource; a "name" inside must agree. */
static void
check_name(struct plan *plan, const struct doc_node *node, const cJSON *body)
{
	const cJSON *name = doc_field(body, "name");

	if (name == NULL || !doc_kind_info(node->kind)->is_collection)
		return;
	if (!cJSON_IsString(name) || strcmp(name->valuestring, node->name) != 0)
		issue_at(plan, node, "name", "must be the name that the resource is addressed by");
}

/* Also where it is said in other words: 60000 and "60s" are both answered as "1m", which is put back. */
static bool
is_same_set(struct plan *plan, const struct schema_node *def, const cJSON *old, const cJSON *own)
{
	cJSON *a, *b;
	bool same;

	if (json_equals(old, own))
		return true;
	a = schema_present(def, old);
	b = schema_present(def, own);
	if (a == NULL || b == NULL)
		plan_nomem(plan);
	same = a != NULL && b != NULL && json_equals(a, b);
	cJSON_Delete(a);
	cJSON_Delete(b);
	return same;
}

void
plan_accept_set(struct plan *plan, struct doc_node *node, const cJSON *input, cJSON *own)
{
	const struct doc_version *old = plan_version(node);
	const struct schema_node *def = plan->doc->defs[node->kind];
	struct pointer *at;
	uint32_t issues_before;
	enum doc_origin by;

	if (own == NULL)
		return;
	if (node->kind == DOC_SERVER)
		plan_server_rules(plan, node, old == NULL ? NULL : old->set, input, own);
	else if (node->kind == DOC_FRONTEND || node->kind == DOC_BACKEND)
		plan_rules_complete(plan, node, old == NULL ? NULL : old->set, own);
	at = plan_at(plan, node);
	if (schema_restore_secrets(def, own, old == NULL ? NULL : old->set, at, &plan->issues) ==
	    ERR_NOMEM)
		plan_nomem(plan);
	if (old != NULL && is_same_set(plan, def, old->set, own)) {
		cJSON_Delete(own);
		return;
	}
	issues_before = plan->issues.count;
	schema_validate(def, own, at, &plan->issues);
	if (old != NULL)
		plan_tell_kept(plan, issues_before, strlen(pointer_text(at)), old->set, input);
	by = plan_admin_origin(plan, old, own);
	plan_set(plan, node, own);	/* the plan's own `old` is gone after this */
	if (node->op != NULL && node->op->to != node->op->from)
		node->op->to->admin_by = by;
}

static bool
check_key(struct plan *plan, const struct doc_node *parent, enum doc_kind kind, const char *name)
{
	struct pointer *at;

	if (doc_name_is_valid(name))
		return true;
	at = plan_at_members(plan, parent, kind);
	pointer_push(at, name);
	issues_add(&plan->issues, pointer_text(at),
		"a name has 1 to %d characters of A-Z a-z 0-9 . _ : - and is not \".\" or \"..\"",
		DOC_NAME_MAX);
	return false;
}

/* The members of a collection become those of the body: the others go. */
static void
put_members(struct plan *plan, struct doc_node *parent, enum doc_kind kind, const cJSON *members)
{
	uint64_t stamp = ++plan->doc->next_stamp;
	const cJSON *member;

	if (kind == DOC_SERVER)
		plan_take_ids(plan, parent, members);
	cJSON_ArrayForEach(member, members) {
		struct doc_node *node;

		if (!check_key(plan, parent, kind, member->string))
			continue;
		plan_put(plan, parent, kind, member->string, member);
		node = plan_find(plan, parent, kind, member->string);
		if (node != NULL)
			node->stamp = stamp;
	}
	doc_each_child(child, parent, kind)
		if (child->stamp != stamp && plan_version(child) != NULL)
			plan_delete(plan, child);
}

static void
put_children(struct plan *plan, struct doc_node *node, const cJSON *body)
{
	static const cJSON nothing = { .type = cJSON_Object };

	for (const enum doc_kind *kind = doc_child_kinds(node->kind); *kind != DOC_KINDS; kind++) {
		const struct doc_kind_info *info = doc_kind_info(*kind);
		const cJSON *given = doc_field(body, info->member);

		if (given == NULL)
			given = &nothing;
		if (!info->is_collection)
			plan_put(plan, node, *kind, info->member, given);
		else if (is_object(plan, node, info->member, given))
			put_members(plan, node, *kind, given);
	}
}

void
plan_put(struct plan *plan, struct doc_node *parent, enum doc_kind kind, const char *name,
	const cJSON *body)
{
	struct doc_node *node = plan_find_or_create(plan, parent, kind, name);

	if (node == NULL || !is_object(plan, node, NULL, body))
		return;
	check_name(plan, node, body);
	plan_accept_set(plan, node, body, own_part(plan, kind, body));
	put_children(plan, node, body);
}

void
plan_patch_members(struct plan *plan, struct doc_node *parent, enum doc_kind kind,
	const cJSON *patch)
{
	const cJSON *member;

	if (kind == DOC_SERVER)
		plan_take_ids(plan, parent, patch);
	cJSON_ArrayForEach(member, patch) {
		struct doc_node *node;

		if (!check_key(plan, parent, kind, member->string))
			continue;
		if (!cJSON_IsNull(member)) {
			plan_patch(plan, parent, kind, member->string, member);
			continue;
		}
		node = plan_find(plan, parent, kind, member->string);
		if (node != NULL)
			plan_delete(plan, node);
	}
}

static void
patch_children(struct plan *plan, struct doc_node *node, const cJSON *patch)
{
	static const cJSON nothing = { .type = cJSON_Object };

	for (const enum doc_kind *kind = doc_child_kinds(node->kind); *kind != DOC_KINDS; kind++) {
		const struct doc_kind_info *info = doc_kind_info(*kind);
		const cJSON *given = doc_field(patch, info->member);

		if (given == NULL)
			continue;
		if (cJSON_IsNull(given) && info->is_collection)
			put_members(plan, node, *kind, &nothing);
		else if (cJSON_IsNull(given))
			plan_put(plan, node, *kind, info->member, &nothing);
		else if (!info->is_collection)
			plan_patch(plan, node, *kind, info->member, given);
		else if (is_object(plan, node, info->member, given))
			plan_patch_members(plan, node, *kind, given);
	}
}

void
plan_patch(struct plan *plan, struct doc_node *parent, enum doc_kind kind, const char *name,
	const cJSON *patch)
{
	struct doc_node *node = plan_find_or_create(plan, parent, kind, name);
	const struct doc_version *old;
	cJSON *part, *own;

	if (node == NULL || !is_object(plan, node, NULL, patch))
		return;
	check_name(plan, node, patch);
	part = own_part(plan, kind, patch);
	if (part == NULL)
		return;
	old = plan_version(node);
	own = json_merge(old == NULL ? NULL : old->set, part);
	cJSON_Delete(part);
	if (own == NULL)
		plan_nomem(plan);
	plan_accept_set(plan, node, patch, own);
	patch_children(plan, node, patch);
}

void
plan_delete(struct plan *plan, struct doc_node *node)
{
	struct plan_op *op;

	for (const enum doc_kind *kind = doc_child_kinds(node->kind); *kind != DOC_KINDS; kind++)
		doc_each_child(child, node, *kind)
			if (plan_version(child) != NULL)
				plan_delete(plan, child);
	op = plan_op_on(plan, node, false);
	if (op == NULL)
		return;
	if (op->to != op->from)
		doc_version_unref(op->to);
	op->to = NULL;
}

/* A change in one of a node's collections, which may be a deletion, is one of all above it, too. */
static void
restore_revision(struct doc_node *node, uint32_t slot, uint64_t revision)
{
	for (; node != NULL; slot = doc_kind_info(node->kind)->slot, node = node->parent) {
		if (node->head_revisions[slot] < revision)
			node->head_revisions[slot] = node->live_revisions[slot] = revision;
		if (node->head_revision < revision)
			node->head_revision = node->live_revision = revision;
	}
}

static void
restore_notes(struct doc_node *node, const struct doc_notes *notes)
{
	if (node->last_id < notes->last_id)
		node->last_id = notes->last_id;
	if (node->last_rule < notes->last_rule)
		node->last_rule = notes->last_rule;
	for (uint32_t i = 0; i < DOC_COLLECTIONS_MAX; i++)
		restore_revision(node, i, notes->revisions[i]);
}

void
plan_restore(struct plan *plan, struct doc_node *parent, enum doc_kind kind, const char *name,
	cJSON *set, uint64_t revision, const struct doc_notes *notes)
{
	struct doc_node *node = plan_find_or_create(plan, parent, kind, name);

	if (node == NULL) {
		cJSON_Delete(set);
		return;
	}
	if (kind == DOC_FRONTEND || kind == DOC_BACKEND)
		plan_rules_complete(plan, node, NULL, set);
	schema_validate(plan->doc->defs[kind], set, plan_at(plan, node), &plan->issues);
	plan_set(plan, node, set);
	if (node->op != NULL && node->op->to != NULL) {
		node->op->to->revision = revision;
		node->op->to->admin_by = notes->admin_by;
		node->op->stored = true;
		node->op->stored_revision = revision;
	}
	restore_notes(node, notes);
	if (kind == DOC_SERVER && node->op != NULL && node->op->to != NULL &&
	    parent->last_id < doc_server_id(node->op->to))
		parent->last_id = doc_server_id(node->op->to);
}

void
plan_drop_unnamed(struct plan *plan)
{
	for (uint32_t i = 0; i < plan->count; i++) {
		struct plan_op *op = plan->ops[i];

		if (!op->stored || !doc_kind_info(op->node->kind)->is_collection ||
		    op->node->stamp > plan->first_stamp)
			continue;
		doc_version_unref(op->to);
		op->to = NULL;
	}
}
