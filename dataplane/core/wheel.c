/*
 * The timer wheel.
 *
 * A time is read as digits to the base 64. A timer stands on the level of the highest digit in which
 * its time differs from the wheel's, in the slot of that digit. So all timers of a level agree with
 * the wheel in the digits above; a slot in use lies ahead of the wheel's own digit, never behind; and
 * whatever stands on a level comes before all that stands higher. The next thing to do is thus the
 * lowest busy slot of the lowest busy level, found by looking at bits, and no tick without a timer is
 * ever visited.
 *
 * What lies beyond the last level's reach is parked in its slot 0, which is never ahead otherwise; it
 * comes up when the last digit has gone round. The wheel's thread only.
 */
#include "config.h"
#include "core/wheel.h"
#include <assert.h>
#include "core/obj.h"

#define WHEEL_BITS  6	/* of a digit: WHEEL_SLOTS == 1 << WHEEL_BITS */
#define WHEEL_REACH (WHEEL_BITS * WHEEL_LEVELS)

static_assert(WHEEL_SLOTS == 1 << WHEEL_BITS, "a slot a digit");

void
wheel_init(struct wheel *wheel, uint64_t now_ms)
{
	wheel->now_ms = now_ms;
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		wheel->busy[level] = 0;
		for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
			list_init(&wheel->slots[level][slot]);
	}
}

void
wheel_timer_init(struct wheel_timer *timer, void (*fire)(struct wheel_timer *))
{
	list_init(&timer->node);
	timer->at_ms = 0;
	timer->fire = fire;
}

/* Put a timer that is on no list where `at_ms`, which lies ahead, belongs. */
static void
wheel_place(struct wheel *wheel, struct wheel_timer *timer, uint64_t at_ms)
{
	uint64_t differs = at_ms ^ wheel->now_ms;
	unsigned level, slot;

	if (differs >> WHEEL_REACH != 0) {
		level = WHEEL_LEVELS - 1;
		slot = 0;
	} else {
		level = (63u - (unsigned)__builtin_clzll(differs)) / WHEEL_BITS;
		slot = (unsigned)(at_ms >> (level * WHEEL_BITS)) & (WHEEL_SLOTS - 1);
	}
	list_append(&wheel->slots[level][slot], &timer->node);
	wheel->busy[level] |= UINT64_C(1) << slot;
}

void
wheel_set(struct wheel *wheel, struct wheel_timer *timer, uint64_t at_ms)
{
	list_remove(&timer->node);
	timer->at_ms = at_ms;
	wheel_place(wheel, timer, at_ms > wheel->now_ms ? at_ms : wheel->now_ms + 1);
}

void
wheel_cancel(struct wheel_timer *timer)
{
	/* the slot's bit may stay behind; wheel_find() clears it when it comes by */
	list_remove(&timer->node);
}

bool
wheel_timer_is_set(const struct wheel_timer *timer)
{
	return !list_is_empty(&timer->node);
}

/* When the slot begins, seen from the wheel's time. */
static uint64_t
wheel_slot_ms(const struct wheel *wheel, unsigned level, unsigned slot)
{
	unsigned shift = level * WHEEL_BITS;
	uint64_t above = wheel->now_ms >> shift >> WHEEL_BITS;

	if (level == WHEEL_LEVELS - 1 && slot == 0)
		above++;	/* the parked ones: once round */
	return (above << WHEEL_BITS | slot) << shift;
}

/* The next slot that holds timers, and when it begins. NULL: none does. */
static struct list *
wheel_find(struct wheel *wheel, uint64_t *at_ms)
{
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		while (wheel->busy[level] != 0) {
			uint64_t ahead = wheel->busy[level];
			unsigned slot;

			/* parked timers come last on their level */
			if (level == WHEEL_LEVELS - 1 && (ahead & ~UINT64_C(1)) != 0)
				ahead &= ~UINT64_C(1);
			slot = (unsigned)__builtin_ctzll(ahead);
			if (!list_is_empty(&wheel->slots[level][slot])) {
				*at_ms = wheel_slot_ms(wheel, level, slot);
				return &wheel->slots[level][slot];
			}
			wheel->busy[level] &= ~(UINT64_C(1) << slot);	/* all cancelled */
		}
	}
	return NULL;
}

uint64_t
wheel_next_ms(struct wheel *wheel)
{
	uint64_t at_ms;

	return wheel_find(wheel, &at_ms) == NULL ? WHEEL_NEVER : at_ms;
}

/* The wheel has come to `slot`: what is due goes to `due`, the rest to lower levels. */
static void
wheel_spread(struct wheel *wheel, struct list *slot, struct list *due)
{
	struct list waiting;

	list_init(&waiting);
	list_move_all(&waiting, slot);	/* first: a parked timer may go back to where it was */
	for (struct list *node; (node = list_take_first(&waiting)) != NULL;) {
		struct wheel_timer *timer = container_of(node, struct wheel_timer, node);

		if (timer->at_ms <= wheel->now_ms)
			list_append(due, node);
		else
			wheel_place(wheel, timer, timer->at_ms);
	}
}

void
wheel_advance(struct wheel *wheel, uint64_t now_ms)
{
	struct list due, *slot, *node;
	uint64_t at_ms;

	if (now_ms <= wheel->now_ms)
		return;
	list_init(&due);
	while ((slot = wheel_find(wheel, &at_ms)) != NULL && at_ms <= now_ms) {
		wheel->now_ms = at_ms;
		wheel_spread(wheel, slot, &due);
	}
	wheel->now_ms = now_ms;
	/* only now, with the wheel in order: what these set or cancel, each other too, is plain work */
	while ((node = list_take_first(&due)) != NULL) {
		struct wheel_timer *timer = container_of(node, struct wheel_timer, node);

		timer->fire(timer);
	}
}
