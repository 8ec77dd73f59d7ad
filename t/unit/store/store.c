/*
 * adminapi/store: what goes in comes out, the file is what it says, two processes never share it.
 */
#include "config.h"
#include "t/unit/store/scene.h"
#include <sqlite3.h>
#include <sys/wait.h>

static void
what_was_put_is_there_after_a_restart_in_order_of_its_path(void **state)
{
	struct scene *s = *state;
	struct store_txn *txn = txn_of("/b", "{\"x\":\"\xc3\xa4\"}", 7);

	assert_int_equal(store_txn_put(txn, "/a/b", SLICE("{}"), SLICE("{\"m\":1}"), 8), ERR_OK);
	assert_int_equal(store_txn_put(txn, "/a", SLICE("1"), SLICE(""), 9), ERR_OK);
	scene_open(s);
	scene_start(s);
	assert_int_equal(scene_commit(s, txn, 1), ERR_OK);
	assert_string_equal(scene_reload(s),
			    "/a 1  9\n/a/b {} {\"m\":1} 8\n/b {\"x\":\"\xc3\xa4\"}  7\n");
}

static void
a_put_replaces_and_a_delete_takes_one_row_alone(void **state)
{
	struct scene *s = *state;
	struct store_txn *txn = txn_of("/a", "1", 1);

	assert_int_equal(store_txn_put(txn, "/a/b", SLICE("2"), SLICE(""), 1), ERR_OK);
	assert_int_equal(store_txn_put(txn, "/c", SLICE("3"), SLICE("old"), 1), ERR_OK);
	scene_open(s);
	scene_start(s);
	assert_int_equal(scene_commit(s, txn, 1), ERR_OK);
	txn = txn_of("/c", "4", UINT64_C(9007199254740993));
	assert_int_equal(store_txn_delete(txn, "/a"), ERR_OK);
	assert_int_equal(store_txn_delete(txn, "/never"), ERR_OK);
	assert_int_equal(scene_commit(s, txn, 1), ERR_OK);
	assert_string_equal(scene_reload(s), "/a/b 2  1\n/c 4  9007199254740993\n");
}

static void
a_setting_is_kept_and_an_unknown_one_is_said_to_be(void **state)
{
	struct scene *s = *state;
	struct store_txn *txn = txn_new();
	struct buf value = { 0 };

	assert_int_equal(store_txn_setting(txn, "file", SLICE("abc")), ERR_OK);
	assert_int_equal(store_txn_setting(txn, "file", SLICE("def")), ERR_OK);
	scene_open(s);
	scene_start(s);
	assert_int_equal(scene_commit(s, txn, 1), ERR_OK);
	scene_close(s);
	scene_open(s);
	assert_int_equal(store_setting(s->store, "file", &value, &s->diag), ERR_OK);
	assert_int_equal(value.len, 3);
	assert_memory_equal(value.at, "def", 3);
	assert_int_equal(store_setting(s->store, "file2", &value, &s->diag), ERR_UNKNOWN);
	buf_fini(&value);
}

static enum err
settings_note(struct slice key, struct slice value, void *arg)
{
	buf_printf(arg, "%.*s=%.*s\n", (int)key.len, key.at, (int)value.len, value.at);
	return ERR_OK;
}

static void
settings_of_a_prefix_come_in_order_and_one_that_is_taken_back_is_none(void **state)
{
	struct scene *s = *state;
	struct store_txn *txn = txn_new();
	struct buf seen = { 0 };

	assert_int_equal(store_txn_setting(txn, "op/2", SLICE("b")), ERR_OK);
	assert_int_equal(store_txn_setting(txn, "op/1", SLICE("a")), ERR_OK);
	assert_int_equal(store_txn_setting(txn, "op/3", SLICE("c")), ERR_OK);
	assert_int_equal(store_txn_setting(txn, "oq", SLICE("d")), ERR_OK);
	assert_int_equal(store_txn_setting_gone(txn, "op/3"), ERR_OK);
	assert_int_equal(store_txn_setting_gone(txn, "op/4"), ERR_OK);
	scene_open(s);
	scene_start(s);
	assert_int_equal(scene_commit(s, txn, 1), ERR_OK);
	scene_close(s);
	scene_open(s);
	assert_int_equal(store_settings(s->store, "op/", settings_note, &seen, &s->diag), ERR_OK);
	buf_put(&seen, "", 1);
	assert_string_equal(seen.at, "op/1=a\nop/2=b\n");
	buf_fini(&seen);
}

static void
the_store_in_memory_takes_the_same_path_and_forgets(void **state)
{
	struct scene *s = *state;

	assert_int_equal(scene_try_open(s, NULL, false), ERR_OK);
	scene_start(s);
	assert_int_equal(scene_commit(s, txn_of("/a", "1", 1), 1), ERR_OK);
	scene_close(s);
	assert_int_equal(scene_try_open(s, NULL, false), ERR_OK);
	assert_string_equal(scene_load(s), "");
}

static enum err
refuse(const struct store_row *row, void *arg)
{
	(void)row;
	*(unsigned *)arg += 1;
	return ERR_LIMIT;
}

static void
a_receiver_of_rows_may_call_it_off(void **state)
{
	struct scene *s = *state;
	struct store_txn *txn = txn_of("/a", "1", 1);
	unsigned rows = 0;

	assert_int_equal(store_txn_put(txn, "/b", SLICE("1"), SLICE(""), 1), ERR_OK);
	scene_open(s);
	scene_start(s);
	assert_int_equal(scene_commit(s, txn, 1), ERR_OK);
	scene_close(s);
	scene_open(s);
	assert_int_equal(store_load(s->store, refuse, &rows, &s->diag), ERR_LIMIT);
	assert_int_equal(rows, 1);
}

static unsigned
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
directory_and_files_are_the_owners_alone_whatever_the_umask(void **state)
{
	struct scene *s = *state;
	mode_t before = umask(0);
	char wal[160];

	scene_open(s);
	umask(before);
	snprintf(wal, sizeof(wal), "%s-wal", s->db);
	assert_int_equal(mode_of(s->state), 0700);
	assert_int_equal(mode_of(s->db), 0600);
	assert_int_equal(mode_of(wal), 0600);
}

static int64_t
ask(const char *path, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *statement;
	int64_t value;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}

static void
history_add(struct scene *s, uint64_t number, size_t bytes)
{
	struct store_txn *txn = txn_new();
	char *changes = calloc(1, bytes + 1);

	assert_non_null(changes);
	memset(changes, 'x', bytes);
	assert_int_equal(store_txn_revision(txn, number, 1000 * number, number % 2 ? "me" : NULL,
					    NULL, (struct slice){ changes, bytes }),
			 ERR_OK);
	free(changes);
	store_commit(s->store, txn, 1, scene_answer, s);
}

/* As the next start sees it. */
static uint64_t
last_revision(struct scene *s)
{
	uint64_t last;

	scene_open(s);
	assert_int_equal(store_last_revision(s->store, &last, &s->diag), ERR_OK);
	scene_close(s);
	return last;
}

static void
the_history_keeps_the_newest_thousand(void **state)
{
	struct scene *s = *state;

	assert_int_equal(last_revision(s), 0);
	scene_open(s);
	scene_start(s);
	for (uint64_t n = 1; n <= 600; n++)
		history_add(s, 2 * n, 10);
	scene_wait(s, 600);
	scene_close(s);
	scene_open(s);		/* the count is taken from the file again */
	scene_start(s);
	for (uint64_t n = 601; n <= 1200; n++)
		history_add(s, 2 * n, 10);
	scene_wait(s, 1200);
	for (unsigned i = 0; i < s->answers; i++)
		assert_int_equal(s->results[i], ERR_OK);
	scene_close(s);
	assert_int_equal(last_revision(s), 2400);
	assert_int_equal(ask(s->db, "SELECT count(*) FROM revisions"), STORE_REVISIONS_MAX);
	assert_int_equal(ask(s->db, "SELECT min(number) FROM revisions"), 402);
	assert_int_equal(ask(s->db, "SELECT max(number) FROM revisions"), 2400);
	assert_int_equal(ask(s->db, "SELECT count(*) FROM revisions WHERE actor IS NULL"), 1000);
	assert_int_equal(ask(s->db, "SELECT time_us FROM revisions WHERE number = 402"), 402000);
}

static void
the_history_is_bounded_in_bytes_and_never_loses_the_newest(void **state)
{
	struct scene *s = *state;

	scene_open(s);
	scene_start(s);
	history_add(s, 1, 10);
	history_add(s, 2, 10);
	history_add(s, 3, STORE_HISTORY_BYTES_MAX - 10);
	scene_wait(s, 3);
	scene_close(s);
	assert_int_equal(ask(s->db, "SELECT min(number) FROM revisions"), 2);
	scene_open(s);
	scene_start(s);
	history_add(s, 4, STORE_HISTORY_BYTES_MAX + 1);
	scene_wait(s, 4);
	assert_int_equal(s->results[3], ERR_OK);
	scene_close(s);
	assert_int_equal(ask(s->db, "SELECT min(number) FROM revisions"), 4);
}

static void
a_second_process_is_told_who_holds_the_store(void **state)
{
	struct scene *s = *state;
	char who[64];
	int status;
	pid_t child;

	scene_open(s);
	snprintf(who, sizeof(who), "process %d ", (int)getpid());
	child = fork();
	if (child == 0) {
		struct store *other;
		enum err e = store_open(&other, s->state, false, &s->diag);

		_exit(e == ERR_BUSY && strstr(s->diag.text, who) != NULL &&
				      strstr(s->diag.text, "/sluice.lock: ") != NULL
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	scene_close(s);
	scene_open(s); /* and the lock goes with the store */
}

static void
nobody_in_this_process_opens_it_twice_either(void **state)
{
	struct scene *s = *state;
	struct store *other = NULL;

	scene_open(s);
	assert_int_equal(store_open(&other, s->state, false, &s->diag), ERR_BUSY);
	assert_null(other);
}

static unsigned
files_in(const char *dir)
{
	unsigned count = 0;
	char path[256];
	static const char *const names[] = { "sluice.db", "sluice.db-wal", "sluice.db-shm",
					     "sluice.lock" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		count += access(path, F_OK) == 0;
	}
	return count;
}

static void
reading_alone_makes_nothing_and_sees_what_a_running_one_saved(void **state)
{
	struct scene *s = *state;
	struct store *writer;

	assert_int_equal(scene_try_open(s, s->state, true), ERR_UNKNOWN);
	assert_int_equal(access(s->state, F_OK), -1);
	scene_open(s);
	scene_start(s);
	assert_int_equal(scene_commit(s, txn_of("/a", "1", 1), 1), ERR_OK);
	writer = s->store;
	assert_int_equal(scene_try_open(s, s->state, true), ERR_OK);
	assert_string_equal(scene_load(s), "/a 1  1\n");
	store_close(&s->store);
	s->store = writer;
	assert_int_equal(scene_commit(s, txn_of("/b", "1", 2), 1), ERR_OK);
	scene_close(s);
	assert_int_equal(files_in(s->state), 2); /* the file, the lock; the log went with the end */
	assert_int_equal(scene_try_open(s, s->state, true), ERR_OK);
	assert_string_equal(scene_load(s), "/a 1  1\n/b 1  2\n");
	assert_int_equal(files_in(s->state), 2);
}

static void
a_commit_to_a_store_opened_for_reading_fails_with_words(void **state)
{
	struct scene *s = *state;

	scene_open(s);
	scene_close(s);
	assert_int_equal(scene_try_open(s, s->state, true), ERR_OK);
	scene_start(s);
	assert_int_equal(scene_commit(s, txn_of("/a", "1", 1), 1), ERR_SYSTEM);
	assert_non_null(strstr(s->why, "sluice.db: it is read-only"));
}

static void
a_path_with_signs_that_mean_something_in_a_uri_is_a_path(void **state)
{
	struct scene *s = *state;

	snprintf(s->state, sizeof(s->state), "%s/a?mode=memory#b%%41", s->dir);
	scene_open(s);
	scene_start(s);
	assert_int_equal(scene_commit(s, txn_of("/a", "1", 1), 1), ERR_OK);
	scene_close(s);
	assert_int_equal(scene_try_open(s, s->state, true), ERR_OK);
	assert_string_equal(scene_load(s), "/a 1  1\n");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_begin, scene_end)
	const struct CMUnitTest tests[] = {
		TEST(what_was_put_is_there_after_a_restart_in_order_of_its_path),
		TEST(a_put_replaces_and_a_delete_takes_one_row_alone),
		TEST(a_setting_is_kept_and_an_unknown_one_is_said_to_be),
		TEST(settings_of_a_prefix_come_in_order_and_one_that_is_taken_back_is_none),
		TEST(the_store_in_memory_takes_the_same_path_and_forgets),
		TEST(a_receiver_of_rows_may_call_it_off),
		TEST(directory_and_files_are_the_owners_alone_whatever_the_umask),
		TEST(the_history_keeps_the_newest_thousand),
		TEST(the_history_is_bounded_in_bytes_and_never_loses_the_newest),
		TEST(a_second_process_is_told_who_holds_the_store),
		TEST(nobody_in_this_process_opens_it_twice_either),
		TEST(reading_alone_makes_nothing_and_sees_what_a_running_one_saved),
		TEST(a_commit_to_a_store_opened_for_reading_fails_with_words),
		TEST(a_path_with_signs_that_mean_something_in_a_uri_is_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
