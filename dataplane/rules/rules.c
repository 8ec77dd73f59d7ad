/*
 * Sets of rules: the walk over one phase, and what a set owns.
 *
 * Made and freed by the control thread; run by workers, without memory of its own.
 */
#include "config.h"
#include "rules/rules.h"
#include <assert.h>
#include <stdlib.h>
#include "expr/vars.h"
#include "rules/rules_priv.h"

#define REQUEST	 (NEEDS_REQUEST_LINE | NEEDS_REQUEST | NEEDS_REQUEST_BYTES | NEEDS_HTTP)
#define RESPONSE (NEEDS_REQUEST_LINE | NEEDS_RESPONSE | NEEDS_BACKEND | NEEDS_SERVER | NEEDS_HTTP)

/* What each phase can look at. */
static const struct phase {
	const char	*word;
	unsigned	 has, has_http;	/* NEEDS_*; in HTTP mode beside them */
} phases[] = {
	[PHASE_TCP_REQUEST_CONNECTION] = { "tcp-request-connection", NEEDS_CLIENT, 0 },
	[PHASE_TCP_REQUEST_SESSION] = { "tcp-request-session", NEEDS_CLIENT, 0 },
	[PHASE_TCP_REQUEST_CONTENT] = { "tcp-request-content", NEEDS_CLIENT | NEEDS_REQUEST_BYTES,
					REQUEST },
	[PHASE_HTTP_REQUEST] = { "http-request", NEEDS_CLIENT, REQUEST },
	[PHASE_USE_BACKEND] = { "use_backend", NEEDS_CLIENT | NEEDS_REQUEST_BYTES, REQUEST },
	[PHASE_USE_SERVER] = { "use-server", NEEDS_CLIENT | NEEDS_REQUEST_BYTES | NEEDS_BACKEND,
			       REQUEST },
	[PHASE_TCP_RESPONSE_CONTENT] = { "tcp-response-content",
					 NEEDS_CLIENT | NEEDS_BACKEND | NEEDS_SERVER |
						 NEEDS_RESPONSE_BYTES, 0 },
	[PHASE_HTTP_RESPONSE] = { "http-response", NEEDS_CLIENT, RESPONSE },
	[PHASE_HTTP_AFTER_RESPONSE] = { "http-after-response", NEEDS_CLIENT, RESPONSE },
};

const char *
rule_phase_word(enum rule_phase phase)
{
	return phases[phase].word;
}

unsigned
rule_phase_has(enum rule_phase phase, bool is_http, bool in_backend)
{
	return phases[phase].has | (is_http ? phases[phase].has_http : 0) |
	       (in_backend ? NEEDS_BACKEND : 0);
}

static const struct action {
	const char	*word;
	unsigned	 phases;
	bool		 is_final;
	rule_act_fn	*act;
} actions[] = {
#define X(id, word, phases, is_final) { word, phases, is_final, rule_act_##id },
	RULE_ACTIONS(X)
#undef X
};

unsigned
rule_action_phases(enum rule_action action)
{
	return actions[action].phases;
}

bool
rule_action_find(enum rule_action *action, struct slice word)
{
	for (size_t i = 0; i < RULE_ACTION_COUNT; i++) {
		if (slice_equals(word, slice_of(actions[i].word))) {
			*action = (enum rule_action)i;
			return true;
		}
	}
	return false;
}

/* -- what a set owns -- */

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
rule_fini_headers(struct rule *rule)
{
	for (uint32_t i = 0; i < rule->header_count; i++) {
		free(rule->headers[i].name);
		format_free(&rule->headers[i].value);
	}
	free(rule->headers);
}

static void
rule_fini(struct rule *rule)
{
	rule_stats_unref(&rule->stats);
	cond_free(&rule->cond);
	expr_free(&rule->expr);
	format_free(&rule->value);
	format_free(&rule->key);
	format_free(&rule->body);
	regex_free(&rule->regex);
	var_id_drop(&rule->var);
	http_answer_free(&rule->answer);
	rule_fini_headers(rule);
	free(rule->id);
	free(rule->name);
	free(rule->text);
	free(rule->content_type);
}

void
rules_free(struct rules *rules)
{
	if (rules == NULL)
		return;
	for (uint32_t i = 0; i < rules->count; i++)
		rule_fini(&rules->rules[i]);
	acls_free(&rules->acls);
	refs_fini(&rules->refs);
	free(rules);
}

/* Stable, and lists are short: what stands behind one of a later phase moves before it. */
static void
rules_sort(struct rules *rules)
{
	for (uint32_t i = 1; i < rules->count; i++) {
		const struct rule moved = rules->rules[i];
		uint32_t at = i;

		for (; at > 0 && rules->rules[at - 1].phase > moved.phase; at--)
			rules->rules[at] = rules->rules[at - 1];
		rules->rules[at] = moved;
	}
}

static unsigned
rule_needs(const struct rule *rule)
{
	unsigned needs = rule->action == RULE_WAIT_FOR_BODY ? NEEDS_REQUEST_BYTES : 0;

	needs |= rule->cond != NULL ? cond_needs(rule->cond) : 0;
	needs |= rule->expr != NULL ? expr_needs(rule->expr) : 0;
	needs |= rule->value != NULL ? format_needs(rule->value) : 0;
	needs |= rule->key != NULL ? format_needs(rule->key) : 0;
	needs |= rule->body != NULL ? format_needs(rule->body) : 0;
	for (uint32_t i = 0; i < rule->header_count; i++)
		needs |= format_needs(rule->headers[i].value);
	return needs;
}

void
rules_seal(struct rules *rules)
{
	rules_sort(rules);
	for (uint32_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->rules[i];

		rules->phase[rule->phase].needs |= rule_needs(rule);
		if (rules->phase[rule->phase].count++ == 0)
			rules->phase[rule->phase].first = i;
		if (rule->action == RULE_INSPECT_DELAY)
			rules->inspect_ms[rule->phase] = rule->number;
	}
}

/* -- running -- */

enum rules_result
rule_refused(const struct rules_run *run)
{
	return run->is_lax ? RULES_GO_ON : RULES_FAILED;
}

/* May more bytes still come, and is it worth waiting for them? */
static bool
run_is_final(const struct rules *rules, enum rule_phase phase, const struct rules_context *ctx)
{
	const int64_t inspect_ms = rules->inspect_ms[phase];

	return inspect_ms == 0 || ctx->body_is_whole ||
	       ctx->eval->now_ms >= ctx->began_ms + (uint64_t)inspect_ms;
}

static enum cond_result
rule_applies(const struct rule *rule, struct eval *eval)
{
	enum cond_result result;

	if (rule->cond == NULL)
		return COND_TRUE;
	eval->is_undecided = false;
	result = cond_eval(rule->cond, eval);
	if (result == COND_UNDECIDED)
		return result;
	return (result == COND_TRUE) != rule->unless ? COND_TRUE : COND_FALSE;
}

/* 103s are sent together, before anything else is done. */
static void
run_flush_hints(struct rules_context *ctx, struct rules_run *run)
{
	if (run->hints.len == 0)
		return;
	ctx->ops->early_hint(ctx->eval, run->hints);
	run->hints = (struct slice){ NULL, 0 };
}

static enum rules_result
run_rule(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	enum rules_result result;

	if (rule->action != RULE_EARLY_HINT)
		run_flush_hints(ctx, run);
	result = actions[rule->action].act(rule, ctx, run, verdict);
	if (result != RULES_GO_ON)
		verdict->rule = rule;
	if (result != RULES_NO_ROOM && result != RULES_WAITING && rule->stats != NULL)
		rule_stats_hit(rule->stats, ctx->worker, ctx->eval->wall_us);
	return result;
}

static enum rules_result
run_wait_for_bytes(const struct rules *rules, enum rule_phase phase, struct rules_run *run,
	const struct rules_context *ctx)
{
	run->waits_for_bytes = true;
	run->until_ms = ctx->began_ms + (uint64_t)rules->inspect_ms[phase];
	return RULES_WAITING;
}

static enum rules_result
run_all(const struct rules *rules, enum rule_phase phase, struct rules_run *run,
	struct rules_context *ctx, struct rules_verdict *verdict)
{
	const struct rule *first = &rules->rules[rules->phase[phase].first];
	struct eval *eval = ctx->eval;

	for (; run->at < rules->phase[phase].count; run->at++) {
		const struct rule *rule = &first[run->at];
		enum cond_result applies = COND_TRUE;
		enum rules_result result;

		eval->room = ctx->scratch;
		if (!run->is_waiting)
			applies = rule_applies(rule, eval);
		if (applies == COND_UNDECIDED)
			return run_wait_for_bytes(rules, phase, run, ctx);
		if (applies == COND_FALSE)
			continue;
		result = run_rule(rule, ctx, run, verdict);
		if (result != RULES_GO_ON)
			return result;
		run->is_waiting = false;
	}
	return RULES_DONE;
}

enum rules_result
rules_run(const struct rules *rules, enum rule_phase phase, struct rules_run *run,
	struct rules_context *ctx, struct rules_verdict *verdict)
{
	enum rules_result result;

	*verdict = (struct rules_verdict){ .cause = END_NONE };
	if (!rules_have(rules, phase))
		return RULES_DONE;
	ctx->eval->is_final = run_is_final(rules, phase, ctx);
	run->waits_for_bytes = false;
	result = run_all(rules, phase, run, ctx, verdict);
	if (result != RULES_NO_ROOM)
		run_flush_hints(ctx, run);
	return result;
}
