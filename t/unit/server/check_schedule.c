/*
 * When checks are made: their intervals, their places, the line, what a stall and a lack of descriptors do.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <dirent.h>
#include <sys/resource.h>
#include "t/unit/server/attempt_scene.h"

#define MANY 1000

static struct check *many[MANY];

static void
many_new(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(check_new(&many[i], server, CHECK_OF_SERVER), ERR_OK);
}

static void
many_free(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		check_free(&many[i]);
}

static unsigned
descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static struct checks_totals
totals(void)
{
	struct checks_totals t;

	checks_totals(&t);
	return t;
}

static void
expect_hello(void)
{
	steps_begin();
	step_expect("hello", NULL);
	steps_end();
}

/* -- intervals -- */

static void
the_next_one_follows_an_interval_behind_the_end_of_the_last(void **state)
{
	const uint64_t began_ms = check_now_ms();

	check_start(check, false);
	UNTIL(told == 3);
	assert_in_range(check_now_ms() - began_ms, 200, 2000);
	assert_false(check_is_under_way(check));
	/* a long one does not shorten the pause behind it */
	expect_hello();
	interval_ms = 5000;
	UNTIL(told == 4);
	assert_int_equal(verdict.result, CHECK_L7TOUT);
	assert_true(check->due_ms + 100 > check_now_ms() + 5000);
}

static void
what_began_late_does_not_make_the_next_one_late(void **state)
{
	interval_ms = 10000;
	check_start(check, false);
	check->due_ms -= 4000;	/* as if it had stood in line */
	UNTIL(told == 1);
	assert_in_range(check->due_ms - check_now_ms(), 5000, 6000);
}

static void
to_hurry_is_to_be_due_no_later_than_the_interval_says(void **state)
{
	interval_ms = 100000;
	check_start(check, false);
	UNTIL(told == 1);
	interval_ms = 50;
	check_hurry(check);
	UNTIL(told == 2);
	interval_ms = 100000;
	UNTIL(told == 3);
	check_hurry(check);
	assert_in_range(check->due_ms - check_now_ms(), 99000, 100000);
}

static void
it_can_be_made_anew_while_it_is_under_way(void **state)
{
	expect_hello();
	server_said()->inter = 20000;
	check_start(check, false);
	UNTIL(peer.count == 1);
	assert_true(check_is_under_way(check));
	steps_begin();
	step_send("x");
	steps_end();
	check_again(check);
	assert_false(check_is_under_way(check));
	UNTIL(told == 1);
	assert_int_equal(verdict.result, CHECK_L7OK);
}

static void
made_anew_it_does_not_wait_for_the_old_interval(void **state)
{
	interval_ms = 3600000;
	check_start(check, false);
	UNTIL(told == 1);
	check_again(check);
	UNTIL(told == 2);
	/* a crowd begins soon, too, but not all at once */
	many_new(MANY);
	for (unsigned i = 0; i < MANY; i++)
		check_start(many[i], false);
	UNTIL(told == MANY + 2);
	told = 0;
	for (unsigned i = 0; i < MANY; i++)
		check_again(many[i]);
	turn_for(50);
	assert_in_range(told, 1, MANY - 1);
	UNTIL(told == MANY);
	many_free(MANY);
}

static void
spend_the_turn(void)
{
	while (checks_may_act())
		;
}

/* There is no time for it in this turn: the old answer may come first, and says nothing. */
static void
what_was_asked_before_a_change_says_nothing(void **state)
{
	expect_hello();
	server_said()->inter = 20000;
	interval_ms = 3600000;
	peer.says = "hell";
	peer.manner = SILENT;
	check_start(check, false);
	UNTIL(peer.count == 1);
	steps_begin();
	step_expect("hell", NULL);
	steps_end();
	spend_the_turn();
	check_again(check);
	assert_true(check_is_under_way(check));
	peer_say(0, SIZE_MAX);
	peer_close(0, false);
	peer.manner = SAYS;
	UNTIL(told == 1);
	assert_int_equal(verdict.result, CHECK_L7OK);
	turn_for(20);
	assert_int_equal(told, 1);
}

static void
many_are_made_anew_a_few_in_a_turn(void **state)
{
	expect_hello();
	server_said()->inter = 20000;
	many_new(200);
	for (unsigned i = 0; i < 200; i++)
		check_start(many[i], false);
	while (totals().under_way < 200)
		loop_turn(scene_control, false);
	spend_the_turn();
	for (unsigned i = 0; i < 200; i++)
		check_again(many[i]);
	assert_int_equal(totals().under_way, 200);
	check_stop(many[0]);
	loop_turn(scene_control, false);
	assert_in_range(totals().under_way, 100, 199);
	while (totals().in_line > 0)
		loop_turn(scene_control, false);
	assert_int_equal(totals().under_way, 199);
	assert_int_equal(told, 0);
	many_free(200);
}

/* -- a backend's new configuration -- */

static struct backend_conf *
said_anew(struct check_conf *conf)
{
	struct backend_conf *said = NULL;

	assert_int_equal(backend_conf_new(&said), ERR_OK);
	said->min_usable = 1;
	said->timeout_connect = backend->conf->timeout_connect;
	said->timeout_check = backend->conf->timeout_check;
	said->check = conf;
	return said;
}

/* The old one owns its steps, the test those of the new one. */
static void
publish_said(struct backend_conf *said)
{
	struct publish_item *item = NULL;
	struct check_conf *conf = said->check;

	backend->conf->check = check_conf_ref(steps);
	assert_int_equal(backend_publish_new(&item, backend, said), ERR_OK);
	scene_publish(&item, 1);
	check_conf_unref(&steps);
	steps = conf;
}

static struct check_conf *
steps_expecting(const char *text, const char *comment)
{
	struct check_conf *conf;

	steps_begin();
	step_expect(text, comment);
	assert_int_equal(check_conf_end(&draft), ERR_OK);
	conf = draft;
	draft = NULL;
	return conf;
}

static void
other_steps_or_times_begin_anew_and_nothing_else_does(void **state)
{
	struct backend_conf *said;

	expect_hello();
	server_said()->inter = 20000;
	interval_ms = 3600000;
	check_start(check, false);
	UNTIL(peer.count == 1);
	said = said_anew(steps_expecting("hello", "the same but for this"));
	said->retries = 7;
	publish_said(said);
	turn_for(20);
	assert_int_equal(peer.count, 1);
	publish_said(said_anew(steps_expecting("hell", NULL)));
	UNTIL(peer.count == 2);
	said = said_anew(steps_expecting("hell", NULL));
	said->timeout_check = 10000;
	publish_said(said);
	UNTIL(peer.count == 3);
	said = said_anew(steps_expecting("hell", NULL));
	said->timeout_check = 10000;
	said->timeout_connect = 5000;
	publish_said(said);
	UNTIL(peer.count == 4);
	/* also one that waits for its next one */
	peer.manner = SAYS;
	UNTIL(told == 1);
	publish_said(said_anew(steps_expecting("hel", NULL)));
	UNTIL(told == 2);
}

/* More than a turn looks at: also who ends, stops or is freed meanwhile. */
static void
all_of_a_line_are_made_anew_some_in_a_turn(void **state)
{
	struct check_line *line = &backend->check_lines[CHECK_OF_SERVER];

	interval_ms = 3600000;
	many_new(MANY);
	for (unsigned i = 0; i < MANY; i++)
		check_start(many[i], false);
	UNTIL(told == MANY);
	told = 0;
	check_line_again(line);
	check_line_again(line);
	check_free(&many[0]);
	check_stop(many[1]);
	check_stop(many[MANY - 1]);
	check_start(many[MANY - 1], false);
	check_stop(many[2]);
	check_start(many[2], false);
	loop_turn(scene_control, false);
	assert_false(list_is_empty(&line->again));
	check_free(&many[MANY - 2]);
	UNTIL(told >= MANY - 3);
	assert_true(list_is_empty(&line->again));
	turn_for(20);
	assert_int_equal(told, MANY - 3);
	check_line_again(line);
	many_free(MANY);
	assert_true(list_is_empty(&line->by_again));
}

static void
chance_spreads_intervals_by_so_many_percent(void **state)
{
	const struct checks_settings half = { .spread_percent = 50 };
	uint64_t least = UINT64_MAX, most = 0;

	checks_set(&half);
	interval_ms = 100000;
	many_new(200);
	for (unsigned i = 0; i < 200; i++)
		check_start(many[i], false);
	UNTIL(told == 200);
	for (unsigned i = 0; i < 200; i++) {
		const uint64_t wait = many[i]->due_ms - check_now_ms();

		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
	}
	assert_in_range(least, 40000, 60000);
	assert_in_range(most, 140000, 150000);
	many_free(200);
}

/* -- places -- */

static void
a_lone_one_and_the_first_of_a_crowd_begin_at_once(void **state)
{
	interval_ms = 100000;
	check_start(check, true);
	UNTIL(told == 1);
	many_new(20);
	for (unsigned i = 0; i < 20; i++)
		check_start(many[i], true);
	UNTIL(told == 21);
	many_free(20);
}

/* The crowd's first attempts are over soon; the second ones are each at its place. */
static void
a_crowd_is_even_from_its_second_attempts_on(void **state)
{
	unsigned tenths[10] = { 0 };
	uint64_t now;

	interval_ms = 1000000;
	many_new(MANY);
	for (unsigned i = 0; i < MANY; i++)
		check_start(many[i], true);
	UNTIL(told == MANY);
	now = check_now_ms();
	for (unsigned i = 0; i < MANY; i++) {
		const uint64_t wait = many[i]->due_ms - now;

		assert_in_range(wait, 0, 1000000);
		tenths[wait * 10 / 1000001]++;
	}
	for (unsigned i = 0; i < 10; i++)
		assert_in_range(tenths[i], 95, 105);
	many_free(MANY);
}

/* -- the line -- */

static void
no_more_than_the_limit_are_under_way(void **state)
{
	const struct checks_settings three = { .max_under_way = 3 }, five = { .max_under_way = 5 };

	expect_hello();
	checks_set(&three);
	server_said()->inter = 20000;
	many_new(10);
	for (unsigned i = 0; i < 10; i++)
		check_start(many[i], false);
	UNTIL(peer.count == 3);
	turn_for(20);
	assert_int_equal(totals().under_way, 3);
	assert_int_equal(totals().in_line, 7);
	checks_set(&five);
	UNTIL(totals().under_way == 5);
	/* one that ends, by itself or not, makes room; one that stands in line may leave it */
	check_stop(many[0]);
	check_stop(many[9]);
	UNTIL(totals().under_way == 5 && totals().in_line == 3);
	interval_ms = 100000;
	peer.manner = SAYS;
	UNTIL(told == 8);
	assert_int_equal(totals().in_line, 0);
	assert_int_equal(totals().under_way, 0);
	many_free(10);
}

/* A backend with one server that answers, checked often. */
static struct check *
neighbour_new(struct backend **bp, struct check_conf **conf)
{
	struct backend *other = scene_backend(1, false);
	struct server *good = scene_server_new(other, "good", 2);
	struct server_conf *said = server_conf_new();
	struct publish_item *item = NULL;
	struct check *c = NULL;

	other->conf->timeout_connect = other->conf->timeout_check = TIMEOUT_NONE;
	assert_int_equal(check_conf_new_connect(conf), ERR_OK);
	other->conf->check = *conf;
	assert_non_null(said);
	said->address = peer.addr;
	assert_int_equal(server_publish_new(&item, good, said, SERVER_CAUSE_CREATED), ERR_OK);
	scene_publish(&item, 1);
	assert_int_equal(check_new(&c, good, CHECK_OF_SERVER), ERR_OK);
	*bp = other;
	return c;
}

static void
neighbour_free(struct check *c, struct backend *other, struct check_conf *conf)
{
	check_free(&c);
	other->conf->check = NULL;
	check_conf_unref(&conf);
	scene_drop(other);
}

static void
servers_that_hang_keep_nobody_elsewhere_waiting(void **state)
{
	const struct checks_settings eight = { .max_under_way = 8 };
	struct check_conf *bare = NULL;
	struct backend *other = NULL;
	struct check *good = neighbour_new(&other, &bare);

	expect_hello();
	checks_set(&eight);
	server_said()->inter = 20000;
	interval_ms = 20;
	check_start(good, false);
	many_new(20);
	for (unsigned i = 0; i < 20; i++)
		check_start(many[i], false);
	UNTIL(told >= 10);
	assert_int_equal(verdict.result, CHECK_L4OK);
	assert_int_equal(backend->check_lines[CHECK_OF_SERVER].under_way, 6);
	assert_int_equal(totals().in_line, 14);
	/* who is alone may have all */
	check_stop(good);
	check_stop(many[0]);
	UNTIL(totals().under_way == 8);
	/* and who comes then is the next one, and has room from there on */
	check_start(good, false);
	check_stop(many[1]);
	check_stop(many[2]);
	check_stop(many[3]);
	told = 0;
	UNTIL(told >= 10);
	neighbour_free(good, other, bare);
	many_free(20);
}

static void
a_turn_begins_no_more_than_it_can_bear(void **state)
{
	uint32_t before = 0, most = 0;

	expect_hello();
	server_said()->inter = 20000;
	many_new(300);
	for (unsigned i = 0; i < 300; i++)
		check_start(many[i], false);
	while (totals().in_line > 0) {
		loop_turn(scene_control, false);
		most = totals().under_way - before > most ? totals().under_way - before : most;
		before = totals().under_way;
	}
	assert_in_range(most, 1, 64);
	many_free(300);
}

static void
without_descriptors_nothing_is_learned_and_soon_it_is_tried_again(void **state)
{
	struct rlimit was, none;

	interval_ms = 60000;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	check_start(check, false);
	UNTIL(told == 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(verdict.result, CHECK_SOCKERR);
	assert_string_equal(verdict.detail, "Too many open files");
	assert_int_equal(told_failed, 0);
	UNTIL(told == 2);
	assert_int_equal(verdict.result, CHECK_L4OK);
}

/* -- a loop that stands still -- */

static void
stand_still(unsigned ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

static void
a_healthy_server_passes_though_the_loop_stands_still(void **state)
{
	steps_begin();
	step_send("x");
	step_expect("hello", NULL);
	steps_end();
	peer.manner = SAYS;
	interval_ms = 20;
	many_new(50);
	for (unsigned i = 0; i < 50; i++)
		check_start(many[i], false);
	for (unsigned i = 0; i < 6; i++) {
		peer.count = 0;
		loop_turn(scene_control, false);	/* some connect, some have sent */
		peer_turn();
		stand_still(i % 2 == 0 ? 400 : 100);	/* more than inter, and less */
		for (unsigned k = 0; k < 3; k++)
			loop_turn(scene_control, false);
		peer_turn();
		for (unsigned k = 0; k < peer.count; k++)
			if (peer.conns[k] >= 0)
				peer_close(k, false);
	}
	peer.count = 0;
	assert_int_equal(told_failed, 0);
	many_free(50);
}

static void
a_stall_excuses_a_failure_but_not_for_ever(void **state)
{
	expect_hello();
	peer.manner = SILENT;
	check_start(check, false);
	for (unsigned i = 0; i < 40 && told == 0; i++) {
		turn();
		stand_still(120);
	}
	assert_int_equal(told_failed, 1);
	check_stop(check);
	/* a connection lost in a stall is made anew, twice */
	told = 0;
	peer.manner = RESETS;
	server_said()->inter = 20000;
	check_start(check, false);
	for (unsigned i = 0; i < 60 && told == 0; i++) {
		loop_turn(scene_control, false);
		stand_still(120);
		peer_turn();
	}
	assert_int_equal(told, 1);
	assert_int_equal(verdict.result, CHECK_L7RSP);
	assert_in_range(peer.count, 2, 4);
}

static void
a_status_that_was_said_counts_at_once_also_in_a_stall(void **state)
{
	struct check_conf *conf = NULL;

	assert_int_equal(check_conf_new(&conf, CHECK_KIND_HTTP), ERR_OK);
	assert_int_equal(check_conf_end(&conf), ERR_OK);
	steps_set(conf);
	peer.manner = SAYS;
	peer.says = "HTTP/1.1 500 No\r\n\r\n";
	server_said()->inter = 20000;
	check_start(check, false);
	for (unsigned i = 0; i < 60 && told == 0; i++) {
		loop_turn(scene_control, false);
		stand_still(120);
		peer_turn();
	}
	assert_int_equal(told, 1);
	assert_int_equal(verdict.result, CHECK_L7STS);
	assert_int_equal(peer.count, 1);
}

/* -- ends -- */

static void
given_up_in_any_state_nothing_is_told_and_nothing_left(void **state)
{
	const unsigned before = descriptors();

	peer.manner = SAYS_IN_PIECES;
	peer.says = "hell is far away";
	server_said()->inter = 20000;
	steps_begin();
	step_send("x");
	step_expect("hello", NULL);
	steps_end();
	for (unsigned turns = 0; turns < 12; turns++) {
		struct check *c = NULL;

		assert_int_equal(check_new(&c, server, CHECK_OF_SERVER), ERR_OK);
		check_start(c, turns % 2 == 0);
		for (unsigned i = 0; i < turns; i++)
			turn();
		if (turns % 3 == 0)
			check_stop(c);
		check_free(&c);
		assert_null(c);
	}
	turn_for(20);
	for (unsigned i = 0; i < peer.count; i++)
		if (peer.conns[i] >= 0)
			peer_close(i, false);
	assert_int_equal(told, 0);
	assert_int_equal(descriptors(), before);
	assert_int_equal(totals().under_way, 0);
	assert_int_equal(totals().in_line, 0);
}

static void
free_it(void)
{
	check_free(&check);
}

static void
who_is_told_may_free_it(void **state)
{
	when_told = free_it;
	check_start(check, false);
	UNTIL(told == 1);
	turn_for(20);
	assert_null(check);
}

static void
stop_and_start_it(void)
{
	check_stop(check);
	if (told < 3)
		check_start(check, false);
}

static void
who_is_told_may_stop_it_and_start_it(void **state)
{
	interval_ms = 100000;
	when_told = stop_and_start_it;
	check_start(check, false);
	UNTIL(told == 3);
	turn_for(20);
	assert_int_equal(told, 3);
}

static void
hurry_all(void)
{
	check_hurry(check);
	check_again(check);
	check_start(check, true);
	for (unsigned i = 0; i < 5; i++)
		check_stop(many[i]);
}

static void
who_is_told_may_hurry_it_and_stop_others(void **state)
{
	interval_ms = 30;
	when_told = hurry_all;
	many_new(5);
	for (unsigned i = 0; i < 5; i++)
		check_start(many[i], true);
	check_start(check, false);
	UNTIL(told >= 4);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(many[i]->phase, CHECK_RESTS);
	many_free(5);
}

static void
after_the_end_none_is_made(void **state)
{
	expect_hello();
	server_said()->inter = 20000;
	many_new(3);
	for (unsigned i = 0; i < 3; i++)
		check_start(many[i], false);
	UNTIL(peer.count == 3);
	checks_finish();
	assert_int_equal(totals().under_way, 0);
	check_start(many[0], false);
	turn_for(20);
	assert_int_equal(told, 0);
	assert_int_equal(peer.count, 3);
	many_free(3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CHECK_TEST(the_next_one_follows_an_interval_behind_the_end_of_the_last),
		CHECK_TEST(what_began_late_does_not_make_the_next_one_late),
		CHECK_TEST(to_hurry_is_to_be_due_no_later_than_the_interval_says),
		CHECK_TEST(it_can_be_made_anew_while_it_is_under_way),
		CHECK_TEST(made_anew_it_does_not_wait_for_the_old_interval),
		CHECK_TEST(what_was_asked_before_a_change_says_nothing),
		CHECK_TEST(many_are_made_anew_a_few_in_a_turn),
		CHECK_TEST(other_steps_or_times_begin_anew_and_nothing_else_does),
		CHECK_TEST(all_of_a_line_are_made_anew_some_in_a_turn),
		CHECK_TEST(chance_spreads_intervals_by_so_many_percent),
		CHECK_TEST(a_lone_one_and_the_first_of_a_crowd_begin_at_once),
		CHECK_TEST(a_crowd_is_even_from_its_second_attempts_on),
		CHECK_TEST(no_more_than_the_limit_are_under_way),
		CHECK_TEST(servers_that_hang_keep_nobody_elsewhere_waiting),
		CHECK_TEST(a_turn_begins_no_more_than_it_can_bear),
		CHECK_TEST(without_descriptors_nothing_is_learned_and_soon_it_is_tried_again),
		CHECK_TEST(a_healthy_server_passes_though_the_loop_stands_still),
		CHECK_TEST(a_stall_excuses_a_failure_but_not_for_ever),
		CHECK_TEST(a_status_that_was_said_counts_at_once_also_in_a_stall),
		CHECK_TEST(given_up_in_any_state_nothing_is_told_and_nothing_left),
		CHECK_TEST(who_is_told_may_free_it),
		CHECK_TEST(who_is_told_may_stop_it_and_start_it),
		CHECK_TEST(who_is_told_may_hurry_it_and_stop_others),
		CHECK_TEST(after_the_end_none_is_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
