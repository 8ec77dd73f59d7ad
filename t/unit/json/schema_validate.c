/*
 * adminapi/json/schema_validate.c: every violation at once, in words that say what to write.
 */
#include "config.h"
#include "judge.h"
#include <time.h>

#define IT(node) "{'$defs':{'it':" node "}}"

static void
a_wrong_type_says_which_and_what_was_seen(void **state)
{
	(void)state;
	assert_string_equal(judged(IT("{'type':'integer'}"), "'4'"),
			    ": must be an integer, is a string");
	assert_string_equal(judged(IT("{'type':'integer'}"), "1.5"),
			    ": must be an integer, is 1.5");
	assert_string_equal(judged(IT("{'type':'integer'}"), "null"),
			    ": must be an integer, is null");
	assert_string_equal(judged(IT("{'type':'boolean'}"), "1"), ": must be true or false, is 1");
	assert_string_equal(judged(IT("{'type':'object'}"), "[]"),
			    ": must be an object, is an array");
	assert_string_equal(judged(IT("{'type':['string','integer']}"), "{}"),
		": must be an integer or a string, is an object");
	assert_string_equal(judged(IT("{'type':'array'}"), "true"), ": must be an array, is true");
}

static void
a_secret_is_not_repeated(void **state)
{
	(void)state;
	assert_string_equal(judged(IT("{'type':'string','writeOnly':true}"), "123456"),
			    ": must be a string, is a number");
	assert_string_equal(judged(IT("{'type':'integer','writeOnly':true}"), "'geheim'"),
			    ": must be an integer, is a string");
	assert_string_equal(
		judged(IT("{'pattern':'^a','title':'it','writeOnly':true}"), "'geheim'"),
			    ": must be it, is a string");
	assert_string_equal(judged(IT("{'enum':['geheis'],'writeOnly':true}"), "'geheim'"),
			    ": must be \"geheis\", is a string");
	assert_string_equal(judged(IT("{'writeOnly':true,'properties':{'a':{'maximum':4}}}"),
				   "{'a':4711}"),
			    "/a: must be at most 4, is a number");
}

static void
a_number_without_a_fraction_is_an_integer(void **state)
{
	(void)state;
	assert_string_equal(judged(IT("{'type':'integer'}"), "1.0"), "");
	assert_string_equal(judged(IT("{'type':'integer'}"), "1e3"), "");
	assert_string_equal(judged(IT("{'type':'number'}"), "1"), "");
	assert_string_equal(judged(IT("{'type':'number'}"), "'1'"),
			    ": must be a number, is a string");
}

static void
a_range_is_said_with_the_value(void **state)
{
	(void)state;
	assert_string_equal(judged(IT("{'minimum':0,'maximum':256}"), "999"),
		": must be 0 to 256, is 999");
	assert_string_equal(judged(IT("{'minimum':0,'maximum':256}"), "256"), "");
	assert_string_equal(judged(IT("{'minimum':-1.5}"), "-2"), ": must be at least -1.5, is -2");
	assert_string_equal(judged(IT("{'maximum':9}"), "1e300"), ": must be at most 9, is 1e+300");
	assert_string_equal(judged(IT("{'maximum':9}"), "'x'"), "");
}

static void
a_choice_lists_what_there_is_and_names_the_nearest(void **state)
{
	(void)state;
	assert_string_equal(judged(IT("{'enum':['ready','drain','maint']}"), "'rady'"),
		": must be one of \"ready\", \"drain\", \"maint\", is \"rady\"; did you mean \"ready\"?");
	assert_string_equal(judged(IT("{'enum':['ready','drain']}"), "'xyz'"),
		": must be one of \"ready\", \"drain\", is \"xyz\"");
	assert_string_equal(judged(IT("{'enum':['tcp']}"), "'http'"),
			    ": must be \"tcp\", is \"http\"");
	assert_string_equal(judged(IT("{'enum':[1,null,{'a':1}]}"), "{'a':1.0}"), "");
	assert_string_equal(judged(IT("{'const':true}"), "1"), ": must be true, is 1");
	assert_string_equal(judged(IT("{'enum':['a']}"), "'\\u0007\\u00e9'"),
		": must be \"a\", is \"\\x07\\xC3\\xA9\"");
}

static void
a_long_value_is_cut(void **state)
{
	char text[400];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[0] = text[sizeof(text) - 2] = '"';
	text[sizeof(text) - 1] = '\0';
	assert_true(strlen(judged(IT("{'enum':['a']}"), text)) < 130);
	assert_non_null(strstr(judged(IT("{'enum':['a']}"), text), "xxx...\""));
}

static void
lengths_count_characters(void **state)
{
	(void)state;
	assert_string_equal(judged(IT("{'maxLength':3}"), "'\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80'"),
			    "");
	assert_string_equal(judged(IT("{'maxLength':3}"), "'abcd'"),
		": must have at most 3 characters, has 4");
	assert_string_equal(judged(IT("{'minLength':1,'maxLength':3}"), "''"),
		": must have 1 to 3 characters, has 0");
}

static void
a_pattern_says_its_title(void **state)
{
	(void)state;
	assert_string_equal(judged(IT("{'pattern':'^[a-z]+$'}"), "'A'"),
		": must match ^[a-z]+$, is \"A\"");
	assert_string_equal(judged(IT("{'pattern':'^[a-z]+$','title':'small letters'}"), "'A'"),
		": must be small letters, is \"A\"");
	assert_string_equal(judged(IT("{'pattern':'b'}"), "'abc'"), "");
	assert_string_equal(judged(IT("{'pattern':'^a$'}"), "'a\\n'"),
			    ": must match ^a$, is \"a\\x0A\"");
}

static void
arrays_are_judged_item_by_item(void **state)
{
	(void)state;
	assert_string_equal(judged(IT("{'items':{'type':'integer'},'minItems':1,'maxItems':3}"),
		"[1,'a',2,true]"),
		"/1: must be an integer, is a string\n/3: must be an integer, is true\n"
		": must have 1 to 3 items, has 4");
}

static void
unknown_fields_have_hints_and_missing_ones_names(void **state)
{
	(void)state;
	assert_string_equal(
		judged(IT("{'properties':{'weight':{},'status':{'readOnly':true}},"
		"'required':['weight'],'additionalProperties':false}"),
		"{'weigth':1,'statos':2,'/':3}"),
		": \"weight\" is required\n/weigth: unknown field; did you mean \"weight\"?\n"
		"/statos: unknown field\n/~1: unknown field");
}

static void
what_is_read_only_is_not_looked_at(void **state)
{
	(void)state;
	assert_string_equal(
		judged(IT("{'properties':{'status':{'readOnly':true,'type':'object'}}}"),
		       "{'status':5}"),
		"");
}

static void
names_of_members_are_judged_too(void **state)
{
	(void)state;
	assert_string_equal(
		judged(IT("{'propertyNames':{'pattern':'^[a-z]+$'},"
			  "'additionalProperties':{'type':'string'}}"),
		       "{'a':'x','B':'x','c':1}"),
		"/B: the name must match ^[a-z]+$, is \"B\"\n/c: must be a string, is 1");
}

static void
pattern_properties_hold_beside_properties(void **state)
{
	static const char schema[] =
		IT("{'properties':{'x-a':{'maximum':1}},"
		"'patternProperties':{'^x-':{'type':'integer'}},'additionalProperties':false}");

	(void)state;
	assert_string_equal(judged(schema, "{'x-a':1,'x-b':2}"), "");
	assert_string_equal(
		judged(schema, "{'x-a':1.5,'y':2}"),
		"/x-a: must be at most 1, is 1.5\n/x-a: must be an integer, is 1.5\n/y: unknown field");
}

static void
a_discriminator_chooses(void **state)
{
	static const char schema[] = IT(
		"{'properties':{'type':{},'uri':{},'port':{}},"
		"'additionalProperties':false,'$ref':'#/$defs/more',"
		"'if':{'properties':{'type':{'const':'http'}},'required':['type']},"
		"'then':{'required':['uri']}},"
		"'more':{'if':{'properties':{'type':{'const':'tcp'}}},'then':{'required':['port']}}");

	(void)state;
	assert_string_equal(judged(schema, "{'type':'http'}"), ": \"uri\" is required");
	assert_string_equal(judged(schema, "{'type':'http','uri':'/'}"), "");
	assert_string_equal(judged(schema, "{'type':'tcp'}"), ": \"port\" is required");
	assert_string_equal(judged(schema, "{'type':'ssh'}"), "");
	assert_string_equal(judged(schema, "{}"), ": \"port\" is required");
}

static void
a_field_of_another_kind_is_one_error_that_names_its_own(void **state)
{
	static const char schema[] = IT(
		"{'properties':{'do':{},'id':{},'name':{},'value':{},'map':{}},"
		"'additionalProperties':false,'$ref':'#/$defs/set'},"
		"'set':{'if':{'properties':{'do':{'const':'set'}},'required':['do']},"
		"'then':{'propertyNames':{'enum':['do','id','name','value']}},'$ref':'#/$defs/go'},"
		"'go':{'if':{'properties':{'do':{'const':'go'}},'required':['do']},"
		"'then':{'propertyNames':{'enum':['do','id']}}}");

	(void)state;
	assert_string_equal(judged(schema, "{'do':'set','id':1,'name':1}"), "");
	assert_string_equal(judged(schema, "{'do':'set','header':1}"),
			    "/header: set has no field \"header\"; it has: name, value");
	assert_string_equal(judged(schema, "{'do':'set','map':1}"),
			    "/map: set has no field \"map\"; it has: name, value");
	assert_string_equal(judged(schema, "{'do':'set','valeu':1}"),
			    "/valeu: set has no field \"valeu\"; did you mean \"value\"?");
	assert_string_equal(judged(schema, "{'do':'go','map':1}"),
			    "/map: go has no field \"map\"");
	assert_string_equal(judged(schema, "{'do':'stop','maps':1}"),
			    "/maps: unknown field; did you mean \"map\"?");
}

#define DURATION                                                                        \
	"'type':['string','integer'],'pattern':'^[0-9]+(us|ms|s|m|h|d)?$','minimum':0," \
	"'x-unit':'duration'"

static void
durations_are_one_of_many_spellings(void **state)
{
	static const char *const fine[] = {
		"'500ms'", "'2s'", "'0'", "'24d'", "0", "1500", "'1us'"
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		assert_string_equal(judged(IT("{" DURATION "}"), fine[i]), "");
	assert_string_equal(judged(IT("{" DURATION "}"), "'2x'"),
			    ": must be a duration such as "
		"\"500ms\" or \"2s\" (us, ms, s, m, h, d), is \"2x\"");
	assert_string_equal(judged(IT("{" DURATION "}"), "1.5"),
			    ": must be a duration such as "
		"\"500ms\" or \"2s\" (us, ms, s, m, h, d), is 1.5");
	assert_string_equal(judged(IT("{" DURATION "}"), "[]"),
			    ": must be a duration such as "
		"\"500ms\" or \"2s\" (us, ms, s, m, h, d), is an array");
	assert_string_equal(judged(IT("{" DURATION "}"), "'1h30m'"),
			    ": must be a duration such as "
		"\"500ms\" or \"2s\" (us, ms, s, m, h, d), is \"1h30m\"");
	assert_string_equal(judged(IT("{" DURATION "}"), "'25d'"),
		": must be a duration from 0 to 24d, is \"25d\"");
	assert_string_equal(judged(IT("{" DURATION "}"), "'99999999999999999999d'"),
		": must be a duration from 0 to 24d, is \"99999999999999999999d\"");
	assert_string_equal(judged(IT("{" DURATION "}"), "-1"),
		": must be a duration from 0 to 24d, is -1");
	assert_string_equal(judged(IT("{" DURATION "}"), "1e300"),
			    ": must be a duration such as "
		"\"500ms\" or \"2s\" (us, ms, s, m, h, d), is 1e+300");
}

static void
a_range_beside_a_ref_is_the_one_that_holds(void **state)
{
	static const char schema[] =
		IT("{'$ref':'#/$defs/d','x-range':[1000,60000]},'d':{" DURATION "}");

	(void)state;
	assert_string_equal(judged(schema, "'1m'"), "");
	assert_string_equal(judged(schema, "'61s'"),
			    ": must be a duration from 1s to 1m, is \"61s\"");
	assert_string_equal(judged(schema, "0"), ": must be a duration from 1s to 1m, is 0");
	assert_string_equal(judged(schema, "true"),
			    ": must be a duration such as "
		"\"500ms\" or \"2s\" (us, ms, s, m, h, d), is true");
}

static void
sizes_have_powers_of_1024(void **state)
{
	static const char schema[] = IT("{'x-unit':'size','x-range':[0,1073741824]}");

	(void)state;
	assert_string_equal(judged(schema, "'1g'"), "");
	assert_string_equal(judged(schema, "1073741825"),
			    ": must be a size from 0 to 1g, is 1073741825");
	assert_string_equal(
		judged(schema, "'16 k'"),
		": must be a size such as \"16k\" (k, m, g) or a number of bytes, is \"16 k\"");
}

static void
issues_are_found_below_where_one_stands(void **state)
{
	struct schema *schema = schema_of(IT("{'properties':{'a':{'maximum':1}}}"));
	struct pointer at = { 0 };
	struct issues issues = { 0 };
	cJSON *tree = tree_of("{'a':2}");

	(void)state;
	pointer_push(&at, "backends");
	assert_false(schema_validate(schema_def(schema, "it"), tree, &at, &issues));
	assert_string_equal(text_of(&issues), "/backends/a: must be at most 1, is 2");
	assert_string_equal(pointer_text(&at), "/backends");
	pointer_fini(&at);
	cJSON_Delete(tree);
	schema_free(&schema);
}

static void
more_faults_than_are_kept_are_counted(void **state)
{
	struct schema *schema = schema_of(IT("{'items':{'type':'integer'}}"));
	struct pointer at = { 0 };
	struct issues issues = { 0 };
	struct buf text = { 0 };
	cJSON *tree;
	int i;

	(void)state;
	for (i = 0; i < ISSUES_MAX + 50; i++)
		buf_puts(&text, i == 0 ? "[\"\"" : ",\"\"");
	buf_put(&text, "]", 2);
	tree = tree_of(text.at);
	assert_false(schema_validate(schema_def(schema, "it"), tree, &at, &issues));
	assert_int_equal(issues.count, ISSUES_MAX);
	assert_int_equal(issues.dropped, 50);
	assert_false(schema_validate(schema_def(schema, "it"), tree, &at, &issues));
	assert_int_equal(issues.dropped, 200);
	issues_fini(&issues);
	buf_fini(&text);
	pointer_fini(&at);
	cJSON_Delete(tree);
	schema_free(&schema);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_type_says_which_and_what_was_seen),
		cmocka_unit_test(a_secret_is_not_repeated),
		cmocka_unit_test(a_number_without_a_fraction_is_an_integer),
		cmocka_unit_test(a_range_is_said_with_the_value),
		cmocka_unit_test(a_choice_lists_what_there_is_and_names_the_nearest),
		cmocka_unit_test(a_long_value_is_cut),
		cmocka_unit_test(lengths_count_characters),
		cmocka_unit_test(a_pattern_says_its_title),
		cmocka_unit_test(arrays_are_judged_item_by_item),
		cmocka_unit_test(unknown_fields_have_hints_and_missing_ones_names),
		cmocka_unit_test(what_is_read_only_is_not_looked_at),
		cmocka_unit_test(names_of_members_are_judged_too),
		cmocka_unit_test(pattern_properties_hold_beside_properties),
		cmocka_unit_test(a_discriminator_chooses),
		cmocka_unit_test(a_field_of_another_kind_is_one_error_that_names_its_own),
		cmocka_unit_test(durations_are_one_of_many_spellings),
		cmocka_unit_test(a_range_beside_a_ref_is_the_one_that_holds),
		cmocka_unit_test(sizes_have_powers_of_1024),
		cmocka_unit_test(issues_are_found_below_where_one_stands),
		cmocka_unit_test(more_faults_than_are_kept_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
