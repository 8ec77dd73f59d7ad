/*
 * A server's turns: who falls and who rises, and whose streams end by that (HAProxy manual, "on-marked-down",
 * "on-marked-up").
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "t/unit/server/life_scene.h"

static struct server *
marking(const char *name, uint8_t priority)
{
	struct server_conf conf = checked();

	conf.on_marked_up = conf.on_marked_down = true;
	conf.priority = priority;
	return server_of(name, conf);
}

static void
who_falls_ends_its_own_streams_once(void **state)
{
	struct server *a = marking("a", 0);
	struct server_conf conf = *a->conf;

	check(a, CHECK_L4CON, 3);
	assert_string_equal(ends(), "a:D ");
	check(a, CHECK_L4CON, 3);
	conf.admin = SERVER_MAINT;
	publish(a, conf);
	assert_string_equal(ends(), ""); /* it was down */
	conf.on_marked_up = false;
	conf.admin = SERVER_READY;
	publish(a, conf);
	conf.admin = SERVER_DRAIN;
	publish(a, conf);
	assert_string_equal(ends(), ""); /* a drain waits for them */
	conf.admin = SERVER_MAINT;
	publish(a, conf);
	assert_string_equal(ends(), "a:D ");
}

static void
who_rises_ends_the_streams_of_all_levels_above_its_own(void **state)
{
	struct server *a = marking("a", 0), *b = marking("b", 1);

	marking("c", 1);
	marking("d", 2);
	check(a, CHECK_L4CON, 1);
	assert_string_equal(ends(), "a:D ");
	check(a, CHECK_L4OK, 1);
	assert_string_equal(ends(), "");
	check(a, CHECK_L4OK, 1);
	assert_string_equal(ends(), "b:U c:U d:U ");
	check(a, CHECK_L4OK, 3);
	assert_string_equal(ends(), "");
	check(b, CHECK_L4CON, 3);
	check(b, CHECK_L4OK, 2);
	assert_string_equal(ends(), "b:D d:U ");
}

static void
the_way_up_does_not_matter(void **state)
{
	struct server *a = marking("a", 0);
	struct server_conf conf = *a->conf;

	marking("b", 1);
	conf.admin = SERVER_MAINT;
	publish(a, conf);
	assert_string_equal(ends(), "a:D ");
	conf.admin = SERVER_READY;
	publish(a, conf);
	assert_string_equal(ends(), "b:U ");
	conf.agent_check = true;
	publish(a, conf);
	agent(a, "down");
	assert_string_equal(ends(), "a:D ");
	agent(a, "up");
	assert_string_equal(ends(), "b:U ");
	agent(a, "maint");
	agent(a, "ready");
	assert_string_equal(ends(), "a:D b:U ");
	check(a, CHECK_L7OKC, 1);
	assert_string_equal(ends(), "");
	check(a, CHECK_L7OK, 1);
	assert_string_equal(ends(), "b:U ");
	conf.own_admin = true;
	publish(a, conf);
	conf.own_admin = false;
	publish(a, conf);
	assert_string_equal(ends(), "a:D b:U ");
	conf.check = false;
	publish(a, conf);
	assert_string_equal(ends(), "");
}

static void
a_drain_that_ends_and_a_backup_made_active_end_nothing(void **state)
{
	struct server *a = marking("a", 0), *b = marking("b", 1);
	struct server_conf conf = *a->conf;

	marking("c", 2);
	conf.admin = SERVER_DRAIN;
	publish(a, conf);
	conf.admin = SERVER_READY;
	publish(a, conf);
	assert_string_equal(ends(), "");
	check(a, CHECK_L4CON, 3);
	assert_string_equal(ends(), "a:D ");
	conf.admin = SERVER_DRAIN;
	publish(a, conf);
	check(a, CHECK_L4OK, 2); /* up, but it drains */
	conf.admin = SERVER_READY;
	publish(a, conf);
	assert_string_equal(ends(), "");
	conf = *b->conf;
	conf.priority = 0;
	publish(b, conf);
	assert_string_equal(ends(), "");
}

static void
a_server_that_comes_while_we_serve_rises_and_at_start_none_does(void **state)
{
	marking("b", 1);
	marking("a", 0);
	assert_string_equal(ends(), "");
	servers_set_serving(true);
	marking("c", 0);
	assert_string_equal(ends(), "b:U ");
}

/* The order in one publication means nothing: nobody rises before it is known whom he tracks. */
static void
who_comes_together_with_whom_he_tracks_does_not_rise_for_a_moment(void **state)
{
	for (int tracker_first = 0; tracker_first < 2; tracker_first++) {
		struct server *b = marking("b", 1);
		struct server *x = scene_server_new(backend, "x", 1000 + tracker_first);
		struct server *t = scene_server_new(backend, "t", 2000 + tracker_first);
		struct server_conf conf = checked(), tracks = checked();
		struct publish_item *items[2];

		servers_set_serving(true);
		conf.init_state = INIT_STATE_FULLY_DOWN;
		tracks.track = t;
		tracks.on_marked_up = true;
		items[!tracker_first] = item_of(x, tracks);
		items[tracker_first] = item_of(t, conf);
		ends();
		news();
		scene_publish(items, 2);
		assert_string_equal(ends(), "");
		assert_string_equal(news(), "");
		assert_string_equal(state_of(x), "down");
		assert_string_equal(cause_of(x), "tracked");
		assert_true(b->eligible);
		check(t, CHECK_L4OK, 2);
		assert_string_equal(ends(), "b:U ");
		scene_retire(x);
		scene_retire(t);
		scene_retire(b);
		servers_set_serving(false);
	}
}

static void
a_backup_that_was_removed_ends_its_streams_when_an_active_rises(void **state)
{
	struct server *a = marking("a", 0), *b = marking("b", 1);

	check(a, CHECK_L4CON, 1);
	snap_ref(&server_slot(b, 0)->ref);	/* a stream on it */
	scene_retire(b);
	assert_string_equal(ends(), "a:D ");
	check(a, CHECK_L4OK, 2);
	assert_string_equal(ends(), "b:U ");
	loop_adopt(scene_workers[0]);
	snap_unref(&server_slot(b, 0)->ref);
	loop_adopt(scene_control);
	scene_settle();
	check(a, CHECK_L4CON, 3);
	check(a, CHECK_L4OK, 2);
	assert_string_equal(ends(), "a:D ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCENE(who_falls_ends_its_own_streams_once),
		WITH_SCENE(who_rises_ends_the_streams_of_all_levels_above_its_own),
		WITH_SCENE(the_way_up_does_not_matter),
		WITH_SCENE(a_drain_that_ends_and_a_backup_made_active_end_nothing),
		WITH_SCENE(a_server_that_comes_while_we_serve_rises_and_at_start_none_does),
		WITH_SCENE(who_comes_together_with_whom_he_tracks_does_not_rise_for_a_moment),
		WITH_SCENE(a_backup_that_was_removed_ends_its_streams_when_an_active_rises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
