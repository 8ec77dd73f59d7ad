/*
 * Slices: numbers, escapes, UTF-8, times.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "core/str.h"

static void
an_int_is_the_whole_slice_or_an_error(void **state)
{
	static const struct {
		const char	*text;
		enum err	 result;
		int64_t		 value;
	} rows[] = {
		{ "0", ERR_OK, 0 },
		{ "-0", ERR_OK, 0 },
		{ "007", ERR_OK, 7 },
		{ "-12", ERR_OK, -12 },
		{ "9223372036854775807", ERR_OK, INT64_MAX },
		{ "-9223372036854775808", ERR_OK, INT64_MIN },
		{ "9223372036854775808", ERR_LIMIT, 0 },
		{ "-9223372036854775809", ERR_LIMIT, 0 },
		{ "99999999999999999999999", ERR_LIMIT, 0 },
		{ "99999999999999999999999x", ERR_INVALID, 0 },
		{ "", ERR_INVALID, 0 },
		{ "-", ERR_INVALID, 0 },
		{ "+1", ERR_INVALID, 0 },
		{ "1 ", ERR_INVALID, 0 },
		{ "--1", ERR_INVALID, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t value = 0;

		assert_int_equal(int_parse(slice_of(rows[i].text), &value), rows[i].result);
		assert_int_equal(value, rows[i].value);
	}
}

static void
outside_bytes_are_escaped(void **state)
{
	char buf[64];

	(void)state;
	assert_string_equal(str_escape(buf, sizeof(buf), SLICE("a b~")), "a b~");
	assert_string_equal(str_escape(buf, sizeof(buf), SLICE("\n\x7f\xff\\\0")),
			    "\\x0A\\x7F\\xFF\\x5C\\x00");
	assert_string_equal(str_escape(buf, sizeof(buf), (struct slice){ NULL, 0 }), "");
}

static void
a_text_that_does_not_fit_ends_in_dots(void **state)
{
	char buf[8];

	(void)state;
	assert_string_equal(str_escape(buf, sizeof(buf), SLICE("1234567")), "1234567");
	assert_string_equal(str_escape(buf, sizeof(buf), SLICE("12345678")), "1234...");
	assert_string_equal(str_escape(buf, sizeof(buf), SLICE("12\n\n")), "12...");
	assert_string_equal(str_escape(buf, sizeof(buf), SLICE("1\n\n")), "1...");
	assert_string_equal(str_escape(buf, 1, SLICE("12")), "");
	assert_string_equal(str_escape(buf, 3, SLICE("12345")), "..");
}

static void
utf8_is_taken_exactly(void **state)
{
	static const struct {
		const char	*bytes;
		size_t		 taken;
	} rows[] = {
		{ "a", 1 },
		{ "\xc3\xa9", 2 },
		{ "\xe2\x82\xac", 3 },
		{ "\xf0\x9f\x98\x80", 4 },
		{ "\xf4\x8f\xbf\xbf", 4 },
		{ "\xed\x9f\xbf", 3 },
		{ "\xee\x80\x80", 3 },
		{ "\xe0\xa0\x80", 3 },
		{ "\xf0\x90\x80\x80", 4 },
		{ "\xc0\x80", 0 },	   /* overlong */
		{ "\xc1\xbf", 0 },
		{ "\xe0\x9f\xbf", 0 },
		{ "\xf0\x8f\xbf\xbf", 0 },
		{ "\xed\xa0\x80", 0 },	   /* a surrogate */
		{ "\xf4\x90\x80\x80", 0 }, /* over U+10FFFF */
		{ "\xf5\x80\x80\x80", 0 },
		{ "\x80", 0 },		   /* no lead byte */
		{ "\xe2\x82", 0 },	   /* cut */
		{ "\xe2\x28\xa1", 0 },
		{ "\xff", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(utf8_take(slice_of(rows[i].bytes)), rows[i].taken);
}

/* Whether U+`code`, encoded as `len` bytes, is the only spelling: worked out from the definition. */
static void
each_character_has_one_spelling(void **state)
{
	(void)state;
	for (uint32_t code = 0; code < 0x200000; code += code < 0x20000 ? 1 : 61) {
		size_t least = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
		bool legal = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);

		for (size_t len = 2; len <= 4; len++) {
			static const unsigned char leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
			char bytes[4];

			if (len < 4 && code >> (len == 2 ? 11 : 16) != 0)
				continue;
			for (size_t i = 1; i < len; i++)
				bytes[i] = (char)(0x80 | (code >> 6 * (len - 1 - i) & 0x3f));
			bytes[0] = (char)(leads[len] | code >> 6 * (len - 1));
			assert_int_equal(utf8_take((struct slice){ bytes, len }),
					 legal && len == least ? len : 0);
		}
	}
}

static void
times_are_rfc_3339_with_milliseconds(void **state)
{
	char buf[TIME_TEXT_BYTES];

	(void)state;
	time_format(buf, 0);
	assert_string_equal(buf, "1970-01-01T00:00:00.000Z");
	time_format(buf, 1795154400123999);
	assert_string_equal(buf, "2026-11-20T06:00:00.123Z");
	time_format(buf, 951782399999999);
	assert_string_equal(buf, "2000-02-28T23:59:59.999Z");
	time_format(buf, UINT64_MAX);
	assert_string_equal(buf, "9999-12-31T23:59:59.999Z");
}

static void
slices_compare_by_bytes(void **state)
{
	(void)state;
	assert_true(slice_equals(SLICE("ab"), slice_of("ab")));
	assert_false(slice_equals(SLICE("ab"), SLICE("abc")));
	assert_false(slice_equals(SLICE("a\0b"), SLICE("a\0c")));
	assert_true(slice_equals((struct slice){ NULL, 0 }, SLICE("")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_int_is_the_whole_slice_or_an_error),
		cmocka_unit_test(outside_bytes_are_escaped),
		cmocka_unit_test(a_text_that_does_not_fit_ends_in_dots),
		cmocka_unit_test(utf8_is_taken_exactly),
		cmocka_unit_test(each_character_has_one_spelling),
		cmocka_unit_test(times_are_rfc_3339_with_milliseconds),
		cmocka_unit_test(slices_compare_by_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
