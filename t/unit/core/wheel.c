/*
 * The timer wheel, by hand and against a model that looks at every timer.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include "core/obj.h"
#include "core/wheel.h"

/* Everything that fired, in order. */
#define FIRED_MAX 4096
static struct wheel_timer *fired[FIRED_MAX];
static unsigned fired_count;

static void
note_fire(struct wheel_timer *timer)
{
	assert_true(fired_count < FIRED_MAX);
	fired[fired_count++] = timer;
}

static int
forget_all(void **state)
{
	(void)state;
	fired_count = 0;
	return 0;
}

static void
a_timer_fires_once_and_not_early(void **state)
{
	struct wheel wheel;
	struct wheel_timer t;

	(void)state;
	wheel_init(&wheel, 1000);
	wheel_timer_init(&t, note_fire);
	wheel_set(&wheel, &t, 5000);
	wheel_advance(&wheel, 4999);
	assert_int_equal(fired_count, 0);
	assert_true(wheel_timer_is_set(&t));
	wheel_advance(&wheel, 5000);
	assert_int_equal(fired_count, 1);
	assert_false(wheel_timer_is_set(&t));
	wheel_advance(&wheel, 1000000);
	assert_int_equal(fired_count, 1);
}

static void
a_time_that_has_passed_means_the_next_tick(void **state)
{
	struct wheel wheel;
	struct wheel_timer t;

	(void)state;
	wheel_init(&wheel, 1000);
	wheel_timer_init(&t, note_fire);
	wheel_set(&wheel, &t, 3);
	assert_int_equal(wheel_next_ms(&wheel), 1001);
	wheel_advance(&wheel, 1001);
	assert_int_equal(fired_count, 1);
}

static void
a_cancelled_timer_stays_silent_and_is_not_waited_for(void **state)
{
	struct wheel wheel;
	struct wheel_timer t;

	(void)state;
	wheel_init(&wheel, 0);
	wheel_timer_init(&t, note_fire);
	wheel_cancel(&t);
	wheel_set(&wheel, &t, 100000);
	wheel_cancel(&t);
	assert_int_equal(wheel_next_ms(&wheel), WHEEL_NEVER);
	wheel_advance(&wheel, 200000);
	assert_int_equal(fired_count, 0);
}

static void
a_timer_that_is_set_again_is_moved(void **state)
{
	struct wheel wheel;
	struct wheel_timer t;

	(void)state;
	wheel_init(&wheel, 0);
	wheel_timer_init(&t, note_fire);
	wheel_set(&wheel, &t, 10);
	wheel_set(&wheel, &t, 20);
	wheel_advance(&wheel, 19);
	assert_int_equal(fired_count, 0);
	wheel_advance(&wheel, 20);
	assert_int_equal(fired_count, 1);
}

static void
timers_fire_in_order_of_time_over_a_long_stall(void **state)
{
	static const uint64_t times[] = { 300000, 5, 70, 64, 4096, 4095, 1 };
	struct wheel_timer t[7];
	struct wheel wheel;

	(void)state;
	wheel_init(&wheel, 0);
	for (unsigned i = 0; i < 7; i++) {
		wheel_timer_init(&t[i], note_fire);
		wheel_set(&wheel, &t[i], times[i]);
	}
	wheel_advance(&wheel, 1000000);
	assert_int_equal(fired_count, 7);
	for (unsigned i = 1; i < 7; i++)
		assert_true(fired[i - 1]->at_ms < fired[i]->at_ms);
}

static struct wheel *fire_wheel;
static struct wheel_timer *fire_victim;

static void
set_self_to_the_past(struct wheel_timer *timer)
{
	note_fire(timer);
	wheel_set(fire_wheel, timer, 0);
}

static void
a_timer_that_sets_itself_to_the_past_fires_once_an_advance(void **state)
{
	struct wheel wheel;
	struct wheel_timer t;

	(void)state;
	wheel_init(&wheel, 0);
	fire_wheel = &wheel;
	wheel_timer_init(&t, set_self_to_the_past);
	wheel_set(&wheel, &t, 1);
	wheel_advance(&wheel, 60000);
	assert_int_equal(fired_count, 1);
	wheel_advance(&wheel, 60001);
	assert_int_equal(fired_count, 2);
}

static void
cancel_victim(struct wheel_timer *timer)
{
	note_fire(timer);
	wheel_cancel(fire_victim);
}

static void
a_timer_may_cancel_one_that_is_due_with_it(void **state)
{
	struct wheel wheel;
	struct wheel_timer t, victim;

	(void)state;
	wheel_init(&wheel, 0);
	wheel_timer_init(&t, cancel_victim);
	wheel_timer_init(&victim, note_fire);
	fire_victim = &victim;
	wheel_set(&wheel, &t, 10);
	wheel_set(&wheel, &victim, 10);
	wheel_advance(&wheel, 10);
	assert_int_equal(fired_count, 1);
	assert_ptr_equal(fired[0], &t);
}

static void
a_timer_beyond_the_reach_of_the_wheel_is_exact_too(void **state)
{
	const uint64_t reach = UINT64_C(1) << 36, far = 5 * reach + 12345;
	struct wheel wheel;
	struct wheel_timer t;
	unsigned steps = 0;

	(void)state;
	wheel_init(&wheel, reach - 7);
	wheel_timer_init(&t, note_fire);
	wheel_set(&wheel, &t, far);
	for (uint64_t next; (next = wheel_next_ms(&wheel)) < far; steps++) {
		wheel_advance(&wheel, next);
		assert_int_equal(fired_count, 0);
		assert_true(steps < 20);
	}
	assert_int_equal(wheel_next_ms(&wheel), far);
	wheel_advance(&wheel, far);
	assert_int_equal(fired_count, 1);
}

/* The model: a timer and whether, and when, it must fire. */
#define MODEL_TIMERS 100
struct model_timer {
	struct wheel_timer	timer;
	uint64_t		due_ms;	/* 0: not set */
	bool			repeats;
};
static struct model_timer model[MODEL_TIMERS];
static struct wheel model_wheel;
static uint64_t model_target_ms, model_last_ms;
static uint64_t model_random;

static uint64_t
random_next(void)
{
	model_random ^= model_random << 13;
	model_random ^= model_random >> 7;
	model_random ^= model_random << 17;
	return model_random;
}

/* Mostly near, sometimes very far. */
static uint64_t
random_distance(void)
{
	return random_next() & ((UINT64_C(1) << (random_next() % 39)) - 1);
}

static void
model_set(struct model_timer *m, uint64_t now_ms, uint64_t at_ms)
{
	wheel_set(&model_wheel, &m->timer, at_ms);
	m->due_ms = at_ms > now_ms ? at_ms : now_ms + 1;
}

static void
model_on_fire(struct wheel_timer *timer)
{
	struct model_timer *m = container_of(timer, struct model_timer, timer);
	struct model_timer *other = &model[random_next() % MODEL_TIMERS];

	assert_int_not_equal(m->due_ms, 0);
	assert_true(m->due_ms <= model_target_ms);
	assert_true(m->due_ms >= model_last_ms);
	assert_false(wheel_timer_is_set(timer));
	model_last_ms = m->due_ms;
	m->due_ms = 0;
	if (m->repeats)
		model_set(m, model_target_ms, m->timer.at_ms + random_distance());
	if (random_next() % 8 == 0) {
		wheel_cancel(&other->timer);
		other->due_ms = 0;
	}
}

static uint64_t
model_first_ms(void)
{
	uint64_t first = WHEEL_NEVER;

	for (unsigned i = 0; i < MODEL_TIMERS; i++) {
		assert_int_equal(wheel_timer_is_set(&model[i].timer), model[i].due_ms != 0);
		if (model[i].due_ms != 0 && model[i].due_ms < first)
			first = model[i].due_ms;
	}
	return first;
}

static void
model_advance(uint64_t to_ms)
{
	model_target_ms = to_ms;
	model_last_ms = 0;
	wheel_advance(&model_wheel, to_ms);
	assert_int_equal(model_wheel.now_ms, to_ms);
	assert_true(model_first_ms() > to_ms);
}

static void
model_step(void)
{
	struct model_timer *m = &model[random_next() % MODEL_TIMERS];
	uint64_t now_ms = model_wheel.now_ms, next_ms = wheel_next_ms(&model_wheel);
	uint64_t first_ms = model_first_ms();

	assert_true(next_ms > now_ms && next_ms <= first_ms);
	assert_int_equal(next_ms == WHEEL_NEVER, first_ms == WHEEL_NEVER);
	switch (random_next() % 8) {
	case 0:
		wheel_cancel(&m->timer);
		m->due_ms = 0;
		break;
	case 1: model_advance(now_ms + 1 + random_distance() % 100000); break;
	case 2: model_advance(next_ms == WHEEL_NEVER ? now_ms + 1 : next_ms); break;
	case 3: model_set(m, now_ms, now_ms - random_next() % 100); break;
	default: model_set(m, now_ms, now_ms + random_distance());
	}
}

static void
any_mix_of_sets_cancels_and_advances_fires_what_the_model_says(void **state)
{
	static const uint64_t starts[] = { 1000, (UINT64_C(1) << 36) - 50,
					   (UINT64_C(1) << 24) - 3 };

	(void)state;
	for (unsigned round = 0; round < 30; round++) {
		model_random = 0x9e3779b97f4a7c15 + round;
		wheel_init(&model_wheel, starts[round % 3]);
		for (unsigned i = 0; i < MODEL_TIMERS; i++) {
			wheel_timer_init(&model[i].timer, model_on_fire);
			model[i].due_ms = 0;
			model[i].repeats = i % 10 == 0;
		}
		for (unsigned i = 0; i < 2000; i++)
			model_step();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_timer_fires_once_and_not_early, forget_all),
		cmocka_unit_test_setup(a_time_that_has_passed_means_the_next_tick, forget_all),
		cmocka_unit_test_setup(a_cancelled_timer_stays_silent_and_is_not_waited_for,
				       forget_all),
		cmocka_unit_test_setup(a_timer_that_is_set_again_is_moved, forget_all),
		cmocka_unit_test_setup(timers_fire_in_order_of_time_over_a_long_stall, forget_all),
		cmocka_unit_test_setup(a_timer_that_sets_itself_to_the_past_fires_once_an_advance,
				       forget_all),
		cmocka_unit_test_setup(a_timer_may_cancel_one_that_is_due_with_it, forget_all),
		cmocka_unit_test_setup(a_timer_beyond_the_reach_of_the_wheel_is_exact_too,
				       forget_all),
		cmocka_unit_test(any_mix_of_sets_cancels_and_advances_fires_what_the_model_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
