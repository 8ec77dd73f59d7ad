/*
 * Files that a write names: over REST only those below global.files_dir.
 *
 * What the document named before may stay: the configuration file may name any, and what REST shows
 * can be put back.
 */
#include "config.h"
#include "adminapi/doc/files.h"

#include <string.h>
#include "adminapi/doc/plan_priv.h"

const char *
file_below(const char *dir, const char *name)
{
	size_t len = strlen(dir);

	if (name[0] != '/')
		return name;
	while (len > 0 && dir[len - 1] == '/')
		len--;
	if (strncmp(name, dir, len) != 0 || name[len] != '/')
		return NULL;
	name += len;
	while (*name == '/')
		name++;
	return *name == '\0' ? NULL : name;
}

static bool
names_file(const struct doc_version *version, const char *path)
{
	const cJSON *item;

	if (version == NULL)
		return false;
	cJSON_ArrayForEach(item, doc_field(version->set, "errorfiles"))
		if (cJSON_IsString(item) && strcmp(item->valuestring, path) == 0)
			return true;
	return false;
}

static void
check_file(struct plan *plan, const struct plan_op *op, const cJSON *item)
{
	const char *dir = plan->doc->files_dir;
	struct pointer *at;

	if (!cJSON_IsString(item) || names_file(op->from, item->valuestring) ||
	    (dir != NULL && file_below(dir, item->valuestring) != NULL))
		return;
	at = plan_at(plan, op->node);
	pointer_push(at, "errorfiles");
	pointer_push(at, item->string);
	if (dir == NULL)
		issues_add(&plan->issues, pointer_text(at), "names a file: over REST that needs "
			"global.files_dir, which is not set");
	else
		issues_add(&plan->issues, pointer_text(at), "must be a file below "
			"global.files_dir (%s)", dir);
}

void
plan_check_files(struct plan *plan)
{
	if (plan->origin != DOC_BY_REST)
		return;
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = plan->ops[i];
		const cJSON *files = NULL, *item;

		if (op->to != NULL && op->to != op->from)
			files = doc_field(op->to->set, "errorfiles");
		if (cJSON_IsObject(files))
			cJSON_ArrayForEach(item, files)
				check_file(plan, op, item);
	}
}
