/*
 * Runs of bytes: the wide copy takes what the one of single bytes takes, and touches nothing else.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#define run_copy plain_copy
#include "core/jsonw_run_plain_priv.h"
#undef run_copy
#ifdef __SSE2__
#include "core/jsonw_run_sse2_priv.h"
#else
#define run_copy plain_copy
#endif

#define BYTES 50 /* three strides and a rest */

/* Memory of exactly that size: a sanitizer sees one byte too far. */
static char *
exactly(size_t len)
{
	char *bytes = malloc(len > 0 ? len : 1);

	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)('a' + i % 26);
	return bytes;
}

static void
a_run_ends_at_each_byte_that_cannot_stay_wherever_it_is(void **state)
{
	(void)state;
	for (size_t len = 0; len <= BYTES; len++) {
		char *text = exactly(len), *out = exactly(len), *plain = exactly(len);

		assert_int_equal(run_copy(out, text, len), len);
		assert_memory_equal(out, text, len);
		for (unsigned i = 0; i < 256 * len; i++) {
			char kept = text[i / 256];
			size_t run;

			text[i / 256] = (char)i;
			run = run_copy(out, text, len);
			assert_int_equal(run, plain_copy(plain, text, len));
			assert_memory_equal(out, text, run);
			assert_memory_equal(plain, text, run);
			text[i / 256] = kept;
		}
		free(text);
		free(out);
		free(plain);
	}
}

static void
a_run_ends_at_the_first_of_two(void **state)
{
	(void)state;
	for (size_t len = 2; len <= BYTES; len++) {
		char *text = exactly(len), *out = exactly(len);

		for (size_t first = 0; first < len - 1; first++) {
			char kept = text[first];

			text[first] = '"';
			text[len - 1] = '\\';
			assert_int_equal(run_copy(out, text, len), first);
			text[first] = kept;
		}
		free(text);
		free(out);
	}
}

static void
what_may_stay_is_printed_ascii_without_quote_and_backslash(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		char text = (char)i, out;
		size_t stays = i >= ' ' && i < 0x80 && i != '"' && i != '\\';

		assert_int_equal(plain_copy(&out, &text, 1), stays);
		assert_int_equal(run_copy(&out, &text, 1), stays);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_ends_at_each_byte_that_cannot_stay_wherever_it_is),
		cmocka_unit_test(a_run_ends_at_the_first_of_two),
		cmocka_unit_test(what_may_stay_is_printed_ascii_without_quote_and_backslash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
