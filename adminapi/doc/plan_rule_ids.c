/*
 * The ids of rules: each has one, given once and kept.
 *
 * An id that we give is "rule-N", N one above all that ever were in this list. A list that is put without ids keeps
 * those of the rules whose content is the same.
 */
#include "config.h"
#include "adminapi/doc/plan_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/json/strict.h"

#define ID_PREFIX "rule-"

const char *
rule_id(const cJSON *rule)
{
	const cJSON *id = cJSON_IsObject(rule) ? doc_field(rule, "id") : NULL;

	return cJSON_IsString(id) ? id->valuestring : NULL;
}

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

#define FNV_START 14695981039346656037ULL /* FNV-1a, 64 bits */
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
	uint64_t hash;
	uint32_t index;
	const char *id;
	bool taken; /* its id stands in the new list */
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
	struct old_rule *at, **by_id;
	uint32_t count;
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

		*to = (struct old_rule){ .index = index, .id = rule_id(rule) };
		index++;
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
	struct old_rule **found =
		bsearch(id, old->by_id, old->count, sizeof(struct old_rule *), id_find);

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
void
rule_restore_status(struct plan *plan, cJSON *rule)
{
	cJSON *status =
		cJSON_IsObject(rule) ? cJSON_GetObjectItemCaseSensitive(rule, "status") : NULL;
	cJSON *code = cJSON_IsObject(status)
			      ? cJSON_DetachItemFromObjectCaseSensitive(status, "code")
			      : NULL;

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

		rule_restore_status(plan, rule);
		highest = number > highest ? number : highest;
		all &= !cJSON_IsObject(rule) || doc_field(rule, "id") != NULL;
	}
	if (highest > node->last_rule)
		plan_raise(plan, node, &node->last_rule, highest);
	if (!all)
		ids_complete(plan, node, cJSON_IsArray(before) ? before : NULL, list);
}
