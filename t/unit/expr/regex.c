/*
 * Regular expressions: what matches, what its groups are, and that none costs more than its limit.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include "expr/regex.h"

static struct regex *
regex_of(const char *pattern, bool nocase)
{
	struct regex *regex = NULL;
	struct diag diag = { "" };

	if (regex_compile(&regex, slice_of(pattern), nocase, &diag) != ERR_OK)
		fail_msg("%s", diag.text);
	return regex;
}

static bool
says(const char *pattern, bool nocase, const char *text)
{
	struct regex *regex = regex_of(pattern, nocase);
	bool matches = regex_match(regex, slice_of(text), NULL);

	regex_free(&regex);
	assert_null(regex);
	return matches;
}

/* `format` with the groups of `pattern` in `text`. */
static const char *
expanded(const char *pattern, const char *text, const char *format)
{
	static char out[256];
	struct regex *regex = regex_of(pattern, false);
	struct regex_groups groups;
	size_t len = 0;
	enum err e;

	assert_true(regex_match(regex, slice_of(text), &groups));
	e = regex_expand(out, sizeof(out) - 1, &len, slice_of(format), &groups);
	out[len] = '\0';
	regex_free(&regex);
	return e == ERR_OK ? out : NULL;
}

static void
it_matches_anywhere_and_minds_case_unless_told_not_to(void **state)
{
	(void)state;
	assert_true(says("b+", false, "abbc"));
	assert_false(says("^b+", false, "abbc"));
	assert_false(says("B", false, "abc"));
	assert_true(says("B", true, "abc"));
	assert_true(says("", false, ""));
	assert_true(says("(*NO_JIT)b", false, "abc"));
}

static void
an_empty_slice_without_an_address_is_a_text(void **state)
{
	struct regex *regex = regex_of("^$", false);

	(void)state;
	assert_true(regex_match(regex, (struct slice){ NULL, 0 }, NULL));
	regex_free(&regex);
}

static void
groups_that_did_not_take_part_are_not_set(void **state)
{
	struct regex *regex = regex_of("(a)|(b)(c)?", false);
	struct regex_groups groups;

	(void)state;
	assert_true(regex_match(regex, SLICE("xb"), &groups));
	assert_int_equal(groups.count, 3);
	assert_true(slice_equals(groups.at[0], SLICE("b")));
	assert_null(groups.at[1].at);
	assert_true(slice_equals(groups.at[2], SLICE("b")));
	assert_null(groups.at[3].at);
	regex_free(&regex);
}

static void
more_than_nine_groups_are_found_as_far_as_there_are_numbers(void **state)
{
	(void)state;
	assert_string_equal(
		expanded("(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)", "abcdefghijk", "\\9\\1\\0"),
			    "iaabcdefghijk");
}

/* map_regm and regsub of HAProxy 2.6 say the same. */
static void
a_format_has_groups_bytes_and_backslashes(void **state)
{
	(void)state;
	assert_string_equal(expanded("^([a-z]+)([0-9]+)$", "abc123", "X\\2-\\1\\\\y\\9z"),
			    "X123-abc\\yz");
	assert_string_equal(expanded("a", "a", "\\x41\\q\\."), "Aq.");
	assert_string_equal(expanded("a", "a", ""), "");
}

static void
a_format_that_ends_in_the_middle_of_an_escape_is_refused(void **state)
{
	static const char *const wrong[] = { "\\x4g", "a\\", "\\x", "\\x4", "\\" };
	struct diag diag;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_null(expanded("a", "a", wrong[i]));
		assert_int_equal(regex_check_format(slice_of(wrong[i]), &diag), ERR_INVALID);
	}
	assert_int_equal(regex_check_format(SLICE("\\1\\x4f\\\\"), &diag), ERR_OK);
	assert_non_null(strstr(diag.text, "at offset 0"));
}

static void
what_does_not_fit_is_not_cut(void **state)
{
	struct regex_groups groups = { .at = { SLICE("abc") }, .count = 1 };
	char out[6];
	size_t len = 0;

	(void)state;
	assert_int_equal(regex_expand(out, sizeof(out), &len, SLICE("\\0\\0"), &groups), ERR_OK);
	assert_int_equal(len, 6);
	assert_int_equal(regex_expand(out, sizeof(out), &len, SLICE("\\0\\0x"), &groups),
			 ERR_LIMIT);
}

static void
a_mistake_is_told_with_its_place(void **state)
{
	struct regex *regex = NULL;
	struct diag diag = { "" };

	(void)state;
	assert_int_equal(regex_compile(&regex, SLICE("a(b"), false, &diag), ERR_INVALID);
	assert_null(regex);
	assert_non_null(strstr(diag.text, "\"a(b\""));
	assert_non_null(strstr(diag.text, "at offset 3"));
}

/* The JIT would read beyond a text that is not UTF-8. */
static void
utf_mode_is_refused(void **state)
{
	struct regex *regex = NULL;
	struct diag diag;

	(void)state;
	assert_int_equal(regex_compile(&regex, SLICE("(*UTF)a"), false, &diag), ERR_INVALID);
}

static void
what_would_take_for_ever_hits_the_limit_and_is_counted(void **state)
{
	static const char *const patterns[] = { "(a+)+$", "(*NO_JIT)(a+)+$" };
	uint64_t before = regex_limited();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_false(says(patterns[i], false, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
		assert_int_equal(regex_limited(), before + i + 1);
	}
}

static void
deep_recursion_hits_the_limit_too(void **state)
{
	static char text[200000];
	struct regex *regex = regex_of("^(?:(a|b)(?1)*)*c", false);

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_false(regex_match(regex, (struct slice){ text, sizeof(text) }, NULL));
	regex_free(&regex);
}

static void
a_match_takes_no_memory(void **state)
{
	struct regex *regex = regex_of("^/(?<x>[a-z]+)/(\\d+)(?:\\?(.*))?$", true);
	struct regex_groups groups;
	size_t before;

	(void)state;
	assert_true(regex_match(regex, SLICE("/abc/123?x=y"), &groups));	/* the thread's tools */
	before = mallinfo2().uordblks;
	for (int i = 0; i < 1000; i++)
		assert_true(regex_match(regex, SLICE("/abc/123?x=y"), &groups));
	assert_int_equal(mallinfo2().uordblks, before);
	regex_free(&regex);
}

static void *
match_many(void *arg)
{
	uintptr_t found = 0;

	for (int i = 0; i < 1000; i++)
		found += regex_match(arg, SLICE("xxabcxx"), NULL);
	return (void *)found;
}

static void
threads_share_what_was_compiled(void **state)
{
	struct regex *regex = regex_of("a(b)c", false);
	pthread_t threads[4];
	void *found;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, match_many, regex), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &found), 0);
		assert_int_equal((uintptr_t)found, 1000);
	}
	regex_free(&regex);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_matches_anywhere_and_minds_case_unless_told_not_to),
		cmocka_unit_test(an_empty_slice_without_an_address_is_a_text),
		cmocka_unit_test(groups_that_did_not_take_part_are_not_set),
		cmocka_unit_test(more_than_nine_groups_are_found_as_far_as_there_are_numbers),
		cmocka_unit_test(a_format_has_groups_bytes_and_backslashes),
		cmocka_unit_test(a_format_that_ends_in_the_middle_of_an_escape_is_refused),
		cmocka_unit_test(what_does_not_fit_is_not_cut),
		cmocka_unit_test(a_mistake_is_told_with_its_place),
		cmocka_unit_test(utf_mode_is_refused),
		cmocka_unit_test(what_would_take_for_ever_hits_the_limit_and_is_counted),
		cmocka_unit_test(deep_recursion_hits_the_limit_too),
		cmocka_unit_test(a_match_takes_no_memory),
		cmocka_unit_test(threads_share_what_was_compiled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
