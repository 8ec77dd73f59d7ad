/*
 * The PROXY protocol: each header in each of its pieces, and each wrong byte at once.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net/proxy.h"

#define SIG "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(literal)                         \
	{                                      \
		(literal), sizeof(literal) - 1 \
	}
#define IP4_ENDS "\xc0\x00\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb"
#define NO_TLVS ((struct slice){ NULL, 0 })

/* In memory of just that length, so that a sanitizer sees a byte too far. */
static enum proxy_result
parse_exact(struct proxy_header *h, struct slice bytes, size_t len, struct diag *diag)
{
	char *copy = malloc(len > 0 ? len : 1);
	enum proxy_result result;

	assert_non_null(copy);
	memcpy(copy, bytes.at, len);
	result = proxy_parse(h, copy, len, diag);
	free(copy);
	return result;
}

static struct proxy_header
header_of(struct slice bytes)
{
	struct proxy_header h;
	struct diag diag = { "" };

	if (proxy_parse(&h, bytes.at, bytes.len, &diag) != PROXY_DONE)
		fail_msg("not taken: %s", diag.text);
	return h;
}

static void
check_ends(const struct proxy_header *h, const char *from, const char *to)
{
	char text[ADDR_TEXT_BYTES];

	assert_string_equal(addr_format(&h->from, text), from);
	assert_string_equal(addr_format(&h->to, text), to);
	assert_int_equal(h->is_local, from[0] == '\0');
}

struct good {
	struct slice	 bytes;
	const char	*from, *to;	/* "": local */
};

static const struct good goods[] = {
	{ BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"), "192.0.2.1:56324",
	  "198.51.100.2:443" },
	{ BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
	  "255.255.255.255:65535", "255.255.255.255:65535" },
	{ BYTES("PROXY TCP4 0.0.0.0 10.0.100.1 0 1\r\n"), "0.0.0.0:0", "10.0.100.1:1" },
	{ BYTES("PROXY TCP6 2001:db8::1 ::1 56324 443\r\n"), "[2001:db8::1]:56324", "[::1]:443" },
	{ BYTES("PROXY TCP6 :: 1:2:3:4:5:6:7:: 1 2\r\n"), "[::]:1", "[1:2:3:4:5:6:7:0]:2" },
	{ BYTES("PROXY TCP6 ::2:3:4:5:6:7:8 1:: 1 2\r\n"), "[0:2:3:4:5:6:7:8]:1", "[1::]:2" },
	{ BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	  "65535 65535\r\n"), "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
	  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
	{ BYTES("PROXY TCP6 ::ffff:192.0.2.1 1:2:3:4:5:6:7.8.9.0 1 2\r\n"), "[::ffff:192.0.2.1]:1",
	  "[1:2:3:4:5:6:708:900]:2" },
	{ BYTES("PROXY UNKNOWN\r\n"), "", "" },
	{ BYTES("PROXY UNKNOWN ffff::1 any thing (but) \"text\" 1\r\n"), "", "" },
	{ BYTES(SIG "\x20\x00\x00\x00"), "", "" },
	{ BYTES(SIG "\x20\x77\x00\x02\xff\xff"), "", "" },
	{ BYTES(SIG "\x21\x00\x00\x00"), "", "" },
	{ BYTES(SIG "\x21\x00\x00\x03\x04\x00\x00"), "", "" },
	{ BYTES(SIG "\x21\x11\x00\x0c" IP4_ENDS), "192.0.2.1:56324", "198.51.100.2:443" },
	{ BYTES(SIG "\x21\x21\x00\x24"
		    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
		    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
		    "\x00\x50\x1f\x90"),
	  "[2001:db8::1]:80", "[::1]:8080" },
	/* a NOOP of two bytes, an unknown type, an authority */
	{ BYTES(SIG "\x21\x11\x00\x1b" IP4_ENDS "\x04\x00\x02??" "\xee\x00\x00" "\x02\x00\x04s.io"),
	  "192.0.2.1:56324", "198.51.100.2:443" },
};

static void
a_header_is_taken_when_it_is_whole_and_not_before(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
		struct slice bytes = goods[i].bytes;
		struct proxy_header h;
		struct diag diag = { "" };

		for (size_t len = 0; len < bytes.len; len++) {
			if (parse_exact(&h, bytes, len, &diag) != PROXY_MORE)
				fail_msg("row %zu: byte %zu: %s", i, len, diag.text);
		}
		h = header_of(bytes);
		assert_int_equal(h.len, bytes.len);
		assert_int_equal(h.version, bytes.at[0] == 'P' ? 1 : 2);
		check_ends(&h, goods[i].from, goods[i].to);
	}
}

static void
what_follows_a_header_is_the_clients(void **state)
{
	struct slice line = SLICE("PROXY TCP4 192.0.2.1 198.51.100.2 1 2\r\nPROXY TCP4 ");
	struct slice v2 = SLICE(SIG "\x21\x11\x00\x0c" IP4_ENDS "\xff\xff\xff\xff\xff");

	(void)state;
	assert_int_equal(header_of(line).len, line.len - strlen("PROXY TCP4 "));
	assert_int_equal(header_of(v2).len, v2.len - 5);
}

static void
version_1_is_refused_at_its_first_wrong_byte(void **state)
{
	/* the last byte of each is the one that is wrong */
	static const char *const rows[] = {
		"G",
		"p",
		"\n",
		"PROXy",
		"PROXY  ",
		"PROXY\t",
		"PROXY\r",
		"PROXY T4",
		"PROXY TCP5",
		"PROXY TCP4\r",
		"PROXY TCP4  ",
		"PROXY UD",
		"PROXY UNKNOWn",
		"PROXY UNKNOWN1",
		"PROXY UNKNOWN\n",
		"PROXY UNKNOWN a\n",
		"PROXY UNKNOWN\r\r",
		"PROXY UNKNOWN \x01",
		"PROXY UNKNOWN \x80",
		"PROXY TCP4 a",
		"PROXY TCP4 .",
		"PROXY TCP4 256",
		"PROXY TCP4 01",
		"PROXY TCP4 1..",
		"PROXY TCP4 1.2.3 ",
		"PROXY TCP4 1.2.3.4.",
		"PROXY TCP4 1.2.3.4\r",
		"PROXY TCP4 1.2.3.4  ",
		"PROXY TCP4 -",
		"PROXY TCP4 1.2.3.4 1.2.3.4  ",
		"PROXY TCP4 1.2.3.4 1.2.3.4 +",
		"PROXY TCP4 1.2.3.4 1.2.3.4 00",
		
		"PROXY TCP4 1.2.3.4 1.2.3.4 65536",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1\r",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1  ",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 ",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r",
		"PROXY TCP4 1.2.3.4 1.2.3.4 1 \r",
		"PROXY TCP4 :",
		"PROXY TCP6 g",
		"PROXY TCP6 12345",
		"PROXY TCP6 :1",
		"PROXY TCP6 :::",
		"PROXY TCP6 1::2::",
		"PROXY TCP6 1:2:3:4:5:6:7:8:",
		"PROXY TCP6 ::2:3:4:5:6:7:8:",
		"PROXY TCP6 1:2:3:4:5:6:7 ",
		"PROXY TCP6 1:2:3:4:5:6:7: ",
		"PROXY TCP6 1:2:3:4:5:6:7::8",
		"PROXY TCP6 1: ",
		"PROXY TCP6  ",
		"PROXY TCP6 1.",
		"PROXY TCP6 1:2.",
		"PROXY TCP6 ::1.2.3 ",
		"PROXY TCP6 ::1.256",
		"PROXY TCP6 1:2:3:4:5::6:7.",
		"PROXY TCP6 ::c0.",
		"PROXY TCP6 [",
		"PROXY TCP6 fe80::1%",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice bytes = slice_of(rows[i]);
		struct proxy_header h;
		struct diag diag = { "" };

		for (size_t len = 0; len < bytes.len; len++) {
			if (parse_exact(&h, bytes, len, &diag) != PROXY_MORE)
				fail_msg("\"%s\": byte %zu: %s", rows[i], len, diag.text);
		}
		if (parse_exact(&h, bytes, bytes.len, &diag) != PROXY_BAD)
			fail_msg("\"%s\" is not refused", rows[i]);
		assert_true(strncmp(diag.text, "PROXY protocol", 14) == 0);
		assert_int_equal(parse_exact(&h, bytes, bytes.len, NULL), PROXY_BAD);
	}
}

static void
a_line_of_108_bytes_is_refused(void **state)
{
	char line[PROXY_V1_MAX_BYTES + 3];
	struct proxy_header h;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "PROXY UNKNOWN ", 14);
	memcpy(line + PROXY_V1_MAX_BYTES - 2, "\r\n", 2);
	assert_int_equal(proxy_parse(&h, line, PROXY_V1_MAX_BYTES - 1, NULL), PROXY_MORE);
	assert_int_equal(proxy_parse(&h, line, PROXY_V1_MAX_BYTES, NULL), PROXY_DONE);
	memcpy(line + PROXY_V1_MAX_BYTES - 2, "x\r\n", 3);
	assert_int_equal(proxy_parse(&h, line, PROXY_V1_MAX_BYTES - 1, NULL), PROXY_MORE);
	assert_int_equal(proxy_parse(&h, line, PROXY_V1_MAX_BYTES, NULL), PROXY_BAD);
	assert_int_equal(proxy_parse(&h, line, PROXY_V1_MAX_BYTES + 1, NULL), PROXY_BAD);
}

static void
version_2_is_refused_at_its_first_wrong_byte(void **state)
{
	/* the last byte of each is the one that is wrong */
	static const struct slice rows[] = {
		BYTES("\r\r"),
		BYTES("\r\n\r\n\0\r\nQUIT\r"),
		BYTES(SIG "\x11"),			/* version 1 */
		BYTES(SIG "\x22"),			/* no such command */
		BYTES(SIG "\x21\x12"),			/* datagrams */
		BYTES(SIG "\x21\x22"),
		BYTES(SIG "\x21\x32"),
		BYTES(SIG "\x21\x10"),
		BYTES(SIG "\x21\x01"),
		BYTES(SIG "\x21\x41"),
		BYTES(SIG "\x21\x11\x10"),		/* over 4096 bytes */
		BYTES(SIG "\x21\x11\x0f\xf1"),
		BYTES(SIG "\x20\x00\x0f\xf1"),
		BYTES(SIG "\x21\x11\x00\x0b"),		/* no room for the addresses */
		BYTES(SIG "\x21\x21\x00\x23"),
		BYTES(SIG "\x21\x31\x00\xd7"),
		BYTES(SIG "\x21\x11\x00\x0d" IP4_ENDS "\x04"),			/* half a TLV */
		BYTES(SIG "\x21\x11\x00\x10" IP4_ENDS "\x04\x00\x02"),		/* longer than the header */
		BYTES(SIG "\x21\x11\x00\x14" IP4_ENDS "\x03\x00\x05"),		/* not a checksum's length */
		BYTES(SIG "\x21\x11\x00\x13" IP4_ENDS "\x03\x00\x04\0\0\0\0"),	/* not the sum */
		BYTES(SIG "\x21\x11\x00\x1a" IP4_ENDS "\x03\x00\x04\0\0\0\0\x03\x00\x04"),
		BYTES(SIG "\x21\x11\x00\x13" IP4_ENDS
			  "\x20\x00\x04"), /* less than client and verify */
		BYTES(SIG "\x21\x00\x00\x01\x04"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proxy_header h;
		struct diag diag = { "" };

		for (size_t len = 0; len < rows[i].len; len++) {
			if (parse_exact(&h, rows[i], len, &diag) != PROXY_MORE)
				fail_msg("row %zu: byte %zu: %s", i, len, diag.text);
		}
		if (parse_exact(&h, rows[i], rows[i].len, &diag) != PROXY_BAD)
			fail_msg("row %zu is not refused", i);
		assert_true(diag.text[0] != '\0');
	}
}

static void
a_value_is_found_by_its_type(void **state)
{
	struct slice tlvs = SLICE("\x04\x00\x02??"
				  "\x02\x00\x04s.io"
				  "\x02\x00\x01x"
				  "\x05\x00\x00");
	struct slice value;

	(void)state;
	assert_true(proxy_tlv_find(tlvs, PROXY_TLV_AUTHORITY, &value));
	assert_true(slice_equals(value, SLICE("s.io")));
	assert_true(proxy_tlv_find(tlvs, PROXY_TLV_UNIQUE_ID, &value));
	assert_int_equal(value.len, 0);
	assert_false(proxy_tlv_find(tlvs, PROXY_TLV_SSL, &value));
	assert_false(proxy_tlv_find(NO_TLVS, PROXY_TLV_SSL, &value));
	tlvs.len--;
	assert_false(proxy_tlv_find(tlvs, PROXY_TLV_UNIQUE_ID, &value));
}

/* What is written for two ends (NULL: our own connection), and what it says when it is read. */
static struct proxy_header
sent(char buf[PROXY_OUT_MAX_BYTES], struct proxy_send how, const char *from, const char *to,
     struct slice tlvs)
{
	struct addr ends[2];
	size_t len;

	if (from == NULL)
		len = proxy_write(buf, &how, NULL, NULL, tlvs);
	else {
		assert_int_equal(addr_parse(&ends[0], slice_of(from), 0, NULL), ERR_OK);
		assert_int_equal(addr_parse(&ends[1], slice_of(to), 0, NULL), ERR_OK);
		len = proxy_write(buf, &how, &ends[0], &ends[1], tlvs);
	}
	assert_true(len <= PROXY_OUT_MAX_BYTES);
	return header_of((struct slice){ buf, len });
}

static void
version_1_is_written_to_the_letter(void **state)
{
	static const struct {
		const char	*from, *to, *line;
	} rows[] = {
		{ NULL, NULL, "PROXY UNKNOWN\r\n" },
		{ "192.0.2.1:56324", "198.51.100.2:443",
		  "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n" },
		{ "[2001:db8::1]:1", "[::1]:65535", "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n" },
		{ "192.0.2.1:1", "[::1]:2", "PROXY TCP6 ::ffff:c000:201 ::1 1 2\r\n" },
		{ "unix:/run/a", "unix:/run/b", "PROXY UNKNOWN\r\n" },
		{ "192.0.2.1:1", "unix:/run/b", "PROXY UNKNOWN\r\n" },
	};
	char buf[PROXY_OUT_MAX_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proxy_header h = sent(buf, (struct proxy_send){ .version = 1 }, rows[i].from,
					     rows[i].to, NO_TLVS);

		assert_int_equal(h.len, strlen(rows[i].line));
		assert_memory_equal(buf, rows[i].line, h.len);
	}
}

static void
version_2_says_when_read_what_was_written(void **state)
{
	static const struct {
		const char	*from, *to, *from_read, *to_read;
	} rows[] = {
		{ NULL, NULL, "", "" },
		{ "192.0.2.1:56324", "198.51.100.2:443", "192.0.2.1:56324", "198.51.100.2:443" },
		{ "[2001:db8::1]:1", "[::1]:65535", "[2001:db8::1]:1", "[::1]:65535" },
		{ "192.0.2.1:1", "[::1]:2", "[::ffff:192.0.2.1]:1", "[::1]:2" },
		{ "unix:/run/a", "unix:@b", "", "" },
		{ "unix:/run/a", "[::1]:2", "", "" },
	};
	char buf[PROXY_OUT_MAX_BYTES];

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct proxy_send how = { 2, i % 2 ? PROXY_SEND_CRC32C : 0 };
		struct proxy_header h = sent(buf, how, rows[i / 2].from, rows[i / 2].to, NO_TLVS);
		struct slice sum;

		check_ends(&h, rows[i / 2].from_read, rows[i / 2].to_read);
		assert_int_equal(proxy_tlv_find(h.tlvs, PROXY_TLV_CRC32C, &sum),
				 how.options != 0 && !h.is_local);
	}
}

static void
a_flipped_bit_does_not_pass_the_checksum(void **state)
{
	struct proxy_send how = { 2, PROXY_SEND_CRC32C };
	char buf[PROXY_OUT_MAX_BYTES];
	struct proxy_header h = sent(buf, how, "192.0.2.1:1", "192.0.2.2:2", NO_TLVS);
	size_t len = h.len;

	(void)state;
	for (size_t i = 16; i < 28; i++) {
		buf[i] ^= 0x10;
		assert_int_equal(proxy_parse(&h, buf, len, NULL), PROXY_BAD);
		buf[i] ^= 0x10;
	}
	assert_int_equal(proxy_parse(&h, buf, len, NULL), PROXY_DONE);
}

static void
the_authority_is_sent_on_as_it_came(void **state)
{
	struct proxy_send how = { 2, PROXY_SEND_AUTHORITY | PROXY_SEND_CRC32C };
	char buf[PROXY_OUT_MAX_BYTES], long_one[3 + 256] = "\x02\x01\x00";
	struct proxy_header h;
	struct slice value;

	(void)state;
	h = sent(buf, how, "192.0.2.1:1", "192.0.2.2:2", SLICE("\x05\x00\x01u" "\x02\x00\x04s.io"));
	assert_true(proxy_tlv_find(h.tlvs, PROXY_TLV_AUTHORITY, &value));
	assert_true(slice_equals(value, SLICE("s.io")));
	assert_false(proxy_tlv_find(h.tlvs, PROXY_TLV_UNIQUE_ID, &value));
	h = sent(buf, how, "192.0.2.1:1", "192.0.2.2:2",
		 (struct slice){ long_one, sizeof(long_one) });
	assert_false(proxy_tlv_find(h.tlvs, PROXY_TLV_AUTHORITY, &value));
}

static void
paths_and_abstract_names_are_read(void **state)
{
	char bytes[16 + 216] = SIG "\x21\x31\x00\xd8" "/run/a";
	struct proxy_header h;

	(void)state;
	memcpy(bytes + 16 + 108, "\0b", 2);
	h = header_of((struct slice){ bytes, sizeof(bytes) });
	check_ends(&h, "unix:/run/a", "unix:@b");
}

static void
a_path_that_fills_its_room_is_read(void **state)
{
	char bytes[16 + 216] = SIG "\x21\x31\x00\xd8";
	struct proxy_header h;

	(void)state;
	memset(bytes + 16, 'a', 216);
	h = header_of((struct slice){ bytes, sizeof(bytes) });
	assert_int_equal(h.from.len, offsetof(struct sockaddr_un, sun_path) + 108);
	assert_true(addr_equals(&h.from, &h.to));
	memset(bytes + 16, 0, 216);
	h = header_of((struct slice){ bytes, sizeof(bytes) });
	assert_int_equal(h.from.len, offsetof(struct sockaddr_un, sun_path));
	assert_true(addr_is_unix(&h.from));
}

static void
nothing_is_sent_where_nothing_was_asked_for(void **state)
{
	char buf[PROXY_OUT_MAX_BYTES];

	(void)state;
	assert_int_equal(proxy_write(buf, &(struct proxy_send){ 0 }, NULL, NULL, NO_TLVS), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_taken_when_it_is_whole_and_not_before),
		cmocka_unit_test(what_follows_a_header_is_the_clients),
		cmocka_unit_test(version_1_is_refused_at_its_first_wrong_byte),
		cmocka_unit_test(a_line_of_108_bytes_is_refused),
		cmocka_unit_test(version_2_is_refused_at_its_first_wrong_byte),
		cmocka_unit_test(a_value_is_found_by_its_type),
		cmocka_unit_test(version_1_is_written_to_the_letter),
		cmocka_unit_test(version_2_says_when_read_what_was_written),
		cmocka_unit_test(a_flipped_bit_does_not_pass_the_checksum),
		cmocka_unit_test(the_authority_is_sent_on_as_it_came),
		cmocka_unit_test(paths_and_abstract_names_are_read),
		cmocka_unit_test(a_path_that_fills_its_room_is_read),
		cmocka_unit_test(nothing_is_sent_where_nothing_was_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
