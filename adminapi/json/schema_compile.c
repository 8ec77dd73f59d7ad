/*
 * From a schema's JSON to nodes that can be walked: one row and one function a keyword.
 *
 * At the start of the program, before any other thread asks.
 */
#include "config.h"
#include "adminapi/json/schema_priv.h"
#include <stdlib.h>
#include "adminapi/json/strict.h"

#define MS_PER_DAY INT64_C(86400000)
#define DURATION_MS_MAX (24 * MS_PER_DAY)	/* of the timer wheel; x-range may only lower it */
#define SIZE_BYTES_MAX (INT64_C(1) << 53)

struct compiler {
	struct schema	*schema;
	struct pointer	 at;
	struct diag	*diag;
	enum err	 err;
};

static struct schema_node *compile_node(struct compiler *c, const cJSON *value);

static bool
compile_fail(struct compiler *c, const char *why)
{
	if (c->err == ERR_OK) {
		c->err = ERR_INVALID;
		diag_set(c->diag, "%s: %s", pointer_text(&c->at), why);
	}
	return false;
}

static bool
compile_no_memory(struct compiler *c)
{
	c->err = ERR_NOMEM;
	diag_set(c->diag, "no memory for a schema");
	return false;
}

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
	{ "array", TYPE_ARRAY },
	{ "boolean", TYPE_BOOLEAN },
	{ "integer", TYPE_INTEGER },
	{ "null", TYPE_NULL },
	{ "number", TYPE_NUMBER },
	{ "object", TYPE_OBJECT },
	{ "string", TYPE_STRING },
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
	return compile_fail(c, "no such type");
}

static bool
compile_type(struct compiler *c, struct schema_node *node, const cJSON *value)
{
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
compile_enum(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	node->enumeration = value;
	return (cJSON_IsArray(value) && value->child != NULL) || compile_fail(c, "must be a list");
}

static bool
compile_const(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	node->constant = value;
	return true;
}

static bool
compile_default(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	node->fallback = value;
	return true;
}

static bool
compile_limit(struct compiler *c, struct schema_limit *limit, const cJSON *value)
{
	if (!cJSON_IsNumber(value))
		return compile_fail(c, "must be a number");
	*limit = (struct schema_limit){ true, value->valuedouble };
	return true;
}

static bool
compile_minimum(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	return compile_limit(c, &node->minimum, value);
}

static bool
compile_maximum(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	return compile_limit(c, &node->maximum, value);
}

static bool
compile_min_length(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	return compile_limit(c, &node->min_length, value);
}

static bool
compile_max_length(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	return compile_limit(c, &node->max_length, value);
}

static bool
compile_min_items(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	return compile_limit(c, &node->min_items, value);
}

static bool
compile_max_items(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	return compile_limit(c, &node->max_items, value);
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
	return pattern->code != NULL || compile_fail(c, "not a regular expression");
}

static bool
compile_pattern(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	if (!cJSON_IsString(value))
		return compile_fail(c, "must be a string");
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
		return compile_fail(c, "must be an object");
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
compile_properties(struct compiler *c, struct schema_node *node, const cJSON *value)
{
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
compile_pattern_properties(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	const cJSON *member;

	if (!cJSON_IsObject(value))
		return compile_fail(c, "must be an object");
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

static bool
compile_additional(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	node->is_closed = cJSON_IsFalse(value);
	if (node->is_closed)
		return true;
	node->additional = compile_node(c, value);
	return node->additional != NULL;
}

static bool
compile_names(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	node->member_names = compile_node(c, value);
	return node->member_names != NULL;
}

static bool
compile_required(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	const cJSON *name;

	node->required = value;
	if (!cJSON_IsArray(value))
		return compile_fail(c, "must be a list");
	cJSON_ArrayForEach(name, value) {
		if (!cJSON_IsString(name))
			return compile_fail(c, "must be a list of names");
	}
	return true;
}

static bool
compile_items(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	node->items = compile_node(c, value);
	return node->items != NULL;
}

/* {"properties": {NAME: {"const": VALUE}}, "required": [NAME]}, the second part optional. */
static bool
compile_if(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	const cJSON *properties = cJSON_GetObjectItemCaseSensitive(value, "properties");
	const cJSON *required = cJSON_GetObjectItemCaseSensitive(value, "required");
	const cJSON *property = properties != NULL ? properties->child : NULL;

	if (!cJSON_IsObject(property) || property->next != NULL || property->child == NULL ||
	    property->child->next != NULL || strcmp(property->child->string, "const") != 0 ||
	    cJSON_GetArraySize(value) != (required != NULL ? 2 : 1))
		return compile_fail(c, "must be one const of one property");
	if (required != NULL && (cJSON_GetArraySize(required) != 1 ||
	    !cJSON_IsString(required->child) ||
	    strcmp(required->child->valuestring, property->string) != 0))
		return compile_fail(c, "must require the property it speaks of, or nothing");
	node->only_if.property = property->string;
	node->only_if.value = property->child;
	node->only_if.required = required != NULL;
	return true;
}

static bool
compile_then(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	node->only_if.then = compile_node(c, value);
	return node->only_if.then != NULL;
}

static bool
compile_ref(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	if (!cJSON_IsString(value))
		return compile_fail(c, "must be a string");
	node->ref_text = value->valuestring;
	return true;
}

/* At the root only; schema_compile() takes its table from there. */
static bool
compile_defs(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	if (node != c->schema->root)
		return compile_fail(c, "belongs at the root");
	return compile_table(c, value, &c->schema->defs, &c->schema->def_count);
}

static bool
compile_title(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	node->title = value->valuestring;
	return cJSON_IsString(value) || compile_fail(c, "must be a string");
}

/* For people and other programs. */
static bool
compile_words(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	return cJSON_IsString(value) || compile_fail(c, "must be a string");
}

static bool
compile_flag(struct compiler *c, bool *flag, const cJSON *value)
{
	*flag = cJSON_IsTrue(value);
	return cJSON_IsBool(value) || compile_fail(c, "must be true or false");
}

static bool
compile_write_only(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	return compile_flag(c, &node->is_secret, value);
}

static bool
compile_read_only(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	return compile_flag(c, &node->is_readonly, value);
}

static bool
compile_inherit(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	return compile_flag(c, &node->is_inherited, value);
}

static bool
compile_unit(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	const char *unit = cJSON_IsString(value) ? value->valuestring : "";

	if (strcmp(unit, "duration") == 0)
		node->unit = UNIT_DURATION;
	else if (strcmp(unit, "size") == 0)
		node->unit = UNIT_SIZE;
	else
		return compile_fail(c, "must be \"duration\" or \"size\"");
	if (!node->has_range)
		node->range_max = node->unit == UNIT_DURATION ? DURATION_MS_MAX : SIZE_BYTES_MAX;
	return true;
}

static bool
compile_range(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	const cJSON *min = cJSON_GetArrayItem(value, 0), *max = cJSON_GetArrayItem(value, 1);

	if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) != 2 || !cJSON_IsNumber(min) ||
	    !cJSON_IsNumber(max) || min->valuedouble < 0 || min->valuedouble > max->valuedouble ||
	    max->valuedouble > (double)SIZE_BYTES_MAX)
		return compile_fail(c, "must be [min, max]");
	node->has_range = true;
	node->range_min = (int64_t)min->valuedouble;
	node->range_max = (int64_t)max->valuedouble;
	return true;
}

static const struct keyword {
	const char	*name;
	bool		(*compile)(struct compiler *c, struct schema_node *node, const cJSON *value);
} keywords[] = {
	{ "$comment", compile_words },
	{ "$defs", compile_defs },
	{ "$id", compile_words },
	{ "$ref", compile_ref },
	{ "$schema", compile_words },
	{ "additionalProperties", compile_additional },
	{ "const", compile_const },
	{ "default", compile_default },
	{ "description", compile_words },
	{ "enum", compile_enum },
	{ "if", compile_if },
	{ "items", compile_items },
	{ "maxItems", compile_max_items },
	{ "maxLength", compile_max_length },
	{ "maximum", compile_maximum },
	{ "minItems", compile_min_items },
	{ "minLength", compile_min_length },
	{ "minimum", compile_minimum },
	{ "pattern", compile_pattern },
	{ "patternProperties", compile_pattern_properties },
	{ "properties", compile_properties },
	{ "propertyNames", compile_names },
	{ "readOnly", compile_read_only },
	{ "required", compile_required },
	{ "then", compile_then },
	{ "title", compile_title },
	{ "type", compile_type },
	{ "writeOnly", compile_write_only },
	{ "x-inherit", compile_inherit },
	{ "x-range", compile_range },
	{ "x-unit", compile_unit },
};

static bool
compile_keyword(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	size_t mark = pointer_push(&c->at, value->string);
	bool ok = false;
	size_t i;

	for (i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		if (strcmp(value->string, keywords[i].name) == 0) {
			ok = keywords[i].compile(c, node, value);
			break;
		}
	}
	if (i == sizeof(keywords) / sizeof(keywords[0]))
		compile_fail(c, "a keyword that is not understood here");
	pointer_pop(&c->at, mark);
	return ok;
}

static struct schema_node *
compile_node(struct compiler *c, const cJSON *value)
{
	struct schema_node *node;
	const cJSON *keyword;

	if (!cJSON_IsObject(value)) {
		compile_fail(c, "a schema must be an object");
		return NULL;
	}
	node = calloc(1, sizeof(*node));
	if (node == NULL) {
		compile_no_memory(c);
		return NULL;
	}
	node->next = c->schema->nodes;
	c->schema->nodes = node;
	if (c->schema->root == NULL)
		c->schema->root = node;
	cJSON_ArrayForEach(keyword, value) {
		if (!compile_keyword(c, node, keyword))
			return NULL;
	}
	if ((node->only_if.property == NULL) != (node->only_if.then == NULL)) {
		compile_fail(c, "\"if\" and \"then\" need each other");
		return NULL;
	}
	return node;
}

static enum err
compile_text(struct schema *schema, const char *text, size_t len, struct diag *diag)
{
	struct issues issues = { 0 };
	enum err err = json_parse(&schema->doc, text, len, &issues);

	if (issues.count != 0)
		diag_set(diag, "%s", issues.items[0].detail);
	issues_fini(&issues);
	return err;
}

enum err
schema_compile(struct schema **sp, const char *text, size_t len, struct diag *diag)
{
	struct schema *schema = calloc(1, sizeof(*schema));
	struct compiler c = { .schema = schema, .diag = diag };

	if (schema == NULL)
		return ERR_NOMEM;
	c.err = compile_text(schema, text, len, diag);
	if (c.err == ERR_OK)
		compile_node(&c, schema->doc);
	if (c.err == ERR_OK)
		c.err = schema_link(schema, diag);
	pointer_fini(&c.at);
	if (c.err == ERR_OK)
		*sp = schema;
	else
		schema_free(&schema);
	return c.err;
}

static void
node_free(struct schema_node *node)
{
	uint32_t i;

	for (i = 0; i < node->pattern_count; i++)
		pcre2_code_free(node->patterns[i].code);
	pcre2_code_free(node->pattern.code);
	free(node->patterns);
	free(node->properties);
	free(node->by_name);
	free(node->names);
	free(node);
}

void
schema_free(struct schema **sp)
{
	struct schema *schema = *sp;

	if (schema == NULL)
		return;
	while (schema->nodes != NULL) {
		struct schema_node *node = schema->nodes;

		schema->nodes = node->next;
		node_free(node);
	}
	free(schema->defs);
	cJSON_Delete(schema->doc);
	free(schema);
	*sp = NULL;
}
