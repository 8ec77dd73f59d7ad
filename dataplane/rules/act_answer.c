/*
 * Actions that end a phase: go on, answer, deny, close (HAProxy manual, "http-request return",
 * "deny" and others).
 *
 * Nothing is sent here: the verdict says what is to be done. Workers.
 */
#include "config.h"
#include <stdio.h>
#include <string.h>
#include "rules/rules_priv.h"
#include "server/backend.h"
#include "server/server.h"

static enum rules_result
act_pass(void)
{
	return RULES_DONE;
}

enum rules_result
rule_act_ACCEPT(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return act_pass();
}

enum rules_result
rule_act_ALLOW(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return act_pass();
}

/* -- closing -- */

static enum rules_result
act_close(struct rules_verdict *verdict, bool silently)
{
	verdict->cause = END_DENIED;
	verdict->silently = silently;
	return RULES_CLOSED;
}

enum rules_result
rule_act_REJECT(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return act_close(verdict, false);
}

enum rules_result
rule_act_CLOSE(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return act_close(verdict, false);
}

enum rules_result
rule_act_SILENT_DROP(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	return act_close(verdict, true);
}

/* -- answers made for one request -- */

static bool
room_put(struct http_room *room, struct slice bytes)
{
	if (bytes.len > room->left)
		return false;
	if (bytes.len > 0)
		memcpy(room->at, bytes.at, bytes.len);
	room->at += bytes.len;
	room->left -= bytes.len;
	return true;
}

#define START_BYTES 128 /* "HTTP/1.1 NNN reason CRLF Content-Length: N CRLF" */

static bool
room_put_start(struct http_room *room, uint16_t status, size_t body_bytes)
{
	char text[START_BYTES];
	int len =
		snprintf(text, sizeof(text), "HTTP/1.1 %u %.60s\r\n", status, http_reason(status));

	if (http_status_has_body(status))
		len += snprintf(text + len, sizeof(text) - (size_t)len, "Content-Length: %zu\r\n",
				body_bytes);
	return room_put(room, (struct slice){ text, (size_t)len });
}

static enum rules_result
room_put_headers(struct http_room *room, const struct rule *rule, struct rules_context *ctx,
	const struct rules_run *run)
{
	struct slice line;

	for (uint32_t i = 0; i < rule->header_count; i++) {
		const enum rules_result result = room_write_line(
			room, ctx->eval, rule->headers[i].name, rule->headers[i].value, &line);

		if (result == RULES_NO_ROOM)
			return result;
		if (result == RULES_FAILED && rule_refused(run) == RULES_FAILED)
			return result;
	}
	return RULES_GO_ON;
}

/* The body first: its length stands in the head. The room is only taken where all of it fits. */
static enum rules_result
answer_make(const struct rule *rule, struct rules_context *ctx, const struct rules_run *run,
	struct http_answer *answer)
{
	struct http_room room = *ctx->room;
	enum rules_result result = RULES_GO_ON;
	char *head;

	*answer = (struct http_answer){ .status = rule->status };
	if (rule->body != NULL)
		result = room_write(&room, ctx->eval, rule->body, &answer->body);
	if (result != RULES_GO_ON)
		return result;
	head = room.at;
	if (!room_put_start(&room, rule->status, answer->body.len))
		return RULES_NO_ROOM;
	if (rule->content_type != NULL &&
	    !(room_put(&room, SLICE("Content-Type: ")) &&
	      room_put(&room, slice_of(rule->content_type)) && room_put(&room, SLICE("\r\n"))))
		return RULES_NO_ROOM;
	result = room_put_headers(&room, rule, ctx, run);
	if (result != RULES_GO_ON)
		return result;
	answer->head = (struct slice){ head, (size_t)(room.at - head) };
	*ctx->room = room;
	return RULES_GO_ON;
}

static enum rules_result
act_answer(const struct rule *rule, struct rules_context *ctx, const struct rules_run *run,
	struct rules_verdict *verdict, enum end_cause cause)
{
	enum rules_result result = RULES_GO_ON;

	verdict->cause = cause;
	verdict->answer = rule->answer;
	if (rule->answer == NULL) {
		result = answer_make(rule, ctx, run, &verdict->made);
		verdict->answer = &verdict->made;
	}
	return result == RULES_GO_ON ? RULES_ANSWERED : result;
}

/* Has it an answer of its own, or is it one of the http_errors in force? */
static bool
rule_has_answer(const struct rule *rule)
{
	return rule->answer != NULL || rule->body != NULL || rule->header_count != 0 ||
	       rule->content_type != NULL;
}

static enum rules_result
act_error(struct rules_verdict *verdict, uint16_t status, enum end_cause cause)
{
	verdict->error = status;
	verdict->cause = cause;
	return RULES_DENIED;
}

enum rules_result
rule_act_RETURN(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	if (rule->is_error)
		return act_error(verdict, rule->status, END_ANSWERED);
	return act_answer(rule, ctx, run, verdict, END_ANSWERED);
}

enum rules_result
rule_act_DENY(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	if (rule_has_answer(rule))
		return act_answer(rule, ctx, run, verdict, END_DENIED);
	return act_error(verdict, rule->status, END_DENIED);
}

/* The same at the end of a wait, so that who is denied loses time. */
enum rules_result
rule_act_TARPIT(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	const uint64_t now_ms = ctx->eval->now_ms;

	if (!run->is_waiting) {
		run->is_waiting = true;
		run->until_ms = now_ms + (uint64_t)(ctx->tarpit_ms > 0 ? ctx->tarpit_ms : 0);
	}
	verdict->is_tarpit = true;
	if (now_ms < run->until_ms)
		return RULES_WAITING;
	return rule_act_DENY(rule, ctx, run, verdict);
}

/* "WWW-Authenticate: Basic realm=...": a realm's quotes were refused when it was compiled. */
enum rules_result
rule_act_AUTH(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	static const char before[] = "WWW-Authenticate: Basic realm=\"";
	struct http_room room = *ctx->room;

	if (!room_put(&room, SLICE(before)) ||
	    !room_put(&room, rule->text != NULL ? slice_of(rule->text) : SLICE("restricted")) ||
	    !room_put(&room, SLICE("\"\r\n")))
		return RULES_NO_ROOM;
	verdict->extra = (struct slice){ ctx->room->at, (size_t)(room.at - ctx->room->at) };
	*ctx->room = room;
	return act_error(verdict, 401, END_DENIED);
}

enum rules_result
rule_act_REDIRECT(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	bool has_no_host = false;
	const enum rules_result result = redirect_lines(rule, ctx, &verdict->extra, &has_no_host);

	if (has_no_host) {
		verdict->fault = HTTP_FAULT_HOST;
		return act_error(verdict, 400, END_BAD_REQUEST);
	}
	if (result == RULES_GO_ON && verdict->extra.len == 0)
		return RULES_GO_ON;	/* ignore-empty */
	if (result != RULES_GO_ON)
		return result;
	verdict->answer = redirect_answer(rule->status);
	verdict->cause = END_ANSWERED;
	return RULES_ANSWERED;
}

/* -- where it goes -- */

enum rules_result
rule_act_USE_BACKEND(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	if (rule->value != NULL && !scratch_write(ctx->eval, rule->value, &verdict->chosen_name))
		return RULES_DONE;	/* a name that long is no backend's */
	verdict->object = rule->value == NULL ? rule->ref->object : NULL;
	return RULES_CHOSEN;
}

enum rules_result
rule_act_USE_SERVER(const struct rule *rule, struct rules_context *ctx, struct rules_run *run,
	struct rules_verdict *verdict)
{
	struct server *server = rule->value == NULL ? rule->ref->object : NULL;
	struct slice name;

	if (rule->value != NULL && scratch_write(ctx->eval, rule->value, &name))
		server = backend_find_server(ctx->eval->backend, ctx->worker, name);
	if (server == NULL)
		return RULES_DONE;	/* a name of nobody ends it, as in HAProxy */
	if (!server_is_up(server))
		return RULES_GO_ON;	/* so the next one is asked (HAProxy manual, "use-server") */
	verdict->object = server;
	return RULES_CHOSEN;
}
