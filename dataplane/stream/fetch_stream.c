/*
 * A stream in expressions: its frontend, bind, backend, server, time-outs (HAProxy manual, 7.3.2 and 7.3.3
 * "fe_conn", "so_id", "be_name").
 *
 * The stream's worker; of others only atomics are read.
 */
#include "config.h"
#include "expr/compile.h"
#include "stream/engine_priv.h"
#include "stream/fetch_priv.h"
#include "stream/frontend_priv.h"
#include "stream/stream_priv.h"

/* Never: HAProxy says 0. */
static int64_t
timeout_ms(int64_t ms)
{
	return ms == TIMEOUT_NONE ? 0 : ms;
}

/* -- the process -- */

static bool
get_stopping(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = atomic_load_explicit(&engine.stopping, memory_order_relaxed);
	return true;
}

static bool
get_thread(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct loop *loop = loop_self();

	if (loop == NULL || loop->index == LOOP_CONTROL)
		return false;
	sample->number = loop->index;
	return true;
}

/* -- frontends -- */

/* The one that is named, or the client's. NULL: there is none. */
static const struct frontend *
frontend_of(const struct eval *eval, const struct args *args)
{
	const struct client *c = eval_client(eval);

	if (args->at[0].kind != ARG_NONE)
		return args->at[0].ref->object;
	return c == NULL ? NULL : c->frontend;
}

/* That the stream began with, or the client. */
static const struct frontend_conf *
conf_of(const struct eval *eval)
{
	const struct client *c = eval_client(eval);

	if (eval->stream != NULL)
		return eval->stream->frontend_conf;
	return c == NULL ? NULL : c->conf;
}

static bool
get_fe_conn(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct frontend *frontend = frontend_of(eval, args);

	if (frontend == NULL)
		return false;
	sample->number = atomic_load_explicit(&frontend->sessions.current, memory_order_relaxed);
	return true;
}

static bool
get_fe_sess_rate(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct frontend *frontend = frontend_of(eval, args);
	uint64_t milli = 0;

	if (frontend == NULL)
		return false;
	for (uint32_t i = 0; i < frontend->workers; i++)
		milli += rate_read_milli(&frontend->slots[i].counters.session_rate, eval->now_ms);
	sample->number = (int64_t)(milli / RATE_PERIOD_MS);
	return true;
}

static bool
get_fe_req_rate(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct frontend *frontend = frontend_of(eval, args);
	uint64_t milli = 0;

	if (frontend == NULL)
		return false;
	for (uint32_t i = 0; i < frontend->workers; i++)
		milli += rate_read_milli(&frontend->slots[i].counters.request_rate, eval->now_ms);
	sample->number = (int64_t)(milli / RATE_PERIOD_MS);
	return true;
}

static bool
get_fe_name(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct frontend *frontend = frontend_of(eval, args);

	if (frontend == NULL)
		return false;
	sample->text = slice_of(frontend->name);
	return true;
}

static bool
get_fe_id(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct frontend *frontend = frontend_of(eval, args);

	if (frontend == NULL)
		return false;
	sample->number = frontend->id;
	return true;
}

static bool
get_fe_defbe(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct frontend_conf *conf = conf_of(eval);

	if (conf == NULL || conf->default_backend == NULL)
		return false;
	sample->text = slice_of(conf->default_backend->name);
	return true;
}

static bool
get_fe_client_timeout(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct frontend_conf *conf = conf_of(eval);

	if (conf == NULL)
		return false;
	sample->number = timeout_ms(conf->timeout_client);
	return true;
}

/* Binds are numbered from 1, in the order of their list. */
static bool
get_so_id(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct client *c = eval_client(eval);

	if (eval->stream == NULL && c == NULL)
		return false;
	sample->number = 1 + (int64_t)(eval->stream != NULL ? eval->stream->bind_index
							    : c->bind_index);
	return true;
}

/* -- backends and servers -- */

static bool
get_be_name(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->backend == NULL)
		return false;
	sample->text = slice_of(eval->backend->name);
	return true;
}

static bool
get_be_id(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->backend == NULL)
		return false;
	sample->number = eval->backend->number;
	return true;
}

static const struct backend_conf *
backend_conf_of(const struct eval *eval)
{
	return eval->stream == NULL ? NULL : eval->stream->backend_conf;
}

static bool
get_be_server_timeout(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct backend_conf *conf = backend_conf_of(eval);

	if (conf == NULL)
		return false;
	sample->number = timeout_ms(conf->timeout_server);
	return true;
}

static bool
get_be_tunnel_timeout(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct backend_conf *conf = backend_conf_of(eval);

	if (conf == NULL)
		return false;
	sample->number = timeout_ms(conf->timeout_tunnel);
	return true;
}

static bool
get_cur_server_timeout(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct backend_conf *conf = backend_conf_of(eval);

	if (conf == NULL)
		return false;
	sample->number = timeout_ms(stream_wish_ms(eval->stream, RULE_TIMEOUT_SERVER,
						   conf->timeout_server));
	return true;
}

static bool
get_cur_tunnel_timeout(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct backend_conf *conf = backend_conf_of(eval);

	if (conf == NULL)
		return false;
	sample->number = timeout_ms(stream_wish_ms(eval->stream, RULE_TIMEOUT_TUNNEL,
						   conf->timeout_tunnel));
	return true;
}

static bool
get_srv_id(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->server == NULL)
		return false;
	sample->number = eval->server->id;
	return true;
}

static bool
get_srv_name(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->server == NULL)
		return false;
	sample->text = slice_of(eval->server->name);
	return true;
}

/* -- the stream -- */

static bool
get_http_major(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = 1;
	return eval_client(eval) != NULL;
}

static bool
get_server_http_major(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = 1;
	return eval->stream != NULL && eval->stream->sc != NULL;
}

static bool
get_first_request(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	const struct client *c = eval_client(eval);

	if (c == NULL)
		return false;
	sample->number = c->requests <= 1;
	return true;
}

static bool
get_prio_class(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->stream == NULL)
		return false;
	sample->number = stream_wishes(eval->stream)->priority_class;
	return true;
}

static bool
get_prio_offset(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->stream == NULL)
		return false;
	sample->number = stream_wishes(eval->stream)->priority_offset;
	return true;
}

/* clang-format off */
#define ROW(name, type, needs, help, get) { name, type, needs, { ARG_NONE }, false, false, false, help, NULL, get }
#define FRONTEND(name, help, get) \
	{ name, SAMPLE_INT, NEEDS_CLIENT, { ARG_FRONTEND | ARG_OPTIONAL }, false, false, false, help, NULL, get }

static const struct fetch rows[] = {
	ROW("bc_http_major",	SAMPLE_INT,	NEEDS_SERVER,	"1: the connection to the server speaks HTTP/1",	get_server_http_major),
	ROW("be_id",		SAMPLE_INT,	NEEDS_BACKEND,	"the backend's number in this process",			get_be_id),
	ROW("be_name",		SAMPLE_STRING,	NEEDS_BACKEND,	"the backend's name",					get_be_name),
	ROW("be_server_timeout", SAMPLE_INT,	NEEDS_BACKEND,	"its timeout.server in ms, 0 for none",			get_be_server_timeout),
	ROW("be_tunnel_timeout", SAMPLE_INT,	NEEDS_BACKEND,	"its timeout.tunnel in ms, 0 for none",			get_be_tunnel_timeout),
	ROW("cur_server_timeout", SAMPLE_INT,	NEEDS_BACKEND,	"the same, or what set-timeout says",			get_cur_server_timeout),
	ROW("cur_tunnel_timeout", SAMPLE_INT,	NEEDS_BACKEND,	"the same, or what set-timeout says",			get_cur_tunnel_timeout),
	ROW("fc_http_major",	SAMPLE_INT,	NEEDS_CLIENT,	"1: the client's connection speaks HTTP/1",		get_http_major),
	ROW("fe_client_timeout", SAMPLE_INT,	NEEDS_CLIENT,	"the frontend's timeout.client in ms, 0 for none",	get_fe_client_timeout),
	FRONTEND("fe_conn",	"connections of the frontend, or of the one that is named",					get_fe_conn),
	ROW("fe_defbe",		SAMPLE_STRING,	NEEDS_CLIENT,	"the name of the frontend's default_backend",		get_fe_defbe),
	ROW("fe_id",		SAMPLE_INT,	NEEDS_CLIENT,	"the frontend's number in this process",		get_fe_id),
	ROW("fe_name",		SAMPLE_STRING,	NEEDS_CLIENT,	"the frontend's name",					get_fe_name),
	FRONTEND("fe_req_rate",	"HTTP requests of a frontend in the last second",						get_fe_req_rate),
	FRONTEND("fe_sess_rate", "new connections of a frontend in the last second",						get_fe_sess_rate),
	ROW("http_first_req",	SAMPLE_BOOL,	NEEDS_CLIENT | NEEDS_HTTP, "this is the connection's first request",	get_first_request),
	ROW("prio_class",	SAMPLE_INT,	NEEDS_CLIENT,	"what set-priority-class set, or 0",			get_prio_class),
	ROW("prio_offset",	SAMPLE_INT,	NEEDS_CLIENT,	"what set-priority-offset set, or 0",			get_prio_offset),
	ROW("so_id",		SAMPLE_INT,	NEEDS_CLIENT,	"the number of the bind in its frontend, from 1",	get_so_id),
	ROW("srv_id",		SAMPLE_INT,	NEEDS_SERVER,	"the server's id",					get_srv_id),
	ROW("srv_name",		SAMPLE_STRING,	NEEDS_SERVER,	"the server's name",					get_srv_name),
	ROW("stopping",		SAMPLE_BOOL,	0,		"the process has stopped listening",			get_stopping),
	ROW("thread",		SAMPLE_INT,	0,		"the number of the worker, from 0",			get_thread),
};
/* clang-format on */

static struct fetch_table fetch_stream = { rows, sizeof(rows) / sizeof(rows[0]), NULL };

void
stream_fetches_register(void)
{
	fetch_register(&fetch_client);
	fetch_register(&fetch_stream);
}
