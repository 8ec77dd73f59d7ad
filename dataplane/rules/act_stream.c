/*
 * Actions on the stream: variables, maps, captures, time-outs, priorities, addresses, waits.
 *
 * What rules/ has not itself, it asks of the stream: struct rule_wishes, struct rule_ops. Workers.
 */
#include "config.h"
#include "expr/map.h"
#include "expr/vars.h"
#include "rules/rules_priv.h"

/* -- variables -- */

static bool
rule_value(const struct rule *rule, struct eval *eval, struct sample *sample)
{
	if (rule->expr != NULL)
		return expr_eval(rule->expr, eval, sample);
	*sample = (struct sample){ .type = SAMPLE_STRING };
	return scratch_write(eval, rule->value, &sample->text);
}

/* A value that is not there sets nothing (as in HAProxy). */
enum rules_result
rule_act_SET_VAR(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	struct sample sample;

	if (rule_value(rule, ctx->eval, &sample) &&
	    var_set(ctx->eval, rule->var, &sample, ctx->var_blocks) != ERR_OK)
		return rule_refused(run);
	return RULES_GO_ON;
}

enum rules_result
rule_act_UNSET_VAR(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	var_unset(ctx->eval, rule->var);
	return RULES_GO_ON;
}

/* -- maps and lists -- */

/*
 * Both in the scratch. An empty key is none. A change that can not be asked for fails no request (as
 * in HAProxy): the map counts it as dropped.
 */
static enum rules_result
map_change(const struct rule *rule, struct rules_context *ctx, const struct rules_run *run,
	   bool removes)
{
	struct slice key, value = removes ? (struct slice){ NULL, 0 } : SLICE("");

	if (!scratch_write(ctx->eval, rule->key, &key) ||
	    (rule->value != NULL && !removes && !scratch_write(ctx->eval, rule->value, &value)))
		return rule_refused(run);
	if (key.len > 0)
		(void)map_view_ask(rule->ref->object, key, value);
	return RULES_GO_ON;
}

enum rules_result
rule_act_SET_MAP(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return map_change(rule, ctx, run, false);
}

enum rules_result
rule_act_ADD_ACL(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return map_change(rule, ctx, run, false);
}

enum rules_result
rule_act_DEL_MAP(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return map_change(rule, ctx, run, true);
}

enum rules_result
rule_act_DEL_ACL(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return map_change(rule, ctx, run, true);
}

/* -- what the stream keeps -- */

enum rules_result
rule_act_CAPTURE(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	struct sample sample;

	if (expr_eval_as(rule->expr, ctx->eval, SAMPLE_STRING, &sample))
		ctx->ops->capture(ctx->eval, ctx->response != NULL, (uint32_t)rule->number,
				  sample.text);
	return RULES_GO_ON;
}

enum rules_result
rule_act_SET_LOG_LEVEL(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	ctx->wishes->log_level = (int8_t)(rule->number + 1);
	return RULES_GO_ON;
}

/* The rule's number, or its expression's; `otherwise` where that has no value. */
static int64_t
rule_number(const struct rule *rule, struct eval *eval, int64_t otherwise)
{
	struct sample sample;

	if (rule->expr == NULL)
		return rule->number;
	return expr_eval_as(rule->expr, eval, SAMPLE_INT, &sample) ? sample.number : otherwise;
}

static int64_t
clamp(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

#define TIMEOUT_MAX_MS (24LL * 24 * 3600 * 1000) /* HAProxy's timers end there (manual, 2.5) */

/* What is not a time leaves the one in force. */
enum rules_result
rule_act_SET_TIMEOUT(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	const int64_t ms = rule_number(rule, ctx->eval, -1);

	if (ms > 0)
		ctx->wishes->timeout_ms[rule->timeout] = clamp(ms, 1, TIMEOUT_MAX_MS);
	return RULES_GO_ON;
}

#define RETRIES_MAX 100 /* as the schema's */

enum rules_result
rule_act_SET_RETRIES(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	const int64_t retries = rule_number(rule, ctx->eval, -1);

	if (retries >= 0)
		ctx->wishes->retries = (int16_t)(clamp(retries, 0, RETRIES_MAX) + 1);
	return RULES_GO_ON;
}

/* HAProxy manual: -2047 to 2047, and -524287 to 524287; what is beyond is cut. */
#define PRIORITY_CLASS_MAX  2047
#define PRIORITY_OFFSET_MAX 524287

enum rules_result
rule_act_SET_PRIORITY_CLASS(const struct rule *rule, struct rules_context *ctx,
	struct rules_run *run, struct rules_verdict *verdict)
{
	ctx->wishes->priority_class =
		(int16_t)clamp(rule_number(rule, ctx->eval, ctx->wishes->priority_class),
			       -PRIORITY_CLASS_MAX, PRIORITY_CLASS_MAX);
	return RULES_GO_ON;
}

enum rules_result
rule_act_SET_PRIORITY_OFFSET(const struct rule *rule, struct rules_context *ctx,
	struct rules_run *run, struct rules_verdict *verdict)
{
	ctx->wishes->priority_offset =
		(int32_t)clamp(rule_number(rule, ctx->eval, ctx->wishes->priority_offset),
			       -PRIORITY_OFFSET_MAX, PRIORITY_OFFSET_MAX);
	return RULES_GO_ON;
}

/* -- addresses -- */

static enum rules_result
set_ip(const struct rule *rule, struct rules_context *ctx, enum rule_address which)
{
	struct sample sample;

	if (expr_eval_as(rule->expr, ctx->eval, SAMPLE_IP, &sample))
		ctx->ops->set_address(ctx->eval, which, &sample.ip, -1);
	return RULES_GO_ON;
}

static enum rules_result
set_port(const struct rule *rule, struct rules_context *ctx, enum rule_address which)
{
	struct sample sample;

	if (expr_eval_as(rule->expr, ctx->eval, SAMPLE_INT, &sample))
		ctx->ops->set_address(ctx->eval, which, NULL, (int)(sample.number & 0xffff));
	return RULES_GO_ON;
}

enum rules_result
rule_act_SET_SRC(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return set_ip(rule, ctx, RULE_SRC);
}

enum rules_result
rule_act_SET_DST(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return set_ip(rule, ctx, RULE_DST);
}

enum rules_result
rule_act_SET_SRC_PORT(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return set_port(rule, ctx, RULE_SRC);
}

enum rules_result
rule_act_SET_DST_PORT(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return set_port(rule, ctx, RULE_DST);
}

/* -- waiting -- */

enum rules_result
rule_act_PAUSE(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	int64_t ms;

	if (run->is_waiting)
		return ctx->eval->now_ms < run->until_ms ? RULES_WAITING : RULES_GO_ON;
	ms = rule_number(rule, ctx->eval, 0);
	if (ms <= 0)
		return RULES_GO_ON;
	run->is_waiting = true;
	run->until_ms = ctx->eval->now_ms + (uint64_t)clamp(ms, 1, TIMEOUT_MAX_MS);
	return RULES_WAITING;
}

static bool
body_suffices(const struct rule *rule, const struct rules_context *ctx)
{
	return ctx->body_is_whole || (rule->bytes > 0 && ctx->body_bytes >= (uint64_t)rule->bytes);
}

/* A body that does not come in time is the client's fault: 408 (as in HAProxy). */
enum rules_result
rule_act_WAIT_FOR_BODY(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	if (body_suffices(rule, ctx))
		return RULES_GO_ON;
	if (!run->is_waiting) {
		run->is_waiting = true;
		run->until_ms = ctx->eval->now_ms + (uint64_t)rule->number;
	}
	if (ctx->eval->now_ms < run->until_ms) {
		run->waits_for_bytes = true;
		return RULES_WAITING;
	}
	verdict->error = 408;
	verdict->cause = END_CLIENT_TIMEOUT;
	return RULES_DENIED;
}

/* It holds for the whole list: rules_seal() has put it there. */
enum rules_result
rule_act_INSPECT_DELAY(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return RULES_GO_ON;
}

enum rules_result
rule_act_STRICT_MODE(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	run->is_lax = !rule->is_strict;
	return RULES_GO_ON;
}

/* -- early hints -- */

static bool
lines_adjoin(struct slice lines, struct slice line)
{
	return lines.at + lines.len == line.at;
}

enum rules_result
rule_act_EARLY_HINT(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	struct slice line;
	const enum rules_result result =
		room_write_line(ctx->room, ctx->eval, rule->name, rule->value, &line);

	if (result != RULES_GO_ON)
		return result == RULES_FAILED ? rule_refused(run) : result;
	if (run->hints.len > 0 && !lines_adjoin(run->hints, line)) {
		ctx->ops->early_hint(ctx->eval, run->hints);
		run->hints.len = 0;
	}
	if (run->hints.len == 0)
		run->hints.at = line.at;
	run->hints.len += line.len;
	return RULES_GO_ON;
}
