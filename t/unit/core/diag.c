/*
 * Errors and causes: their texts.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "core/diag.h"
#include "core/endcause.h"
#include "core/err.h"
#include "core/obj.h"

static void
a_text_with_errno_keeps_errno(void **state)
{
	struct diag diag;

	(void)state;
	errno = EADDRINUSE;
	diag_errno(&diag, "bind %s", "*:80");
	assert_int_equal(errno, EADDRINUSE);
	assert_string_equal(diag.text, "bind *:80: Address already in use");
}

static void
nobody_need_listen(void **state)
{
	(void)state;
	diag_set(NULL, "%d", 1);
	diag_errno(NULL, "%d", 1);
}

static void
a_long_text_is_cut_and_says_so(void **state)
{
	struct diag diag;
	size_t len;

	(void)state;
	diag_set(&diag, "%1000d", 1);
	len = strlen(diag.text);
	assert_int_equal(len, DIAG_MAX_BYTES - 1);
	assert_string_equal(diag.text + len - 3, "...");
	errno = ENOENT;
	diag_errno(&diag, "%1000d", 1);
	assert_non_null(strstr(diag.text, "...: No such file or directory"));
}

static void
every_error_has_words(void **state)
{
	(void)state;
	for (int e = ERR_OK; e <= ERR_GONE; e++)
		assert_true(strlen(err_text((enum err)e)) > 0);
}

static void
every_end_cause_has_a_letter_a_name_of_its_own_and_words(void **state)
{
	(void)state;
	for (int c = 0; c < END_CAUSE_COUNT; c++) {
		const char *name = end_cause_name((enum end_cause)c);

		assert_true(isalpha(end_cause_letter((enum end_cause)c)) ||
			    end_cause_letter((enum end_cause)c) == '-');
		assert_true(strlen(end_cause_words((enum end_cause)c)) > 0);
		for (int other = 0; other < c; other++)
			assert_string_not_equal(name, end_cause_name((enum end_cause)other));
	}
	assert_string_equal(end_cause_name(END_SERVER_DOWN), "server-down");
	assert_int_equal(end_cause_letter(END_SERVER_DOWN), 'D');
}

struct thing {
	unsigned	magic;
#define THING_MAGIC	0x7a3c55e1
	char		bytes[100];
};

static void
an_object_is_zeroed_and_carries_its_magic(void **state)
{
	static const char zeros[100];
	struct thing *thing = obj_new(sizeof(*thing), THING_MAGIC);

	(void)state;
	assert_non_null(thing);
	assert_int_equal(thing->magic, THING_MAGIC);
	assert_memory_equal(thing->bytes, zeros, sizeof(zeros));
	assert_ptr_equal(obj_cast(thing, THING_MAGIC), thing);
	assert_ptr_equal(container_of(&thing->bytes, struct thing, bytes), thing);
	obj_free(thing);
	obj_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_with_errno_keeps_errno),
		cmocka_unit_test(nobody_need_listen),
		cmocka_unit_test(a_long_text_is_cut_and_says_so),
		cmocka_unit_test(every_error_has_words),
		cmocka_unit_test(every_end_cause_has_a_letter_a_name_of_its_own_and_words),
		cmocka_unit_test(an_object_is_zeroed_and_carries_its_magic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
