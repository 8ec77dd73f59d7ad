/*
 * A plan's life: handed over, published or undone, ended, while others are made on top of it.
 */
#include "config.h"
#include "scene.h"

static const char one_server[] =
	"{'backends':{'app':{'servers':{'s1':{'address':'10.0.0.1:80'}}}}}";
static const char any_server[] = "{'address':'10.0.0.9:80'}";

static uint64_t
head_revision(enum doc_kind kind, const char *backend, const char *name)
{
	return node_of(kind, backend, name)->head_revision;
}

static void
live_follows_the_head_when_it_is_published(void **state)
{
	struct plan plan;

	scene_put(one_server);
	scene_plan(&plan);
	put_server(&plan, "s2", any_server);
	assert_string_equal(shown(DOC_HEAD), "app s1=1");
	scene_hand_over(&plan);
	assert_string_equal(shown(DOC_HEAD), "app s1=1 s2=2");
	assert_string_equal(shown(DOC_LIVE), "app s1=1");
	plan_publish(&plan);
	assert_string_equal(shown(DOC_LIVE), "app s1=1 s2=2");
	plan_end(&plan);
}

static void
a_change_raises_all_above_it_and_nothing_beside_it(void **state)
{
	struct doc_node *root = scene_doc->root, *app;

	scene_put("{'backends':{'app':{'servers':{'s1':{'address':'10.0.0.1:80'}}},'b':{}},"
		"'frontends':{'web':{}}}");
	scene_patch("{'backends':{'app':{'servers':{'s1':{'weight':2}}}}}");
	app = node_of(DOC_BACKEND, NULL, "app");
	assert_int_equal(head_revision(DOC_SERVER, "app", "s1"), 2);
	assert_int_equal(app->live_revision, 2);
	assert_int_equal(app->live_revisions[doc_kind_info(DOC_SERVER)->slot], 2);
	assert_int_equal(app->live->revision, 1);
	assert_int_equal(head_revision(DOC_BACKEND, NULL, "b"), 1);
	assert_int_equal(root->live_revision, 2);
	assert_int_equal(root->live_revisions[doc_kind_info(DOC_BACKEND)->slot], 2);
	assert_int_equal(root->live_revisions[doc_kind_info(DOC_FRONTEND)->slot], 1);
	scene_patch("{'backends':{'app':{'servers':{'s1':null}}}}");
	assert_int_equal(app->live_revision, 3);	/* a deletion is a change of what was above */
}

static void
undone_newest_first_the_head_is_what_is_live(void **state)
{
	struct plan plans[3];

	scene_put(one_server);
	scene_plan(&plans[0]);
	put_server(&plans[0], "s2", any_server);
	scene_hand_over(&plans[0]);
	scene_plan(&plans[1]);
	put_server(&plans[1], "s2", "{'address':'10.0.0.9:80','weight':7}");
	delete_server(&plans[1], "s1");
	scene_hand_over(&plans[1]);
	scene_plan(&plans[2]);
	patch_config(&plans[2], "{'backends':{'app':null,'b':{}}}");
	scene_hand_over(&plans[2]);
	assert_string_equal(shown(DOC_HEAD), "b");
	for (int i = 2; i >= 0; i--)
		plan_undo(&plans[i]);
	assert_string_equal(shown(DOC_HEAD), "app s1=1");
	assert_int_equal(head_revision(DOC_BACKEND, NULL, "app"), 1);
	assert_int_equal(scene_doc->root->head_revisions[doc_kind_info(DOC_BACKEND)->slot], 1);
	for (int i = 0; i < 3; i++)
		plan_end(&plans[i]);	/* the committer says so oldest first */
	assert_string_equal(shown(DOC_LIVE), "app s1=1");
	assert_null(node_of(DOC_BACKEND, NULL, "b"));
	assert_null(node_of(DOC_SERVER, "app", "s2"));
}

/* While its replacement is being stored, a resource is still there: with its status, to be asked. */
static void
the_live_object_is_replaced_when_that_is_published(void **state)
{
	struct doc_node *server;
	int first, second, third;
	struct plan plan;

	scene_plan(&plan);
	put_config(&plan, one_server);
	plan_finish(&plan);
	plan.ops[1]->node->object = &first;	/* as if prepared */
	plan_hand_over(&plan);
	server = node_of(DOC_SERVER, "app", "s1");
	assert_null(server->live_object);
	plan_publish(&plan);
	plan_end(&plan);
	assert_ptr_equal(server->live_object, &first);

	scene_plan(&plan);
	put_server(&plan, "s1", "{'address':'10.0.0.9:80','id':9}");
	plan_finish(&plan);
	server->object = &second;
	plan_hand_over(&plan);
	assert_ptr_equal(server->live_object, &first);
	server->object = &third;		/* a later write's, prepared meanwhile */
	plan_publish(&plan);
	plan_end(&plan);
	assert_ptr_equal(server->live_object, &second);
	server->object = &second;
	scene_plan(&plan);
	delete_server(&plan, "s1");
	plan_finish(&plan);
	server->object = NULL;
	plan_hand_over(&plan);
	assert_ptr_equal(server->live_object, &second);
	server->object = &second;
	plan_undo(&plan);
	plan_end(&plan);
	assert_ptr_equal(server->live_object, &second);
	server->object = NULL;
}

static void
a_node_goes_with_the_last_who_names_it(void **state)
{
	struct plan plan;
	struct doc_node *app;

	scene_put(one_server);
	app = node_of(DOC_BACKEND, NULL, "app");
	doc_pin(app);			/* an answer under way */
	scene_plan(&plan);
	plan_delete(&plan, app);
	scene_carry_out(&plan);
	assert_ptr_equal(node_of(DOC_BACKEND, NULL, "app"), app);
	assert_string_equal(shown(DOC_LIVE), "");
	doc_unpin(scene_doc, app);
	assert_null(node_of(DOC_BACKEND, NULL, "app"));
}

static void
a_backend_waits_for_its_last_server(void **state)
{
	struct plan plan;
	struct doc_node *server;

	scene_put(one_server);
	server = node_of(DOC_SERVER, "app", "s1");
	doc_pin(server);
	scene_plan(&plan);
	plan_delete(&plan, node_of(DOC_BACKEND, NULL, "app"));
	scene_carry_out(&plan);
	assert_non_null(node_of(DOC_BACKEND, NULL, "app"));
	doc_unpin(scene_doc, server);
	assert_null(node_of(DOC_BACKEND, NULL, "app"));
}

/* A server is put again while its deletion is not yet acknowledged. */
static void
a_node_that_a_plan_names_outlives_the_plan_that_deleted_it(void **state)
{
	struct plan gone, again;

	scene_put(one_server);
	scene_plan(&gone);
	delete_server(&gone, "s1");
	scene_hand_over(&gone);
	scene_plan(&again);		/* planned, prepared in slices */
	put_server(&again, "s1", any_server);
	plan_finish(&again);
	plan_publish(&gone);
	plan_end(&gone);		/* acknowledged meanwhile */
	plan_hand_over(&again);
	plan_publish(&again);
	plan_end(&again);
	assert_string_equal(shown(DOC_LIVE), "app s1=2");
}

static void
nor_is_it_left_behind_when_that_plan_is_dropped(void **state)
{
	struct plan gone, again;

	scene_put(one_server);
	scene_plan(&gone);
	delete_server(&gone, "s1");
	scene_hand_over(&gone);
	scene_plan(&again);
	put_server(&again, "s1", any_server);
	plan_finish(&again);
	plan_publish(&gone);
	plan_end(&gone);
	plan_fini(&again);
	assert_null(node_of(DOC_SERVER, "app", "s1"));
	assert_int_equal(scene_doc->node_count, 1);
}

/* The same while the plan is made on the helper thread: the tree is frozen, then thaws. */
static void
a_frozen_tree_frees_nothing_and_what_a_plan_names_not_even_then(void **state)
{
	struct plan gone, again;

	scene_put("{'backends':{'app':{'servers':{'s1':{'address':'10.0.0.1:80'},"
		"'s2':{'address':'10.0.0.2:80'}}}}}");
	scene_plan(&gone);
	delete_server(&gone, "s1");
	delete_server(&gone, "s2");
	scene_hand_over(&gone);
	doc_freeze(scene_doc);
	scene_plan(&again);
	put_server(&again, "s1", any_server);
	plan_publish(&gone);
	plan_end(&gone);
	assert_non_null(node_of(DOC_SERVER, "app", "s1"));
	assert_non_null(node_of(DOC_SERVER, "app", "s2"));
	plan_finish(&again);
	doc_thaw(scene_doc);
	assert_null(node_of(DOC_SERVER, "app", "s2"));
	plan_hand_over(&again);
	plan_publish(&again);
	plan_end(&again);
	assert_string_equal(shown(DOC_LIVE), "app s1=3");
}

static void
members_are_counted_where_they_are_live(void **state)
{
	uint32_t slot = doc_kind_info(DOC_SERVER)->slot;

	scene_put(one_server);
	assert_int_equal(node_of(DOC_BACKEND, NULL, "app")->live_count[slot], 1);
	scene_patch("{'backends':{'app':{'servers':{'s2':{'address':'10.0.0.2:80'},'s1':null}}}}");
	assert_int_equal(node_of(DOC_BACKEND, NULL, "app")->live_count[slot], 1);
	scene_patch("{'backends':{'app':{'servers':{'s2':{'weight':3}}}}}");
	assert_int_equal(node_of(DOC_BACKEND, NULL, "app")->live_count[slot], 1);
	assert_int_equal(scene_doc->node_count, 2);
}

/* -- at start -- */

static void
restore(struct plan *plan, struct doc_node *parent, enum doc_kind kind, const char *name,
	const char *set, uint64_t revision, const struct doc_notes *notes)
{
	static const struct doc_notes none = { 0 };

	plan_restore(plan, parent, kind, name, tree_of(set), revision,
		     notes == NULL ? &none : notes);
}

/* Backend "app" at revision 3 with server s5 at 4 (id 5); 9 was its highest id, 7 its last change. */
static void
restore_app(struct plan *plan)
{
	const struct doc_notes notes = { .last_id = 9, .revisions = { 7 } };

	scene_plan(plan);
	plan->booting = true;
	restore(plan, scene_doc->root, DOC_BACKEND, "app", "{}", 3, &notes);
	restore(plan, plan_find(plan, scene_doc->root, DOC_BACKEND, "app"), DOC_SERVER, "s5",
		"{'address':'10.0.0.1:80','id':5}", 4, NULL);
}

static void
what_was_saved_keeps_its_revisions_and_ids(void **state)
{
	struct plan plan;

	scene_doc->revision = 7;
	restore_app(&plan);
	plan.revision = scene_doc->revision;
	scene_carry_out(&plan);
	assert_int_equal(head_revision(DOC_SERVER, "app", "s5"), 4);
	assert_int_equal(head_revision(DOC_BACKEND, NULL, "app"),
			 7); /* a server was deleted then */
	assert_int_equal(scene_doc->root->head_revision, 7);
	assert_int_equal(scene_doc->root->live_revisions[doc_kind_info(DOC_BACKEND)->slot], 7);
	assert_int_equal(scene_doc->root->live_revisions[doc_kind_info(DOC_FRONTEND)->slot], 0);
	scene_patch("{'backends':{'app':{'servers':{'s':{'address':'10.0.0.1:80'}}}}}");
	assert_string_equal(shown(DOC_LIVE), "app s5=5 s=10");
	assert_int_equal(head_revision(DOC_SERVER, "app", "s"), 8);
}

static void
an_edited_file_replaces_what_was_saved_and_keeps_ids_of_what_is_in_both(void **state)
{
	struct plan plan;

	scene_doc->revision = 7;
	restore_app(&plan);
	restore(&plan, scene_doc->root, DOC_BACKEND, "other", "{}", 5, NULL);
	put_config(&plan, "{'backends':{'app':{'servers':{'new':{'address':'10.0.0.1:80'},"
		"'s5':{'address':'10.0.0.1:81'}}}}}");
	plan_drop_unnamed(&plan);
	scene_carry_out(&plan);
	assert_string_equal(shown(DOC_LIVE), "app s5=5 new=10");
	assert_null(node_of(DOC_BACKEND, NULL, "other"));
}

static void
an_empty_file_replaces_all_that_was_saved(void **state)
{
	struct plan plan;

	restore_app(&plan);
	put_config(&plan, "{}");
	plan_drop_unnamed(&plan);
	assert_false(plan_is_empty(&plan));	/* there are rows to delete */
	scene_carry_out(&plan);
	assert_string_equal(shown(DOC_LIVE), "");
	assert_int_equal(scene_doc->node_count, 0);
}

int
main(void)
{
#define scene_test(fn) cmocka_unit_test_setup_teardown(fn, scene_begin, scene_end)
	const struct CMUnitTest tests[] = {
		scene_test(live_follows_the_head_when_it_is_published),
		scene_test(a_change_raises_all_above_it_and_nothing_beside_it),
		scene_test(undone_newest_first_the_head_is_what_is_live),
		scene_test(the_live_object_is_replaced_when_that_is_published),
		scene_test(a_node_goes_with_the_last_who_names_it),
		scene_test(a_backend_waits_for_its_last_server),
		scene_test(a_node_that_a_plan_names_outlives_the_plan_that_deleted_it),
		scene_test(nor_is_it_left_behind_when_that_plan_is_dropped),
		scene_test(a_frozen_tree_frees_nothing_and_what_a_plan_names_not_even_then),
		scene_test(members_are_counted_where_they_are_live),
		scene_test(what_was_saved_keeps_its_revisions_and_ids),
		scene_test(an_edited_file_replaces_what_was_saved_and_keeps_ids_of_what_is_in_both),
		scene_test(an_empty_file_replaces_all_that_was_saved),
	};

	return cmocka_run_group_tests_name("doc/commit", tests, NULL, NULL);
}
