/*
 * Rules of a stream: in which order phases run, what they may look at, and waiting for time or bytes.
 *
 *	content and requests of the frontend, use_backend, content and requests of the backend, use-server
 *
 * (HAProxy manual, "tcp-request content" and others.) A phase without rules costs a comparison.
 *
 * The stream's worker.
 */
#include "config.h"
#include <stdlib.h>
#include "rules/rules.h"
#include "stream/capture.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"
#include "stream/stream_priv.h"

static const struct step {
	enum rule_phase	 phase;
	bool		 of_backend;
} steps[] = {
	{ PHASE_TCP_REQUEST_CONTENT, false },
	{ PHASE_HTTP_REQUEST,	     false },
	{ PHASE_USE_BACKEND,	     false },
	{ PHASE_TCP_REQUEST_CONTENT, true  },
	{ PHASE_HTTP_REQUEST,	     true  },
	{ PHASE_USE_SERVER,	     true  },
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* -- what rules keep -- */

bool
stream_rule(struct stream *s)
{
	if (s->ruled != NULL)
		return true;
	s->ruled = spares_take(&s->worker->spare_ruled, sizeof(*s->ruled));
	if (s->ruled != NULL)
		*s->ruled = (struct stream_ruled){ 0 };
	return s->ruled != NULL;
}

void
stream_unrule(struct stream *s)
{
	struct spares *blocks = &s->worker->spare_vars;
	struct stream_ruled *r = s->ruled;

	if (r == NULL)
		return;
	s->ruled = NULL;
	vars_fini(&r->vars, blocks);
	vars_fini(&r->vars_request, blocks);
	vars_fini(&r->vars_response, blocks);
	if (r->inspected != NULL)
		slab_give(&s->worker->slabs, r->inspected);
	free(r->addrs);
	spares_give(&s->worker->spare_ruled, r);
}

const struct rule_wishes *
stream_wishes(const struct stream *s)
{
	static const struct rule_wishes none;

	return s->ruled != NULL ? &s->ruled->wishes : &none;
}

/* -- what rules look at, and may do -- */

void
stream_eval(struct stream *s, struct eval *eval)
{
	const struct worker *w = s->worker;

	*eval = (struct eval){
		.room = { w->eval_room, WORKER_EVAL_BYTES },
		.vars = { [VAR_SESS] = &s->client->vars },
		.client = s->client,
		.stream = s,
		.backend = s->backend,
		.server = s->server,
		.var_blocks = &s->worker->spare_vars,
		.now_ms = w->loop->now_ms,
		.wall_us = w->loop->wall_us,
		.is_final = true,
	};
	if (s->ruled != NULL) {
		eval->vars[VAR_TXN] = &s->ruled->vars;
		eval->vars[VAR_REQ] = &s->ruled->vars_request;
		eval->vars[VAR_RES] = &s->ruled->vars_response;
	}
	if (s->exchange != NULL && s->exchange->is_parsed && s->exchange->draft != NULL)
		eval->request = &s->exchange->request;
}

static void
on_capture(struct eval *eval, bool is_response, uint32_t slot, struct slice text)
{
	capture_put(eval->stream, is_response, slot, text);
}

static void
on_early_hint(struct eval *eval, struct slice lines)
{
	exchange_send_hints(eval->stream, lines);
}

static void
on_set_address(struct eval *eval, enum rule_address which, const struct ip *ip, int port)
{
	stream_set_address(eval->stream, which, ip, port);
}

static void
on_client_address(struct eval *eval, enum rule_address which, const struct ip *ip, int port)
{
	client_set_address(eval->client, which, ip, port);
}

static const struct rule_ops stream_ops = {
	.capture = on_capture,
	.early_hint = on_early_hint,
	.set_address = on_set_address,
};

/* A connection has nothing yet to be captured or hinted at: the schema has no such rules. */
static const struct rule_ops client_ops = {
	.set_address = on_client_address,
};

static void
stream_context(struct stream *s, struct eval *eval, struct rules_context *ctx)
{
	*ctx = (struct rules_context){
		.eval = eval,
		.scratch = eval->room,
		.var_blocks = &s->worker->spare_vars,
		.wishes = &s->ruled->wishes,
		.ops = &stream_ops,
		.worker = s->worker->index,
		.began_ms = s->begun_ms,
		.tarpit_ms = s->frontend_conf->timeout_tarpit,
		.body_is_whole = true,
	};
}

/* -- connections -- */

bool
client_run_rules(struct client *c, const struct frontend_conf *conf, enum rule_phase phase)
{
	struct worker *w = c->worker;
	struct eval eval = {
		.vars = { [VAR_SESS] = &c->vars },
		.client = c,
		.var_blocks = &w->spare_vars,
		.now_ms = w->loop->now_ms,
		.wall_us = w->loop->wall_us,
		.is_final = true,
	};
	struct rules_context ctx = {
		.eval = &eval,
		.scratch = { w->eval_room, WORKER_EVAL_BYTES },
		.var_blocks = &w->spare_vars,
		.ops = &client_ops,
		.worker = w->index,
		.body_is_whole = true,
	};
	struct rules_run run = { 0 };
	struct rules_verdict verdict;

	if (rules_run(conf->rules, phase, &run, &ctx, &verdict) == RULES_DONE)
		return true;
	count_add(&c->frontend->slots[w->index].counters.denied, 1);
	if (verdict.silently)
		conn_drop(&c->conn);
	client_end(c);
	return false;
}

/* -- a stream's steps -- */

static struct rules *
step_rules(const struct stream *s, const struct step *step)
{
	if (!step->of_backend)
		return s->frontend_conf->rules;
	return s->backend_conf == NULL ? NULL : s->backend_conf->rules;
}

/* Where it goes, as use_backend says, or by default. False: nowhere. */
static bool
step_set_backend(struct stream *s, const struct rules_verdict *verdict)
{
	struct backend *backend = verdict->object;

	if (verdict->chosen_name.at != NULL)
		backend = backend_find(s->worker->index, verdict->chosen_name);
	if (verdict->rule != NULL)
		s->ruled->rule = verdict->rule->id;
	return (backend != NULL && stream_set_backend(s, backend)) ||
	       stream_set_backend(s, s->frontend_conf->default_backend);
}

/* A step's rules were run to their end. False: the stream fails here. */
static bool
step_done(struct stream *s, const struct step *step, const struct rules_verdict *verdict)
{
	if (step->phase == PHASE_USE_SERVER && verdict->object != NULL)
		s->ruled->wanted = verdict->object;
	return step->phase != PHASE_USE_BACKEND || step_set_backend(s, verdict);
}

static enum rules_result
step_run(struct stream *s, const struct step *step, struct rules_verdict *verdict)
{
	struct rules *rules = step_rules(s, step);
	struct rules_context ctx;
	struct eval eval;

	if (!rules_have(rules, step->phase)) {
		*verdict = (struct rules_verdict){ .cause = END_NONE };
		return RULES_DONE;
	}
	if (!stream_rule(s)) {
		stream_end(s, END_RESOURCE);
		return RULES_GO_ON;
	}
	stream_eval(s, &eval);
	stream_context(s, &eval, &ctx);
	if ((rules->phase[step->phase].needs & NEEDS_REQUEST_BYTES) &&
	    !s->mode->gather(s, &eval.request_bytes, &ctx.body_is_whole))
		return RULES_GO_ON;
	ctx.body_bytes = eval.request_bytes.len;
	if (s->exchange != NULL) {
		ctx.request = &s->exchange->request;
		ctx.room = &s->exchange->room;
	}
	return rules_run(rules, step->phase, &s->ruled->run, &ctx, verdict);
}

static void
stream_wait_for_rules(struct stream *s, bool is_tarpit)
{
	s->state = is_tarpit ? STREAM_TARPIT : STREAM_RULES;
	if (s->ruled->run.waits_for_bytes && s->exchange != NULL)
		exchange_ask_for_body(s);
	if (is_tarpit && s->client->conn.closed_seen) {
		stream_end(s, END_CLIENT_CLOSE); /* who has gone already is not held */
		return;
	}
	stream_note_active(s);
	stream_arm(s);
}

/* More room for lines, once. False: there is none, and it was answered. */
static bool
stream_more_room(struct stream *s, const struct rules_verdict *verdict)
{
	const enum err err = exchange_more_room(s);

	if (err == ERR_OK)
		return true;
	s->ruled->rule = verdict->rule->id;
	exchange_fail(s, err == ERR_NOMEM ? END_RESOURCE : END_NO_ROOM);
	return false;
}

/* True: the next step; or the same once more, after room was made. */
static bool
step_follow(struct stream *s, const struct step *step, enum rules_result result,
	    const struct rules_verdict *verdict)
{
	switch (result) {
	case RULES_DONE:
	case RULES_CHOSEN:
		s->step++;
		if (s->ruled != NULL)
			s->ruled->run = (struct rules_run){ 0 };
		if (step_done(s, step, verdict))
			return true;
		s->state = STREAM_CHOOSING;
		s->mode->failed(s, END_NO_BACKEND);
		return false;
	case RULES_NO_ROOM: return stream_more_room(s, verdict);
	case RULES_WAITING: stream_wait_for_rules(s, verdict->is_tarpit); return false;
	case RULES_ANSWERED:
	case RULES_DENIED:
	case RULES_CLOSED:
	case RULES_FAILED: s->mode->obey(s, result, verdict); return false;
	case RULES_GO_ON: break;	/* the stream has ended, or will be */
	}
	return false;
}

void
stream_run_rules(struct stream *s)
{
	struct rules_verdict verdict;

	while (s->step < STEPS) {
		const struct step *step = &steps[s->step];
		const enum rules_result result = step_run(s, step, &verdict);

		if (!step_follow(s, step, result, &verdict))
			return;
	}
	s->mode->ruled(s);
}

enum rules_result
stream_run_content(struct stream *s, struct slice bytes, bool is_whole,
		   struct rules_verdict *verdict)
{
	struct rules_context ctx;
	struct eval eval;

	stream_eval(s, &eval);
	stream_context(s, &eval, &ctx);
	eval.response_bytes = bytes;
	ctx.began_ms = s->connected_ms;
	ctx.body_is_whole = is_whole;
	return rules_run(s->backend_conf->rules, PHASE_TCP_RESPONSE_CONTENT, &s->ruled->run,
			 &ctx, verdict);
}

enum rules_result
stream_run_phase(struct stream *s, const struct rules *rules, enum rule_phase phase,
		 struct http_head *response, struct http_room *room, struct rules_verdict *verdict)
{
	struct rules_run run = { 0 };
	struct rules_context ctx;
	struct eval eval;

	if (!rules_have(rules, phase))
		return RULES_DONE;
	if (!stream_rule(s))
		return RULES_NO_ROOM;
	stream_eval(s, &eval);
	stream_context(s, &eval, &ctx);
	eval.request = NULL;	/* it may be let go by now: no phase of a response looks at it */
	eval.response = ctx.response = response;
	ctx.room = room;
	return rules_run(rules, phase, &run, &ctx, verdict);
}
