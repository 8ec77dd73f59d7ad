/*
 * A write of rules: one of a list, or several; for the store and the workers a change of their
 * frontend or backend. Pure; see plan.h for the thread.
 */
#include "config.h"
#include "adminapi/apply/txn_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The id that the body of a POST brings; NULL: none. */
static const char *
id_in(const cJSON *body)
{
	const cJSON *id = cJSON_IsObject(body) ? doc_field(body, "id") : NULL;

	return cJSON_IsString(id) ? id->valuestring : NULL;
}

static const enum plan_rules_verb verbs[] = {
	[WRITE_PUT] = PLAN_RULE_PUT,
	[WRITE_PATCH] = PLAN_RULE_PATCH,
	[WRITE_PATCH_MEMBERS] = PLAN_RULES_PATCH,
	[WRITE_CREATE] = PLAN_RULE_CREATE,
	[WRITE_DELETE] = PLAN_RULE_DELETE,
};

/* Is the target there, or not there, as the verb and the preconditions want it? */
static bool
rule_is_as_wanted(struct txn *txn, const struct doc_node *node, const cJSON *body)
{
	struct write *w = txn->write;
	bool is_list = w->verb == WRITE_CREATE || w->verb == WRITE_PATCH_MEMBERS;
	bool exists =
		is_list || (w->rule != NULL && rules_find(node->head->set, w->rule, NULL) != NULL);
	const char *id = id_in(body);

	if (!precondition_of(w, exists, exists ? node->head_revision : 0)) {
		txn->outcome = WRITE_PRECONDITION;
	} else if (!exists && w->verb != WRITE_PUT) {
		diag_set(&w->why, "%s \"%s\" has no rule \"%s\"", doc_kind_info(w->kind)->word,
			 w->name, w->rule);
		txn->outcome = WRITE_NOT_FOUND;
	} else if (w->verb == WRITE_CREATE && id != NULL &&
		   rules_find(node->head->set, id, NULL) != NULL) {
		diag_set(&w->why, "%s \"%s\" has a rule \"%.*s\" already",
			 doc_kind_info(w->kind)->word, w->name, DOC_NAME_MAX, id);
		txn->outcome = WRITE_EXISTS;
	}
	w->created = w->verb == WRITE_CREATE || (w->verb == WRITE_PUT && !exists);
	return txn->outcome == WRITE_DONE;
}

/* The new one, which no list had before: for Location. It was given an id if it brought none. */
static void
take_created(struct txn *txn, const struct doc_node *node)
{
	struct write *w = txn->write;
	const cJSON *list = doc_field(plan_version(node)->set, "rules"), *rule;

	cJSON_ArrayForEach(rule, list) {
		const char *id = id_in(rule);

		if (id == NULL || rules_find(node->head->set, id, NULL) != NULL)
			continue;
		snprintf(w->created_name, sizeof(w->created_name), "%s", id);
		w->rule = w->created_name;
	}
}

static bool
set_base(struct txn *txn, const struct doc_node *node)
{
	struct buf base = { 0 };

	doc_path(node, &base);
	buf_put(&base, "", 1);
	if (base.failed)
		buf_fini(&base);
	txn->plan.base = base.at;
	return base.at != NULL;
}

void
txn_plan_rules(struct txn *txn, struct doc_node *node, const cJSON *body)
{
	struct write *w = txn->write;

	if (!rule_is_as_wanted(txn, node, body))
		return;
	if (!set_base(txn, node)) {
		txn->outcome = WRITE_UNAVAILABLE;
		diag_set(&w->why, "out of memory");
		return;
	}
	plan_rules_edit(&txn->plan, node, verbs[w->verb], w->rule, body);
	if (w->verb == WRITE_CREATE)
		take_created(txn, node);
	txn_plan_conclude(txn);
}

/* -- where something is wrong -- */

/* "/rules/3/name" is index 3 and "/name". False: another pointer. */
static bool
pointer_split(const char *pointer, uint32_t *index, const char **rest)
{
	static const char prefix[] = "/rules/";
	char *end;

	if (strncmp(pointer, prefix, sizeof(prefix) - 1) != 0)
		return false;
	pointer += sizeof(prefix) - 1;
	if (*pointer < '0' || *pointer > '9')
		return false;
	*index = (uint32_t)strtoul(pointer, &end, 10);
	*rest = end;
	return *end == '\0' || *end == '/';
}

/* The id of a rule of the list as the plan would leave it. */
static const char *
rule_at(const struct txn *txn, uint32_t index)
{
	const struct write *w = txn->write;
	const struct doc_node *node = doc_child(txn->plan.doc->root, w->kind, w->name);
	const struct doc_version *version = node == NULL ? NULL : plan_version(node);

	if (version == NULL)
		return NULL;
	return id_in(cJSON_GetArrayItem(doc_field(version->set, "rules"), (int)index));
}

/* What is wrong elsewhere than in the body keeps the whole way. */
void
txn_rules_pointer(const struct txn *txn, const char *pointer, struct buf *out)
{
	const struct write *w = txn->write;
	const char *rest, *id;
	uint32_t index;

	if (strcmp(pointer, "/rules") == 0) {
		buf_printf(out, "%s%s", txn->plan.base, pointer);
		buf_put(out, "", 1);
	}
	if (!pointer_split(pointer, &index, &rest))
		return; /* said by whoever walked the body */
	id = rule_at(txn, index);
	if (w->verb == WRITE_PATCH_MEMBERS && id != NULL)
		buf_printf(out, "/%s%s", id, rest);
	else if (id != NULL && w->rule != NULL && strcmp(id, w->rule) == 0)
		buf_puts(out, rest);
	else
		buf_printf(out, "%s%s", txn->plan.base, pointer);
	buf_put(out, "", 1);
}
