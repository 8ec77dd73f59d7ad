/*
 * adminapi/store/committer.c: order, groups, and what fails with what.
 */
#include "config.h"
#include "t/unit/store/disk.h"
#include "t/unit/store/scene.h"

/* A transaction that cannot be saved: its revision is there already. */
static struct store_txn *
txn_bad(const char *path)
{
	struct store_txn *txn = txn_of(path, "bad", 1);

	for (int i = 0; i < 2; i++)
		assert_int_equal(store_txn_revision(txn, 1, 1, NULL, NULL, SLICE("[]")), ERR_OK);
	return txn;
}

static void
commit(struct scene *s, struct store_txn *txn, uint64_t epoch)
{
	store_commit(s->store, txn, epoch, scene_answer, s);
}

/* A commit of "/first" stands at the gate; what follows gathers behind it. */
static void
scene_block(struct scene *s)
{
	int before = disk.at_gate;

	pthread_mutex_lock(&disk.gate);
	commit(s, txn_of("/first", "1", 1), 1);
	disk_wait_gate(before);
}

static void
scene_unblock(struct scene *s, unsigned answers)
{
	pthread_mutex_unlock(&disk.gate);
	scene_wait(s, answers);
}

struct numbered {
	struct scene *scene;
	unsigned      number;
};

static void
in_turn(enum err result, const char *why, void *arg)
{
	struct numbered *n = arg;

	assert_int_equal(n->scene->answers, n->number);
	scene_answer(result, why, n->scene);
}

static void
answers_come_in_the_order_of_the_commits(void **state)
{
	struct scene *s = *state;
	static struct numbered all[2500]; /* more than a group takes */
	char path[32];

	scene_open(s);
	scene_start(s);
	for (unsigned i = 0; i < 2500; i++) {
		all[i] = (struct numbered){ s, i };
		snprintf(path, sizeof(path), "/%u", i % 10);
		store_commit(s->store, txn_of(path, "1", i), 1, in_turn, &all[i]);
	}
	scene_wait(s, 2500);
	assert_string_equal(scene_reload(s),
			    "/0 1  2490\n/1 1  2491\n/2 1  2492\n/3 1  2493\n/4 1  2494\n"
			    "/5 1  2495\n/6 1  2496\n/7 1  2497\n/8 1  2498\n/9 1  2499\n");
}

static void
what_gathers_during_a_commit_shares_the_next_one(void **state)
{
	struct scene *s = *state;
	struct store_counts counts;

	scene_open(s);
	scene_start(s);
	scene_block(s);
	for (int i = 0; i < 50; i++)
		commit(s, txn_of("/a", "1", 2), 1);
	scene_unblock(s, 51);
	store_counts(s->store, &counts);
	assert_int_equal(counts.commits, 2);
	assert_int_equal(counts.transactions, 51);
	assert_int_equal(counts.failures, 0);
	assert_true(counts.last_commit_us > 0);
}

static void
nobody_is_told_before_it_is_on_disk(void **state)
{
	struct scene *s = *state;

	scene_open(s);
	scene_start(s);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(scene_commit(s, txn_of("/a", "1", 1), 1), ERR_OK);
		assert_false(disk.dirty);
	}
}

static void
a_group_fails_whole_and_the_one_before_it_stays(void **state)
{
	struct scene *s = *state;
	struct store_counts counts;

	scene_open(s);
	scene_start(s);
	scene_block(s);
	commit(s, txn_of("/good", "1", 2), 1);
	commit(s, txn_bad("/bad"), 1);
	commit(s, txn_of("/late", "1", 3), 1);
	scene_unblock(s, 4);
	assert_int_equal(s->results[0], ERR_OK);
	for (int i = 1; i < 4; i++)
		assert_int_not_equal(s->results[i], ERR_OK);
	store_counts(s->store, &counts);
	assert_int_equal(counts.transactions, 1);
	assert_int_equal(counts.failures, 3);
	assert_string_equal(scene_reload(s), "/first 1  1\n");
}

static void
what_was_built_on_a_loss_is_lost_until_the_epoch_rises(void **state)
{
	struct scene *s = *state;

	scene_open(s);
	scene_start(s);
	assert_int_not_equal(scene_commit(s, txn_bad("/bad"), 5), ERR_OK);
	assert_int_equal(scene_commit(s, txn_of("/same", "1", 2), 5), ERR_GONE);
	assert_non_null(strstr(s->why, "it follows a change that was not saved: "));
	assert_non_null(strstr(s->why, "sluice.db: "));
	assert_int_equal(scene_commit(s, txn_of("/older", "1", 2), 4), ERR_GONE);
	assert_int_equal(scene_commit(s, txn_of("/anew", "1", 2), 6), ERR_OK);
	assert_int_equal(scene_commit(s, txn_of("/straggler", "1", 2), 5), ERR_GONE);
	assert_string_equal(scene_reload(s), "/anew 1  2\n");
}

static void
lost_ones_do_not_pull_down_the_new_ones_of_their_group(void **state)
{
	struct scene *s = *state;

	scene_open(s);
	scene_start(s);
	assert_int_not_equal(scene_commit(s, txn_bad("/bad"), 1), ERR_OK);
	pthread_mutex_lock(&disk.gate);
	commit(s, txn_of("/new", "1", 2), 2);
	commit(s, txn_of("/old", "1", 3), 1);
	commit(s, txn_of("/new", "2", 4), 2);
	pthread_mutex_unlock(&disk.gate);
	scene_wait(s, 4);
	assert_int_equal(s->results[1], ERR_OK);
	assert_int_equal(s->results[2], ERR_GONE);
	assert_int_equal(s->results[3], ERR_OK);
	assert_string_equal(scene_reload(s), "/new 2  4\n");
}

static void
a_close_finishes_what_was_handed_over(void **state)
{
	struct scene *s = *state;

	scene_open(s);
	scene_start(s);
	scene_block(s);
	for (int i = 0; i < 3; i++)
		commit(s, txn_of("/a", "1", 2), 1);
	pthread_mutex_unlock(&disk.gate);
	store_close(&s->store);
	assert_null(s->store);
	assert_int_equal(s->answers, 0);
	mailbox_deliver(&s->box);
	assert_int_equal(s->answers, 4);
	scene_open(s);
	assert_string_equal(scene_load(s), "/a 1  2\n/first 1  1\n");
}

static void
an_empty_transaction_and_one_without_a_receiver_are_fine(void **state)
{
	struct scene *s = *state;
	struct store_txn *discarded = txn_of("/x", "1", 1);

	store_txn_discard(&discarded);
	assert_null(discarded);
	scene_open(s);
	scene_start(s);
	store_commit(s->store, txn_of("/a", "1", 1), 1, NULL, NULL);
	assert_int_equal(scene_commit(s, txn_new(), 1), ERR_OK);
	assert_string_equal(scene_reload(s), "/a 1  1\n");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, scene_begin, scene_end)
	const struct CMUnitTest tests[] = {
		TEST(answers_come_in_the_order_of_the_commits),
		TEST(what_gathers_during_a_commit_shares_the_next_one),
		TEST(nobody_is_told_before_it_is_on_disk),
		TEST(a_group_fails_whole_and_the_one_before_it_stays),
		TEST(what_was_built_on_a_loss_is_lost_until_the_epoch_rises),
		TEST(lost_ones_do_not_pull_down_the_new_ones_of_their_group),
		TEST(a_close_finishes_what_was_handed_over),
		TEST(an_empty_transaction_and_one_without_a_receiver_are_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
