/*
 * Servers in expressions: whether one is up, its sessions, its weight (HAProxy manual, 7.3.2 "srv_is_up").
 *
 * A worker asks, or control; of other threads only atomics are read, and they are a little late.
 */
#include "config.h"
#include "expr/fetch.h"
#include "server/fetch_priv.h"
#include "server/server_priv.h"

/* As this thread has it; NULL before it is installed. */
static const struct server_conf *
server_conf_here(const struct server *server)
{
	const struct loop *loop = loop_self();

	if (loop != NULL && loop->index < server->workers)
		return server->slots[loop->index].conf;
	return server->conf;
}

static int64_t
server_current(const struct server *server)
{
	return atomic_load_explicit(&server->current, memory_order_relaxed);
}

static int64_t
server_up(const struct server *server, const struct eval *eval)
{
	return server_is_up(server);
}

static int64_t
server_conn(const struct server *server, const struct eval *eval)
{
	return server_current(server);
}

static int64_t
server_conn_free(const struct server *server, const struct eval *eval)
{
	int64_t maxconn = atomic_load_explicit(&server->maxconn, memory_order_relaxed);
	int64_t current = server_current(server);

	if (maxconn == 0)
		return -1;
	return maxconn > current ? maxconn - current : 0;
}

/* Whoever waits, waits in the backend's line: a server has none of its own. */
static int64_t
server_queue(const struct server *server, const struct eval *eval)
{
	return 0;
}

static int64_t
server_rate(const struct server *server, const struct eval *eval)
{
	uint64_t milli = 0;

	for (uint32_t i = 0; i < server->workers; i++)
		milli += rate_read_milli(&server->slots[i].counters.session_rate, eval->now_ms);
	return (int64_t)(milli / RATE_PERIOD_MS);
}

static int64_t
server_configured_weight(const struct server *server, const struct eval *eval)
{
	const struct server_conf *conf = server_conf_here(server);

	return conf == NULL ? 0 : conf->weight;
}

/* Back in configuration's units: what is more than nothing is at least 1. */
static int64_t
weight_read(const _Atomic uint16_t *weight)
{
	return (atomic_load_explicit(weight, memory_order_relaxed) + LB_WEIGHT_SCALE - 1) /
	       LB_WEIGHT_SCALE;
}

static int64_t
server_weight(const struct server *server, const struct eval *eval)
{
	return weight_read(&server->weight_shown);
}

static int64_t
server_user_weight(const struct server *server, const struct eval *eval)
{
	return weight_read(&server->weight_set_shown);
}

#define GETTER(name, number_of)								\
	static bool name(struct eval *eval, const struct args *args, struct fetch_cursor *cursor, \
		struct sample *sample)							\
	{										\
		const struct server *server = args->at[0].ref->object;			\
											\
		if (server == NULL)							\
			return false;							\
		sample->number = number_of(server, eval);				\
		return true;								\
	}

GETTER(get_up, server_up)
GETTER(get_conn, server_conn)
GETTER(get_conn_free, server_conn_free)
GETTER(get_queue, server_queue)
GETTER(get_rate, server_rate)
GETTER(get_configured_weight, server_configured_weight)
GETTER(get_user_weight, server_user_weight)
GETTER(get_weight, server_weight)

/* clang-format off */
#define ROW(name, type, help, get) { name, type, 0, { ARG_SERVER }, false, false, false, help, NULL, get }

static const struct fetch rows[] = {
	ROW("srv_conn",		SAMPLE_INT,	"sessions that the server has now",			get_conn),
	ROW("srv_conn_free",	SAMPLE_INT,	"places that it has left; -1 without maxconn",		get_conn_free),
	ROW("srv_is_up",	SAMPLE_BOOL,	"neither down nor in maintenance",			get_up),
	ROW("srv_iweight",	SAMPLE_INT,	"its weight as it was configured",			get_configured_weight),
	ROW("srv_queue",	SAMPLE_INT,	"sessions that wait for just that server",		get_queue),
	ROW("srv_sess_rate",	SAMPLE_INT,	"new sessions in the last second",			get_rate),
	ROW("srv_uweight",	SAMPLE_INT,	"its weight as its percentage and its agent have it",	get_user_weight),
	ROW("srv_weight",	SAMPLE_INT,	"its weight now: less in a slow start, 0 while it drains", get_weight),
};
/* clang-format on */

static struct fetch_table fetch_server = { rows, sizeof(rows) / sizeof(rows[0]), NULL };

void
server_fetches_register(void)
{
	fetch_register(&fetch_backend);
	fetch_register(&fetch_server);
	conv_register(&conv_backend);
}
