/*
 * No memory for a table: a plan says so, and what was planned is handed over whatever happens.
 *
 * uthash's allocations are ours here: what uses it is compiled into this test.
 */
#include "config.h"

#include <stddef.h>
static void *table_malloc(size_t size);
#define uthash_malloc(size) table_malloc(size)

#include "scene.h"
/* not what the library has of them: NOLINTBEGIN(bugprone-suspicious-include) */
#include "adminapi/doc/doc.c"
#include "adminapi/doc/members.c"
#include "adminapi/doc/plan.c"
#include "adminapi/doc/plan_check.c"
#include "adminapi/doc/plan_commit.c"
/* NOLINTEND(bugprone-suspicious-include) */

#define SERVERS 2000	/* their table has to grow more than once */

static const char many_binds[] = "{'backends':{'app':{'servers':{'s1':{'address':'10.0.0.1:80'}}},"
	"'b':{}},'profiles':{'p':{}},"
	"'frontends':{'web':{'bind':['127.0.0.1:8080','127.0.0.1:8081']}}}";

static int table_mallocs_left;	/* before they fail; below 0: they don't */

static void *
table_malloc(size_t size)
{
	if (table_mallocs_left == 0)
		return NULL;
	if (table_mallocs_left > 0)
		table_mallocs_left--;
	return malloc(size);
}

static int
memory_begin(void **state)
{
	table_mallocs_left = -1;
	return scene_begin(state);
}

/* True if the plan could be made with so many allocations; then it is carried out. */
static bool
put_with(int mallocs, const char *text)
{
	struct plan plan;

	scene_plan(&plan);
	table_mallocs_left = mallocs;
	put_config(&plan, text);
	plan_finish(&plan);
	if (plan.verdict == PLAN_OK) {
		table_mallocs_left = 0;
		plan_hand_over(&plan);
		plan_publish(&plan);
		plan_end(&plan);
		table_mallocs_left = -1;
		return true;
	}
	table_mallocs_left = -1;
	assert_int_equal(plan.verdict, PLAN_NOMEM);
	plan_fini(&plan);
	assert_string_equal(shown(DOC_HEAD), "");
	assert_int_equal(scene_doc->node_count, 0);
	return false;
}

static void
a_plan_says_so_when_there_is_no_memory_or_is_handed_over(void **state)
{
	int mallocs = 0;

	while (!put_with(mallocs, many_binds))
		mallocs++;
	/* two for a table: the plan's, that of addresses, those of four collections */
	assert_int_equal(mallocs, 2 * 6);
	assert_string_equal(shown(DOC_LIVE), "p web app s1=1 b");
}

static void
an_address_used_twice_is_never_let_through(void **state)
{
	static const char twice[] = "{'frontends':{'a':{'bind':['127.0.0.1:8080']},"
		"'b':{'bind':['127.0.0.1:8080']}}}";

	for (int mallocs = 0; mallocs < 20; mallocs++) {
		struct plan plan;

		scene_plan(&plan);
		table_mallocs_left = mallocs;
		put_config(&plan, twice);
		plan_finish(&plan);
		table_mallocs_left = -1;
		assert_true(plan.verdict == PLAN_NOMEM || plan.verdict == PLAN_INVALID);
		plan_fini(&plan);
	}
}

static void
plan_servers(struct plan *plan, int from, int to)
{
	scene_plan(plan);
	for (int i = from; i < to; i++) {
		char name[16];

		snprintf(name, sizeof(name), "s%d", i);
		put_server(plan, name, "{'address':'10.0.0.1:80'}");
	}
	plan_finish(plan);
	assert_int_equal(plan->verdict, PLAN_OK);
}

static unsigned
buckets(void)
{
	return node_of(DOC_BACKEND, NULL, "app")->collections[0]->hh.tbl->num_buckets;
}

static void
a_collection_that_finds_no_memory_to_grow_takes_them_all_the_same(void **state)
{
	struct plan plan;
	unsigned before;

	scene_put("{'backends':{'app':{}}}");
	plan_servers(&plan, 0, SERVERS);
	table_mallocs_left = 0;
	plan_hand_over(&plan);
	table_mallocs_left = -1;
	plan_publish(&plan);
	plan_end(&plan);
	assert_int_equal(scene_doc->node_count, SERVERS + 1);
	for (int i = 0; i < SERVERS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "s%d", i);
		assert_non_null(node_of(DOC_SERVER, "app", name));
	}
	before = buckets();
	plan_servers(&plan, SERVERS, SERVERS + 1);
	plan_hand_over(&plan);
	assert_true(buckets() > before);
	plan_publish(&plan);
	plan_end(&plan);
}

/* Another write's end empties the collection after it was planned. */
static void
the_last_member_may_go_between_planning_and_handing_over(void **state)
{
	struct plan gone, again;

	scene_put("{'backends':{'app':{'servers':{'s1':{'address':'10.0.0.1:80'}}}}}");
	scene_plan(&gone);
	delete_server(&gone, "s1");
	scene_hand_over(&gone);
	plan_servers(&again, 2, 4);
	plan_publish(&gone);
	plan_end(&gone);
	assert_null(node_of(DOC_BACKEND, NULL, "app")->collections[0]);
	table_mallocs_left = 0;
	plan_hand_over(&again);
	table_mallocs_left = -1;
	plan_publish(&again);
	plan_end(&again);
	assert_string_equal(shown(DOC_LIVE), "app s2=2 s3=3");
}

int
main(void)
{
#define memory_test(fn) cmocka_unit_test_setup_teardown(fn, memory_begin, scene_end)
	const struct CMUnitTest tests[] = {
		memory_test(a_plan_says_so_when_there_is_no_memory_or_is_handed_over),
		memory_test(an_address_used_twice_is_never_let_through),
		memory_test(a_collection_that_finds_no_memory_to_grow_takes_them_all_the_same),
		memory_test(the_last_member_may_go_between_planning_and_handing_over),
	};

	return cmocka_run_group_tests_name("doc/memory", tests, NULL, NULL);
}
