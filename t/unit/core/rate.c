/*
 * Rates: a second that slides.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "core/rate.h"

static void
add(struct rate *rate, uint64_t now_ms, int times)
{
	while (times-- > 0)
		rate_add(rate, now_ms);
}

static void
events_of_this_second_count_whole(void **state)
{
	struct rate rate = { 0 };

	(void)state;
	assert_int_equal(rate_read_milli(&rate, 5000), 0);
	add(&rate, 5100, 3);
	assert_int_equal(rate_read_milli(&rate, 5100), 3000);
	assert_int_equal(rate_read_milli(&rate, 5999), 3000);
}

static void
those_of_the_second_before_fade(void **state)
{
	struct rate rate = { 0 };

	(void)state;
	add(&rate, 5100, 10);
	assert_int_equal(rate_read_milli(&rate, 6000), 10000);
	assert_int_equal(rate_read_milli(&rate, 6750), 2500);
	add(&rate, 6750, 2);
	assert_int_equal(rate_read_milli(&rate, 6750), 4500);
	assert_int_equal(rate_read_milli(&rate, 7500), 1000);
	assert_int_equal(rate_read_milli(&rate, 8000), 0);
}

static void
after_silence_it_begins_anew(void **state)
{
	struct rate rate = { 0 };

	(void)state;
	add(&rate, 1000, 100);
	add(&rate, 60000, 1);
	assert_int_equal(rate_read_milli(&rate, 60000), 1000);
}

static void
the_largest_count_stays(void **state)
{
	struct rate rate = { 0 };

	(void)state;
	atomic_store(&rate.word, UINT64_C(7) << 2 * RATE_COUNT_BITS | (RATE_COUNT_MAX - 1));
	add(&rate, 7000, 3);
	assert_int_equal(rate_read_milli(&rate, 7000), RATE_COUNT_MAX * 1000);
}

static void
the_number_of_the_second_wraps(void **state)
{
	const uint64_t last_ms = RATE_SECOND_MASK * RATE_PERIOD_MS;
	struct rate rate = { 0 };

	(void)state;
	add(&rate, last_ms, 4);
	assert_int_equal(rate_read_milli(&rate, last_ms + RATE_PERIOD_MS), 4000);
	add(&rate, last_ms + RATE_PERIOD_MS, 1);
	assert_int_equal(rate_read_milli(&rate, last_ms + RATE_PERIOD_MS + 500), 3000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_of_this_second_count_whole),
		cmocka_unit_test(those_of_the_second_before_fade),
		cmocka_unit_test(after_silence_it_begins_anew),
		cmocka_unit_test(the_largest_count_stays),
		cmocka_unit_test(the_number_of_the_second_wraps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
