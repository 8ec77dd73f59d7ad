/*
 * A list of rules, a head that it is run on, and what it makes of it.
 */
#pragma once

#include <stdlib.h>
#include "../expr/scene.h"
#include "expr/vars.h"
#include "rules/rules.h"
#include "rules/stats.h"

struct scene {
	struct rules		*rules;
	struct http_head	*request, *response;
	char			 lines[4096];		/* for what rules add */
	char			 scratch[8192];
	struct http_room	 room;
	struct eval		 eval;
	struct vars		 vars;
	struct spares		 blocks;
	struct rule_wishes	 wishes;
	struct rules_run	 run;
	struct rules_context	 ctx;
	struct rules_verdict	 verdict;
	char			 told[512];		/* early hints, captures */
};

static struct compile_env rule_env = { .has = COMPILE_HAS_ALL, .place = "a test" };

static inline struct format *
format_of(const char *text)
{
	struct format *format = NULL;
	struct diag diag = { "" };

	if (format_compile(&format, slice_of(text), FORMAT_VALUE, &rule_env, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.text);
	return format;
}

static inline struct expr *
expr_of(const char *text)
{
	struct expr *expr = NULL;
	struct diag diag = { "" };

	if (expr_compile(&expr, slice_of(text), &rule_env, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.text);
	return expr;
}

static inline struct regex *
regex_of(const char *text)
{
	struct regex *regex = NULL;
	struct diag diag = { "" };

	if (regex_compile(&regex, slice_of(text), false, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.text);
	return regex;
}

static void
scene_capture(struct eval *eval, bool is_response, uint32_t slot, struct slice text)
{
	struct scene *s = (struct scene *)(void *)((char *)eval - offsetof(struct scene, eval));
	const size_t len = strlen(s->told);

	snprintf(s->told + len, sizeof(s->told) - len, "%s%u=%.*s;", is_response ? "res" : "req",
		 slot, (int)text.len, text.at);
}

static void
scene_hint(struct eval *eval, struct slice lines)
{
	struct scene *s = (struct scene *)(void *)((char *)eval - offsetof(struct scene, eval));
	const size_t len = strlen(s->told);

	snprintf(s->told + len, sizeof(s->told) - len, "103 %.*s", (int)lines.len, lines.at);
}

static const struct rule_ops scene_ops = { .capture = scene_capture, .early_hint = scene_hint };

/* The rules become the scene's; those whose phase is not set (0) are the given one's. */
static inline void
scene_begin(struct scene *s, enum rule_phase phase, const struct rule *list, uint32_t count)
{
	*s = (struct scene){ .rules = rules_new(count) };
	assert_non_null(s->rules);
	memcpy(s->rules->rules, list, count * sizeof(*list));
	for (uint32_t i = 0; i < count; i++)
		if (list[i].phase == 0)
			s->rules->rules[i].phase = phase;
	rules_seal(s->rules);
	s->room = (struct http_room){ s->lines, sizeof(s->lines) };
	s->eval = (struct eval){ .vars = { [VAR_TXN] = &s->vars }, .is_final = true };
	s->ctx = (struct rules_context){
		.eval = &s->eval,
		.scratch = { s->scratch, sizeof(s->scratch) },
		.room = &s->room,
		.var_blocks = &s->blocks,
		.wishes = &s->wishes,
		.ops = &scene_ops,
		.body_is_whole = true,
	};
}

static inline enum rules_result
scene_run(struct scene *s, enum rule_phase phase)
{
	return rules_run(s->rules, phase, &s->run, &s->ctx, &s->verdict);
}

/* Run the request's phase on "GET path" with these lines. */
static inline enum rules_result
scene_ask(struct scene *s, const char *path, const char *lines)
{
	char start[1024];

	snprintf(start, sizeof(start), "GET %.1000s", path);
	s->request = (struct http_head *)(uintptr_t)request_of(start, lines);
	s->eval.request = s->ctx.request = s->request;
	s->run = (struct rules_run){ 0 };
	return scene_run(s, PHASE_HTTP_REQUEST);
}

/* The request as a server would get it. */
static inline const char *
scene_shows(const struct scene *s)
{
	static char text[8192];
	struct iovec iov[H1_IOVECS];
	char room[H1_ROOM_BYTES];
	size_t bytes, len = 0;
	const int count = h1_write_head(s->ctx.response != NULL ? s->ctx.response : s->request, iov,
					room, &bytes);

	for (int i = 0; i < count; i++) {
		memcpy(text + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	text[len] = '\0';
	return text;
}

static inline void
scene_end(struct scene *s)
{
	rules_free(s->rules);
	vars_fini(&s->vars, &s->blocks);
	spares_fini(&s->blocks);
}
