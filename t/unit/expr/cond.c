/*
 * Conditions: how tests are put together, and what is said about those that are none. Where HAProxy
 * takes the same text, the verdicts are HAProxy 2.6's.
 */
#include "config.h"
#include "../expr/scene.h"

static void
tests_side_by_side_are_and(void **state)
{
	(void)state;
	assert_true(holds_for("{ path_beg /a } { path_end z }", "/a/z"));
	assert_false(holds_for("{ path_beg /a } { path_end z }", "/a/y"));
	assert_false(holds_for("{ path_beg /a } { path_end z }", "/b/z"));
}

static void
or_binds_less_than_and(void **state)
{
	static const char *const spellings[] = { "or", "OR", "||" };
	char text[64];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "TRUE FALSE %s TRUE TRUE", spellings[i]);
		assert_true(holds_for(text, "/"));
		snprintf(text, sizeof(text), "TRUE FALSE %s FALSE TRUE", spellings[i]);
		assert_false(holds_for(text, "/"));
	}
	assert_true(holds_for("TRUE or FALSE FALSE", "/"));
	assert_true(holds_for("FALSE or FALSE or FALSE or TRUE", "/"));
	assert_false(holds_for("FALSE or TRUE FALSE or TRUE TRUE FALSE", "/"));
}

static void
an_exclamation_mark_turns_one_test_around(void **state)
{
	(void)state;
	assert_true(holds_for("!{ path /b }", "/a"));
	assert_true(holds_for("! { path /b } TRUE", "/a"));
	assert_false(holds_for("!TRUE TRUE", "/a"));
	assert_true(holds_for("!! { path /a }", "/a"));
	assert_false(holds_for("!!!TRUE", "/a"));
	assert_true(holds_for("!TRUE or !FALSE", "/a"));
}

static void
a_value_that_is_not_there_matches_nothing(void **state)
{
	(void)state;
	assert_false(holds_with("{ hdr(y) -m found }", ""));
	assert_false(holds_with("{ hdr(y) -m len 0 }", ""));
	assert_true(holds_with("!{ hdr(y) a }", ""));
	assert_false(holds_for("{ query -m found }", "/a"));
	assert_true(holds_for("{ query -m found }", "/a?"));
}

static void
predefined_acls_need_no_braces(void **state)
{
	(void)state;
	assert_true(cond_says("METH_GET HTTP_1.1 !HTTP_1.0 !METH_POST",
			      request_of("GET /", "Host: x\r\n")));
	assert_true(cond_says("METH_GET METH_HEAD", request_of("HEAD /", "Host: x\r\n")));
	assert_true(cond_says("METH_OPTIONS", request_of("OPTIONS *", "Host: x\r\n")));
}

static void
words_are_cut_as_in_haproxys_configuration(void **state)
{
	(void)state;
	assert_true(holds_with("{ hdr(y) \"a b\" }", "Y: a b\r\n"));
	assert_true(holds_with("{ hdr(y) 'a b' }", "Y: a b\r\n"));
	assert_true(holds_with("{ hdr(y) a\\ b }", "Y: a b\r\n"));
	assert_true(holds_with("{ hdr(y) a\\x20b }", "Y: a b\r\n"));
	assert_true(holds_with("{\thdr(y)\ta' 'b }", "Y: a b\r\n"));
	assert_true(holds_with("{ hdr(y) 'a\\b' }", "Y: a\\b\r\n"));
	assert_true(holds_with("{ hdr(y) \"a\\\\b\\\"\" }", "Y: a\\b\"\r\n"));
	assert_true(holds_with("{ hdr(y) a\\.b }", "Y: a\\.b\r\n"));
	assert_true(holds_with("{ hdr(y) \\# \"#\" }", "Y: #\r\n"));
	assert_true(holds_with("{ hdr(y) '$x' }", "Y: $x\r\n"));
	assert_true(holds_with("{ hdr(y) \"\\$x\" }", "Y: $x\r\n"));
	assert_true(holds_with("{ hdr(y) '}' }", "Y: }\r\n"));
}

static void
a_word_that_means_nothing_is_shown_with_its_column(void **state)
{
	(void)state;
	assert_string_equal(error_of("{ path_bge /a }"),
		"column 3: there is no test \"path_bge\" (did you mean \"path_beg\"?)");
	assert_string_equal(error_of("{ hdr_bge(host) a }"),
		"column 3: there is no test \"hdr_bge\" (did you mean \"hdr_beg\"?)");
	assert_string_equal(error_of("{ path -m bge /a }"),
		"column 11: there is no match method \"bge\" (did you mean \"beg\"?)");
	assert_string_equal(error_of("TRUE !METH_GTE"),
		"column 7: named ACLs are unknown here, and no predefined one is called \"METH_GTE\" "
		"(did you mean \"METH_GET\"?); a test stands in braces, as \"{ path_beg /api }\"");
	assert_non_null(strstr(error_of("{ path -f list }"), "column 8: \"-f\" is no flag"));
	assert_non_null(strstr(error_of("{ path,lower /a }"), "column 3: converters"));
	assert_string_equal(error_of("TRUE and TRUE"),
		"column 6: \"and\" is no operator: tests side by side are \"and\" already");
}

static void
braces_that_do_not_fit_are_errors(void **state)
{
	(void)state;
	assert_string_equal(error_of("{ path /a"),
		"column 10: expected a \"}\", as a word of its own, for the \"{\" of column 1");
	assert_string_equal(error_of("{ path /a}"),
		"column 11: expected a \"}\", as a word of its own, for the \"{\" of column 1");
	assert_string_equal(error_of("{path /a }"),
			    "column 1: \"{path\": a brace must have white space on both sides");
	assert_non_null(strstr(error_of("TRUE }"), "column 6: \"}\": a brace"));
	assert_non_null(strstr(error_of("{ }"), "column 3: expected a test between the braces"));
	assert_non_null(strstr(error_of("{ { path /a } }"), "column 3: there is no test \"{\""));
}

static void
operators_without_their_tests_are_errors(void **state)
{
	(void)state;
	assert_non_null(strstr(error_of(""), "column 1: expected a condition"));
	assert_non_null(strstr(error_of(" \t "), "column 1: expected a condition"));
	assert_string_equal(error_of("or TRUE"), "column 1: expected a test before \"or\"");
	assert_string_equal(error_of("TRUE or or TRUE"), "column 9: expected a test before \"or\"");
	assert_string_equal(error_of("TRUE or"), "column 8: expected a test behind \"or\"");
	assert_string_equal(error_of("TRUE !"), "column 7: expected a test behind \"!\"");
	assert_string_equal(error_of("! or TRUE"), "column 3: expected a test behind \"!\"");
}

static void
values_that_a_test_can_not_take_are_errors(void **state)
{
	(void)state;
	assert_string_equal(error_of("{ path }"), "column 8: expected a value for \"path\"");
	assert_string_equal(error_of("{ path -i }"), "column 11: expected a value for \"path\"");
	assert_string_equal(error_of("{ path_len 5 lt }"),
			    "column 17: expected a value for \"path\"");
	assert_string_equal(error_of("{ always_true 1 }"), "column 15: \"-m bool\" takes no value");
	assert_string_equal(error_of("{ path -m int 5 }"),
			    "column 11: \"path\" can not be matched with \"-m int\"");
	assert_non_null(strstr(error_of("{ path_len x }"), "column 12: expected a number"));
	assert_non_null(strstr(error_of("{ path_len 5:3 }"), "column 12: expected a range whose"));
	assert_non_null(strstr(error_of("{ path_len : }"), "column 12: expected a range of"));
	assert_non_null(
		strstr(error_of("{ path_len gt 1:3 }"), "column 15: expected a number behind"));
	assert_non_null(strstr(error_of("{ path_len gt 9223372036854775807 }"),
			       "column 15: expected a number"));
	assert_non_null(
		strstr(error_of("{ path_dir / }"), "column 12: expected something between"));
}

static void
arguments_are_checked_by_their_fetch(void **state)
{
	(void)state;
	assert_string_equal(error_of("{ hdr a }"), "column 6: expected \"hdr(name[,integer])\"");
	assert_string_equal(error_of("{ hdr() a }"), "column 6: expected \"hdr(name[,integer])\"");
	assert_non_null(strstr(error_of("{ hdr(a:b) a }"), "column 7: expected a name, not \"a:b\""));
	assert_non_null(strstr(error_of("{ hdr(host a }"), "column 11: expected a \")\""));
	assert_non_null(strstr(error_of("{ hdr(host)x a }"), "column 3: \"x\" behind \"hdr\""));
	assert_non_null(strstr(error_of("{ hdr(host,x) a }"), "column 12: expected a number"));
	assert_non_null(
		strstr(error_of("{ hdr(host,-11) a }"), "column 3: expected a number from -10"));
	assert_non_null(strstr(error_of("{ path(x) a }"), "column 8: too many arguments"));
	assert_true(holds_for("{ path() /a }", "/a"));
}

static void
what_haproxy_would_cut_or_replace_is_an_error(void **state)
{
	(void)state;
	assert_non_null(strstr(error_of("{ path a#b }"), "column 9: an unquoted #"));
	assert_non_null(strstr(error_of("{ path \"$x\" }"), "column 9: \"$...\""));
	assert_non_null(strstr(error_of("{ path \"\" }"), "column 8: an empty word"));
	assert_non_null(strstr(error_of("{ path 'a }"), "column 8: a quote"));
	assert_non_null(strstr(error_of("{ path a\\"), "column 9: a backslash"));
	assert_non_null(strstr(error_of("{ path \\x0g }"), "column 8: expected two"));
	assert_non_null(strstr(error_of("{ path \\x00 }"), "column 8: \\x00"));
	assert_non_null(strstr(error_of("{ path a }\nTRUE"), "column 11: a control"));
}

static void
an_error_text_shows_no_raw_bytes_and_only_the_start_of_a_long_word(void **state)
{
	char text[600];

	(void)state;
	assert_non_null(strstr(error_of("\\x1b[31m"), "\\x1B[31m"));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_non_null(strstr(error_of(text), "xxx...\"; a test stands in braces"));
}

static void
many_tests_and_values_are_no_trouble(void **state)
{
	char text[20000] = "";
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 500; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s{ path /%d /%d }",
			i == 0 ? "" : i % 2 != 0 ? " or " : " ", i, i + 1000);
	assert_true(holds_for(text, "/0"));
	assert_false(holds_for(text, "/499x"));
	assert_true(holds_for(text, "/1499"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tests_side_by_side_are_and),
		cmocka_unit_test(or_binds_less_than_and),
		cmocka_unit_test(an_exclamation_mark_turns_one_test_around),
		cmocka_unit_test(a_value_that_is_not_there_matches_nothing),
		cmocka_unit_test(predefined_acls_need_no_braces),
		cmocka_unit_test(words_are_cut_as_in_haproxys_configuration),
		cmocka_unit_test(a_word_that_means_nothing_is_shown_with_its_column),
		cmocka_unit_test(braces_that_do_not_fit_are_errors),
		cmocka_unit_test(operators_without_their_tests_are_errors),
		cmocka_unit_test(values_that_a_test_can_not_take_are_errors),
		cmocka_unit_test(arguments_are_checked_by_their_fetch),
		cmocka_unit_test(what_haproxy_would_cut_or_replace_is_an_error),
		cmocka_unit_test(
			an_error_text_shows_no_raw_bytes_and_only_the_start_of_a_long_word),
		cmocka_unit_test(many_tests_and_values_are_no_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
