/*
 * Texts of addresses and numbers: the same as the C library's, but faster.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/iptext.h"

static void
a_number_is_written_as_printf_does(void **state)
{
	(void)state;
	for (unsigned value = 0; value <= UINT16_MAX; value++) {
		char want[8], have[UINT16_TEXT_MAX_BYTES];
		size_t len = uint16_write(have, (uint16_t)value);

		snprintf(want, sizeof(want), "%u", value);
		assert_int_equal(len, strlen(want));
		assert_memory_equal(have, want, len);
	}
}

static void
check_uint64(uint64_t value)
{
	char want[32], have[UINT64_TEXT_MAX_BYTES];
	size_t len = uint64_write(have, value);

	snprintf(want, sizeof(want), "%" PRIu64, value);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(have, want, len);
}

static void
a_number_of_each_length_is_written_as_printf_does(void **state)
{
	uint64_t power = 1;

	(void)state;
	for (unsigned digits = 1; digits < UINT64_TEXT_MAX_BYTES; digits++, power *= 10) {
		check_uint64(power - 1);
		check_uint64(power);
		check_uint64(power + 7 * (power / 9));
	}
	check_uint64(power - 1);
	check_uint64(power);
	check_uint64(UINT64_MAX);
}

static void
an_ipv4_address_is_written_as_inet_ntop_does(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4 * 256; i++) {
		uint8_t bytes[4] = { 0, 10, 100, 255 };
		char want[INET_ADDRSTRLEN], have[IP4_TEXT_MAX_BYTES];
		size_t len;

		bytes[i / 256] = (uint8_t)i;
		len = ip4_write(have, bytes);
		inet_ntop(AF_INET, bytes, want, sizeof(want));
		assert_int_equal(len, strlen(want));
		assert_memory_equal(have, want, len);
	}
}

static void
check_ip6(const uint8_t bytes[16])
{
	char want[INET6_ADDRSTRLEN], have[IP6_TEXT_MAX_BYTES];
	size_t len = ip6_write(have, bytes);

	inet_ntop(AF_INET6, bytes, want, sizeof(want));
	if (len != strlen(want) || memcmp(have, want, len) != 0)
		fail_msg("%.*s is not %s", (int)len, have, want);
}

static void
an_ipv6_address_is_written_as_inet_ntop_does(void **state)
{
	uint16_t groups[8];

	(void)state;
	/* every pattern of zero groups; the deprecated ::192.0.2.1 (RFC 4291, 2.5.5.1) is left out */
	for (unsigned pattern = 0; pattern < 256; pattern++) {
		for (unsigned i = 0; i < 8; i++)
			groups[i] = pattern & 1u << i ? htons((uint16_t)(0xfedc >> i * 2)) : 0;
		if ((pattern & 0x3f) != 0 || pattern == 0 || pattern == 0x80)
			check_ip6((const uint8_t *)groups);
	}
	check_ip6((
		const uint8_t *)"\x00\x01\x00\x10\x01\x00\x10\x00\x0f\xff\x00\x0f\xab\xcd\x00\x00");
}

static void
a_mapped_address_has_both_forms(void **state)
{
	static const uint8_t mapped[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	char text[IP6_TEXT_MAX_BYTES];

	(void)state;
	check_ip6(mapped);
	assert_int_equal(ip6_write_hex(text, mapped), strlen("::ffff:c000:201"));
	assert_memory_equal(text, "::ffff:c000:201", strlen("::ffff:c000:201"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_written_as_printf_does),
		cmocka_unit_test(a_number_of_each_length_is_written_as_printf_does),
		cmocka_unit_test(an_ipv4_address_is_written_as_inet_ntop_does),
		cmocka_unit_test(an_ipv6_address_is_written_as_inet_ntop_does),
		cmocka_unit_test(a_mapped_address_has_both_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
