/*
 * The command line.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "adminapi/daemon/options.h"

#define ARGS_MAX 48

/* Parse words parted by spaces, as main() would. */
static bool
parse(struct options *options, const char *words)
{
	static char text[1024];		/* options borrow it */
	static char name[] = "sluice";
	char *argv[ARGS_MAX + 1] = { name }, *save = NULL;
	int argc = 1;

	assert_true(strlen(words) < sizeof(text));
	strcpy(text, words);
	for (char *word = strtok_r(text, " ", &save); word != NULL;
	    word = strtok_r(NULL, " ", &save)) {
		assert_true(argc < ARGS_MAX);
		argv[argc++] = word;
	}
	optind = 0;			/* glibc: begin anew */
	return options_parse(options, argc, argv);
}

static void
no_argument_is_needed(void **state)
{
	struct options options;

	(void)state;
	assert_true(parse(&options, ""));
	assert_null(options.file);
	assert_null(options.state_dir);
	assert_null(options.files_dir);
	assert_null(options.log_dir);
	assert_int_equal(options.admin_count, 0);
	assert_int_equal(options.threads, 0);
	assert_false(options.check || options.help || options.version);
}

static void
each_option_is_kept(void **state)
{
	struct options options;

	(void)state;
	assert_true(parse(&options,
			  "-f a.json --check --expressions --admin 127.0.0.1:1 --state-dir /s --files-dir f --log-dir l --threads 3 "
		"--admin unix:/x --version -h"));
	assert_string_equal(options.file, "a.json");
	assert_string_equal(options.state_dir, "/s");
	assert_string_equal(options.files_dir, "f");
	assert_string_equal(options.log_dir, "l");
	assert_int_equal(options.admin_count, 2);
	assert_string_equal(options.admin[0], "127.0.0.1:1");
	assert_string_equal(options.admin[1], "unix:/x");
	assert_int_equal(options.threads, 3);
	assert_true(options.check && options.expressions && options.help && options.version);
}

static void
a_number_of_threads_is_one_of_1_to_64(void **state)
{
	static const char *const bad[] = { "0", "65", "-1", "1x", "", "99999999999999999999" };
	struct options options;
	char words[64];

	(void)state;
	assert_true(parse(&options, "--threads 1"));
	assert_true(parse(&options, "--threads 64"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(words, sizeof(words), "--threads=%s", bad[i]);
		assert_false(parse(&options, words));
	}
}

static void
what_is_not_known_is_refused(void **state)
{
	struct options options;

	(void)state;
	assert_false(parse(&options, "--bogus"));
	assert_false(parse(&options, "-f"));
	assert_false(parse(&options, "-f a.json b.json"));
}

static void
admin_addresses_have_a_limit(void **state)
{
	char words[512] = "";
	struct options options;

	(void)state;
	for (int i = 0; i < OPTIONS_ADMIN_MAX; i++)
		strcat(words, "--admin 127.0.0.1:1 ");
	assert_true(parse(&options, words));
	assert_int_equal(options.admin_count, OPTIONS_ADMIN_MAX);
	strcat(words, "--admin 127.0.0.1:1");
	assert_false(parse(&options, words));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_argument_is_needed),
		cmocka_unit_test(each_option_is_kept),
		cmocka_unit_test(a_number_of_threads_is_one_of_1_to_64),
		cmocka_unit_test(what_is_not_known_is_refused),
		cmocka_unit_test(admin_addresses_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
