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

#define R(member) offsetof(struct rule, member)
#define NO_OPERANDS                                   \
	{                                             \
		{                                     \
			NULL, NULL, 0, OPTIONAL, NULL \
		}                                     \
	}

#define HEADER_VALUE                                                   \
	{                                                              \
		{ "name", take_text, R(name), OPTIONAL, NULL },        \
		{                                                      \
			"value", take_format, R(value), OPTIONAL, NULL \
		}                                                      \
	}
#define HEADER_REPLACE                                                     \
	{                                                                  \
		{ "name", take_text, R(name), OPTIONAL, NULL },            \
			{ "match", take_regex, R(regex), OPTIONAL, NULL }, \
		{                                                          \
			"value", take_format, R(value), OPTIONAL, NULL     \
		}                                                          \
	}
#define REPLACE                                                        \
	{                                                              \
		{ "match", take_regex, R(regex), OPTIONAL, NULL },     \
		{                                                      \
			"value", take_format, R(value), OPTIONAL, NULL \
		}                                                      \
	}
#define VALUE                                                          \
	{                                                              \
		{                                                      \
			"value", take_format, R(value), OPTIONAL, NULL \
		}                                                      \
	}
#define EXPR                                                       \
	{                                                          \
		{                                                  \
			"expr", take_expr, R(expr), OPTIONAL, NULL \
		}                                                  \
	}
#define MAP_KEY                                                    \
	{                                                          \
		{ "map", take_map, R(ref), OPTIONAL, NULL },       \
		{                                                  \
			"key", take_format, R(key), OPTIONAL, NULL \
		}                                                  \
	}
#define REPLY(status_field)                                                        \
	{                                                                          \
		{ status_field, take_status, R(status), OPTIONAL, NULL },          \
		{                                                                  \
			"content_type", take_text, R(content_type), OPTIONAL, NULL \
		}                                                                  \
	}

static const struct action_row rows[RULE_ACTION_COUNT] = {
	[RULE_ACCEPT] = { RULE_ACCEPT, NO_OPERANDS, NULL },
	[RULE_ADD_ACL] = { RULE_ADD_ACL, MAP_KEY, NULL },
	[RULE_ADD_HEADER] = { RULE_ADD_HEADER, HEADER_VALUE, NULL },
	[RULE_ALLOW] = { RULE_ALLOW, NO_OPERANDS, NULL },
	[RULE_AUTH] = { RULE_AUTH, { { "realm", take_text, R(text), OPTIONAL, NULL } }, NULL },
	[RULE_CAPTURE] = { RULE_CAPTURE,
			   { { "expr", take_expr, R(expr), OPTIONAL, NULL },
			     { "len", take_nothing, R(number), ONE_OF, NULL },
			     { "slot", take_number, R(number), ONE_OF, NULL } },
			   capture_finish },
	[RULE_CLOSE] = { RULE_CLOSE, NO_OPERANDS, NULL },
	[RULE_DEL_ACL] = { RULE_DEL_ACL, MAP_KEY, NULL },
	[RULE_DEL_HEADER] = { RULE_DEL_HEADER,
			      { { "name", take_text, R(name), OPTIONAL, NULL },
				{ "match", take_word_enum, R(name_match), OPTIONAL, match_words } },
			      del_header_finish },
	[RULE_DEL_MAP] = { RULE_DEL_MAP, MAP_KEY, NULL },
	[RULE_DENY] = { RULE_DENY, REPLY("deny_status"), deny_finish },
	[RULE_EARLY_HINT] = { RULE_EARLY_HINT, HEADER_VALUE, NULL },
	[RULE_INSPECT_DELAY] = { RULE_INSPECT_DELAY,
				 { { "delay", take_duration, R(number), OPTIONAL, NULL } },
				 NULL },
	[RULE_PAUSE] = { RULE_PAUSE,
			 { { "delay", take_duration, R(number), ONE_OF, NULL },
			   { "expr", take_expr, R(expr), ONE_OF, NULL } },
			 NULL },
	[RULE_REDIRECT] = { RULE_REDIRECT,
			    { { "location", take_format, R(value), ONE_OF, NULL },
			      { "prefix", take_format, R(value), ONE_OF, NULL },
			      { "scheme", take_format, R(value), ONE_OF, NULL },
			      { "code", take_status, R(status), OPTIONAL, NULL },
			      { "drop_query", take_bool, R(drop_query), OPTIONAL, NULL },
			      { "append_slash", take_bool, R(append_slash), OPTIONAL, NULL },
			      { "ignore_empty", take_bool, R(ignore_empty), OPTIONAL, NULL } },
			    redirect_finish },
	[RULE_REJECT] = { RULE_REJECT, NO_OPERANDS, NULL },
	[RULE_REPLACE_HEADER] = { RULE_REPLACE_HEADER, HEADER_REPLACE, NULL },
	[RULE_REPLACE_PATH] = { RULE_REPLACE_PATH, REPLACE, NULL },
	[RULE_REPLACE_PATHQ] = { RULE_REPLACE_PATHQ, REPLACE, NULL },
	[RULE_REPLACE_URI] = { RULE_REPLACE_URI, REPLACE, NULL },
	[RULE_REPLACE_VALUE] = { RULE_REPLACE_VALUE, HEADER_REPLACE, NULL },
	[RULE_RETURN] = { RULE_RETURN, REPLY("status"), reply_finish },
	[RULE_SET_DST] = { RULE_SET_DST, EXPR, NULL },
	[RULE_SET_DST_PORT] = { RULE_SET_DST_PORT, EXPR, NULL },
	[RULE_SET_HEADER] = { RULE_SET_HEADER, HEADER_VALUE, NULL },
	[RULE_SET_LOG_LEVEL] = { RULE_SET_LOG_LEVEL,
				 { { "level", take_word, R(number), OPTIONAL, level_words } },
				 NULL },
	[RULE_SET_MAP] = { RULE_SET_MAP,
			   { { "map", take_map, R(ref), OPTIONAL, NULL },
			     { "key", take_format, R(key), OPTIONAL, NULL },
			     { "value", take_format, R(value), OPTIONAL, NULL } },
			   NULL },
	[RULE_SET_METHOD] = { RULE_SET_METHOD, VALUE, NULL },
	[RULE_SET_PATH] = { RULE_SET_PATH, VALUE, NULL },
	[RULE_SET_PATHQ] = { RULE_SET_PATHQ, VALUE, NULL },
	[RULE_SET_PRIORITY_CLASS] = { RULE_SET_PRIORITY_CLASS, EXPR, NULL },
	[RULE_SET_PRIORITY_OFFSET] = { RULE_SET_PRIORITY_OFFSET, EXPR, NULL },
	[RULE_SET_QUERY] = { RULE_SET_QUERY, VALUE, NULL },
	[RULE_SET_RETRIES] = { RULE_SET_RETRIES,
			       { { "value", take_number, R(number), ONE_OF, NULL },
				 { "expr", take_expr, R(expr), ONE_OF, NULL } },
			       NULL },
	[RULE_SET_SRC] = { RULE_SET_SRC, EXPR, NULL },
	[RULE_SET_SRC_PORT] = { RULE_SET_SRC_PORT, EXPR, NULL },
	[RULE_SET_STATUS] = { RULE_SET_STATUS,
			      { { "status", take_status, R(status), OPTIONAL, NULL },
				{ "reason", take_text, R(text), OPTIONAL, NULL } },
			      NULL },
	[RULE_SET_TIMEOUT] = { RULE_SET_TIMEOUT,
			       { { "timeout", take_word_enum, R(timeout), OPTIONAL, timeout_words },
				 { "value", take_duration, R(number), ONE_OF, NULL },
				 { "expr", take_expr, R(expr), ONE_OF, NULL } },
			       NULL },
	[RULE_SET_URI] = { RULE_SET_URI, VALUE, NULL },
	[RULE_SET_VAR] = { RULE_SET_VAR,
			   { { "name", take_var, R(var), OPTIONAL, NULL },
			     { "expr", take_expr, R(expr), ONE_OF, NULL },
			     { "value", take_format, R(value), ONE_OF, NULL } },
			   NULL },
	[RULE_SILENT_DROP] = { RULE_SILENT_DROP, NO_OPERANDS, NULL },
	[RULE_STRICT_MODE] = { RULE_STRICT_MODE,
			       { { "on", take_bool, R(is_strict), OPTIONAL, NULL } },
			       NULL },
	[RULE_TARPIT] = { RULE_TARPIT, REPLY("deny_status"), deny_finish },
	[RULE_UNSET_VAR] = { RULE_UNSET_VAR,
			     { { "name", take_var, R(var), OPTIONAL, NULL } },
			     NULL },
	[RULE_USE_BACKEND] = { RULE_USE_BACKEND,
			       { { "backend", take_nothing, R(ref), OPTIONAL, NULL } },
			       use_backend_finish },
	[RULE_USE_SERVER] = { RULE_USE_SERVER,
			      { { "server", take_nothing, R(ref), OPTIONAL, NULL } },
			      use_server_finish },
	[RULE_WAIT_FOR_BODY] = { RULE_WAIT_FOR_BODY,
				 { { "time", take_duration, R(number), OPTIONAL, NULL },
				   { "at_least", take_size, R(bytes), OPTIONAL, NULL } },
				 NULL },
};

const struct action_row *
action_row(enum rule_action action)
{
	const struct action_row *row;

	assert(action < COUNT(rows));
	row = &rows[action];
	assert(row->action == action);
	return row;
}
