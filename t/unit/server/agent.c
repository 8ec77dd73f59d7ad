/*
 * An agent's line. What HAProxy 2.6 makes of each was measured with it; where we differ the test says so.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include "server/agent.h"

/* "drain 20% maxconn=4 down(reason) ?1": what was understood; "-": nothing. */
static const char *
said_bytes(const char *line, size_t len)
{
	static const char *const admins[] = { "", " ready", " drain", " maint" };
	static const char *const healths[] = { "", " up", " down", " fail", " stopped" };
	static const char *const kinds[] = { "", "%", "" };
	static char text[256];
	char *copy = malloc(len + 1);
	struct agent_report r;
	size_t n = 0;
	bool understood;

	assert_non_null(copy);
	memcpy(copy, line, len);	/* ends where a sanitizer sees the next byte */
	copy = realloc(copy, len > 0 ? len : 1);
	memset(&r, 0xa5, sizeof(r));
	understood = agent_parse(&r, (struct slice){ copy, len });
	free(copy);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", understood ? "" : " -",
			      admins[r.admin]);
	if (r.weight_kind != AGENT_WEIGHT_NONE)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %u%s", r.weight,
				      kinds[r.weight_kind]);
	if (r.has_maxconn)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " maxconn=%u", r.maxconn);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", healths[r.health]);
	if (r.reason[0] != '\0')
		n += (size_t)snprintf(text + n, sizeof(text) - n, " (%s)", r.reason);
	if (r.unknown > 0)
		snprintf(text + n, sizeof(text) - n, " ?%u", r.unknown);
	return text + 1;
}

static const char *
said(const char *line)
{
	return said_bytes(line, strlen(line));
}

static void
each_word_is_known(void **state)
{
	assert_string_equal(said("ready"), "ready");
	assert_string_equal(said("drain"), "drain");
	assert_string_equal(said("maint"), "maint");
	assert_string_equal(said("up"), "up");
	assert_string_equal(said("down"), "down");
	assert_string_equal(said("fail"), "fail");
	assert_string_equal(said("stopped"), "stopped");
	assert_string_equal(said("75%"), "75%");
	assert_string_equal(said("0%"), "0%");
	assert_string_equal(said("weight:75%"), "75%");
	assert_string_equal(said("weight:80"), "80");
	assert_string_equal(said("maxconn:30"), "maxconn=30");
	assert_string_equal(said("maxconn:0"), "maxconn=0");
}

static void
case_does_not_matter(void **state)
{
	assert_string_equal(said("UP"), "up");
	assert_string_equal(said("dOwN"), "down");
	assert_string_equal(said("MaxConn:9 WEIGHT:8 Drain"), "drain 8 maxconn=9");
}

static void
blanks_tabs_and_commas_part_words(void **state)
{
	assert_string_equal(said("50%,drain\tmaxconn:4 up"), "drain 50% maxconn=4 up");
	assert_string_equal(said(",,up,, \t 50%,"), "50% up");
	assert_string_equal(said("up;down"), "- (up;down) ?1");
	assert_string_equal(said("50 %"), "- (50) ?2");
}

static void
the_last_of_a_kind_counts(void **state)
{
	assert_string_equal(said("50% 75%"), "75%");
	assert_string_equal(said("weight:10 50%"), "50%");
	assert_string_equal(said("50% weight:10"), "10");
	assert_string_equal(said("maxconn:3 maxconn:5"), "maxconn=5");
	assert_string_equal(said("drain ready"), "ready");
	assert_string_equal(said("ready drain"), "drain");
	assert_string_equal(said("up down"), "down");
	assert_string_equal(said("down up"), "up");
	assert_string_equal(said("fail stopped"), "stopped");
}

static void
a_reason_is_the_rest_of_the_line(void **state)
{
	assert_string_equal(said("down #because of x"), "down (because of x)");
	assert_string_equal(said("fail # a  b "), "fail (a  b)");
	assert_string_equal(said("down #reason up 50%"), "down (reason up 50%)");
	assert_string_equal(said("down 50% #a#b"), "50% down (a#b)");
	assert_string_equal(said("up #reason"), "up (reason)");
	assert_string_equal(said("stopped # "), "stopped");
	assert_string_equal(said("stopped #"), "stopped");
	assert_string_equal(said("#x"), "- (x)");
}

static void
a_sharp_inside_a_word_opens_no_reason(void **state)
{
	assert_string_equal(said("down#because"), "- (down#because) ?1");
}

static void
unknown_words_are_counted_and_the_others_hold(void **state)
{
	assert_string_equal(said("foo"), "- (foo) ?1");
	assert_string_equal(said("foo 50% bar"), "50% (foo) ?2");
	assert_string_equal(said("foo up"), "up (foo) ?1");
	assert_string_equal(said("foo down #why"), "down (why) ?1");
	assert_string_equal(said("upx downx xup u"), "- (upx) ?4");
}

static void
an_empty_line_says_nothing(void **state)
{
	assert_string_equal(said(""), "-");
	assert_string_equal(said(" ,\t"), "-");
}

static void
what_is_no_number_changes_nothing(void **state)
{
	static const char *const words[] = {
		"%", "5.5%", "-5%", "+5%", "75%%", "75%foo", "5050%50", "0x10%", "75", "weight:",
		"weight:%", "weight:x", "weight:5x", "weight:-5", "weight:75%foo", "maxconn:",
		"maxconn:x", "maxconn:5x", "maxconn:5%", "maxconn", "weight", "maxconn:+5",
	};
	char expected[64];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		snprintf(expected, sizeof(expected), "- (%s) ?1", words[i]);
		assert_string_equal(said(words[i]), expected);
	}
}

/* HAProxy caps percents too; its maxconn wraps at 32 bits. */
static void
numbers_have_limits(void **state)
{
	assert_string_equal(said("300%"), "300%");
	assert_string_equal(said("25601%"), "25600%");
	assert_string_equal(said("99999999999999999999999999%"), "25600%");
	assert_string_equal(said("0000000000000000000000000000005%"), "5%");
	assert_string_equal(said("weight:256"), "256");
	assert_string_equal(said("weight:257"), "- (weight:257) ?1");
	assert_string_equal(said("weight:4294967300"), "- (weight:4294967300) ?1");
	assert_string_equal(said("maxconn:4294967295"), "maxconn=4294967295");
	assert_string_equal(said("maxconn:4294967296"), "- (maxconn:4294967296) ?1");
	assert_string_equal(said("maxconn:-1"), "- (maxconn:-1) ?1");
	assert_string_equal(said("maxconn:18446744073709551617"),
			    "- (maxconn:18446744073709551617) ?1");
}

static void
a_refused_value_leaves_an_earlier_one(void **state)
{
	assert_string_equal(said("weight:10 weight:999"), "10 (weight:999) ?1");
	assert_string_equal(said("maxconn:5 maxconn:x"), "maxconn=5 (maxconn:x) ?1");
}

static void
a_reason_is_escaped_and_of_limited_length(void **state)
{
	char line[400] = "down #", *at = line + strlen(line);
	struct agent_report r;

	assert_string_equal(said("down #\x1b[1m \"q\" \xc3\xa9\\"),
			    "down (\\x1B[1m \"q\" \\xC3\\xA9\\x5C)");
	assert_string_equal(said_bytes("down #a\0b", 9), "down (a\\x00b)");
	assert_string_equal(said_bytes("do\0wn", 5), "- (do\\x00wn) ?1");
	memset(at, 'x', 300);
	assert_true(agent_parse(&r, slice_of(line)));
	assert_int_equal(strlen(r.reason), AGENT_REASON_BYTES - 1);
	assert_string_equal(r.reason + strlen(r.reason) - 4, "x...");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_word_is_known),
		cmocka_unit_test(case_does_not_matter),
		cmocka_unit_test(blanks_tabs_and_commas_part_words),
		cmocka_unit_test(the_last_of_a_kind_counts),
		cmocka_unit_test(a_reason_is_the_rest_of_the_line),
		cmocka_unit_test(a_sharp_inside_a_word_opens_no_reason),
		cmocka_unit_test(unknown_words_are_counted_and_the_others_hold),
		cmocka_unit_test(an_empty_line_says_nothing),
		cmocka_unit_test(what_is_no_number_changes_nothing),
		cmocka_unit_test(numbers_have_limits),
		cmocka_unit_test(a_refused_value_leaves_an_earlier_one),
		cmocka_unit_test(a_reason_is_escaped_and_of_limited_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
