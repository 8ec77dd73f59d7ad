/*
 * adminapi/json/schema_present.c: one spelling of durations, secrets out of sight and back again.
 */
#include "config.h"
#include "judge.h"

static const char schema_text[] =
	"{'$defs':{'it':{'properties':{'wait':{'$ref':'#/$defs/time'},'size':{'x-unit':'size'},"
	"'key':{'writeOnly':true},'list':{'items':{'$ref':'#/$defs/it'}},"
	"'map':{'additionalProperties':{'$ref':'#/$defs/it'}},"
	"'patterned':{'patternProperties':{'^t_':{'$ref':'#/$defs/time'}}},'type':{}},"
	"'if':{'properties':{'type':{'const':'a'}},'required':['type']},"
	"'then':{'properties':{'extra':{'$ref':'#/$defs/time'}}}},"
	"'time':{'x-unit':'duration'}}}";

static const char *
presented(const char *text)
{
	struct schema *schema = schema_of(schema_text);
	cJSON *tree = tree_of(text);
	cJSON *shown = schema_present(schema_def(schema, "it"), tree);

	cJSON_Delete(tree);
	schema_free(&schema);
	return print_of(shown);
}

static void
durations_get_their_shortest_spelling(void **state)
{
	(void)state;
	assert_string_equal(presented("{'wait':2000}"), "{'wait':'2s'}");
	assert_string_equal(presented("{'wait':'500000us','list':[{'wait':'120s'},{'wait':0}]}"),
		"{'wait':'500ms','list':[{'wait':'2m'},{'wait':'0'}]}");
	assert_string_equal(presented("{'map':{'x':{'wait':'24h'}},'patterned':{'t_1':5,'u':5}}"),
		"{'map':{'x':{'wait':'1d'}},'patterned':{'t_1':'5ms','u':5}}");
	assert_string_equal(presented("{'type':'a','extra':5}"), "{'type':'a','extra':'5ms'}");
	assert_string_equal(presented("{'type':'b','extra':5}"), "{'type':'b','extra':5}");
}

static void
everything_else_is_as_it_came(void **state)
{
	(void)state;
	assert_string_equal(presented("{'size':'1024k','other':{'wait':5},'wait':'soon'}"),
		"{'size':'1024k','other':{'wait':5},'wait':'soon'}");
	assert_string_equal(presented("[1]"), "[1]");
	assert_string_equal(presented("{}"), "{}");
}

/* sha256sum: printf secret | sha256sum */
#define SECRET_SHOWN "{'set':true,'sha256':'2bb80d537b1d'}"

static void
a_secret_shows_its_digest_at_any_depth(void **state)
{
	(void)state;
	assert_string_equal(presented("{'key':'secret'}"), "{'key':" SECRET_SHOWN "}");
	assert_string_equal(presented("{'list':[{'map':{'x':{'key':'secret'}}}]}"),
		"{'list':[{'map':{'x':{'key':" SECRET_SHOWN "}}}]}");
}

static struct issues issues;

/* `body` with its secrets restored from `old`. */
static const char *
restored(const char *body_text, const char *old_text, enum err expected)
{
	struct schema *schema = schema_of(schema_text);
	struct pointer at = { 0 };
	cJSON *body = tree_of(body_text);
	cJSON *old = old_text != NULL ? tree_of(old_text) : NULL;

	assert_int_equal(schema_restore_secrets(schema_def(schema, "it"), body, old, &at, &issues),
		expected);
	pointer_fini(&at);
	cJSON_Delete(old);
	schema_free(&schema);
	return print_of(body);
}

static void
a_stand_in_means_unchanged(void **state)
{
	(void)state;
	assert_string_equal(restored("{'key':" SECRET_SHOWN "}", "{'key':'secret'}", ERR_OK),
		"{'key':'secret'}");
	assert_string_equal(restored("{'map':{'a':{'key':'new'},'b':{'key':" SECRET_SHOWN
				     ",'wait':1}}}",
		"{'map':{'b':{'key':'secret'}}}", ERR_OK),
		"{'map':{'a':{'key':'new'},'b':{'key':'secret','wait':1}}}");
	assert_string_equal(restored("{'list':[{},{'key':" SECRET_SHOWN "}]}",
				     "{'list':[{},{'key':'secret'}]}", ERR_OK),
			    "{'list':[{},{'key':'secret'}]}");
}

static void
a_stand_in_for_nothing_is_an_issue(void **state)
{
	(void)state;
	restored("{'key':" SECRET_SHOWN ",'list':[{'key':" SECRET_SHOWN "}]}",
		"{'list':[{'key':'other'}]}", ERR_INVALID);
	assert_string_equal(text_of(&issues),
			    "/key: stands for a secret, and none is set here\n"
		"/list/0/key: stands for another secret than the one set here");
	restored("{'key':" SECRET_SHOWN "}", NULL, ERR_INVALID);
	assert_string_equal(text_of(&issues), "/key: stands for a secret, and none is set here");
}

static void
a_body_of_another_shape_is_left_to_the_validator(void **state)
{
	(void)state;
	assert_string_equal(restored("{'list':{'key':1},'map':[1],'key':{'set':true}}",
		"{'list':1,'map':{},'key':'secret'}", ERR_OK),
		"{'list':{'key':1},'map':[1],'key':{'set':true}}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_get_their_shortest_spelling),
		cmocka_unit_test(everything_else_is_as_it_came),
		cmocka_unit_test(a_secret_shows_its_digest_at_any_depth),
		cmocka_unit_test(a_stand_in_means_unchanged),
		cmocka_unit_test(a_stand_in_for_nothing_is_an_issue),
		cmocka_unit_test(a_body_of_another_shape_is_left_to_the_validator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
