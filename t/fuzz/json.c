/*
 * What the strict pass takes, cJSON takes as well, and its text reads back as an equal tree.
 */
#include "config.h"
#include <stdlib.h>
#include "adminapi/json/strict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
tree_check(const cJSON *tree)
{
	struct buf text = { 0 }, again = { 0 };
	struct issues issues = { 0 };
	cJSON *read = NULL;
	cJSON *merged;

	json_print(&text, tree);
	must(!text.failed);
	must(json_parse(&read, text.at, text.len, &issues) == ERR_OK);
	must(json_equals(tree, read) && json_equals(read, tree));
	json_print(&again, read);
	must(again.len == text.len && memcmp(again.at, text.at, text.len) == 0);
	merged = json_merge(tree, read);
	must(merged != NULL);
	cJSON_Delete(merged);
	json_expand_env(read, &issues);
	issues_fini(&issues);
	cJSON_Delete(read);
	buf_fini(&text);
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct issues issues = { 0 };
	cJSON *tree = NULL;
	enum err err = json_parse(&tree, text, size, &issues);

	must(err == ERR_OK || err == ERR_INVALID);
	must(issues.count == (err == ERR_INVALID));
	must((json_line_of(text, size, "/a/0/b") != 0) == (err == ERR_OK));
	if (err == ERR_OK)
		tree_check(tree);
	cJSON_Delete(tree);
	issues_fini(&issues);
	return 0;
}
