/*
 * A write's plan: its body, its target, its preconditions. Pure; see plan.h for the thread.
 */
#include "config.h"
#include "adminapi/apply/txn_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/apply/maps.h"
#include "adminapi/doc/changes.h"
#include "adminapi/json/strict.h"

/*
 * Does one of the tags of an If-Match list name `revision`? Weak tags count: the plain views are
 * weak for the sake of their status, and what If-Match protects is what was set.
 */
static bool
tags_match(const char *tags, uint64_t revision)
{
	char tag[32];
	int len = snprintf(tag, sizeof(tag), "\"%llu\"", (unsigned long long)revision);
	const char *at = tags;

	if (strcmp(tags, "*") == 0)
		return true;
	while ((at = strstr(at, tag)) != NULL) {
		if (at[len] == '\0' || at[len] == ',' || at[len] == ' ')
			return true;
		at += len;
	}
	return false;
}

/* What the target is at, 0 if it is not there: a resource, or a collection of `parent`. */
static uint64_t
target_revision(const struct write *w, const struct doc_node *parent, const struct doc_node *node,
	bool *exists)
{
	if (w->verb == WRITE_PATCH_MEMBERS || w->verb == WRITE_CREATE) {
		*exists = true;
		return parent->head_revisions[doc_kind_info(w->kind)->slot];
	}
	*exists = node != NULL && node->head != NULL;
	return *exists ? node->head_revision : 0;
}

bool
precondition_of(const struct write *w, bool exists, uint64_t revision)
{
	if (w->if_match != NULL && (!exists || !tags_match(w->if_match, revision)))
		return false;
	return w->if_none_match == NULL || !exists || !tags_match(w->if_none_match, revision);
}

static bool
precondition_holds(const struct write *w, const struct doc_node *parent,
	const struct doc_node *node)
{
	bool exists;
	uint64_t revision = target_revision(w, parent, node, &exists);

	return precondition_of(w, exists, revision);
}

/* The target's parent: a server's backend, else the root. NULL: it is not there. */
static struct doc_node *
target_parent(struct txn *txn)
{
	struct doc *doc = txn->plan.doc;
	const struct write *w = txn->write;

	if (w->kind == DOC_CONFIG)
		return doc->root;
	if (doc_kind_info(w->kind)->parent == DOC_CONFIG)
		return doc->root;
	return plan_find(&txn->plan, doc->root, doc_kind_info(w->kind)->parent, w->parent);
}

static void
not_found(struct txn *txn, enum doc_kind kind, const char *name)
{
	diag_set(&txn->write->why, "there is no %s \"%s\"", doc_kind_info(kind)->word, name);
	txn->outcome = WRITE_NOT_FOUND;
}

static struct doc_node *
target_node(struct txn *txn, struct doc_node *parent)
{
	const struct write *w = txn->write;

	if (!doc_kind_info(w->kind)->is_collection)
		return txn->plan.doc->singles[w->kind];
	return w->name == NULL ? NULL : doc_child(parent, w->kind, w->name);
}

/* Pointers in issues begin below the path that the body stands for. */
static bool
set_base(struct txn *txn, struct doc_node *parent)
{
	const struct write *w = txn->write;
	const struct doc_kind_info *info = doc_kind_info(w->kind);
	struct buf base = { 0 };

	if (w->kind == DOC_CONFIG)
		return true;
	doc_path(parent, &base);
	buf_printf(&base, "/%s", info->member);
	if (info->is_collection && w->name != NULL)
		buf_printf(&base, "/%s", w->name);
	buf_put(&base, "", 1);
	if (base.failed)
		buf_fini(&base);
	txn->plan.base = base.at;
	return base.at != NULL;
}

/* HAProxy users forget it, and would lose their servers by a PUT meant for one field. */
static bool
put_forgets_servers(struct txn *txn, const struct doc_node *node, const cJSON *body)
{
	const struct write *w = txn->write;

	if (w->verb != WRITE_PUT || w->kind != DOC_BACKEND || node == NULL || node->head == NULL ||
	    doc_field(body, "servers") != NULL)
		return false;
	doc_each_child(server, node, DOC_SERVER) {
		if (server->head == NULL)
			continue;
		diag_set(&txn->write->why,
			 "the backend has servers, and the body has no \"servers\": "
			"send them, send {}, or use PATCH");
		return true;
	}
	return false;
}

/* The name that the body of a POST brings. */
static void
take_name(struct txn *txn, struct doc_node *parent, const cJSON *body)
{
	struct write *w = txn->write;
	const cJSON *name = cJSON_IsObject(body) ? doc_field(body, "name") : NULL;

	if (!cJSON_IsString(name) || !doc_name_is_valid(name->valuestring)) {
		issues_add(&w->issues, "/name",
			   "a name of 1 to %d characters of A-Z a-z 0-9 . _ : - "
			   "is needed",
			   DOC_NAME_MAX);
		txn->outcome = WRITE_INVALID;
		return;
	}
	snprintf(w->created_name, sizeof(w->created_name), "%s", name->valuestring);
	w->name = w->created_name;
	if (plan_find(&txn->plan, parent, w->kind, w->name) == NULL)
		return;
	diag_set(&w->why, "%s \"%s\" is there already", doc_kind_info(w->kind)->word, w->name);
	txn->outcome = WRITE_EXISTS;
}

static void
plan_members(struct txn *txn, struct doc_node *parent, const cJSON *body)
{
	struct write *w = txn->write;

	if (cJSON_IsObject(body)) {
		plan_patch_members(&txn->plan, parent, w->kind, body);
		return;
	}
	issues_add(&w->issues, "", "must be an object of members by name");
	txn->outcome = WRITE_INVALID;
}

static void
plan_verb(struct txn *txn, struct doc_node *parent, struct doc_node *node, const cJSON *body)
{
	struct write *w = txn->write;
	bool exists = node != NULL && node->head != NULL;

	if (!exists && w->name != NULL && (w->verb == WRITE_PATCH || w->verb == WRITE_DELETE)) {
		not_found(txn, w->kind, w->name);
		return;
	}
	switch (w->verb) {
	case WRITE_PUT:
		if (put_forgets_servers(txn, node, body)) {
			txn->outcome = WRITE_CONFLICT;
			return;
		}
		w->created = !exists;
		plan_put(&txn->plan, parent, w->kind, w->name, body);
		break;
	case WRITE_PATCH:
		plan_patch(&txn->plan, parent, w->kind, w->name, body);
		break;
	case WRITE_PATCH_MEMBERS:
		plan_members(txn, parent, body);
		break;
	case WRITE_CREATE:
		w->created = true;
		plan_put(&txn->plan, parent, w->kind, w->name, body);
		break;
	case WRITE_DELETE:
		plan_delete(&txn->plan, node);
		break;
	}
}

static enum write_outcome
verdict_outcome(enum plan_verdict verdict)
{
	switch (verdict) {
	case PLAN_OK:
		return WRITE_DONE;
	case PLAN_NOT_FOUND:
		return WRITE_NOT_FOUND;
	case PLAN_INVALID:
		return WRITE_INVALID;
	case PLAN_CONFLICT:
		return WRITE_CONFLICT;
	case PLAN_NOMEM:
		break;
	}
	return WRITE_UNAVAILABLE;
}

static void
issues_move(const struct txn *txn, struct issues *to, struct issues *from)
{
	for (uint32_t i = 0; i < from->count; i++) {
		struct buf pointer = { 0 };

		if (txn->write->of_rules)
			txn_rules_pointer(txn, from->items[i].pointer, &pointer);
		issues_add(to, pointer.len == 0 || pointer.failed ? from->items[i].pointer
								 : pointer.at,
			"%s", from->items[i].detail);
		buf_fini(&pointer);
	}
	to->dropped += from->dropped;
	issues_fini(from);
}

void
txn_place_issues(struct txn *txn)
{
	struct issues found = txn->write->issues;

	txn->write->issues = (struct issues){ 0 };
	issues_move(txn, &txn->write->issues, &found);
}

/* What the next steps need and takes long for 10,000 servers: made here, perhaps on the helper. */
static enum err
txn_note(struct txn *txn)
{
	struct write *w = txn->write;
	struct jsonw json;

	if (!w->dry_run)
		return changes_note(&txn->plan) == ERR_OK ? txn_store(txn, &txn->store_txn)
							  : ERR_NOMEM;
	buf_fini(&w->changes);		/* of a plan that had to be made again */
	jsonw_init(&json, &w->changes);
	jsonw_object(&json, NULL);
	changes_write(&json, "changes", &txn->plan, true, UINT32_MAX);
	if (w->file_text != NULL)
		dropped_write(&json, w);
	jsonw_end_object(&json);
	return w->changes.failed ? ERR_NOMEM : ERR_OK;
}

void
txn_plan_conclude(struct txn *txn)
{
	struct write *w = txn->write;

	if (w->file_text != NULL)
		maps_touch_edited(&txn->plan);
	plan_finish(&txn->plan);
	txn->outcome = verdict_outcome(txn->plan.verdict);
	issues_move(txn, &w->issues, &txn->plan.issues);
	if (txn->outcome == WRITE_DONE && issues_any(&w->issues))
		txn->outcome = WRITE_INVALID;
	if (txn->outcome == WRITE_DONE && txn_note(txn) != ERR_OK)
		txn->outcome = WRITE_UNAVAILABLE;
	if (txn->outcome == WRITE_UNAVAILABLE)
		diag_set(&w->why, "out of memory");
	if (txn->outcome == WRITE_CONFLICT)
		diag_set(&w->why, "%s", txn->plan.conflict);
}

static void
plan_body(struct txn *txn, const cJSON *body)
{
	struct write *w = txn->write;
	struct doc_node *parent = target_parent(txn);
	struct doc_node *node;

	if (parent == NULL) {
		not_found(txn, doc_kind_info(w->kind)->parent, w->parent);
		return;
	}
	node = target_node(txn, parent);
	if (w->of_rules || w->of_entries) {
		if (node != NULL && node->head != NULL && w->of_rules)
			txn_plan_rules(txn, node, body);
		else if (node != NULL && node->head != NULL)
			txn_plan_entries(txn, node, body);
		else
			not_found(txn, w->kind, w->name);
		return;
	}
	if (!precondition_holds(w, parent, node)) {
		txn->outcome = WRITE_PRECONDITION;
		return;
	}
	if (w->verb == WRITE_CREATE)
		take_name(txn, parent, body);
	if (txn->outcome != WRITE_DONE)
		return;
	if (!set_base(txn, parent)) {
		txn->outcome = WRITE_UNAVAILABLE;
		diag_set(&w->why, "out of memory");
	} else {
		plan_verb(txn, parent, node, body);
		if (txn->outcome == WRITE_DONE)
			txn_plan_conclude(txn);
	}
}

/* What is there to do for the write's file? Nothing if it was not edited: an empty plan then. */
static enum err
plan_file(struct txn *txn, const struct doc *doc)
{
	struct write *w = txn->write;

	w->file_is_same = grown_is_same(txn->grew_from, w);
	if (w->file_is_same || w->dry_run)
		return w->file_is_same ? ERR_OK : grown_dropped(txn->grew_from, doc, w);
	grown_free(&txn->grown);	/* of a plan that had to be made again */
	txn->grown = grown_new(w);
	return txn->grown == NULL ? ERR_NOMEM : grown_dropped(txn->grew_from, doc, w);
}

void
txn_plan(struct txn *txn, struct doc *doc)
{
	struct write *w = txn->write;
	cJSON *parsed = NULL;
	enum err e = ERR_OK;

	plan_init(&txn->plan, doc, settings_compilers, w->origin);
	txn->plan.actor = w->actor;
	txn->outcome = WRITE_DONE;
	if (w->verb == WRITE_CREATE && w->of_rules)
		w->rule = NULL;
	else if (w->verb == WRITE_CREATE && !w->of_entries)
		w->name = NULL;		/* the body brings it, again if this plan is made again */
	if (w->body == NULL && w->verb != WRITE_DELETE)
		e = json_parse(&parsed, w->text.at, w->text.len, &w->issues);
	if (e != ERR_OK) {
		txn->outcome = e == ERR_NOMEM ? WRITE_UNAVAILABLE : WRITE_BAD_JSON;
		if (e == ERR_NOMEM)
			diag_set(&w->why, "out of memory");
		return;
	}
	if (w->file_text != NULL && plan_file(txn, doc) != ERR_OK)
		plan_nomem(&txn->plan);
	if (w->file_is_same)
		txn_plan_conclude(txn);
	else
		plan_body(txn, w->body != NULL ? w->body : parsed);
	cJSON_Delete(parsed);
}
