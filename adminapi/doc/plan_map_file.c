/*
 * The file that a map begins with: over REST only one below global.files_dir, but for the one that it has.
 */
#include "config.h"
#include "adminapi/doc/plan_priv.h"

#include <string.h>
#include "adminapi/doc/files.h"

static const char *
file_of(const struct doc_version *version)
{
	const cJSON *file = version == NULL ? NULL : doc_field(version->set, "file");

	return cJSON_IsString(file) ? file->valuestring : NULL;
}

static void
check_file(struct plan *plan, const struct plan_op *op)
{
	const char *dir = plan->doc->files_dir, *had = file_of(op->from), *file = file_of(op->to);
	struct pointer *at;

	if (file == NULL || (had != NULL && strcmp(had, file) == 0) ||
	    (dir != NULL && file_below(dir, file) != NULL))
		return;
	at = plan_at(plan, op->node);
	pointer_push(at, "file");
	if (dir == NULL)
		issues_add(&plan->issues, pointer_text(at),
			   "names a file: over REST that needs "
			   "global.files_dir, which is not set");
	else
		issues_add(&plan->issues, pointer_text(at),
			   "must be a file below "
			   "global.files_dir (%s)",
			   dir);
}

void
plan_check_map_files(struct plan *plan)
{
	for (uint32_t i = 0; plan->origin == DOC_BY_REST && i < plan->count; i++)
		if (plan->ops[i]->node->kind == DOC_MAP && plan->ops[i]->to != plan->ops[i]->from)
			check_file(plan, plan->ops[i]);
}
