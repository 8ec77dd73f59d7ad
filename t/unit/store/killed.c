/*
 * adminapi/store under kill -9: a child commits as fast as it can and says what it was told is
 * saved; it is killed anywhere, and the store must hold all that it said, and no half of anything.
 */
#include "config.h"
#include "t/unit/store/scene.h"
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>

#define ROUNDS	  12
#define ROWS	  5  /* that change together in each transaction */
#define IN_FLIGHT 20 /* transactions under way at once */

struct writer {
	struct scene *scene;
	int	      pipe;
	uint64_t      next;
	uint64_t      told;
};

static void writer_send(struct writer *w);

static void
writer_on_done(enum err result, const char *why, void *arg)
{
	struct writer *w = arg;

	(void)why;
	w->told++;
	if (result != ERR_OK || write(w->pipe, &w->told, sizeof(w->told)) != sizeof(w->told))
		_exit(1);
	writer_send(w);
}

/* Number n: each row's body becomes n, the row /n is made, the row of n - 3 goes. */
static void
writer_send(struct writer *w)
{
	uint64_t n = w->next++;
	char path[32], body[32];
	struct store_txn *txn = txn_new();

	snprintf(body, sizeof(body), "%" PRIu64, n);
	for (int i = 0; i < ROWS; i++) {
		snprintf(path, sizeof(path), "/row%d", i);
		assert_int_equal(store_txn_put(txn, path, slice_of(body), SLICE(""), n), ERR_OK);
	}
	snprintf(path, sizeof(path), "/n/%" PRIu64, n);
	assert_int_equal(store_txn_put(txn, path, slice_of(body), SLICE(""), n), ERR_OK);
	if (n > 3) {
		snprintf(path, sizeof(path), "/n/%" PRIu64, n - 3);
		assert_int_equal(store_txn_delete(txn, path), ERR_OK);
	}
	assert_int_equal(store_txn_revision(txn, n, n, "me", NULL, SLICE("[]")), ERR_OK);
	store_commit(w->scene->store, txn, 1, writer_on_done, w);
}

static void
writer_run(struct scene *s, int fd, uint64_t from)
{
	struct writer w = { s, fd, from + 1, from };

	if (scene_try_open(s, s->state, false) != ERR_OK ||
	    store_start(s->store, &s->box) != ERR_OK)
		_exit(1);
	for (int i = 0; i < IN_FLIGHT; i++)
		writer_send(&w);
	for (;;)
		scene_turn(s);
}

/* Start a writer, kill it after at least `enough` acknowledgements; returns the last one it gave. */
static uint64_t
writer_kill(struct scene *s, uint64_t from, uint64_t enough)
{
	uint64_t told = from, last = from;
	int fds[2], status;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0)
		writer_run(s, fds[1], from);
	close(fds[1]);
	while (last < from + enough && read(fds[0], &told, sizeof(told)) == sizeof(told))
		last = told;
	usleep((useconds_t)(rand() % 2000)); /* somewhere inside a commit */
	kill(child, SIGKILL);
	while (read(fds[0], &told, sizeof(told)) == sizeof(told))
		last = told; /* said before it died */
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	return last;
}

struct tally {
	uint64_t value;	 /* of the rows that change together */
	unsigned rows;	 /* of them */
	unsigned others; /* rows /n/N */
	uint64_t sum;	 /* of their numbers */
};

static enum err
tally_row(const struct store_row *row, void *arg)
{
	struct tally *t = arg;

	if (row->path.len > 4 && memcmp(row->path.at, "/row", 4) == 0) {
		assert_true(t->rows == 0 || t->value == row->revision);
		t->value = row->revision;
		t->rows++;
	} else {
		t->others++;
		t->sum += row->revision;
	}
	return ERR_OK;
}

static void
no_acknowledged_transaction_is_lost_and_none_is_half_there(void **state)
{
	struct scene *s = *state;
	uint64_t saved = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t told = writer_kill(s, saved, 3 + (uint64_t)rand() % 60);
		struct tally t = { 0 };

		scene_open(s);
		assert_int_equal(store_load(s->store, tally_row, &t, &s->diag), ERR_OK);
		scene_close(s);
		assert_true(t.value >= told);
		assert_true(t.value <= told + 2 * IN_FLIGHT + 64);
		assert_int_equal(t.rows, ROWS);
		assert_int_equal(t.others, 3);
		assert_int_equal(t.sum, 3 * t.value - 3);
		saved = t.value;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			no_acknowledged_transaction_is_lost_and_none_is_half_there, scene_begin,
			scene_end),
	};

	srand((unsigned)getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
