/*
 * adminapi/json/schema_compile.c, schema_keywords.c, schema_link.c: a schema that is not
 * understood whole is refused.
 */
#include "config.h"
#include "judge.h"

static const char *
refused(const char *text)
{
	static char words[DIAG_MAX_BYTES];
	struct schema *schema = NULL;
	struct diag diag = { "" };
	struct buf out = { 0 };
	cJSON *tree = tree_of(text);
	enum err err;

	json_print(&out, tree);
	cJSON_Delete(tree);
	err = schema_compile(&schema, out.at, out.len, &diag);
	buf_fini(&out);
	if (err == ERR_OK) {
		schema_free(&schema);
		return "";
	}
	assert_int_equal(err, ERR_INVALID);
	assert_null(schema);
	snprintf(words, sizeof(words), "%s", diag.text);
	return words;
}

static void
every_embedded_schema_of_the_document_compiles(void **state)
{
	struct schema *schema = schema_of_document();

	(void)state;
	schema_free(&schema);
	assert_null(schema);
	schema_free(&schema);
}

static void
an_unknown_keyword_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_string_equal(refused("{'$defs':{'it':{'properties':{'a':{'oneOf':[]}}}}}"),
		"/$defs/it/properties/a/oneOf: a keyword that is not understood here");
	assert_string_equal(refused("{'minProperties':3}"),
		"/minProperties: a keyword that is not understood here");
	assert_string_equal(refused("{'if':{'properties':{'a':{'const':1}}}}"),
		": \"if\" and \"then\" need each other");
}

static void
a_keyword_with_a_wrong_value_is_refused(void **state)
{
	static const char *const wrong[] = {
		"{'type':'int'}",
		"{'type':[1]}",
		"{'enum':[]}",
		"{'enum':1}",
		"{'minimum':'1'}",
		"{'pattern':'('}",
		"{'pattern':1}",
		"{'properties':[]}",
		"{'properties':{'a':1}}",
		"{'patternProperties':{'(':{}}}",
		"{'additionalProperties':true}",
		"{'items':[]}",
		"{'required':[1]}",
		"{'required':'a'}",
		"{'$ref':1}",
		"{'properties':{'a':{'$defs':{}}}}",
		"{'title':1}",
		"{'description':1}",
		"{'readOnly':1}",
		"{'x-unit':'meter'}",
		"{'x-range':[1]}",
		"{'x-range':[2,1]}",
		"{'x-range':[-1,1]}",
		"{'propertyNames':1}",
		"{'if':{'required':['a']},'then':{}}",
		"{'if':{'properties':{'a':{'minimum':1}}},'then':{}}",
		"{'if':{'properties':{'a':{'const':1}},'required':['b']},'then':{}}",
		"[]",
		"1",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (refused(wrong[i])[0] == '\0')
			fail_msg("taken: %s", wrong[i]);
	}
}

static void
a_ref_names_something_and_comes_to_an_end(void **state)
{
	(void)state;
	assert_string_equal(refused("{'$ref':'#/$defs/a'}"), "$ref \"#/$defs/a\" names nothing");
	assert_string_equal(refused("{'$ref':'other.json'}"), "$ref \"other.json\" names nothing");
	assert_string_equal(refused("{'$ref':'#'}"), "$ref \"#\" comes back to itself");
	assert_non_null(
		strstr(refused("{'$defs':{'a':{'$ref':'#/$defs/b'},'b':{'$ref':'#/$defs/c'},"
			       "'c':{'$ref':'#/$defs/b'}}}"),
		       "comes back to itself"));
	assert_string_equal(refused("{'$defs':{'a':{'properties':{'b':{'$ref':'#/$defs/a'}}}}}"),
			    "");
}

static void
text_that_is_no_json_is_refused(void **state)
{
	struct schema *schema = NULL;
	struct diag diag = { "" };

	(void)state;
	assert_int_equal(schema_compile(&schema, "{", 1, &diag), ERR_INVALID);
	assert_string_equal(diag.text,
		"line 1, column 2: expected a key in double quotes, found the end");
}

static void
a_field_of_one_mode_says_so_through_a_ref(void **state)
{
	struct schema *schema =
		schema_of("{'$defs':{'it':{'properties':{'a':{'$ref':'#/$defs/real'},"
		"'b':{'$ref':'#/$defs/any','x-mode':'http'},'c':{'$ref':'#/$defs/any'},"
		"'both':{'$ref':'#/$defs/both'}}},'real':{'x-mode':'http'},'any':{},"
		"'both':{'type':['boolean','object'],'properties':{'d':{}}}}}");
	const struct schema_node *it = schema_def(schema, "it");
	struct diag diag;

	(void)state;
	assert_string_equal(schema_mode(schema_property(it, "a")), "http");
	assert_string_equal(schema_mode(schema_property(it, "b")), "http");
	assert_null(schema_mode(schema_property(it, "c")));
	assert_false(schema_is_object(schema_property(it, "both")));
	schema_free(&schema);
	assert_int_equal(schema_compile(&schema, "{\"x-mode\":\"udp\"}", 16, &diag), ERR_INVALID);
}

static void
properties_keep_the_schemas_order_and_are_found_by_name(void **state)
{
	struct schema *schema = schema_of(
		"{'$defs':{'it':{'$ref':'#/$defs/real'},"
		"'real':{'properties':{'z':{},'a':{'default':7},'m':{'$ref':'#/$defs/time','default':'5s'},"
		"'s':{'$ref':'#/$defs/time'},'p':{'writeOnly':true},'status':{'readOnly':true},"
		"'list':{'items':{'x-inherit':true}},'map':{'additionalProperties':{'x-unit':'size'}}}},"
		"'time':{'type':['string','integer'],'x-unit':'duration','default':'1s'}}}");
	const struct schema_node *it = schema_def(schema, "it");

	(void)state;
	assert_null(schema_def(schema, "nothing"));
	assert_true(schema_is_object(it));
	assert_int_equal(schema_property_count(it), 8);
	assert_string_equal(schema_property_name(it, 0), "z");
	assert_string_equal(schema_property_name(it, 1), "a");
	assert_ptr_equal(schema_property_at(it, 1), schema_property(it, "a"));
	assert_null(schema_property(it, "b"));
	assert_null(schema_property(schema_property(it, "a"), "b"));
	assert_false(schema_is_object(schema_property(it, "a")));
	assert_int_equal(schema_default(schema_property(it, "a"))->valueint, 7);
	assert_null(schema_default(schema_property(it, "z")));
	assert_int_equal(schema_unit(schema_property(it, "m")), UNIT_DURATION);
	assert_int_equal(schema_unit(schema_property(it, "z")), UNIT_NONE);
	assert_string_equal(schema_default(schema_property(it, "m"))->valuestring, "5s");
	assert_string_equal(schema_default(schema_property(it, "s"))->valuestring, "1s");
	assert_true(schema_is_secret(schema_property(it, "p")));
	assert_true(schema_is_readonly(schema_property(it, "status")));
	assert_true(schema_is_inherited(schema_items(schema_property(it, "list"))));
	assert_int_equal(schema_unit(schema_map_values(schema_property(it, "map"))), UNIT_SIZE);
	assert_null(schema_items(it));
	assert_null(schema_map_values(it));
	schema_free(&schema);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_embedded_schema_of_the_document_compiles),
		cmocka_unit_test(an_unknown_keyword_is_refused_with_its_place),
		cmocka_unit_test(a_keyword_with_a_wrong_value_is_refused),
		cmocka_unit_test(a_ref_names_something_and_comes_to_an_end),
		cmocka_unit_test(text_that_is_no_json_is_refused),
		cmocka_unit_test(a_field_of_one_mode_says_so_through_a_ref),
		cmocka_unit_test(properties_keep_the_schemas_order_and_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
