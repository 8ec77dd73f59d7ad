/*
 * Plans: what they do, in which order, and what is left of them when they are dropped.
 */
#include "config.h"
#include "scene.h"
#include "adminapi/doc/files.h"

static const char two_servers[] = "{'backends':{'app':{'servers':{"
	"'s1':{'address':'10.0.0.1:80'},'s2':{'address':'10.0.0.2:80'}}}},"
	"'frontends':{'web':{'default_backend':'app'}}}";

/* A plan that patches the whole; what it found. The caller ends it with plan_fini(). */
static void
judge(struct plan *plan, const char *patch)
{
	scene_plan(plan);
	patch_config(plan, patch);
	plan_finish(plan);
}

static void
backends_come_before_servers_and_frontends_last(void **state)
{
	struct plan plan;

	scene_plan(&plan);
	put_config(&plan, "{'frontends':{'web':{'default_backend':'app'}},'profiles':{'p':{}},"
		"'backends':{'app':{'servers':{'s1':{'address':'10.0.0.1:80'}}},'b':{}}}");
	plan_finish(&plan);
	assert_string_equal(ops_of(&plan), "+p +app +b +s1 +web");
	plan_fini(&plan);
}

static void
what_goes_goes_the_other_way_round(void **state)
{
	struct plan plan;

	scene_put(two_servers);
	scene_plan(&plan);
	put_config(&plan, "{}");
	plan_finish(&plan);
	assert_int_equal(plan.verdict, PLAN_OK);
	assert_string_equal(ops_of(&plan), "-web -s1 -s2 -app");
	plan_fini(&plan);
	assert_string_equal(shown(DOC_HEAD), "web app s1=1 s2=2");
}

static void
what_is_put_as_it_is_changes_nothing(void **state)
{
	struct plan plan;

	scene_put(two_servers);
	scene_plan(&plan);
	put_config(&plan, two_servers);
	plan_finish(&plan);
	assert_true(plan_is_empty(&plan));
	assert_string_equal(ops_of(&plan), "");
	plan_fini(&plan);
}

static void
a_duration_in_other_words_is_no_change(void **state)
{
	struct plan plan;

	scene_put("{'defaults':{'timeout':{'client':'60s','server':1500}}}");
	judge(&plan, "{'defaults':{'timeout':{'client':'1m','server':'1500ms'}}}");
	assert_true(plan_is_empty(&plan));
	plan_fini(&plan);
	judge(&plan, "{'defaults':{'timeout':{'client':'61s'}}}");
	assert_false(plan_is_empty(&plan));
	plan_fini(&plan);
}

static void
ids_are_given_in_the_order_of_the_body(void **state)
{
	scene_put("{'backends':{'app':{'servers':{'z':{'address':'10.0.0.1:80'},"
		"'a':{'address':'10.0.0.1:80'},'m':{'address':'10.0.0.1:80','id':9},"
		"'b':{'address':'10.0.0.1:80'}}}}}");
	assert_string_equal(shown(DOC_LIVE), "app m=9 z=10 a=11 b=12");
}

static void
an_id_that_was_used_once_is_not_given_again(void **state)
{
	scene_put(two_servers);
	scene_patch("{'backends':{'app':{'servers':{'s2':null}}}}");
	scene_patch("{'backends':{'app':{'servers':{'s2':{'address':'10.0.0.9:80'}}}}}");
	assert_string_equal(shown(DOC_LIVE), "web app s1=1 s2=3");
}

static void
an_id_is_kept_by_a_body_that_omits_it(void **state)
{
	scene_put(two_servers);
	scene_put("{'backends':{'app':{'servers':{'s2':{'address':'10.0.0.9:80'}}}}}");
	assert_string_equal(shown(DOC_LIVE), "app s2=2");
}

static void
two_servers_cannot_have_one_id(void **state)
{
	struct plan plan;

	scene_put(two_servers);
	judge(&plan, "{'backends':{'app':{'servers':{'s3':{'address':'10.0.0.3:80','id':2}}}}}");
	assert_int_equal(plan.verdict, PLAN_INVALID);
	assert_string_equal(issues_of(&plan), "/backends/app/servers/s3/id: 2 is the id of server "
		"\"s2\" already");
	plan_fini(&plan);
	judge(&plan, "{'backends':{'app':{'servers':{'s1':{'id':2},'s2':{'id':1}}}}}");
	assert_int_equal(plan.verdict, PLAN_OK);	/* but they may change */
	plan_fini(&plan);
	judge(&plan, "{'backends':{'app':{'servers':{'a':{'address':'10.0.0.3:80','id':9},"
		"'b':{'address':'10.0.0.3:80'},'c':{'address':'10.0.0.3:80','id':9}}}}}");
	assert_int_equal(plan.verdict, PLAN_INVALID);
	assert_int_equal(plan.issues.count, 1);
	plan_fini(&plan);
}

static void
a_plan_that_is_dropped_gives_its_ids_back(void **state)
{
	struct plan plan;

	scene_put(two_servers);
	judge(&plan, "{'backends':{'app':{'servers':{'s3':{'address':'10.0.0.3:80'},"
		"'s4':{'address':'10.0.0.3:80','id':70},'bad':{'weight':999}}}}}");
	assert_int_equal(plan.verdict, PLAN_INVALID);
	plan_fini(&plan);
	assert_int_equal(scene_confs, 0);
	scene_patch("{'backends':{'app':{'servers':{'s3':{'address':'10.0.0.3:80'}}}}}");
	assert_string_equal(shown(DOC_LIVE), "web app s1=1 s2=2 s3=3");
}

static void
backup_is_a_way_to_say_priority(void **state)
{
	struct plan plan;

	scene_put("{'backends':{'app':{'servers':{'a':{'address':'10.0.0.1:80','backup':true},"
		"'b':{'address':'10.0.0.1:80','backup':true,'priority':4},"
		"'c':{'address':'10.0.0.1:80','backup':false}}}}}");
	judge(&plan, "{'backends':{'app':{'servers':{'a':{'priority':1},'b':{'backup':true},"
		"'c':{'backup':false}}}}}");
	assert_true(plan_is_empty(&plan));	/* it is just what they have */
	plan_fini(&plan);
	judge(&plan, "{'backends':{'app':{'servers':{'a':{'backup':false},'b':{'backup':null}}}}}");
	assert_string_equal(ops_of(&plan), "~a ~b");
	plan_fini(&plan);
	judge(&plan, "{'backends':{'app':{'servers':{'a':{'backup':false,'priority':3}}}}}");
	assert_string_equal(issues_of(&plan), "/backends/app/servers/a/backup: is false, but "
		"priority is 3");
	plan_fini(&plan);
}

static void
what_inherits_is_compiled_anew_and_keeps_its_document(void **state)
{
	struct plan plan;

	scene_put("{'backends':{'app':{'servers':{'s1':{'address':'10.0.0.1:80'}}},"
		"'own':{'from':'p'}},'profiles':{'p':{}},'frontends':{'web':{}}}");
	judge(&plan, "{'defaults':{'default_server':{'weight':3}}}");
	assert_string_equal(ops_of(&plan), "~defaults =app =s1 =web");
	plan_fini(&plan);
	judge(&plan, "{'profiles':{'p':{'retries':1}}}");
	assert_string_equal(ops_of(&plan), "~p =own");
	plan_fini(&plan);
	judge(&plan, "{'global':{'log':[{'target':'stdout'}]}}");
	assert_string_equal(ops_of(&plan), "~global =web");
	plan_fini(&plan);
}

static void
what_is_used_cannot_go(void **state)
{
	struct plan plan;

	scene_put(two_servers);
	judge(&plan, "{'backends':{'app':null}}");
	assert_int_equal(plan.verdict, PLAN_CONFLICT);
	assert_string_equal(issues_of(&plan),
			    "/frontends/web/default_backend: names backend \"app\"");
	plan_fini(&plan);
	judge(&plan, "{'backends':{'app':null},'frontends':{'web':null}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	plan_fini(&plan);
}

static void
a_body_that_replaces_all_must_have_what_it_names(void **state)
{
	struct plan plan;

	scene_put(two_servers);
	scene_plan(&plan);
	put_config(&plan, "{'frontends':{'web':{'default_backend':'app'}}}");
	plan_finish(&plan);
	assert_int_equal(plan.verdict, PLAN_INVALID);
	assert_string_equal(issues_of(&plan), "/frontends/web/default_backend: there is no backend "
		"\"app\"");
	plan_fini(&plan);
}

static void
an_address_is_listened_on_once(void **state)
{
	struct plan plan;

	scene_put("{'frontends':{'web':{'bind':['127.0.0.1:80','127.0.0.1:0']}}}");
	judge(&plan, "{'frontends':{'a':{'bind':['127.0.0.1:81',{'address':'127.0.0.1:80'},"
		"'127.0.0.1:0','127.0.0.1:0']}}}");
	assert_string_equal(issues_of(&plan),
			    "/frontends/a/bind/1: the address 127.0.0.1:80 is used "
		"by frontend web already");
	plan_fini(&plan);
	judge(&plan, "{'admin':{'listen':['127.0.0.1:80']}}");
	assert_int_equal(plan.verdict, PLAN_INVALID);
	plan_fini(&plan);
}

static void
each_place_has_one_complaint_below_what_the_body_stands_for(void **state)
{
	struct plan plan;

	scene_put(two_servers);
	scene_plan(&plan);
	plan.base = strdup("/backends/app/servers");
	put_server(&plan, "s1", "{'address':'','weight':-1}");
	plan_finish(&plan);
	assert_string_equal(issues_of(&plan), "/s1/address: must have 1 to 512 characters, has 0\n"
		"/s1/weight: must be 0 to 256, is -1");
	plan_fini(&plan);
}

static void
restart_needed_is_said_but_not_at_start(void **state)
{
	struct plan plan;

	judge(&plan, "{'global':{'threads':3,'user':'x'}}");
	assert_int_equal(plan.verdict, PLAN_CONFLICT);
	assert_int_equal(plan.issues.count, 2);
	plan_fini(&plan);
	scene_plan(&plan);
	plan.booting = true;
	patch_config(&plan, "{'global':{'threads':3}}");
	plan_finish(&plan);
	assert_int_equal(plan.verdict, PLAN_OK);
	plan_fini(&plan);
}

static void
a_rule_names_its_backend_like_a_frontend(void **state)
{
	struct plan plan;

	scene_put("{'frontends':{'web':{'mode':'http','rules':[{'action':'deny'},"
		"{'action':'use_backend','backend':'app'}]}},'backends':{'app':{'mode':'http'}}}");
	judge(&plan, "{'backends':{'app':null}}");
	assert_int_equal(plan.verdict, PLAN_CONFLICT);
	assert_string_equal(issues_of(&plan),
		"/frontends/web/rules/1/backend: names backend \"app\"");
	plan_fini(&plan);
	judge(&plan, "{'frontends':{'web':{'rules':[{'action':'use_backend','backend':'b'}]}}}");
	assert_string_equal(issues_of(&plan),
		"/frontends/web/rules/0/backend: there is no backend \"b\"");
	plan_fini(&plan);
	judge(&plan, "{'frontends':{'web':null},'backends':{'app':null}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	plan_fini(&plan);
}

static void
a_pair_of_two_modes_is_refused_where_the_body_makes_it(void **state)
{
	struct plan plan;

	scene_put("{'profiles':{'h':{'mode':'http'}},'frontends':{'web':{'default_backend':'app'}},"
		"'backends':{'app':{},'other':{'from':'h'}}}");
	judge(&plan, "{'frontends':{'web':{'default_backend':'other'}}}");
	assert_int_equal(plan.issues.count, 1);
	assert_string_equal(plan.issues.items[0].pointer, "/frontends/web/default_backend");
	plan_fini(&plan);
	judge(&plan, "{'backends':{'app':{'from':'h'}}}");
	assert_string_equal(issues_of(&plan), "/backends/app/mode: frontend \"web\" is of mode tcp "
		"and backend \"app\" of mode http: they must have the same");
	plan_fini(&plan);
	judge(&plan, "{'frontends':{'new':{'mode':'http','default_backend':'app'}}}");
	assert_string_equal(plan.issues.items[0].pointer, "/frontends/new/default_backend");
	plan_fini(&plan);
	judge(&plan, "{'frontends':{'web':{'mode':'http','default_backend':'other'}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	plan_fini(&plan);
	judge(&plan,
	      "{'defaults':{'mode':'http'},'profiles':{'h':null},'backends':{'other':null}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	plan_fini(&plan);
}

static void
a_mode_that_changes_above_is_judged_down_to_the_servers(void **state)
{
	struct plan plan;

	scene_put("{'defaults':{'mode':'http'},'backends':{'app':{'http_reuse':'never',"
		"'servers':{'a':{'address':'1.1.1.1:1','max_reuse':3},'b':{'address':'1.1.1.1:1'}}}}}");
	judge(&plan, "{'defaults':{'mode':null}}");
	assert_int_equal(plan.issues.count, 2);
	assert_non_null(strstr(issues_of(&plan), "/backends/app/http_reuse: "));
	assert_non_null(strstr(issues_of(&plan), "/backends/app/servers/a/max_reuse: "));
	plan_fini(&plan);
}

static void
a_file_elsewhere_is_named_by_the_configuration_file_only(void **state)
{
	struct plan plan;

	plan_init(&plan, scene_doc, scene_compilers, DOC_BY_CONFIG);
	put_config(&plan, "{'frontends':{'web':{'mode':'http','errorfiles':{'503':'/e/503'}}}}");
	scene_carry_out(&plan);
	judge(&plan, "{'frontends':{'web':{'maxconn':5,'errorfiles':{'502':'/e/503'}}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	plan_fini(&plan);
	judge(&plan, "{'frontends':{'web':{'errorfiles':{'502':'502'}}}}");
	assert_int_equal(plan.verdict, PLAN_INVALID);
	assert_string_equal(plan.issues.items[0].pointer, "/frontends/web/errorfiles/502");
	plan_fini(&plan);
	scene_doc->files_dir = "/files/";
	judge(&plan,
	      "{'profiles':{'p':{'errorfiles':{'502':'502','503':'/files/a/503','500':'/files',"
		"'501':'/files2/x','504':'/files//'}}}}");
	assert_int_equal(plan.issues.count, 3);
	plan_fini(&plan);
}

static void
what_is_below_a_folder_goes_by_the_letters(void **state)
{
	assert_string_equal(file_below("/d", "a/b"), "a/b");
	assert_string_equal(file_below("/d", "/d/a"), "a");
	assert_string_equal(file_below("/d/", "/d//a"), "a");
	assert_string_equal(file_below("/", "/a"), "a");
	assert_null(file_below("/d", "/d"));
	assert_null(file_below("/d", "/d/"));
	assert_null(file_below("/d", "/dd/a"));
	assert_null(file_below("/d", "/e/a"));
}

int
main(void)
{
#define scene_test(fn) cmocka_unit_test_setup_teardown(fn, scene_begin, scene_end)
	const struct CMUnitTest tests[] = {
		scene_test(backends_come_before_servers_and_frontends_last),
		scene_test(what_goes_goes_the_other_way_round),
		scene_test(what_is_put_as_it_is_changes_nothing),
		scene_test(a_duration_in_other_words_is_no_change),
		scene_test(ids_are_given_in_the_order_of_the_body),
		scene_test(an_id_that_was_used_once_is_not_given_again),
		scene_test(an_id_is_kept_by_a_body_that_omits_it),
		scene_test(two_servers_cannot_have_one_id),
		scene_test(a_plan_that_is_dropped_gives_its_ids_back),
		scene_test(backup_is_a_way_to_say_priority),
		scene_test(what_inherits_is_compiled_anew_and_keeps_its_document),
		scene_test(what_is_used_cannot_go),
		scene_test(a_body_that_replaces_all_must_have_what_it_names),
		scene_test(an_address_is_listened_on_once),
		scene_test(each_place_has_one_complaint_below_what_the_body_stands_for),
		scene_test(restart_needed_is_said_but_not_at_start),
		scene_test(a_rule_names_its_backend_like_a_frontend),
		scene_test(a_pair_of_two_modes_is_refused_where_the_body_makes_it),
		scene_test(a_mode_that_changes_above_is_judged_down_to_the_servers),
		scene_test(a_file_elsewhere_is_named_by_the_configuration_file_only),
		scene_test(what_is_below_a_folder_goes_by_the_letters),
	};

	return cmocka_run_group_tests_name("doc/plan", tests, NULL, NULL);
}
