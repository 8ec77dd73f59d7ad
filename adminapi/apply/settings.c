/*
 * Resources into settings: one table a kind, and what a table cannot say. Pure; any thread.
 */
#include "config.h"
#include "adminapi/apply/settings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/apply/maps.h"
#include "adminapi/apply/settings_lists.h"
#include "adminapi/apply/settings_priv.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* of enum traffic_mode */
static const char *const mode_words[] = { "tcp", "http", NULL };

/* -- backends -- */

#define BACKEND(member) offsetof(struct backend_conf, member)
static const struct field backend_fields[] = {
	{ "mode",		NULL,	bind_word,    BACKEND(mode),		  mode_words },
	{ "timeout",	"connect",	bind_timeout, BACKEND(timeout_connect),		NULL },
	{ "timeout",	"server",	bind_timeout, BACKEND(timeout_server),		NULL },
	{ "timeout",	"tunnel",	bind_timeout, BACKEND(timeout_tunnel),		NULL },
	{ "timeout",	"server_fin",	bind_timeout, BACKEND(timeout_server_fin),	NULL },
	{ "timeout",	"queue",	bind_timeout, BACKEND(timeout_queue),		NULL },
	{ "timeout",	"check",	bind_timeout, BACKEND(timeout_check),		NULL },
	{ "log_health_checks",	NULL,	bind_bool,    BACKEND(log_health_checks),	NULL },
	{ "retries",		NULL,	bind_u32,     BACKEND(retries),			NULL },
	{ "maxqueue",		NULL,	bind_u32,     BACKEND(maxqueue),		NULL },
	{ "min_usable",		NULL,	bind_u32,     BACKEND(min_usable),		NULL },
	{ "allbackups",		NULL,	bind_bool,    BACKEND(allbackups),		NULL },
	{ "balance",		NULL,	bind_text,    BACKEND(balance),			NULL },
	{ "srvtcpka",		NULL,	bind_bool,    BACKEND(srvtcpka.on),		NULL },
	{ "srvtcpka_idle",	NULL,	bind_seconds, BACKEND(srvtcpka.idle_s),		NULL },
	{ "srvtcpka_intvl",	NULL,	bind_seconds, BACKEND(srvtcpka.interval_s),	NULL },
	{ "srvtcpka_cnt",	NULL,	bind_int,     BACKEND(srvtcpka.count),		NULL },
};

/* true is HAProxy's default interval: only the last retry goes elsewhere (manual, "option redispatch"). */
static int32_t
redispatch_interval(const cJSON *value)
{
	if (cJSON_IsBool(value))
		return cJSON_IsTrue(value) ? -1 : 0;
	if (!cJSON_IsNumber(value) || fabs(value->valuedouble) > INT32_MAX)
		return 0;			/* the schema has told */
	return (int32_t)value->valuedouble;
}

static void *
backend_compile(const struct chain *chain, struct pointer *at, struct issues *issues)
{
	struct backend_conf *conf;

	if (backend_conf_new(&conf) != ERR_OK)
		return NULL;
	conf->timeout_connect = conf->timeout_server = TIMEOUT_NONE;
	conf->timeout_tunnel = conf->timeout_server_fin = conf->timeout_queue = TIMEOUT_NONE;
	conf->timeout_check = TIMEOUT_NONE;
	fields_bind(backend_fields, COUNT(backend_fields), chain, conf, at, issues);
	conf->tunnel_set = chain_is_set(chain, "timeout", "tunnel");
	conf->redispatch = redispatch_interval(chain_value(chain, "redispatch", NULL));
	if (!backend_http_compile(&conf->http, chain, at, issues) ||
	    !backend_check_compile(conf, chain, at, issues) ||
	    !backend_rules_compile(conf, chain, at, issues))
		backend_conf_discard(&conf);
	return conf;
}

static void
backend_conf_drop(void *conf)
{
	struct backend_conf *c = conf;

	backend_conf_discard(&c);
}

/* -- frontends -- */

#define FRONTEND(member) offsetof(struct frontend_conf, member)
static const struct field frontend_fields[] = {
	{ "mode",		NULL,	bind_word,    FRONTEND(mode),		  mode_words },
	{ "timeout",	"client",	bind_timeout, FRONTEND(timeout_client),		NULL },
	{ "timeout",	"client_fin",	bind_timeout, FRONTEND(timeout_client_fin),	NULL },
	{ "timeout",	"tarpit",	bind_timeout, FRONTEND(timeout_tarpit),		NULL },
	{ "maxconn",		NULL,	bind_u32,     FRONTEND(maxconn),		NULL },
	{ "clitcpka",		NULL,	bind_bool,    FRONTEND(clitcpka.on),		NULL },
	{ "clitcpka_idle",	NULL,	bind_seconds, FRONTEND(clitcpka.idle_s),	NULL },
	{ "clitcpka_intvl",	NULL,	bind_seconds, FRONTEND(clitcpka.interval_s),	NULL },
	{ "clitcpka_cnt",	NULL,	bind_int,     FRONTEND(clitcpka.count),		NULL },
};

static void
frontend_settings_drop(void *settings)
{
	struct frontend_settings *s = settings;

	frontend_conf_discard(&s->conf);
	free(s->default_backend);
	free(s);
}

/* Networks are the conf's; the settings' bind, which opens the socket, only looks at them. */
static bool
bind_proxy(struct bind_conf *bind, const cJSON *item, struct pointer *at, struct issues *issues)
{
	const cJSON *value = cJSON_IsObject(item) ? doc_field(item, "accept_proxy") : NULL;
	size_t mark = pointer_push(at, "accept_proxy");
	bool ok = networks_compile(&bind->proxy_from, &bind->proxy_from_count,
		array_or_none(value), at, issues);

	bind->accept_proxy = cJSON_IsTrue(value) || cJSON_IsArray(value);
	pointer_pop(at, mark);
	return ok;
}

static bool
frontend_binds(struct frontend_settings *s, const struct chain *chain, const cJSON *list,
	struct pointer *at, struct issues *issues)
{
	static const struct field backlog_field = { "backlog", NULL, bind_u32, 0, NULL };
	uint32_t backlog = 0;
	size_t mark, index = 0;
	const cJSON *item;
	bool ok = true;

	fields_bind(&backlog_field, 1, chain, &backlog, at, issues);
	mark = pointer_push(at, "bind");
	cJSON_ArrayForEach(item, list) {
		struct bind_conf *bind = &s->binds[s->bind_count];
		size_t inner = pointer_push_index(at, index++);

		if (listen_parse(item, &bind->address, &bind->mode, at, issues)) {
			bind->backlog = backlog;
			ok = bind_proxy(bind, item, at, issues) && ok;
			s->conf->bind_confs[s->bind_count++] = *bind;
		}
		pointer_pop(at, inner);
	}
	pointer_pop(at, mark);
	return ok;
}

static void *
frontend_compile(const struct chain *chain, struct pointer *at, struct issues *issues)
{
	const cJSON *binds = array_or_none(chain_value(chain, "bind", NULL));
	const cJSON *backend = chain_value(chain, "default_backend", NULL);
	uint32_t count = (uint32_t)cJSON_GetArraySize(binds);
	struct frontend_settings *s = calloc(1, sizeof(*s) + count * sizeof(s->binds[0]));

	if (s == NULL)
		return NULL;
	if (cJSON_IsString(backend))
		s->default_backend = strdup(backend->valuestring);
	if (frontend_conf_new(&s->conf, count) != ERR_OK ||
	    (cJSON_IsString(backend) && s->default_backend == NULL)) {
		frontend_settings_drop(s);
		return NULL;
	}
	s->conf->timeout_client = s->conf->timeout_client_fin = TIMEOUT_NONE;
	fields_bind(frontend_fields, COUNT(frontend_fields), chain, s->conf, at, issues);
	if (!access_compile(s->conf, chain, at, issues) ||
	    !frontend_binds(s, chain, binds, at, issues) ||
	    !frontend_http_compile(&s->conf->http, chain, at, issues) ||
	    !frontend_rules_compile(s->conf, chain, at, issues)) {
		frontend_settings_drop(s);
		return NULL;
	}
	return s;
}

/* -- global -- */

#define GLOBAL(member) offsetof(struct global_settings, member)
static const struct field global_fields[] = {
	{ "maxconn",		NULL, bind_u32,	    GLOBAL(maxconn),		NULL },
	{ "pipe_memory",	NULL, bind_size,    GLOBAL(pipe_memory),	NULL },
	{ "hard_stop_after",	NULL, bind_timeout, GLOBAL(hard_stop_after_ms),	NULL },
	{ "shutdown_delay",	NULL, bind_timeout, GLOBAL(shutdown_delay_ms),	NULL },
	{ "max_checks",		NULL, bind_u32,	    GLOBAL(max_checks),		NULL },
	{ "spread_checks",	NULL, bind_u32,	    GLOBAL(spread_checks),	NULL },
};

static void *
global_compile(const struct chain *chain, struct pointer *at, struct issues *issues)
{
	struct global_settings *s = calloc(1, sizeof(*s));
	struct log_list *unused = NULL;

	if (s == NULL)
		return NULL;
	fields_bind(global_fields, COUNT(global_fields), chain, s, at, issues);
	if (!log_compile(&unused, chain_value(chain, "log", NULL), NULL, chain->doc->log_dir, at,
			 issues)) {
		free(s);
		return NULL;
	}
	log_list_free(&unused);		/* the frontends have it; here it is only checked */
	if (s->shutdown_delay_ms == TIMEOUT_NONE)
		s->shutdown_delay_ms = 0;	/* "0s": no delay */
	return s;
}

/* -- admin -- */

static void
admin_settings_drop(void *settings)
{
	struct admin_settings *s = settings;

	for (uint32_t i = 0; i < s->host_count; i++)
		free(s->hosts[i]);
	free(s->hosts);
	free(s);
}

static bool
admin_hosts(struct admin_settings *s, const cJSON *list)
{
	const cJSON *item;

	if (!cJSON_IsArray(list))
		return true;
	s->hosts = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(char *));
	if (s->hosts == NULL)
		return false;
	cJSON_ArrayForEach(item, list) {
		if (!cJSON_IsString(item))
			continue;
		s->hosts[s->host_count] = strdup(item->valuestring);
		if (s->hosts[s->host_count] == NULL)
			return false;
		s->host_count++;
	}
	return true;
}

static void
admin_listen(struct admin_settings *s, const cJSON *list, struct pointer *at,
	struct issues *issues)
{
	size_t mark = pointer_push(at, "listen"), index = 0;
	const cJSON *item;

	cJSON_ArrayForEach(item, list) {
		size_t inner = pointer_push_index(at, index++);

		if (listen_parse(item, &s->listen[s->listen_count].addr,
		    &s->listen[s->listen_count].mode, at, issues)) {
			if (addr_is_loopback(&s->listen[s->listen_count].addr))
				s->listen_count++;
			else
				issues_add(issues, pointer_text(at), "must be a loopback address "
					"or a Unix socket: the admin server knows no credentials yet");
		}
		pointer_pop(at, inner);
	}
	pointer_pop(at, mark);
}

static void *
admin_compile(const struct chain *chain, struct pointer *at, struct issues *issues)
{
	const cJSON *listen = array_or_none(chain_value(chain, "listen", NULL));
	size_t count = (size_t)cJSON_GetArraySize(listen);
	struct admin_settings *s = calloc(1, sizeof(*s) + count * sizeof(s->listen[0]));

	if (s == NULL)
		return NULL;
	if (!admin_hosts(s, chain_value(chain, "hosts", NULL))) {
		admin_settings_drop(s);
		return NULL;
	}
	admin_listen(s, listen, at, issues);
	return s;
}

const struct plan_compiler settings_compilers[DOC_KINDS] = {
	[DOC_GLOBAL]	= { global_compile,	free,	NULL },
	[DOC_ADMIN]	= { admin_compile,	admin_settings_drop,	NULL },
	[DOC_MAP]	= { map_compile,	map_drop,	map_is_remade },
	[DOC_USERLIST]	= { userlist_compile,	userlist_drop,	NULL },
	[DOC_ERROR_PAGES] = { pages_compile,	pages_drop,	NULL },
	[DOC_FRONTEND]	= { frontend_compile,	frontend_settings_drop,	NULL },
	[DOC_BACKEND]	= { backend_compile,	backend_conf_drop,	NULL },
	[DOC_SERVER]	= { server_compile,	server_conf_drop,	NULL },
};
