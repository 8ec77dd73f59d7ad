/*
 * A timer wheel: thousands of timeouts, set and cancelled in constant time, no allocation.
 *
 * Hierarchical, 1 ms ticks, levels of 64 slots; a timer further away than the wheel reaches is
 * parked on the last level and placed again when the wheel has gone round. An entry lives inside its
 * object. It never fires early; it fires in the first turn after its tick. A wheel belongs to one
 * thread. Periodic activity should store a time in its object and let the timer fire and
 * look, instead of setting the timer anew.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/list.h"

#define WHEEL_LEVELS	6	/* 64^6 ms: over two years */
#define WHEEL_SLOTS	64
#define WHEEL_NEVER	UINT64_MAX

struct wheel_timer {
	struct list	  node;
	uint64_t	  at_ms;	/* when it fires, loop time */
	void		(*fire)(struct wheel_timer *);
};

struct wheel {
	uint64_t	now_ms;				/* all ticks up to here have fired */
	uint64_t	busy[WHEEL_LEVELS];		/* bit: the slot may hold timers */
	struct list	slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, uint64_t now_ms);

/* `fire` is called once, on the wheel's thread; it may set or cancel any timer, its own too. */
void wheel_timer_init(struct wheel_timer *timer, void (*fire)(struct wheel_timer *));

/* Fire at `at_ms`, or with the next tick if that has passed. A timer that is set is moved. */
void wheel_set(struct wheel *wheel, struct wheel_timer *timer, uint64_t at_ms);
void wheel_cancel(struct wheel_timer *timer);
bool wheel_timer_is_set(const struct wheel_timer *timer);

/*
 * Fire all that is due, in order of time. A timer that is set meanwhile, to whatever time, waits for
 * a later call, so one that sets itself anew cannot hold the loop.
 */
void wheel_advance(struct wheel *wheel, uint64_t now_ms);

/*
 * When wheel_advance() should be called next: never later than the first timer, perhaps earlier
 * (a slot of a higher level to be spread). WHEEL_NEVER when no timer is set.
 */
uint64_t wheel_next_ms(struct wheel *wheel);
