/*
 * Lists of rules: the walk over one phase.
 *
 * Made and freed by the control thread; run by workers, without memory of its own.
 */
#include "config.h"
#include "rules/rules.h"
#include <assert.h>
#include <stdlib.h>
#include "rules/redirect_priv.h"

enum phase {
	PHASE_REQUEST,		/* http-request */
	PHASE_USE_BACKEND,
};

struct rules *
rules_new(uint32_t count)
{
	struct rules *rules;

	assert(count <= RULES_MAX);
	rules = calloc(1, sizeof(*rules) + (size_t)count * sizeof(rules->rules[0]));
	if (rules != NULL)
		rules->count = count;
	return rules;
}

static void
rule_fini(struct rule *rule)
{
	free(rule->id);
	cond_free(&rule->cond);
	http_answer_free(&rule->answer);
	free(rule->to);
	free(rule->cookie);
	free(rule->backend_name);
	if (rule->backend != NULL)
		backend_release(rule->backend);
}

void
rules_free(struct rules *rules)
{
	if (rules == NULL)
		return;
	for (uint32_t i = 0; i < rules->count; i++)
		rule_fini(&rules->rules[i]);
	free(rules);
}

static void
act_return(const struct rule *rule, const struct http_head *request, struct http_room *room,
	struct rule_verdict *verdict)
{
	verdict->answer = rule->answer;
	verdict->cause = END_ANSWERED;
}

static void
act_redirect(const struct rule *rule, const struct http_head *request, struct http_room *room,
	struct rule_verdict *verdict)
{
	const enum err err = redirect_lines(rule, request, room, &verdict->extra);

	if (err == ERR_OK) {
		verdict->answer = redirect_answer(rule->status);
		verdict->cause = END_ANSWERED;
	} else if (err == ERR_INVALID) {
		verdict->fault = HTTP_FAULT_HOST;
		verdict->cause = END_BAD_REQUEST;
	} else {
		verdict->no_room = true;
	}
}

static void
act_deny(const struct rule *rule, const struct http_head *request, struct http_room *room,
	struct rule_verdict *verdict)
{
	verdict->error = rule->status;
	verdict->cause = END_DENIED;
}

static void
act_use_backend(const struct rule *rule, const struct http_head *request, struct http_room *room,
	struct rule_verdict *verdict)
{
	verdict->backend = rule->backend;
}

/* All of them are final: the first that applies ends its phase. */
static const struct action {
	enum phase	 phase;
	enum err	(*check)(const struct rule *rule, struct diag *diag);	/* NULL: nothing to check */
	void		(*act)(const struct rule *rule, const struct http_head *request,
				struct http_room *room, struct rule_verdict *verdict);
} actions[] = {
	[RULE_RETURN] = { PHASE_REQUEST, NULL, act_return },
	[RULE_REDIRECT] = { PHASE_REQUEST, redirect_check, act_redirect },
	[RULE_DENY] = { PHASE_REQUEST, NULL, act_deny },
	[RULE_USE_BACKEND] = { PHASE_USE_BACKEND, NULL, act_use_backend },
};

enum err
rule_check(const struct rule *rule, struct diag *diag)
{
	const struct action *action = &actions[rule->action];

	return action->check != NULL ? action->check(rule, diag) : ERR_OK;
}

static bool
rule_applies(const struct rule *rule, const struct http_head *request)
{
	struct eval eval = { .request = request, .is_final = true };

	return rule->cond == NULL || (cond_eval(rule->cond, &eval) == COND_TRUE) != rule->unless;
}

static void
rules_run(const struct rules *rules, enum phase phase, const struct http_head *request,
	struct http_room *room, struct rule_verdict *verdict)
{
	*verdict = (struct rule_verdict){ .cause = END_NONE };
	for (uint32_t i = 0; rules != NULL && i < rules->count; i++) {
		const struct rule *rule = &rules->rules[i];
		const struct action *action = &actions[rule->action];

		if (action->phase != phase || !rule_applies(rule, request))
			continue;
		verdict->rule = rule;
		action->act(rule, request, room, verdict);
		return;
	}
}

void
rules_run_request(const struct rules *rules, const struct http_head *request,
	struct http_room *room, struct rule_verdict *verdict)
{
	rules_run(rules, PHASE_REQUEST, request, room, verdict);
}

void
rules_run_use_backend(const struct rules *rules, const struct http_head *request,
	struct rule_verdict *verdict)
{
	rules_run(rules, PHASE_USE_BACKEND, request, NULL, verdict);
}
