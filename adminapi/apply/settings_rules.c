/*
 * Rules of a frontend or backend: a row an action. Pure; any thread.
 *
 * The schema says which fields an action has; here is what these must be to each other.
 */
#include "config.h"
#include "adminapi/apply/settings_priv.h"

#include <stdlib.h>
#include <string.h>
#include "rules/rules.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* False: no memory. */
typedef bool rule_compile_fn(struct rule *rule, const cJSON *item, struct pointer *at,
	struct issues *issues);

static uint16_t
status_of(const cJSON *item, const char *field, uint16_t otherwise)
{
	const cJSON *value = doc_field(item, field);

	if (!cJSON_IsNumber(value) || value->valuedouble < 100 || value->valuedouble > 599)
		return otherwise;
	return (uint16_t)value->valuedouble;
}

/* A copy of a string; NULL: it is not there. False: no memory. */
static bool
text_take(char **to, const cJSON *item, const char *field)
{
	const cJSON *value = doc_field(item, field);

	if (!cJSON_IsString(value))
		return true;
	*to = strdup(value->valuestring);
	return *to != NULL;
}

static bool
return_compile(struct rule *rule, const cJSON *item, struct pointer *at, struct issues *issues)
{
	rule->status = status_of(item, "status", 200);
	return answer_compile(&rule->answer, rule->status, item, "string", at, issues);
}

static bool
deny_compile(struct rule *rule, const cJSON *item, struct pointer *at, struct issues *issues)
{
	rule->status = status_of(item, "deny_status", 403);
	return true;
}

static bool
use_backend_compile(struct rule *rule, const cJSON *item, struct pointer *at,
	struct issues *issues)
{
	return text_take(&rule->backend_name, item, "backend");
}

/* -- redirect -- */

/* Where to: one of these; in the order of enum redirect_kind. */
static const char *const target_fields[] = { "location", "prefix", "scheme" };

static bool
redirect_target(struct rule *rule, const cJSON *item, struct pointer *at, struct issues *issues)
{
	const char *const *fields = target_fields;
	const char *given = NULL;

	for (size_t i = 0; i < COUNT(target_fields); i++) {
		if (doc_field(item, fields[i]) == NULL)
			continue;
		if (given != NULL) {
			issue_below(issues, at, fields[i], "there is another target already: "
				"location, prefix or scheme");
			return true;
		}
		given = fields[i];
		rule->kind = (enum redirect_kind)i;
	}
	if (given != NULL)
		return text_take(&rule->to, item, given);
	issues_add(issues, pointer_text(at), "one of \"location\", \"prefix\" and \"scheme\" is "
		"required");
	return true;
}

static bool
redirect_cookies(struct rule *rule, const cJSON *item, struct pointer *at, struct issues *issues)
{
	const cJSON *set = doc_field(item, "set_cookie"), *clear = doc_field(item, "clear_cookie");
	const cJSON *cookie = set != NULL ? set : clear;

	if (set != NULL && clear != NULL)
		issue_below(issues, at, "clear_cookie", "not together with set_cookie");
	if (!cJSON_IsString(cookie))
		return true;
	rule->cookie = redirect_cookie(cookie->valuestring, set == NULL);
	return rule->cookie != NULL;
}

/* What the schema refuses is told at its place already: that one is kept. */
static void
redirect_judge(const struct rule *rule, struct pointer *at, struct issues *issues)
{
	struct diag why;

	if (rule->to != NULL && rule_check(rule, &why) != ERR_OK)
		issue_below(issues, at, target_fields[rule->kind], why.text);
}

static bool
redirect_compile(struct rule *rule, const cJSON *item, struct pointer *at, struct issues *issues)
{
	uint32_t before = issues->count + issues->dropped;

	rule->status = status_of(item, "code", 302);
	rule->drop_query = cJSON_IsTrue(doc_field(item, "drop_query"));
	rule->append_slash = cJSON_IsTrue(doc_field(item, "append_slash"));
	if (rule->append_slash && !rule->drop_query)
		issue_below(issues, at, "append_slash", "needs drop_query");
	if (rule->drop_query && doc_field(item, "location") != NULL)
		issue_below(issues, at, "drop_query", "a location has nothing of the request");
	if (!redirect_target(rule, item, at, issues) || !redirect_cookies(rule, item, at, issues))
		return false;
	if (issues->count + issues->dropped == before)
		redirect_judge(rule, at, issues);
	return true;
}

/* -- all actions -- */

static const struct action {
	const char		*word, *phase;
	enum rule_action	 action;
	bool			 in_frontends_only;
	rule_compile_fn		*compile;
} actions[] = {
	{ "return",	 "http-request", RULE_RETURN,	   false, return_compile },
	{ "redirect",	 "http-request", RULE_REDIRECT,	   false, redirect_compile },
	{ "deny",	 "http-request", RULE_DENY,	   false, deny_compile },
	{ "use_backend", "use_backend",	 RULE_USE_BACKEND, true,  use_backend_compile },
};

static const struct action *
action_find(const cJSON *item)
{
	const cJSON *word = doc_field(item, "action");

	for (size_t i = 0; cJSON_IsString(word) && i < COUNT(actions); i++)
		if (strcmp(word->valuestring, actions[i].word) == 0)
			return &actions[i];
	return NULL;			/* the schema has told */
}

static void
place_check(const struct action *action, const struct chain *chain, const cJSON *item,
	struct pointer *at, struct issues *issues)
{
	const cJSON *phase = doc_field(item, "phase");
	size_t mark;

	if (action->in_frontends_only && chain->node->kind != DOC_FRONTEND)
		issue_below(issues, at, "action", "belongs in the rules of a frontend");
	if (!cJSON_IsString(phase) || strcmp(phase->valuestring, action->phase) == 0)
		return;
	mark = pointer_push(at, "phase");
	issues_add(issues, pointer_text(at), "must be \"%s\" for this action, is \"%.40s\"",
		action->phase, phase->valuestring);
	pointer_pop(at, mark);
}

static bool
condition_compile(struct rule *rule, const cJSON *item, struct pointer *at,
	struct issues *issues)
{
	const cJSON *unless = doc_field(item, "unless"), *text = doc_field(item, "if");
	const struct compile_env env = {
		.has = NEEDS_CLIENT | NEEDS_REQUEST_LINE | NEEDS_REQUEST | NEEDS_HTTP,
		.place = "http-request rules",
	};
	struct diag why;
	enum err e;

	if (text != NULL && unless != NULL)
		issue_below(issues, at, "unless", "not together with if");
	rule->unless = text == NULL && unless != NULL;
	text = rule->unless ? unless : text;
	if (!cJSON_IsString(text))
		return true;
	e = cond_compile(&rule->cond, slice_of(text->valuestring), &env, &why);
	if (e == ERR_INVALID)
		issue_below(issues, at, rule->unless ? "unless" : "if", why.text);
	return e != ERR_NOMEM;
}

static bool
rule_compile(struct rule *rule, const struct chain *chain, const cJSON *item, struct pointer *at,
	struct issues *issues)
{
	const struct action *action = cJSON_IsObject(item) ? action_find(item) : NULL;

	if (action == NULL)
		return true;
	rule->action = action->action;
	place_check(action, chain, item, at, issues);
	return text_take(&rule->id, item, "id") && action->compile(rule, item, at, issues) &&
	    condition_compile(rule, item, at, issues);
}

static void
id_check(const struct rules *rules, uint32_t index, struct pointer *at, struct issues *issues)
{
	const char *id = rules->rules[index].id;

	for (uint32_t i = 0; id != NULL && i < index; i++) {
		if (rules->rules[i].id == NULL || strcmp(rules->rules[i].id, id) != 0)
			continue;
		issue_below(issues, at, "id", "another rule of the list has this id");
		return;
	}
}

bool
rules_compile(struct rules **rp, const struct chain *chain, struct pointer *at,
	struct issues *issues)
{
	const cJSON *list = array_or_none(chain_value(chain, "rules", NULL)), *item;
	uint32_t count = (uint32_t)cJSON_GetArraySize(list), index = 0;
	struct rules *rules;
	bool ok = true;
	size_t mark;

	if (count == 0 || count > RULES_MAX)
		return true;		/* too many: the schema has told */
	rules = *rp = rules_new(count);
	if (rules == NULL)
		return false;
	mark = pointer_push(at, "rules");
	cJSON_ArrayForEach(item, list) {
		size_t inner = pointer_push_index(at, index);

		ok = ok && rule_compile(&rules->rules[index], chain, item, at, issues);
		id_check(rules, index++, at, issues);
		pointer_pop(at, inner);
	}
	pointer_pop(at, mark);
	return ok;
}
