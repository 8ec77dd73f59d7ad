/*
 * From a schema's JSON to nodes that can be walked.
 *
 * At the start of the program, before any other thread asks.
 */
#include "config.h"
#include "adminapi/json/schema_compile_priv.h"
#include <stdlib.h>
#include "adminapi/json/strict.h"

bool
schema_refuse(struct compiler *c, const char *why)
{
	if (c->err == ERR_OK) {
		c->err = ERR_INVALID;
		diag_set(c->diag, "%s: %s", pointer_text(&c->at), why);
	}
	return false;
}

bool
compile_no_memory(struct compiler *c)
{
	c->err = ERR_NOMEM;
	diag_set(c->diag, "no memory for a schema");
	return false;
}

static bool
compile_keyword(struct compiler *c, struct schema_node *node, const cJSON *value)
{
	const struct keyword *keyword = keyword_find(value->string);
	size_t mark = pointer_push(&c->at, value->string);
	bool ok;

	if (keyword != NULL)
		ok = keyword->compile(c, (char *)node + keyword->offset, value);
	else
		ok = schema_refuse(c, "a keyword that is not understood here");
	pointer_pop(&c->at, mark);
	return ok;
}

struct schema_node *
compile_node(struct compiler *c, const cJSON *value)
{
	struct schema_node *node;
	const cJSON *keyword;

	if (!cJSON_IsObject(value)) {
		schema_refuse(c, "a schema must be an object");
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
		schema_refuse(c, "\"if\" and \"then\" need each other");
		return NULL;
	}
	return node;
}

static enum err
schema_read(struct schema *schema, const char *text, size_t len, struct diag *diag)
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
	c.err = schema_read(schema, text, len, diag);
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
