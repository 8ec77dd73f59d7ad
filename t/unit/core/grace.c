/*
 * Grace: nothing is freed before each worker has ended a turn that began after it was handed in.
 */
#include "config.h"
#include "../core/crew.h"
#include <stdatomic.h>
#include <stdlib.h>

struct thing {
	struct grace	grace;
	unsigned	calls;		/* that free() still wants */
};

static unsigned freed;

static bool
thing_free(struct grace *grace)
{
	struct thing *thing = container_of(grace, struct thing, grace);

	if (thing->calls-- > 1)
		return false;
	free(thing);
	freed++;
	return true;
}

static void
give(unsigned calls)
{
	struct thing *thing = calloc(1, sizeof(*thing));

	assert_non_null(thing);
	thing->calls = calls;
	grace_free(&thing->grace, thing_free);
}

static void
turn_until_freed(unsigned count)
{
	while (freed < count)
		loop_turn(crew_control, true);
}

static int
start(void **state)
{
	freed = 0;
	return crew_start(state);
}

static void
it_is_freed_by_the_control_loop_and_not_at_once(void **state)
{
	(void)state;
	give(1);
	assert_int_equal(freed, 0);
	turn_until_freed(1);
}

static void
what_is_given_during_a_round_waits_for_the_next(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		give(1);
		loop_turn(crew_control, false);
	}
	turn_until_freed(100);
}

static void
one_that_has_much_to_free_is_called_again(void **state)
{
	(void)state;
	give(1000);
	give(1);
	turn_until_freed(2);
}

/* A worker holds its turn until it is told. */
struct hold {
	struct mail	mail;
	_Atomic(bool)	is_held;
	_Atomic(bool)	may_go;
};

static void
hold_on_mail(struct mail *mail)
{
	struct hold *hold = container_of(mail, struct hold, mail);

	atomic_store(&hold->is_held, true);
	while (!atomic_load(&hold->may_go))
		;
}

static void
a_worker_in_the_middle_of_a_turn_is_waited_for(void **state)
{
	static struct hold hold;

	(void)state;
	hold.mail.deliver = hold_on_mail;
	mailbox_send(&crew_workers[0]->mailbox, &hold.mail);
	while (!atomic_load(&hold.is_held))
		;
	give(1);
	for (int i = 0; i < 1000; i++)
		loop_turn(crew_control, false);
	assert_int_equal(freed, 0);
	atomic_store(&hold.may_go, true);
	turn_until_freed(1);
}

static void
without_workers_it_is_freed_at_once(void **state)
{
	(void)state;
	freed = 0;
	give(3);
	assert_int_equal(freed, 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, crew_stop)
	const struct CMUnitTest tests[] = {
		TEST(it_is_freed_by_the_control_loop_and_not_at_once),
		TEST(what_is_given_during_a_round_waits_for_the_next),
		TEST(one_that_has_much_to_free_is_called_again),
		TEST(a_worker_in_the_middle_of_a_turn_is_waited_for),
		cmocka_unit_test(without_workers_it_is_freed_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
