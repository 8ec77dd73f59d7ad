/*
 * The name that was meant, or none.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "core/hint.h"

static const char *
meant(const char *word)
{
	static const char *const names[] = {
		"address", "admin_state", "backup", "id", "maxconn", "min_usable", "name", "weight",
	};
	const char *hint = hint_nearest(word, names, sizeof(names) / sizeof(names[0]));

	return hint != NULL ? hint : "none";
}

static void
slips_of_the_finger_are_understood(void **state)
{
	(void)state;
	assert_string_equal(meant("wieght"), "weight");
	assert_string_equal(meant("weigth"), "weight");
	assert_string_equal(meant("adress"), "address");
	assert_string_equal(meant("weights"), "weight");
	assert_string_equal(meant("backupp"), "backup");
	assert_string_equal(meant("maxcon"), "maxconn");
}

static void
case_and_dashes_are_no_difference(void **state)
{
	(void)state;
	assert_string_equal(meant("MAXCONN"), "maxconn");
	assert_string_equal(meant("admin-state"), "admin_state");
	assert_string_equal(meant("minUsable"), "min_usable");
	assert_string_equal(meant("Max-Conn"), "maxconn");
}

static void
the_beginning_of_a_name_is_near_to_it(void **state)
{
	(void)state;
	assert_string_equal(meant("addr"), "address");
	assert_string_equal(meant("min"), "min_usable");
}

static void
a_word_like_no_other_gets_no_hint(void **state)
{
	(void)state;
	assert_string_equal(meant("cookie"), "none");
	assert_string_equal(meant("x"), "none");
	assert_string_equal(meant(""), "none");
}

static void
a_very_long_word_gets_no_hint(void **state)
{
	char word[70000];

	(void)state;
	memset(word, 'w', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	assert_string_equal(meant(word), "none");
}

static void
no_names_no_hint(void **state)
{
	(void)state;
	assert_null(hint_nearest("weight", NULL, 0));
}

static void
what_a_later_version_will_have_is_told(void **state)
{
	(void)state;
	assert_string_equal(hint_later("ssl_fc_sni"), "needs TLS, which is not in this version");
	assert_string_equal(hint_later("sc0_conn_rate"),
			    "needs stick tables, which are not in this version");
	assert_string_equal(hint_later("track-sc0"),
			    "needs stick tables, which are not in this version");
	assert_null(hint_later("src_port"));
	assert_null(hint_later(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_later_version_will_have_is_told),
		cmocka_unit_test(slips_of_the_finger_are_understood),
		cmocka_unit_test(case_and_dashes_are_no_difference),
		cmocka_unit_test(the_beginning_of_a_name_is_near_to_it),
		cmocka_unit_test(a_word_like_no_other_gets_no_hint),
		cmocka_unit_test(a_very_long_word_gets_no_hint),
		cmocka_unit_test(no_names_no_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
