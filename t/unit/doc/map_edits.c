/*
 * Edits of a map's entries: what goes in comes out, in order, with any bytes.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "adminapi/doc/map_edits.h"

static struct map_edits *edits;

static int
begin(void **state)
{
	edits = map_edits_new();
	return edits == NULL ? -1 : 0;
}

static int
end(void **state)
{
	map_edits_free(&edits);
	assert_null(edits);
	return 0;
}

static void
assert_next(size_t *at, struct slice key, struct slice value)
{
	struct map_edit edit;

	assert_true(map_edits_next(edits, at, &edit));
	assert_true(slice_equals(edit.key, key));
	assert_int_equal(edit.value.at == NULL, value.at == NULL);
	assert_true(value.at == NULL || slice_equals(edit.value, value));
}

static void
what_goes_in_comes_out(void **state)
{
	struct map_edit edit;
	size_t at = 0;

	map_edits_add(edits, SLICE("a"), SLICE("one"));
	map_edits_add(edits, SLICE("b"), (struct slice){ NULL, 0 });
	map_edits_add(edits, SLICE("c"), SLICE(""));
	map_edits_add(edits, SLICE("\n\0\xff"), SLICE("\0"));
	assert_int_equal(edits->set, 3);
	assert_int_equal(edits->removed, 1);
	assert_next(&at, SLICE("a"), SLICE("one"));
	assert_next(&at, SLICE("b"), (struct slice){ NULL, 0 });
	assert_next(&at, SLICE("c"), SLICE(""));
	assert_next(&at, SLICE("\n\0\xff"), SLICE("\0"));
	assert_false(map_edits_next(edits, &at, &edit));
	assert_false(map_edits_next(edits, &at, &edit));
}

static void
none_are_none(void **state)
{
	struct map_edit edit;
	size_t at = 0;

	assert_false(map_edits_next(edits, &at, &edit));
}

static int freed;

static void
count_free(void *contents)
{
	freed++;
}

static void
contents_that_nobody_took_are_freed(void **state)
{
	edits->contents = edits;
	edits->contents_free = count_free;
	map_edits_free(&edits);
	assert_int_equal(freed, 1);
	map_edits_free(&edits);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_goes_in_comes_out),
		TEST(none_are_none),
		TEST(contents_that_nobody_took_are_freed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
