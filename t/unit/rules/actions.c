/*
 * Actions on a request's head, each against what a server would get; and on what the stream keeps.
 */
#include "config.h"
#include "scene.h"

#define NAMED(action_, name_, value_) \
	{                                                                                   \
		.action = RULE_##action_, .name = strdup(name_), .value = format_of(value_) \
	}
#define VALUED(action_, value_)                                      \
	{                                                            \
		.action = RULE_##action_, .value = format_of(value_) \
	}
#define REPLACES(action_, name_, regex_, value_)                                                  \
	{                                                                                   \
		.action = RULE_##action_, .name = strdup(name_), .regex = regex_of(regex_), \
		.value = format_of(value_)                                                  \
	}

static struct scene scene;

/* What one rule makes of "GET path" with these lines behind its Host. */
static const char *
made(struct rule rule, const char *path, const char *lines)
{
	static char text[8192];
	char all[1024];

	snprintf(all, sizeof(all), "Host: h\r\n%.1000s", lines);
	scene_begin(&scene, PHASE_HTTP_REQUEST, &rule, 1);
	if (scene_ask(&scene, path, all) == RULES_DONE)
		snprintf(text, sizeof(text), "%s", scene_shows(&scene));
	else
		snprintf(text, sizeof(text), "refused");
	scene_end(&scene);
	return text;
}

#define HEAD(line, lines) line " HTTP/1.1\r\nHost: h\r\n" lines "\r\n"

static void
a_header_is_set_in_the_place_of_all_of_its_name(void **state)
{
	struct rule set = NAMED(SET_HEADER, "X-A", "new %[path]");
	struct rule first = NAMED(SET_HEADER, "x-b", "1");

	(void)state;
	assert_string_equal(made(set, "/p", "X-a: 1\r\nY: 2\r\nX-A: 3\r\n"),
			    HEAD("GET /p", "Y: 2\r\nX-A: new /p\r\n"));
	assert_string_equal(made(first, "/", ""), HEAD("GET /", "x-b: 1\r\n"));
}

static void
a_header_is_added_behind_others_of_its_name(void **state)
{
	struct rule add = NAMED(ADD_HEADER, "X", "b");

	(void)state;
	assert_string_equal(made(add, "/", "X: a\r\n"), HEAD("GET /", "X: a\r\nX: b\r\n"));
}

static struct rule
delete_of(enum name_match how, const char *name)
{
	return (struct rule){ .action = RULE_DEL_HEADER, .name_match = how, .name = strdup(name),
			      .regex = how == NAME_REG ? regex_of(name) : NULL };
}

static void
headers_are_deleted_by_their_names(void **state)
{
	static const struct {
		enum name_match	 how;
		const char	*name, *left;
	} rows[] = {
		{ NAME_STR, "x-one", "X-Two: 2\r\nY-One: 3\r\n" },
		{ NAME_BEG, "x-", "Y-One: 3\r\n" },
		{ NAME_END, "-ONE", "X-Two: 2\r\n" },
		{ NAME_SUB, "-t", "X-One: 1\r\nY-One: 3\r\n" },
		{ NAME_REG, "^[XZ]-O", "X-Two: 2\r\nY-One: 3\r\n" },
	};
	char expected[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(expected, sizeof(expected), "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n",
			 rows[i].left);
		assert_string_equal(made(delete_of(rows[i].how, rows[i].name), "/",
					 "X-One: 1\r\nX-Two: 2\r\nY-One: 3\r\n"),
				    expected);
	}
}

/* A pattern may hit what frames the message: that stays. */
static void
framing_is_never_deleted(void **state)
{
	(void)state;
	assert_string_equal(made(delete_of(NAME_REG, "."), "/", "Content-Length: 0\r\nX: 1\r\n"),
			    "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
}

static void
what_frames_a_message_is_not_set_by_a_rule(void **state)
{
	static const char *const names[] = { "Content-Length", "transfer-encoding", "Connection",
					     "Upgrade", "a b", "" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct rule rule = NAMED(SET_HEADER, names[i], "x");
		const char *operand;
		struct diag diag;

		assert_int_equal(rule_check(&rule, &operand, &diag), ERR_INVALID);
		assert_string_equal(operand, "name");
		free(rule.name);
		format_free(&rule.value);
	}
}

/* What comes of an expression is encoded, as HAProxy does it. */
static void
no_value_can_end_its_line(void **state)
{
	struct rule set = NAMED(SET_HEADER, "X", "%[path,url_dec]");

	(void)state;
	assert_string_equal(made(set, "/a%0d%0aEvil:%20x", ""),
			    HEAD("GET /a%0d%0aEvil:%20x", "X: /a%0D%0AEvil: x\r\n"));
}

static void
a_lax_list_leaves_out_what_can_not_be_done(void **state)
{
	struct rule list[] = {
		{ .action = RULE_STRICT_MODE, .is_strict = false },
		VALUED(SET_PATH, "%[path,url_dec]"),
		NAMED(SET_HEADER, "Y", "1"),
	};

	(void)state;
	scene_begin(&scene, PHASE_HTTP_REQUEST, list, 3);
	assert_int_equal(scene_ask(&scene, "/a%20b", "Host: h\r\n"), RULES_DONE);
	assert_string_equal(scene_shows(&scene), HEAD("GET /a%20b", "Y: 1\r\n"));
	scene_end(&scene);
}

static void
a_values_match_is_replaced_by_its_groups(void **state)
{
	struct rule whole = REPLACES(REPLACE_HEADER, "Cookie", "foo=([^;]*);(.*)",
				     "foo=\\1;ip=%[path];\\2");
	struct rule each = REPLACES(REPLACE_VALUE, "X-Forwarded-For", "^192\\.168\\.(.*)$",
				    "172.16.\\1");

	(void)state;
	assert_string_equal(made(whole, "/", "Cookie: foo=foobar; expires=T;\r\n"),
			    HEAD("GET /", "Cookie: foo=foobar;ip=/; expires=T;\r\n"));
	assert_string_equal(
		made(each, "/", "X-Forwarded-For: 192.168.10.1, 192.168.13.24, 10.0.0.37\r\n"),
			    HEAD("GET /", "X-Forwarded-For: 172.16.10.1, 172.16.13.24, 10.0.0.37\r\n"));
}

static void
a_path_is_set_with_and_without_its_query(void **state)
{
	struct rule path = VALUED(SET_PATH, "/new"), pathq = VALUED(SET_PATHQ, "/new?z"),
		    query = VALUED(SET_QUERY, "a=b&%[query]"), none = VALUED(SET_QUERY, "");
	struct rule relative = VALUED(SET_PATH, "new");

	(void)state;
	assert_string_equal(made(path, "/old?q=1", ""), HEAD("GET /new?q=1", ""));
	assert_string_equal(made(pathq, "/old?q=1", ""), HEAD("GET /new?z", ""));
	assert_string_equal(made(query, "/old?q=1", ""), HEAD("GET /old?a=b&q=1", ""));
	assert_string_equal(made(none, "/old?q=1", ""), HEAD("GET /old", ""));
	assert_string_equal(made(relative, "/old", ""), HEAD("GET /new", ""));
}

static void
a_path_with_a_blank_is_refused(void **state)
{
	struct rule path = VALUED(SET_PATH, "%[path,url_dec]");

	(void)state;
	assert_string_equal(made(path, "/a%20b", ""), "refused");
}

static void
a_uri_brings_its_host(void **state)
{
	struct rule uri = VALUED(SET_URI, "http://other:81/x?y"), plain = VALUED(SET_URI, "/x?y");

	(void)state;
	assert_string_equal(made(uri, "/", ""), "GET /x?y HTTP/1.1\r\nHost: other:81\r\n\r\n");
	assert_string_equal(made(plain, "/", ""), HEAD("GET /x?y", ""));
}

static void
an_authority_ends_at_its_query(void **state)
{
	struct rule uri = VALUED(SET_URI, "http://other?x=1");

	(void)state;
	assert_string_equal(made(uri, "/", ""), "GET /?x=1 HTTP/1.1\r\nHost: other\r\n\r\n");
}

static void
what_can_never_be_sent_is_refused_when_it_is_written(void **state)
{
	struct rule rules[] = { VALUED(SET_PATH, "/a b"), VALUED(SET_URI, "/a\r\n"),
				VALUED(SET_QUERY, "a b"), NAMED(ADD_HEADER, "host", "x") };
	const char *operand;
	struct diag diag;

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		assert_int_equal(rule_check(&rules[i], &operand, &diag), ERR_INVALID);
		free(rules[i].name);
		format_free(&rules[i].value);
	}
}

static void
paths_are_replaced_by_match(void **state)
{
	struct rule path = { .action = RULE_REPLACE_PATH, .regex = regex_of("(.*)/foo/(.*)"),
			     .value = format_of("\\1/bar/\\2") };
	struct rule pathq = { .action = RULE_REPLACE_PATHQ, .regex = regex_of("([^?]*)(\\?.*)?"),
			      .value = format_of("\\1/x\\2") };

	(void)state;
	assert_string_equal(made(path, "/a/foo/b?q", ""), HEAD("GET /a/bar/b?q", ""));
	assert_string_equal(made(pathq, "/a?q", ""), HEAD("GET /a/x?q", ""));
}

static void
a_method_is_set_unless_it_frames_the_answer(void **state)
{
	struct rule post = VALUED(SET_METHOD, "POST"), head = VALUED(SET_METHOD, "%[str(HEAD)]");

	(void)state;
	assert_string_equal(made(post, "/", ""), HEAD("POST /", ""));
	assert_string_equal(made(head, "/", ""), "refused");
}

static void
a_variable_is_set_and_read(void **state)
{
	struct rule list[] = {
		{ .action = RULE_SET_VAR, .expr = expr_of("path,lower") },
		NAMED(SET_HEADER, "X", "%[var(txn.p)]"),
		{ .action = RULE_UNSET_VAR },
		NAMED(SET_HEADER, "Y", "<%[var(txn.p)]>"),
	};
	struct diag diag;

	(void)state;
	assert_int_equal(var_id_parse(&list[0].var, SLICE("txn.p"), &diag), ERR_OK);
	assert_int_equal(var_id_parse(&list[2].var, SLICE("txn.p"), &diag), ERR_OK);
	scene_begin(&scene, PHASE_HTTP_REQUEST, list, 4);
	assert_int_equal(scene_ask(&scene, "/ABC", "Host: h\r\n"), RULES_DONE);
	assert_string_equal(scene_shows(&scene), HEAD("GET /ABC", "X: /abc\r\nY: <>\r\n"));
	scene_end(&scene);
}

static void
wishes_are_kept_for_the_stream(void **state)
{
	struct rule list[] = {
		{ .action = RULE_SET_LOG_LEVEL, .number = 3 },
		{ .action = RULE_SET_RETRIES, .number = 0 },
		{ .action = RULE_SET_TIMEOUT, .timeout = RULE_TIMEOUT_SERVER, .number = 1500 },
		{ .action = RULE_SET_PRIORITY_CLASS, .expr = expr_of("int(-9999)") },
		{ .action = RULE_SET_PRIORITY_OFFSET, .expr = expr_of("int(250)") },
		{ .action = RULE_CAPTURE, .expr = expr_of("path"), .number = 2 },
	};

	(void)state;
	scene_begin(&scene, PHASE_HTTP_REQUEST, list, 6);
	assert_int_equal(scene_ask(&scene, "/c", "Host: h\r\n"), RULES_DONE);
	assert_int_equal(scene.wishes.log_level, 4);
	assert_int_equal(scene.wishes.retries, 1);
	assert_int_equal(scene.wishes.timeout_ms[RULE_TIMEOUT_SERVER], 1500);
	assert_int_equal(scene.wishes.timeout_ms[RULE_TIMEOUT_CLIENT], 0);
	assert_int_equal(scene.wishes.priority_class, -2047);
	assert_int_equal(scene.wishes.priority_offset, 250);
	assert_string_equal(scene.told, "req2=/c;");
	scene_end(&scene);
}

static void
an_answer_is_made_of_formats(void **state)
{
	struct rule rule = { .action = RULE_RETURN,
			     .status = 200,
			     .body = format_of("at %[path]\n"),
			     .content_type = strdup("text/plain"),
			     .header_count = 1,
			     .headers = calloc(1, sizeof(struct rule_header)) };

	(void)state;
	rule.headers[0] = (struct rule_header){ strdup("X-Path"), format_of("%[path]") };
	scene_begin(&scene, PHASE_HTTP_REQUEST, &rule, 1);
	assert_int_equal(scene_ask(&scene, "/q", "Host: h\r\n"), RULES_ANSWERED);
	assert_memory_equal(scene.verdict.answer->body.at, "at /q\n", 6);
	assert_int_equal(scene.verdict.answer->head.len,
			 strlen("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/plain\r\n"
				"X-Path: /q\r\n"));
	assert_int_equal(scene.verdict.cause, END_ANSWERED);
	scene_end(&scene);
}

static void
auth_asks_for_its_realm(void **state)
{
	struct rule rule = { .action = RULE_AUTH, .text = strdup("the realm") };

	(void)state;
	scene_begin(&scene, PHASE_HTTP_REQUEST, &rule, 1);
	assert_int_equal(scene_ask(&scene, "/", "Host: h\r\n"), RULES_DENIED);
	assert_int_equal(scene.verdict.error, 401);
	assert_memory_equal(scene.verdict.extra.at,
			    "WWW-Authenticate: Basic realm=\"the realm\"\r\n",
			    scene.verdict.extra.len);
	scene_end(&scene);
}

/* Half of the room: the second line asks for more, and the first is not written twice. */
static void
a_walk_goes_on_where_room_was_made(void **state)
{
	struct rule list[] = { NAMED(ADD_HEADER, "A", "%[path]"),
			       NAMED(ADD_HEADER, "B", "%[path]") };
	static char more[256];

	(void)state;
	scene_begin(&scene, PHASE_HTTP_REQUEST, list, 2);
	scene.room.left = 12;
	assert_int_equal(scene_ask(&scene, "/12345", "Host: h\r\n"), RULES_NO_ROOM);
	scene.room = (struct http_room){ more, sizeof(more) };
	assert_int_equal(scene_run(&scene, PHASE_HTTP_REQUEST), RULES_DONE);
	assert_string_equal(scene_shows(&scene), HEAD("GET /12345", "A: /12345\r\nB: /12345\r\n"));
	scene_end(&scene);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_set_in_the_place_of_all_of_its_name),
		cmocka_unit_test(a_header_is_added_behind_others_of_its_name),
		cmocka_unit_test(headers_are_deleted_by_their_names),
		cmocka_unit_test(framing_is_never_deleted),
		cmocka_unit_test(what_frames_a_message_is_not_set_by_a_rule),
		cmocka_unit_test(no_value_can_end_its_line),
		cmocka_unit_test(a_lax_list_leaves_out_what_can_not_be_done),
		cmocka_unit_test(a_values_match_is_replaced_by_its_groups),
		cmocka_unit_test(a_path_is_set_with_and_without_its_query),
		cmocka_unit_test(a_path_with_a_blank_is_refused),
		cmocka_unit_test(a_uri_brings_its_host),
		cmocka_unit_test(an_authority_ends_at_its_query),
		cmocka_unit_test(what_can_never_be_sent_is_refused_when_it_is_written),
		cmocka_unit_test(paths_are_replaced_by_match),
		cmocka_unit_test(a_method_is_set_unless_it_frames_the_answer),
		cmocka_unit_test(a_variable_is_set_and_read),
		cmocka_unit_test(wishes_are_kept_for_the_stream),
		cmocka_unit_test(an_answer_is_made_of_formats),
		cmocka_unit_test(auth_asks_for_its_realm),
		cmocka_unit_test(a_walk_goes_on_where_room_was_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
