/*
 * Any JSON against the schema of the document: a verdict, the same each time; and what is valid stays
 * so in the spelling of an answer.
 */
#include "config.h"
#include <stdlib.h>
#include "adminapi/json/embedded.h"
#include "adminapi/json/schema.h"
#include "adminapi/json/strict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

/* Compiled at the first input, freed by nobody: the process ends with it. */
static const struct schema_node *
document_node(void)
{
	static struct schema *schema;
	size_t i;

	for (i = 0; schema == NULL && i < embedded_file_count; i++) {
		if (strcmp(embedded_files[i].name, "config.json") == 0)
			must(schema_compile(&schema, embedded_files[i].text, embedded_files[i].size,
				NULL) == ERR_OK);
	}
	return schema_def(schema, "config");
}

static bool
is_valid(const cJSON *tree)
{
	struct pointer at = { 0 };
	struct issues issues = { 0 };
	bool valid = schema_validate(document_node(), tree, &at, &issues);

	must(valid == !issues_any(&issues));
	must(strcmp(pointer_text(&at), "") == 0);
	pointer_fini(&at);
	issues_fini(&issues);
	return valid;
}

static void
tree_check(cJSON *tree)
{
	bool valid = is_valid(tree);
	struct pointer at = { 0 };
	struct issues issues = { 0 };
	cJSON *shown = schema_present(document_node(), tree);

	must(shown != NULL);
	must(!valid || is_valid(shown));
	must(schema_restore_secrets(document_node(), tree, shown, &at, &issues) != ERR_NOMEM);
	must(is_valid(tree) == valid);
	cJSON_Delete(shown);
	pointer_fini(&at);
	issues_fini(&issues);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct issues issues = { 0 };
	cJSON *tree = NULL;

	if (json_parse(&tree, (const char *)data, size, &issues) == ERR_OK)
		tree_check(tree);
	cJSON_Delete(tree);
	issues_fini(&issues);
	return 0;
}
