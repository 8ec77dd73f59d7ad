/*
 * Sessions: the workers are asked, the call waits. Control thread.
 */
#include "config.h"
#include "adminapi/rest/sessions.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/rest/events.h"
#include "adminapi/rest/resources.h"
#include "core/jsonw.h"
#include "core/loop.h"
#include "stream/sessions.h"

#define LIMIT_DEFAULT	1000
#define LIMIT_MAX	10000

/* What waits for the workers. */
struct asking {
	struct call	*call;
	bool		 is_single;
	uint32_t	 limit;
};

static struct asking *
asking_new(struct call *call)
{
	struct asking *a = calloc(1, sizeof(*a));

	if (a == NULL)
		call_problem(call, 503, NULL, "out of memory");
	else
		a->call = call;
	return a;
}

/* -- filters -- */

/* Its deletion is on its way to the workers; without it the filter would be of all. */
static bool
is_going(struct call *call, const struct doc_node *node)
{
	call_problem(call, 404, NULL, "%s \"%s\" is being deleted", doc_kind_info(node->kind)->word,
		node->name);
	return false;
}

static bool
filter_backend(struct call *call, const char *name, struct session_filter *filter)
{
	struct target target = { .kind = DOC_BACKEND, .name = name };
	struct doc_node *node = target_find(call, &target);

	if (node == NULL)
		return false;
	filter->backend = node->live_object;
	return filter->backend != NULL || is_going(call, node);
}

static bool
filter_server(struct call *call, const char *backend, const char *server,
	struct session_filter *filter)
{
	struct target target = { .kind = DOC_SERVER, .parent = backend, .name = server };
	struct doc_node *node = target_find(call, &target);

	if (node == NULL)
		return false;
	filter->server = node->live_object;
	return filter->server != NULL || is_going(call, node);
}

/* ?server=B/S */
static bool
filter_server_text(struct call *call, const char *text, struct session_filter *filter)
{
	const char *slash = strchr(text, '/');
	char backend[DOC_NAME_MAX + 1];

	if (slash == NULL || slash == text || (size_t)(slash - text) >= sizeof(backend)) {
		call_problem(call, 400, NULL,
			"query parameter \"server\" must be BACKEND/SERVER");
		return false;
	}
	memcpy(backend, text, (size_t)(slash - text));
	backend[slash - text] = '\0';
	return filter_server(call, backend, slash + 1, filter);
}

/* ?src=10.0.0.1 or 10.0.0.0/8 */
static bool
filter_src(struct call *call, const char *text, struct session_filter *filter)
{
	const char *slash = strchr(text, '/');
	struct slice ip = { text, slash == NULL ? strlen(text) : (size_t)(slash - text) };
	int64_t bits, most;
	struct diag why;

	if (addr_parse(&filter->src, ip, ADDR_NO_UNIX, &why) != ERR_OK) {
		call_problem(call, 400, NULL, "query parameter \"src\": %s", why.text);
		return false;
	}
	bits = most = filter->src.sa.sa_family == AF_INET ? 32 : 128;
	if (slash != NULL && (int_parse(slice_of(slash + 1), &bits) != ERR_OK || bits < 0 ||
	    bits > most)) {
		call_problem(call, 400, NULL, "query parameter \"src\": the prefix must be 0 to %d",
			(int)most);
		return false;
	}
	filter->src_set = true;
	filter->src_prefix = (uint32_t)bits;
	return true;
}

static bool
filter_of(struct call *call, struct session_filter *filter)
{
	const char *backend = call_param(call, "backend"), *server = call_param(call, "server");
	const char *src = call_param(call, "src"), *cursor = call_param(call, "cursor");
	int64_t after = 0;

	*filter = (struct session_filter){ 0 };
	if (cursor != NULL && (int_parse(slice_of(cursor), &after) != ERR_OK || after < 0)) {
		call_problem(call, 400, NULL, "query parameter \"cursor\" must be a session's id");
		return false;
	}
	filter->after = (uint64_t)after;
	if (strcmp(call->segments[1], "backends") == 0 &&
	    !filter_server(call, call->segments[2], call->segments[4], filter))
		return false;
	return (backend == NULL || filter_backend(call, backend, filter)) &&
	    (server == NULL || filter_server_text(call, server, filter)) &&
	    (src == NULL || filter_src(call, src, filter));
}

static bool
filter_id(struct call *call, struct session_filter *filter)
{
	int64_t id;

	*filter = (struct session_filter){ 0 };
	if (int_parse(slice_of(call->segments[2]), &id) != ERR_OK || id <= 0) {
		call_problem(call, 404, NULL, "there is no session \"%s\"", call->segments[2]);
		return false;
	}
	filter->id = (uint64_t)id;
	return true;
}

/* -- looking -- */

static void
write_address_text(struct jsonw *w, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT_BYTES];

	jsonw_string(w, key, addr->len == 0 ? NULL : addr_format(addr, text));
}

static void
write_session(struct jsonw *w, const struct session_info *info)
{
	char id[24];

	snprintf(id, sizeof(id), "%" PRIu64, info->id);
	jsonw_string(w, "id", id);
	jsonw_string(w, "frontend", info->frontend);
	jsonw_string(w, "backend", info->backend[0] == '\0' ? NULL : info->backend);
	jsonw_string(w, "server", info->server[0] == '\0' ? NULL : info->server);
	jsonw_string(w, "state", info->state);
	write_address_text(w, "client", &info->client);
	write_address_text(w, "server_address", &info->server_address);
	jsonw_time(w, "begun", info->begun_us);
	jsonw_duration(w, "idle", (int64_t)info->idle_ms);
	jsonw_object(w, "bytes");
	jsonw_uint(w, "in", info->bytes_in);
	jsonw_uint(w, "out", info->bytes_out);
	jsonw_end_object(w);
	jsonw_uint(w, "retries", info->retries);
	jsonw_uint(w, "worker", info->worker);
}

static void
write_link(const struct call *call, const struct session_list *list, uint32_t limit,
	struct buf *link)
{
	static const char *const keep[] = { "backend", "server", "src" };

	buf_puts(link, "<");
	for (uint32_t i = 0; i < call->segment_count; i++)
		buf_printf(link, "/%s", call->segments[i]);
	buf_printf(link, "?limit=%u", (unsigned)limit);
	for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
		if (call_param(call, keep[i]) != NULL)
			buf_printf(link, "&%s=%s", keep[i], call_param(call, keep[i]));
	buf_printf(link, "&cursor=%" PRIu64 ">; rel=\"next\"", list->infos[list->count - 1].id);
	buf_put(link, "", 1);
}

static void
answer_list(struct asking *a, const struct session_list *list)
{
	struct answer answer = { .status = 200 };
	struct buf link = { 0 };
	struct jsonw w;
	char id[24];

	jsonw_init(&w, &answer.body);
	jsonw_object(&w, NULL);
	for (uint32_t i = 0; i < list->count; i++) {
		snprintf(id, sizeof(id), "%" PRIu64, list->infos[i].id);
		jsonw_object(&w, id);
		write_session(&w, &list->infos[i]);
		jsonw_end_object(&w);
	}
	jsonw_end_object(&w);
	if (list->more && list->count > 0) {
		write_link(a->call, list, a->limit, &link);
		answer.link = link.failed ? NULL : link.at;
	}
	call_answer(a->call, &answer);
	buf_fini(&link);
}

static void
answer_single(struct asking *a, const struct session_list *list)
{
	struct answer answer = { .status = 200 };
	struct jsonw w;

	if (list->count == 0) {
		call_problem(a->call, 404, NULL, "there is no session \"%s\"",
			     a->call->segments[2]);
		return;
	}
	jsonw_init(&w, &answer.body);
	jsonw_object(&w, NULL);
	write_session(&w, &list->infos[0]);
	jsonw_end_object(&w);
	call_answer(a->call, &answer);
}

static void
on_collected(struct session_list *list, void *arg)
{
	struct asking *a = arg;

	if (list == NULL)
		call_problem(a->call, 503, NULL, "out of memory");
	else if (a->is_single)
		answer_single(a, list);
	else
		answer_list(a, list);
	free(list);
	free(a);
}

static void
collect(struct call *call, const struct session_filter *filter, uint32_t limit, bool is_single)
{
	struct asking *a = asking_new(call);

	if (a == NULL)
		return;
	a->is_single = is_single;
	a->limit = limit;
	if (sessions_collect(filter, limit, on_collected, a) == ERR_OK)
		return;
	call_problem(call, 503, NULL, "out of memory");
	free(a);
}

void
sessions_get(struct call *call)
{
	struct session_filter filter;
	uint32_t limit = LIMIT_DEFAULT;

	if (!param_uint(call, "limit", LIMIT_MAX, &limit) || !filter_of(call, &filter))
		return;
	collect(call, &filter, limit == 0 ? LIMIT_DEFAULT : limit, false);
}

void
session_get(struct call *call)
{
	struct session_filter filter;

	if (filter_id(call, &filter))
		collect(call, &filter, 1, true);
}

/* -- ending -- */

/* What was asked for, for the event: the path and its parameters. */
static void
write_filter(const struct call *call, struct buf *out)
{
	struct buf path = { 0 };
	struct jsonw w;

	for (uint32_t i = 0; i < call->segment_count; i++)
		buf_printf(&path, "/%s", call->segments[i]);
	jsonw_init(&w, out);
	jsonw_object(&w, NULL);
	jsonw_slice(&w, "path", (struct slice){ path.at, path.len });
	for (uint32_t i = 0; i < call->param_count; i++)
		jsonw_string(&w, call->params[i].name, call->params[i].value);
	jsonw_end_object(&w);
	out->failed |= path.failed;
	buf_fini(&path);
}

void
session_kill_event(const struct call *call, uint32_t ended, enum end_cause cause)
{
	struct buf out = { 0 }, filter = { 0 };
	struct jsonw w;

	write_filter(call, &filter);
	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_uint(&w, "ended", ended);
	jsonw_string(&w, "cause", end_cause_name(cause));
	jsonw_string(&w, "actor", call->actor);
	jsonw_string(&w, "reason", call->reason);
	jsonw_string(&w, "peer", call->peer);
	jsonw_raw(&w, "filter", (struct slice){ filter.at, filter.len });
	jsonw_end_object(&w);
	if (!out.failed && !filter.failed)
		event_emit(EVENT_SESSION_KILL, (struct slice){ out.at, out.len });
	buf_fini(&out);
	buf_fini(&filter);
}

static void
on_ended(uint32_t ended, void *arg)
{
	struct asking *a = arg;
	struct answer answer = { .status = 200 };
	struct jsonw w;

	if (ended > 0)
		session_kill_event(a->call, ended, END_ADMIN);
	if (a->is_single && ended == 0) {
		call_problem(a->call, 404, NULL, "there is no session \"%s\"",
			     a->call->segments[2]);
	} else if (a->is_single) {
		answer.status = 204;
		call_answer(a->call, &answer);
	} else {
		jsonw_init(&w, &answer.body);
		jsonw_object(&w, NULL);
		jsonw_uint(&w, "ended", ended);
		jsonw_end_object(&w);
		call_answer(a->call, &answer);
	}
	free(a);
}

static void
end(struct call *call, const struct session_filter *filter, bool is_single)
{
	struct asking *a = asking_new(call);

	if (a == NULL)
		return;
	a->is_single = is_single;
	if (sessions_end(filter, END_ADMIN, on_ended, a) == ERR_OK)
		return;
	call_problem(call, 503, NULL, "out of memory");
	free(a);
}

void
sessions_delete(struct call *call)
{
	struct session_filter filter;
	bool all;

	if (!param_bool(call, "all", &all) || !filter_of(call, &filter))
		return;
	if (!all && filter.server == NULL && filter.backend == NULL && !filter.src_set) {
		call_problem(call, 400, NULL, "this would end all sessions: give a filter "
			"(backend, server, src), or ?all=true");
		return;
	}
	end(call, &filter, false);
}

void
session_delete(struct call *call)
{
	struct session_filter filter;

	if (filter_id(call, &filter))
		end(call, &filter, true);
}
