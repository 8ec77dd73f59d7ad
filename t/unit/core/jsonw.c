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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* What a text of letters with one byte else becomes, byte by byte. */
static size_t
quote_slowly(char *to, const char *text, size_t len)
{
	static const char escaped[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
	size_t at = 0;

	to[at++] = '"';
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		const char *found = c == 0 ? NULL : strchr(escaped, c);

		if (found != NULL)
			at += (size_t)sprintf(to + at, "\\%c", letters[found - escaped]);
		else if (c < ' ')
			at += (size_t)sprintf(to + at, "\\u%04x", c);
		else if (c >= 0x80)
			at += (size_t)sprintf(to + at, "\xef\xbf\xbd");
		else
			to[at++] = (char)c;
	}
	to[at++] = '"';
	return at;
}

static void
any_byte_at_any_place_of_a_string_of_any_length_is_seen(void **state)
{
	char text[70], want[6 * sizeof(text) + 2];

	(void)state;
	for (size_t len = 1; len <= sizeof(text); len++) {
		memset(text, 'x', len);
		for (unsigned i = 0; i < 256 * len; i++) {
			size_t want_len;

			text[i / 256] = (char)i;
			begin(NULL);
			jsonw_slice(&w, NULL, (struct slice){ text, len });
			want_len = quote_slowly(want, text, len);
			assert_int_equal(out.len, want_len);
			assert_memory_equal(out.at, want, want_len);
			text[i / 256] = 'x';
		}
	}
}

static void
a_string_of_nothing_but_escapes_makes_the_buffer_grow(void **state)
{
	char text[5000];

	(void)state;
	memset(text, 0x01, sizeof(text));
	jsonw_slice(&w, NULL, (struct slice){ text, sizeof(text) });
	assert_false(out.failed);
	assert_int_equal(out.len, 6 * sizeof(text) + 2);
	assert_memory_equal(out.at, "\"\\u0001", 7);
	assert_memory_equal(out.at + out.len - 7, "\\u0001\"", 7);
}

static void
a_key_that_is_no_literal_is_escaped_like_a_string(void **state)
{
	const char *volatile keys[] = { "plain", "a\"b", "tab\t", "h\xc3\xa9", "\xff", "" };

	(void)state;
	jsonw_object(&w, NULL);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		jsonw_uint(&w, keys[i], i);
	jsonw_end_object(&w);
	assert_json(
		"{\"plain\":0,\"a\\\"b\":1,\"tab\\t\":2,\"h\xc3\xa9\":3,\"\xef\xbf\xbd\":4,\"\":5}");
}

static void
a_failure_to_grow_stays_whatever_comes_then(void **state)
{
	size_t len;

	(void)state;
	jsonw_object(&w, NULL);
	jsonw_slice(&w, "k", (struct slice){ "", SIZE_MAX / 2 }); /* nothing is read */
	assert_true(out.failed);
	len = out.len;
	jsonw_string(&w, "s", "s");
	jsonw_uint(&w, "n", 1);
	jsonw_int(&w, "i", -1);
	jsonw_null(&w, "z");
	jsonw_bool(&w, "b", true);
	jsonw_time(&w, "t", 1);
	jsonw_array(&w, "a");
	jsonw_printf(&w, NULL, "%d", 1);
	jsonw_raw(&w, NULL, SLICE("1"));
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	assert_true(out.failed);
	assert_int_equal(out.len, len);
	assert_int_equal(w.depth, 0);
}

static void
several_roots_stand_side_by_side(void **state)
{
	(void)state;
	jsonw_int(&w, NULL, 1);
	jsonw_object(&w, NULL);
	jsonw_end_object(&w);
	jsonw_array(&w, NULL);
	jsonw_end_array(&w);
	assert_json("1{}[]");
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
		TEST(any_byte_at_any_place_of_a_string_of_any_length_is_seen),
		TEST(a_string_of_nothing_but_escapes_makes_the_buffer_grow),
		TEST(a_key_that_is_no_literal_is_escaped_like_a_string),
		TEST(a_failure_to_grow_stays_whatever_comes_then),
		TEST(several_roots_stand_side_by_side),
		TEST(each_invalid_byte_becomes_a_replacement_character),
		TEST(integers_are_exact),
		TEST(doubles_are_the_shortest_that_read_back),
		TEST(times_and_durations_are_strings),
		TEST(a_formatted_string_is_escaped_whatever_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
