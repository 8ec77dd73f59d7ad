/*
 * The limit of descriptors and what fits below it. Each test sees a process of its own: a hard limit that
 * was lowered does not come back.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "adminapi/apply/limits.h"

static rlim_t
soft_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

/* Does `holds` hold in a process with these limits? */
static bool
in_process(rlim_t soft, rlim_t hard, bool (*holds)(void))
{
	const struct rlimit limit = { .rlim_cur = soft, .rlim_max = hard };
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(setrlimit(RLIMIT_NOFILE, &limit) == 0 && holds() ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool
a_thousand_fit(void)
{
	struct diag why;

	return limits_raise(1000, &why) == ERR_OK && soft_limit() >= 2000;
}

static bool
a_few_change_nothing(void)
{
	struct diag why;
	rlim_t before = soft_limit();

	return limits_raise(10, &why) == ERR_OK && soft_limit() == before;
}

/* More than the kernel gives to anybody, root or not (fs.nr_open is at most 2^31). */
static bool
all_are_too_many(void)
{
	struct diag why;

	return limits_raise(UINT32_MAX, &why) == ERR_LIMIT &&
	    strstr(why.text, "but the limit is 4096") != NULL && soft_limit() == 256;
}

static bool
what_is_possible_fits(void)
{
	struct diag why;
	uint32_t maxconn = limits_maxconn();

	return maxconn > 0 && limits_raise(maxconn, &why) == ERR_OK &&
	    (rlim_t)maxconn * 2 <= soft_limit();
}

static bool
something_is_possible(void)
{
	return limits_maxconn() > 0;
}

static void
the_soft_limit_is_raised(void **state)
{
	(void)state;
	assert_true(in_process(256, 4096, a_thousand_fit));
	assert_true(in_process(4096, 4096, a_few_change_nothing));
}

static void
an_impossible_number_says_what_the_limit_is(void **state)
{
	(void)state;
	assert_true(in_process(256, 4096, all_are_too_many));
}

static void
the_possible_number_fits_the_limit(void **state)
{
	(void)state;
	assert_true(in_process(256, 4096, what_is_possible_fits));
	assert_true(in_process(256, 10000, what_is_possible_fits));
	assert_true(in_process(64, 64, something_is_possible));
}

/* Places in the kernel's table of descriptors. */
static unsigned long
table_size(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long size = 0;
	char line[256];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "FDSize: %lu", &size) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return size;
}

static bool
the_table_takes_what_the_hard_limit_allows(void)
{
	rlim_t before = soft_limit();

	limits_make_table();
	return table_size() >= 4096 && table_size() < 10000 && soft_limit() == before;
}

static void
the_table_of_descriptors_is_made_in_advance(void **state)
{
	(void)state;
	assert_true(in_process(256, 4096, the_table_takes_what_the_hard_limit_allows));
}

static void
there_is_at_least_one_cpu(void **state)
{
	(void)state;
	assert_in_range(limits_cpus(), 1, 64);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_soft_limit_is_raised),
		cmocka_unit_test(an_impossible_number_says_what_the_limit_is),
		cmocka_unit_test(the_possible_number_fits_the_limit),
		cmocka_unit_test(the_table_of_descriptors_is_made_in_advance),
		cmocka_unit_test(there_is_at_least_one_cpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
