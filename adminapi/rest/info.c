/*
 * Read-only endpoints about the program itself. Control thread.
 */
#include "config.h"
#include "adminapi/rest/info.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "adminapi/apply/listeners.h"
#include "adminapi/apply/write.h"
#include "adminapi/json/embedded.h"
#include "adminapi/rest/events.h"
#include "adminapi/rest/expressions.h"
#include "adminapi/rest/numbers.h"
#include "adminapi/rest/resources.h"
#include "adminapi/rest/version.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "expr/regex.h"
#include "expr/userlist.h"
#include "server/check.h"
#include "stream/engine.h"

static struct {
	struct loop			*control;
	struct store			*store;
	const struct http_server	*http;
	const char			*state_dir;
	uint64_t			 started_us;
	bool				 started, stopping;
} info;

void
info_init(struct loop *control, struct store *store, const struct http_server *http,
	const char *state_dir)
{
	info.control = control;
	info.store = store;
	info.http = http;
	info.state_dir = state_dir;
	info.started_us = control->wall_us;
}

void
ready_set(bool started)
{
	info.started = started;
}

void
ready_stop(void)
{
	info.stopping = true;
}

static void
answer_json(struct call *call, unsigned status, struct buf *body)
{
	struct answer answer = { .status = status, .body = *body };

	call_answer(call, &answer);
}

/* -- info -- */

static void
write_process(struct jsonw *w)
{
	jsonw_string(w, "version", PACKAGE_VERSION);
	jsonw_int(w, "pid", getpid());
	jsonw_time(w, "started", info.started_us);
	jsonw_duration(w, "uptime", (int64_t)(info.control->wall_us - info.started_us) / 1000);
	jsonw_uint(w, "threads", engine_threads());
	jsonw_string(w, "state_dir", info.state_dir);
	jsonw_string(w, "files_dir", rest_doc()->files_dir);
	jsonw_string(w, "log_dir", rest_doc()->log_dir);
	jsonw_uint(w, "revision", rest_doc()->root->live_revision);
	jsonw_uint(w, "last_event_id", events_last_id());
	jsonw_object(w, "libraries");
	version_write_libraries(w);
	jsonw_end_object(w);
	jsonw_object(w, "admin");
	listeners_write(w, "listen");
	jsonw_end_object(w);
}

static void
write_traffic(struct jsonw *w)
{
	struct engine_totals t;
	struct rlimit limit = { 0 };

	engine_totals(&t);
	getrlimit(RLIMIT_NOFILE, &limit);
	NUMBERS(w, "connections", { "current", t.current }, { "max", t.max },
		{ "total", t.connections });
	NUMBERS(w, "bytes", { "in", t.bytes_in }, { "out", t.bytes_out });
	jsonw_uint(w, "pipe_memory_used", t.pipe_memory_used);
	jsonw_uint(w, "descriptor_limit", limit.rlim_cur);
}

static void
write_writes(struct jsonw *w)
{
	struct write_counts writes;
	struct store_counts store;

	write_counts(&writes);
	store_counts(info.store, &store);
	NUMBERS(w, "writes", { "total", writes.writes }, { "waiting", writes.waiting },
		{ "under_way", writes.under_way }, { "failed_commits", writes.failed_commits },
		{ "overdue", writes.late });
	NUMBERS(w, "store", { "commits", store.commits }, { "transactions", store.transactions },
		{ "failures", store.failures }, { "last_commit_us", store.last_commit_us });
}

static void
write_log_place(const char *text, const struct log_counts *counts, const char *trouble, void *arg)
{
	struct jsonw *w = arg;

	jsonw_object(w, NULL);
	jsonw_string(w, "target", text);
	jsonw_uint(w, "written", counts->written);
	jsonw_uint(w, "dropped", counts->dropped);
	jsonw_string(w, "trouble", trouble);
	jsonw_end_object(w);
}

static void
write_log(struct jsonw *w)
{
	struct log_counts log;

	log_counts(&log);
	jsonw_object(w, "log");
	jsonw_uint(w, "written", log.written);
	jsonw_uint(w, "dropped", log.dropped);
	jsonw_array(w, "targets");
	log_each_place(write_log_place, w);
	jsonw_end_array(w);
	jsonw_end_object(w);
}

static void
write_logins(struct jsonw *w)
{
	struct userlist_counts logins;

	userlist_counts(&logins);
	NUMBERS(w, "logins", { "checked", logins.checked }, { "spent_us", logins.spent_us },
		{ "refused", logins.refused });
}

static void
write_loops(struct jsonw *w)
{
	struct engine_totals t;
	struct http_counts http;

	engine_totals(&t);
	http_server_counts(info.http, &http);
	NUMBERS(w, "loops", { "control_turns", info.control->turns },
		{ "control_slow_turns", info.control->slow_turns },
		{ "control_worst_turn_us", info.control->worst_turn_us },
		{ "control_recent_worst_turn_us", loop_recent_worst_us(info.control) },
		{ "worker_slow_turns", t.slow_turns }, { "worker_worst_turn_us", t.worst_turn_us });
	NUMBERS(w, "admin_calls", { "total", http.calls },
		{ "connections", http.connections_current }, { "refused", http.refused },
		{ "body_bytes", http.body_bytes });
	write_log(w);
}

static void
write_checks(struct jsonw *w)
{
	struct checks_totals t;

	checks_totals(&t);
	NUMBERS(w, "checks", { "under_way", t.under_way }, { "in_line", t.in_line },
		{ "made", t.made }, { "failed", t.failed });
}

void
info_get(struct call *call)
{
	struct buf out = { 0 };
	struct jsonw w;

	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	write_process(&w);
	write_traffic(&w);
	write_writes(&w);
	write_loops(&w);
	write_checks(&w);
	write_logins(&w);
	NUMBERS(&w, "regexes", { "limited", regex_limited() });
	jsonw_end_object(&w);
	answer_json(call, 200, &out);
}

/* -- schemas -- */

/* "config.json" is known as "config". */
static bool
schema_name(const struct embedded_file *file, char *name, size_t size)
{
	const char *dot = strrchr(file->name, '.');
	size_t len = dot == NULL ? strlen(file->name) : (size_t)(dot - file->name);

	if (len >= size)
		return false;
	memcpy(name, file->name, len);
	name[len] = '\0';
	return true;
}

void
schemas_get(struct call *call)
{
	struct buf out = { 0 };
	char name[64];
	struct jsonw w;

	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	for (size_t i = 0; i < embedded_file_count; i++) {
		if (!schema_name(&embedded_files[i], name, sizeof(name)))
			continue;
		jsonw_object(&w, name);
		jsonw_printf(&w, "href", "/v1/schemas/%s", name);
		jsonw_uint(&w, "bytes", embedded_files[i].size);
		jsonw_end_object(&w);
	}
	jsonw_object(&w, "expressions");
	jsonw_string(&w, "href", "/v1/schemas/expressions");
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	answer_json(call, 200, &out);
}

/* No schema, but what schemas do not know: what stands in the document's texts. */
static void
expressions_get(struct call *call)
{
	struct buf out = { 0 };

	expressions_write(&out);
	answer_json(call, 200, &out);
}

void
schema_get(struct call *call)
{
	struct answer answer = { .status = 200 };
	const char *wanted = call->segments[2];
	char name[64];

	if (strcmp(wanted, "expressions") == 0) {
		expressions_get(call);
		return;
	}
	for (size_t i = 0; i < embedded_file_count; i++) {
		const struct embedded_file *file = &embedded_files[i];

		if (!schema_name(file, name, sizeof(name)) ||
		    (strcmp(name, wanted) != 0 && strcmp(file->name, wanted) != 0))
			continue;
		if (strcmp(name, "openapi") != 0)
			answer.content_type = "application/schema+json";
		buf_put(&answer.body, file->text, file->size);
		call_answer(call, &answer);
		return;
	}
	call_problem(call, 404, NULL, "there is no schema \"%s\"", wanted);
}

/* -- probes -- */

void
healthz_get(struct call *call)
{
	struct buf out = { 0 };

	buf_puts(&out, "{\"status\":\"ok\"}");
	answer_json(call, 200, &out);
}

void
readyz_get(struct call *call)
{
	const char *reasons[] = {
		info.started ? NULL : "starting: the configuration is not in force yet",
		info.stopping ? "stopping" : NULL,
		write_overdue(),
	};
	struct buf out = { 0 };
	bool ready = true;
	struct jsonw w;

	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_array(&w, "reasons");
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i] == NULL)
			continue;
		ready = false;
		jsonw_string(&w, NULL, reasons[i]);
	}
	jsonw_end_array(&w);
	jsonw_bool(&w, "ready", ready);
	jsonw_end_object(&w);
	answer_json(call, ready ? 200 : 503, &out);
}
