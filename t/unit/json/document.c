/*
 * schemas/config.json as the program has it: its examples, its defaults, its speed.
 */
#include "config.h"
#include "judge.h"
#include <time.h>
#include "adminapi/json/schema_priv.h"

static struct schema *schema;

static int
begin(void **state)
{
	(void)state;
	schema = schema_of_document();
	return 0;
}

static int
end(void **state)
{
	(void)state;
	schema_free(&schema);
	return 0;
}

static void
the_document_of_a_quick_start_is_valid(void **state)
{
	(void)state;
	assert_string_equal(
		judged_by(
			schema_def(schema, "config"),
		"{'global':{'threads':2,'maxconn':20000,'state_dir':'/var/lib/sluice',"
		"'log':[{'target':'stdout','format':'json'}]},"
		"'admin':{'listen':['127.0.0.1:9901',{'address':'unix:/run/sluice/admin.sock','mode':'0660'}]},"
		"'defaults':{'timeout':{'connect':'5s','client':'30s','server':30000},"
		"'default_server':{'maxconn':100}},"
		"'profiles':{'long':{'timeout':{'client':'1h'}}},"
		"'frontends':{'web':{'mode':'tcp','bind':['0.0.0.0:8080'],'maxconn':10000,"
		"'default_backend':'app','from':'long'}},"
		"'backends':{'app':{'balance':'roundrobin','retries':3,'redispatch':true,"
		"'servers':{'s1':{'address':'10.0.0.1:8000','weight':100,'status':{'state':'up'}},"
		"'s2':{'address':'127.0.0.1:8501','backup':true,'comment':'x','labels':{'zone':'a'}}}}}}"),
		"");
}

static void
what_is_wrong_is_told_all_at_once(void **state)
{
	(void)state;
	assert_string_equal(
		judged_by(schema_def(schema, "backend"),
		"{'servers':{'..':{'address':'x:1'},'s1':{'adress':'x:1','weight':999}},"
		"'timeout':{'connect':'5 s'}}"),
		"/servers/..: the name must be 1 to 128 letters, digits, \".\", \"_\", \":\" or \"-\", is \"..\"\n"
		"/servers/s1: \"address\" is required\n"
		"/servers/s1/adress: unknown field; did you mean \"address\"?\n"
		"/servers/s1/weight: must be 0 to 256, is 999\n"
		"/timeout/connect: must be a duration such as \"500ms\" or \"2s\" (us, ms, s, m, h, d), is \"5 s\"");
}

static void
every_default_is_valid_where_it_stands(void **state)
{
	const struct schema_node *node;

	(void)state;
	for (node = schema->nodes; node != NULL; node = node->next) {
		struct pointer at = { 0 };
		struct issues issues = { 0 };

		if (node->fallback == NULL)
			continue;
		schema_validate(node, node->fallback, &at, &issues);
		assert_string_equal(text_of(&issues), "");
		pointer_fini(&at);
	}
}

/* The field that a path of names leads to, through maps as well. */
static const struct schema_node *
field(const char *def, const char *name, const char *sub)
{
	const struct schema_node *node = schema_property(schema_def(schema, def), name);

	assert_non_null(node);
	return sub != NULL ? schema_property(node, sub) : node;
}

static void
the_ends_of_the_chain_have_defaults_and_its_middle_has_none(void **state)
{
	(void)state;
	assert_string_equal(schema_default(field("backend", "timeout", "connect"))->valuestring,
			    "5s");
	assert_string_equal(schema_default(field("frontend", "timeout", "client"))->valuestring,
			    "50s");
	assert_int_equal(schema_default(field("backend", "retries", NULL))->valueint, 3);
	assert_int_equal(schema_default(field("server", "weight", NULL))->valueint, 1);
	assert_null(schema_default(field("defaults", "timeout", "connect")));
	assert_null(schema_default(field("profile", "retries", NULL)));
	assert_null(schema_default(field("default_server", "weight", NULL)));
	assert_null(schema_default(field("backend", "timeout", "queue")));
}

/* What is marked as inherited is there to be inherited from, as the same thing. */
static void
inherits_from(const char *def, const char *from)
{
	const struct schema_node *to = schema_def(schema, def), *source = schema_def(schema, from);
	uint32_t i, j;

	for (i = 0; i < schema_property_count(to); i++) {
		const char *name = schema_property_name(to, i);
		const struct schema_node *mine = schema_property_at(to, i);
		const struct schema_node *theirs = schema_property(source, name);

		if (!schema_is_inherited(mine))
			continue;
		assert_non_null(theirs);
		for (j = 0; j < schema_property_count(mine); j++) {
			const char *sub = schema_property_name(mine, j);

			if (schema_is_inherited(schema_property_at(mine, j)))
				assert_ptr_equal(schema_property_at(mine, j)->ref,
					schema_property(theirs, sub)->ref);
		}
		if (!schema_is_object(mine))
			assert_ptr_equal(mine->ref, theirs->ref);
	}
}

static void
inherited_fields_are_the_same_all_along_the_chain(void **state)
{
	(void)state;
	inherits_from("frontend", "profile");
	inherits_from("frontend", "defaults");
	inherits_from("backend", "profile");
	inherits_from("backend", "defaults");
	inherits_from("server", "default_server");
	assert_true(schema_is_inherited(field("server", "weight", NULL)));
	assert_true(schema_is_inherited(field("backend", "timeout", "connect")));
	assert_false(schema_is_inherited(field("frontend", "comment", NULL)));
}

static double
cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void
ten_thousand_servers_take_some_milliseconds(void **state)
{
	struct buf text = { 0 };
	struct pointer at = { 0 };
	struct issues issues = { 0 };
	cJSON *tree = NULL;
	double begin_ms, parse_ms, validate_ms;
	int i;

	(void)state;
	buf_puts(&text, "{\"backends\":{\"app\":{\"servers\":{");
	for (i = 0; i < 10000; i++)
		buf_printf(&text,
			   "%s\"s%d\":{\"address\":\"10.0.%d.%d:8000\",\"weight\":%d,"
			   "\"maxconn\":200,\"labels\":{\"zone\":\"a\"}}",
			   i == 0 ? "" : ",\n", i, i >> 8, i & 255, i % 257);
	buf_puts(&text, "}}}}");
	begin_ms = cpu_ms();
	assert_int_equal(json_parse(&tree, text.at, text.len, &issues), ERR_OK);
	parse_ms = cpu_ms() - begin_ms;
	begin_ms = cpu_ms();
	assert_true(schema_validate(schema_def(schema, "config"), tree, &at, &issues));
	validate_ms = cpu_ms() - begin_ms;
	print_message("# %zu bytes: parsed in %.1f ms, validated in %.1f ms of CPU\n", text.len,
		parse_ms, validate_ms);
	assert_true(parse_ms < 500 && validate_ms < 500);	/* room for sanitizers */
	cJSON_Delete(tree);
	pointer_fini(&at);
	buf_fini(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_document_of_a_quick_start_is_valid),
		cmocka_unit_test(what_is_wrong_is_told_all_at_once),
		cmocka_unit_test(every_default_is_valid_where_it_stands),
		cmocka_unit_test(the_ends_of_the_chain_have_defaults_and_its_middle_has_none),
		cmocka_unit_test(inherited_fields_are_the_same_all_along_the_chain),
		cmocka_unit_test(ten_thousand_servers_take_some_milliseconds),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
