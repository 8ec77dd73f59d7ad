/*
 * Durations and sizes, there and back.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "core/str.h"

struct row {
	const char	*text;
	enum err	 result;
	int64_t		 value;
};

static void
check_rows(const struct row *rows, size_t count, enum err (*parse)(struct slice, int64_t *))
{
	for (size_t i = 0; i < count; i++) {
		int64_t value = -1;
		enum err result = parse(slice_of(rows[i].text), &value);

		if (result != rows[i].result || value != (result == ERR_OK ? rows[i].value : -1))
			fail_msg("\"%s\": %d, %lld", rows[i].text, result, (long long)value);
	}
}

static void
durations_are_haproxys(void **state)
{
	static const struct row rows[] = {
		{ "0", ERR_OK, 0 },
		{ "500", ERR_OK, 500 },
		{ "500ms", ERR_OK, 500 },
		{ "2s", ERR_OK, 2000 },
		{ "1m", ERR_OK, 60000 },
		{ "1h", ERR_OK, 3600000 },
		{ "1d", ERR_OK, 86400000 },
		{ "1us", ERR_OK, 1 },
		{ "0us", ERR_OK, 0 },
		{ "1000us", ERR_OK, 1 },
		{ "1001us", ERR_OK, 2 },
		{ "1h30m", ERR_OK, 5400000 },
		{ "1d1h1m1s1ms1us", ERR_OK, 90061002 },
		{ "9223372036854775807", ERR_OK, INT64_MAX },
		{ "9223372036854775807us", ERR_OK, 9223372036854776 },
		{ "9223372036854775808", ERR_LIMIT, 0 },
		{ "9223372036854775807s", ERR_LIMIT, 0 },
		{ "106751991167d", ERR_OK, 9223372036828800000 },
		{ "106751991168d", ERR_LIMIT, 0 },
		{ "9223372036854775s807ms", ERR_OK, INT64_MAX },
		{ "9223372036854775s808ms", ERR_LIMIT, 0 },
		{ "99999999999999999999x", ERR_INVALID, 0 },
		{ "", ERR_INVALID, 0 },
		{ "s", ERR_INVALID, 0 },
		{ "-1", ERR_INVALID, 0 },
		{ "+1s", ERR_INVALID, 0 },
		{ " 1s", ERR_INVALID, 0 },
		{ "1s ", ERR_INVALID, 0 },
		{ "1 s", ERR_INVALID, 0 },
		{ "1S", ERR_INVALID, 0 },
		{ "1.5s", ERR_INVALID, 0 },
		{ "1h30", ERR_INVALID, 0 },
		{ "30m1h", ERR_INVALID, 0 },
		{ "1s1s", ERR_INVALID, 0 },
		{ "1w", ERR_INVALID, 0 },
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]), duration_parse);
}

static void
sizes_count_in_powers_of_1024(void **state)
{
	static const struct row rows[] = {
		{ "0", ERR_OK, 0 },
		{ "16384", ERR_OK, 16384 },
		{ "16k", ERR_OK, 16384 },
		{ "16K", ERR_OK, 16384 },
		{ "1m", ERR_OK, 1048576 },
		{ "2G", ERR_OK, 2147483648 },
		{ "9223372036854775807", ERR_OK, INT64_MAX },
		{ "9223372036854775808", ERR_LIMIT, 0 },
		{ "9007199254740991k", ERR_OK, INT64_MAX - 1023 },
		{ "9007199254740992k", ERR_LIMIT, 0 },
		{ "8589934592g", ERR_LIMIT, 0 },
		{ "", ERR_INVALID, 0 },
		{ "k", ERR_INVALID, 0 },
		{ "16kb", ERR_INVALID, 0 },
		{ "16t", ERR_INVALID, 0 },
		{ "-1", ERR_INVALID, 0 },
		{ "1k1", ERR_INVALID, 0 },
		{ "1 k", ERR_INVALID, 0 },
	};
	int64_t value = 0;

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]), size_parse);
	assert_int_equal(size_parse(SLICE("1\0"), &value), ERR_INVALID);
}

static void
a_duration_is_written_in_its_largest_unit(void **state)
{
	static const struct row rows[] = {
		{ "0", ERR_OK, 0 },
		{ "1ms", ERR_OK, 1 },
		{ "500ms", ERR_OK, 500 },
		{ "2s", ERR_OK, 2000 },
		{ "1500ms", ERR_OK, 1500 },
		{ "1m", ERR_OK, 60000 },
		{ "90s", ERR_OK, 90000 },
		{ "1h", ERR_OK, 3600000 },
		{ "36h", ERR_OK, 129600000 },
		{ "2d", ERR_OK, 172800000 },
		{ "9223372036854775807ms", ERR_OK, INT64_MAX },
	};
	char buf[24];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t back;

		assert_int_equal(duration_format(buf, sizeof(buf), rows[i].value),
				 strlen(rows[i].text));
		assert_string_equal(buf, rows[i].text);
		assert_int_equal(duration_parse(slice_of(buf), &back), ERR_OK);
		assert_int_equal(back, rows[i].value);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_haproxys),
		cmocka_unit_test(sizes_count_in_powers_of_1024),
		cmocka_unit_test(a_duration_is_written_in_its_largest_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
