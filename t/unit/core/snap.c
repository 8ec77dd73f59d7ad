/*
 * Snapshots: freed once, when every worker has let go and has been told.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "core/obj.h"
#include "core/snap.h"

#define WORKERS 2
static struct mailbox control;
static struct snap snap;
static struct snap_slot slots[WORKERS];
static unsigned freed;

static void
note_free(struct snap *gone)
{
	assert_ptr_equal(gone, &snap);
	freed++;
}

static int
make_snap(void **state)
{
	(void)state;
	if (mailbox_init(&control) != ERR_OK)
		return -1;
	snap_set_home(&control);
	freed = 0;
	snap_init(&snap, WORKERS, note_free);
	for (unsigned i = 0; i < WORKERS; i++)
		snap_slot_init(&slots[i], &snap);
	return 0;
}

static int
drop_control(void **state)
{
	(void)state;
	mailbox_fini(&control);
	return 0;
}

static void
an_unused_one_comes_home_when_all_workers_were_told(void **state)
{
	(void)state;
	snap_retire_on(&slots[0]);
	mailbox_deliver(&control);
	assert_int_equal(freed, 0);
	snap_retire_on(&slots[1]);
	assert_int_equal(freed, 0); /* only ever on the control thread */
	mailbox_deliver(&control);
	assert_int_equal(freed, 1);
}

static void
references_keep_a_retired_one(void **state)
{
	(void)state;
	snap_ref(&slots[0]);
	snap_ref(&slots[0]);
	snap_retire_on(&slots[0]);
	snap_retire_on(&slots[1]);
	mailbox_deliver(&control);
	snap_unref(&slots[0]);
	mailbox_deliver(&control);
	assert_int_equal(freed, 0);
	snap_ref(&slots[0]); /* by one who holds it already */
	snap_unref(&slots[0]);
	snap_unref(&slots[0]);
	mailbox_deliver(&control);
	assert_int_equal(freed, 1);
}

static void
one_in_force_stays_however_often_it_is_unused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		snap_ref(&slots[0]);
		snap_unref(&slots[0]);
	}
	assert_false(mailbox_deliver(&control));
	assert_int_equal(freed, 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_snap, drop_control)
	const struct CMUnitTest tests[] = {
		TEST(an_unused_one_comes_home_when_all_workers_were_told),
		TEST(references_keep_a_retired_one),
		TEST(one_in_force_stays_however_often_it_is_unused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
