/*
 * A reload is a PUT of the file: read, expanded, reconciled with what REST set. Control thread.
 */
#include "config.h"
#include "adminapi/rest/reload.h"

#include <stdlib.h>
#include <string.h>
#include "adminapi/apply/file.h"
#include "adminapi/apply/grown.h"
#include "adminapi/helper.h"
#include "adminapi/json/strict.h"
#include "adminapi/rest/resources.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/obj.h"

static const char *path;
static void (*on_signal_done)(bool ok);

struct reload {
	struct write		 write;
	struct call		*call;		/* NULL: a signal */
	struct helper_job	 job;		/* reads the file; in the end looks up lines in it */
	enum err		 result;	/* of that */
	struct file		 file;
};

void
reload_init(const char *file, void (*signal_done)(bool ok))
{
	path = file;
	on_signal_done = signal_done;
}

static void
reload_free(struct reload *r)
{
	issues_fini(&r->write.issues);
	issues_fini(&r->write.dropped);
	buf_fini(&r->write.changes);
	file_fini(&r->file);
	free(r);
}

/* Each issue with its place; a cause that has none (the file can't be read) by itself. */
static void
log_failure(const struct write *w)
{
	struct buf text = { 0 };

	for (uint32_t i = 0; i < w->issues.count; i++) {
		buf_clear(&text);
		file_issue_put(&text, path, 0, "not applied: ", &w->issues.items[i]);
		if (!text.failed)
			log_msg(LOG_LEVEL_ERROR, "%.*s", (int)text.len, text.at);
	}
	buf_fini(&text);
	if (w->issues.dropped > 0)
		log_msg(LOG_LEVEL_ERROR, "%s: not applied: and %u more", path,
			(unsigned)w->issues.dropped);
	if (!issues_any(&w->issues) && w->why.text[0] != '\0')
		log_msg(LOG_LEVEL_ERROR, "%s: not applied: %s", path, w->why.text);
}

static bool
is_success(const struct write *w)
{
	return w->outcome == WRITE_DONE || w->outcome == WRITE_UNCHANGED || w->outcome == WRITE_DRY;
}

static void
answer_success(struct reload *r)
{
	struct answer answer = { .status = 200 };
	struct jsonw w;

	if (r->write.outcome == WRITE_DRY) {
		answer.body = r->write.changes;
		r->write.changes = (struct buf){ 0 };
	} else {
		jsonw_init(&w, &answer.body);
		jsonw_object(&w, NULL);
		jsonw_string(&w, "file", path);
		jsonw_uint(&w, "revision", rest_doc()->root->live_revision);
		jsonw_bool(&w, "changed", r->write.plan != NULL && !plan_is_empty(r->write.plan));
		if (!r->write.file_is_same)
			dropped_write(&w, &r->write);
		jsonw_end_object(&w);
	}
	call_answer(r->call, &answer);
}

static void
log_success(const struct write *w)
{
	if (w->file_is_same) {
		log_msg(LOG_LEVEL_NOTICE,
			"%s: not edited since it was applied: nothing to do, what REST set holds",
			path);
		return;
	}
	for (uint32_t i = 0; i < w->dropped.count; i++)
		saved_log_dropped(w->dropped.items[i].pointer);
	if (w->dropped.dropped > 0)
		log_msg(LOG_LEVEL_WARNING, "%s: %u more were dropped", path,
			(unsigned)w->dropped.dropped);
	log_msg(LOG_LEVEL_NOTICE, "%s: applied", path);
}

static void
reload_finish(struct reload *r)
{
	bool ok = is_success(&r->write);

	if (r->call == NULL)
		on_signal_done(ok);
	if (!ok)
		log_failure(&r->write);
	else if (r->write.outcome != WRITE_DRY)
		log_success(&r->write);
	if (r->call != NULL && ok)
		answer_success(r);
	else if (r->call != NULL)
		answer_failed_write(r->call, &r->write);
	reload_free(r);
}

/* Helper thread: issues of the document's values get the line of the file that they stand in. */
static void
reload_add_lines(struct helper_job *job)
{
	struct reload *r = container_of(job, struct reload, job);
	struct issues *issues = &r->write.issues, with_lines = { 0 };
	const char *pointers[ISSUES_MAX];
	uint32_t lines[ISSUES_MAX];

	for (uint32_t i = 0; i < issues->count; i++)
		pointers[i] = issues->items[i].pointer;
	json_lines_of(r->file.text.at, r->file.text.len, pointers, lines, issues->count);
	for (uint32_t i = 0; i < issues->count; i++) {
		const struct issue *issue = &issues->items[i];

		if (strncmp(issue->detail, "line ", 5) == 0 || lines[i] == 0)
			issues_add(&with_lines, issue->pointer, "%s", issue->detail);
		else
			issues_add(&with_lines, issue->pointer, "line %u: %s", (unsigned)lines[i],
				issue->detail);
	}
	with_lines.dropped += issues->dropped;
	issues_fini(issues);
	*issues = with_lines;
}

static void
reload_on_lines(struct helper_job *job)
{
	reload_finish(container_of(job, struct reload, job));
}

static void
reload_done(struct write *w)
{
	struct reload *r = container_of(w, struct reload, write);

	if (w->issues.count == 0) {
		reload_finish(r);
		return;
	}
	r->job.work = reload_add_lines;
	r->job.done = reload_on_lines;
	helper_submit(&r->job);
}

/* Helper thread: the file may be large, and on a slow disk. */
static void
reload_read(struct helper_job *job)
{
	struct reload *r = container_of(job, struct reload, job);

	r->result = file_load(&r->file, path, &r->write.issues, &r->write.why);
}

static void
reload_on_read(struct helper_job *job)
{
	struct reload *r = container_of(job, struct reload, job);

	if (r->result != ERR_OK) {
		r->write.outcome = r->result == ERR_INVALID ? WRITE_INVALID : WRITE_UNAVAILABLE;
		reload_done(&r->write);
		return;
	}
	r->write.body = r->file.root;
	r->write.file_text = r->file.expanded.at;
	r->write.file_len = r->file.expanded.len;
	r->write.file_hash = r->file.hash;
	write_submit(&r->write);
}

/* False: no memory. */
static bool
reload_begin(struct call *call, bool dry_run)
{
	struct reload *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return false;
	r->call = call;
	r->write = (struct write){
		.verb = WRITE_PUT, .kind = DOC_CONFIG, .dry_run = dry_run, .origin = DOC_BY_CONFIG,
		.actor = call == NULL ? NULL : call->actor, .done = reload_done,
		.reason = call == NULL ? "SIGHUP" : call->reason,
		.peer = call == NULL ? NULL : call->peer,
	};
	r->job.work = reload_read;
	r->job.done = reload_on_read;
	helper_submit(&r->job);
	return true;
}

void
reload_post(struct call *call)
{
	bool dry_run;

	if (!param_bool(call, "dry_run", &dry_run))
		return;
	if (path == NULL) {
		call_problem(call, 409, NULL, "there is no file to apply: started without -f");
		return;
	}
	if (!reload_begin(call, dry_run))
		call_problem(call, 503, NULL, "out of memory");
}

void
reload_signal(void)
{
	if (path == NULL) {
		log_msg(LOG_LEVEL_WARNING, "SIGHUP: there is no file to apply: started without -f");
		on_signal_done(false);
		return;
	}
	if (reload_begin(NULL, false))
		return;
	log_msg(LOG_LEVEL_ERROR, "SIGHUP: %s: not applied: out of memory", path);
	on_signal_done(false);
}
