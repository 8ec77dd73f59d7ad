/*
 * Which action has which fields, and where they go: a row an action. Pure; any thread.
 *
 * The schema says which fields an action may and must have; here is what they mean.
 */
#include "config.h"
#include "adminapi/apply/settings_rules_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "stream/capture.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* -- words -- */

/* of set-log-level; the last one is RULE_LEVEL_SILENT */
static const char *const level_words[] = { "emerg",  "alert", "crit",  "err",    "warning",
					   "notice", "info",  "debug", "silent", NULL };

/* of enum rule_timeout */
static const char *const timeout_words[] = { "client", "server", "tunnel", NULL };

/* of enum name_match */
static const char *const match_words[] = { "str", "beg", "end", "sub", "reg", NULL };

/* -- what a table can't say -- */

/* Names have no case. */
static void
del_header_finish(struct rule_site *site)
{
	struct rule *rule = site->rule;
	struct diag why;
	enum err e;

	if (rule->name_match != NAME_REG || rule->name == NULL)
		return;
	e = regex_compile(&rule->regex, slice_of(rule->name), true, &why);
	if (e == ERR_NOMEM)
		site->nomem = true;
	else if (e != ERR_OK)
		site_issue(site, "name", why.text);
}

/* A name, or a format that makes one when it runs. */
static void
use_backend_finish(struct rule_site *site)
{
	const cJSON *name = doc_field(site->item, "backend");
	static const struct operand operand = { "backend", take_format,
						offsetof(struct rule, value), OPTIONAL, NULL };

	if (!cJSON_IsString(name))
		return;
	if (strchr(name->valuestring, '%') != NULL) {
		take_format(site, &operand, name);
		return;
	}
	site->rule->ref = refs_add(site->refs, REF_BACKEND, slice_of(name->valuestring),
				   (struct slice){ NULL, 0 });
	site->nomem |= site->rule->ref == NULL;
	if (site->rule->ref != NULL && site->rule->ref->next == NULL)
		site->noted = site->rule->ref; /* the plan knows of it: a field of its own */
}

/* As above; the field is a place of its own, for the plan to tell who names the server. */
static void
use_server_finish(struct rule_site *site)
{
	const cJSON *name = doc_field(site->item, "server");
	static const struct operand operand = { "server", take_format, offsetof(struct rule, value),
						OPTIONAL, NULL };
	size_t mark;

	if (!cJSON_IsString(name) || site->env.backend == NULL)
		return;
	if (strchr(name->valuestring, '%') != NULL) {
		take_format(site, &operand, name);
		return;
	}
	site->rule->ref = refs_add(site->refs, REF_SERVER, slice_of(name->valuestring),
				   slice_of(site->env.backend));
	site->nomem |= site->rule->ref == NULL;
	mark = pointer_push(site->at, "server");
	site_note_uses(site, site->at);
	pointer_pop(site->at, mark);
}

/* `len` makes a slot, `slot` names one that is there. */
static void
capture_finish(struct rule_site *site)
{
	bool is_response = site->rule->phase == PHASE_HTTP_RESPONSE ||
			   site->rule->phase == PHASE_HTTP_AFTER_RESPONSE;
	const cJSON *len = doc_field(site->item, "len"), *slot = doc_field(site->item, "slot");
	uint32_t number = 0;
	enum err e;

	if (cJSON_IsNumber(slot) && site->captures != NULL &&
	    slot->valuedouble >= site->captures->sides[is_response].count)
		site_issue(site, "slot", "the frontend has no such slot");
	if (!cJSON_IsNumber(len) || len->valuedouble < 1 || len->valuedouble > UINT16_MAX)
		return;
	if (site->captures == NULL) {
		site_issue(site, "len",
			   "a backend has no slots of its own: use \"slot\", one of "
			   "the frontend's");
		return;
	}
	e = capture_conf_add(site->captures, is_response, (struct slice){ "", 0 },
			     (uint16_t)len->valuedouble, &number);
	if (e == ERR_LIMIT)
		site_issue(site, "len", "the frontend has as many captures as it may have");
	else if (e != ERR_OK)
		site->nomem = true;
	site->rule->number = number;
}

/* -- the table -- */

/* clang-format off */
#define R(member) offsetof(struct rule, member)
#define FIELD(field, take, member)	{ field, take, R(member), OPTIONAL, NULL }
#define EITHER(field, take, member)	{ field, take, R(member), ONE_OF, NULL }
#define WORD(field, take, member, words) { field, take, R(member), OPTIONAL, words }

#define NO_OPERANDS	{ { NULL, NULL, 0, OPTIONAL, NULL } }
#define EXPR		{ FIELD("expr", take_expr, expr) }
#define VALUE		{ FIELD("value", take_format, value) }
#define REPLACE		{ FIELD("match", take_regex, regex), FIELD("value", take_format, value) }
#define MAP_KEY		{ FIELD("map", take_map, ref), FIELD("key", take_format, key) }
#define HEADER_VALUE	{ FIELD("name", take_text, name), FIELD("value", take_format, value) }
#define HEADER_REPLACE	{ FIELD("name", take_text, name), FIELD("match", take_regex, regex), \
			  FIELD("value", take_format, value) }
#define REPLY(status_field) { FIELD(status_field, take_status, status), \
			  FIELD("content_type", take_text, content_type) }

static const struct action_row rows[RULE_ACTION_COUNT] = {
	[RULE_ACCEPT]			= { NO_OPERANDS, NULL },
	[RULE_ADD_ACL]			= { MAP_KEY, NULL },
	[RULE_ADD_HEADER]		= { HEADER_VALUE, NULL },
	[RULE_ALLOW]			= { NO_OPERANDS, NULL },
	[RULE_AUTH]			= { { FIELD("realm", take_text, text) }, NULL },
	[RULE_CAPTURE]			= { {
		FIELD("expr", take_expr, expr),
		EITHER("len", take_nothing, number),
		EITHER("slot", take_number, number),
	}, capture_finish },
	[RULE_CLOSE]			= { NO_OPERANDS, NULL },
	[RULE_DEL_ACL]			= { MAP_KEY, NULL },
	[RULE_DEL_HEADER]		= { {
		FIELD("name", take_text, name),
		WORD("match", take_word_enum, name_match, match_words),
	}, del_header_finish },
	[RULE_DEL_MAP]			= { MAP_KEY, NULL },
	[RULE_DENY]			= { REPLY("deny_status"), deny_finish },
	[RULE_EARLY_HINT]		= { HEADER_VALUE, NULL },
	[RULE_INSPECT_DELAY]		= { { FIELD("delay", take_duration, number) }, NULL },
	[RULE_PAUSE]			= { {
		EITHER("delay", take_duration, number),
		EITHER("expr", take_expr, expr),
	}, NULL },
	[RULE_REDIRECT]			= { {
		EITHER("location", take_format, value),
		EITHER("prefix", take_format, value),
		EITHER("scheme", take_format, value),
		FIELD("code", take_status, status),
		FIELD("drop_query", take_bool, drop_query),
		FIELD("append_slash", take_bool, append_slash),
		FIELD("ignore_empty", take_bool, ignore_empty),
	}, redirect_finish },
	[RULE_REJECT]			= { NO_OPERANDS, NULL },
	[RULE_REPLACE_HEADER]		= { HEADER_REPLACE, NULL },
	[RULE_REPLACE_PATH]		= { REPLACE, NULL },
	[RULE_REPLACE_PATHQ]		= { REPLACE, NULL },
	[RULE_REPLACE_URI]		= { REPLACE, NULL },
	[RULE_REPLACE_VALUE]		= { HEADER_REPLACE, NULL },
	[RULE_RETURN]			= { REPLY("status"), reply_finish },
	[RULE_SET_DST]			= { EXPR, NULL },
	[RULE_SET_DST_PORT]		= { EXPR, NULL },
	[RULE_SET_HEADER]		= { HEADER_VALUE, NULL },
	[RULE_SET_LOG_LEVEL]		= { {
		WORD("level", take_word, number, level_words),
	}, NULL },
	[RULE_SET_MAP]			= { {
		FIELD("map", take_map, ref),
		FIELD("key", take_format, key),
		FIELD("value", take_format, value),
	}, NULL },
	[RULE_SET_METHOD]		= { VALUE, NULL },
	[RULE_SET_PATH]			= { VALUE, NULL },
	[RULE_SET_PATHQ]		= { VALUE, NULL },
	[RULE_SET_PRIORITY_CLASS]	= { EXPR, NULL },
	[RULE_SET_PRIORITY_OFFSET]	= { EXPR, NULL },
	[RULE_SET_QUERY]		= { VALUE, NULL },
	[RULE_SET_RETRIES]		= { {
		EITHER("value", take_number, number),
		EITHER("expr", take_expr, expr),
	}, NULL },
	[RULE_SET_SRC]			= { EXPR, NULL },
	[RULE_SET_SRC_PORT]		= { EXPR, NULL },
	[RULE_SET_STATUS]		= { {
		FIELD("status", take_status, status),
		FIELD("reason", take_text, text),
	}, NULL },
	[RULE_SET_TIMEOUT]		= { {
		WORD("timeout", take_word_enum, timeout, timeout_words),
		EITHER("value", take_duration, number),
		EITHER("expr", take_expr, expr),
	}, NULL },
	[RULE_SET_URI]			= { VALUE, NULL },
	[RULE_SET_VAR]			= { {
		FIELD("name", take_var, var),
		EITHER("expr", take_expr, expr),
		EITHER("value", take_format, value),
	}, NULL },
	[RULE_SILENT_DROP]		= { NO_OPERANDS, NULL },
	[RULE_STRICT_MODE]		= { { FIELD("on", take_bool, is_strict) }, NULL },
	[RULE_TARPIT]			= { REPLY("deny_status"), deny_finish },
	[RULE_UNSET_VAR]		= { { FIELD("name", take_var, var) }, NULL },
	[RULE_USE_BACKEND]		= { {
		FIELD("backend", take_nothing, ref),
	}, use_backend_finish },
	[RULE_USE_SERVER]		= { {
		FIELD("server", take_nothing, ref),
	}, use_server_finish },
	[RULE_WAIT_FOR_BODY]		= { {
		FIELD("time", take_duration, number),
		FIELD("at_least", take_size, bytes),
	}, NULL },
};
/* clang-format on */

const struct action_row *
action_row(enum rule_action action)
{
	assert(action < COUNT(rows));
	return &rows[action];
}
