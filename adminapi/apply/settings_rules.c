/*
 * The rules of a frontend or backend: named ACLs, phases, conditions, ids. Pure; any thread.
 *
 * The schema says which fields an action has; here is what these must be to each other and to their place.
 */
#include "config.h"
#include "adminapi/apply/settings_rules_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "stream/frontend.h"

/* Where a phase's rules may stand (HAProxy manual, 4.1 "Proxy keywords matrix"), and what they are called. */
static const struct phase_row {
	bool in_frontends, in_backends;
	const char *place;
} phase_rows[PHASES] = {
	[PHASE_TCP_REQUEST_CONNECTION] = { true, false, "tcp-request connection rules" },
	[PHASE_TCP_REQUEST_SESSION] = { true, false, "tcp-request session rules" },
	[PHASE_TCP_REQUEST_CONTENT] = { true, true, "tcp-request content rules" },
	[PHASE_HTTP_REQUEST] = { true, true, "http-request rules" },
	[PHASE_USE_BACKEND] = { true, false, "use_backend rules" },
	[PHASE_USE_SERVER] = { false, true, "use-server rules" },
	[PHASE_TCP_RESPONSE_CONTENT] = { false, true, "tcp-response content rules" },
	[PHASE_HTTP_RESPONSE] = { true, true, "http-response rules" },
	[PHASE_HTTP_AFTER_RESPONSE] = { true, true, "http-after-response rules" },
};

static bool
is_http(const struct rule_site *site)
{
	return site->chain->mode != NULL && strcmp(site->chain->mode, "http") == 0;
}

static bool
in_backend(const struct rule_site *site)
{
	return site->chain->node->kind == DOC_BACKEND;
}

/* -- phases -- */

static bool
phase_is_http(enum rule_phase phase)
{
	return ((1u << phase) & IN_HTTP_ANY) != 0;
}

static bool
phase_find(enum rule_phase *phase, const char *word)
{
	for (unsigned i = 0; i < PHASES; i++) {
		if (strcmp(rule_phase_word((enum rule_phase)i), word) != 0)
			continue;
		*phase = (enum rule_phase)i;
		return true;
	}
	return false;
}

/* "\"http-request\" or \"http-response\"" */
static const char *
phase_words(unsigned phases, struct diag *words)
{
	size_t len = 0;

	words->text[0] = '\0';
	for (unsigned i = 0; i < PHASES && len < sizeof(words->text); i++)
		if ((phases & 1u << i) != 0)
			len += (size_t)snprintf(words->text + len, sizeof(words->text) - len,
						"%s\"%s\"", len == 0 ? "" : " or ",
						rule_phase_word((enum rule_phase)i));
	return words->text;
}

/* What is not said: the only one that there is, else the mode's. */
static bool
phase_imply(struct rule_site *site, unsigned phases, enum rule_phase *phase)
{
	struct diag words, why;

	*phase = is_http(site) ? PHASE_HTTP_REQUEST : PHASE_TCP_REQUEST_CONTENT;
	if ((phases & 1u << *phase) != 0)
		return true;
	for (unsigned i = 0; i < PHASES; i++) {
		if (phases != 1u << i)
			continue;
		*phase = (enum rule_phase)i;
		return true;
	}
	diag_set(&why, "needs a phase: %s", phase_words(phases, &words));
	site_issue(site, "action", why.text);
	return false;
}

/* Where a wrong phase is told: where it is said, else at the action. */
static void
phase_issue(struct rule_site *site, const char *why)
{
	site_issue(site, doc_field(site->item, "phase") != NULL ? "phase" : "action", why);
}

static bool
phase_judge(struct rule_site *site, enum rule_phase phase)
{
	const struct phase_row *row = &phase_rows[phase];
	struct diag why;

	if (phase_is_http(phase) && !is_http(site)) {
		diag_set(&why, "means something in mode http only, and %s \"%s\" is of mode %s",
			 in_backend(site) ? "backend" : "frontend", site->chain->node->name,
			 site->chain->mode == NULL ? "-" : site->chain->mode);
		phase_issue(site, why.text);
		return false;
	}
	if (in_backend(site) ? row->in_backends : row->in_frontends)
		return true;
	diag_set(&why, "%s belong in a %s", row->place, in_backend(site) ? "frontend" : "backend");
	phase_issue(site, why.text);
	return false;
}

static bool
phase_compile(struct rule_site *site)
{
	const cJSON *given = doc_field(site->item, "phase");
	unsigned phases = rule_action_phases(site->rule->action);
	enum rule_phase phase;
	struct diag words, why;

	if (!cJSON_IsString(given) || !phase_find(&phase, given->valuestring)) {
		if (given != NULL || !phase_imply(site, phases, &phase))
			return false; /* the schema has told */
	} else if ((phases & 1u << phase) == 0) {
		diag_set(&why, "must be %s for this action, is \"%s\"", phase_words(phases, &words),
			 given->valuestring);
		site_issue(site, "phase", why.text);
		return false;
	}
	site->rule->phase = phase;
	return phase_judge(site, phase);
}

static void
env_init(struct rule_site *site)
{
	enum rule_phase phase = site->rule->phase;

	site->env = (struct compile_env){
		.has = rule_phase_has(phase, is_http(site), in_backend(site)),
		.place = phase_rows[phase].place,
		.backend = in_backend(site) ? site->chain->node->name : NULL,
		.slots = in_backend(site) ? NULL : &site->slots,
		.acls = site->acls,
		.refs = site->refs,
	};
}

/* -- conditions -- */

static void
condition_take(struct rule_site *site, const char *field, const char *text)
{
	size_t mark = pointer_push(site->at, field);
	struct diag why;
	enum err e = cond_compile(&site->rule->cond, slice_of(text), &site->env, &why);

	site_took(site, site->at, e, &why);
	pointer_pop(site->at, mark);
}

static void
condition_compile(struct rule_site *site)
{
	const cJSON *unless = doc_field(site->item, "unless");
	const cJSON *text = doc_field(site->item, "if");

	if (text != NULL && unless != NULL)
		site_issue(site, "unless", "not together with if");
	site->rule->unless = text == NULL && unless != NULL;
	text = site->rule->unless ? unless : text;
	if (cJSON_IsString(text))
		condition_take(site, site->rule->unless ? "unless" : "if", text->valuestring);
}

/* -- named ACLs -- */

static void
acl_compile(struct rule_site *site, const cJSON *acl)
{
	const cJSON *test;
	size_t index = 0;

	cJSON_ArrayForEach(test, array_or_none(acl)) {
		size_t mark = pointer_push_index(site->at, index++);
		struct diag why;
		enum err e = ERR_OK;

		if (cJSON_IsString(test))
			e = acls_add(site->acls, slice_of(acl->string), slice_of(test->valuestring),
				     &site->env, &why);
		site_took(site, site->at, e, &why);
		pointer_pop(site->at, mark);
	}
}

/* What they need may be missing where they are used: that is told there. */
static void
acls_compile(struct rule_site *site, struct acls **ap)
{
	const cJSON *acls = chain_value(site->chain, "acls", NULL), *acl;
	size_t mark;

	if (!cJSON_IsObject(acls) || acls->child == NULL)
		return;
	site->acls = *ap = acls_new();
	if (site->acls == NULL) {
		site->nomem = true;
		return;
	}
	site->env = (struct compile_env){
		.has = COMPILE_HAS_ALL,
		.place = "ACLs",
		.backend = in_backend(site) ? site->chain->node->name : NULL,
		.slots = in_backend(site) ? NULL : &site->slots,
		.refs = site->refs,
	};
	mark = pointer_push(site->at, "acls");
	cJSON_ArrayForEach(acl, acls) {
		size_t inner = pointer_push(site->at, acl->string);

		acl_compile(site, acl);
		pointer_pop(site->at, inner);
	}
	pointer_pop(site->at, mark);
}

/* -- monitor_fail: as a rule's condition, of no rule -- */

static void
monitor_compile(struct rule_site *site, struct cond **cond)
{
	const cJSON *text = chain_value(site->chain, "monitor_fail", NULL);
	struct rule like = { .phase = PHASE_HTTP_REQUEST };

	if (!cJSON_IsString(text))
		return;
	site->rule = &like;
	env_init(site);
	site->env.place = "monitor_fail";
	condition_take(site, "monitor_fail", text->valuestring);
	*cond = like.cond;
	site->rule = NULL;
}

/* -- a rule, a list -- */

static void
rule_compile(struct rule_site *site)
{
	const cJSON *word = doc_field(site->item, "action"), *id = doc_field(site->item, "id");
	struct rule *rule = site->rule;

	if (cJSON_IsString(id) && (rule->id = strdup(id->valuestring)) == NULL)
		site->nomem = true;
	if (!cJSON_IsString(word) || !rule_action_find(&rule->action, slice_of(word->valuestring)))
		return; /* the schema has told */
	if (!phase_compile(site))
		return;
	env_init(site);
	operands_compile(site);
	condition_compile(site);
}

static int
id_compare(const void *a, const void *b)
{
	const struct rule *x = *(const struct rule *const *)a;
	const struct rule *y = *(const struct rule *const *)b;
	int order = strcmp(x->id, y->id);

	return order != 0 ? order : x < y ? -1 : x > y;
}

/* The later one of two is wrong. The rules are still in the list's order. */
static void
ids_judge(struct rule_site *site, const struct rules *rules)
{
	const struct rule **by_id = calloc(rules->count + 1, sizeof(struct rule *));
	uint32_t count = 0;

	if (by_id == NULL) {
		site->nomem = true;
		return;
	}
	for (uint32_t i = 0; i < rules->count; i++)
		if (rules->rules[i].id != NULL)
			by_id[count++] = &rules->rules[i];
	qsort(by_id, count, sizeof(struct rule *), id_compare);
	for (uint32_t i = 1; i < count; i++) {
		size_t mark;

		if (strcmp(by_id[i]->id, by_id[i - 1]->id) != 0)
			continue;
		mark = pointer_push_index(site->at, (size_t)(by_id[i] - rules->rules));
		site_issue(site, "id", "another rule of the list has this id");
		pointer_pop(site->at, mark);
	}
	free(by_id);
}

static const cJSON *
list_of(const struct chain *chain)
{
	const cJSON *list = array_or_none(chain_value(chain, "rules", NULL));

	return cJSON_GetArraySize(list) > RULES_MAX ? NULL
						    : list; /* too many: the schema has told */
}

static void
list_compile(struct rule_site *site, struct rules *rules)
{
	const cJSON *list = list_of(site->chain);
	uint32_t before = site->issues->count + site->issues->dropped, index = 0;
	size_t mark = pointer_push(site->at, "rules");

	site->refs = &rules->refs;
	site->noted = NULL;
	cJSON_ArrayForEach(site->item, list) {
		size_t inner = pointer_push_index(site->at, index);

		site->rule = &rules->rules[index++];
		if (cJSON_IsObject(site->item) && !site->nomem)
			rule_compile(site);
		pointer_pop(site->at, inner);
	}
	ids_judge(site, rules);
	pointer_pop(site->at, mark);
	if (!site->nomem && site->issues->count + site->issues->dropped == before)
		rules_seal(rules);
}

/* The rules of the list make theirs when they are compiled; expressions may name them before. */
static void
slots_count(struct rule_site *site)
{
	const cJSON *item;

	for (unsigned i = 0; i < 2; i++)
		site->slots.count[i] = site->captures->sides[i].count;
	cJSON_ArrayForEach(item, list_of(site->chain)) {
		const char *action = cJSON_GetStringValue(doc_field(item, "action"));
		const char *phase = cJSON_GetStringValue(doc_field(item, "phase"));

		if (action == NULL || strcmp(action, "capture") != 0 ||
		    !cJSON_IsNumber(doc_field(item, "len")))
			continue;
		site->slots.count[phase != NULL && strstr(phase, "response") != NULL]++;
	}
}

bool
frontend_rules_compile(struct frontend_conf *conf, const struct chain *chain, struct pointer *at,
		       struct issues *issues)
{
	uint32_t count = (uint32_t)cJSON_GetArraySize(list_of(chain));
	struct rule_site site = { .chain = chain,
				  .refs = &conf->refs,
				  .noted = refs_last(&conf->refs),
				  .captures = &conf->captures,
				  .at = at,
				  .issues = issues };

	slots_count(&site);
	acls_compile(&site, &conf->acls);
	monitor_compile(&site, &conf->http.monitor_fail);
	if (count == 0 || site.nomem)
		return !site.nomem;
	conf->rules = rules_new(count);
	if (conf->rules == NULL)
		return false;
	list_compile(&site, conf->rules);
	return !site.nomem;
}

bool
backend_rules_compile(struct backend_conf *conf, const struct chain *chain, struct pointer *at,
		      struct issues *issues)
{
	uint32_t count = (uint32_t)cJSON_GetArraySize(list_of(chain));
	struct rule_site site = { .chain = chain, .at = at, .issues = issues };

	if (count == 0 && chain_value(chain, "acls", NULL) == NULL)
		return true;
	conf->rules_free = rules_free;
	conf->rules = rules_new(count);
	if (conf->rules == NULL)
		return false;
	site.refs = &conf->rules->refs;
	acls_compile(&site, &conf->rules->acls);
	list_compile(&site, conf->rules);
	return !site.nomem;
}
