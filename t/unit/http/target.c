/*
 * The request target: path and query.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "adminapi/http/target.h"

static struct call call;
static char room[4096];

/* The parts joined by '|', parameters behind '?'; or "400", "404". Static memory. */
static const char *
parsed(const char *target)
{
	static char text[4096];
	struct target_fault fault;
	size_t len = 0;

	snprintf(room, sizeof(room), "%s", target);
	memset(&call, 0, sizeof(call));
	if (!target_parse(room, &call, &fault)) {
		snprintf(text, sizeof(text), "%u", fault.status);
		return text;
	}
	text[0] = '\0';
	for (uint32_t i = 0; i < call.segment_count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "|%s", call.segments[i]);
	for (uint32_t i = 0; i < call.param_count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "?%s=%s",
					call.params[i].name, call.params[i].value);
	return text;
}

static void
a_path_is_split_at_slashes(void **state)
{
	assert_string_equal(parsed("/v1/backends/app"), "|v1|backends|app");
	assert_string_equal(parsed("/"), "");
}

static void
it_is_split_before_it_is_decoded(void **state)
{
	assert_string_equal(parsed("/v1/tables/t/entries/10.0.0.0%2F8"),
			    "|v1|tables|t|entries|10.0.0.0/8");
	assert_string_equal(parsed("/%76%31/a%20b"), "|v1|a b");
	assert_string_equal(parsed("/a?x=1%262&y=a%3Db"), "|a?x=1&2?y=a=b");
}

static void
an_empty_segment_is_404(void **state)
{
	assert_string_equal(parsed("//"), "404");
	assert_string_equal(parsed("/v1//backends"), "404");
	assert_string_equal(parsed("/v1/backends/"), "404");
}

static void
a_nul_or_dots_as_a_name_are_400(void **state)
{
	assert_string_equal(parsed("/v1/%00"), "400");
	assert_string_equal(parsed("/v1/a%00b"), "400");
	assert_string_equal(parsed("/v1/."), "400");
	assert_string_equal(parsed("/v1/../etc"), "400");
	assert_string_equal(parsed("/v1/%2e%2E"), "400");
	assert_string_equal(parsed("/v1/..."), "|v1|...");
}

static void
a_broken_escape_is_400(void **state)
{
	assert_string_equal(parsed("/v1/%"), "400");
	assert_string_equal(parsed("/v1/%4"), "400");
	assert_string_equal(parsed("/v1/%zz"), "400");
	assert_string_equal(parsed("/v1/%%34%31"), "400");
	assert_string_equal(parsed("/v1?x=%"), "400");
	assert_string_equal(parsed("/v1?x=%00"), "400");
}

static void
what_is_not_a_path_is_400(void **state)
{
	assert_string_equal(parsed("*"), "400");
	assert_string_equal(parsed(""), "400");
	assert_string_equal(parsed("http://localhost/v1"), "400");
	assert_string_equal(parsed("/v1/a b"), "400");
	assert_string_equal(parsed("/v1/a\tb"), "400");
}

static void
too_deep_a_path_is_404(void **state)
{
	assert_string_equal(parsed("/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g"),
			    "|1|2|3|4|5|6|7|8|9|a|b|c|d|e|f|g");
	assert_string_equal(parsed("/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h"), "404");
}

static void
a_query_is_decoded_with_plus_as_space(void **state)
{
	assert_string_equal(parsed("/a?view=config&data.gpc0.gt=3"),
			    "|a?view=config?data.gpc0.gt=3");
	assert_string_equal(parsed("/a?x=a+b%2B"), "|a?x=a b+");
	assert_string_equal(parsed("/a+b?x=a=b?c/d"), "|a+b?x=a=b?c/d");
	assert_string_equal(parsed("/a?"), "|a");
}

static void
an_empty_or_repeated_parameter_is_400(void **state)
{
	assert_string_equal(parsed("/a?x"), "400");
	assert_string_equal(parsed("/a?x="), "400");
	assert_string_equal(parsed("/a?=1"), "400");
	assert_string_equal(parsed("/a?x=1&"), "400");
	assert_string_equal(parsed("/a?&"), "400");
	assert_string_equal(parsed("/a?x=1&y=2&x=1"), "400");
	assert_string_equal(parsed("/a?x=1&%78=2"), "400");
}

static void
too_many_parameters_are_400(void **state)
{
	char target[1024] = "/a?";

	for (int i = 0; i < CALL_PARAMS_MAX; i++)
		sprintf(target + strlen(target), "%sp%d=1", i > 0 ? "&" : "", i);
	assert_string_not_equal(parsed(target), "400");
	sprintf(target + strlen(target), "&more=1");
	assert_string_equal(parsed(target), "400");
}

static void
a_parameter_is_found_by_name(void **state)
{
	parsed("/a?depth=2&view=config");
	assert_string_equal(call_param(&call, "view"), "config");
	assert_null(call_param(&call, "vie"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_split_at_slashes),
		cmocka_unit_test(it_is_split_before_it_is_decoded),
		cmocka_unit_test(an_empty_segment_is_404),
		cmocka_unit_test(a_nul_or_dots_as_a_name_are_400),
		cmocka_unit_test(a_broken_escape_is_400),
		cmocka_unit_test(what_is_not_a_path_is_400),
		cmocka_unit_test(too_deep_a_path_is_404),
		cmocka_unit_test(a_query_is_decoded_with_plus_as_space),
		cmocka_unit_test(an_empty_or_repeated_parameter_is_400),
		cmocka_unit_test(too_many_parameters_are_400),
		cmocka_unit_test(a_parameter_is_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
