/*
 * Status of servers, backends, frontends and the admin server. Control thread.
 */
#include "config.h"
#include "adminapi/rest/status.h"

#include "adminapi/apply/limits.h"
#include "adminapi/apply/listeners.h"
#include "adminapi/apply/maps.h"
#include "adminapi/apply/prepare.h"
#include "adminapi/rest/numbers.h"
#include "expr/userlist.h"
#include "server/backend.h"
#include "server/pool.h"
#include "server/server.h"
#include "stream/engine.h"
#include "stream/frontend.h"

static const char *const admin_words[] = { "ready", "drain", "maint" };

static void
write_bytes(struct jsonw *w, uint64_t in, uint64_t out)
{
	NUMBERS(w, "bytes", { "in", in }, { "out", out });
}

/* One that is being taken away has no conf. */
static enum traffic_mode
backend_mode(const struct backend *backend)
{
	return backend->conf == NULL ? MODE_TCP : backend->conf->mode;
}

static void
write_cause(struct jsonw *w, const struct server *server, const struct doc_version *version)
{
	jsonw_object(w, "cause");
	jsonw_string(w, "code", server_cause_code(server->cause));
	jsonw_string(w, "detail", server_cause_words(server->cause));
	jsonw_string(w, "actor", version->actor);
	jsonw_end_object(w);
}

static void
write_admin(struct jsonw *w, const struct server *server, const struct doc_version *version)
{
	jsonw_object(w, "admin");
	jsonw_string(w, "effective", admin_words[server->conf->admin]);
	jsonw_string(w, "by", version->admin_by == DOC_BY_REST ? "rest" : "config");
	jsonw_end_object(w);
}

static void
write_address(struct jsonw *w, const struct server *server)
{
	char text[ADDR_TEXT_BYTES];

	jsonw_object(w, "address");
	jsonw_string(w, "state", server->conf->own_admin ? "no_address" : "known");
	jsonw_string(w, "value", addr_format(&server->conf->address, text));
	jsonw_string(w, "source", "config");
	jsonw_end_object(w);
}

static void
server_numbers(struct jsonw *w, const struct server *server)
{
	struct server_totals t;

	server_totals(server, &t);
	NUMBERS(w, "sessions", { "current", t.current }, { "max", t.max },
		{ "total", t.sessions });
	jsonw_uint(w, "idle_connections", server_idle_connections(server));
	write_bytes(w, t.bytes_in, t.bytes_out);
	if (backend_mode(server->backend) == MODE_HTTP)
		responses_write(w, t.responses);
	NUMBERS(w, "errors", { "connect", t.connect_errors }, { "response", t.response_errors },
		{ "retries", t.retries }, { "redispatches", t.redispatches });
}

static void
server_status(struct jsonw *w, const struct doc *doc, const struct doc_node *node)
{
	const struct server *server = node->live_object;
	char words[256];

	if (server == NULL || server->conf == NULL)
		return;
	jsonw_object(w, "status");
	jsonw_string(w, "state", server_state_text(server->state));
	jsonw_time(w, "since", server->since_us);
	write_cause(w, server, node->live);
	jsonw_bool(w, "eligible", server->eligible);
	jsonw_string(w, "eligible_because", server_eligible_because(server, words, sizeof(words)));
	write_admin(w, server, node->live);
	write_address(w, server);
	jsonw_uint(w, "effective_weight", server_effective_weight(server));
	server_numbers(w, server);
	jsonw_end_object(w);
}

static void
write_levels(struct jsonw *w, const struct backend *backend)
{
	uint32_t usable = 0;

	jsonw_object(w, "servers");
	for (uint32_t i = 0; i < SERVER_PRIORITIES; i++)
		usable += backend->levels[i].usable;
	jsonw_uint(w, "usable", usable);
	jsonw_uint(w, "usable_active", backend->levels[0].usable);
	jsonw_end_object(w);
}

static void
backend_status(struct jsonw *w, const struct doc *doc, const struct doc_node *node)
{
	const struct backend *backend = node->live_object;
	struct backend_totals t;

	if (backend == NULL)
		return;
	backend_totals(backend, &t);
	jsonw_object(w, "status");
	write_levels(w, backend);
	NUMBERS(w, "sessions", { "current", t.current }, { "max", t.max },
		{ "total", t.sessions }, { "queue", t.queued });
	write_bytes(w, t.bytes_in, t.bytes_out);
	if (backend_mode(backend) == MODE_HTTP)
		responses_write(w, t.responses);
	NUMBERS(w, "errors", { "connect", t.connect_errors }, { "retries", t.retries },
		{ "redispatches", t.redispatches }, { "queue_timeouts", t.queue_timeouts });
	jsonw_end_object(w);
}

static void
write_binds(struct jsonw *w, const struct frontend_conf *conf)
{
	char text[ADDR_TEXT_BYTES];

	jsonw_array(w, "binds");
	for (uint32_t i = 0; conf != NULL && i < conf->bind_count; i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "address", addr_format(bind_address(conf->binds[i]), text));
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

/*
 * What its maxconn limits are connections. One of TCP is a session; in HTTP mode sessions are exchanges, and
 * who waits for a connection's next request has none.
 */
static void
frontend_numbers(struct jsonw *w, const struct frontend_totals *t, enum traffic_mode mode)
{
	NUMBERS(w, "connections", { "current", t->current }, { "max", t->max });
	if (mode == MODE_HTTP)
		NUMBERS(w, "sessions", { "total", t->sessions });
	else
		NUMBERS(w, "sessions", { "current", t->current }, { "max", t->max },
			{ "total", t->sessions });
	jsonw_uint(w, "denied", t->denied);
	write_bytes(w, t->bytes_in, t->bytes_out);
	if (mode == MODE_HTTP)
		responses_write(w, t->responses);
}

static void
frontend_status(struct jsonw *w, const struct doc *doc, const struct doc_node *node)
{
	const struct frontend *frontend = published_frontend(node);
	const struct frontend_conf *conf;
	struct frontend_totals t;

	if (frontend == NULL)
		return;
	conf = frontend_published(frontend);
	frontend_totals(frontend, &t);
	jsonw_object(w, "status");
	write_binds(w, conf);
	frontend_numbers(w, &t, conf == NULL ? MODE_TCP : conf->mode);
	jsonw_end_object(w);
}

static void
map_status(struct jsonw *w, const struct doc *doc, const struct doc_node *node)
{
	const struct map_object *object = node->live_object;
	const struct map_base *base;

	if (object == NULL)
		return;
	base = &object->base;
	jsonw_object(w, "status");
	jsonw_uint(w, "entries", map_count(object->map));
	jsonw_uint(w, "edits", object->edits);
	jsonw_bool(w, "replaced", object->is_replaced);
	NUMBERS(w, "by_rules", { "done", map_asks_done(object->map) },
		{ "refused", map_asks_refused(object->map) },
		{ "dropped", map_asks_dropped(object->map) },
		{ "bytes", map_rule_bytes(object->map) });
	jsonw_object(w, "base");
	jsonw_uint(w, "entries", base->entries);
	jsonw_time(w, "read", base->read_us);
	jsonw_string(w, "sha256", base->digest);
	if (base->has_file)
		jsonw_uint(w, "file_bytes", base->file.size);
	if (base->has_file)
		jsonw_time(w, "file_modified", (uint64_t)base->file.modified_ns / 1000);
	jsonw_end_object(w);
	jsonw_end_object(w);
}

static void
userlist_status(struct jsonw *w, const struct doc *doc, const struct doc_node *node)
{
	if (node->live_object == NULL)
		return;
	jsonw_object(w, "status");
	jsonw_uint(w, "users", userlist_count(node->live_object));
	jsonw_end_object(w);
}

/* What holds where nothing is set depends on the machine. */
static void
global_status(struct jsonw *w, const struct doc *doc, const struct doc_node *node)
{
	uint32_t maxconn = global_in_force()->maxconn;

	jsonw_object(w, "status");
	jsonw_uint(w, "threads", engine_threads());
	jsonw_uint(w, "maxconn", maxconn != 0 ? maxconn : limits_maxconn());
	jsonw_end_object(w);
}

static void
admin_status(struct jsonw *w, const struct doc *doc, const struct doc_node *node)
{
	jsonw_object(w, "status");
	listeners_write(w, "listen");
	jsonw_end_object(w);
}

void
status_write(struct jsonw *w, const struct doc *doc, const struct doc_node *node)
{
	static void (*const writers[DOC_KINDS])(struct jsonw *, const struct doc *,
		const struct doc_node *) = {
		[DOC_GLOBAL]	= global_status,
		[DOC_ADMIN]	= admin_status,
		[DOC_MAP]	= map_status,
		[DOC_USERLIST]	= userlist_status,
		[DOC_FRONTEND]	= frontend_status,
		[DOC_BACKEND]	= backend_status,
		[DOC_SERVER]	= server_status,
	};

	if (writers[node->kind] != NULL)
		writers[node->kind](w, doc, node);
}
