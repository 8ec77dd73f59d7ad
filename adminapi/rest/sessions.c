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
#include "adminapi/rest/session_query.h"
#include "core/jsonw.h"
#include "core/loop.h"
#include "core/obj.h"
#include "stream/sessions.h"

#define LIMIT_DEFAULT	1000
#define LIMIT_MAX	10000

#define ANSWER_MS	2000	/* for all workers: as for installing a change */
#define ONE_BODY	100	/* sessions; more are streamed */
#define PIECE_BYTES	(16 * 1024)	/* some forty sessions a call */

/* What waits for the workers. */
struct asking {
	struct call		*call;		/* NULL: it was answered without them */
	struct wheel_timer	 timer;
	bool			 is_single;
	bool			 must_match;	/* the document knows no such server: 404 without a session */
	uint32_t		 limit;
	struct kill_note	 note;		/* DELETE */
};

static void
asking_on_timeout(struct wheel_timer *timer)
{
	struct asking *a = container_of(timer, struct asking, timer);

	call_problem(a->call, 503, NULL, a->call->method == METHOD_DELETE ?
		"a worker did not answer in time: it ends its sessions when it goes on" :
		"a worker did not answer in time");
	a->call = NULL;
}

static struct asking *
asking_new(struct call *call)
{
	struct asking *a = calloc(1, sizeof(*a));
	struct loop *loop = loop_self();

	if (a == NULL) {
		call_problem(call, 503, NULL, "out of memory");
		return NULL;
	}
	a->call = call;
	wheel_timer_init(&a->timer, asking_on_timeout);
	wheel_set(&loop->wheel, &a->timer, loop->now_ms + ANSWER_MS);
	return a;
}

static void
asking_free(struct asking *a)
{
	wheel_cancel(&a->timer);
	free(a);
}

static void
asking_fail(struct asking *a)
{
	call_problem(a->call, 503, NULL, "out of memory");
	asking_free(a);
}

/* -- looking -- */

static void
write_address_text(struct jsonw *w, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT_BYTES];

	jsonw_string(w, key, addr->len == 0 ? NULL : addr_format(addr, text));
}

/* What a request's log line has. */
static void
write_request(struct jsonw *w, const struct session_info *info)
{
	const struct session_request *r = &info->request;

	if (!info->is_http)
		return;
	if (r->version != NULL) {
		jsonw_slice(w, "method", r->method);
		jsonw_slice(w, "target", r->target);
		jsonw_slice(w, "host", r->host);
		jsonw_string(w, "version", r->version);
	}
	if (info->status == 0)
		jsonw_null(w, "status");
	else
		jsonw_uint(w, "status", info->status);
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
	if (addr_is_unix(&info->client))
		jsonw_string(w, "client", "unix");
	else
		write_address_text(w, "client", &info->client);
	write_address_text(w, "server_address", &info->server_address);
	write_request(w, info);
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
	buf_printf(link, "&cursor=%" PRIu64 ">; rel=\"next\"", list->infos[list->count - 1]->id);
	buf_put(link, "", 1);
}

/* A list on its way to the client. */
struct listing {
	struct session_list	*list;
	uint32_t		 next;
	bool			 is_written;
	struct buf		 out;
	struct jsonw		 w;
};

static void
listing_close(void *arg)
{
	struct listing *l = arg;

	session_list_free(&l->list);
	buf_fini(&l->out);
	free(l);
}

/* One session more, or the end. */
static void
listing_step(struct listing *l)
{
	char id[24];

	if (l->next == l->list->count) {
		jsonw_end_object(&l->w);
		l->is_written = true;
		return;
	}
	snprintf(id, sizeof(id), "%" PRIu64, l->list->infos[l->next]->id);
	jsonw_object(&l->w, id);
	write_session(&l->w, l->list->infos[l->next]);
	jsonw_end_object(&l->w);
	l->next++;
}

static ssize_t
listing_fill(void *arg, char *buf, size_t max)
{
	struct listing *l = arg;
	size_t want = max < PIECE_BYTES ? max : PIECE_BYTES, len;

	while (!l->is_written && l->out.len < want && !l->out.failed)
		listing_step(l);
	if (l->out.failed)
		return CALL_STREAM_ERROR;
	if (l->out.len == 0)
		return CALL_STREAM_END;
	len = l->out.len < want ? l->out.len : want;
	memcpy(buf, l->out.at, len);
	buf_drop(&l->out, len);
	return (ssize_t)len;
}

static void
listing_answer(struct listing *l, struct call *call, struct answer *answer)
{
	static const struct call_stream_ops ops = { listing_fill, listing_close };

	if (l->list->count > ONE_BODY) {
		if (call_stream(call, answer, &ops, l, NULL) != ERR_OK)
			listing_close(l);
		return;
	}
	while (!l->is_written)
		listing_step(l);
	answer->body = l->out;
	l->out = (struct buf){ 0 };
	call_answer(call, answer);
	listing_close(l);
}

/* Takes *lp. */
static void
answer_list(struct asking *a, struct session_list **lp)
{
	struct listing *l = calloc(1, sizeof(*l));
	struct answer answer = { .status = 200 };
	struct buf link = { 0 };

	if (l == NULL) {
		call_problem(a->call, 503, NULL, "out of memory");
		return;
	}
	l->list = *lp;
	*lp = NULL;
	jsonw_init(&l->w, &l->out);
	jsonw_object(&l->w, NULL);
	if (l->list->more && l->list->count > 0) {
		write_link(a->call, l->list, a->limit, &link);
		answer.link = link.failed ? NULL : link.at;
	}
	listing_answer(l, a->call, &answer);
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
	write_session(&w, list->infos[0]);
	jsonw_end_object(&w);
	call_answer(a->call, &answer);
}

static void
answer_nobody(struct asking *a)
{
	call_problem(a->call, 404, NULL, "there is no such backend or server, and no session that "
		"is left of it");
}

static void
on_collected(struct session_list *list, void *arg)
{
	struct asking *a = arg;

	if (a->call != NULL && list == NULL)
		call_problem(a->call, 503, NULL, "out of memory");
	else if (a->call != NULL && a->must_match && list->count == 0)
		answer_nobody(a);
	else if (a->call != NULL && a->is_single)
		answer_single(a, list);
	else if (a->call != NULL)
		answer_list(a, &list);
	session_list_free(&list);
	asking_free(a);
}

static void
asking_collect(struct call *call, const struct session_query *q, uint32_t limit, bool is_single)
{
	struct asking *a = asking_new(call);

	if (a == NULL)
		return;
	a->is_single = is_single;
	a->must_match = q->must_match;
	a->limit = limit;
	if (sessions_collect(&q->filter, limit, on_collected, a) != ERR_OK)
		asking_fail(a);
}

void
sessions_get(struct call *call)
{
	struct session_query query;
	uint32_t limit = LIMIT_DEFAULT;

	if (!param_uint(call, "limit", LIMIT_MAX, &limit) || !session_query_many(call, &query))
		return;
	asking_collect(call, &query, limit == 0 ? LIMIT_DEFAULT : limit, false);
}

void
session_get(struct call *call)
{
	struct session_query query;

	if (session_query_one(call, &query))
		asking_collect(call, &query, 1, true);
}

/* -- ending -- */

static const char *
text_or_null(const char *text)
{
	return text == NULL || text[0] == '\0' ? NULL : text;
}

void
kill_write_server(struct jsonw *w, const char *backend, const char *server)
{
	jsonw_string(w, "backend", text_or_null(backend));
	jsonw_string(w, "server", text_or_null(server));
}

void
kill_write_cause(struct jsonw *w, enum end_cause cause, const char *actor, const char *reason)
{
	jsonw_object(w, "cause");
	jsonw_string(w, "code", end_cause_name(cause));
	jsonw_string(w, "detail", end_cause_words(cause));
	jsonw_string(w, "actor", text_or_null(actor));
	jsonw_string(w, "reason", text_or_null(reason));
	jsonw_end_object(w);
}

/* Which of them were meant: the one session, or the call's parameters. */
static void
kill_write_filter(struct jsonw *w, const struct call *call, const struct session_query *q)
{
	char id[24];

	if (q->filter.id != 0) {
		snprintf(id, sizeof(id), "%" PRIu64, q->filter.id);
		jsonw_string(w, "session", id);
	}
	if (call->param_count == 0)
		return;
	jsonw_object(w, "filter");
	for (uint32_t i = 0; i < call->param_count; i++)
		jsonw_string(w, call->params[i].name, call->params[i].value);
	jsonw_end_object(w);
}

void
kill_note_init(struct kill_note *note, const struct call *call, enum end_cause cause,
	const struct session_query *q)
{
	struct jsonw *w = &note->w;

	*note = (struct kill_note){ 0 };
	jsonw_init(w, &note->out);
	jsonw_object(w, NULL);
	if (q == NULL)
		kill_write_server(w, call->segments[2], call->segments[4]);
	else
		kill_write_server(w, q->filter.backend_name, q->filter.server_name);
	kill_write_cause(w, cause, call->actor, call->reason);
	jsonw_string(w, "peer", call->peer);
	if (q != NULL)
		kill_write_filter(w, call, q);
}

void
kill_note_fini(struct kill_note *note, uint32_t ended)
{
	jsonw_uint(&note->w, "ended", ended);
	jsonw_end_object(&note->w);
	if (ended > 0 && !note->out.failed)
		event_emit(EVENT_SESSION_KILL, (struct slice){ note->out.at, note->out.len });
	buf_fini(&note->out);
}

static void
answer_ended(struct asking *a, uint32_t ended)
{
	struct answer answer = { .status = 200 };
	struct jsonw w;

	if (a->must_match && ended == 0) {
		answer_nobody(a);
	} else if (a->is_single && ended == 0) {
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
}

static void
on_ended(uint32_t ended, void *arg)
{
	struct asking *a = arg;

	kill_note_fini(&a->note, ended);
	if (a->call != NULL)
		answer_ended(a, ended);
	asking_free(a);
}

static void
asking_end(struct call *call, const struct session_query *q, bool is_single)
{
	struct asking *a = asking_new(call);

	if (a == NULL)
		return;
	a->is_single = is_single;
	a->must_match = q->must_match;
	kill_note_init(&a->note, call, END_ADMIN, q);
	if (sessions_end(&q->filter, END_ADMIN, on_ended, a) == ERR_OK)
		return;
	kill_note_fini(&a->note, 0);
	asking_fail(a);
}

void
sessions_delete(struct call *call)
{
	struct session_query query;
	bool all;

	if (!param_bool(call, "all", &all) || !session_query_many(call, &query))
		return;
	if (!all && !query.is_filtered) {
		call_problem(call, 400, NULL, "this would end all sessions: give a filter "
			"(backend, server, src), or ?all=true");
		return;
	}
	asking_end(call, &query, false);
}

void
session_delete(struct call *call)
{
	struct session_query query;

	if (session_query_one(call, &query))
		asking_end(call, &query, true);
}
