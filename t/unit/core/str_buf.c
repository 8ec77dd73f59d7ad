/*
 * The growing buffer.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "core/str.h"

static void
a_buffer_grows_as_needed(void **state)
{
	struct buf buf = { 0 };

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		buf_put(&buf, "abc", 3);
		buf_puts(&buf, "defg");
		buf_printf(&buf, "%03u", i);
	}
	assert_false(buf.failed);
	assert_int_equal(buf.len, 10000);
	assert_memory_equal(buf.at + 9990, "abcdefg999", 10);
	buf_fini(&buf);
	assert_null(buf.at);
}

static void
a_long_printf_fits(void **state)
{
	struct buf buf = { 0 };

	(void)state;
	buf_printf(&buf, "%5000d", 7);
	assert_int_equal(buf.len, 5000);
	assert_int_equal(buf.at[4999], '7');
	buf_printf(&buf, "%s", "");
	assert_int_equal(buf.len, 5000);
	buf_fini(&buf);
}

static void
drop_takes_from_the_front(void **state)
{
	struct buf buf = { 0 };

	(void)state;
	buf_drop(&buf, 0);
	buf_puts(&buf, "hello");
	buf_drop(&buf, 2);
	assert_int_equal(buf.len, 3);
	assert_memory_equal(buf.at, "llo", 3);
	buf_drop(&buf, 3);
	assert_int_equal(buf.len, 0);
	buf_fini(&buf);
}

static void
a_failure_stays_until_the_buffer_is_cleared(void **state)
{
	struct buf buf = { 0 };

	(void)state;
	buf_puts(&buf, "x");
	buf_put(&buf, "y", SIZE_MAX / 2); /* more than there is; nothing is read */
	assert_true(buf.failed);
	buf_puts(&buf, "z");
	buf_printf(&buf, "%d", 1);
	assert_int_equal(buf.len, 1);
	buf_clear(&buf);
	assert_false(buf.failed);
	buf_puts(&buf, "z");
	assert_int_equal(buf.len, 1);
	assert_int_equal(buf.at[0], 'z');
	buf_fini(&buf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_grows_as_needed),
		cmocka_unit_test(a_long_printf_fits),
		cmocka_unit_test(drop_takes_from_the_front),
		cmocka_unit_test(a_failure_stays_until_the_buffer_is_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
