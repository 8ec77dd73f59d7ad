/*
 * The keywords of a schema: one row and one function each, from JSON to a field of the node.
 *
 * At the start of the program, before any other thread asks.
 */
#include "config.h"
#include "adminapi/json/schema_compile_priv.h"
#include <stdlib.h>

#define MS_PER_DAY INT64_C(86400000)
#define DURATION_MS_MAX (24 * MS_PER_DAY)	/* of the timer wheel; x-range may only lower it */
#define SIZE_BYTES_MAX (INT64_C(1) << 53)

static struct schema_node *
compile_below(struct compiler *c, const char *token, const cJSON *value)
{
	size_t mark = pointer_push(&c->at, token);
	struct schema_node *node = compile_node(c, value);

	pointer_pop(&c->at, mark);
	return node;
}

static const struct type_row {
	const char		*name;
	enum schema_type	 type;
} type_rows[] = {
#define X(name, bit, text, words) { text, TYPE_##name },
	SCHEMA_TYPES(X)
#undef X
};

static bool
compile_one_type(struct compiler *c, struct schema_node *node, const cJSON *name)
{
	size_t i;

	for (i = 0; cJSON_IsString(name) && i < sizeof(type_rows) / sizeof(type_rows[0]); i++) {
		if (strcmp(name->valuestring, type_rows[i].name) == 0) {
			node->types |= type_rows[i].type;
			return true;
		}
	}
	return schema_refuse(c, "no such type");
}

static bool
compile_type(struct compiler *c, void *field, const cJSON *value)
{
	struct schema_node *node = field;
	const cJSON *name;

	if (!cJSON_IsArray(value))
		return compile_one_type(c, node, value);
	cJSON_ArrayForEach(name, value) {
		if (!compile_one_type(c, node, name))
			return false;
	}
	return true;
}

static bool
compile_enum(struct compiler *c, void *field, const cJSON *value)
{
	struct schema_node *node = field;

	node->enumeration = value;
	return (cJSON_IsArray(value) && value->child != NULL) || schema_refuse(c, "must be a list");
}

/* The field takes the value as it is: const, default. */
static bool
compile_value(struct compiler *c, void *field, const cJSON *value)
{
	const cJSON **taken = field;

	*taken = value;
	return true;
}

static bool
compile_text(struct compiler *c, void *field, const cJSON *value)
{
	const char **text = field;

	*text = value->valuestring;
	return cJSON_IsString(value) || schema_refuse(c, "must be a string");
}

static bool
compile_limit(struct compiler *c, void *field, const cJSON *value)
{
	struct schema_limit *limit = field;

	if (!cJSON_IsNumber(value))
		return schema_refuse(c, "must be a number");
	*limit = (struct schema_limit){ true, value->valuedouble };
	return true;
}

/* As ECMA-262 means "$": only at the very end. */
static bool
compile_regex(struct compiler *c, struct schema_pattern *pattern, const char *text)
{
	PCRE2_SIZE offset;
	int error;

	pattern->text = text;
	pattern->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
		PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &error, &offset, NULL);
	return pattern->code != NULL || schema_refuse(c, "not a regular expression");
}

static bool
compile_pattern(struct compiler *c, void *field, const cJSON *value)
{
	struct schema_node *node = field;

	if (!cJSON_IsString(value))
		return schema_refuse(c, "must be a string");
	return compile_regex(c, &node->pattern, value->valuestring);
}

static int
property_compare(const void *a, const void *b)
{
	return strcmp(((const struct schema_property *)a)->name,
		((const struct schema_property *)b)->name);
}

/* The members of `value`, each a schema, into a fresh array in their order. */
static bool
compile_table(struct compiler *c, const cJSON *value, struct schema_property **table,
	uint32_t *count)
{
	const cJSON *member;

	if (!cJSON_IsObject(value))
		return schema_refuse(c, "must be an object");
	*table = calloc((size_t)cJSON_GetArraySize(value) + 1, sizeof(**table));
	if (*table == NULL)
		return compile_no_memory(c);
	cJSON_ArrayForEach(member, value) {
		struct schema_node *node = compile_below(c, member->string, member);

		if (node == NULL)
			return false;
		(*table)[(*count)++] = (struct schema_property){ member->string, node };
	}
	return true;
}

static bool
compile_properties(struct compiler *c, void *field, const cJSON *value)
{
	struct schema_node *node = field;
	size_t bytes;

	if (!compile_table(c, value, &node->properties, &node->property_count))
		return false;
	bytes = (node->property_count + 1) * sizeof(*node->by_name);
	node->by_name = malloc(bytes);
	node->names = calloc(node->property_count + 1, sizeof(*node->names));
	if (node->by_name == NULL || node->names == NULL)
		return compile_no_memory(c);
	memcpy(node->by_name, node->properties, bytes);
	qsort(node->by_name, node->property_count, sizeof(*node->by_name), property_compare);
	return true;
}

static bool
compile_pattern_properties(struct compiler *c, void *field, const cJSON *value)
{
	struct schema_node *node = field;
	const cJSON *member;

	if (!cJSON_IsObject(value))
		return schema_refuse(c, "must be an object");
	node->patterns = calloc((size_t)cJSON_GetArraySize(value) + 1, sizeof(*node->patterns));
	if (node->patterns == NULL)
		return compile_no_memory(c);
	cJSON_ArrayForEach(member, value) {
		struct schema_pattern *pattern = &node->patterns[node->pattern_count++];

		if (!compile_regex(c, pattern, member->string))
			return false;
		pattern->node = compile_below(c, member->string, member);
		if (pattern->node == NULL)
			return false;
	}
	return true;
}

/* The field is a node: items, propertyNames, then. */
static bool
compile_schema(struct compiler *c, void *field, const cJSON *value)
{
	struct schema_node **node = field;

	*node = compile_node(c, value);
	return *node != NULL;
}

static bool
compile_additional(struct compiler *c, void *field, const cJSON *value)
{
	struct schema_node *node = field;

	node->is_closed = cJSON_IsFalse(value);
	return node->is_closed || compile_schema(c, &node->additional, value);
}

static bool
compile_required(struct compiler *c, void *field, const cJSON *value)
{
	struct schema_node *node = field;
	const cJSON *name;

	node->required = value;
	if (!cJSON_IsArray(value))
		return schema_refuse(c, "must be a list");
	cJSON_ArrayForEach(name, value) {
		if (!cJSON_IsString(name))
			return schema_refuse(c, "must be a list of names");
	}
	return true;
}

/*
 * {"properties": {NAME: {"const": VALUE}}, "required": [NAME]}, the second part optional; or "enum" and a list
 * of values.
 */
static bool
is_choice(const cJSON *keyword)
{
	return strcmp(keyword->string, "const") == 0 ||
	    (strcmp(keyword->string, "enum") == 0 && cJSON_IsArray(keyword));
}

static bool
compile_if(struct compiler *c, void *field, const cJSON *value)
{
	struct schema_node *node = field;
	const cJSON *properties = cJSON_GetObjectItemCaseSensitive(value, "properties");
	const cJSON *required = cJSON_GetObjectItemCaseSensitive(value, "required");
	const cJSON *property = properties != NULL ? properties->child : NULL;

	if (property == NULL || !cJSON_IsObject(property) || property->next != NULL ||
	    property->child == NULL || property->child->next != NULL ||
	    !is_choice(property->child) ||
	    cJSON_GetArraySize(value) != (required != NULL ? 2 : 1))
		return schema_refuse(c, "must be one const or enum of one property");
	if (required != NULL &&
	    (cJSON_GetArraySize(required) != 1 || !cJSON_IsString(required->child) ||
	    strcmp(required->child->valuestring, property->string) != 0))
		return schema_refuse(c, "must require the property it speaks of, or nothing");
	node->only_if.property = property->string;
	node->only_if.value = property->child;
	node->only_if.is_enum = strcmp(property->child->string, "enum") == 0;
	node->only_if.required = required != NULL;
	return true;
}

/* At the root only; schema_compile() takes its table from there. */
static bool
compile_defs(struct compiler *c, void *field, const cJSON *value)
{
	struct schema_node *node = field;

	if (node != c->schema->root)
		return schema_refuse(c, "belongs at the root");
	return compile_table(c, value, &c->schema->defs, &c->schema->def_count);
}

/* For people and other programs. */
static bool
compile_words(struct compiler *c, void *field, const cJSON *value)
{
	return cJSON_IsString(value) || schema_refuse(c, "must be a string");
}

static bool
compile_flag(struct compiler *c, void *field, const cJSON *value)
{
	bool *flag = field;

	*flag = cJSON_IsTrue(value);
	return cJSON_IsBool(value) || schema_refuse(c, "must be true or false");
}

static bool
compile_unit(struct compiler *c, void *field, const cJSON *value)
{
	struct schema_node *node = field;
	const char *unit = cJSON_IsString(value) ? value->valuestring : "";

	if (strcmp(unit, "duration") == 0)
		node->unit = UNIT_DURATION;
	else if (strcmp(unit, "size") == 0)
		node->unit = UNIT_SIZE;
	else
		return schema_refuse(c, "must be \"duration\" or \"size\"");
	if (!node->has_range)
		node->range_max = node->unit == UNIT_DURATION ? DURATION_MS_MAX : SIZE_BYTES_MAX;
	return true;
}

static bool
compile_mode(struct compiler *c, void *field, const cJSON *value)
{
	const char **mode = field;

	*mode = value->valuestring;
	return (cJSON_IsString(value) && strcmp(value->valuestring, "http") == 0) ||
	    schema_refuse(c, "must be \"http\"");
}

static bool
compile_range(struct compiler *c, void *field, const cJSON *value)
{
	struct schema_node *node = field;
	const cJSON *min = cJSON_GetArrayItem(value, 0), *max = cJSON_GetArrayItem(value, 1);

	if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) != 2 || !cJSON_IsNumber(min) ||
	    !cJSON_IsNumber(max) || min->valuedouble < 0 || min->valuedouble > max->valuedouble ||
	    max->valuedouble > (double)SIZE_BYTES_MAX)
		return schema_refuse(c, "must be [min, max]");
	node->has_range = true;
	node->range_min = (int64_t)min->valuedouble;
	node->range_max = (int64_t)max->valuedouble;
	return true;
}

#define NODE(field) offsetof(struct schema_node, field)

static const struct keyword keywords[] = {
	{ "$comment", compile_words, 0 },
	{ "$defs", compile_defs, 0 },
	{ "$id", compile_words, 0 },
	{ "$ref", compile_text, NODE(ref_text) },
	{ "$schema", compile_words, 0 },
	{ "additionalProperties", compile_additional, 0 },
	{ "const", compile_value, NODE(constant) },
	{ "default", compile_value, NODE(fallback) },
	{ "description", compile_words, 0 },
	{ "enum", compile_enum, 0 },
	{ "if", compile_if, 0 },
	{ "items", compile_schema, NODE(items) },
	{ "maxItems", compile_limit, NODE(max_items) },
	{ "maxLength", compile_limit, NODE(max_length) },
	{ "maxProperties", compile_limit, NODE(max_members) },
	{ "maximum", compile_limit, NODE(maximum) },
	{ "minItems", compile_limit, NODE(min_items) },
	{ "minLength", compile_limit, NODE(min_length) },
	{ "minimum", compile_limit, NODE(minimum) },
	{ "pattern", compile_pattern, 0 },
	{ "patternProperties", compile_pattern_properties, 0 },
	{ "properties", compile_properties, 0 },
	{ "propertyNames", compile_schema, NODE(member_names) },
	{ "readOnly", compile_flag, NODE(is_readonly) },
	{ "required", compile_required, 0 },
	{ "then", compile_schema, NODE(only_if.then) },
	{ "title", compile_text, NODE(title) },
	{ "type", compile_type, 0 },
	{ "writeOnly", compile_flag, NODE(is_secret) },
	{ "x-hint", compile_text, NODE(hint) },
	{ "x-inherit", compile_flag, NODE(is_inherited) },
	{ "x-mode", compile_mode, NODE(mode) },
	{ "x-range", compile_range, 0 },
	{ "x-unit", compile_unit, 0 },
};

const struct keyword *
keyword_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		if (strcmp(name, keywords[i].name) == 0)
			return &keywords[i];
	}
	return NULL;
}
