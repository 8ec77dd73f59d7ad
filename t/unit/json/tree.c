/*
 * adminapi/json/tree.c: equality, merge patches and text.
 */
#include "config.h"
#include "judge.h"

static bool
equal(const char *a_text, const char *b_text)
{
	cJSON *a = tree_of(a_text), *b = tree_of(b_text);
	bool same = json_equals(a, b);

	assert_int_equal(json_equals(b, a), same);
	cJSON_Delete(a);
	cJSON_Delete(b);
	return same;
}

static void
equality_is_by_value_and_knows_no_order_of_keys(void **state)
{
	(void)state;
	assert_true(
		equal("{'a':1,'b':[true,null,{'c':'x'}]}", "{'b':[true,null,{'c':'x'}],'a':1.0}"));
	assert_true(equal("1", "1.0"));
	assert_true(equal("'\\u0061'", "'a'"));
	assert_true(equal("{}", "{}"));
	assert_false(equal("{}", "[]"));
	assert_false(equal("[1,2]", "[2,1]"));
	assert_false(equal("[1]", "[1,1]"));
	assert_false(equal("{'a':1}", "{'a':1,'b':1}"));
	assert_false(equal("{'a':null}", "{}"));
	assert_false(equal("{'a':1,'b':1}", "{'a':1,'c':1}"));
	assert_false(equal("true", "false"));
	assert_false(equal("0", "false"));
	assert_false(equal("'1'", "1"));
	assert_false(equal("null", "false"));
}

static void
nothing_equals_nothing_only(void **state)
{
	cJSON *null = tree_of("null");

	(void)state;
	assert_true(json_equals(NULL, NULL));
	assert_false(json_equals(NULL, null));
	assert_false(json_equals(null, NULL));
	cJSON_Delete(null);
}

static const char *
merged(const char *target_text, const char *patch_text)
{
	cJSON *target = target_text != NULL ? tree_of(target_text) : NULL;
	cJSON *patch = tree_of(patch_text);
	cJSON *result = json_merge(target, patch);

	cJSON_Delete(target);
	cJSON_Delete(patch);
	return print_of(result);
}

/* RFC 7396, appendix A. */
static void
the_examples_of_rfc_7396_hold(void **state)
{
	static const char *const rows[][3] = {
		{ "{'a':'b'}", "{'a':'c'}", "{'a':'c'}" },
		{ "{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}" },
		{ "{'a':'b'}", "{'a':null}", "{}" },
		{ "{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}" },
		{ "{'a':['b']}", "{'a':'c'}", "{'a':'c'}" },
		{ "{'a':'c'}", "{'a':['b']}", "{'a':['b']}" },
		{ "{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}" },
		{ "{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}" },
		{ "['a','b']", "['c','d']", "['c','d']" },
		{ "{'a':'b'}", "['c']", "['c']" },
		{ "{'a':'foo'}", "null", "null" },
		{ "{'a':'foo'}", "'bar'", "'bar'" },
		{ "{'e':null}", "{'a':1}", "{'e':null,'a':1}" },
		{ "[1,2]", "{'a':'b','c':null}", "{'a':'b'}" },
		{ "{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(merged(rows[i][0], rows[i][1]), rows[i][2]);
}

static void
a_patch_for_nothing_is_what_it_says_without_its_nulls(void **state)
{
	(void)state;
	assert_string_equal(merged(NULL, "{'a':{'b':null,'c':1}}"), "{'a':{'c':1}}");
	assert_string_equal(merged(NULL, "null"), "null");
}

static void
a_large_object_keeps_its_order(void **state)
{
	(void)state;
	assert_string_equal(merged("{'a':1,'b':1,'c':1,'d':1,'e':1,'f':1,'g':1,'h':1,'i':1,'j':1,"
		"'k':1,'l':1,'m':1,'n':1,'o':1,'p':1,'q':1,'r':1}",
		"{'z':3,'c':2,'r':null,'a':{'x':1,'y':null},'n':null}"),
		"{'a':{'x':1},'b':1,'c':2,'d':1,'e':1,'f':1,'g':1,'h':1,'i':1,'j':1,"
		"'k':1,'l':1,'m':1,'o':1,'p':1,'q':1,'z':3}");
}

static void
text_is_compact_and_reads_back(void **state)
{
	(void)state;
	assert_string_equal(print_of(tree_of("{ 'a' : [ 1 , 1.0, -2.5, 1e3, true, null, {} ] }")),
		"{'a':[1,1,-2.5,1000,true,null,{}]}");
	assert_string_equal(print_of(tree_of("9007199254740992")), "9007199254740992");
	assert_string_equal(print_of(tree_of("0.1")), "0.1");
	assert_string_equal(print_of(tree_of("['\\n\\u0001\\\\']")), "['\\n\\u0001\\\\']");
	assert_string_equal(print_of(tree_of("'\xc3\xa9\\u20ac'")), "'\xc3\xa9\xe2\x82\xac'");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality_is_by_value_and_knows_no_order_of_keys),
		cmocka_unit_test(nothing_equals_nothing_only),
		cmocka_unit_test(the_examples_of_rfc_7396_hold),
		cmocka_unit_test(a_patch_for_nothing_is_what_it_says_without_its_nulls),
		cmocka_unit_test(a_large_object_keeps_its_order),
		cmocka_unit_test(text_is_compact_and_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
