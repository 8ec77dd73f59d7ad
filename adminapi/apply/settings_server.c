/*
 * A server's settings, and what of its health a table cannot say. Pure; any thread.
 */
#include "config.h"
#include "adminapi/apply/settings.h"

#include <stdlib.h>
#include <string.h>
#include "adminapi/apply/settings_priv.h"
#include "server/check_conf.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* of enum server_admin */
static const char *const admin_words[] = { "ready", "drain", "maint", NULL };

/* of enum init_state */
static const char *const init_state_words[] = {
	"up", "fully-up", "down", "fully-down", "none", NULL
};

/* of enum observe */
static const char *const observe_words[] = { "none", "layer4", "layer7", NULL };

/* of enum on_error */
static const char *const on_error_words[] = {
	"fail-check", "fastinter", "sudden-death", "mark-down", NULL
};

/* A word that asks for something, or "none". */
static void
bind_asks(const struct field *f, const cJSON *v, void *to, struct pointer *at, struct issues *is)
{
	if (cJSON_IsString(v))
		*(bool *)to = strcmp(v->valuestring, "none") != 0;
}

#define SERVER(member) offsetof(struct server_conf, member)
static const struct field server_fields[] = {
	{ "address",	      NULL, bind_target, SERVER(address),	   NULL },
	{ "source",	      NULL, bind_source, SERVER(source),	   NULL },
	{ "maxconn",	      NULL, bind_u32,	 SERVER(maxconn),	   NULL },
	{ "weight",	      NULL, bind_u16,	 SERVER(weight),	   NULL },
	{ "weight_percent",   NULL, bind_u16,	 SERVER(weight_percent),   NULL },
	{ "priority",	      NULL, bind_u8,	 SERVER(priority),	   NULL },
	{ "admin_state",      NULL, bind_word,	 SERVER(admin),		   admin_words },
	{ "pool_max_conn",    NULL, bind_int,	 SERVER(pool_max_conn),	   NULL },
	{ "pool_purge_delay", NULL, bind_ms,	 SERVER(pool_purge_delay), NULL },
	{ "pool_low_conn",    NULL, bind_u32,	 SERVER(pool_low_conn),	   NULL },
	{ "max_reuse",	      NULL, bind_int,	 SERVER(max_reuse),	   NULL },
	{ "check",	      NULL, bind_bool,	 SERVER(check),		   NULL },
	{ "check_addr",	      NULL, bind_ip,	 SERVER(check_addr),	   NULL },
	{ "check_port",	      NULL, bind_u16,	 SERVER(check_port),	   NULL },
	{ "inter",	      NULL, bind_ms,	 SERVER(inter),		   NULL },
	{ "fastinter",	      NULL, bind_ms,	 SERVER(fastinter),	   NULL },
	{ "downinter",	      NULL, bind_ms,	 SERVER(downinter),	   NULL },
	{ "rise",	      NULL, bind_u16,	 SERVER(rise),		   NULL },
	{ "fall",	      NULL, bind_u16,	 SERVER(fall),		   NULL },
	{ "init_state",	      NULL, bind_word,	 SERVER(init_state),	   init_state_words },
	{ "agent_check",      NULL, bind_bool,	 SERVER(agent_check),	   NULL },
	{ "agent_addr",	      NULL, bind_ip,	 SERVER(agent_addr),	   NULL },
	{ "agent_port",	      NULL, bind_u16,	 SERVER(agent_port),	   NULL },
	{ "agent_inter",      NULL, bind_ms,	 SERVER(agent_inter),	   NULL },
	{ "observe",	      NULL, bind_word,	 SERVER(observe),	   observe_words },
	{ "error_limit",      NULL, bind_u32,	 SERVER(error_limit),	   NULL },
	{ "on_error",	      NULL, bind_word,	 SERVER(on_error),	   on_error_words },
	{ "on_marked_down",   NULL, bind_asks,	 SERVER(on_marked_down),   NULL },
	{ "on_marked_up",     NULL, bind_asks,	 SERVER(on_marked_up),	   NULL },
	{ "slowstart",	      NULL, bind_ms,	 SERVER(slowstart),	   NULL },
};

/* -- PROXY -- */

static unsigned
proxy_options(const cJSON *list)
{
	static const struct { const char *word; unsigned option; } options[] = {
		{ "crc32c", PROXY_SEND_CRC32C }, { "authority", PROXY_SEND_AUTHORITY },
	};
	const cJSON *item;
	unsigned mask = 0;

	cJSON_ArrayForEach(item, array_or_none(list))
		for (size_t i = 0; cJSON_IsString(item) && i < COUNT(options); i++)
			if (strcmp(item->valuestring, options[i].word) == 0)
				mask |= options[i].option;
	return mask;
}

static void
proxy_compile(struct proxy_send *proxy, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	bool v1 = cJSON_IsTrue(chain_value(chain, "send_proxy", NULL));
	bool v2 = cJSON_IsTrue(chain_value(chain, "send_proxy_v2", NULL));

	proxy->version = v2 ? 2 : v1;
	proxy->options = proxy_options(chain_value(chain, "proxy_v2_options", NULL));
	if (v1 && v2)
		issue_below(issues, at, "send_proxy_v2", "is on, and so is send_proxy: a "
			"connection can begin with one of them");
	else if (!v2 && proxy->options != 0 && chain_is_own(chain, "proxy_v2_options"))
		issue_below(issues, at, "proxy_v2_options", "needs send_proxy_v2");
}

/* -- health: what a server says itself must make sense; what it inherits gives way -- */

/* "backend/server", or "server": who is tracked is noted for the plan, which looks for it. */
static void
track_note(const struct chain *chain, struct pointer *at)
{
	const cJSON *track = chain_value(chain, "track", NULL);
	char backend[DOC_NAME_MAX + 1];
	const char *slash;
	size_t mark;

	if (!cJSON_IsString(track))
		return;
	slash = strchr(track->valuestring, '/');
	if (slash != NULL && (size_t)(slash - track->valuestring) > DOC_NAME_MAX)
		return;			/* the schema has told */
	if (slash != NULL) {
		memcpy(backend, track->valuestring, (size_t)(slash - track->valuestring));
		backend[slash - track->valuestring] = '\0';
	}
	mark = pointer_push(at, "track");
	chain_note_use(chain, DOC_SERVER, slash == NULL ? track->valuestring : slash + 1,
		slash == NULL ? chain->node->parent->name : backend, at);
	pointer_pop(at, mark);
}

/* Whom it tracks is checked in its place. */
static void
track_rule(struct server_conf *conf, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	if (chain_value(chain, "track", NULL) == NULL)
		return;
	if (conf->check && chain_is_own(chain, "check"))
		issue_below(issues, at, "track", "has the health of another server, and check is "
			"true: it can't be both tracked and checked");
	if (chain_is_own(chain, "init_state"))
		issue_below(issues, at, "init_state", "means nothing beside track");
	conf->check = false;
	conf->init_state = INIT_STATE_UP;
}

static void
observe_rule(struct server_conf *conf, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	bool is_own = chain_is_own(chain, "observe");

	if (conf->observe == OBSERVE_LAYER7 && chain->mode != NULL &&
	    strcmp(chain->mode, "http") != 0 && (is_own || conf->check))
		issue_below(issues, at, "observe", "layer7 needs a backend of mode http");
	if (conf->check)
		return;
	if (conf->observe != OBSERVE_NONE && is_own)
		issue_below(issues, at, "observe", "needs check: errors count against what checks "
			"find");
	conf->observe = OBSERVE_NONE;
}

/* A check of a Unix socket goes nowhere else. */
static void
unix_rule(struct server_conf *conf, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	static const char *const fields[] = { "check_addr", "check_port" };

	if (!addr_is_unix(&conf->address))
		return;
	for (size_t i = 0; i < COUNT(fields); i++)
		if (chain_is_own(chain, fields[i]))
			issue_below(issues, at, fields[i], "the server's address is a Unix socket: "
				"it is checked there");
	conf->check_addr = (struct addr){ 0 };
	conf->check_port = 0;
}

static void
agent_rule(const struct server_conf *conf, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	if (!conf->agent_check)
		return;
	if (conf->agent_port == 0)
		issue_below(issues, at, "agent_port", "is required where agent_check is on");
	if (conf->agent_addr.len == 0 && addr_is_unix(&conf->address))
		issue_below(issues, at, "agent_addr", "is required where agent_check is on and the "
			"server's address is a Unix socket");
}

/*
 * Unset, checks begin as other connections do, but where they go elsewhere (HAProxy manual,
 * "check-send-proxy").
 */
static bool
check_proxy(const struct server_conf *conf, const struct chain *chain)
{
	const cJSON *value = chain_value(chain, "check_send_proxy", NULL);

	if (cJSON_IsBool(value))
		return cJSON_IsTrue(value);
	return conf->send_proxy.version != 0 && conf->check_port == 0 && conf->check_addr.len == 0;
}

static bool
agent_compile(struct server_conf *conf, const struct chain *chain)
{
	const cJSON *send = chain_value(chain, "agent_send", NULL);

	if (!conf->agent_check)
		return true;
	return check_conf_new_agent(&conf->agent_steps, cJSON_IsString(send) ?
		slice_of(send->valuestring) : (struct slice){ 0 }) == ERR_OK;
}

void *
server_compile(const struct chain *chain, struct pointer *at, struct issues *issues)
{
	struct server_conf *conf = server_conf_new();

	if (conf == NULL)
		return NULL;
	conf->rise = conf->fall = 1;	/* where the schema refused them */
	fields_bind(server_fields, COUNT(server_fields), chain, conf, at, issues);
	proxy_compile(&conf->send_proxy, chain, at, issues);
	track_note(chain, at);
	track_rule(conf, chain, at, issues);
	observe_rule(conf, chain, at, issues);
	unix_rule(conf, chain, at, issues);
	agent_rule(conf, chain, at, issues);
	conf->check_send_proxy = check_proxy(conf, chain);
	if (!agent_compile(conf, chain)) {
		server_conf_free(conf);
		return NULL;
	}
	return conf;
}

void
server_conf_drop(void *conf)
{
	server_conf_free(conf);
}
