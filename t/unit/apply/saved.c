/*
 * The saved document against a file: what is dropped, and how rows become a plan.
 */
#include "config.h"
#include "../doc/scene.h"
#include "adminapi/apply/saved.h"

#define ROWS_MAX 8

static struct saved saved;
static struct saved_row rows[ROWS_MAX];
static char told[1024];

static void
row(const char *path, const char *set)
{
	assert_true(saved.count < ROWS_MAX);
	saved.rows = rows;
	rows[saved.count].path = strdup(path);
	rows[saved.count].revision = saved.count + 1;
	rows[saved.count++].set = tree_of(set);
}

static int
begin(void **state)
{
	memset(rows, 0, sizeof(rows));
	saved = (struct saved){ 0 };
	told[0] = '\0';
	return scene_begin(state);
}

static int
end(void **state)
{
	for (uint32_t i = 0; i < saved.count; i++) {
		free(rows[i].path);
		cJSON_Delete(rows[i].set);
	}
	cJSON_Delete(saved.file);
	return scene_end(state);
}

static void
tell(const char *pointer, void *arg)
{
	size_t len = strlen(told);

	snprintf(told + len, sizeof(told) - len, "%s%s", len == 0 ? "" : " ", pointer);
}

/* What a new file drops of the rows, which grew from `file` (NULL: from none). */
static const char *
dropped(const char *file, const char *now)
{
	cJSON *tree = tree_of(now);

	cJSON_Delete(saved.file);
	saved.file = file == NULL ? NULL : tree_of(file);
	told[0] = '\0';
	assert_int_equal(saved_dropped(&saved, tree, tell, NULL), ERR_OK);
	cJSON_Delete(tree);
	return told;
}

#define FILE_WITH_ONE "{'backends':{'app':{'servers':{'s1':{'address':'10.0.0.1:80'}}}}}"

static void
what_rest_added_is_dropped_as_a_whole(void **state)
{
	row("/backends/app", "{}");
	row("/backends/app/servers/s1", "{'address':'10.0.0.1:80','id':1}");
	row("/backends/app/servers/s2", "{'address':'10.0.0.2:80','id':2}");
	row("/backends/b", "{}");
	assert_string_equal(dropped(FILE_WITH_ONE, FILE_WITH_ONE),
		"/backends/app/servers/s2 /backends/b");
}

static void
what_rest_changed_is_dropped_field_by_field(void **state)
{
	row("/backends/app", "{'retries':5,'timeout':{'connect':'1s','server':'2s'}}");
	row("/backends/app/servers/s1", "{'address':'10.0.0.9:80','id':1,'weight':3}");
	assert_string_equal(dropped(FILE_WITH_ONE,
		"{'backends':{'app':{'retries':5,'timeout':{'server':'2s'},'servers':{"
		"'s1':{'address':'10.0.0.1:80'}}}}}"),
		"/backends/app/timeout/connect /backends/app/servers/s1/address "
		"/backends/app/servers/s1/weight");
}

static void
what_rest_deleted_comes_back_and_is_told(void **state)
{
	row("/backends/app", "{}");
	row("/backends/app/servers/s2", "{'address':'10.0.0.2:80','id':2}");
	assert_string_equal(dropped("{'backends':{'app':{'servers':{'s1':{'address':'10.0.0.1:80'},"
		"'s2':{'address':'10.0.0.2:80'}}}}}", FILE_WITH_ONE), "/backends/app/servers/s1");
}

static void
what_the_program_itself_added_is_no_change(void **state)
{
	row("/backends/app", "{}");
	row("/backends/app/servers/s1", "{'address':'10.0.0.1:80','id':1,'priority':1}");
	assert_string_equal(dropped(
		"{'backends':{'app':{'servers':{'s1':{'address':'10.0.0.1:80','backup':true}}}}}",
		"{'backends':{'app':{'servers':{'s1':{'address':'10.0.0.1:80','backup':true}}}},"
		"'comment':'edited'}"), "");
}

static void
what_the_new_file_changes_itself_is_not_dropped(void **state)
{
	row("/backends/app", "{}");
	row("/backends/app/servers/s1", "{'address':'10.0.0.1:80','id':1}");
	assert_string_equal(dropped(FILE_WITH_ONE, "{}"), "");
}

static void
a_server_in_maintenance_stays_there_and_is_not_told(void **state)
{
	row("/backends/app", "{}");
	row("/backends/app/servers/s1", "{'address':'10.0.0.1:80','id':1,'admin_state':'maint'}");
	assert_string_equal(dropped(FILE_WITH_ONE, FILE_WITH_ONE), "");
	assert_string_equal(dropped(FILE_WITH_ONE, "{'backends':{'app':{'servers':{'s1':{"
		"'address':'10.0.0.1:80','admin_state':'ready'}}}}}"),
		"/backends/app/servers/s1/admin_state");
}

static void
without_an_old_file_all_that_differs_is_told(void **state)
{
	row("/global", "{'maxconn':5}");
	row("/profiles/p", "{}");
	assert_string_equal(dropped(NULL, "{}"), "/global /profiles");
	assert_string_equal(dropped(NULL, "{'profiles':{'q':{}}}"), "/global /profiles/p");
}

static void
rows_become_the_document_again(void **state)
{
	struct plan plan;
	cJSON *whole;

	row("", "{'comment':'c'}");
	row("/backends/app", "{'retries':1}");
	row("/backends/app/servers/s1", "{'address':'10.0.0.1:80','id':4}");
	row("/frontends/web", "{'default_backend':'app'}");
	row("/global", "{'maxconn':9}");
	whole = saved_document(&saved);
	scene_plan(&plan);
	plan.booting = true;
	saved_plan(&saved, &plan);
	scene_carry_out(&plan);
	assert_string_equal(shown(DOC_LIVE), "web app s1=4");
	assert_int_equal(doc_field(scene_doc->singles[DOC_GLOBAL]->live->set, "maxconn")->valueint,
			 9);
	assert_string_equal(doc_field(scene_doc->root->live->set, "comment")->valuestring, "c");
	assert_int_equal(scene_doc->root->live_revision, 5);
	scene_plan(&plan);		/* as one document they are the same */
	plan_put(&plan, scene_doc->root, DOC_CONFIG, "", whole);
	plan_finish(&plan);
	assert_true(plan_is_empty(&plan));
	plan_fini(&plan);
	cJSON_Delete(whole);
}

static void
a_row_that_has_no_place_is_an_issue(void **state)
{
	static const char *const odd[] = { "/nothing", "/backends", "/backends/app/servers/s1",
		"/frontends/web/bind", "/global/x", "/backends/a/servers/b/c" };

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct plan plan;

		row(odd[i], "{}");
		scene_plan(&plan);
		saved_plan(&saved, &plan);
		assert_int_equal(plan.issues.count, 1);
		assert_string_equal(plan.issues.items[0].pointer, odd[i]);
		plan_fini(&plan);
		free(rows[0].path);
		cJSON_Delete(rows[0].set);
		saved.count = 0;
	}
}

static void
a_file_in_another_environment_is_another_file(void **state)
{
	char a[SAVED_HASH_BYTES], b[SAVED_HASH_BYTES];

	saved_file_hash(a, SLICE("{\"comment\":\"${X}\"}"), SLICE("{\"comment\":\"1\"}"));
	saved_file_hash(b, SLICE("{\"comment\":\"${X}\"}"), SLICE("{\"comment\":\"2\"}"));
	assert_int_equal(strlen(a), 64);
	assert_string_not_equal(a, b);
	saved_file_hash(b, SLICE("{\"comment\":\"${X}\"}"), SLICE("{\"comment\":\"1\"}"));
	assert_string_equal(a, b);
}

int
main(void)
{
#define saved_test(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		saved_test(what_rest_added_is_dropped_as_a_whole),
		saved_test(what_rest_changed_is_dropped_field_by_field),
		saved_test(what_rest_deleted_comes_back_and_is_told),
		saved_test(what_the_program_itself_added_is_no_change),
		saved_test(what_the_new_file_changes_itself_is_not_dropped),
		saved_test(a_server_in_maintenance_stays_there_and_is_not_told),
		saved_test(without_an_old_file_all_that_differs_is_told),
		saved_test(rows_become_the_document_again),
		saved_test(a_row_that_has_no_place_is_an_issue),
		saved_test(a_file_in_another_environment_is_another_file),
	};

	return cmocka_run_group_tests_name("apply/saved", tests, NULL, NULL);
}
