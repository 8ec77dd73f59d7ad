/*
 * What holds: a server's, backend's and frontend's values through their chains.
 */
#include "config.h"
#include "scene.h"
#include "adminapi/doc/plan_priv.h"

/* A number that holds; -1: none. */
static int
number(enum doc_kind kind, const char *backend, const char *name, const char *field)
{
	struct chain chain;
	const cJSON *value;

	chain_init(&chain, scene_doc, node_of(kind, backend, name), DOC_LIVE, NULL, NULL);
	value = chain_value(&chain, field, NULL);
	return value == NULL ? -1 : value->valueint;
}

static const char *
timeout(enum doc_kind kind, const char *name, const char *sub)
{
	struct chain chain;
	const cJSON *value;

	chain_init(&chain, scene_doc, node_of(kind, NULL, name), DOC_LIVE, NULL, NULL);
	value = chain_value(&chain, "timeout", sub);
	return value == NULL ? "none" : value->valuestring;
}

static void
a_server_takes_the_nearest_value(void **state)
{
	scene_put("{'defaults':{'default_server':{'weight':2,'maxconn':2}},"
		"'profiles':{'p':{'default_server':{'weight':3}}},"
		"'backends':{'app':{'default_server':{'weight':4},'servers':{'own':{'address':'1.1.1.1:1',"
		"'weight':5},'a':{'address':'1.1.1.1:1'}}},"
		"'from':{'from':'p','servers':{'a':{'address':'1.1.1.1:1'}}},"
		"'plain':{'servers':{'a':{'address':'1.1.1.1:1'}}}}}");
	assert_int_equal(number(DOC_SERVER, "app", "own", "weight"), 5);
	assert_int_equal(number(DOC_SERVER, "app", "a", "weight"), 4);
	assert_int_equal(number(DOC_SERVER, "from", "a", "weight"), 3);
	assert_int_equal(number(DOC_SERVER, "plain", "a", "weight"), 2);
	assert_int_equal(number(DOC_SERVER, "app", "a", "maxconn"), 2);
	assert_int_equal(number(DOC_SERVER, "from", "a", "maxconn"),
			 0); /* the profile instead of defaults */
	assert_int_equal(number(DOC_SERVER, "app", "a", "priority"), 0);	/* built in */
}

static void
notes_are_nobody_elses(void **state)
{
	struct chain chain;

	scene_put(
		"{'defaults':{'comment':'d','retries':1,'timeout':{'comment':'t','connect':'1s'}},"
		"'backends':{'app':{}}}");
	chain_init(&chain, scene_doc, node_of(DOC_BACKEND, NULL, "app"), DOC_LIVE, NULL, NULL);
	assert_int_equal(number(DOC_BACKEND, NULL, "app", "retries"), 1);
	assert_null(chain_value(&chain, "comment", NULL));
	assert_null(chain_value(&chain, "timeout", "comment"));
	assert_string_equal(timeout(DOC_BACKEND, "app", "connect"), "1s");
}

static void
a_queue_waits_as_long_as_a_connect(void **state)
{
	scene_put(
		"{'defaults':{'timeout':{'connect':'1s'}},'profiles':{'p':{'timeout':{'queue':'9s'}}},"
		"'backends':{'app':{},'own':{'timeout':{'connect':'2s'}},'from':{'from':'p'}},"
		"'frontends':{'web':{}}}");
	assert_string_equal(timeout(DOC_BACKEND, "app", "queue"), "1s");
	assert_string_equal(timeout(DOC_BACKEND, "own", "queue"), "2s");
	assert_string_equal(timeout(DOC_BACKEND, "from", "queue"), "9s");
	assert_string_equal(timeout(DOC_FRONTEND, "web", "queue"), "none");
	assert_string_equal(timeout(DOC_FRONTEND, "web", "client"), "50s");
}

static void
set_is_not_built_in(void **state)
{
	struct chain chain;

	scene_put(
		"{'profiles':{'p':{'timeout':{'tunnel':'1h'}}},'backends':{'app':{},'from':{'from':'p'}}}");
	chain_init(&chain, scene_doc, node_of(DOC_BACKEND, NULL, "app"), DOC_LIVE, NULL, NULL);
	assert_false(chain_is_set(&chain, "timeout", "tunnel"));
	assert_false(chain_is_set(&chain, "retries", NULL));
	chain_init(&chain, scene_doc, node_of(DOC_BACKEND, NULL, "from"), DOC_LIVE, NULL, NULL);
	assert_true(chain_is_set(&chain, "timeout", "tunnel"));
}

static void
a_plan_sees_what_it_would_change(void **state)
{
	struct plan plan;
	struct chain chain;

	scene_put("{'backends':{'app':{'servers':{'a':{'address':'1.1.1.1:1'}}}}}");
	scene_plan(&plan);
	patch_config(&plan, "{'profiles':{'p':{'retries':7}},'backends':{'app':{'from':'p'}}}");
	plan_chain(&plan, node_of(DOC_BACKEND, NULL, "app"), &chain);
	assert_int_equal(chain_value(&chain, "retries", NULL)->valueint, 7);
	assert_int_equal(number(DOC_BACKEND, NULL, "app", "retries"), 3);
	plan_fini(&plan);
}

int
main(void)
{
#define scene_test(fn) cmocka_unit_test_setup_teardown(fn, scene_begin, scene_end)
	const struct CMUnitTest tests[] = {
		scene_test(a_server_takes_the_nearest_value),
		scene_test(notes_are_nobody_elses),
		scene_test(a_queue_waits_as_long_as_a_connect),
		scene_test(set_is_not_built_in),
		scene_test(a_plan_sees_what_it_would_change),
	};

	return cmocka_run_group_tests_name("doc/holds", tests, NULL, NULL);
}
