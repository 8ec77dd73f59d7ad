/*
 * adminapi/json/strict.c and the scanner: what passes means one thing only, and what does not
 * says where.
 */
#include "config.h"
#include "judge.h"
#include <time.h>

static const char *
verdict_of(const char *text, size_t len)
{
	struct issues issues = { 0 };
	char *exact = malloc(len + 1);	/* a sanitizer sees one byte too far */
	cJSON *tree = NULL;
	enum err err;

	assert_non_null(exact);
	exact = realloc(memcpy(exact, text, len), len > 0 ? len : 1);
	err = json_parse(&tree, exact, len, &issues);
	free(exact);
	if (err == ERR_OK) {
		assert_non_null(tree);
		assert_false(issues_any(&issues));
		cJSON_Delete(tree);
		return "ok";
	}
	assert_int_equal(err, ERR_INVALID);
	assert_int_equal(issues.count, 1);
	return text_of(&issues);
}

#define VERDICT(literal) verdict_of(literal, sizeof(literal) - 1)

struct row {
	const char	*text;
	const char	*verdict;
};

static void
judge_all(const struct row *rows, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		assert_string_equal(verdict_of(rows[i].text, strlen(rows[i].text)),
				    rows[i].verdict);
}

#define JUDGE_ALL(rows) judge_all(rows, sizeof(rows) / sizeof((rows)[0]))

static void
what_the_grammar_has_is_taken(void **state)
{
	static const struct row rows[] = {
		{ "{}", "ok" },
		{ "[]", "ok" },
		{ " [ 1 , 2 ] \r\n\t", "ok" },
		{ "null", "ok" },
		{ "true", "ok" },
		{ "false", "ok" },
		{ "\"\"", "ok" },
		{ "0", "ok" },
		{ "-0", "ok" },
		{ "-0.0e-0", "ok" },
		{ "1.5E+3", "ok" },
		{ "9223372036854775807", "ok" },
		{ "-9223372036854775808", "ok" },
		{ "1e308", "ok" },
		{ "1e-400", "ok" },
		{ "{\"a\":{\"a\":[{\"a\":1}]},\"b\":1}", "ok" },
		{ "\"\\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u00e9 \\uD83D\\uDE00\"", "ok" },
		{ "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xef\xbf\xbf \x7f\"", "ok" },
	};

	(void)state;
	JUDGE_ALL(rows);
}

static void
what_the_grammar_has_not_is_refused(void **state)
{
	static const struct row rows[] = {
		{ "", ": line 1, column 1: expected a value, found the end" },
		{ " \n ", ": line 2, column 2: expected a value, found the end" },
		{ "{", ": line 1, column 2: expected a key in double quotes, found the end" },
		{ "{\"a\":1,}",
		  ": line 1, column 8: expected a key in double quotes, found \"}\"" },
		{ "{a:1}", ": line 1, column 2: expected a key in double quotes, found \"a\"" },
		{ "{\"a\" 1}", ": line 1, column 6: expected a colon, found \"1\"" },
		{ "{\"a\":1 \"b\":2}",
		  ": line 1, column 8: expected a comma or \"}\", found '\"'" },
		{ "[1,]", "/1: line 1, column 4: expected a value, found \"]\"" },
		{ "[1 2]", ": line 1, column 4: expected a comma or \"]\", found \"2\"" },
		{ "[1", ": line 1, column 3: expected a comma or \"]\", found the end" },
		{ "nul", ": line 1, column 1: expected a value, found \"n\"" },
		{ "True", ": line 1, column 1: expected a value, found \"T\"" },
		{ "// hi\n1", ": line 1, column 1: expected a value, found \"/\"" },
		{ "'a'", ": line 1, column 1: expected a value, found \"'\"" },
		{ "1 2", ": line 1, column 3: expected the end, found \"2\"" },
		{ "NaN", ": line 1, column 1: expected a value, found \"N\"" },
	};

	(void)state;
	JUDGE_ALL(rows);
}

static void
numbers_are_those_of_rfc_8259(void **state)
{
	static const struct row rows[] = {
		{ "01", ": line 1, column 1: a number may not begin with 0" },
		{ "-01", ": line 1, column 2: a number may not begin with 0" },
		{ "+1", ": line 1, column 1: expected a value, found \"+\"" },
		{ ".5", ": line 1, column 1: expected a value, found \".\"" },
		{ "1.", ": line 1, column 3: expected a digit, found the end" },
		{ "-", ": line 1, column 2: expected a digit, found the end" },
		{ "1e", ": line 1, column 3: expected a digit, found the end" },
		{ "0x10", ": line 1, column 2: expected the end, found \"x\"" },
		{ "9223372036854775808", ": line 1, column 1: an integer beyond 64 bits" },
		{ "-9223372036854775809", ": line 1, column 1: an integer beyond 64 bits" },
		{ "1e309", ": line 1, column 1: a number too large for a double" },
		{ "-1e309", ": line 1, column 1: a number too large for a double" },
		{ "0.000000000000000000000000000000000000000000000000000000000000001",
		  ": line 1, column 1: a number of 65 characters: at most 63" },
	};

	(void)state;
	JUDGE_ALL(rows);
}

static void
strings_are_text(void **state)
{
	(void)state;
	assert_string_equal(VERDICT("\"a"),
			    ": line 1, column 1: a string without its closing quote");
	assert_string_equal(VERDICT("\"a\\"),
		": line 1, column 4: a string without its closing quote");
	assert_string_equal(VERDICT("\"a\nb\""),
		": line 1, column 3: a raw control character (\\x0A)");
	assert_string_equal(VERDICT("\"a\0b\""),
		": line 1, column 3: a raw control character (\\x00)");
	assert_string_equal(VERDICT("\"\\u0000\""),
		": line 1, column 2: \\u0000 is not taken in a string");
	assert_string_equal(VERDICT("\"\\x41\""), ": line 1, column 2: unknown escape \"\\x\"");
	assert_string_equal(VERDICT("\"\\u12g4\""),
		": line 1, column 2: \\u needs four hexadecimal digits");
	assert_string_equal(VERDICT("\"\\ud800\""),
		": line 1, column 2: half of a surrogate pair (\\ud800)");
	assert_string_equal(VERDICT("\"\\ud800\\u0041\""),
		": line 1, column 2: half of a surrogate pair (\\ud800)");
	assert_string_equal(VERDICT("\"\\udc00\\ud800\""),
		": line 1, column 2: half of a surrogate pair (\\udc00)");
}

static void
bytes_that_are_not_utf_8_are_refused(void **state)
{
	static const char *const wrong[] = {
		"\"\x80\"",
		"\"\xc3\"",
		"\"\xc0\x80\"",
		"\"\xc1\xbf\"",
		"\"\xe0\x80\x80\"",
		"\"\xed\xa0\x80\"",
		"\"\xf0\x80\x80\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\xf5\x80\x80\x80\"",
		"\"\xff\"",
		"\"\xe2\x82\"",
		"\"\xe2\x82",
		"\"\xf0\x9f\x98",
		"\"\xe2",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *verdict = verdict_of(wrong[i], strlen(wrong[i]));

		if (strncmp(verdict, ": line 1, column 2: not UTF-8", 29) != 0)
			fail_msg("%zu: %s", i, verdict);
	}
	assert_string_equal(VERDICT("\xef\xbb\xbf{}"),
		": line 1, column 1: begins with a byte order mark");
}

static void
a_key_is_there_once_however_it_is_spelt(void **state)
{
	static const struct row rows[] = {
		{ "{\"a\":1,\"a\":2}", "/a: line 1, column 8: this key is there twice" },
		{ "{\"a\":1,\"\\u0061\":2}", "/a: line 1, column 8: this key is there twice" },
		{ "{\"\xf0\x9f\x98\x80\":1,\n\"\\ud83d\\ude00\":2}",
		  "/\xf0\x9f\x98\x80: line 2, column 1: this key is there twice" },
		{ "[{\"x\":{\"b/c\":1,\"b\\/c\":2}}]",
		  "/0/x/b~1c: line 1, column 16: this key is there twice" },
		{ "{\"a\":1,\"A\":2,\"a \":3}", "ok" },
		{ "{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}", "ok" },
		/* enough of them to be sorted */
		{ "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"d\":2,\"b\":2,\"b\":3}",
		  "/d: line 1, column 56: this key is there twice" },
	};

	(void)state;
	JUDGE_ALL(rows);
}

static void
the_place_of_a_fault_counts_lines_and_characters(void **state)
{
	static const struct row rows[] = {
		{ "{\n  \"servers\": {\n    \"s1\": { \"weight\": 01 }\n  }\n}",
		  "/servers/s1/weight: line 3, column 23: a number may not begin with 0" },
		{ "{\"k\xc3\xa9y\": [1, {\"x\": tru}]}",
		  "/k\xc3\xa9y/1/x: line 1, column 19: expected a value, found \"t\"" },
		{ "[[],[1,[2,x]]]", "/1/1/1: line 1, column 11: expected a value, found \"x\"" },
		{ "{\"a\\/b\": [}", "/a~1b/0: line 1, column 11: expected a value, found \"}\"" },
	};

	(void)state;
	JUDGE_ALL(rows);
}

static void
nesting_ends_at_64(void **state)
{
	char text[2 * 65 + 1];

	(void)state;
	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	assert_string_equal(verdict_of(text, 128), "ok");
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	assert_non_null(
		strstr(verdict_of(text, 130), ": line 1, column 65: nested deeper than 64"));
}

static void
many_values_are_refused_before_they_cost_memory(void **state)
{
	size_t len = 2 * (JSON_VALUES_MAX + 8);
	char *text = malloc(len);
	size_t i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < len; i++)
		text[i] = i % 2 == 0 ? ',' : '0';
	text[0] = '[';
	assert_non_null(strstr(verdict_of(text, len), "more than 2000000 values"));
	free(text);
}

static double
cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Time for an object of `count` keys. */
static double
time_of_keys(int count)
{
	struct buf text = { 0 };
	struct issues issues = { 0 };
	cJSON *tree = NULL;
	double begin;
	int i;

	for (i = 0; i < count; i++)
		buf_printf(&text, "%s\"key-%d\":1", i == 0 ? "{" : ",", i);
	buf_puts(&text, "}");
	begin = cpu_ms();
	assert_int_equal(json_parse(&tree, text.at, text.len, &issues), ERR_OK);
	begin = cpu_ms() - begin;
	cJSON_Delete(tree);
	buf_fini(&text);
	return begin;
}

static void
twenty_times_the_keys_take_nothing_like_the_square(void **state)
{
	double few, many;

	(void)state;
	time_of_keys(5000);
	few = time_of_keys(5000);
	many = time_of_keys(100000);
	assert_true(many < few * 150 + 50);	/* quadratic: 400 times */
}

static uint32_t
line_of(const char *pointer)
{
	static const char text[] =
		"\n{ \"a\": 1,\n  \"b\": [ 0,\n    { \"c/d\": true,\n      \"~\": 2 }\n  ],\n"
		"  \"e\": { \"b\":\n 3 }, \"\\u0066\":\n\n 4, \"\": { \"\":\n 5 } }\n";

	return json_line_of(text, sizeof(text) - 1, pointer);
}

static void
a_pointer_has_a_line(void **state)
{
	(void)state;
	assert_int_equal(line_of(""), 2);
	assert_int_equal(line_of("/a"), 2);
	assert_int_equal(line_of("/b"), 3);
	assert_int_equal(line_of("/b/0"), 3);
	assert_int_equal(line_of("/b/1"), 4);
	assert_int_equal(line_of("/b/1/c~1d"), 4);
	assert_int_equal(line_of("/b/1/~0"), 5);
	assert_int_equal(line_of("/e/b"), 8);
	assert_int_equal(line_of("/f"), 10);
	assert_int_equal(line_of("/"), 10);
	assert_int_equal(line_of("//"), 11);
}

static void
what_is_not_there_has_its_parents_line(void **state)
{
	(void)state;
	assert_int_equal(line_of("/x"), 2);
	assert_int_equal(line_of("/b/1/x"), 4);
	assert_int_equal(line_of("/b/7"), 3);
	assert_int_equal(line_of("/a/b"), 2);
	assert_int_equal(line_of("/e/c/d"), 7);
	assert_int_equal(json_line_of("{", 1, ""), 0);
	assert_int_equal(json_line_of(NULL, 0, ""), 0);
}

static void
a_key_that_another_begins_with_does_not_hide_it(void **state)
{
	static const char text[] = "{\n\"s1\":1,\n\"s10\":{\n\"a\":2}}";

	assert_int_equal(json_line_of(text, sizeof(text) - 1, "/s10/a"), 4);
}

static void
many_pointers_have_the_lines_that_each_has(void **state)
{
	static const char text[] = "{\n\"a\":[\n1,\n2],\n\"b\":{\n\"c\":3},\n\"d\":4}";
	static const char *const pointers[] = { "/b/c", "/d", "", "/a/1", "/b/c", "/x", "/a/0/y",
		"/b" };
	uint32_t lines[8];

	json_lines_of(text, sizeof(text) - 1, pointers, lines, 8);
	for (int i = 0; i < 8; i++)
		assert_int_equal(lines[i], json_line_of(text, sizeof(text) - 1, pointers[i]));
	assert_int_equal(lines[0], 6);
	assert_int_equal(lines[1], 7);
	json_lines_of("[1", 2, pointers, lines, 8);
	for (int i = 0; i < 8; i++)
		assert_int_equal(lines[i], 0);
}

/* A file of that many lines with that many issues. */
static void
a_hundred_pointers_take_one_pass(void **state)
{
	enum { MANY = 100, MEMBERS = 20000 };
	char names[MANY][16];
	const char *pointers[MANY];
	uint32_t lines[MANY];
	struct buf text = { 0 };
	double one, all;

	for (int i = 0; i < MEMBERS; i++)
		buf_printf(&text, "%s\"k%d\":\n1", i == 0 ? "{" : ",", i);
	buf_puts(&text, "}");
	for (int i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "/k%d", MEMBERS - 1 - i);
		pointers[i] = names[i];
	}
	one = cpu_ms();
	assert_int_equal(json_line_of(text.at, text.len, pointers[0]), MEMBERS + 1);
	one = cpu_ms() - one;
	all = cpu_ms();
	json_lines_of(text.at, text.len, pointers, lines, MANY);
	all = cpu_ms() - all;
	for (int i = 0; i < MANY; i++)
		assert_int_equal(lines[i], MEMBERS + 1 - i);
	print_message("# %.1f ms for one, %.1f ms for %d\n", one, all, MANY);
	assert_true(all < one * MANY / 2 + 20);
	buf_fini(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_grammar_has_is_taken),
		cmocka_unit_test(what_the_grammar_has_not_is_refused),
		cmocka_unit_test(numbers_are_those_of_rfc_8259),
		cmocka_unit_test(strings_are_text),
		cmocka_unit_test(bytes_that_are_not_utf_8_are_refused),
		cmocka_unit_test(a_key_is_there_once_however_it_is_spelt),
		cmocka_unit_test(the_place_of_a_fault_counts_lines_and_characters),
		cmocka_unit_test(nesting_ends_at_64),
		cmocka_unit_test(many_values_are_refused_before_they_cost_memory),
		cmocka_unit_test(twenty_times_the_keys_take_nothing_like_the_square),
		cmocka_unit_test(a_pointer_has_a_line),
		cmocka_unit_test(what_is_not_there_has_its_parents_line),
		cmocka_unit_test(a_key_that_another_begins_with_does_not_hide_it),
		cmocka_unit_test(many_pointers_have_the_lines_that_each_has),
		cmocka_unit_test(a_hundred_pointers_take_one_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
