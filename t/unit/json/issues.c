/*
 * adminapi/json/issues.c: a list that keeps the first hundred, and pointers.
 */
#include "config.h"
#include "judge.h"

static void
an_issue_keeps_its_pointer_and_its_words(void **state)
{
	struct issues issues = { 0 };

	(void)state;
	issues_add(&issues, "/a", "must be %d", 5);
	issues_add(&issues, "", "is missing");
	assert_true(issues_any(&issues));
	assert_string_equal(text_of(&issues), "/a: must be 5\n: is missing");
	assert_false(issues_any(&issues));
}

static void
more_than_a_hundred_are_counted_and_not_kept(void **state)
{
	struct issues issues = { 0 };
	int i;

	(void)state;
	for (i = 0; i < ISSUES_MAX + 7; i++)
		issues_add(&issues, "/a", "number %d", i);
	assert_int_equal(issues.count, ISSUES_MAX);
	assert_int_equal(issues.dropped, 7);
	assert_string_equal(issues.items[ISSUES_MAX - 1].detail, "number 99");
	issues_fini(&issues);
}

static void
what_was_only_dropped_counts_as_well(void **state)
{
	struct issues issues = { .dropped = 1 };

	(void)state;
	assert_true(issues_any(&issues));
}

static void
a_pointer_escapes_its_tokens(void **state)
{
	struct pointer p = { 0 };

	(void)state;
	pointer_push(&p, "a/b");
	pointer_push(&p, "~c~");
	pointer_push(&p, "");
	pointer_push_index(&p, 12);
	assert_string_equal(pointer_text(&p), "/a~1b/~0c~0//12");
	pointer_fini(&p);
}

static void
a_pointer_goes_back_to_where_it_was(void **state)
{
	struct pointer p = { 0 };
	size_t first, second;

	(void)state;
	assert_string_equal(pointer_text(&p), "");
	first = pointer_push(&p, "a");
	second = pointer_push(&p, "b");
	pointer_pop(&p, second);
	assert_string_equal(pointer_text(&p), "/a");
	pointer_pop(&p, first);
	assert_string_equal(pointer_text(&p), "");
	pointer_fini(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_issue_keeps_its_pointer_and_its_words),
		cmocka_unit_test(more_than_a_hundred_are_counted_and_not_kept),
		cmocka_unit_test(what_was_only_dropped_counts_as_well),
		cmocka_unit_test(a_pointer_escapes_its_tokens),
		cmocka_unit_test(a_pointer_goes_back_to_where_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
