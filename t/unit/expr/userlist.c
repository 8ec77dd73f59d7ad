/*
 * Userlists: who may log in, who is in which group, and what checking costs.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <crypt.h>
#include <pthread.h>
#include <stdio.h>
#include "expr/login_priv.h"
#include "expr/userlist.h"

static struct userlist *list;
static uint64_t now_ms;

static uint64_t
test_clock(void)
{
	return now_ms;
}

/* Hours between tests: what a thread may spend is whole again, and what it knew is over. */
static int
begin(void **state)
{
	now_ms += 3600000;
	login_set_clock(test_clock);
	return userlist_new(&list) == ERR_OK ? 0 : -1;
}

static int
end(void **state)
{
	userlist_unref(&list);
	login_set_clock(NULL);
	return 0;
}

static void
add(const char *user, const char *password, bool is_hash)
{
	struct diag why;

	assert_int_equal(userlist_add(list, slice_of(user), slice_of(password), is_hash, &why),
			 ERR_OK);
}

static void
add_hashed(const char *user, const char *password, const char *salt)
{
	add(user, crypt(password, salt), true);
}

static bool
enters(const char *user, const char *password)
{
	return userlist_check(list, slice_of(user), slice_of(password)) == LOGIN_RIGHT;
}

static uint64_t
checked(void)
{
	struct userlist_counts counts;

	userlist_counts(&counts);
	return counts.checked;
}

static void
a_user_enters_with_the_password_alone(void **state)
{
	static const char *const salts[] = { "$1$abcdefgh$", "$5$rounds=1000$abcdefgh$",
					     "$6$rounds=1000$abcdefgh$" };

	add("plain", "pass", false);
	assert_true(enters("plain", "pass"));
	assert_false(enters("plain", "pas"));
	assert_false(enters("plain", "passs"));
	assert_false(enters("plain", ""));
	assert_false(enters("nobody", "pass"));
	for (size_t i = 0; i < sizeof(salts) / sizeof(salts[0]); i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%zu", i);
		add_hashed(user, "secret", salts[i]);
		assert_true(enters(user, "secret"));
		assert_false(enters(user, "Secret"));
		assert_false(enters(user, ""));
	}
}

static void
a_password_with_a_nul_or_too_long_is_none(void **state)
{
	static char long_one[USERLIST_PASSWORD_MAX_BYTES + 2];

	memset(long_one, 'x', sizeof(long_one) - 1);
	add("plain", "pass", false);
	add_hashed("u", "pass", "$6$rounds=1000$abcdefgh$");
	assert_int_equal(userlist_check(list, SLICE("plain"), (struct slice){ "pass\0x", 6 }),
			 LOGIN_WRONG);
	assert_int_equal(userlist_check(list, SLICE("u"), (struct slice){ "pass\0x", 6 }),
			 LOGIN_WRONG);
	assert_false(enters("u", long_one));
	assert_int_equal(userlist_check(list, SLICE("plain"), (struct slice){ "", 0 }),
			 LOGIN_WRONG);
}

static void
what_is_no_hash_is_refused(void **state)
{
	struct diag why;

	assert_int_equal(userlist_add(list, SLICE("u"), SLICE("!*"), true, &why), ERR_INVALID);
	assert_int_equal(userlist_add(list, SLICE("u"), SLICE("plain"), true, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "insecure_password"));
	assert_int_equal(userlist_add(list, SLICE("u"), SLICE("thirteen-char"), true, &why),
			 ERR_INVALID);
	assert_int_equal(userlist_count(list), 0);
	add_hashed("des", "pass", "ab");
	assert_true(enters("des", "pass"));
	add("u", "x", false);
	assert_int_equal(userlist_add(list, SLICE("u"), SLICE("y"), false, &why), ERR_EXISTS);
}

static void
what_would_hold_a_worker_for_long_is_refused(void **state)
{
	static const char *const hashes[] = {
		"$6$rounds=1000001$abcdefgh$x", "$5$rounds=999999999$abcdefgh$x",
		"$2b$14$abcdefghijklmnopqrstuuOeZ2WqVnlY8jYqkGf4JkqjE0m0aaaaa",
	};
	struct diag why;

	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
		assert_int_equal(userlist_add(list, SLICE("u"), slice_of(hashes[i]), true, &why),
				 ERR_INVALID);
		assert_non_null(strstr(why.text, "too long"));
	}
	add("u", "$6$rounds=1000000$abcdefgh$x", true);
}

static void
users_are_found_whatever_order_they_came_in(void **state)
{
	char user[16];

	for (int i = 0; i < 1000; i++) {
		snprintf(user, sizeof(user), "u%d", (i * 617) % 1000);
		add(user, user, false);
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(user, sizeof(user), "u%d", i);
		assert_true(enters(user, user));
	}
	assert_false(enters("u1000", "u1000"));
}

static bool
is_in(const char *user, const char *group)
{
	struct slice name;
	uint32_t index = 0;

	while (userlist_group_next(list, slice_of(user), &index, &name))
		if (slice_equals(name, slice_of(group)))
			return true;
	return false;
}

static void
groups_have_their_users(void **state)
{
	add("joe", "x", false);
	add("ann", "x", false);
	assert_int_equal(userlist_add_to_group(list, SLICE("joe"), SLICE("admin")), ERR_OK);
	assert_int_equal(userlist_add_to_group(list, SLICE("joe"), SLICE("admin")), ERR_OK);
	assert_int_equal(userlist_add_to_group(list, SLICE("ann"), SLICE("staff")), ERR_OK);
	assert_int_equal(userlist_add_to_group(list, SLICE("bob"), SLICE("staff")), ERR_UNKNOWN);
	assert_true(is_in("joe", "admin"));
	assert_false(is_in("joe", "staff"));
	assert_false(is_in("joe", "none"));
	assert_false(is_in("bob", "staff"));
}

static void
a_login_is_checked_once_while_it_is_used(void **state)
{
	uint64_t before;

	add_hashed("u", "secret", "$6$rounds=1000$abcdefgh$");
	before = checked();
	for (int i = 0; i < 10; i++) {
		assert_true(enters("u", "secret"));
		now_ms += USERLIST_KNOWN_MS - 1;
	}
	assert_int_equal(checked(), before + 1);
	now_ms += 2;
	assert_true(enters("u", "secret"));
	assert_int_equal(checked(), before + 2);
}

static void
a_wrong_password_is_known_for_a_while_too(void **state)
{
	uint64_t before;

	add_hashed("u", "secret", "$6$rounds=1000$abcdefgh$");
	before = checked();
	assert_false(enters("u", "wrong"));
	now_ms += USERLIST_KNOWN_MS - 1;
	assert_false(enters("u", "wrong"));
	assert_int_equal(checked(), before + 1);
	now_ms += 2;
	assert_false(enters("u", "wrong"));
	assert_int_equal(checked(), before + 2);
}

static void
guesses_are_bounded_and_crowd_no_login_out(void **state)
{
	struct userlist_counts before, after;
	char guess[16];

	add_hashed("u", "secret", "$6$rounds=10000$abcdefgh$");
	assert_true(enters("u", "secret"));
	userlist_counts(&before);
	for (int i = 0; i < 2000; i++) {
		snprintf(guess, sizeof(guess), "%d", i);
		assert_false(enters("u", guess));
	}
	userlist_counts(&after);
	assert_true(after.refused > before.refused);
	assert_true(after.spent_us - before.spent_us < 1500000);
	assert_true(enters("u", "secret"));
	now_ms += 10000;
	before = after;
	assert_false(enters("u", "another"));
	userlist_counts(&after);
	assert_int_equal(after.checked, before.checked + 1);
}

static void
guesses_at_one_user_lock_no_other_out(void **state)
{
	struct userlist_counts before, after;
	enum login_verdict verdict = LOGIN_WRONG;
	char guess[16];
	int wrong = 0;

	add_hashed("eve", "secret", "$6$rounds=50000$abcdefgh$");
	add_hashed("bob", "secret", "$6$rounds=50000$abcdefgh$");
	for (int i = 0; i < 60000; i++) {
		snprintf(guess, sizeof(guess), "%d", i);
		verdict = userlist_check(list, SLICE("eve"), slice_of(guess));
		wrong += verdict == LOGIN_WRONG;
		now_ms++;
	}
	assert_int_equal(verdict, LOGIN_UNCHECKED);	/* it is not said to be wrong */
	assert_true(wrong > 0);
	assert_int_equal(userlist_check(list, SLICE("bob"), SLICE("guess")), LOGIN_WRONG);
	userlist_counts(&before);
	assert_true(enters("bob", "secret"));
	userlist_counts(&after);
	assert_int_equal(after.refused, before.refused);
	now_ms += 10000;
	assert_true(enters("eve", "secret"));	/* and her, when it is quiet */
}

static void *
log_in_often(void *arg)
{
	struct userlist *mine = userlist_ref(arg);

	for (int i = 0; i < 1000; i++)
		assert_int_equal(userlist_check(mine, SLICE("u"), SLICE("secret")), LOGIN_RIGHT);
	userlist_unref(&mine);
	return NULL;
}

static void
threads_ask_at_once(void **state)
{
	pthread_t threads[4];

	add_hashed("u", "secret", "$5$rounds=1000$abcdefgh$");
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_in_often, list), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_user_enters_with_the_password_alone),
		TEST(a_password_with_a_nul_or_too_long_is_none),
		TEST(what_is_no_hash_is_refused),
		TEST(what_would_hold_a_worker_for_long_is_refused),
		TEST(users_are_found_whatever_order_they_came_in),
		TEST(groups_have_their_users),
		TEST(a_login_is_checked_once_while_it_is_used),
		TEST(a_wrong_password_is_known_for_a_while_too),
		TEST(guesses_are_bounded_and_crowd_no_login_out),
		TEST(guesses_at_one_user_lock_no_other_out),
		TEST(threads_ask_at_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
