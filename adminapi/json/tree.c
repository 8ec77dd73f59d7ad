/*
 * Trees of cJSON as values: equality, merge patches, text.
 *
 * Recursion is as deep as the tree, which the strict pass bounds. Any thread.
 */
#include "config.h"
#include "adminapi/json/strict.h"
#include <math.h>
#include "adminapi/json/members.h"
#include "adminapi/json/tree_priv.h"
#include "core/jsonw.h"

#define EXACT_MAX 9007199254740992.0	/* 2^53: up to here a double holds every integer */

static size_t
size_of(const cJSON *container)
{
	const cJSON *item;
	size_t count = 0;

	cJSON_ArrayForEach(item, container)
		count++;
	return count;
}

static bool
array_equals(const cJSON *a, const cJSON *b)
{
	const cJSON *x = a->child, *y = b->child;

	for (; x != NULL && y != NULL; x = x->next, y = y->next) {
		if (!json_equals(x, y))
			return false;
	}
	return x == NULL && y == NULL;
}

/* No memory counts as different: the caller does more than it must, never less. */
static bool
object_equals(const cJSON *a, const cJSON *b)
{
	struct members members;
	const cJSON *item, *other;
	bool equal = size_of(a) == size_of(b);

	if (!equal || members_init(&members, b) != ERR_OK)
		return false;
	cJSON_ArrayForEach(item, a) {
		other = members_get(&members, item->string);
		equal = other != NULL && json_equals(item, other);
		if (!equal)
			break;
	}
	members_fini(&members);
	return equal;
}

bool
json_equals(const cJSON *a, const cJSON *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (cJSON_IsBool(a))
		return cJSON_IsBool(b) && cJSON_IsTrue(a) == cJSON_IsTrue(b);
	if ((a->type & 0xff) != (b->type & 0xff))
		return false;
	if (cJSON_IsNumber(a))
		return a->valuedouble == b->valuedouble;
	if (cJSON_IsString(a))
		return strcmp(a->valuestring, b->valuestring) == 0;
	if (cJSON_IsArray(a))
		return array_equals(a, b);
	return !cJSON_IsObject(a) || object_equals(a, b);
}

void
tree_assign(cJSON *item, cJSON *value)
{
	cJSON old = *item;

	item->type = (value->type & 0xff) | (old.type & cJSON_StringIsConst);
	item->child = value->child;
	item->valuestring = value->valuestring;
	item->valueint = value->valueint;
	item->valuedouble = value->valuedouble;
	value->type = old.type & 0xff;
	value->child = old.child;
	value->valuestring = old.valuestring;
	cJSON_Delete(value);
}

static bool merge_members(cJSON *target, const cJSON *patch);

/* What stands where `patch` came and nothing stood before: its objects lose their nulls. */
static cJSON *
merge_fresh(const cJSON *patch)
{
	cJSON *fresh;

	if (!cJSON_IsObject(patch))
		return cJSON_Duplicate(patch, 1);
	fresh = cJSON_CreateObject();
	if (fresh != NULL && !merge_members(fresh, patch)) {
		cJSON_Delete(fresh);
		return NULL;
	}
	return fresh;
}

/*
 * `old` is the member of `target` that the patch's `item` speaks of, or NULL. Removed, it goes to
 * `gone`: the table of members still names it.
 */
static bool
merge_member(cJSON *target, cJSON *old, const cJSON *item, cJSON *gone)
{
	cJSON *fresh;

	if (cJSON_IsNull(item))
		return old == NULL ||
			cJSON_AddItemToArray(gone, cJSON_DetachItemViaPointer(target, old));
	if (cJSON_IsObject(item) && cJSON_IsObject(old))
		return merge_members(old, item);
	fresh = merge_fresh(item);
	if (fresh == NULL)
		return false;
	if (old != NULL)
		tree_assign(old, fresh);
	else if (!cJSON_AddItemToObject(target, item->string, fresh)) {
		cJSON_Delete(fresh);
		return false;
	}
	return true;
}

static bool
merge_members(cJSON *target, const cJSON *patch)
{
	cJSON gone = { .type = cJSON_Array };
	struct members members;
	const cJSON *item;
	bool ok = true;

	if (members_init(&members, target) != ERR_OK)
		return false;
	cJSON_ArrayForEach(item, patch) {
		ok = merge_member(target, members_get(&members, item->string), item, &gone);
		if (!ok)
			break;
	}
	members_fini(&members);
	cJSON_Delete(gone.child);
	return ok;
}

cJSON *
json_merge(const cJSON *target, const cJSON *patch)
{
	cJSON *merged;

	if (!cJSON_IsObject(patch) || !cJSON_IsObject(target))
		return merge_fresh(patch);
	merged = cJSON_Duplicate(target, 1);
	if (merged != NULL && !merge_members(merged, patch)) {
		cJSON_Delete(merged);
		return NULL;
	}
	return merged;
}

static void
print_string(struct buf *out, const char *text)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_string(&w, NULL, text);
}

static void
print_number(struct buf *out, double value)
{
	struct jsonw w;

	jsonw_init(&w, out);
	if (fabs(value) <= EXACT_MAX && value == trunc(value))
		jsonw_int(&w, NULL, (int64_t)value);
	else
		jsonw_double(&w, NULL, value);
}

static void
print_container(struct buf *out, const cJSON *value)
{
	bool is_object = cJSON_IsObject(value);
	const cJSON *item;

	buf_put(out, is_object ? "{" : "[", 1);
	cJSON_ArrayForEach(item, value) {
		if (item != value->child)
			buf_put(out, ",", 1);
		if (is_object) {
			print_string(out, item->string);
			buf_put(out, ":", 1);
		}
		json_print(out, item);
	}
	buf_put(out, is_object ? "}" : "]", 1);
}

void
json_print(struct buf *out, const cJSON *value)
{
	if (cJSON_IsString(value))
		print_string(out, value->valuestring);
	else if (cJSON_IsNumber(value))
		print_number(out, value->valuedouble);
	else if (cJSON_IsArray(value) || cJSON_IsObject(value))
		print_container(out, value);
	else if (cJSON_IsBool(value))
		buf_puts(out, cJSON_IsTrue(value) ? "true" : "false");
	else
		buf_puts(out, "null");
}
