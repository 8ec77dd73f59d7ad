/*
 * adminapi/store when the disk is full, faulty or read-only, and the file damaged, foreign or gone:
 * words that name file and cause, nothing half saved, and well again when the cause is.
 */
#include "config.h"
#include "t/unit/store/disk.h"
#include "t/unit/store/scene.h"
#include <sqlite3.h>
#include <sys/wait.h>

#define NOBODY 65534

static int
disk_mend(void **state)
{
	disk.writes_left = INT_MAX;
	disk.sync_errno = 0;
	return scene_end(state);
}

/* An answer or a diag names the file and says why. */
static void
assert_words(struct scene *s, const char *text, const char *words)
{
	if (strncmp(text, s->dir, strlen(s->dir)) != 0 || strstr(text, words) == NULL)
		fail_msg("\"%s\" should name the file and say \"%s\"", text, words);
}

static void
assert_refused(struct scene *s, enum err expected, const char *words)
{
	assert_int_equal(scene_try_open(s, s->state, false), expected);
	assert_null(s->store);
	assert_words(s, s->diag.text, words);
}

/* A store with one row that was saved, running. */
static void
scene_running(struct scene *s)
{
	scene_open(s);
	scene_start(s);
	assert_int_equal(scene_commit(s, txn_of("/kept", "1", 1), 1), ERR_OK);
}

static void
a_full_disk_saves_nothing_says_so_and_works_again_with_room(void **state)
{
	struct scene *s = *state;
	struct store_txn *txn = txn_of("/a", "1", 2);

	assert_int_equal(store_txn_put(txn, "/b", SLICE("1"), SLICE(""), 2), ERR_OK);
	scene_running(s);
	disk.writes_left = 1;
	assert_int_equal(scene_commit(s, txn, 1), ERR_LIMIT);
	assert_words(s, s->why, "/sluice.db: the disk is full");
	assert_int_equal(scene_commit(s, txn_of("/c", "1", 2), 2), ERR_LIMIT);
	disk.writes_left = INT_MAX;
	assert_int_equal(scene_commit(s, txn_of("/d", "1", 2), 3), ERR_OK);
	assert_string_equal(scene_reload(s), "/d 1  2\n/kept 1  1\n");
}

static void
a_transaction_is_cut_at_no_write_of_the_disk(void **state)
{
	struct scene *s = *state;
	char big[9000];
	enum err result = ERR_LIMIT;
	int room;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	scene_running(s);
	for (room = 0; result != ERR_OK; room++) {
		struct store_txn *txn = txn_of("/big", big, 1);

		assert_int_equal(store_txn_delete(txn, "/kept"), ERR_OK);
		disk.writes_left = room;
		result = scene_commit(s, txn, (uint64_t)room + 1);
		disk.writes_left = INT_MAX;
		if (result != ERR_OK)
			assert_string_equal(scene_reload(s), "/kept 1  1\n");
		scene_close(s);
		scene_open(s);
		scene_start(s);
	}
	assert_true(room > 4);
	scene_close(s);
	scene_open(s);
	assert_int_equal(strncmp(scene_load(s), "/big xxx", 8), 0);
}

static void
a_sync_that_fails_fails_the_commit(void **state)
{
	struct scene *s = *state;

	scene_running(s);
	disk.sync_errno = EIO;
	assert_int_equal(scene_commit(s, txn_of("/a", "1", 2), 1), ERR_SYSTEM);
	assert_words(s, s->why, "/sluice.db: input/output error: Input/output error");
	disk.sync_errno = ENOSPC;
	assert_int_equal(scene_commit(s, txn_of("/b", "1", 2), 2), ERR_LIMIT);
	assert_words(s, s->why, "/sluice.db: the disk is full");
	disk.sync_errno = 0;
	assert_int_equal(scene_commit(s, txn_of("/c", "1", 2), 3), ERR_OK);
	assert_string_equal(scene_reload(s), "/c 1  2\n/kept 1  1\n");
}

static void
a_first_start_cut_short_at_any_write_leaves_a_folder_that_opens(void **state)
{
	struct scene *s = *state;
	int room = 0;

	disk.writes_left = 0;
	while (scene_try_open(s, s->state, false) != ERR_OK) {
		char wal[160];

		assert_words(s, s->diag.text, "/sluice.db: the disk is full");
		disk.writes_left = INT_MAX;
		scene_open(s);
		assert_string_equal(scene_load(s), "");
		scene_close(s);
		snprintf(wal, sizeof(wal), "%s-wal", s->db);
		unlink(s->db);
		unlink(wal);
		disk.writes_left = ++room;
	}
	assert_true(room > 2);
}

static void
a_file_that_was_deleted_moved_or_replaced_takes_no_more(void **state)
{
	struct scene *s = *state;
	char away[160], wal[160];

	snprintf(away, sizeof(away), "%s-away", s->db);
	snprintf(wal, sizeof(wal), "%s-wal", s->db);
	scene_running(s);
	assert_int_equal(rename(s->db, away), 0);
	assert_int_equal(scene_commit(s, txn_of("/a", "1", 2), 1), ERR_GONE);
	assert_words(s, s->why, "/sluice.db: it or its -wal file was moved, replaced or deleted");
	assert_int_equal(close(open(s->db, O_WRONLY | O_CREAT, 0600)), 0);
	assert_int_equal(scene_commit(s, txn_of("/b", "1", 2), 2), ERR_GONE);
	assert_int_equal(rename(away, s->db), 0);
	assert_int_equal(scene_commit(s, txn_of("/c", "1", 2), 3), ERR_OK);
	assert_int_equal(unlink(wal), 0);
	assert_int_equal(scene_commit(s, txn_of("/d", "1", 2), 4), ERR_GONE);
}

/* Overwrite `len` bytes at `offset` (from the end where negative) with rubbish. */
static void
file_spoil(const char *path, off_t offset, size_t len)
{
	int fd = open(path, O_RDWR);
	char *rubbish = malloc(len);

	assert_true(fd >= 0);
	assert_non_null(rubbish);
	memset(rubbish, 0xa5, len);
	if (offset < 0)
		offset += lseek(fd, 0, SEEK_END);
	assert_int_equal(pwrite(fd, rubbish, len, offset), len);
	free(rubbish);
	close(fd);
}

static void
scene_filled(struct scene *s)
{
	struct store_txn *txn = txn_of("/kept", "1", 1);
	char path[32];

	for (int i = 0; i < 2000; i++) {
		snprintf(path, sizeof(path), "/servers/%d", i);
		assert_int_equal(store_txn_put(txn, path, SLICE("{\"address\":\"10.0.0.1:80\"}"),
					       SLICE(""), 1),
				 ERR_OK);
	}
	scene_open(s);
	scene_start(s);
	assert_int_equal(scene_commit(s, txn, 1), ERR_OK);
	scene_close(s);
}

static void
a_file_that_is_no_database_is_damaged(void **state)
{
	struct scene *s = *state;

	scene_filled(s);
	file_spoil(s->db, 0, 512);
	assert_refused(s, ERR_INVALID, "/sluice.db: damaged: it is not a database");
	assert_refused(s, ERR_INVALID, "/sluice.db: damaged"); /* and again: nothing was mended */
}

static void
a_spoilt_page_in_the_middle_is_found_at_the_start(void **state)
{
	struct scene *s = *state;

	scene_filled(s);
	file_spoil(s->db, 10 * 4096, 4096);
	assert_refused(s, ERR_INVALID, "/sluice.db: damaged");
}

static void
a_file_cut_short_is_damaged(void **state)
{
	struct scene *s = *state;
	struct stat st;

	scene_filled(s);
	assert_int_equal(stat(s->db, &st), 0);
	assert_int_equal(truncate(s->db, st.st_size / 2), 0);
	assert_refused(s, ERR_INVALID, "/sluice.db: damaged");
}

static void
change_by_hand(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
a_file_of_a_newer_version_is_left_alone(void **state)
{
	struct scene *s = *state;

	scene_filled(s);
	change_by_hand(s->db, "PRAGMA user_version = 2");
	assert_refused(s, ERR_INVALID, "/sluice.db: its format is 2 and this program knows 1");
}

static void
another_programs_database_is_left_alone(void **state)
{
	struct scene *s = *state;

	assert_int_equal(mkdir(s->state, 0700), 0);
	change_by_hand(s->db, "CREATE TABLE cookies (x)");
	assert_refused(s, ERR_INVALID, "/sluice.db: it is the database of another program");
}

static void
a_folder_that_cannot_be_is_told(void **state)
{
	struct scene *s = *state;
	char state_dir[96];

	assert_int_equal(close(open(s->state, O_WRONLY | O_CREAT, 0600)), 0);
	assert_int_equal(scene_try_open(s, s->state, false), ERR_SYSTEM);
	assert_non_null(strstr(s->diag.text, "/state: Not a directory"));
	snprintf(state_dir, sizeof(state_dir), "%s/none/here", s->dir);
	assert_int_equal(scene_try_open(s, state_dir, false), ERR_SYSTEM);
	assert_non_null(strstr(s->diag.text, "/none/here: No such file or directory"));
}

/* Root may do everything: as somebody else, who owns the files. */
static int
as_nobody(struct scene *s, void (*test)(struct scene *))
{
	pid_t child;
	int status;

	if (geteuid() == 0) {
		char lock[160];

		snprintf(lock, sizeof(lock), "%s/sluice.lock", s->state);
		assert_int_equal(chown(s->dir, NOBODY, NOBODY), 0);
		assert_int_equal(chown(s->state, NOBODY, NOBODY), 0);
		assert_int_equal(chown(s->db, NOBODY, NOBODY), 0);
		assert_int_equal(chown(lock, NOBODY, NOBODY), 0);
	}
	child = fork();
	if (child == 0) {
		if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
			_exit(2);
		test(s);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void
refuse_read_only_file(struct scene *s)
{
	if (scene_try_open(s, s->state, false) != ERR_SYSTEM ||
	    strstr(s->diag.text, "/sluice.db: it is read-only") == NULL)
		_exit(3);
}

static void
refuse_read_only_folder(struct scene *s)
{
	if (scene_try_open(s, s->state, false) != ERR_SYSTEM ||
	    strstr(s->diag.text, "/sluice.db: its directory is read-only") == NULL)
		_exit(4);
	if (scene_try_open(s, s->state, true) != ERR_OK)
		_exit(5);
	if (strncmp(scene_load(s), "/kept 1  1\n", 11) != 0)
		_exit(6);
}

static void
a_read_only_file_is_refused_by_name(void **state)
{
	struct scene *s = *state;

	scene_filled(s);
	assert_int_equal(chmod(s->db, 0400), 0);
	assert_int_equal(as_nobody(s, refuse_read_only_file), 0);
}

static void
a_read_only_folder_is_refused_and_can_still_be_read(void **state)
{
	struct scene *s = *state;
	int status;

	scene_filled(s);
	assert_int_equal(chmod(s->state, 0500), 0);
	status = as_nobody(s, refuse_read_only_folder);
	assert_int_equal(chmod(s->state, 0700), 0);
	assert_int_equal(status, 0);
}

static void
a_lock_of_somebodys_sqlite_shell_is_waited_for(void **state)
{
	struct scene *s = *state;
	sqlite3 *shell;
	unsigned before;

	scene_running(s);
	assert_int_equal(sqlite3_open(s->db, &shell), SQLITE_OK);
	assert_int_equal(sqlite3_exec(shell, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	before = s->answers;
	store_commit(s->store, txn_of("/a", "1", 2), 1, scene_answer, s);
	assert_int_equal(sqlite3_exec(shell, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(shell);
	scene_wait(s, before + 1);
	assert_int_equal(s->results[before], ERR_OK);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_begin, disk_mend)
	const struct CMUnitTest tests[] = {
		TEST(a_full_disk_saves_nothing_says_so_and_works_again_with_room),
		TEST(a_transaction_is_cut_at_no_write_of_the_disk),
		TEST(a_sync_that_fails_fails_the_commit),
		TEST(a_first_start_cut_short_at_any_write_leaves_a_folder_that_opens),
		TEST(a_file_that_was_deleted_moved_or_replaced_takes_no_more),
		TEST(a_file_that_is_no_database_is_damaged),
		TEST(a_spoilt_page_in_the_middle_is_found_at_the_start),
		TEST(a_file_cut_short_is_damaged),
		TEST(a_file_of_a_newer_version_is_left_alone),
		TEST(another_programs_database_is_left_alone),
		TEST(a_folder_that_cannot_be_is_told),
		TEST(a_read_only_file_is_refused_by_name),
		TEST(a_read_only_folder_is_refused_and_can_still_be_read),
		TEST(a_lock_of_somebodys_sqlite_shell_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
