/*
 * Status of backends, frontends, maps, userlists and the admin server. Control thread.
 */
#include "config.h"
#include "adminapi/rest/status_priv.h"

#include "adminapi/apply/limits.h"
#include "adminapi/apply/listeners.h"
#include "adminapi/apply/maps.h"
#include "adminapi/apply/prepare.h"
#include "adminapi/rest/numbers.h"
#include "expr/userlist.h"
#include "server/backend.h"
#include "stream/engine.h"
#include "stream/frontend.h"

void
status_write_bytes(struct jsonw *w, uint64_t in, uint64_t out)
{
	NUMBERS(w, "bytes", { "in", in }, { "out", out });
}

enum traffic_mode
status_backend_mode(const struct backend *backend)
{
	return backend->conf == NULL ? MODE_TCP : backend->conf->mode;
}

uint32_t
backend_usable(const struct backend *backend)
{
	uint32_t usable = 0;

	for (uint32_t i = 0; i < SERVER_PRIORITIES; i++)
		usable += backend->levels[i].usable;
	return usable;
}

static void
write_levels(struct jsonw *w, const struct backend *backend)
{
	uint32_t usable = backend_usable(backend);

	jsonw_string(w, "state", usable > 0 ? "up" : "down");
	jsonw_object(w, "servers");
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
	status_write_bytes(w, t.bytes_in, t.bytes_out);
	if (status_backend_mode(backend) == MODE_HTTP)
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
	status_write_bytes(w, t->bytes_in, t->bytes_out);
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
