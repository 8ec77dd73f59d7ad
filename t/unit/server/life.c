/*
 * A server's life: what checks, agents, traffic and tracked servers say of it, and what follows. No check is
 * made here: the tests say what they found.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "t/unit/server/life_scene.h"

static void
a_checked_server_falls_after_fall_failures_and_rises_after_rise_successes(void **state)
{
	struct server *a = server_of("a", checked());

	assert_string_equal(state_of(a), "up");
	check(a, CHECK_L7OK, 3);
	check(a, CHECK_L4CON, 2);
	assert_string_equal(news(), "");
	check(a, CHECK_L4CON, 1);
	assert_string_equal(news(), "a:up>down ");
	assert_string_equal(server_cause_code(a->cause), "check-failed");
	assert_string_equal(a->detail, "Layer4 connection problem in 1 ms, 3 of 3");
	assert_false(a->eligible);
	check(a, CHECK_L7OK, 1);
	assert_string_equal(news(), "");
	check(a, CHECK_L7OK, 1);
	assert_string_equal(news(), "a:down>up ");
	assert_string_equal(a->detail, "Layer7 check passed in 1 ms, 2 of 2");
	assert_string_equal(server_cause_code(a->cause), "check-passed");
}

static void
the_first_failure_brings_a_new_server_down(void **state)
{
	struct server *a = server_of("a", checked());

	check(a, CHECK_L4TOUT, 1);
	assert_string_equal(news(), "a:up>down ");
}

static void
what_says_nothing_changes_nothing(void **state)
{
	struct server *a = server_of("a", checked());

	check(a, CHECK_SOCKERR, 10);
	assert_string_equal(news(), "");
	assert_int_equal(a->health.last_check.verdict.result, CHECK_SOCKERR);
}

static void
init_state_says_where_it_begins(void **state)
{
	static const struct {
		enum init_state init;
		const char *at_first, *passed_once, *failed_once;
	} cases[] = {
		{ INIT_STATE_UP, "up", "up", "down" },
		{ INIT_STATE_FULLY_UP, "up", "up", "up" },
		{ INIT_STATE_DOWN, "down", "up", "down" },
		{ INIT_STATE_FULLY_DOWN, "down", "down", "down" },
		{ INIT_STATE_NONE, "down", "up", "down" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct server_conf conf = checked();
		struct server *a, *b;

		conf.init_state = cases[i].init;
		a = server_of("a", conf);
		b = server_of("b", conf);
		assert_string_equal(state_of(a), cases[i].at_first);
		if (a->state == SERVER_STATE_DOWN)
			assert_string_equal(server_cause_code(a->cause), "init-state");
		check(a, CHECK_L7OK, 1);
		check(b, CHECK_L7STS, 1);
		assert_string_equal(state_of(a), cases[i].passed_once);
		assert_string_equal(state_of(b), cases[i].failed_once);
		scene_retire(a);
		scene_retire(b);
	}
}

static void
leaving_maintenance_begins_anew(void **state)
{
	struct server_conf conf = checked(), maint = checked();
	struct server *a = server_of("a", conf);

	maint.admin = SERVER_MAINT;
	check(a, CHECK_L4CON, 1);
	publish(a, maint);
	assert_string_equal(news(), "a:up>down a:down>maint ");
	check(a, CHECK_L7OK, 5); /* none is made; one that comes late is not heard */
	publish(a, conf);
	assert_string_equal(news(), "a:maint>up ");
	conf.init_state = maint.init_state = INIT_STATE_DOWN;
	publish(a, maint);
	publish(a, conf);
	assert_string_equal(news(), "a:up>maint a:maint>down ");
	check(a, CHECK_L7OK, 1);
	assert_string_equal(news(), "a:down>up ");
}

static void
a_404_stops_who_is_up_and_lifts_nobody(void **state)
{
	struct server *a = server_of("a", checked());

	check(a, CHECK_L7OKC, 1);
	assert_string_equal(news(), "a:up>stopping ");
	assert_string_equal(server_cause_code(a->cause), "check-404");
	assert_false(a->eligible);
	assert_true(server_is_up(a));
	check(a, CHECK_L7OK, 1);
	assert_string_equal(news(), "a:stopping>up ");
	check(a, CHECK_L7STS, 3);
	assert_string_equal(news(), "a:up>down ");
	check(a, CHECK_L7OKC, 5);
	assert_int_equal(a->health.last_check.verdict.result, CHECK_L7STS);
	assert_string_equal(news(), "");
}

static void
who_is_checked_no_more_serves_again(void **state)
{
	struct server_conf conf = checked();
	struct server *a = server_of("a", conf);

	check(a, CHECK_L4CON, 1);
	conf.check = false;
	publish(a, conf);
	assert_string_equal(news(), "a:up>down a:down>no_check ");
	conf.check = true;
	conf.init_state = INIT_STATE_FULLY_DOWN; /* it is no start */
	publish(a, conf);
	assert_string_equal(news(), "a:no_check>up ");
}

static void
an_agent_s_words_are_followed(void **state)
{
	struct server_conf conf = checked();
	struct server *a;

	conf.agent_check = true;
	conf.weight = 10;
	conf.maxconn = 40;
	a = server_of("a", conf);
	agent(a, "50%");
	assert_int_equal(server_effective_weight(a), 5);
	assert_int_equal(a->health.last_agent.verdict.result, CHECK_CHECKED);
	agent(a, "drain maxconn:7");
	assert_string_equal(news(), "a:up>drain ");
	assert_string_equal(a->detail, "its agent said \"drain maxconn:7\"");
	assert_int_equal(atomic_load(&a->maxconn), 7);
	agent(a, "maint");
	agent(a, "ready 100%");
	assert_string_equal(news(), "a:drain>maint a:maint>up ");
	agent(a, "down #out of coffee");
	assert_string_equal(news(), "a:up>down ");
	assert_int_equal(a->health.last_agent.verdict.result, CHECK_L7STS);
	check(a, CHECK_L7OK, 5);
	agent(a, "ready 80%");
	assert_string_equal(news(), "");
	agent(a, "up");
	assert_string_equal(news(), "a:down>up ");
	agent(a, "0%");
	assert_string_equal(news(), "a:up>drain ");
	conf.agent_check = false;
	publish(a, conf);
	assert_string_equal(news(), "a:drain>up ");
	assert_int_equal(server_effective_weight(a), 10);
	assert_int_equal(atomic_load(&a->maxconn), 40);
}

static void
up_by_its_agent_it_is_down_by_its_check(void **state)
{
	struct server_conf conf = checked();
	struct server *a;

	conf.agent_check = true;
	a = server_of("a", conf);
	check(a, CHECK_L4CON, 1);
	agent(a, "up");
	assert_string_equal(news(), "a:up>down ");
	assert_string_equal(state_of(a), "down");
}

static void
errors_in_traffic_do_what_on_error_says(void **state)
{
	static const struct {
		enum on_error on_error;
		int value; /* of 0..4, up from 2 on */
	} cases[] = {
		{ ON_ERROR_FASTINTER, 4 },
		{ ON_ERROR_FAIL_CHECK, 3 },
		{ ON_ERROR_SUDDEN_DEATH, 2 },
		{ ON_ERROR_MARK_DOWN, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct server_conf conf = checked();
		struct server *a;

		conf.observe = OBSERVE_LAYER4;
		conf.on_error = cases[i].on_error;
		conf.fastinter = 100;
		a = server_of("a", conf);
		check(a, CHECK_L7OK, 3);
		assert_int_equal(server_check_interval_ms(a, CHECK_OF_SERVER), 2000);
		server_on_observed(a, 10, "Layer4 unsuccessful connection");
		assert_int_equal(a->health.check.value, cases[i].value);
		assert_int_equal(a->state == SERVER_STATE_DOWN, cases[i].value == 0);
		assert_int_equal(server_check_interval_ms(a, CHECK_OF_SERVER), 100);
		if (a->state == SERVER_STATE_DOWN)
			assert_string_equal(a->detail, "10 errors in a row in traffic, the last: "
						       "Layer4 unsuccessful connection");
		check(a, CHECK_L7OK, 3);
		assert_int_equal(server_check_interval_ms(a, CHECK_OF_SERVER), 2000);
		scene_retire(a);
	}
}

static void
the_interval_depends_on_what_is_in_doubt(void **state)
{
	struct server_conf conf = checked();
	struct server *a;

	conf.fastinter = 200;
	conf.downinter = 5000;
	a = server_of("a", conf);
	assert_int_equal(server_check_interval_ms(a, CHECK_OF_SERVER), 200); /* not checked yet */
	check(a, CHECK_L4OK, 1);
	assert_int_equal(server_check_interval_ms(a, CHECK_OF_SERVER), 2000);
	check(a, CHECK_L4CON, 1);
	assert_int_equal(server_check_interval_ms(a, CHECK_OF_SERVER), 200);
	check(a, CHECK_L4CON, 2);
	assert_int_equal(server_check_interval_ms(a, CHECK_OF_SERVER), 5000);
	assert_int_equal(server_check_interval_ms(a, CHECK_OF_AGENT), 3000);
}

static void
weights_multiply_and_nobody_s_is_rounded_away(void **state)
{
	struct server_conf conf = checked();
	struct server *a;

	conf.weight = 200;
	conf.weight_percent = 50;
	conf.agent_check = true;
	a = server_of("a", conf);
	assert_int_equal(server_effective_weight(a), 100);
	agent(a, "10%");
	assert_int_equal(server_effective_weight(a), 10);
	agent(a, "weight:7");
	assert_int_equal(server_effective_weight(a), 7);
	agent(a, "100%");
	conf.weight_percent = 400;
	publish(a, conf);
	assert_int_equal(server_effective_weight(a), 256);
	conf.weight = 1;
	conf.weight_percent = 1;
	publish(a, conf);
	assert_int_equal(server_weight_now(a), 1);
	conf.weight_percent = 0;
	publish(a, conf);
	assert_string_equal(state_of(a), "drain");
}

static void
who_tracks_follows_along_a_chain(void **state)
{
	struct server_conf conf = checked(), tracks = checked();
	struct server *a = server_of("a", conf), *b, *c;

	tracks.track = a;
	b = server_of("b", tracks);
	tracks.track = b;
	c = server_of("c", tracks);
	check(a, CHECK_L4CON, 1);
	assert_string_equal(news(), "a:up>down b:up>down c:up>down ");
	assert_string_equal(server_cause_code(c->cause), "tracked");
	assert_string_equal(c->detail, "it tracks app/b, which is down");
	check(a, CHECK_L7OK, 2);
	assert_string_equal(news(), "a:down>up b:down>up c:down>up ");
	conf.weight = 0;
	publish(a, conf);
	assert_string_equal(news(), "a:up>drain "); /* each has a weight of its own */
	conf.admin = SERVER_DRAIN;
	publish(a, conf);
	assert_string_equal(news(), "b:up>drain c:up>drain ");
	conf.weight = 1;
	conf.admin = SERVER_READY;
	publish(a, conf);
	assert_string_equal(news(), "a:drain>up b:drain>up c:drain>up ");
	conf.admin = SERVER_DRAIN;
	publish(a, conf);
	assert_string_equal(news(), "a:up>drain b:up>drain c:up>drain ");
	conf.admin = SERVER_MAINT;
	publish(a, conf);
	assert_string_equal(news(), "a:drain>maint b:drain>maint c:drain>maint ");
	tracks.track = NULL;
	publish(b, tracks);
	assert_string_equal(news(), "b:maint>up c:maint>up ");
	tracks.admin = SERVER_MAINT;
	publish(b, tracks);
	assert_string_equal(news(), "b:up>maint c:up>maint ");
	publish(c, checked());
	assert_string_equal(news(), "c:maint>up ");
}

static void
a_slow_start_gives_weight_and_places_in_a_straight_line(void **state)
{
	struct server_conf conf = checked();
	struct server *a;

	conf.slowstart = 10000;
	conf.weight = 100;
	conf.maxconn = 50;
	a = server_of("a", conf);
	servers_set_serving(true);
	assert_string_equal(state_of(a), "up"); /* the process starts */
	check(a, CHECK_L4CON, 1);
	check(a, CHECK_L4OK, 2);
	assert_string_equal(news(), "a:up>down a:down>starting ");
	assert_int_equal(server_effective_weight(a), 1);
	assert_int_equal(atomic_load(&a->maxconn), 1);
	assert_true(a->eligible);
	a->health.started_ms -= 5000;
	check(a, CHECK_L4OK, 1);
	assert_in_range(server_effective_weight(a), 50, 51);
	assert_int_equal(atomic_load(&a->maxconn), 25);
	assert_in_range(a->weight, 50 * LB_WEIGHT_SCALE, 51 * LB_WEIGHT_SCALE);
	a->health.started_ms -= 5000;
	a->health.slow.fire(&a->health.slow);
	assert_string_equal(news(), "a:starting>up ");
	assert_string_equal(server_cause_code(a->cause), "warmed-up");
	assert_int_equal(atomic_load(&a->maxconn), 50);
	check(a, CHECK_L4CON, 3);
	check(a, CHECK_L4OK, 2);
	check(a, CHECK_L4CON, 3);
	assert_string_equal(news(), "a:up>down a:down>starting a:starting>down ");
	assert_false(wheel_timer_is_set(&a->health.slow));
}

static void
each_who_holds_it_back_keeps_his_own_reason(void **state)
{
	struct server_conf conf = checked();
	struct server *a;

	conf.agent_check = true;
	a = server_of("a", conf);
	conf.admin = SERVER_DRAIN;
	publish_by(a, conf, "bob");
	conf.maxconn = 7;
	publish_by(a, conf, "carol");
	assert_string_equal(cause_of(a), "config bob");
	agent(a, "drain");
	conf.admin = SERVER_READY;
	publish_by(a, conf, "alice");
	assert_string_equal(cause_of(a), "agent");
	assert_string_equal(a->detail, "its agent said \"drain\"");
	conf.admin = SERVER_DRAIN;
	publish_by(a, conf, "bob");
	check(a, CHECK_L4CON, 3);
	assert_string_equal(cause_of(a), "check-failed");
	check(a, CHECK_L4OK, 2);
	assert_string_equal(cause_of(a), "config bob");
	agent(a, "ready");
	conf.admin = SERVER_READY;
	publish_by(a, conf, "alice");
	assert_string_equal(cause_of(a), "config alice");
	conf.weight = 0;
	publish_by(a, conf, "dave");
	assert_string_equal(cause_of(a), "config dave");
	assert_string_equal(a->detail, "weight 0");
}

static void
the_reason_of_who_is_down_is_the_newest(void **state)
{
	struct server_conf conf = checked();
	struct server *a;

	conf.init_state = INIT_STATE_NONE;
	a = server_of("a", conf);
	assert_string_equal(cause_of(a), "init-state");
	check(a, CHECK_L4CON, 1);
	assert_string_equal(cause_of(a), "check-failed");
	assert_string_equal(a->detail, "Layer4 connection problem in 1 ms, 1 in a row");
	check(a, CHECK_L7STS, 4);
	assert_string_equal(a->detail, "Layer7 wrong status in 1 ms, 3 of 3");
	check(a, CHECK_L7OK, 1);
	assert_string_equal(a->detail, "Layer7 wrong status in 1 ms, 3 of 3");
}

static void
another_reason_is_news_though_the_state_stays(void **state)
{
	struct server_conf conf = checked();
	struct server *a;

	conf.init_state = INIT_STATE_NONE;
	a = server_of("a", conf);
	causes_told = 0;
	check(a, CHECK_L4CON, 1);
	assert_int_equal(causes_told, 1);
	check(a, CHECK_L4CON, 5);
	assert_int_equal(causes_told, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCENE(
			a_checked_server_falls_after_fall_failures_and_rises_after_rise_successes),
		WITH_SCENE(the_first_failure_brings_a_new_server_down),
		WITH_SCENE(what_says_nothing_changes_nothing),
		WITH_SCENE(init_state_says_where_it_begins),
		WITH_SCENE(leaving_maintenance_begins_anew),
		WITH_SCENE(a_404_stops_who_is_up_and_lifts_nobody),
		WITH_SCENE(who_is_checked_no_more_serves_again),
		WITH_SCENE(an_agent_s_words_are_followed),
		WITH_SCENE(up_by_its_agent_it_is_down_by_its_check),
		WITH_SCENE(errors_in_traffic_do_what_on_error_says),
		WITH_SCENE(the_interval_depends_on_what_is_in_doubt),
		WITH_SCENE(weights_multiply_and_nobody_s_is_rounded_away),
		WITH_SCENE(who_tracks_follows_along_a_chain),
		WITH_SCENE(a_slow_start_gives_weight_and_places_in_a_straight_line),
		WITH_SCENE(each_who_holds_it_back_keeps_his_own_reason),
		WITH_SCENE(the_reason_of_who_is_down_is_the_newest),
		WITH_SCENE(another_reason_is_news_though_the_state_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
