/*
 * Hashes: the numbers are those of HAProxy 2.6, and of the CRC catalogue.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/hash.h"

static void
crc32_is_that_of_gzip(void **state)
{
	assert_int_equal(hash_crc32("123456789", 9), 0xcbf43926);
	assert_int_equal(hash_crc32("", 0), 0);
}

static void
the_others_are_as_haproxy_has_them(void **state)
{
	assert_int_equal(hash_djb2("\xff\xfe abc", 6), 1824129768U);
	assert_int_equal(hash_sdbm("\xff\xfe abc", 6), 2075865345U);
	assert_int_equal(hash_wt6("\xff\xfe abc defgh", 12), 1331337744U);
	assert_int_equal(hash_wt6("", 0), 4187620192U);
}

static void
an_avalanche_moves_even_small_numbers(void **state)
{
	assert_int_equal(hash_avalanche(hash_wt6("", 0)), 2385687481U);
	assert_int_equal(hash_avalanche(hash_djb2("abc", 3)), 2235766107U);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32_is_that_of_gzip),
		cmocka_unit_test(the_others_are_as_haproxy_has_them),
		cmocka_unit_test(an_avalanche_moves_even_small_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
