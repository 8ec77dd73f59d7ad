/*
 * Redirects: Location, Set-Cookie and code as HAProxy 2.6 gives them, and what is refused.
 */
#include "config.h"
#include <stdlib.h>
#include "../expr/scene.h"
#include "rules/rules.h"

static char room_bytes[512];
static struct http_room room;
static struct rule_verdict verdict;

/* What a list of that one rule makes of a request: its lines, or "" for none. */
static const char *
lines_of(struct rule rule, const struct http_head *request)
{
	static char lines[512];
	struct rules *rules = rules_new(1);

	assert_non_null(rules);
	room = (struct http_room){ room_bytes, sizeof(room_bytes) };
	rules->rules[0] = rule;
	rules->rules[0].action = RULE_REDIRECT;
	if (rule.status == 0)
		rules->rules[0].status = 302;
	rules_run_request(rules, request, &room, &verdict);
	snprintf(lines, sizeof(lines), "%.*s", (int)verdict.extra.len, verdict.extra.at);
	free(rules);
	return lines;
}

static const char *
lines_for(struct rule rule, const char *path)
{
	char start[1024];

	snprintf(start, sizeof(start), "GET %s", path);
	return lines_of(rule, request_of(start, "Host: h:80\r\n"));
}

#define TO(k, text)                          \
	.kind = REDIRECT_##k, .to = (char[]) \
	{                                    \
		text                         \
	}

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
	struct rule rule = { TO(PREFIX, "/"), .drop_query = true, .append_slash = true };

	(void)state;
	assert_string_equal(lines_for(rule, "/pfx?a=1"), "Location: /pfx/\r\n");
	assert_string_equal(lines_for(rule, "/pfx/?a=1"), "Location: /pfx/\r\n");
}

static void
a_scheme_keeps_host_path_and_query(void **state)
{
	struct rule rule = { TO(SCHEME, "https") };

	(void)state;
	assert_string_equal(lines_for(rule, "/sch?a=1"), "Location: https://h:80/sch?a=1\r\n");
	assert_string_equal(lines_of(rule, request_of("OPTIONS *", "Host: h\r\n")),
			    "Location: https://h/\r\n");
	rule.drop_query = rule.append_slash = true;
	assert_string_equal(lines_for(rule, "/sda?a=1"), "Location: https://h:80/sda/\r\n");
}

static void
a_cookie_is_set_or_cleared(void **state)
{
	char *set = redirect_cookie("SEEN=1", false), *clear = redirect_cookie("SEEN=", true);

	(void)state;
	assert_string_equal(lines_for((struct rule){ TO(LOCATION, "/"), .cookie = set }, "/"),
		"Location: /\r\nSet-Cookie: SEEN=1; path=/;\r\n");
	assert_string_equal(lines_for((struct rule){ TO(LOCATION, "/"), .cookie = clear }, "/"),
		"Location: /\r\nSet-Cookie: SEEN=; path=/; Max-Age=0;\r\n");
	free(set);
	free(clear);
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
		assert_int_equal(verdict.answer->status, codes[i]);
		assert_int_equal(verdict.answer->body.len, 0);
		assert_int_equal(verdict.cause, END_ANSWERED);
		snprintf(head, sizeof(head), "%.*s", (int)verdict.answer->head.len,
			 verdict.answer->head.at);
		assert_int_equal(atoi(head + strlen("HTTP/1.1 ")), codes[i]);
		assert_non_null(strstr(head, "\r\nContent-Length: 0\r\n"));
		assert_int_equal(strstr(head, "Cache-Control: no-cache\r\n") == NULL, is_for_good);
	}
}

static void
the_room_moves_on_behind_the_lines(void **state)
{
	(void)state;
	lines_for((struct rule){ TO(LOCATION, "/abc") }, "/");
	assert_ptr_equal(room.at, room_bytes + strlen("Location: /abc\r\n"));
	assert_int_equal(room.left, sizeof(room_bytes) - strlen("Location: /abc\r\n"));
}

static void
a_location_that_does_not_fit_may_be_had_with_more_room(void **state)
{
	char path[500];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_string_equal(lines_for((struct rule){ TO(PREFIX, "http://p.org") }, path), "");
	assert_true(verdict.no_room);
	assert_int_equal(verdict.error, 0);
	assert_int_equal(verdict.cause, END_NONE);
	assert_null(verdict.answer);
	assert_ptr_equal(room.at, room_bytes);
}

static void
a_scheme_without_a_host_leads_nowhere(void **state)
{
	const struct http_head *request = request_of("GET /s", "Host:\r\n");

	(void)state;
	assert_string_equal(lines_of((struct rule){ TO(SCHEME, "https") }, request), "");
	assert_null(verdict.answer);
	assert_int_equal(verdict.cause, END_BAD_REQUEST);
	assert_int_equal(verdict.fault, HTTP_FAULT_HOST);
	assert_false(verdict.no_room);
	assert_string_equal(lines_of((struct rule){ TO(PREFIX, "/p") }, request),
			    "Location: /p/s\r\n");
}

/* What is wrong with it, "" for nothing. */
static const char *
fault_of(struct rule rule)
{
	static struct diag diag;
	enum err e;

	diag.text[0] = '\0';
	rule.action = RULE_REDIRECT;
	e = rule_check(&rule, &diag);
	assert_int_equal(e, diag.text[0] == '\0' ? ERR_OK : ERR_INVALID);
	return diag.text;
}

static void
what_could_end_a_line_is_refused(void **state)
{
	static char bad[][16] = { "/a\r\nX: y", "/a\nb", "/\x01", "/\x7f", "/a b", "\t" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_non_null(strstr(fault_of((struct rule){ .to = bad[i], .status = 302 }),
				       "expected where to"));
		assert_non_null(
			strstr(fault_of((struct rule){
				       .to = bad[i], .kind = REDIRECT_PREFIX, .status = 302 }),
			"without white space"));
	}
	assert_non_null(strstr(fault_of((struct rule){ TO(LOCATION, "/"), .status = 302,
						       .cookie = (char[]){ "a=b\r\nX: y" } }),
		"expected a cookie without"));
	assert_string_equal(fault_of((struct rule){ TO(LOCATION, "/\xc3\xa4"), .status = 302,
						    .cookie = (char[]){ "a=b; x" } }),
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
		cmocka_unit_test(a_location_that_does_not_fit_may_be_had_with_more_room),
		cmocka_unit_test(a_scheme_without_a_host_leads_nowhere),
		cmocka_unit_test(what_could_end_a_line_is_refused),
		cmocka_unit_test(what_makes_no_redirect_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
