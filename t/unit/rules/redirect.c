/*
 * Redirects: Location, Set-Cookie and code as HAProxy 2.6 gives them, and what is refused.
 */
#include "config.h"
#include "scene.h"

static struct scene scene;
static enum rules_result result;

/* What a list of that one rule, whose own the operands become, makes of a request: its lines, or "" for none. */
static const char *
lines_of(struct rule rule, const struct http_head *request)
{
	static char lines[8192];

	rule.action = RULE_REDIRECT;
	if (rule.status == 0)
		rule.status = 302;
	scene_begin(&scene, PHASE_HTTP_REQUEST, &rule, 1);
	scene.eval.request = request;
	scene.ctx.request = (struct http_head *)(uintptr_t)request;
	result = scene_run(&scene, PHASE_HTTP_REQUEST);
	snprintf(lines, sizeof(lines), "%.*s", (int)scene.verdict.extra.len,
		 scene.verdict.extra.at);
	scene_end(&scene);
	return lines;
}

static const char *
lines_for(struct rule rule, const char *path)
{
	char start[1024];

	snprintf(start, sizeof(start), "GET %s", path);
	return lines_of(rule, request_of(start, "Host: h:80\r\n"));
}

#define TO(k, to) .kind = REDIRECT_##k, .value = format_of(to)

static void
a_location_is_taken_as_it_is(void **state)
{
	(void)state;
	assert_string_equal(lines_for((struct rule){ TO(LOCATION, "/abc") }, "/x?y"),
			    "Location: /abc\r\n");
	assert_string_equal(
		lines_for((struct rule){ TO(LOCATION, "http://x.org/"), .drop_query = true }, "/x"),
		"Location: http://x.org/\r\n");
}

static void
a_prefix_has_path_and_query_behind_it(void **state)
{
	(void)state;
	assert_string_equal(lines_for((struct rule){ TO(PREFIX, "http://p.org") }, "/app?a=1"),
		"Location: http://p.org/app?a=1\r\n");
	assert_string_equal(
		lines_for((struct rule){ TO(PREFIX, "http://p.org"), .drop_query = true },
			  "/app?a=1"),
		"Location: http://p.org/app\r\n");
	assert_string_equal(lines_of((struct rule){ TO(PREFIX, "/p") },
				     request_of("GET http://h/a?b", "Host: h\r\n")),
		"Location: /p/a?b\r\n");
}

static void
the_prefix_slash_is_nothing(void **state)
{
	(void)state;
	assert_string_equal(lines_for((struct rule){ TO(PREFIX, "/") }, "/coo?a=1"),
			    "Location: /coo?a=1\r\n");
	assert_string_equal(
		lines_of((struct rule){ TO(PREFIX, "/") }, request_of("OPTIONS *", "Host: h\r\n")),
		"Location: /\r\n");
}

static void
a_path_that_looks_like_a_host_stays_a_path_other_than_in_haproxy(void **state)
{
	(void)state;
	assert_string_equal(lines_for((struct rule){ TO(PREFIX, "/") }, "//evil.org/a"),
			    "Location: /.//evil.org/a\r\n");
	assert_string_equal(lines_for((struct rule){ TO(PREFIX, "/a") }, "//b"),
			    "Location: /a//b\r\n");
}

static void
a_slash_is_appended_once(void **state)
{
	static const char *const paths[] = { "/pfx?a=1", "/pfx/?a=1" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct rule rule = { TO(PREFIX, "/"), .drop_query = true, .append_slash = true };

		assert_string_equal(lines_for(rule, paths[i]), "Location: /pfx/\r\n");
	}
}

static void
a_scheme_keeps_host_path_and_query(void **state)
{
	(void)state;
	assert_string_equal(lines_for((struct rule){ TO(SCHEME, "https") }, "/sch?a=1"),
			    "Location: https://h:80/sch?a=1\r\n");
	assert_string_equal(lines_of((struct rule){ TO(SCHEME, "https") },
				     request_of("OPTIONS *", "Host: h\r\n")),
			    "Location: https://h/\r\n");
	assert_string_equal(lines_for((struct rule){ TO(SCHEME, "https"), .drop_query = true,
						     .append_slash = true }, "/sda?a=1"),
			    "Location: https://h:80/sda/\r\n");
}

static void
a_cookie_is_set_or_cleared(void **state)
{
	char *set = redirect_cookie("SEEN=1", false), *clear = redirect_cookie("SEEN=", true);

	(void)state;
	assert_string_equal(lines_for((struct rule){ TO(LOCATION, "/"), .text = set }, "/"),
		"Location: /\r\nSet-Cookie: SEEN=1; path=/;\r\n");
	assert_string_equal(lines_for((struct rule){ TO(LOCATION, "/"), .text = clear }, "/"),
		"Location: /\r\nSet-Cookie: SEEN=; path=/; Max-Age=0;\r\n");
}

static void
each_code_has_its_answer_and_those_of_the_moment_are_not_cached(void **state)
{
	static const uint16_t codes[] = { 301, 302, 303, 307, 308 };
	char head[256];

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		bool is_for_good = codes[i] == 301 || codes[i] == 308;

		lines_for((struct rule){ TO(LOCATION, "/"), .status = codes[i] }, "/");
		assert_int_equal(scene.verdict.answer->status, codes[i]);
		assert_int_equal(scene.verdict.answer->body.len, 0);
		assert_int_equal(scene.verdict.cause, END_ANSWERED);
		snprintf(head, sizeof(head), "%.*s", (int)scene.verdict.answer->head.len,
			 scene.verdict.answer->head.at);
		assert_int_equal(atoi(head + strlen("HTTP/1.1 ")), codes[i]);
		assert_non_null(strstr(head, "\r\nContent-Length: 0\r\n"));
		assert_int_equal(strstr(head, "Cache-Control: no-cache\r\n") == NULL, is_for_good);
	}
}

static void
the_room_moves_on_behind_the_lines(void **state)
{
	const size_t len = strlen("Location: /abc\r\n");

	(void)state;
	lines_for((struct rule){ TO(LOCATION, "/abc") }, "/");
	assert_ptr_equal(scene.room.at, scene.lines + len);
	assert_int_equal(scene.room.left, sizeof(scene.lines) - len);
}

static void
a_location_that_does_not_fit_asks_for_more_room(void **state)
{
	char path[500];
	struct rule rule = { .action = RULE_REDIRECT, .status = 302, TO(PREFIX, "http://p.org") };

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	scene_begin(&scene, PHASE_HTTP_REQUEST, &rule, 1);
	scene.room.left = 500;
	assert_int_equal(scene_ask(&scene, path, "Host: x\r\n"), RULES_NO_ROOM);
	assert_null(scene.verdict.answer);
	assert_ptr_equal(scene.room.at, scene.lines);
	scene.room.left = sizeof(scene.lines);
	assert_int_equal(scene_run(&scene, PHASE_HTTP_REQUEST), RULES_ANSWERED);
	scene_end(&scene);
}

static void
a_scheme_without_a_host_leads_nowhere(void **state)
{
	const struct http_head *request = request_of("GET /s", "Host:\r\n");

	(void)state;
	assert_string_equal(lines_of((struct rule){ TO(SCHEME, "https") }, request), "");
	assert_null(scene.verdict.answer);
	assert_int_equal(scene.verdict.cause, END_BAD_REQUEST);
	assert_int_equal(scene.verdict.fault, HTTP_FAULT_HOST);
	assert_int_equal(result, RULES_DENIED);
	assert_string_equal(lines_of((struct rule){ TO(PREFIX, "/p") }, request),
			    "Location: /p/s\r\n");
}

/* What is wrong with it, "" for nothing. */
static const char *
fault_of(struct rule rule)
{
	static struct diag diag;
	const char *operand;
	enum err e;

	diag.text[0] = '\0';
	rule.action = RULE_REDIRECT;
	rule.phase = rule.phase == 0 ? PHASE_HTTP_REQUEST : rule.phase;
	e = rule_check(&rule, &operand, &diag);
	assert_int_equal(e, diag.text[0] == '\0' ? ERR_OK : ERR_INVALID);
	format_free(&rule.value);
	return diag.text;
}

static void
what_could_end_a_line_is_refused(void **state)
{
	static const char *const bad[] = { "/a\r\nX: y", "/a\nb", "/\x01", "/\x7f", "/a b", "\t" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(strstr(fault_of((struct rule){ TO(PREFIX, bad[i]), .status = 302 }),
				       "without white space"));
	assert_non_null(strstr(fault_of((struct rule){ TO(LOCATION, "/"), .status = 302,
						       .text = (char[]){ "a=b\r\nX: y" } }),
			       "expected a cookie without"));
	assert_string_equal(fault_of((struct rule){ TO(LOCATION, "/\xc3\xa4"), .status = 302,
						    .text = (char[]){ "a=b; x" } }),
			    "");
}

static void
what_makes_no_redirect_is_refused(void **state)
{
	(void)state;
	assert_non_null(strstr(fault_of((struct rule){ .status = 302 }), "expected where"));
	assert_non_null(strstr(fault_of((struct rule){ TO(LOCATION, ""), .status = 302 }),
			       "expected where"));
	assert_non_null(
		strstr(fault_of((struct rule){ TO(LOCATION, "/"), .status = 304 }), "not 304"));
	assert_non_null(strstr(fault_of((struct rule){ TO(SCHEME, "https://"), .status = 302 }),
			       "expected the scheme"));
	assert_non_null(strstr(
		fault_of((struct rule){ TO(PREFIX, "/"), .status = 302, .append_slash = true }),
		"needs drop_query"));
	assert_non_null(strstr(fault_of((struct rule){ TO(PREFIX, "/"), .status = 302,
						       .phase = PHASE_HTTP_RESPONSE }),
			       "takes a location"));
	assert_string_equal(fault_of((struct rule){ TO(SCHEME, "https"), .status = 308 }), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_location_is_taken_as_it_is),
		cmocka_unit_test(a_prefix_has_path_and_query_behind_it),
		cmocka_unit_test(the_prefix_slash_is_nothing),
		cmocka_unit_test(a_path_that_looks_like_a_host_stays_a_path_other_than_in_haproxy),
		cmocka_unit_test(a_slash_is_appended_once),
		cmocka_unit_test(a_scheme_keeps_host_path_and_query),
		cmocka_unit_test(a_cookie_is_set_or_cleared),
		cmocka_unit_test(each_code_has_its_answer_and_those_of_the_moment_are_not_cached),
		cmocka_unit_test(the_room_moves_on_behind_the_lines),
		cmocka_unit_test(a_location_that_does_not_fit_asks_for_more_room),
		cmocka_unit_test(a_scheme_without_a_host_leads_nowhere),
		cmocka_unit_test(what_could_end_a_line_is_refused),
		cmocka_unit_test(what_makes_no_redirect_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
