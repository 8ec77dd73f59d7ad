/*
 * Status of a server: its state and why, who has a say in it, what was found out of its health.
 * Control thread.
 */
#include "config.h"
#include "adminapi/rest/status_priv.h"

#include <stdio.h>
#include "adminapi/rest/numbers.h"
#include "server/backend.h"
#include "server/pool.h"
#include "server/server.h"

static const char *const admin_words[] = { "ready", "drain", "maint" };

const char *
server_cause_detail(const struct server *server)
{
	return server->detail[0] != '\0' ? server->detail : server_cause_words(server->cause);
}

void
server_cause_write(struct jsonw *w, const struct server *server)
{
	jsonw_object(w, "cause");
	jsonw_string(w, "code", server_cause_code(server->cause));
	jsonw_string(w, "detail", server_cause_detail(server));
	jsonw_string(w, "actor", actor_text(server->actor));
	jsonw_end_object(w);
}

/* Whose word it is that counts. */
static const char *
admin_by(const struct server *server, enum server_admin effective,
	const struct doc_version *version)
{
	if (effective == server->conf->admin)
		return version->admin_by == DOC_BY_REST ? "rest" : "config";
	if (server->conf->agent_check && server->health.agent_admin == effective)
		return "agent";
	return "track";
}

static void
write_admin(struct jsonw *w, const struct server *server, const struct doc_version *version)
{
	enum server_admin effective = server_admin_of(server);

	jsonw_object(w, "admin");
	jsonw_string(w, "effective", admin_words[effective]);
	jsonw_string(w, "by", admin_by(server, effective, version));
	jsonw_end_object(w);
}

/* At the end of a chain of tracked servers is one that is checked. */
static const struct server *
server_looked_at(const struct server *server)
{
	while (server->tracked != NULL && server->tracked->conf != NULL)
		server = server->tracked;
	return server;
}

/* Of the successes that it takes to be up, and of the failures that it takes to be down, those that there were. */
static void
write_health(struct jsonw *w, const struct server *server)
{
	const struct server *looked_at = server_looked_at(server);
	const struct health *h = &looked_at->health.check;
	bool is_up = health_is_up(h);

	jsonw_object(w, "health");
	if (!looked_at->conf->check) {
		jsonw_string(w, "result", "none");
	} else {
		jsonw_string(w, "result", is_up ? "up" : "down");
		jsonw_uint(w, "rise", is_up ? h->rise : h->value);
		jsonw_uint(w, "fall", is_up ? (uint64_t)(h->rise + h->fall - 1 - h->value)
					    : h->fall);
	}
	jsonw_end_object(w);
}

/* The last verdict; where there is none yet, that the first one is to come. */
static void
write_check(struct jsonw *w, const char *key, const struct check_last *last)
{
	const struct check_verdict *verdict = &last->verdict;
	bool is_known = last->at_us != 0;

	jsonw_object(w, key);
	jsonw_string(w, "result", check_result_code(is_known ? verdict->result
							     : CHECK_INITIALIZING));
	if (is_known && verdict->code != 0)
		jsonw_uint(w, "code", verdict->code);
	else
		jsonw_null(w, "code");
	jsonw_string(w, "detail", is_known && verdict->detail[0] != '\0' ? verdict->detail : NULL);
	jsonw_uint(w, "duration_ms", is_known ? verdict->duration_ms : 0);
	if (is_known)
		jsonw_time(w, "last", last->at_us);
	else
		jsonw_null(w, "last");
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
write_numbers(struct jsonw *w, const struct server *server)
{
	struct server_totals t;

	server_totals(server, &t);
	NUMBERS(w, "sessions", { "current", t.current }, { "max", t.max },
		{ "total", t.sessions }, { "queue", 0 });	/* they wait for the backend */
	jsonw_uint(w, "idle_connections", server_idle_connections(server));
	status_write_bytes(w, t.bytes_in, t.bytes_out);
	if (status_backend_mode(server->backend) == MODE_HTTP)
		responses_write(w, t.responses);
	NUMBERS(w, "errors", { "connect", t.connect_errors }, { "response", t.response_errors },
		{ "retries", t.retries }, { "redispatches", t.redispatches });
}

/* One that is full is sent nobody now; the balance, and with it events, keep it in: they wait for a place. */
static void
write_eligible(struct jsonw *w, const struct server *server)
{
	const uint32_t maxconn = server_effective_maxconn(server);
	const bool is_full = maxconn != 0 &&
		atomic_load_explicit(&server->current, memory_order_relaxed) >= maxconn;
	char words[256];

	jsonw_bool(w, "eligible", server->eligible && !is_full);
	if (server->eligible && is_full)
		snprintf(words, sizeof(words),
			 "full (maxconn %u): new sessions wait in the backend's "
			 "queue",
			 maxconn);
	else
		server_eligible_because(server, words, sizeof(words));
	jsonw_string(w, "eligible_because", words);
}

void
server_status(struct jsonw *w, const struct doc *doc, const struct doc_node *node)
{
	const struct server *server = node->live_object;

	if (server == NULL || server->conf == NULL)
		return;
	jsonw_object(w, "status");
	jsonw_string(w, "state", server_state_text(server->state));
	jsonw_time(w, "since", server->since_us);
	server_cause_write(w, server);
	write_eligible(w, server);
	write_admin(w, server, node->live);
	write_health(w, server);
	write_address(w, server);
	jsonw_uint(w, "effective_weight", server_effective_weight(server));
	jsonw_uint(w, "effective_maxconn", server_effective_maxconn(server));
	if (server->conf->check)
		write_check(w, "check", &server->health.last_check);
	if (server->conf->agent_check)
		write_check(w, "agent", &server->health.last_agent);
	write_numbers(w, server);
	jsonw_end_object(w);
}
