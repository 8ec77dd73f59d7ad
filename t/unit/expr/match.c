/*
 * Tests of paths, hosts and other fields, by each match method. The verdicts are HAProxy 2.6's but
 * where a test's name says so.
 */
#include "config.h"
#include "../expr/scene.h"
#include "expr/fetch.h"

static void
a_path_is_without_its_query(void **state)
{
	(void)state;
	assert_true(holds_for("{ path /a }", "/a?b=/c"));
	assert_false(holds_for("{ path_sub c }", "/a?b=/c"));
	assert_true(holds_for("{ path_end a }", "/a?b=/c"));
	assert_true(holds_for("{ pathq /a?b=/c }", "/a?b=/c"));
	assert_true(holds_for("{ query b=/c }", "/a?b=/c"));
	assert_true(holds_for("{ path_len 2 }", "/a?b"));
}

static void
a_path_is_that_of_an_absolute_form_too(void **state)
{
	const struct http_head *request = request_of("GET http://x.org/a/b?c", "Host: x.org\r\n");

	(void)state;
	assert_true(cond_says("{ path /a/b } { path_dir b } { query c }", request));
}

/* HAProxy has no path there; an empty path of http is "/" (RFC 9110, 4.2.3). */
static void
an_absolute_form_without_a_path_is_slash_other_than_in_haproxy(void **state)
{
	(void)state;
	assert_true(cond_says("{ path / }", request_of("GET http://x.org", "Host: x.org\r\n")));
}

static void
an_asterisk_and_an_authority_have_no_path(void **state)
{
	(void)state;
	assert_false(cond_says("{ path -m found }", request_of("OPTIONS *", "Host: x\r\n")));
	assert_false(cond_says("{ pathq -m found }", request_of("CONNECT x:80", "Host: x:80\r\n")));
}

static void
several_values_are_or(void **state)
{
	(void)state;
	assert_true(holds_for("{ path_beg /b /a }", "/a/b"));
	assert_true(holds_for("{ path_end .css .js }", "/x.js"));
	assert_false(holds_for("{ path_end .css .js }", "/x.jsp"));
}

static void
i_ignores_case_before_the_values_and_is_one_among_them(void **state)
{
	(void)state;
	assert_true(holds_for("{ path -i /A }", "/a"));
	assert_false(holds_for("{ path /A }", "/a"));
	assert_false(holds_for("{ path /b -i /A }", "/a"));
	assert_true(holds_for("{ path_beg -i /ABC }", "/abCd"));
	assert_true(holds_for("{ path_end -i .PNG }", "/x.pNg"));
	assert_true(holds_for("{ path_sub -i EF }", "/def"));
	assert_true(holds_for("{ path_dir -i EF }", "/d/ef"));
	assert_true(holds_for("{ path_sub -- -i }", "/a-i"));
	assert_false(holds_with("{ hdr(y) -i @ }", "Y: `\r\n"));
}

static void
a_prefix_or_suffix_longer_than_the_text_is_none(void **state)
{
	(void)state;
	assert_false(holds_for("{ path_beg /abc }", "/ab"));
	assert_false(holds_for("{ path_end x/abc }", "/abc"));
	assert_false(holds_for("{ path_sub /abcd }", "/abc"));
	assert_false(holds_for("{ path_dir abcd }", "/abc"));
}

static void
a_directory_is_between_slashes(void **state)
{
	const char *path = "/images/png/logo/32x32.png";

	(void)state;
	assert_true(holds_for("{ path_dir /images }", path));
	assert_true(holds_for("{ path_dir /images/png }", path));
	assert_true(holds_for("{ path_dir images/png }", path));
	assert_true(holds_for("{ path_dir /png/logo/ }", path));
	assert_true(holds_for("{ path_dir logo/32x32.png }", path));
	assert_false(holds_for("{ path_dir 32x32 }", path));
	assert_false(holds_for("{ path_dir mages }", path));
	assert_true(holds_for("{ path_dir a }", "/aa/ba/a"));
}

static void
a_domain_is_between_dots_colons_slashes_and_question_marks(void **state)
{
	const char *host = "www1.dc-eu.example.com:80";

	(void)state;
	assert_true(holds_at("{ hdr_dom(host) www1 }", host));
	assert_true(holds_at("{ hdr_dom(host) .dc-eu. }", host));
	assert_true(holds_at("{ hdr_dom(host) example.com }", host));
	assert_true(holds_at("{ hdr_dom(host) 80 }", host));
	assert_true(holds_at("{ hdr_dom(host) -i COM:80 }", host));
	assert_false(holds_at("{ hdr_dom(host) dc }", host));
	assert_false(holds_at("{ hdr_dom(host) eu }", host));
	assert_true(holds_for("{ path_dom b }", "/a/c.b"));
}

static void
a_host_is_the_field_as_it_came(void **state)
{
	(void)state;
	assert_true(holds_at("{ hdr(host) x.org:80 }", "x.org:80"));
	assert_false(holds_at("{ hdr(host) x.org }", "x.org:80"));
	assert_false(holds_at("{ hdr(host) x.org }", "X.org"));
	assert_true(holds_at("{ req.hdr(Host) -i x.org }", "X.org"));
	assert_true(holds_at("{ hdr_beg(host) www. }", "www.x.org"));
	assert_true(holds_at("{ hdr_end(host) .x.org }", "www.x.org"));
	assert_true(holds_at("{ hdr_sub(host) w.x }", "www.x.org"));
	assert_true(holds_at("{ hdr_len(host) 5 }", "x.org"));
	assert_true(holds_at("{ hdr_dir(host) x.org }", "x.org"));
	assert_true(holds_at("{ hdr(host) [::1]:80 }", "[::1]:80"));
}

static void
any_member_of_a_list_in_any_field_of_that_name_may_match(void **state)
{
	(void)state;
	assert_true(holds_with("{ hdr(y) b }", "Y: a, b ,c\r\n"));
	assert_true(holds_with("{ hdr(y) c }", "Y: a\r\ny: b,c\r\n"));
	assert_false(holds_with("{ hdr(y) a,b }", "Y: a,b\r\n"));
	assert_true(holds_with("{ hdr(y) '\"a,b\"' }", "Y: \"a,b\", c\r\n"));
	assert_true(holds_with("{ hdr(y) c }", "Y: \"a\\\",b\", c\r\n"));
	assert_false(holds_with("{ hdr(y) b }", "Y: \"a, b\r\n"));
}

static void
empty_members_count(void **state)
{
	(void)state;
	assert_true(holds_with("{ hdr(y) -m found }", "Y:\r\n"));
	assert_true(holds_with("{ hdr(y) -m len 0 }", "Y: a,,b\r\n"));
	assert_true(holds_with("{ hdr(y,3) b }", "Y: a,,b\r\n"));
	assert_true(holds_with("{ hdr(y,2) -m len 0 }", "Y: ,\r\n"));
	assert_false(holds_with("{ hdr(y,3) -m found }", "Y: ,\r\n"));
}

static void
an_occurrence_counts_from_the_front_or_the_end(void **state)
{
	(void)state;
	assert_true(holds_with("{ hdr(y,1) a }", "Y: a,b\r\nY: c\r\n"));
	assert_false(holds_with("{ hdr(y,1) b }", "Y: a,b\r\nY: c\r\n"));
	assert_true(holds_with("{ hdr(y,-1) c }", "Y: a,b\r\nY: c\r\n"));
	assert_true(holds_with("{ hdr(y,-3) a }", "Y: a,b\r\nY: c\r\n"));
	assert_false(holds_with("{ hdr(y,-4) -m found }", "Y: a,b\r\nY: c\r\n"));
	assert_true(holds_with("{ hdr(y,0) b }", "Y: a,b\r\nY: c\r\n"));
}

static void
numbers_have_ranges_and_operators_that_last(void **state)
{
	(void)state;
	assert_true(holds_for("{ path_len 5 }", "/abcd"));
	assert_true(holds_for("{ path_len 1 5:6 }", "/abcd"));
	assert_true(holds_for("{ path_len :5 }", "/abcd"));
	assert_false(holds_for("{ path_len 6: }", "/abcd"));
	assert_true(holds_for("{ path_len ge 5 }", "/abcd"));
	assert_false(holds_for("{ path_len gt 5 }", "/abcd"));
	assert_true(holds_for("{ path_len le 5 }", "/abcd"));
	assert_false(holds_for("{ path_len lt 5 }", "/abcd"));
	assert_true(holds_for("{ path_len lt 3 100 }", "/abcd"));
	assert_true(holds_for("{ path_len gt 100 lt 9 }", "/abcd"));
	assert_true(holds_for("{ path -m len eq 5 }", "/abcd"));
	assert_true(holds_for("{ always_true -m int 1 } { always_false -m int 0 }", "/"));
}

static void
m_wins_over_the_forms_method(void **state)
{
	(void)state;
	assert_true(holds_for("{ path_beg -m end z }", "/z"));
	assert_true(holds_for("{ path_len -m str /z }", "/z"));
	assert_true(holds_for("{ path -m beg -i /Z }", "/zz"));
}

static void
a_method_is_compared_with_its_case(void **state)
{
	(void)state;
	assert_true(cond_says("{ method PURGE }", request_of("PURGE /", "Host: x\r\n")));
	assert_false(cond_says("{ method -i get }", request_of("GET /", "Host: x\r\n")));
	assert_true(cond_says("{ method -m beg PU }", request_of("PUT /", "Host: x\r\n")));
}

static bool
get_answer(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	(void)eval, (void)args, (void)cursor;
	sample->number = 42;
	return true;
}

static void
another_room_brings_its_own_rows(void **state)
{
	static const struct fetch rows[] = {
		{ .name = "t_answer", .type = SAMPLE_INT, .get = get_answer },
	};
	static struct fetch_table table = { rows, 1, NULL };

	(void)state;
	fetch_register(&table);
	assert_true(holds_for("{ t_answer 42 } { t_answer gt 41 } { t_answer -m bool }", "/"));
	assert_false(holds_for("{ t_answer le 41 }", "/"));
	assert_non_null(strstr(error_of("{ t_anwser 42 }"), "did you mean \"t_answer\"?"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_is_without_its_query),
		cmocka_unit_test(a_path_is_that_of_an_absolute_form_too),
		cmocka_unit_test(an_absolute_form_without_a_path_is_slash_other_than_in_haproxy),
		cmocka_unit_test(an_asterisk_and_an_authority_have_no_path),
		cmocka_unit_test(several_values_are_or),
		cmocka_unit_test(i_ignores_case_before_the_values_and_is_one_among_them),
		cmocka_unit_test(a_prefix_or_suffix_longer_than_the_text_is_none),
		cmocka_unit_test(a_directory_is_between_slashes),
		cmocka_unit_test(a_domain_is_between_dots_colons_slashes_and_question_marks),
		cmocka_unit_test(a_host_is_the_field_as_it_came),
		cmocka_unit_test(any_member_of_a_list_in_any_field_of_that_name_may_match),
		cmocka_unit_test(empty_members_count),
		cmocka_unit_test(an_occurrence_counts_from_the_front_or_the_end),
		cmocka_unit_test(numbers_have_ranges_and_operators_that_last),
		cmocka_unit_test(m_wins_over_the_forms_method),
		cmocka_unit_test(a_method_is_compared_with_its_case),
		cmocka_unit_test(another_room_brings_its_own_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
