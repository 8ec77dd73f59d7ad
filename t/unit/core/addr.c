/*
 * Addresses: what is taken, what is refused and why, and the way back to text.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "core/addr.h"

struct row {
	const char	*text;
	unsigned	 flags;
	const char	*result; /* canonical text, or a part of the error */
};

static void
each_is_taken(const struct row *rows, size_t count)
{
	char text[ADDR_TEXT_BYTES];

	for (size_t i = 0; i < count; i++) {
		struct diag diag = { "" };
		struct addr addr, again;

		if (addr_parse(&addr, slice_of(rows[i].text), rows[i].flags, &diag) != ERR_OK)
			fail_msg("%s", diag.text);
		assert_string_equal(addr_format(&addr, text), rows[i].result);
		assert_int_equal(addr_parse(&again, slice_of(text), 0, NULL), ERR_OK);
		assert_true(addr_equals(&addr, &again));
	}
}

static void
good_addresses_are_taken(void **state)
{
	static const struct row rows[] = {
		{ "127.0.0.1:80", ADDR_NEED_PORT, "127.0.0.1:80" },
		{ "0.0.0.0:0", ADDR_ANY_PORT, "0.0.0.0:0" },
		{ "10.0.0.1:65535", ADDR_NEED_PORT, "10.0.0.1:65535" },
		{ "10.0.0.1", 0, "10.0.0.1:0" },
		{ "[::192.0.2.1]:80", ADDR_NEED_PORT, "[::192.0.2.1]:80" },
		{ "[::ffff:c000:201]:65535", ADDR_NEED_PORT, "[::ffff:192.0.2.1]:65535" },
		{ "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", ADDR_NEED_PORT,
		  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
		{ "10.0.0.1:5", 0, "10.0.0.1:5" },
		{ "[::1]:80", ADDR_NEED_PORT, "[::1]:80" },
		{ "[::]:0", ADDR_ANY_PORT, "[::]:0" },
		{ "[::ffff:10.0.0.1]:80", ADDR_NEED_PORT, "[::ffff:10.0.0.1]:80" },
		{ "[FD00:0::0:1]:80", ADDR_NEED_PORT, "[fd00::1]:80" },
		{ "[::1]", 0, "[::1]:0" },
		{ "::1", 0, "[::1]:0" },
		{ "*:80", ADDR_STAR | ADDR_ANY_PORT, "0.0.0.0:80" },
		{ ":80", ADDR_STAR | ADDR_NEED_PORT, "0.0.0.0:80" },
		{ "*", ADDR_STAR, "0.0.0.0:0" },
		{ "unix:/run/s.sock", ADDR_NEED_PORT, "unix:/run/s.sock" },
		{ "unix:rel", 0, "unix:rel" },
		{ "unix:@abs", ADDR_NEED_PORT, "unix:@abs" },
	};

	(void)state;
	each_is_taken(rows, sizeof(rows) / sizeof(rows[0]));
}

static void
bad_ones_are_refused_with_the_reason(void **state)
{
	static const struct row rows[] = {
		{ "", 0, "is missing" },
		{ "127.0.0.1", ADDR_NEED_PORT, "port is missing" },
		{ "127.0.0.1:0", ADDR_NEED_PORT, "may not be 0" },
		{ "127.0.0.1:", 0, "0 to 65535" },
		{ "127.0.0.1:65536", 0, "0 to 65535" },
		{ "127.0.0.1:000080", 0, "0 to 65535" },
		{ "127.0.0.1:+80", 0, "0 to 65535" },
		{ "127.0.0.1: 80", 0, "0 to 65535" },
		{ "127.0.0.1:80 ", 0, "0 to 65535" },
		{ " 127.0.0.1:80", 0, "not an IP" },
		{ "127.0.0.1x:80", 0, "not an IP" },
		{ "127.0.0:80", 0, "not an IP" },
		{ "127.0.0.256:80", 0, "not an IP" },
		{ "127.0.0.01:80", 0, "not an IP" },
		{ "localhost:80", ADDR_NEED_PORT, "not an IP" },
		{ "*:80", ADDR_NEED_PORT, "not an IP" },
		{ ":80", ADDR_NEED_PORT, "not an IP" },
		{ "[*]:80", ADDR_STAR, "not an IPv6" },
		{ "[]:80", ADDR_STAR, "not an IP" },
		{ "[127.0.0.1]:80", 0, "not an IPv6" },
		{ "[::1:80", 0, "closing ]" },
		{ "[::1]80", 0, "after ]" },
		{ "[::1]:", 0, "0 to 65535" },
		{ "[::1]", ADDR_ANY_PORT, "port is missing" },
		{ "::1:80", ADDR_NEED_PORT, "[address]:port" },
		{ "[fe80::1%eth0]:80", 0, "scope" },
		{ "fe80::1%eth0", 0, "scope" },
		{ "unix:/x", ADDR_NO_UNIX, "not possible here" },
		{ "unix:", 0, "is missing" },
		{ "unix:@", 0, "is missing" },
		{ "unix:/a\nb", 0, "control characters" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr addr = { .len = 77 };
		struct diag diag = { "" };

		assert_int_equal(addr_parse(&addr, slice_of(rows[i].text), rows[i].flags, &diag),
				 ERR_INVALID);
		if (strstr(diag.text, rows[i].result) == NULL)
			fail_msg("%s: expected \"%s\"", diag.text, rows[i].result);
		assert_int_equal(addr.len, 77);
	}
}

static void
bytes_after_a_nul_are_not_overlooked(void **state)
{
	struct addr addr;

	(void)state;
	assert_int_equal(addr_parse(&addr, SLICE("127.0.0.1\0:80"), 0, NULL), ERR_INVALID);
	assert_int_equal(addr_parse(&addr, SLICE("127.0.0.1:80\0"), 0, NULL), ERR_INVALID);
	assert_int_equal(addr_parse(&addr, SLICE("unix:/a\0b"), 0, NULL), ERR_INVALID);
}

static void
a_path_is_as_long_as_the_kernel_takes(void **state)
{
	char text[5 + 108 + 1] = "unix:", shown[ADDR_TEXT_BYTES];
	struct addr addr;

	(void)state;
	memset(text + 5, 'x', 108);
	assert_int_equal(addr_parse(&addr, (struct slice){ text, 5 + 107 }, 0, NULL), ERR_OK);
	assert_int_equal(strlen(addr_format(&addr, shown)), 5 + 107);
	assert_int_equal(addr_parse(&addr, (struct slice){ text, 5 + 108 }, 0, NULL), ERR_INVALID);
}

static struct addr
addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, slice_of(text), 0, NULL), ERR_OK);
	return addr;
}

static void
loopback_is_told_from_the_rest(void **state)
{
	static const struct row rows[] = {
		{ "127.0.0.1:1", 1, "" },     { "127.255.0.9:1", 1, "" },
		{ "[::1]:1", 1, "" },         { "[::ffff:127.0.0.1]:1", 1, "" },
		{ "unix:/x", 1, "" },         { "128.0.0.1:1", 0, "" },
		{ "[::2]:1", 0, "" },         { "[::ffff:126.0.0.1]:1", 0, "" },
		{ "[::127.0.0.1]:1", 0, "" },
	};
	struct addr none = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr addr = addr_of(rows[i].text);

		assert_int_equal(addr_is_loopback(&addr), rows[i].flags);
	}
	assert_false(addr_is_loopback(&none));
}

static void
equality_looks_at_family_ip_and_port(void **state)
{
	struct addr a = addr_of("10.0.0.1:80"), b = addr_of("10.0.0.1:81");
	struct addr c = addr_of("[::ffff:10.0.0.1]:80"), none = { 0 };
	struct addr p = addr_of("unix:/x"), q = addr_of("unix:@x");

	(void)state;
	assert_false(addr_equals(&a, &b));
	addr_set_port(&b, 80);
	assert_true(addr_equals(&a, &b));
	assert_false(addr_equals(&a, &c));
	assert_false(addr_equals(&a, &none));
	assert_true(addr_equals(&none, &none));
	assert_false(addr_equals(&p, &q));
	assert_true(addr_is_unix(&p));
	assert_false(addr_is_unix(&a));
	addr_set_port(&p, 80);
	assert_int_equal(addr_port(&p), 0);
	assert_int_equal(addr_port(&c), 80);
}

static void
the_ip_alone_has_no_port_and_no_brackets(void **state)
{
	struct addr a = addr_of("10.0.0.1:80"), b = addr_of("[fd00::1]:80"), c = addr_of("unix:/x");
	struct addr none = { 0 };
	char text[ADDR_TEXT_BYTES];

	(void)state;
	assert_string_equal(addr_format_ip(&a, text), "10.0.0.1");
	assert_string_equal(addr_format_ip(&b, text), "fd00::1");
	assert_string_equal(addr_format_ip(&c, text), "unix");
	assert_string_equal(addr_format_ip(&none, text), "");
	assert_string_equal(addr_format(&none, text), "");
}

static void
a_sockets_addresses_are_asked_of_the_kernel(void **state)
{
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	struct addr addr = addr_of("127.0.0.1:0"), bound, peer;

	(void)state;
	assert_int_equal(bind(server, &addr.sa, addr.len), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(addr_of_socket(&bound, server), ERR_OK);
	assert_int_not_equal(addr_port(&bound), 0);
	assert_int_equal(addr_of_peer(&peer, client), ERR_SYSTEM);
	assert_int_equal(connect(client, &bound.sa, bound.len), 0);
	assert_int_equal(addr_of_peer(&peer, client), ERR_OK);
	assert_true(addr_equals(&peer, &bound));
	close(client);
	close(server);
}

static void
an_unnamed_and_an_odd_unix_socket_have_texts_too(void **state)
{
	struct addr addr = { 0 }, bound;
	char text[ADDR_TEXT_BYTES];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(addr_of_socket(&bound, fd), ERR_OK);
	assert_string_equal(addr_format(&bound, text), "unix:");
	addr.un.sun_family = AF_UNIX;
	memcpy(addr.un.sun_path, "\0a\0\n", 4);
	addr.len = offsetof(struct sockaddr_un, sun_path) + 4;
	assert_string_equal(addr_format(&addr, text), "unix:@a??");
	memset(addr.un.sun_path, 'x', sizeof(addr.un.sun_path)); /* without its NUL */
	addr.len = sizeof(addr.un);
	assert_int_equal(strlen(addr_format(&addr, text)), 5 + 108);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_addresses_are_taken),
		cmocka_unit_test(bad_ones_are_refused_with_the_reason),
		cmocka_unit_test(bytes_after_a_nul_are_not_overlooked),
		cmocka_unit_test(a_path_is_as_long_as_the_kernel_takes),
		cmocka_unit_test(loopback_is_told_from_the_rest),
		cmocka_unit_test(equality_looks_at_family_ip_and_port),
		cmocka_unit_test(the_ip_alone_has_no_port_and_no_brackets),
		cmocka_unit_test(a_sockets_addresses_are_asked_of_the_kernel),
		cmocka_unit_test(an_unnamed_and_an_odd_unix_socket_have_texts_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
