/*
 * Files that a write names: over REST only those below global.files_dir, log files below global.log_dir.
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

/* What a version names beside others in its own way: an error page, a log file. NULL: this is none. */
typedef const char *file_named_fn(const cJSON *item);

static const char *
page_named(const cJSON *item)
{
	return cJSON_IsString(item) ? item->valuestring : NULL;
}

static const char *
log_named(const cJSON *item)
{
	static const char prefix[] = "file:";
	const cJSON *target = cJSON_IsObject(item) ? doc_field(item, "target") : NULL;

	if (!cJSON_IsString(target) ||
	    strncmp(target->valuestring, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	return target->valuestring + sizeof(prefix) - 1;
}

static const char *
rule_file(const cJSON *item)
{
	return cJSON_IsObject(item) ? cJSON_GetStringValue(doc_field(item, "file")) : NULL;
}

static const char *
rule_lf_file(const cJSON *item)
{
	return cJSON_IsObject(item) ? cJSON_GetStringValue(doc_field(item, "lf_file")) : NULL;
}

static const struct file_field {
	const char	*field, *dir_field;
	file_named_fn	*named;
	const char	*below;		/* of an item; NULL: itself is the name */
	bool		 is_log;
} file_fields[] = {
	{ "errorfiles",	"files_dir",	page_named,	NULL,		false },
	{ "rules",	"files_dir",	rule_file,	"file",		false },
	{ "rules",	"files_dir",	rule_lf_file,	"lf_file",	false },
	{ "log",	"log_dir",	log_named,	"target",	true },
};

static bool
names_file(const struct doc_version *version, const struct file_field *f, const char *path)
{
	const cJSON *item;

	if (version == NULL)
		return false;
	cJSON_ArrayForEach(item, doc_field(version->set, f->field)) {
		const char *name = f->named(item);

		if (name != NULL && strcmp(name, path) == 0)
			return true;
	}
	return false;
}

static void
check_file(struct plan *plan, const struct plan_op *op, const struct file_field *f,
	const cJSON *item, size_t index)
{
	const char *dir = f->is_log ? plan->doc->log_dir : plan->doc->files_dir;
	const char *name = f->named(item);
	struct pointer *at;

	if (name == NULL || names_file(op->from, f, name) ||
	    (dir != NULL && file_below(dir, name) != NULL))
		return;
	at = plan_at(plan, op->node);
	pointer_push(at, f->field);
	if (item->string != NULL)
		pointer_push(at, item->string);
	else
		pointer_push_index(at, index);
	if (f->below != NULL)
		pointer_push(at, f->below);
	if (dir == NULL)
		issues_add(&plan->issues, pointer_text(at), "names a file: over REST that needs "
			"global.%s, which is not set", f->dir_field);
	else
		issues_add(&plan->issues, pointer_text(at), "must be a file below "
			"global.%s (%s)", f->dir_field, dir);
}

static void
check_files(struct plan *plan, const struct plan_op *op, const struct file_field *f)
{
	const cJSON *item;
	size_t index = 0;

	cJSON_ArrayForEach(item, doc_field(op->to->set, f->field))
		check_file(plan, op, f, item, index++);
}

void
plan_check_files(struct plan *plan)
{
	if (plan->origin != DOC_BY_REST)
		return;
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = plan->ops[i];

		if (op->to == NULL || op->to == op->from)
			continue;
		for (size_t k = 0; k < sizeof(file_fields) / sizeof(file_fields[0]); k++)
			check_files(plan, op, &file_fields[k]);
	}
}
