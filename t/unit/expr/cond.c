/*
 * Conditions: how tests are put together, and what is said about those that are none. Where HAProxy
 * takes the same text, the verdicts are HAProxy 2.6's.
 */
#include "config.h"
#include "../expr/scene.h"
#include "expr/fetch.h"
#include "expr/map.h"
#include "expr/pattern.h"

static void
tests_side_by_side_are_and(void **state)
{
	(void)state;
	assert_true(holds_for("{ path_beg /a } { path_end z }", "/a/z"));
	assert_false(holds_for("{ path_beg /a } { path_end z }", "/a/y"));
	assert_false(holds_for("{ path_beg /a } { path_end z }", "/b/z"));
}

static void
or_binds_less_than_and(void **state)
{
	static const char *const spellings[] = { "or", "OR", "||" };
	char text[64];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "TRUE FALSE %s TRUE TRUE", spellings[i]);
		assert_true(holds_for(text, "/"));
		snprintf(text, sizeof(text), "TRUE FALSE %s FALSE TRUE", spellings[i]);
		assert_false(holds_for(text, "/"));
	}
	assert_true(holds_for("TRUE or FALSE FALSE", "/"));
	assert_true(holds_for("FALSE or FALSE or FALSE or TRUE", "/"));
	assert_false(holds_for("FALSE or TRUE FALSE or TRUE TRUE FALSE", "/"));
}

static void
an_exclamation_mark_turns_one_test_around(void **state)
{
	(void)state;
	assert_true(holds_for("!{ path /b }", "/a"));
	assert_true(holds_for("! { path /b } TRUE", "/a"));
	assert_false(holds_for("!TRUE TRUE", "/a"));
	assert_true(holds_for("!! { path /a }", "/a"));
	assert_false(holds_for("!!!TRUE", "/a"));
	assert_true(holds_for("!TRUE or !FALSE", "/a"));
}

static void
a_value_that_is_not_there_matches_nothing(void **state)
{
	(void)state;
	assert_false(holds_with("{ hdr(y) -m found }", ""));
	assert_false(holds_with("{ hdr(y) -m len 0 }", ""));
	assert_true(holds_with("!{ hdr(y) a }", ""));
	assert_false(holds_for("{ query -m found }", "/a"));
	assert_true(holds_for("{ query -m found }", "/a?"));
}

static void
a_default_is_a_value_where_there_is_none(void **state)
{
	(void)state;
	assert_true(holds_with("{ hdr(y),default(none) -m str none }", ""));
	assert_false(holds_with("{ hdr(y),default(none) -m str none }", "y: a\r\n"));
	assert_true(holds_with("{ hdr(y),default(none) -m str b }", "y: a\r\ny: b\r\n"));
	assert_false(holds_with("{ hdr(y),default(none),field(2,_) -m found }", ""));
	assert_true(holds_with("{ hdr(y),default(none),length 4 }", ""));
}

static void
predefined_acls_need_no_braces(void **state)
{
	(void)state;
	assert_true(cond_says("METH_GET HTTP_1.1 !HTTP_1.0 !METH_POST",
			      request_of("GET /", "Host: x\r\n")));
	assert_true(cond_says("METH_GET METH_HEAD", request_of("HEAD /", "Host: x\r\n")));
	assert_true(cond_says("METH_OPTIONS", request_of("OPTIONS *", "Host: x\r\n")));
}

static void
words_are_cut_as_in_haproxys_configuration(void **state)
{
	(void)state;
	assert_true(holds_with("{ hdr(y) \"a b\" }", "Y: a b\r\n"));
	assert_true(holds_with("{ hdr(y) 'a b' }", "Y: a b\r\n"));
	assert_true(holds_with("{ hdr(y) a\\ b }", "Y: a b\r\n"));
	assert_true(holds_with("{ hdr(y) a\\x20b }", "Y: a b\r\n"));
	assert_true(holds_with("{\thdr(y)\ta' 'b }", "Y: a b\r\n"));
	assert_true(holds_with("{ hdr(y) 'a\\b' }", "Y: a\\b\r\n"));
	assert_true(holds_with("{ hdr(y) \"a\\\\b\\\"\" }", "Y: a\\b\"\r\n"));
	assert_true(holds_with("{ hdr(y) a\\.b }", "Y: a\\.b\r\n"));
	assert_true(holds_with("{ hdr(y) \\# \"#\" }", "Y: #\r\n"));
	assert_true(holds_with("{ hdr(y) '$x' }", "Y: $x\r\n"));
	assert_true(holds_with("{ hdr(y) \"\\$x\" }", "Y: $x\r\n"));
	assert_true(holds_with("{ hdr(y) '}' }", "Y: }\r\n"));
}

static void
a_word_that_means_nothing_is_shown_with_its_column(void **state)
{
	(void)state;
	assert_string_equal(error_of("{ path_bge /a }"),
		"column 3: there is no test \"path_bge\" (did you mean \"path_beg\"?)");
	assert_string_equal(error_of("{ hdr_bge(host) a }"),
		"column 3: there is no test \"hdr_bge\" (did you mean \"hdr_beg\"?)");
	assert_string_equal(error_of("{ ssl_fc }"),
		"column 3: there is no test \"ssl_fc\" (it needs TLS, which is not in this version)");
	assert_string_equal(error_of("{ src_conn_rate gt 5 }"),
		"column 3: there is no test \"src_conn_rate\" "
		"(it needs stick tables, which are not in this version)");
	assert_non_null(strstr(error_of("{ path,table_conn_rate(x) gt 5 }"),
			       "there is no converter \"table_conn_rate\" (it needs stick tables"));
	assert_string_equal(error_of("{ path -m bge /a }"),
		"column 11: there is no match method \"bge\" (did you mean \"beg\"?)");
	assert_string_equal(error_of("TRUE !METH_GTE"),
		"column 7: no ACL is called \"METH_GTE\" "
		"(did you mean \"METH_GET\"?); a test stands in braces, as \"{ path_beg /api }\"");
	assert_non_null(
		strstr(error_of("{ path -f list }"), "column 11: -f can not be used in a test"));
	assert_non_null(strstr(error_of("{ path -x /a }"), "column 8: \"-x\" is no flag"));
	assert_string_equal(error_of("{ path,t.lowr /a }"),
		"column 8: there is no converter \"t.lowr\" (did you mean \"t.lower\"?)");
	assert_string_equal(error_of("TRUE and TRUE"),
		"column 6: \"and\" is no operator: tests side by side are \"and\" already");
	assert_string_equal(error_of("TRUE && TRUE"),
		"column 6: \"&&\" is no operator: tests side by side are \"and\" already");
}

static void
braces_that_do_not_fit_are_errors(void **state)
{
	(void)state;
	assert_string_equal(error_of("{ path /a"),
		"column 10: expected a \"}\", as a word of its own, for the \"{\" of column 1");
	assert_string_equal(error_of("{ path /a}"),
		"column 11: expected a \"}\", as a word of its own, for the \"{\" of column 1");
	assert_string_equal(error_of("{path /a }"),
			    "column 1: \"{path\": a brace must have white space on both sides");
	assert_non_null(strstr(error_of("TRUE }"), "column 6: \"}\": a brace"));
	assert_non_null(strstr(error_of("{ }"), "column 3: expected a test, as"));
	assert_non_null(strstr(error_of("{ { path /a } }"), "column 3: there is no test \"{\""));
}

static void
operators_without_their_tests_are_errors(void **state)
{
	(void)state;
	assert_non_null(strstr(error_of(""), "column 1: expected a condition"));
	assert_non_null(strstr(error_of(" \t "), "column 1: expected a condition"));
	assert_string_equal(error_of("or TRUE"), "column 1: expected a test before \"or\"");
	assert_string_equal(error_of("TRUE or or TRUE"), "column 9: expected a test before \"or\"");
	assert_string_equal(error_of("TRUE or"), "column 8: expected a test behind \"or\"");
	assert_string_equal(error_of("TRUE !"), "column 7: expected a test behind \"!\"");
	assert_string_equal(error_of("! or TRUE"), "column 3: expected a test behind \"!\"");
}

static void
values_that_a_test_can_not_take_are_errors(void **state)
{
	(void)state;
	assert_string_equal(error_of("{ path }"), "column 8: expected a value for \"path\"");
	assert_string_equal(error_of("{ path -i }"), "column 11: expected a value for \"path\"");
	assert_string_equal(error_of("{ path_len 5 lt }"),
			    "column 17: expected a value for \"path\"");
	assert_string_equal(error_of("{ always_true 1 }"), "column 15: \"-m bool\" takes no value");
	assert_string_equal(error_of("{ method -m int 5 }"),
			    "column 13: \"method\" can not be matched with \"-m int\"");
	assert_non_null(strstr(error_of("{ path_len x }"), "column 12: expected a number"));
	assert_non_null(strstr(error_of("{ path_len 5:3 }"), "column 12: expected a range whose"));
	assert_non_null(strstr(error_of("{ path_len : }"), "column 12: expected a range of"));
	assert_non_null(
		strstr(error_of("{ path_len gt 1:3 }"), "column 15: expected a number behind"));
	assert_non_null(strstr(error_of("{ path_len gt 9223372036854775807 }"),
			       "column 15: expected a number"));
	assert_non_null(
		strstr(error_of("{ path_dir / }"), "column 12: expected something between"));
}

static void
arguments_are_checked_by_their_fetch(void **state)
{
	(void)state;
	assert_string_equal(error_of("{ t.named a }"),
			    "column 10: expected \"t.named(name[,integer])\"");
	assert_string_equal(error_of("{ t.named() a }"),
			    "column 10: expected \"t.named(name[,integer])\"");
	assert_non_null(
		strstr(error_of("{ t.named(a:b) a }"), "column 11: expected a name, not \"a:b\""));
	assert_non_null(strstr(error_of("{ t.named(host a }"), "column 15: expected a \")\""));
	assert_non_null(
		strstr(error_of("{ t.named(host)x a }"), "column 3: \"x\" behind \"t.named"));
	assert_non_null(strstr(error_of("{ t.named(host,x) a }"), "column 16: expected a number"));
	assert_non_null(strstr(error_of("{ 't.named(host,x)' a }"), "column 3: expected a number"));
	assert_non_null(strstr(error_of("{ path(x) a }"), "column 8: too many arguments"));
	assert_true(holds_for("{ path() /a }", "/a"));
}

static void
what_haproxy_would_cut_or_replace_is_an_error(void **state)
{
	(void)state;
	assert_non_null(strstr(error_of("{ path a#b }"), "column 9: an unquoted #"));
	assert_non_null(strstr(error_of("{ path \"$x\" }"), "column 9: \"$...\""));
	assert_non_null(strstr(error_of("{ path \"\" }"), "column 8: an empty word"));
	assert_non_null(strstr(error_of("{ path 'a }"), "column 8: a quote"));
	assert_non_null(strstr(error_of("{ path a\\"), "column 9: a backslash"));
	assert_non_null(strstr(error_of("{ path \\x0g }"), "column 8: expected two"));
	assert_non_null(strstr(error_of("{ path \\x00 }"), "column 8: \\x00"));
	assert_non_null(strstr(error_of("{ path a }\nTRUE"), "column 11: a control"));
}

static void
an_error_text_shows_no_raw_bytes_and_only_the_start_of_a_long_word(void **state)
{
	char text[600];

	(void)state;
	assert_non_null(strstr(error_of("\\x1b[31m"), "\\x1B[31m"));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_non_null(strstr(error_of(text), "xxx...\"; a test stands in braces"));
}

static void
many_tests_and_values_are_no_trouble(void **state)
{
	char text[20000] = "";
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 500; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s{ path /%d /%d }",
			i == 0 ? "" : i % 2 != 0 ? " or " : " ", i, i + 1000);
	assert_true(holds_for(text, "/0"));
	assert_false(holds_for(text, "/499x"));
	assert_true(holds_for(text, "/1499"));
}

/* -- converters, in tests -- */

/* Lower case, in the evaluation's room. */
static bool
run_lower(struct eval *eval, const struct args *args, struct sample *sample)
{
	char *at = eval_take(eval, sample->text.len);

	(void)args;
	if (at == NULL)
		return false;
	for (size_t i = 0; i < sample->text.len; i++) {
		char c = sample->text.at[i];

		at[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	sample->text.at = at;
	return true;
}

static bool
run_length(struct eval *eval, const struct args *args, struct sample *sample)
{
	(void)eval, (void)args;
	sample->number = (int64_t)sample->text.len;
	return true;
}

static const struct conv convs[] = {
	{ .name = "t.lower", .in = SAMPLE_STRING, .out = SAMPLE_STRING, .run = run_lower },
	{ .name = "t.length", .in = SAMPLE_STRING, .out = SAMPLE_INT, .run = run_length },
};
static struct conv_table conv_rows = { convs, sizeof(convs) / sizeof(convs[0]), NULL };

/* t.late(1): true once bytes have come; until then it is not known. */
static bool
get_late(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	(void)cursor;
	eval->is_undecided = !eval->is_final && eval->request_bytes.len == 0;
	sample->number = args->at[0].number;
	return !eval->is_undecided;
}

static const struct fetch fetches[] = {
	{
		.name = "t.named",
		.type = SAMPLE_STRING,
		.args = { ARG_NAME, ARG_INT | ARG_OPTIONAL },
		.get = get_late,
	},
	{ .name = "t.late", .type = SAMPLE_BOOL, .args = { ARG_INT }, .get = get_late },
};
static struct fetch_table fetch_rows = { fetches, sizeof(fetches) / sizeof(fetches[0]), NULL };

static int
rows_register(void **state)
{
	(void)state;
	conv_register(&conv_rows);
	fetch_register(&fetch_rows);
	return 0;
}

static void
converters_are_run_before_values_are_compared(void **state)
{
	(void)state;
	assert_true(holds_for("{ path,t.lower /abc }", "/ABC"));
	assert_true(holds_for("{ path,t.lower -m beg /ab }", "/ABC"));
	assert_true(holds_for("{ path,t.length 4 }", "/ABC"));
	assert_true(holds_for("{ path,t.length gt 3 }", "/ABC"));
	assert_true(holds_with("{ hdr(y),t.lower b }", "Y: A,B,C\r\n"));
	assert_true(holds_with("{ hdr(y,1),t.lower a } !{ hdr(y,1),t.lower b }", "Y: A,B,C\r\n"));
}

static void
a_converter_voids_the_method_of_a_form(void **state)
{
	(void)state;
	assert_false(holds_for("{ path_beg,t.lower /a }", "/a/b"));
	assert_true(holds_for("{ path_beg,t.lower /a/b }", "/a/b"));
	assert_true(holds_for("{ path_beg,t.lower -m beg /a }", "/a/b"));
	assert_true(holds_for("{ path_beg,t.length 4 }", "/a/b"));
}

static void
a_type_is_cast_to_what_its_method_takes(void **state)
{
	(void)state;
	assert_true(holds_with("{ hdr(y) -m int 12 }", "Y: 12abc\r\n"));
	assert_false(holds_with("{ hdr(y) -m int 0 }", "Y:\r\n"));
	assert_true(holds_with("{ hdr(y) -m bool }", "Y: 12abc\r\n"));
	assert_false(holds_with("{ hdr(y) -m bool }", "Y: abc\r\n"));
	assert_true(holds_for("{ always_true -m str 1 }", "/"));
	assert_true(holds_for("{ path,t.length -m len 1 }", "/ab"));
	assert_true(holds_for("{ path,t.length -m found }", "/ab"));
	assert_true(holds_for("{ method -m str GET } { method -m str -i get }", "/"));
	assert_string_equal(error_of("{ var(txn.x) a }"),
			    "column 3: \"var\" needs a match method, as \"-m str\"");
}

static void
flags_that_mean_nothing_to_us_are_taken(void **state)
{
	(void)state;
	assert_true(holds_for("{ path -n -u 7 -i -M /ABC }", "/abc"));
	assert_true(holds_for("{ path -i -- /ABC }", "/abc"));
	assert_false(holds_for("{ path -- -i }", "/abc"));
	assert_non_null(strstr(error_of("{ path -u }"), "column 11: expected a number behind -u"));
}

static void
a_file_is_a_map_of_that_method(void **state)
{
	struct refs refs = { NULL };
	const struct compile_env in = { .has = COMPILE_HAS_ALL, .place = "a test", .refs = &refs };
	struct cond *cond = NULL;

	(void)state;
	assert_int_equal(cond_compile(&cond,
				      SLICE("{ path -i -m beg -f paths /x } { path -f paths }"),
				      &in, NULL),
			 ERR_OK);
	assert_string_equal(refs.first->name, "paths");
	assert_string_equal(match_name(refs.first->match), "beg");
	assert_true(refs.first->nocase);
	assert_string_equal(match_name(refs.first->next->match), "str");
	assert_null(refs.first->next->next);
	cond_free(&cond);
	refs_fini(&refs);
}

static bool
holds_in(const struct cond *cond, const char *path)
{
	char start[256], room[4096];
	struct eval eval = { .room = { room, sizeof(room) }, .is_final = true };

	snprintf(start, sizeof(start), "GET %s", path);
	eval.request = request_of(start, "Host: x\r\n");
	return cond_eval(cond, &eval) == COND_TRUE;
}

static void
a_value_of_a_file_or_of_the_test_matches(void **state)
{
	struct refs refs = { NULL };
	const struct compile_env in = { .has = COMPILE_HAS_ALL, .place = "a test", .refs = &refs };
	struct cond *cond = NULL;
	struct map_view *view = NULL;
	struct map *map = NULL;

	(void)state;
	assert_int_equal(
		cond_compile(&cond, SLICE("{ path,t.lower -m beg -f paths /x }"), &in, NULL),
			 ERR_OK);
	assert_false(holds_in(cond, "/a"));
	assert_true(holds_in(cond, "/x"));
	assert_int_equal(map_new(&map), ERR_OK);
	assert_int_equal(map_load(map, SLICE("/a\n/b some value\n"), NULL), ERR_OK);
	assert_int_equal(map_view_get(&view, map, refs.first->match, refs.first->nocase,
			 refs.first->value_type, NULL), ERR_OK);
	refs.first->object = view;
	assert_true(holds_in(cond, "/A/1"));
	assert_true(holds_in(cond, "/B"));
	assert_true(holds_in(cond, "/X"));
	assert_false(holds_in(cond, "/c"));
	cond_free(&cond);
	refs_fini(&refs);
	map_view_release(&view);
	map_free(&map);
}

/* -- named ACLs -- */

static struct acls *
acls_of(const char *const (*texts)[2], size_t count)
{
	struct acls *acls = acls_new();
	struct diag diag = { "" };

	assert_non_null(acls);
	for (size_t i = 0; i < count; i++) {
		if (acls_add(acls, slice_of(texts[i][0]), slice_of(texts[i][1]), &env, &diag) !=
		    ERR_OK)
			fail_msg("%s: %s", texts[i][0], diag.text);
	}
	return acls;
}

static bool
holds_named(const struct acls *acls, const char *text, const char *path)
{
	const struct compile_env in = { .has = COMPILE_HAS_ALL, .place = "a test", .acls = acls };
	char start[256];
	struct eval eval = { .is_final = true };
	struct cond *cond = NULL;
	struct diag diag = { "" };
	bool holds;

	if (cond_compile(&cond, slice_of(text), &in, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.text);
	snprintf(start, sizeof(start), "GET %s", path);
	eval.request = request_of(start, "Host: x\r\n");
	holds = cond_eval(cond, &eval) == COND_TRUE;
	cond_free(&cond);
	return holds;
}

static void
tests_of_one_name_are_or(void **state)
{
	static const char *const texts[][2] = {
		{ "api", "path_beg /api" },
		{ "css", "path_end .css" },
		{ "api", "path_beg /v1 /v2" },
		{ "api", "path_end .json" },
	};
	struct acls *acls = acls_of(texts, 4);

	(void)state;
	assert_true(holds_named(acls, "api", "/api"));
	assert_true(holds_named(acls, "api", "/v2"));
	assert_true(holds_named(acls, "api", "/x.json"));
	assert_false(holds_named(acls, "api", "/x.css"));
	assert_true(holds_named(acls, "!api", "/x.css"));
	assert_false(holds_named(acls, "!api", "/v1"));
	assert_true(holds_named(acls, "api css", "/v1/a.css"));
	assert_false(holds_named(acls, "api css", "/v1/a.js"));
	assert_true(holds_named(acls, "!api css or { path / }", "/"));
	assert_true(holds_named(acls, "!api css or { path / }", "/a.css"));
	assert_false(holds_named(acls, "!api css or { path / }", "/api/a.css"));
	assert_true(holds_named(acls, "!api !css", "/x"));
	assert_false(holds_named(acls, "!api !css", "/a.css"));
	assert_true(holds_named(acls, "TRUE !api or css api", "/api/a.css"));
	acls_free(&acls);
}

static void
an_acl_that_is_none_is_told_where_it_is_written_or_used(void **state)
{
	static const char *const texts[][2] = { { "api", "path_beg /api" } };
	struct acls *acls = acls_of(texts, 1);
	const struct compile_env in = {
		.has = NEEDS_CLIENT, .place = "tcp rules", .acls = acls,
	};
	struct cond *cond = NULL;
	struct diag diag = { "" };

	(void)state;
	assert_int_equal(acls_add(acls, SLICE("TRUE"), SLICE("path /"), &env, &diag), ERR_INVALID);
	assert_int_equal(acls_add(acls, SLICE("a b"), SLICE("path /"), &env, &diag), ERR_INVALID);
	assert_int_equal(acls_add(acls, SLICE("a"), SLICE("path"), &env, &diag), ERR_INVALID);
	assert_string_equal(diag.text, "column 5: expected a value for \"path\"");
	assert_int_equal(acls_add(acls, SLICE("a"), SLICE("path / } {"), &env, &diag), ERR_INVALID);
	assert_int_equal(acls_add(acls, SLICE("a"), SLICE(""), &env, &diag), ERR_INVALID);
	assert_int_equal(cond_compile(&cond, SLICE("TRUE api"), &in, &diag), ERR_INVALID);
	assert_string_equal(diag.text, "column 6: ACL \"api\", column 1: \"path\" needs an HTTP "
			    "request's head, which tcp rules do not have");
	assert_int_equal(cond_compile(&cond, SLICE("apj"), &in, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.text, "did you mean \"api\"?"));
	acls_free(&acls);
}

/* -- with bytes still to come -- */

static enum cond_result
result_of(const char *text, bool is_final)
{
	struct cond *cond = cond_of(text);
	struct eval eval = { .is_final = is_final };
	enum cond_result result = cond_eval(cond, &eval);

	cond_free(&cond);
	return result;
}

static void
what_may_still_change_leaves_undecided_what_depends_on_it(void **state)
{
	(void)state;
	assert_int_equal(result_of("{ t.late(1) }", false), COND_UNDECIDED);
	assert_int_equal(result_of("!{ t.late(1) }", false), COND_UNDECIDED);
	assert_int_equal(result_of("{ t.late(1) } FALSE", false), COND_FALSE);
	assert_int_equal(result_of("FALSE { t.late(1) }", false), COND_FALSE);
	assert_int_equal(result_of("{ t.late(1) } TRUE", false), COND_UNDECIDED);
	assert_int_equal(result_of("{ t.late(1) } or TRUE", false), COND_TRUE);
	assert_int_equal(result_of("TRUE or { t.late(1) }", false), COND_TRUE);
	assert_int_equal(result_of("{ t.late(1) } or FALSE", false), COND_UNDECIDED);
	assert_int_equal(result_of("FALSE or { t.late(1) }", false), COND_UNDECIDED);
	assert_int_equal(result_of("{ t.late(1) } FALSE or FALSE", false), COND_FALSE);
	assert_int_equal(result_of("FALSE or TRUE { t.late(1) } or TRUE", false), COND_TRUE);
}

static void
once_nothing_comes_any_more_all_is_decided(void **state)
{
	(void)state;
	assert_int_equal(result_of("{ t.late(1) }", true), COND_TRUE);
	assert_int_equal(result_of("{ t.late(0) }", true), COND_FALSE);
	assert_int_equal(result_of("!{ t.late(0) } TRUE", true), COND_TRUE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tests_side_by_side_are_and),
		cmocka_unit_test(or_binds_less_than_and),
		cmocka_unit_test(an_exclamation_mark_turns_one_test_around),
		cmocka_unit_test(a_value_that_is_not_there_matches_nothing),
		cmocka_unit_test(a_default_is_a_value_where_there_is_none),
		cmocka_unit_test(predefined_acls_need_no_braces),
		cmocka_unit_test(words_are_cut_as_in_haproxys_configuration),
		cmocka_unit_test(a_word_that_means_nothing_is_shown_with_its_column),
		cmocka_unit_test(braces_that_do_not_fit_are_errors),
		cmocka_unit_test(operators_without_their_tests_are_errors),
		cmocka_unit_test(values_that_a_test_can_not_take_are_errors),
		cmocka_unit_test(arguments_are_checked_by_their_fetch),
		cmocka_unit_test(what_haproxy_would_cut_or_replace_is_an_error),
		cmocka_unit_test(
			an_error_text_shows_no_raw_bytes_and_only_the_start_of_a_long_word),
		cmocka_unit_test(many_tests_and_values_are_no_trouble),
		cmocka_unit_test(converters_are_run_before_values_are_compared),
		cmocka_unit_test(a_converter_voids_the_method_of_a_form),
		cmocka_unit_test(a_type_is_cast_to_what_its_method_takes),
		cmocka_unit_test(flags_that_mean_nothing_to_us_are_taken),
		cmocka_unit_test(a_file_is_a_map_of_that_method),
		cmocka_unit_test(a_value_of_a_file_or_of_the_test_matches),
		cmocka_unit_test(tests_of_one_name_are_or),
		cmocka_unit_test(an_acl_that_is_none_is_told_where_it_is_written_or_used),
		cmocka_unit_test(what_may_still_change_leaves_undecided_what_depends_on_it),
		cmocka_unit_test(once_nothing_comes_any_more_all_is_decided),
	};

	return cmocka_run_group_tests(tests, rows_register, NULL);
}
