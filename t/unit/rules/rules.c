/*
 * Lists of rules: order, conditions, phases.
 */
#include "config.h"
#include <stdlib.h>
#include "../expr/scene.h"
#include "rules/rules.h"

static struct rule_verdict verdict;

/* Deny with that status if (or unless) the condition holds; NULL: always. */
static struct rule
deny_if(uint16_t status, const char *text, bool unless)
{
	return (struct rule){
		.action = RULE_DENY,
		.status = status,
		.cond = text != NULL ? cond_of(text) : NULL,
		.unless = unless,
	};
}

static struct rules *
rules_of(const struct rule *list, uint32_t count)
{
	struct rules *rules = rules_new(count);

	assert_non_null(rules);
	memcpy(rules->rules, list, count * sizeof(*list));
	return rules;
}

/* The status that a request for that path is denied with, 0 for none. */
static uint16_t
run_for(const struct rules *rules, const char *path)
{
	char start[64], bytes[256];
	struct http_room room = { bytes, sizeof(bytes) };

	snprintf(start, sizeof(start), "GET %s", path);
	rules_run_request(rules, request_of(start, "Host: x\r\n"), &room, &verdict);
	return verdict.error;
}

static void
the_first_that_applies_ends_its_phase(void **state)
{
	struct rules *rules = rules_of((struct rule[]){
		deny_if(403, "{ path /a }", false),
		deny_if(429, "{ path_beg /a }", false),
		deny_if(404, NULL, false),
	}, 3);

	(void)state;
	assert_int_equal(run_for(rules, "/a"), 403);
	assert_ptr_equal(verdict.rule, &rules->rules[0]);
	assert_int_equal(verdict.cause, END_DENIED);
	assert_int_equal(run_for(rules, "/ab"), 429);
	assert_int_equal(run_for(rules, "/b"), 404);
	assert_ptr_equal(verdict.rule, &rules->rules[2]);
	rules_free(rules);
}

static void
unless_is_if_not(void **state)
{
	struct rules *rules = rules_of((struct rule[]){ deny_if(403, "{ path /a }", true) }, 1);

	(void)state;
	assert_int_equal(run_for(rules, "/a"), 0);
	assert_null(verdict.rule);
	assert_int_equal(verdict.cause, END_NONE);
	assert_int_equal(run_for(rules, "/b"), 403);
	rules_free(rules);
}

static void
no_rules_decide_nothing(void **state)
{
	struct rules *rules = rules_new(0);

	(void)state;
	assert_int_equal(run_for(rules, "/"), 0);
	assert_null(verdict.rule);
	assert_int_equal(run_for(NULL, "/"), 0);
	assert_null(verdict.rule);
	rules_free(rules);
	rules_free(NULL);
}

static void
a_phase_sees_its_own_rules_alone(void **state)
{
	struct rules *rules = rules_of((struct rule[]){
		{ .action = RULE_USE_BACKEND, .cond = cond_of("{ path_beg /api }") },
		deny_if(403, "{ path /api/x }", false),
	}, 2);

	(void)state;
	assert_int_equal(run_for(rules, "/api/x"), 403);
	rules_run_use_backend(rules, request_of("GET /api/x", "Host: x\r\n"), &verdict);
	assert_ptr_equal(verdict.rule, &rules->rules[0]);
	assert_int_equal(verdict.error, 0);
	assert_int_equal(verdict.cause, END_NONE);
	rules_run_use_backend(rules, request_of("GET /b", "Host: x\r\n"), &verdict);
	assert_null(verdict.rule);
	rules_free(rules);
}

static void
a_return_gives_its_answer(void **state)
{
	struct http_answer *answer = NULL;
	struct rules *rules;

	(void)state;
	assert_int_equal(http_answer_new(&answer, 200, SLICE("text/plain"), SLICE("X: y\r\n"),
					 SLICE("hello")),
			 ERR_OK);
	rules = rules_of((struct rule[]){ { .action = RULE_RETURN, .answer = answer } }, 1);
	assert_int_equal(run_for(rules, "/"), 0);
	assert_ptr_equal(verdict.answer, answer);
	assert_int_equal(verdict.cause, END_ANSWERED);
	assert_int_equal(verdict.extra.len, 0);
	rules_free(rules);
}

static void
what_a_rule_owns_goes_with_it(void **state)
{
	struct rules *rules = rules_of((struct rule[]){ {
		.action = RULE_USE_BACKEND,
		.id = strdup("to-api"),
		.cond = cond_of("TRUE"),
		.to = strdup("/"),
		.cookie = redirect_cookie("a=b", false),
		.backend_name = strdup("api"),
	} }, 1);

	(void)state;
	rules_free(rules);	/* the sanitizer looks */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_applies_ends_its_phase),
		cmocka_unit_test(unless_is_if_not),
		cmocka_unit_test(no_rules_decide_nothing),
		cmocka_unit_test(a_phase_sees_its_own_rules_alone),
		cmocka_unit_test(a_return_gives_its_answer),
		cmocka_unit_test(what_a_rule_owns_goes_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
