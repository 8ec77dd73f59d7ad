/*
 * Lists of rules: order, conditions, phases, waits, what they own.
 */
#include "config.h"
#include "scene.h"

/* Deny with that status if (or unless) the condition holds; NULL: always. */
static struct rule
deny_if(uint16_t status, const char *text, bool unless)
{
	return (struct rule){
		.action = RULE_DENY,
		.phase = PHASE_HTTP_REQUEST,
		.status = status,
		.cond = text != NULL ? cond_of(text) : NULL,
		.unless = unless,
	};
}

#define BEGIN(scene, ...)                                                                   \
	scene_begin(scene, PHASE_HTTP_REQUEST, (struct rule[]){ __VA_ARGS__ },              \
		    sizeof((struct rule[]){ __VA_ARGS__ }) / sizeof(struct rule))

/* The status that a request for that path is denied with, 0 for none. */
static uint16_t
denied(struct scene *s, const char *path)
{
	const enum rules_result result = scene_ask(s, path, "Host: x\r\n");

	assert_true(result == RULES_DENIED || result == RULES_DONE);
	return result == RULES_DENIED ? s->verdict.error : 0;
}

static void
the_first_that_applies_ends_its_phase(void **state)
{
	const struct rule list[] = { deny_if(403, "{ path /a }", false),
				     deny_if(429, "{ path_beg /a }", false),
				     deny_if(404, NULL, false) };
	struct scene s;

	(void)state;
	scene_begin(&s, PHASE_HTTP_REQUEST, list, 3);
	assert_int_equal(denied(&s, "/a"), 403);
	assert_ptr_equal(s.verdict.rule, &s.rules->rules[0]);
	assert_int_equal(s.verdict.cause, END_DENIED);
	assert_int_equal(denied(&s, "/ab"), 429);
	assert_int_equal(denied(&s, "/b"), 404);
	assert_ptr_equal(s.verdict.rule, &s.rules->rules[2]);
	scene_end(&s);
}

static void
unless_is_if_not(void **state)
{
	const struct rule list[] = { deny_if(403, "{ path /a }", true) };
	struct scene s;

	(void)state;
	scene_begin(&s, PHASE_HTTP_REQUEST, list, 1);
	assert_int_equal(denied(&s, "/a"), 0);
	assert_null(s.verdict.rule);
	assert_int_equal(s.verdict.cause, END_NONE);
	assert_int_equal(denied(&s, "/b"), 403);
	scene_end(&s);
}

static void
no_rules_decide_nothing(void **state)
{
	struct rules_run run = { 0 };
	struct rules_verdict verdict;
	struct rules_context ctx = { 0 };

	(void)state;
	assert_int_equal(rules_run(NULL, PHASE_HTTP_REQUEST, &run, &ctx, &verdict), RULES_DONE);
	assert_null(verdict.rule);
}

/* Within a phase the list's order counts, and nothing of other phases. */
static void
a_phase_sees_its_own_rules_in_their_order(void **state)
{
	struct rule late = deny_if(502, NULL, false);
	struct scene s;

	(void)state;
	late.phase = PHASE_HTTP_RESPONSE;
	BEGIN(&s, late, deny_if(403, "{ path /a }", false), deny_if(404, NULL, false));
	assert_int_equal(denied(&s, "/a"), 403);
	assert_int_equal(denied(&s, "/b"), 404);
	assert_int_equal(s.rules->phase[PHASE_HTTP_RESPONSE].count, 1);
	assert_int_equal(s.rules->phase[PHASE_HTTP_RESPONSE].first, 2);
	assert_false(rules_have(s.rules, PHASE_USE_BACKEND));
	scene_end(&s);
}

static void
allow_ends_a_phase_and_lets_pass(void **state)
{
	struct rule allow = { .action = RULE_ALLOW, .phase = PHASE_HTTP_REQUEST };
	struct scene s;

	(void)state;
	allow.cond = cond_of("{ path /a }");
	BEGIN(&s, allow, deny_if(403, NULL, false));
	assert_int_equal(denied(&s, "/a"), 0);
	assert_int_equal(denied(&s, "/b"), 403);
	scene_end(&s);
}

static void
hits_are_counted_where_a_rule_applies(void **state)
{
	const struct rule list[] = { deny_if(403, "{ path /a }", false) };
	struct rule_hits hits;
	struct scene s;

	(void)state;
	scene_begin(&s, PHASE_HTTP_REQUEST, list, 1);
	s.rules->rules[0].stats = rule_stats_new(2);
	s.eval.wall_us = 7;
	denied(&s, "/b");
	rule_stats_read(s.rules->rules[0].stats, &hits);
	assert_int_equal(hits.hits, 0);
	assert_int_equal(hits.last_us, 0);
	denied(&s, "/a");
	s.ctx.worker = 1;
	s.eval.wall_us = 9;
	denied(&s, "/a");
	rule_stats_read(s.rules->rules[0].stats, &hits);
	assert_int_equal(hits.hits, 2);
	assert_int_equal(hits.last_us, 9);
	scene_end(&s);
}

/* A wait stops the walk at its rule; once it is over the walk goes on behind it. */
static void
a_pause_is_waited_for_once(void **state)
{
	const struct rule pause = { .action = RULE_PAUSE, .number = 100 };
	struct scene s;

	(void)state;
	BEGIN(&s, pause, deny_if(403, NULL, false));
	s.eval.now_ms = 1000;
	assert_int_equal(scene_ask(&s, "/", "Host: x\r\n"), RULES_WAITING);
	assert_int_equal(s.run.until_ms, 1100);
	assert_false(s.run.waits_for_bytes);
	s.eval.now_ms = 1099;
	assert_int_equal(scene_run(&s, PHASE_HTTP_REQUEST), RULES_WAITING);
	s.eval.now_ms = 1100;
	assert_int_equal(scene_run(&s, PHASE_HTTP_REQUEST), RULES_DENIED);
	scene_end(&s);
}

static void
a_tarpit_denies_when_it_is_over(void **state)
{
	const struct rule tarpit = { .action = RULE_TARPIT, .status = 500 };
	struct scene s;

	(void)state;
	BEGIN(&s, tarpit);
	s.ctx.tarpit_ms = 50;
	assert_int_equal(scene_ask(&s, "/", "Host: x\r\n"), RULES_WAITING);
	assert_true(s.verdict.is_tarpit);
	s.eval.now_ms = 50;
	assert_int_equal(scene_run(&s, PHASE_HTTP_REQUEST), RULES_DENIED);
	assert_int_equal(s.verdict.error, 500);
	assert_true(s.verdict.is_tarpit);
	scene_end(&s);
}

static void
a_body_is_waited_for_until_it_suffices(void **state)
{
	const struct rule wait = { .action = RULE_WAIT_FOR_BODY, .number = 100, .bytes = 10 };
	struct scene s;

	(void)state;
	BEGIN(&s, wait);
	s.ctx.body_is_whole = false;
	assert_int_equal(scene_ask(&s, "/", "Host: x\r\n"), RULES_WAITING);
	assert_true(s.run.waits_for_bytes);
	s.ctx.body_bytes = 10;
	assert_int_equal(scene_run(&s, PHASE_HTTP_REQUEST), RULES_DONE);
	scene_end(&s);
}

static void
a_body_that_is_late_is_the_clients_fault(void **state)
{
	const struct rule wait = { .action = RULE_WAIT_FOR_BODY, .number = 100 };
	struct scene s;

	(void)state;
	BEGIN(&s, wait);
	s.ctx.body_is_whole = false;
	assert_int_equal(scene_ask(&s, "/", "Host: x\r\n"), RULES_WAITING);
	s.eval.now_ms = 100;
	assert_int_equal(scene_run(&s, PHASE_HTTP_REQUEST), RULES_DENIED);
	assert_int_equal(s.verdict.error, 408);
	assert_int_equal(s.verdict.cause, END_CLIENT_TIMEOUT);
	scene_end(&s);
}

/* Undecided means: not enough has come to know. */
static void
content_is_waited_for_as_long_as_inspect_delay_says(void **state)
{
	struct rule delay = { .action = RULE_INSPECT_DELAY, .phase = PHASE_TCP_REQUEST_CONTENT,
			      .number = 100 };
	struct rule reject = { .action = RULE_REJECT, .phase = PHASE_TCP_REQUEST_CONTENT };
	struct scene s;

	(void)state;
	reject.cond = cond_of("{ req.payload(0,4) -m str EVIL }");
	BEGIN(&s, reject, delay);
	s.ctx.body_is_whole = false;
	s.eval.request_bytes = SLICE("EV");
	assert_int_equal(scene_run(&s, PHASE_TCP_REQUEST_CONTENT), RULES_WAITING);
	assert_true(s.run.waits_for_bytes);
	assert_int_equal(s.run.until_ms, 100);
	s.eval.request_bytes = SLICE("EVIL");
	assert_int_equal(scene_run(&s, PHASE_TCP_REQUEST_CONTENT), RULES_CLOSED);
	s.run = (struct rules_run){ 0 };
	s.eval.request_bytes = SLICE("EV");
	s.eval.now_ms = 100;
	assert_int_equal(scene_run(&s, PHASE_TCP_REQUEST_CONTENT), RULES_DONE);
	scene_end(&s);
}

static void
early_hints_side_by_side_are_one_answer(void **state)
{
	const struct rule list[] = {
		{ .action = RULE_EARLY_HINT, .name = strdup("Link"), .value = format_of("</a>") },
		{ .action = RULE_EARLY_HINT, .name = strdup("Link"), .value = format_of("</b>") },
		{ .action = RULE_SET_HEADER, .name = strdup("X"), .value = format_of("y") },
		{ .action = RULE_EARLY_HINT, .name = strdup("Link"), .value = format_of("</c>") },
	};
	struct scene s;

	(void)state;
	scene_begin(&s, PHASE_HTTP_REQUEST, list, 4);
	assert_int_equal(scene_ask(&s, "/", "Host: x\r\n"), RULES_DONE);
	assert_string_equal(s.told, "103 Link: </a>\r\nLink: </b>\r\n103 Link: </c>\r\n");
	scene_end(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_applies_ends_its_phase),
		cmocka_unit_test(unless_is_if_not),
		cmocka_unit_test(no_rules_decide_nothing),
		cmocka_unit_test(a_phase_sees_its_own_rules_in_their_order),
		cmocka_unit_test(allow_ends_a_phase_and_lets_pass),
		cmocka_unit_test(hits_are_counted_where_a_rule_applies),
		cmocka_unit_test(a_pause_is_waited_for_once),
		cmocka_unit_test(a_tarpit_denies_when_it_is_over),
		cmocka_unit_test(a_body_is_waited_for_until_it_suffices),
		cmocka_unit_test(a_body_that_is_late_is_the_clients_fault),
		cmocka_unit_test(content_is_waited_for_as_long_as_inspect_delay_says),
		cmocka_unit_test(early_hints_side_by_side_are_one_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
