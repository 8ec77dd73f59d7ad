/*
 * Heads: names, fields, lists; and the table of faults.
 */
#include "config.h"
#include "scene.h"

static void
each_name_of_the_table_is_found_in_any_case(void **state)
{
	static const struct {
		enum http_name	 id;
		const char	*text, *upper;
	} names[] = {
#define X(id, text) { HTTP_NAME_##id, text, #id },
		HTTP_NAMES(X)
#undef X
	};

	for (size_t i = 0; i < COUNT(names); i++) {
		char upper[32];

		assert_int_equal(http_name_find(slice_of(names[i].text)), names[i].id);
		for (size_t k = 0; k <= strlen(names[i].upper); k++)
			upper[k] = names[i].upper[k] == '_' ? '-' : names[i].upper[k];
		assert_int_equal(http_name_find(slice_of(upper)), names[i].id);
		upper[strlen(upper) - 1] = '-';
		assert_int_equal(http_name_find(slice_of(upper)), HTTP_NAME_OTHER);
	}
}

static void
other_names_are_other(void **state)
{
	static const char *const names[] = { "",
					     "A",
					     "Hose",
					     "host ",
					     "Content_Length",
					     "\0ost",
					     "Content\rLength",
					     "X-Forwarded-For",
					     "Proxy-Authentication-Info" };

	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(http_name_find(slice_of(names[i])), HTTP_NAME_OTHER);
}

static void
a_list_is_read_member_by_member(void **state)
{
	struct slice list = SLICE(" ,a,\t b c ,,\"d,\\\"e\" , f=\"g"), member;
	static const char *const members[] = { "a", "b c", "\"d,\\\"e\"", "f=\"g" };

	for (size_t i = 0; i < COUNT(members); i++) {
		assert_true(http_list_next(&list, &member));
		is_text(member, members[i]);
	}
	assert_false(http_list_next(&list, &member));
	assert_false(http_list_next(&list, &member));
}

static void
a_list_has_its_tokens_in_any_case(void **state)
{
	assert_true(http_list_has(SLICE("keep-alive, Upgrade"), SLICE("upgrade")));
	assert_false(http_list_has(SLICE("keep-alive, Upgraded"), SLICE("upgrade")));
	assert_false(http_list_has(SLICE(""), SLICE("upgrade")));
}

static void
a_field_is_found_behind_another_until_it_is_left_out(void **state)
{
	struct scene s;
	struct http_field *f;

	scene_read(&s, false,
		   (struct slice)B("GET / HTTP/1.1\r\nHost: h\r\nTE: a\r\nX: b\r\nte: c\r\n\r\n"),
		   0, NULL);
	f = http_head_find(&s.head, HTTP_NAME_TE, NULL);
	is_text(http_field_value(f), "a");
	f = http_head_find(&s.head, HTTP_NAME_TE, f);
	is_text(http_field_value(f), "c");
	assert_null(http_head_find(&s.head, HTTP_NAME_TE, f));
	assert_ptr_equal(http_head_find_named(&s.head, SLICE("x"), NULL), &s.room[2]);
	assert_null(http_head_find_named(&s.head, SLICE("x"), &s.room[2]));
	http_head_leave_out(&s.head, HTTP_NAME_TE);
	assert_null(http_head_find(&s.head, HTTP_NAME_TE, NULL));
	assert_null(http_head_find_named(&s.head, SLICE("te"), NULL));
	assert_int_equal(http_head_add(&s.head, SLICE("TE: \ttrailers \r\n")), ERR_OK);
	is_text(http_field_value(http_head_find(&s.head, HTTP_NAME_TE, NULL)), "trailers");
	scene_fini(&s);
}

static void
a_path_has_no_query(void **state)
{
	static const struct {
		const char	*path, *only;
	} paths[] = { { "/a?b", "/a" }, { "/a", "/a" }, { "?b", "/" }, { "*", "*" }, { "", "" },
		      { "/a?b?c", "/a" } };
	struct http_head head = { 0 };

	for (size_t i = 0; i < COUNT(paths); i++) {
		head.path = slice_of(paths[i].path);
		is_text(http_head_path_only(&head), paths[i].only);
	}
}

static void
a_post_is_not_sent_again(void **state)
{
	assert_true(http_method_is_idempotent(HTTP_METHOD_GET));
	assert_true(http_method_is_idempotent(HTTP_METHOD_DELETE));
	assert_false(http_method_is_idempotent(HTTP_METHOD_POST));
	assert_false(http_method_is_idempotent(HTTP_METHOD_OTHER));
}

static void
each_fault_has_a_status_and_a_name(void **state)
{
#define X(id, status, name)								\
	assert_int_equal(http_fault_status(HTTP_FAULT_##id), status);			\
	assert_string_equal(http_fault_name(HTTP_FAULT_##id), name);
	HTTP_FAULTS(X)
#undef X
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_of_the_table_is_found_in_any_case),
		cmocka_unit_test(other_names_are_other),
		cmocka_unit_test(a_list_is_read_member_by_member),
		cmocka_unit_test(a_list_has_its_tokens_in_any_case),
		cmocka_unit_test(a_field_is_found_behind_another_until_it_is_left_out),
		cmocka_unit_test(a_path_has_no_query),
		cmocka_unit_test(a_post_is_not_sent_again),
		cmocka_unit_test(each_fault_has_a_status_and_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
