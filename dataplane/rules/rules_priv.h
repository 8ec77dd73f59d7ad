/*
 * What the files of rules/ share: actions as rows, and how they write.
 */
#pragma once

#include "rules/rules.h"

/* What an action does. RULES_GO_ON, or what came of it. */
typedef enum rules_result rule_act_fn(const struct rule *rule, struct rules_context *ctx,
	struct rules_run *run, struct rules_verdict *verdict);

#define X(id, word, phases, is_final) rule_act_fn rule_act_##id;
RULE_ACTIONS(X)
#undef X

/* A change that could not be made: RULES_GO_ON, or RULES_FAILED in strict mode. */
enum rules_result rule_refused(const struct rules_run *run);

/* The head that a phase's actions change. */
static inline struct http_head *
rules_head(const struct rules_context *ctx)
{
	return ctx->response != NULL ? ctx->response : ctx->request;
}

/*
 * A format written into the room, which moves on. RULES_NO_ROOM: it does not fit.
 */
enum rules_result room_write(struct http_room *room, struct eval *eval, const struct format *format,
	struct slice *text);

/* The same into the evaluation's own room: for the time of one rule. False: it does not fit. */
bool scratch_write(struct eval *eval, const struct format *format, struct slice *text);

/* Fit to be a field's value; to stand in a request line. */
bool value_is_sound(struct slice value);
bool target_is_sound(struct slice target);

/* "Name: value CRLF" of a format, in the room. RULES_NO_ROOM; RULES_FAILED: the value is not sound. */
enum rules_result room_write_line(struct http_room *room, struct eval *eval, const char *name,
	const struct format *value, struct slice *line);

/*
 * Location and Set-Cookie, in the room (redirect.c). RULES_NO_ROOM; RULES_FAILED: what is to be
 * written is not sound.
 */
enum rules_result redirect_lines(const struct rule *rule, struct rules_context *ctx,
				 struct slice *lines, bool *has_no_host);
const struct http_answer *redirect_answer(uint16_t status);

/* rule_check()'s parts */
enum err redirect_check(const struct rule *rule, const char **operand, struct diag *diag);
