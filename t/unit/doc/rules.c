/*
 * Ids of rules, and changes of single ones, as a plan makes them.
 */
#include "config.h"
#include "scene.h"

static struct plan plan;

/* The ids of frontend web's rules as the plan leaves them, in order. */
static const char *
ids_in(struct plan *p)
{
	static char text[1024];
	struct doc_node *web = plan_find(p, scene_doc->root, DOC_FRONTEND, "web");
	const cJSON *rule;

	text[0] = '\0';
	cJSON_ArrayForEach(rule, doc_field(plan_version(web)->set, "rules")) {
		strcat(text, text[0] == '\0' ? "" : " ");
		strcat(text, cJSON_GetStringValue(doc_field(rule, "id")));
	}
	return text;
}

/* A list that is put; its ids. The plan is left for the caller. */
static const char *
ids_of(const char *rules)
{
	char text[2048];

	snprintf(text, sizeof(text), "{'frontends':{'web':{'rules':%s}}}", rules);
	scene_plan(&plan);
	put_config(&plan, text);
	plan_finish(&plan);
	return ids_in(&plan);
}

static void
have(const char *rules)
{
	char text[2048];

	snprintf(text, sizeof(text), "{'frontends':{'web':{'rules':%s}}}", rules);
	scene_put(text);
}

static const char *
edited(enum plan_rules_verb verb, const char *id, const char *body)
{
	cJSON *json = body == NULL ? NULL : tree_of(body);

	scene_plan(&plan);
	plan_rules_edit(&plan, plan_find(&plan, scene_doc->root, DOC_FRONTEND, "web"), verb, id,
		json);
	cJSON_Delete(json);
	return ids_in(&plan);
}

static void
a_rule_without_an_id_gets_the_next(void **state)
{
	assert_string_equal(
		ids_of("[{'action':'deny'},{'id':'a','action':'deny'},{'action':'allow'}]"),
		"rule-1 a rule-2");
	plan_fini(&plan);
}

static void
a_given_number_is_taken(void **state)
{
	assert_string_equal(ids_of("[{'action':'deny'},{'id':'rule-7','action':'deny'}]"),
		"rule-8 rule-7");
	plan_fini(&plan);
}

static void
what_is_the_same_keeps_its_id(void **state)
{
	have("[{'action':'deny'},{'action':'allow','comment':'x'},{'action':'deny'}]");
	assert_string_equal(ids_of("[{'comment':'x','action':'allow'},{'action':'deny'},"
		"{'action':'deny'},{'action':'deny'}]"), "rule-2 rule-1 rule-3 rule-4");
	plan_fini(&plan);
}

static void
an_id_that_somebody_else_is_given_is_not_kept(void **state)
{
	have("[{'action':'deny'}]");
	assert_string_equal(ids_of("[{'action':'deny'},{'id':'rule-1','action':'allow'}]"),
		"rule-2 rule-1");
	plan_fini(&plan);
}

static void
no_id_is_given_twice_though_its_rule_went(void **state)
{
	have("[{'action':'deny'},{'action':'allow'}]");
	have("[]");
	assert_string_equal(ids_of("[{'action':'deny'}]"), "rule-3");
	plan_fini(&plan);
	assert_string_equal(ids_of("[{'action':'deny'}]"), "rule-3");	/* that plan was dropped */
	plan_fini(&plan);
}

static void
a_status_as_it_is_shown_is_put_back(void **state)
{
	const struct doc_node *web;
	const cJSON *rule;

	ids_of("[{'id':'a','action':'return','status':{'hits':3,'code':404}},"
		"{'id':'b','action':'deny','status':{'hits':3}}]");
	assert_int_equal(plan.verdict, PLAN_OK);
	web = plan_find(&plan, scene_doc->root, DOC_FRONTEND, "web");
	rule = rules_find(plan_version(web)->set, "a", NULL);
	assert_int_equal(doc_field(rule, "status")->valuedouble, 404);
	assert_null(doc_field(rules_find(plan_version(web)->set, "b", NULL), "status"));
	plan_fini(&plan);
}

static const char three[] = "[{'id':'a','action':'deny'},{'id':'b','action':'deny'},"
	"{'id':'c','action':'deny'}]";

static void
a_rule_goes_where_it_is_told(void **state)
{
	have(three);
	assert_string_equal(edited(PLAN_RULE_CREATE, NULL, "{'id':'n','action':'deny'}"),
			    "a b c n");
	plan_fini(&plan);
	assert_string_equal(
		edited(PLAN_RULE_CREATE, NULL, "{'id':'n','action':'deny','before':'a'}"),
		"n a b c");
	plan_fini(&plan);
	assert_string_equal(
		edited(PLAN_RULE_CREATE, NULL, "{'id':'n','action':'deny','after':'b'}"),
		"a b n c");
	plan_fini(&plan);
	assert_string_equal(edited(PLAN_RULE_PUT, "b", "{'action':'allow'}"), "a b c");
	plan_fini(&plan);
	assert_string_equal(edited(PLAN_RULE_PATCH, "c", "{'before':'a'}"), "c a b");
	plan_fini(&plan);
	assert_string_equal(edited(PLAN_RULE_PATCH, "a", "{'after':'c'}"), "b c a");
	plan_fini(&plan);
	assert_string_equal(edited(PLAN_RULE_DELETE, "b", NULL), "a c");
	plan_fini(&plan);
	assert_string_equal(
		edited(PLAN_RULES_PATCH, NULL, "{'a':null,'n':{'action':'deny','before':'b'}}"),
		"n b c");
	plan_fini(&plan);
}

static void
nobody_goes_beside_itself_or_a_stranger(void **state)
{
	have(three);
	edited(PLAN_RULE_PATCH, "a", "{'after':'a'}");
	assert_string_equal(plan.issues.items[0].pointer, "/after");
	plan_fini(&plan);
	edited(PLAN_RULES_PATCH, NULL, "{'a':{'before':'x'}}");
	assert_string_equal(plan.issues.items[0].pointer, "/a/before");
	plan_fini(&plan);
	edited(PLAN_RULE_PUT, "a", "{'id':'b','action':'deny'}");
	assert_string_equal(plan.issues.items[0].pointer, "/id");
	plan_fini(&plan);
}

static void
a_patch_that_changes_nothing_is_nothing(void **state)
{
	have(three);
	edited(PLAN_RULE_PATCH, "a", "{'action':'deny'}");
	plan_finish(&plan);
	assert_true(plan_is_empty(&plan));
	plan_fini(&plan);
}

#define rules_test(name) cmocka_unit_test_setup_teardown(name, scene_begin, scene_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rules_test(a_rule_without_an_id_gets_the_next),
		rules_test(a_given_number_is_taken),
		rules_test(what_is_the_same_keeps_its_id),
		rules_test(an_id_that_somebody_else_is_given_is_not_kept),
		rules_test(no_id_is_given_twice_though_its_rule_went),
		rules_test(a_status_as_it_is_shown_is_put_back),
		rules_test(a_rule_goes_where_it_is_told),
		rules_test(nobody_goes_beside_itself_or_a_stranger),
		rules_test(a_patch_that_changes_nothing_is_nothing),
	};

	return cmocka_run_group_tests_name("doc/rules", tests, NULL, NULL);
}
