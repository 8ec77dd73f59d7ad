/*
 * Reading what there is to start with, and deciding between file and saved document.
 * Main thread, before the others.
 */
#include "config.h"
#include "adminapi/daemon/boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "adminapi/apply/file.h"
#include "adminapi/apply/limits.h"
#include "adminapi/apply/maps.h"
#include "adminapi/apply/settings.h"
#include "adminapi/daemon/privileges.h"
#include "adminapi/json/embedded.h"
#include "adminapi/json/strict.h"
#include "core/log.h"

static bool
schema_load(struct boot *boot)
{
	for (size_t i = 0; i < embedded_file_count; i++) {
		const struct embedded_file *file = &embedded_files[i];

		if (strcmp(file->name, "config.json") == 0)
			return schema_compile(&boot->schema, file->text, file->size, &boot->why) ==
			    ERR_OK;
	}
	diag_set(&boot->why, "the schema is not in this program");
	return false;
}

static void check_others(struct boot *boot);

static bool
boot_load_file(struct boot *boot, const struct options *options)
{
	boot->path = options->file;
	if (boot->path == NULL || file_load(&boot->file, boot->path, &boot->issues,
					    &boot->why) == ERR_OK)
		return true;
	if (options->check && cJSON_IsObject(boot->file.root))
		check_others(boot);
	return false;
}

/* A string of "global" in a document; NULL if it is not there, or no string (the schema will say). */
static const char *
global_text(const cJSON *global, const char *field)
{
	const cJSON *value = global == NULL ? NULL : doc_field(global, field);

	return cJSON_IsString(value) ? value->valuestring : NULL;
}

static char *
text_dup(const char *text)
{
	return text == NULL ? NULL : strdup(text);
}

/* "global" or "admin" of the document that holds. NULL: nothing is set there. */
static const cJSON *
boot_section(const struct boot *boot, const char *member)
{
	if (boot->file_wins)
		return doc_field(boot->file.root, member);
	for (uint32_t i = 0; i < boot->saved.count; i++)
		if (boot->saved.rows[i].path[0] == '/' &&
		    strcmp(boot->saved.rows[i].path + 1, member) == 0)
			return boot->saved.rows[i].set;
	return NULL;
}

/* What the command line says holds; that the document says something else is no secret. */
static void
tell_overridden(const struct boot *boot, const char *member, const char *field, const char *option)
{
	const cJSON *section = boot_section(boot, member);

	if (section != NULL && doc_field(section, field) != NULL)
		log_msg(LOG_LEVEL_NOTICE, "/%s/%s: %s was given on the command line, that holds",
			member, field, option);
}

/* An option may be relative: to where the program was started. */
static bool
folder_settle(struct boot *boot, char **to, const char *option, const char *given,
	      const char *field)
{
	const char *dir = given != NULL ? given : global_text(boot_section(boot, "global"), field);

	if (dir == NULL)
		return true;
	*to = given != NULL ? realpath(dir, NULL) : strdup(dir);
	if (*to == NULL)
		diag_errno(&boot->why, "%s %s", option, dir);
	return *to != NULL;
}

static bool
folders_settle(struct boot *boot, const struct options *options)
{
	return folder_settle(boot, &boot->files_dir, "--files-dir", options->files_dir,
			     "files_dir") &&
	       folder_settle(boot, &boot->log_dir, "--log-dir", options->log_dir, "log_dir");
}

/* The settings that are read once: from the document that holds, or the command line. */
static void
once_settings(struct boot *boot, const struct options *options)
{
	const cJSON *global = boot_section(boot, "global");
	const cJSON *threads = global == NULL ? NULL : doc_field(global, "threads");

	boot->threads = limits_cpus();
	if (cJSON_IsNumber(threads) && threads->valuedouble >= 1 && threads->valuedouble <= 64)
		boot->threads = (uint32_t)threads->valuedouble;
	if (options->threads != 0)
		boot->threads = options->threads;
}

/* We are root still, and the document that was saved says not to be. */
static bool
user_is_settled(struct boot *boot)
{
	const cJSON *global = boot_section(boot, "global");
	const char *user = global_text(global, "user"), *group = global_text(global, "group");

	if (geteuid() != 0 || boot->path != NULL || (user == NULL && group == NULL))
		return true;
	diag_set(&boot->why,
		 "the saved document has global.%s \"%s\", and that is read from the file "
		 "only: start with -f FILE, or as that user",
		 user != NULL ? "user" : "group", user != NULL ? user : group);
	return false;
}

/* Root is given up before the store is opened, so that its files are the user's. */
static bool
become_user(struct boot *boot, const struct options *options)
{
	const cJSON *global = boot->file.root == NULL ? NULL : doc_field(boot->file.root, "global");
	const char *dir = options->state_dir != NULL ? options->state_dir
						     : global_text(global, "state_dir");

	boot->state_dir = text_dup(dir);
	boot->user = text_dup(global_text(global, "user"));
	boot->group = text_dup(global_text(global, "group"));
	if (options->check)
		return true;
	return privileges_drop(boot->user, boot->group, boot->state_dir, &boot->why) == ERR_OK;
}

/*
 * A disk that went read-only must not keep traffic from flowing after a restart: what was saved can
 * be read, so it holds, and writes are answered 503.
 */
static bool
store_open_degraded(struct boot *boot, enum err e)
{
	struct diag first = boot->why;

	if (boot->state_dir == NULL || (e != ERR_SYSTEM && e != ERR_LIMIT) ||
	    store_open(&boot->store, boot->state_dir, true, &boot->why) != ERR_OK) {
		boot->why = first;	/* the cause; the second failure only follows from it */
		return false;
	}
	log_msg(LOG_LEVEL_ERROR, "%s; what was saved holds, no change will be accepted",
		first.text);
	return true;
}

/* What was saved can't be used, and whether it may be lost is for somebody to decide. */
static bool
tell_way_out(struct boot *boot, enum err e)
{
	struct diag cause = boot->why;

	if (e == ERR_INVALID && boot->state_dir != NULL)
		diag_set(&boot->why, "%s; to start %s, move %s/sluice.db* away: what REST saved "
			 "is lost then", cause.text,
			 boot->path != NULL ? "from the file" : "empty", boot->state_dir);
	return false;
}

static bool
saved_read(struct boot *boot, const struct options *options)
{
	enum err e;

	if (options->check && boot->state_dir == NULL)
		return true;
	e = store_open(&boot->store, boot->state_dir, options->check, &boot->why);
	if (e != ERR_OK && !store_open_degraded(boot, e))
		return tell_way_out(boot, e);
	e = saved_load(&boot->saved, boot->store, &boot->why);
	return e == ERR_OK || tell_way_out(boot, e);
}

bool
boot_read(struct boot *boot, const struct options *options)
{
	*boot = (struct boot){ 0 };
	if (!schema_load(boot) || !boot_load_file(boot, options) ||
	    !become_user(boot, options) || !saved_read(boot, options))
		return false;
	boot->file_wins = boot->path != NULL && (saved_is_empty(&boot->saved) ||
	    boot->file.hash[0] == '\0' || strcmp(boot->file.hash, boot->saved.file_hash) != 0);
	once_settings(boot, options);
	if (!folders_settle(boot, options))
		return false;
	return options->check || user_is_settled(boot);
}

static void
tell_dropped(const char *pointer, void *arg)
{
	saved_log_dropped(pointer);
}

/* The edited file over the saved document: ids and revisions of what is in both stay. */
static void
plan_file(struct boot *boot, struct plan *plan)
{
	if (!saved_is_empty(&boot->saved) &&
	    saved_dropped(&boot->saved, boot->file.root, tell_dropped, NULL) != ERR_OK)
		plan_nomem(plan);
	saved_plan(&boot->saved, plan);
	/* what an older version saved and the file replaces may be odd */
	issues_fini(&plan->issues);
	plan_put(plan, plan->doc->root, DOC_CONFIG, "", boot->file.root);
	plan_drop_unnamed(plan);
}

void
boot_plan(struct boot *boot, struct plan *plan, struct doc *doc)
{
	doc->revision = boot->saved.revision;
	plan_init(plan, doc, settings_compilers, DOC_BY_CONFIG);
	plan->booting = true;
	maps_restore(&boot->saved);
	if (boot->file_wins) {
		plan_file(boot, plan);
	} else {
		plan->revision = doc->revision;
		saved_plan(&boot->saved, plan);
	}
	/* compiled even if nothing is said of them: their built-in values must come into force */
	plan_touch(plan, doc->singles[DOC_GLOBAL]);
	plan_touch(plan, doc->singles[DOC_ADMIN]);
}

void
boot_note_options(const struct boot *boot, const struct options *options, struct doc *doc)
{
	doc->given.threads = options->threads != 0;
	doc->given.state_dir = options->state_dir != NULL;
	doc->given.files_dir = options->files_dir != NULL;
	doc->given.log_dir = options->log_dir != NULL;
	doc->files_dir = boot->files_dir;
	doc->log_dir = boot->log_dir;
	if (doc->given.log_dir)
		tell_overridden(boot, "global", "log_dir", "--log-dir");
	if (doc->given.files_dir)
		tell_overridden(boot, "global", "files_dir", "--files-dir");
	if (doc->given.threads)
		tell_overridden(boot, "global", "threads", "--threads");
	if (doc->given.state_dir)
		tell_overridden(boot, "global", "state_dir", "--state-dir");
	if (options->admin_count > 0)
		tell_overridden(boot, "admin", "listen", "--admin");
}

/* A pointer, "" for the whole, or an option of the command line, which stands in no document. */
static void
print_issue(const struct boot *boot, const struct issue *issue, bool of_file)
{
	const char *saved = saved_is_empty(&boot->saved) ? "built-in settings" : "saved document";
	struct buf text = { 0 };

	if (issue->pointer[0] == '-')
		buf_printf(&text, "sluice: %s: %s", issue->pointer, issue->detail);
	else if (of_file)
		file_issue_put(&text, boot->path, file_line_of(&boot->file, issue->pointer), "",
			       issue);
	else
		file_issue_put(&text, saved, 0, "", issue);
	if (!text.failed)
		fprintf(stderr, "%.*s\n", (int)text.len, text.at);
	buf_fini(&text);
}

static void
print_issues(const struct boot *boot, const struct issues *issues, bool of_file)
{
	for (uint32_t i = 0; i < issues->count; i++)
		print_issue(boot, &issues->items[i], of_file);
	if (issues->dropped > 0)
		fprintf(stderr, "... and %u more\n", (unsigned)issues->dropped);
}

void
boot_print_issues(const struct boot *boot, const struct issues *issues)
{
	/* what was wrong before one was chosen is the file's */
	print_issues(boot, issues, boot->file_wins || issues == &boot->issues);
}

/* What this machine does not have and a start would miss. */
static void
check_machine(const struct boot *boot, const cJSON *global, bool of_file, struct issues *issues)
{
	const cJSON *maxconn = doc_field(global, "maxconn");
	struct diag why;

	if (cJSON_IsNumber(maxconn) &&
	    limits_raise((uint32_t)maxconn->valuedouble, &why) == ERR_LIMIT)
		issues_add(issues, "/global/maxconn", "%s", why.text);
	if (of_file)
		privileges_look_up(boot->user, boot->group, issues);
}

/* Plan a document on an empty tree: what is wrong with it? False: no memory. */
static bool
check_plan(struct boot *boot, bool of_file, struct issues *issues)
{
	struct doc *doc;
	struct plan plan;
	bool ok;

	if (doc_new(&doc, boot->schema) != ERR_OK)
		return false;
	doc->files_dir = boot->files_dir;
	doc->log_dir = boot->log_dir;
	if (doc->log_dir == NULL && of_file)
		doc->log_dir = global_text(doc_field(boot->file.root, "global"), "log_dir");
	if (doc->files_dir == NULL && of_file)
		doc->files_dir = global_text(doc_field(boot->file.root, "global"), "files_dir");
	plan_init(&plan, doc, settings_compilers, DOC_BY_CONFIG);
	plan.booting = true;
	if (of_file)
		plan_put(&plan, doc->root, DOC_CONFIG, "", boot->file.root);
	else
		saved_plan(&boot->saved, &plan);
	plan_finish(&plan);
	ok = plan.verdict != PLAN_NOMEM;
	if (plan.verdict == PLAN_OK)
		check_machine(boot, plan_version(doc->singles[DOC_GLOBAL])->set, of_file,
			      &plan.issues);
	*issues = plan.issues;
	plan.issues = (struct issues){ 0 };
	plan_fini(&plan);
	doc_free(&doc);
	return ok;
}

static bool
has_issue_at(const struct issues *issues, const char *pointer)
{
	for (uint32_t i = 0; i < issues->count; i++)
		if (strcmp(issues->items[i].pointer, pointer) == 0)
			return true;
	return false;
}

/* A variable is not set: what else is wrong? What stands in its place proves nothing. */
static void
check_others(struct boot *boot)
{
	struct issues others;

	if (!check_plan(boot, true, &others))
		return;			/* what was found before is told */
	for (uint32_t i = 0; i < others.count; i++)
		if (!has_issue_at(&boot->issues, others.items[i].pointer))
			issues_add(&boot->issues, others.items[i].pointer, "%s",
				   others.items[i].detail);
	boot->issues.dropped += others.dropped;
	issues_fini(&others);
}

static bool
check_one(struct boot *boot, bool of_file)
{
	struct issues issues;
	bool ok;

	if (!check_plan(boot, of_file, &issues)) {
		fprintf(stderr, "sluice: out of memory\n");
		return false;
	}
	ok = !issues_any(&issues);
	print_issues(boot, &issues, of_file);
	issues_fini(&issues);
	return ok;
}

/* A saved document is judged too, whichever of the two would hold. */
int
boot_check(struct boot *boot, const struct options *options)
{
	bool ok = true;

	if (boot->path != NULL)
		ok = check_one(boot, true);
	if (!saved_is_empty(&boot->saved))
		ok = check_one(boot, false) && ok;
	return ok ? 0 : 1;
}

void
boot_fini(struct boot *boot)
{
	maps_restore(NULL);
	saved_fini(&boot->saved);
	file_fini(&boot->file);
	issues_fini(&boot->issues);
	free(boot->user);
	free(boot->group);
	boot->user = boot->group = NULL;
}
