/*
 * Backends in expressions: how many servers, sessions, free places (HAProxy manual, 7.3.2 "nbsrv").
 *
 * A worker asks, or control; all that is read are atomics of other threads, and a little late.
 */
#include "config.h"
#include "expr/compile.h"
#include "expr/fetch.h"
#include "server/fetch_priv.h"
#include "server/server_priv.h"

static uint32_t
level_of(const _Atomic uint32_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* The one that is named, or the one that runs it. NULL: there is none (yet). */
static const struct backend *
backend_of(const struct eval *eval, const struct args *args)
{
	return args->at[0].kind == ARG_NONE ? eval->backend : args->at[0].ref->object;
}

static int64_t
backend_sessions(const struct backend *backend)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < backend->workers; i++)
		sum += counter_read(&backend->slots[i].counters.streams);
	return (int64_t)sum;
}

static int64_t
backend_session_rate(const struct backend *backend, uint64_t now_ms)
{
	uint64_t milli = 0;

	for (uint32_t i = 0; i < backend->workers; i++)
		milli += rate_read_milli(&backend->slots[i].counters.session_rate, now_ms);
	return (int64_t)(milli / RATE_PERIOD_MS);
}

/*
 * Places that servers have left; -1 where one has no limit. Who is on a server that only drains
 * counts, too.
 */
static int64_t
backend_free_places(const struct backend *backend)
{
	uint64_t places = atomic_load_explicit(&backend->shown.places, memory_order_relaxed);
	uint64_t taken = level_of(&backend->current);

	if (level_of(&backend->shown.unlimited) > 0)
		return -1;
	return places > taken ? (int64_t)(places - taken) : 0;
}

static int64_t
backend_actives(const struct backend *backend, const struct eval *eval)
{
	return level_of(&backend->shown.actives);
}

static int64_t
backend_serving(const struct backend *backend, const struct eval *eval)
{
	return level_of(&backend->shown.serving);
}

static int64_t
backend_conn(const struct backend *backend, const struct eval *eval)
{
	return backend_sessions(backend);
}

static int64_t
backend_conn_free(const struct backend *backend, const struct eval *eval)
{
	return backend_free_places(backend);
}

static int64_t
backend_rate(const struct backend *backend, const struct eval *eval)
{
	return backend_session_rate(backend, eval->now_ms);
}

static int64_t
backend_queue(const struct backend *backend, const struct eval *eval)
{
	return queue_length(&backend->queue);
}

/* By server that serves, rounded up; where none does twice as many: one will be back soon. */
static int64_t
backend_avg_queue(const struct backend *backend, const struct eval *eval)
{
	int64_t waiting = queue_length(&backend->queue),
		servers = level_of(&backend->shown.serving);

	return servers == 0 ? waiting * 2 : (waiting + servers - 1) / servers;
}

static uint32_t
backend_maxqueue(const struct backend *backend)
{
	const struct loop *loop = loop_self();
	const struct backend_conf *conf = backend->conf;

	if (loop != NULL && loop->index < backend->workers)
		conf = backend->slots[loop->index].conf;
	return conf == NULL ? 0 : conf->maxqueue;
}

/* Free places and free places in line: here the line is the backend's, not its servers'. */
static int64_t
backend_slots_left(const struct backend *backend, const struct eval *eval)
{
	int64_t places = backend_free_places(backend);
	uint32_t maxqueue = backend_maxqueue(backend), waiting = queue_length(&backend->queue);

	if (places < 0)
		return -1;
	return places + (maxqueue > waiting ? maxqueue - waiting : 0);
}

/* A column would hide which function a row is; so each has one of its own. */
#define GETTER(name, number_of)								\
	static bool name(struct eval *eval, const struct args *args, struct fetch_cursor *cursor, \
		struct sample *sample)							\
	{										\
		const struct backend *backend = backend_of(eval, args);			\
											\
		if (backend == NULL)							\
			return false;							\
		sample->number = number_of(backend, eval);				\
		return true;								\
	}

GETTER(get_actives, backend_actives)
GETTER(get_serving, backend_serving)
GETTER(get_conn, backend_conn)
GETTER(get_conn_free, backend_conn_free)
GETTER(get_rate, backend_rate)
GETTER(get_queue, backend_queue)
GETTER(get_avg_queue, backend_avg_queue)
GETTER(get_slots_left, backend_slots_left)

/* Without a name it needs to run where a backend is chosen. */
static enum err
check_backend(struct args *args, const struct compile_env *env, struct diag *diag)
{
	if (args->at[0].kind != ARG_NONE || env->backend != NULL || (env->has & NEEDS_BACKEND) != 0)
		return ERR_OK;
	diag_set(diag, "expected the name of a backend: in %s none is chosen yet", env->place);
	return ERR_INVALID;
}

/* -- a converter: the name of a backend to how many servers it has -- */

static bool
run_serving(struct eval *eval, const struct args *args, struct sample *sample)
{
	const struct loop *loop = loop_self();
	const struct backend *backend = NULL;

	if (loop != NULL && loop->index != LOOP_CONTROL)
		backend = backend_find(loop->index, sample->text);
	if (backend == NULL)
		return false;
	sample->number = level_of(&backend->shown.serving);
	return true;
}

/* clang-format off */
#define BACKEND	{ ARG_BACKEND | ARG_OPTIONAL }
#define ROW(name, help, get) { name, SAMPLE_INT, 0, BACKEND, false, false, false, help, check_backend, get }

static const struct fetch rows[] = {
	ROW("avg_queue",	"sessions that wait, by server that serves",				get_avg_queue),
	ROW("be_conn",		"sessions that are the backend's now",					get_conn),
	ROW("be_conn_free",	"places left on servers that serve; -1 if one has no maxconn",		get_conn_free),
	ROW("be_sess_rate",	"new sessions in the last second",					get_rate),
	ROW("connslots",	"places left on servers and in line; -1 if a server has no maxconn",	get_slots_left),
	ROW("nbact",		"usable servers of priority 0, so no backups",				get_actives),
	ROW("nbsrv",		"usable servers; if no active one is, the backups that serve",		get_serving),
	ROW("queue",		"sessions that wait for a server",					get_queue),
};

static const struct conv convs[] = {
	{ "nbsrv", SAMPLE_STRING, SAMPLE_INT, { ARG_NONE },
		"usable servers of the backend of that name", NULL, run_serving, 0 },
};
/* clang-format on */

struct fetch_table fetch_backend = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
struct conv_table conv_backend = { convs, sizeof(convs) / sizeof(convs[0]), NULL };
