/*
 * Asking a compiled schema: its definitions, the fields of an object, what a field is.
 *
 * Immutable; any thread.
 */
#include "config.h"
#include "adminapi/json/schema_priv.h"
#include <math.h>
#include <stdlib.h>
#include "adminapi/json/strict.h"

#define AMOUNT_MAX 9007199254740992.0	/* 2^53: beyond, a double is not the number that was sent */

const struct schema_node *
schema_def(const struct schema *schema, const char *name)
{
	uint32_t i;

	for (i = 0; i < schema->def_count; i++) {
		if (strcmp(schema->defs[i].name, name) == 0)
			return schema->defs[i].node;
	}
	return NULL;
}

/* The node of the chain of $refs that has properties; NULL: none. */
static const struct schema_node *
object_of(const struct schema_node *node)
{
	while (node != NULL && node->property_count == 0)
		node = node->ref;
	return node;
}

bool
schema_is_object(const struct schema_node *node)
{
	node = object_of(node);
	return node != NULL && (node->types & ~(unsigned)TYPE_OBJECT) == 0;
}

uint32_t
schema_property_count(const struct schema_node *object)
{
	object = object_of(object);
	return object != NULL ? object->property_count : 0;
}

const char *
schema_property_name(const struct schema_node *object, uint32_t index)
{
	return object_of(object)->properties[index].name;
}

const struct schema_node *
schema_property_at(const struct schema_node *object, uint32_t index)
{
	return object_of(object)->properties[index].node;
}

static int
property_compare_name(const void *name, const void *property)
{
	return strcmp(name, ((const struct schema_property *)property)->name);
}

const struct schema_property *
schema_own_property(const struct schema_node *node, const char *name)
{
	if (node->property_count == 0)
		return NULL;
	return bsearch(name, node->by_name, node->property_count, sizeof(*node->by_name),
		property_compare_name);
}

const struct schema_node *
schema_property(const struct schema_node *object, const char *name)
{
	const struct schema_property *property;

	object = object_of(object);
	property = object != NULL ? schema_own_property(object, name) : NULL;
	return property != NULL ? property->node : NULL;
}

const struct schema_node *
schema_map_values(const struct schema_node *node)
{
	while (node != NULL && node->additional == NULL)
		node = node->ref;
	return node != NULL ? node->additional : NULL;
}

const struct schema_node *
schema_items(const struct schema_node *node)
{
	while (node != NULL && node->items == NULL)
		node = node->ref;
	return node != NULL ? node->items : NULL;
}

const cJSON *
schema_default(const struct schema_node *node)
{
	return node->fallback;
}

enum schema_unit
schema_unit(const struct schema_node *node)
{
	return node->unit;
}

bool
schema_is_secret(const struct schema_node *node)
{
	return node->is_secret;
}

bool
schema_is_readonly(const struct schema_node *node)
{
	return node->is_readonly;
}

bool
schema_is_inherited(const struct schema_node *node)
{
	return node->is_inherited;
}

const char *
schema_mode(const struct schema_node *node)
{
	return node->mode;
}

static bool
case_has(const struct schema_case *only_if, const cJSON *member)
{
	const cJSON *choice;

	if (!only_if->is_enum)
		return json_equals(member, only_if->value);
	cJSON_ArrayForEach(choice, only_if->value)
		if (json_equals(member, choice))
			return true;
	return false;
}

bool
schema_case_holds(const struct schema_node *node, const cJSON *value)
{
	const struct schema_case *only_if = &node->only_if;
	const cJSON *member;

	if (only_if->then == NULL)
		return false;
	if (!cJSON_IsObject(value))
		return true;
	member = cJSON_GetObjectItemCaseSensitive(value, only_if->property);
	return member == NULL ? !only_if->required : case_has(only_if, member);
}

bool
schema_pattern_found(const struct schema_pattern *pattern, const char *text,
	pcre2_match_data *match)
{
	/* a shortage of memory counts as no match: the value is refused, not let through */
	return pcre2_match(pattern->code, (PCRE2_SPTR)text, strlen(text), 0, 0, match, NULL) >= 0;
}

static const struct schema_node *
member_by_pattern(const struct schema_node *node, const char *name)
{
	const struct schema_node *found = NULL;
	pcre2_match_data *match;
	uint32_t i;

	if (node->pattern_count == 0)
		return NULL;
	match = pcre2_match_data_create(1, NULL);
	for (i = 0; match != NULL && found == NULL && i < node->pattern_count; i++) {
		if (schema_pattern_found(&node->patterns[i], name, match))
			found = node->patterns[i].node;
	}
	pcre2_match_data_free(match);
	return found;
}

const struct schema_node *
schema_member(const struct schema_node *node, const cJSON *object, const char *name)
{
	for (; node != NULL; node = node->ref) {
		const struct schema_property *property = schema_own_property(node, name);
		const struct schema_node *found = property != NULL ? property->node : NULL;

		if (found == NULL && schema_case_holds(node, object))
			found = schema_member(node->only_if.then, object, name);
		if (found == NULL)
			found = member_by_pattern(node, name);
		if (found == NULL)
			found = node->additional;
		if (found != NULL)
			return found;
	}
	return NULL;
}

enum err
schema_unit_read(const struct schema_node *node, const cJSON *value, int64_t *amount)
{
	double number = value->valuedouble;
	struct slice text;

	if (cJSON_IsNumber(value)) {
		if (fabs(number) > AMOUNT_MAX || number != trunc(number))
			return ERR_INVALID;
		*amount = (int64_t)number;
		return ERR_OK;
	}
	if (!cJSON_IsString(value))
		return ERR_INVALID;
	text = slice_of(value->valuestring);
	return node->unit == UNIT_DURATION ? duration_parse(text, amount)
					   : size_parse(text, amount);
}
