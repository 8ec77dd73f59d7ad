/*
 * The JSON writer.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include "core/jsonw.h"

static struct buf out;
static struct jsonw w;

static int
begin(void **state)
{
	(void)state;
	buf_clear(&out);
	jsonw_init(&w, &out);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	buf_fini(&out);
	return 0;
}

static void
assert_json(const char *expected)
{
	assert_false(out.failed);
	buf_put(&out, "", 1);
	assert_string_equal(out.at, expected);
}

static void
commas_stand_between_members_and_nowhere_else(void **state)
{
	(void)state;
	jsonw_object(&w, NULL);
	jsonw_array(&w, "a");
	jsonw_int(&w, NULL, 1);
	jsonw_object(&w, NULL);
	jsonw_end_object(&w);
	jsonw_array(&w, NULL);
	jsonw_end_array(&w);
	jsonw_end_array(&w);
	jsonw_bool(&w, "b", true);
	jsonw_object(&w, "c");
	jsonw_null(&w, "d");
	jsonw_end_object(&w);
	jsonw_raw(&w, "e", SLICE("[1, 2]"));
	jsonw_end_object(&w);
	assert_int_equal(w.depth, 0);
	assert_json("{\"a\":[1,{},[]],\"b\":true,\"c\":{\"d\":null},\"e\":[1, 2]}");
}

static void
it_nests_as_deep_as_it_says(void **state)
{
	(void)state;
	for (unsigned i = 0; i < JSONW_DEPTH; i++)
		jsonw_array(&w, NULL);
	for (unsigned i = 0; i < JSONW_DEPTH; i++)
		jsonw_end_array(&w);
	assert_int_equal(out.len, 2 * JSONW_DEPTH);
}

static void
strings_are_escaped_and_stay_utf8(void **state)
{
	(void)state;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "k\"", "a\"\\/\b\f\n\r\t\x01\x1f\x7f");
	jsonw_string(&w, "u", "h\xc3\xa9\xf0\x9f\x98\x80");
	jsonw_slice(&w, "z", SLICE("a\0b"));
	jsonw_string(&w, "n", NULL);
	jsonw_slice(&w, "e", (struct slice){ NULL, 0 });
	jsonw_end_object(&w);
	assert_json(
		"{"
		    "\"k\\\"\":\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\","
		    "\"u\":\"h\xc3\xa9\xf0\x9f\x98\x80\",\"z\":\"a\\u0000b\",\"n\":null,\"e\":\"\"}");
}

static void
each_invalid_byte_becomes_a_replacement_character(void **state)
{
	(void)state;
	jsonw_string(&w, NULL, "x\xffy\xc0\x80z\xe2\x82");
	assert_json("\"x\xef\xbf\xbdy\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void
integers_are_exact(void **state)
{
	(void)state;
	jsonw_array(&w, NULL);
	jsonw_int(&w, NULL, 0);
	jsonw_int(&w, NULL, INT64_MIN);
	jsonw_int(&w, NULL, INT64_MAX);
	jsonw_uint(&w, NULL, UINT64_MAX);
	jsonw_end_array(&w);
	assert_json("[0,-9223372036854775808,9223372036854775807,18446744073709551615]");
}

static void
doubles_are_the_shortest_that_read_back(void **state)
{
	static const double values[] = { 1.0 / 3, DBL_MAX,     DBL_MIN,	 DBL_TRUE_MIN,
					 1e21,	  DBL_EPSILON, 123456.7, 0.30000000000000004 };

	(void)state;
	jsonw_array(&w, NULL);
	jsonw_double(&w, NULL, 0.1);
	jsonw_double(&w, NULL, 0.30000000000000004);
	jsonw_double(&w, NULL, 100);
	jsonw_double(&w, NULL, -0.5);
	jsonw_double(&w, NULL, 1e300);
	jsonw_double(&w, NULL, NAN);
	jsonw_double(&w, NULL, -INFINITY);
	jsonw_end_array(&w);
	assert_json("[0.1,0.30000000000000004,100,-0.5,1e+300,null,null]");
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		begin(NULL);
		jsonw_double(&w, NULL, values[i]);
		buf_put(&out, "", 1);
		assert_true(strtod(out.at, NULL) == values[i]);
	}
}

static void
times_and_durations_are_strings(void **state)
{
	(void)state;
	jsonw_array(&w, NULL);
	jsonw_time(&w, NULL, 0);
	jsonw_time(&w, NULL, 1795154400000000);
	jsonw_duration(&w, NULL, 2000);
	jsonw_duration(&w, NULL, 0);
	jsonw_end_array(&w);
	assert_json("[null,\"2026-11-20T06:00:00.000Z\",\"2s\",\"0\"]");
}

static void
a_formatted_string_is_escaped_whatever_its_length(void **state)
{
	(void)state;
	jsonw_printf(&w, NULL, "%s%d\n", "x", 5);
	assert_json("\"x5\\n\"");
	begin(NULL);
	jsonw_printf(&w, NULL, "%1000s", "\"");
	assert_int_equal(out.len, 1003);
	begin(NULL);
	jsonw_printf(&w, NULL, "%256s", "b");
	assert_int_equal(out.len, 258);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(commas_stand_between_members_and_nowhere_else),
		TEST(it_nests_as_deep_as_it_says),
		TEST(strings_are_escaped_and_stay_utf8),
		TEST(each_invalid_byte_becomes_a_replacement_character),
		TEST(integers_are_exact),
		TEST(doubles_are_the_shortest_that_read_back),
		TEST(times_and_durations_are_strings),
		TEST(a_formatted_string_is_escaped_whatever_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
