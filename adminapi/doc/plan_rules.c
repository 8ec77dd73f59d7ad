/*
 * The rules of a frontend or backend: each has an id, given once and kept; one rule is changed by a change of the list.
 *
 * An id that we give is "rule-N", N one above all that ever were in this list. A list that is put without ids keeps
 * those of the rules whose content is the same.
 */
#include "config.h"
#include "adminapi/doc/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/doc/plan_priv.h"
#include "adminapi/json/strict.h"

#define ID_PREFIX "rule-"

static const char *
rule_id(const cJSON *rule)
{
	const cJSON *id = cJSON_IsObject(rule) ? doc_field(rule, "id") : NULL;

	return cJSON_IsString(id) ? id->valuestring : NULL;
}

/* -- ids -- */

/* The N of an id that could be ours; 0: it is none. */
static uint32_t
id_number(const char *id)
{
	size_t prefix = sizeof(ID_PREFIX) - 1;
	int64_t number;

	if (id == NULL || strncmp(id, ID_PREFIX, prefix) != 0 ||
	    int_parse(slice_of(id + prefix), &number) != ERR_OK)
		return 0;
	return number > 0 && number < UINT32_MAX ? (uint32_t)number : 0;
}

#define FNV_START 14695981039346656037ULL	/* FNV-1a, 64 bits */
#define FNV_PRIME 1099511628211ULL

static uint64_t
fnv(uint64_t hash, const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)at[i]) * FNV_PRIME;
	return hash;
}

/* Of all that a rule says but its id; order of members means nothing. False: no memory. */
static bool
content_hash(const cJSON *rule, uint64_t *hash)
{
	struct buf text = { 0 };
	const cJSON *member;
	bool ok;

	*hash = 0;
	cJSON_ArrayForEach(member, rule) {
		if (strcmp(member->string, "id") == 0)
			continue;
		buf_clear(&text);
		buf_put(&text, member->string, strlen(member->string) + 1);
		json_print(&text, member);
		*hash += fnv(FNV_START, text.at, text.len);
	}
	ok = !text.failed;
	buf_fini(&text);
	return ok;
}

/* A rule that was there before. */
struct old_rule {
	uint64_t	 hash;
	uint32_t	 index;
	const char	*id;
	bool		 taken;		/* its id stands in the new list */
};

static int
old_compare(const void *a, const void *b)
{
	const struct old_rule *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int
id_compare(const void *a, const void *b)
{
	return strcmp((*(struct old_rule *const *)a)->id, (*(struct old_rule *const *)b)->id);
}

static int
id_find(const void *id, const void *old)
{
	return strcmp(id, (*(struct old_rule *const *)old)->id);
}

/* Those before, by content; `by_id` the same by id. */
struct old_rules {
	struct old_rule	 *at, **by_id;
	uint32_t	  count;
};

static void
old_rules_fini(struct old_rules *old)
{
	free(old->at);
	free(old->by_id);
}

static bool
old_rules_init(struct old_rules *old, const cJSON *list)
{
	uint32_t cap = (uint32_t)cJSON_GetArraySize(list), index = 0;
	const cJSON *rule;

	*old = (struct old_rules){ 0 };
	old->at = calloc(cap + 1, sizeof(*old->at));
	old->by_id = calloc(cap + 1, sizeof(struct old_rule *));
	if (old->at == NULL || old->by_id == NULL)
		return false;
	cJSON_ArrayForEach(rule, list) {
		struct old_rule *to = &old->at[old->count];

		*to = (struct old_rule){ .index = index++, .id = rule_id(rule) };
		if (to->id == NULL)
			continue;
		if (!content_hash(rule, &to->hash))
			return false;
		old->count++;
	}
	qsort(old->at, old->count, sizeof(*old->at), old_compare);
	for (uint32_t i = 0; i < old->count; i++)
		old->by_id[i] = &old->at[i];
	qsort(old->by_id, old->count, sizeof(struct old_rule *), id_compare);
	return true;
}

static void
old_rules_take(struct old_rules *old, const char *id)
{
	struct old_rule **found = bsearch(id, old->by_id, old->count, sizeof(struct old_rule *),
		id_find);

	if (found != NULL)
		(*found)->taken = true;
}

/* The id of the first one of that content that is still to be had; NULL: none. */
static const char *
old_rules_match(struct old_rules *old, uint64_t hash)
{
	uint32_t low = 0, high = old->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (old->at[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < old->count && old->at[low].hash == hash; low++) {
		if (old->at[low].taken)
			continue;
		old->at[low].taken = true;
		return old->at[low].id;
	}
	return NULL;
}

static void
id_give(struct plan *plan, struct doc_node *node, struct old_rules *old, cJSON *rule)
{
	char fresh[sizeof(ID_PREFIX) + 10];
	const char *id = NULL;
	uint64_t hash;

	if (!content_hash(rule, &hash))
		plan_nomem(plan);
	else
		id = old_rules_match(old, hash);
	if (id == NULL) {
		plan_raise(plan, node, &node->last_rule, node->last_rule + 1);
		snprintf(fresh, sizeof(fresh), ID_PREFIX "%u", (unsigned)node->last_rule);
		id = fresh;
	}
	if (cJSON_AddStringToObject(rule, "id", id) == NULL)
		plan_nomem(plan);
}

static void
ids_complete(struct plan *plan, struct doc_node *node, const cJSON *before, cJSON *list)
{
	struct old_rules old;
	cJSON *rule;

	if (!old_rules_init(&old, before)) {
		old_rules_fini(&old);
		plan_nomem(plan);
		return;
	}
	cJSON_ArrayForEach(rule, list)
		if (rule_id(rule) != NULL)
			old_rules_take(&old, rule_id(rule));
	cJSON_ArrayForEach(rule, list)
		if (cJSON_IsObject(rule) && doc_field(rule, "id") == NULL)
			id_give(plan, node, &old, rule);
	old_rules_fini(&old);
}

/* A rule's status as it is shown: {"hits", "last_hit"}, with the "code" of one that is set. */
static void
status_restore(struct plan *plan, cJSON *rule)
{
	cJSON *status = cJSON_IsObject(rule) ?
	    cJSON_GetObjectItemCaseSensitive(rule, "status") : NULL;
	cJSON *code = cJSON_IsObject(status) ?
	    cJSON_DetachItemFromObjectCaseSensitive(status, "code") : NULL;

	if (!cJSON_IsObject(status))
		return;
	cJSON_DeleteItemFromObjectCaseSensitive(rule, "status");
	if (code != NULL && !cJSON_AddItemToObject(rule, "status", code)) {
		cJSON_Delete(code);
		plan_nomem(plan);
	}
}

void
plan_rules_complete(struct plan *plan, struct doc_node *node, const cJSON *old, cJSON *own)
{
	const cJSON *before = old == NULL ? NULL : doc_field(old, "rules");
	cJSON *list = cJSON_GetObjectItemCaseSensitive(own, "rules"), *rule;
	uint32_t highest = node->last_rule;
	bool all = true;

	if (!cJSON_IsArray(list))
		return;
	cJSON_ArrayForEach(rule, list) {
		uint32_t number = id_number(rule_id(rule));

		status_restore(plan, rule);
		highest = number > highest ? number : highest;
		all &= !cJSON_IsObject(rule) || doc_field(rule, "id") != NULL;
	}
	if (highest > node->last_rule)
		plan_raise(plan, node, &node->last_rule, highest);
	if (!all)
		ids_complete(plan, node, cJSON_IsArray(before) ? before : NULL, list);
}

/* -- one rule -- */

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
	struct plan	*plan;
	cJSON		*list;
	struct pointer	*at;
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
		status_restore(e->plan, part);
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
	case PLAN_RULE_CREATE:
		edit_write(&e, id, body, false);
		break;
	case PLAN_RULE_PATCH:
		edit_write(&e, id, body, true);
		break;
	case PLAN_RULES_PATCH:
		edit_members(&e, body);
		break;
	case PLAN_RULE_DELETE:
		edit_remove(&e, id);
		break;
	}
	edit_end(&e, node);
	pointer_fini(&at);
}
