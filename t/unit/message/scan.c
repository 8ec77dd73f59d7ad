/*
 * Strides: the wide ones find what those of one byte find, wherever it lies.
 */
#include "config.h"
#include "scene.h"
#define scan_name plain_name
#define scan_value plain_value
#include "http/scan_plain_priv.h"
#undef scan_name
#undef scan_value
#ifdef __SSE2__
#include "http/scan_sse2_priv.h"
#else
#define scan_name plain_name
#define scan_value plain_value
#endif

#define BYTES 50	/* three strides and a rest */

static void
each_byte_is_found_at_each_place(void **state)
{
	for (size_t len = 0; len <= BYTES; len++) {
		char *bytes =
			malloc(len > 0 ? len : 1); /* exact: a sanitizer sees one byte too far */

		assert_non_null(bytes);
		memset(bytes, 'a', len);
		assert_ptr_equal(scan_name(bytes, bytes + len), bytes + len);
		for (unsigned i = 0; i < 256 * len; i++) {
			bytes[i / 256] = (char)i;
			assert_ptr_equal(scan_name(bytes, bytes + len),
					 plain_name(bytes, bytes + len));
			assert_ptr_equal(scan_value(bytes, bytes + len),
					 plain_value(bytes, bytes + len));
			bytes[i / 256] = 'a';
		}
		free(bytes);
	}
}

static void
the_first_of_two_is_found(void **state)
{
	const char text[] = "aaaaaaaaaaaaaaaaaaa:aaaaaaa:\raaa\n";

	assert_ptr_equal(scan_name(text, text + strlen(text)), strchr(text, ':'));
	assert_ptr_equal(scan_value(text, text + strlen(text)), strchr(text, '\r'));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_is_found_at_each_place),
		cmocka_unit_test(the_first_of_two_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
