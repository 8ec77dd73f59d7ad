/*
 * The counters behind "rise" and "fall" (HAProxy manual, 5.2): 0 to rise + fall - 1, up from rise on.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "server/health.h"

/* "pf": a success, a failure. Returns the counters' values as digits. */
static const char *
values(struct health *h, const char *verdicts)
{
	static char text[32];
	size_t n = 0;

	for (; verdicts[n] != '\0'; n++) {
		if (verdicts[n] == 'p')
			health_pass(h);
		else
			health_fail(h);
		text[n] = '0' + h->value;
	}
	text[n] = '\0';
	return text;
}

static void
rise_successes_bring_it_up_and_fill_it(void **state)
{
	struct health h = { .rise = 2, .fall = 3 };

	assert_string_equal(values(&h, "ppp"), "144");
	assert_true(health_is_up(&h));
}

static void
fall_failures_bring_it_down_and_empty_it(void **state)
{
	struct health h = { .rise = 2, .fall = 3, .value = 4 };

	assert_string_equal(values(&h, "fff"), "320");
	assert_false(health_is_up(&h));
}

static void
one_failure_while_it_rises_begins_anew(void **state)
{
	struct health h = { .rise = 3, .fall = 2 };

	assert_string_equal(values(&h, "ppfppp"), "120124");
}

static void
one_success_while_it_falls_makes_up_for_all_failures(void **state)
{
	struct health h = { .rise = 2, .fall = 3, .value = 4 };

	assert_string_equal(values(&h, "ffpff"), "32432");
}

static void
a_server_that_began_at_rise_falls_with_its_first_failure(void **state)
{
	struct health h = { .rise = 2, .fall = 3, .value = 2 };

	assert_true(health_is_up(&h));
	assert_true(health_fail(&h));
	assert_int_equal(h.value, 0);
}

static void
a_change_of_side_is_told_once(void **state)
{
	struct health h = { .rise = 2, .fall = 1 };

	assert_false(health_pass(&h));
	assert_true(health_pass(&h));
	assert_false(health_pass(&h));
	assert_true(health_fail(&h));
	assert_false(health_fail(&h));
}

static void
progress_counts_successes_while_down_and_what_it_stands_while_up(void **state)
{
	struct health h = { .rise = 3, .fall = 3 };

	health_pass(&h);
	assert_int_equal(health_progress(&h), 1); /* DOWN 1/3 */
	assert_false(health_is_settled(&h));
	values(&h, "pp");
	assert_int_equal(health_progress(&h), 3); /* UP */
	assert_true(health_is_settled(&h));
	health_fail(&h);
	assert_int_equal(health_progress(&h), 2); /* UP 2/3 */
	assert_false(health_is_settled(&h));
}

static void
other_limits_leave_it_up_or_down(void **state)
{
	for (uint16_t value = 0; value < 5; value++)
		for (uint16_t rise = 0; rise < 5; rise++)
			for (uint16_t fall = 0; fall < 5; fall++) {
				struct health h = { .rise = 2, .fall = 3, .value = value };
				const int was_up = health_is_up(&h);

				health_resize(&h, rise, fall);
				assert_int_equal(health_is_up(&h), was_up);
				assert_true(h.value < h.rise + h.fall);
			}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rise_successes_bring_it_up_and_fill_it),
		cmocka_unit_test(fall_failures_bring_it_down_and_empty_it),
		cmocka_unit_test(one_failure_while_it_rises_begins_anew),
		cmocka_unit_test(one_success_while_it_falls_makes_up_for_all_failures),
		cmocka_unit_test(a_server_that_began_at_rise_falls_with_its_first_failure),
		cmocka_unit_test(a_change_of_side_is_told_once),
		cmocka_unit_test(progress_counts_successes_while_down_and_what_it_stands_while_up),
		cmocka_unit_test(other_limits_leave_it_up_or_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
