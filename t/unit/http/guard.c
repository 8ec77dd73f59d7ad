/*
 * The Host, Origin and Sec-Fetch-Site rules.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "adminapi/http/guard.h"

static struct diag diag;

static unsigned
verdict(const char *host, const char *origin, const char *fetch_site)
{
	static const char *const hosts[] = { "admin.example", "sluice" };
	const struct guard_input in = { host, origin, fetch_site, hosts, 2 };

	return guard_check(&in, &diag);
}

static unsigned
of_host(const char *host)
{
	return verdict(host, NULL, NULL);
}

static void
addresses_localhost_and_listed_names_are_hosts(void **state)
{
	static const char *const good[] = {
		"127.0.0.1",  "127.0.0.1:9901",       "10.1.2.3:1",       "[::1]",
		"[::1]:9901", "[::ffff:127.0.0.1]:1", "localhost",        "LocalHost:9901",
		"localhost:", "admin.example",        "ADMIN.example:80", "sluice",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (of_host(good[i]) != 0)
			fail_msg("%s: %s", good[i], diag.text);
	}
}

static void
other_names_are_refused(void **state)
{
	static const char *const bad[] = {
		"evil.example",
		"localhost.evil.example",
		"127.0.0.1.evil.example",
		"127.1",
		"2130706433",
		"0x7f.0.0.1",
		"xadmin.example",
		"admin.example.",
		"admin",
		"localhost.",
		"127.0.0.1.",
		"1.2.3.4.5",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (of_host(bad[i]) != 403)
			fail_msg("%s was not 403", bad[i]);
	}
	of_host("evil.example");
	assert_string_equal(diag.text,
			    "Host \"evil.example\" is neither an address, localhost, nor "
				       "listed in admin.hosts");
}

static void
what_is_no_host_is_400(void **state)
{
	static const char *const bad[] = {
		"",
		":80",
		"localhost:0",
		"localhost:65536",
		"localhost:99999999",
		"localhost:x",
		"localhost:+1",
		"user@localhost",
		"localhost/",
		"a b",
		"[::1",
		"[::1]x",
		"[localhost]",
		"[127.0.0.1]",
		"::1",
		"[::1%lo]",
		"[]",
		"localhost,evil",
		"evil\x01.example",
		"b\xc3\xb6",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (of_host(bad[i]) != 400)
			fail_msg("%s was not 400", bad[i]);
	}
	assert_int_equal(of_host(NULL), 400);
}

static void
only_the_requests_own_origin_is_taken(void **state)
{
	assert_int_equal(verdict("localhost:9901", "http://localhost:9901", NULL), 0);
	assert_int_equal(verdict("localhost", "http://localhost:80", NULL), 0);
	assert_int_equal(verdict("localhost:80", "HTTP://LOCALHOST", NULL), 0);
	assert_int_equal(verdict("[::1]:9901", "http://[0:0::1]:9901", NULL), 0);
	assert_int_equal(verdict("localhost:9901", "http://localhost:9902", NULL), 403);
	assert_int_equal(verdict("localhost:9901", "https://localhost:9901", NULL), 403);
	assert_int_equal(verdict("localhost:9901", "http://127.0.0.1:9901", NULL), 403);
	assert_int_equal(verdict("localhost:9901", "http://evil.example", NULL), 403);
	assert_int_equal(verdict("localhost:9901", "null", NULL), 403);
	assert_int_equal(verdict("localhost:9901", "", NULL), 403);
	assert_int_equal(verdict("localhost:9901", "http://localhost:9901/", NULL), 403);
	assert_int_equal(verdict("localhost:9901", "http://localhost:9901 http://x", NULL), 403);
	assert_int_equal(verdict("127.0.0.1", "http://127.0.0.2", NULL), 403);
}

static void
a_fetch_from_another_site_is_refused(void **state)
{
	assert_int_equal(verdict("localhost", NULL, "cross-site"), 403);
	assert_int_equal(verdict("localhost", NULL, "same-site"), 403);
	assert_int_equal(verdict("localhost", NULL, "Cross-Site"), 403);
	assert_int_equal(verdict("localhost", NULL, "same-origin"), 0);
	assert_int_equal(verdict("localhost", NULL, "none"), 0);
	assert_int_equal(verdict("localhost", "http://localhost", "cross-site"), 403);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_localhost_and_listed_names_are_hosts),
		cmocka_unit_test(other_names_are_refused),
		cmocka_unit_test(what_is_no_host_is_400),
		cmocka_unit_test(only_the_requests_own_origin_is_taken),
		cmocka_unit_test(a_fetch_from_another_site_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
