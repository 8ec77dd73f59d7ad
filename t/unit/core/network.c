/*
 * Networks: what is taken, what is refused and why, and who is in one.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "core/network.h"

static struct network
network_of(const char *text)
{
	struct network net;
	struct diag diag = { "" };

	if (network_parse(&net, slice_of(text), &diag) != ERR_OK)
		fail_msg("%s", diag.text);
	return net;
}

static bool
is_in(const char *network, const char *address)
{
	struct network net = network_of(network);
	struct addr addr;

	assert_int_equal(addr_parse(&addr, slice_of(address), 0, NULL), ERR_OK);
	return network_has(&net, &addr.sa);
}

static void
an_address_is_in_its_network(void **state)
{
	static const struct {
		const char	*network, *address;
		bool		 is_in;
	} rows[] = {
		{ "10.0.0.0/8", "10.255.0.1", true },
		{ "10.0.0.0/8", "11.0.0.1", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.4/31", "192.0.2.5", true },
		{ "192.0.2.4/31", "192.0.2.6", false },
		{ "172.16.0.0/12", "172.31.255.255", true },
		{ "172.16.0.0/12", "172.32.0.0", false },
		{ "0.0.0.0/0", "8.8.8.8", true },
		{ "0.0.0.0/0", "::1", false },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::1", false },
		{ "2001:db8::/29", "2001:dbf::1", true },
		{ "2001:db8::/29", "2001:dc0::1", false },
		{ "::1", "::1", true },
		{ "::/0", "2001:db8::1", true },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "::ffff:10.0.0.0/104", "10.1.2.3", true },
		{ "10.0.0.0/8", "unix:/run/s", false },
		{ "::/0", "unix:/run/s", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (is_in(rows[i].network, rows[i].address) != rows[i].is_in)
			fail_msg("%s in %s", rows[i].address, rows[i].network);
	}
}

static void
what_is_no_network_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char	*text, *why;
	} rows[] = {
		{ "", "missing" },
		{ "/8", "missing" },
		{ "10.0.0.0/", "0 to 32" },
		{ "10.0.0.0/33", "0 to 32" },
		{ "10.0.0.0/08", "0 to 32" },
		{ "10.0.0.0/+8", "0 to 32" },
		{ "10.0.0.0/8/8", "0 to 32" },
		{ "10.0.0.0/255.0.0.0", "0 to 32" },
		{ "2001:db8::/129", "0 to 128" },
		{ "2001:db8::/1000", "0 to 128" },
		{ "10.0.0.1/8", "bits behind the prefix" },
		{ "2001:db8::1/64", "bits behind the prefix" },
		{ "10.0.0.1:80", "no port" },
		{ "10.0.0.1:0", "no port" },
		{ "[::1]", "no brackets" },
		{ "[::1]:80", "no brackets" },
		{ "unix:/run/s", "Unix" },
		{ "*", "IP address" },
		{ "example.org/8", "IP address" },
		{ "fe80::1%eth0", "scope" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct network net = { .bits = 77 };
		struct diag diag = { "" };

		assert_int_equal(network_parse(&net, slice_of(rows[i].text), &diag), ERR_INVALID);
		if (strstr(diag.text, rows[i].why) == NULL)
			fail_msg("\"%s\": %s", rows[i].text, diag.text);
		assert_int_equal(net.bits, 77);
		assert_int_equal(network_parse(&net, slice_of(rows[i].text), NULL), ERR_INVALID);
	}
}

static void
a_mapped_network_is_one_of_ipv4(void **state)
{
	(void)state;
	assert_true(network_of("10.0.0.0/8").is_ipv4);
	assert_true(network_of("::ffff:10.0.0.0/104").is_ipv4);
	assert_false(network_of("::/0").is_ipv4);
	assert_false(network_of("2001:db8::/32").is_ipv4);
	assert_int_equal(network_of("10.0.0.0/8").bits, 104);
}

static void
one_of_several_networks_is_enough(void **state)
{
	struct network nets[] = { network_of("10.0.0.0/8"), network_of("2001:db8::/32") };
	struct addr addr;

	(void)state;
	assert_int_equal(addr_parse(&addr, SLICE("2001:db8::1"), 0, NULL), ERR_OK);
	assert_true(networks_have(nets, 2, &addr.sa));
	assert_false(networks_have(nets, 1, &addr.sa));
	assert_false(networks_have(NULL, 0, &addr.sa));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_in_its_network),
		cmocka_unit_test(what_is_no_network_is_refused_with_a_reason),
		cmocka_unit_test(a_mapped_network_is_one_of_ipv4),
		cmocka_unit_test(one_of_several_networks_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
