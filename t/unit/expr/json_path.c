/*
 * Paths into JSON text: what is found, what is passed over, what is no JSON.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "expr/json_path_priv.h"

/* NULL: nothing. From memory of its own, so that the sanitizer sees who reads beyond. Static memory. */
static const char *
found(const char *json, const char *path)
{
	static char text[1024];
	size_t len = strlen(json);
	char *copy = malloc(len + 1);
	struct slice value;
	bool is_there;

	memcpy(copy + 1, json, len);
	assert_int_equal(json_path_check(slice_of(path), NULL), ERR_OK);
	is_there = json_path_find((struct slice){ copy + 1, len }, slice_of(path), &value);
	if (is_there)
		snprintf(text, sizeof(text), "%.*s", (int)value.len, value.at);
	free(copy);
	return is_there ? text : NULL;
}

static void
a_path_leads_through_objects_and_arrays(void **state)
{
	const char *json =
		" { \"x\" : [ {}, [ ] , 1e-2 ], \"a\": [ true, { \"b.c\" : \"v\\\"\" } ] } ";

	assert_string_equal(found(json, "$.a[1].b\\.c"), "\"v\\\"\"");
	assert_string_equal(found(json, "$.a[0]"), "true");
	assert_string_equal(found(json, "$.x[2]"), "1e-2");
	assert_string_equal(found(json, "$.x"), "[ {}, [ ] , 1e-2 ]");
	assert_string_equal(found("-0.5", "$"), "-0.5");
	assert_null(found(json, "$.b"));
	assert_null(found(json, "$.a[2]"));
	assert_null(found(json, "$.a.b"));
	assert_null(found(json, "$.x[0].y"));
}

static void
what_stands_before_it_must_be_json(void **state)
{
	static const char *const broken[] = { "",
					      "{",
					      "{\"b\"",
					      "{\"b\":",
					      "{\"b\":}",
					      "{\"b\":1",
					      "{\"b\":1,",
					      "{b:1,\"a\":2}",
					      "{\"b\":[1,,2],\"a\":2}",
					      "{\"b\":[1}, \"a\":2}",
					      "{\"b\":01,\"a\":2}",
					      "{\"b\":-,\"a\":2}",
					      "{\"b\":1.,\"a\":2}",
					      "{\"b\":1e,\"a\":2}",
					      "{\"b\":tru,\"a\":2}",
					      "{\"b\":\"\\",
					      "{\"b\":[[]]]",
					      "{'a':2}",
					      "[\"a\",2]",
					      "{\"b\":{},,\"a\":2}" };

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_null(found(broken[i], "$.a"));
}

static void
values_nest_so_deep_and_no_deeper(void **state)
{
	char json[3 * JSON_DEPTH_MAX];

	for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
		memset(json, '[', (size_t)depth);
		json[depth] = '1';
		memset(json + depth + 1, ']', (size_t)depth);
		json[2 * depth + 1] = '\0';
		assert_int_equal(found(json, "$") != NULL, depth <= JSON_DEPTH_MAX);
	}
}

static void
a_path_that_is_none_is_shown_where(void **state)
{
	static const char *const wrong[] = {
		"",    "a",    "$a",  "$.",    "$..a", "$.a.",  "$[",
		"$[]", "$[a]", "$[1", "$[-1]", "$[*]", "$.a\\", "$[12345678901]"
	};
	struct diag diag;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(json_path_check(slice_of(wrong[i]), &diag), ERR_INVALID);
	assert_non_null(strstr(diag.text, "byte 2"));
}

static void
strings_are_unescaped_or_refused(void **state)
{
	char out[64];
	ptrdiff_t len = json_string_bytes(out, SLICE("\"\\u00e9\\ud83d\\ude00\\n\\/x\""));

	assert_int_equal(len, 9);
	assert_memory_equal(out, "\xc3\xa9\xf0\x9f\x98\x80\n/x", 9);
	assert_int_equal(json_string_bytes(out, SLICE("\"\\ud83d\"")), -1);
	assert_int_equal(json_string_bytes(out, SLICE("\"\\ude00\"")), -1);
	assert_int_equal(json_string_bytes(out, SLICE("\"\\u12\"")), -1);
	assert_int_equal(json_string_bytes(out, SLICE("\"\\q\"")), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_leads_through_objects_and_arrays),
		cmocka_unit_test(what_stands_before_it_must_be_json),
		cmocka_unit_test(values_nest_so_deep_and_no_deeper),
		cmocka_unit_test(a_path_that_is_none_is_shown_where),
		cmocka_unit_test(strings_are_unescaped_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
