/*
 * What stands before a line: HAProxy's log formats, to the letter.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <time.h>
#include "core/log_priv.h"

#define NOW_US 1795154405000123	/* 2026-11-20T06:00:05.000123Z */

static const struct log_who someone = { .host = "lb1", .pid = 123 };

static int
in_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
	return 0;
}

static const char *
framed(enum log_framing framing, uint64_t now_us)
{
	const struct log_target_conf conf = { .framing = framing, .facility = 17 };
	struct log_stamp stamp = { .second = UINT64_MAX };
	static char text[LOG_HEAD_MAX_BYTES + 1];
	struct slice head;

	log_stamp_set(&stamp, now_us);
	head = log_frame(text, &conf, LOG_LEVEL_INFO, &someone, &stamp);
	text[head.len] = '\0';
	return text;
}

static void
a_framing_looks_as_haproxys_does(void **state)
{
	in_zone("UTC");
	assert_string_equal(framed(LOG_FRAMING_RAW, NOW_US), "");
	assert_string_equal(framed(LOG_FRAMING_RFC3164, NOW_US),
			    "<142>Nov 20 06:00:05 lb1 sluice[123]: ");
	assert_string_equal(framed(LOG_FRAMING_LOCAL, NOW_US),
			    "<142>Nov 20 06:00:05 sluice[123]: ");
	assert_string_equal(framed(LOG_FRAMING_RFC5424, NOW_US),
			    "<142>1 2026-11-20T06:00:05.000123+00:00 lb1 sluice 123 - - ");
	assert_string_equal(framed(LOG_FRAMING_SHORT, NOW_US), "<6>");
	assert_string_equal(framed(LOG_FRAMING_PRIORITY, NOW_US), "<142>");
	assert_string_equal(framed(LOG_FRAMING_ISO, NOW_US), "2026-11-20T06:00:05.000123+00:00 ");
	assert_string_equal(framed(LOG_FRAMING_TIMED, NOW_US),
			    "<6>2026-11-20T06:00:05.000123+00:00 ");
}

static void
the_time_is_the_local_one_and_a_day_has_two_columns(void **state)
{
	in_zone("XYZ+3:30");	/* west of Greenwich */
	assert_string_equal(framed(LOG_FRAMING_ISO, NOW_US), "2026-11-20T02:30:05.000123-03:30 ");
	in_zone("XYZ-5");
	assert_string_equal(framed(LOG_FRAMING_ISO, NOW_US), "2026-11-20T11:00:05.000123+05:00 ");
	in_zone("UTC");
	assert_string_equal(framed(LOG_FRAMING_LOCAL, NOW_US - 19 * UINT64_C(86400000000)),
			    "<142>Nov  1 06:00:05 sluice[123]: ");
}

static void
a_stamp_follows_the_clock_within_a_second_and_beyond(void **state)
{
	struct log_stamp stamp = { .second = UINT64_MAX };

	in_zone("UTC");
	log_stamp_set(&stamp, NOW_US);
	log_stamp_set(&stamp, NOW_US + 999876);
	assert_string_equal(stamp.iso, "2026-11-20T06:00:05.999999+00:00");
	log_stamp_set(&stamp, NOW_US + 999877);
	assert_string_equal(stamp.iso, "2026-11-20T06:00:06.000000+00:00");
	assert_string_equal(stamp.rfc3164, "Nov 20 06:00:06");
	log_stamp_set(&stamp, NOW_US);		/* a clock may be set back */
	assert_string_equal(stamp.iso, "2026-11-20T06:00:05.000123+00:00");
	log_stamp_set(&stamp, UINT64_MAX);	/* a clock that is out of its mind */
}

static void
the_longest_host_name_has_room(void **state)
{
	const struct log_target_conf conf = { .framing = LOG_FRAMING_RFC5424, .facility = 23 };
	struct log_stamp stamp = { .second = UINT64_MAX };
	struct log_who who = { .pid = INT32_MAX };
	char text[LOG_HEAD_MAX_BYTES];
	struct slice head;

	memset(who.host, 'h', sizeof(who.host) - 1);
	log_stamp_set(&stamp, NOW_US);
	head = log_frame(text, &conf, LOG_LEVEL_DEBUG, &who, &stamp);
	assert_memory_equal(head.at + head.len - 5, " - - ", 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_framing_looks_as_haproxys_does),
		cmocka_unit_test(the_time_is_the_local_one_and_a_day_has_two_columns),
		cmocka_unit_test(a_stamp_follows_the_clock_within_a_second_and_beyond),
		cmocka_unit_test(the_longest_host_name_has_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
