/*
 * Helpers of the json tests: texts in, texts out, nothing to free for the test.
 *
 * Each answer is static memory, valid until the next call of the same function.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/json/embedded.h"
#include "adminapi/json/schema.h"
#include "adminapi/json/strict.h"

/* A tree for a text in which a test may write ' for ". */
static inline cJSON *
tree_of(const char *text)
{
	struct issues issues = { 0 };
	char *copy = strdup(text);
	cJSON *tree = NULL;
	char *at;

	assert_non_null(copy);
	for (at = copy; *at != '\0'; at++)
		*at = *at == '\'' ? '"' : *at;
	if (json_parse(&tree, copy, strlen(copy), &issues) != ERR_OK)
		fail_msg("%s: %s", copy, issues.count != 0 ? issues.items[0].detail : "no memory");
	issues_fini(&issues);
	free(copy);
	return tree;
}

/* All issues, "pointer: detail" each on a line of its own; frees them. */
static inline const char *
text_of(struct issues *issues)
{
	static char text[4096];
	size_t len = 0;
	uint32_t i;

	text[0] = '\0';
	for (i = 0; i < issues->count && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s: %s",
					i == 0 ? "" : "\n", issues->items[i].pointer,
					issues->items[i].detail);
	issues_fini(issues);
	return text;
}

/* A tree's text with ' for "; frees the tree. */
static inline const char *
print_of(cJSON *tree)
{
	static char text[4096];
	struct buf out = { 0 };
	char *at;

	assert_non_null(tree);
	json_print(&out, tree);
	assert_false(out.failed);
	assert_true(out.len < sizeof(text));
	memcpy(text, out.at, out.len);
	text[out.len] = '\0';
	for (at = text; *at != '\0'; at++)
		*at = *at == '"' ? '\'' : *at;
	buf_fini(&out);
	cJSON_Delete(tree);
	return text;
}

/* A compiled schema for a text; as in tree_of(). */
static inline struct schema *
schema_of(const char *text)
{
	struct schema *schema = NULL;
	struct buf out = { 0 };
	struct diag diag = { "" };
	cJSON *tree = tree_of(text);

	json_print(&out, tree);
	cJSON_Delete(tree);
	if (schema_compile(&schema, out.at, out.len, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.text);
	buf_fini(&out);
	return schema;
}

/* The schema of the document, as it is compiled into the program. */
static inline struct schema *
schema_of_document(void)
{
	struct schema *schema = NULL;
	struct diag diag = { "" };
	size_t i;

	for (i = 0; i < embedded_file_count; i++) {
		if (strcmp(embedded_files[i].name, "config.json") != 0)
			continue;
		if (schema_compile(&schema, embedded_files[i].text, embedded_files[i].size,
			&diag) != ERR_OK)
			fail_msg("config.json: %s", diag.text);
	}
	assert_non_null(schema);
	return schema;
}

/* What is wrong with a text by a node: "" is nothing. */
static inline const char *
judged_by(const struct schema_node *node, const char *text)
{
	struct pointer at = { 0 };
	struct issues issues = { 0 };
	cJSON *tree = tree_of(text);
	bool valid = schema_validate(node, tree, &at, &issues);

	assert_int_equal(valid, !issues_any(&issues));
	assert_string_equal(pointer_text(&at), "");
	pointer_fini(&at);
	cJSON_Delete(tree);
	return text_of(&issues);
}

/* By $defs/it of a schema given as a text. */
static inline const char *
judged(const char *schema_text, const char *text)
{
	struct schema *schema = schema_of(schema_text);
	const char *verdict = judged_by(schema_def(schema, "it"), text);

	schema_free(&schema);
	return verdict;
}
