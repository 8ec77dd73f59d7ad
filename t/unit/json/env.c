/*
 * adminapi/json/env.c: ${NAME} in the strings of the file.
 */
#include "config.h"
#include "judge.h"

static struct issues issues;

/* What the text becomes; the issues are left for the test. */
static const char *
expanded(const char *text, enum err expected)
{
	cJSON *tree = tree_of(text);

	assert_int_equal(json_expand_env(tree, &issues), expected);
	return print_of(tree);
}

static int
begin(void **state)
{
	(void)state;
	assert_int_equal(setenv("SLUICE_T_PORT", "8080", 1), 0);
	assert_int_equal(setenv("SLUICE_T_EMPTY", "", 1), 0);
	assert_int_equal(setenv("SLUICE_T_TEXT", "a \"b\" ${SLUICE_T_PORT} \xc3\xa9", 1), 0);
	assert_int_equal(setenv("SLUICE_T_BYTES", "\xff", 1), 0);
	assert_int_equal(unsetenv("SLUICE_T_NONE"), 0);
	return 0;
}

static void
a_variable_stands_anywhere_in_a_string(void **state)
{
	(void)state;
	assert_string_equal(
		expanded("{'a':['${SLUICE_T_PORT}','x:${SLUICE_T_PORT}/y${SLUICE_T_PORT}']}",
			 ERR_OK),
		"{'a':['8080','x:8080/y8080']}");
	assert_string_equal(expanded("'[${SLUICE_T_EMPTY}]'", ERR_OK), "'[]'");
}

static void
what_a_variable_brings_is_not_looked_at_again(void **state)
{
	(void)state;
	assert_string_equal(expanded("'${SLUICE_T_TEXT}'", ERR_OK),
		"'a \\'b\\' ${SLUICE_T_PORT} \xc3\xa9'");
}

static void
a_literal_reference_has_two_dollars(void **state)
{
	(void)state;
	assert_string_equal(expanded("'$${SLUICE_T_PORT} $ $$ $x {}$'", ERR_OK),
		"'${SLUICE_T_PORT} $ $$ $x {}$'");
}

static void
keys_stay_as_they_are(void **state)
{
	(void)state;
	assert_string_equal(expanded("{'${SLUICE_T_PORT}':1}", ERR_OK), "{'${SLUICE_T_PORT}':1}");
}

static void
each_fault_is_told_and_its_string_stays(void **state)
{
	(void)state;
	assert_string_equal(
		expanded("{'a':'${SLUICE_T_NONE}','b':['${','${1A}','${SLUICE_T_BYTES}',"
			 "'${SLUICE_T_PORT}']}",
			 ERR_INVALID),
		"{'a':'${SLUICE_T_NONE}','b':['${','${1A}','${SLUICE_T_BYTES}','8080']}");
	assert_string_equal(text_of(&issues),
		"/a: the environment variable SLUICE_T_NONE is not set\n"
		"/b/0: expected ${NAME}; a literal \"${\" is written \"$${\"\n"
		"/b/1: expected ${NAME}; a literal \"${\" is written \"$${\"\n"
		"/b/2: the environment variable SLUICE_T_BYTES is not UTF-8");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_variable_stands_anywhere_in_a_string),
		cmocka_unit_test(what_a_variable_brings_is_not_looked_at_again),
		cmocka_unit_test(a_literal_reference_has_two_dollars),
		cmocka_unit_test(keys_stay_as_they_are),
		cmocka_unit_test(each_fault_is_told_and_its_string_stays),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
