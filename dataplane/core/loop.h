/*
 * A thread's loop: libevent turns, then the run list, the mailbox, due timers, the graveyard.
 *
 *	for (;;) { event_base_loop(base, EVLOOP_ONCE [| EVLOOP_NONBLOCK]); ... }
 *
 * libevent 2.1 has no hook at the end of a turn; owning the loop gives one. While the run list is
 * not empty the loop does not block. All functions are for the loop's own thread, except where
 * said. Only mailbox_send() reaches a loop from outside.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <event2/event.h>
#include "core/err.h"
#include "core/list.h"
#include "core/mailbox.h"
#include "core/wheel.h"

#define LOOP_CONTROL UINT32_MAX		/* index of the control thread's loop */

/* Work to be done once: queued by an event, later in this turn; queued later in a turn, in the next. */
struct task {
	struct list	  node;
	void		(*run)(struct task *);
};

/* A dead object that callbacks of this turn may still name; freed when the turn ends. */
struct grave {
	struct grave	 *next;
	void		(*bury)(struct grave *);	/* frees the object that embeds it */
};

struct loop {
	struct event_base	*base;
	uint32_t		 index;		/* a worker's number from 0, or LOOP_CONTROL */
	bool			 stopping;
	bool			 marked;	/* this turn's clock has been read, see loop_mark() */
	uint64_t		 now_us;	/* monotonic, read once a turn (CLOCK_MONOTONIC) */
	uint64_t		 now_ms;
	uint64_t		 wall_us;	/* realtime at the same moment; a step shows within 100 ms */
	uint64_t		 woke_us;	/* when this turn's work began */
	uint64_t		 wall_ahead_us;	/* realtime minus monotonic, modulo 2^64 */
	uint64_t		 wall_read_us;	/* when that was looked at */
	struct wheel		 wheel;
	struct mailbox		 mailbox;
	struct list		 run;		/* of tasks */
	struct grave		*graves;
	struct event		*mail_event;
	struct event		*wheel_event;	/* the single libevent timer behind the wheel */
	uint64_t		 wheel_armed_ms;
	_Atomic(uint64_t)	 turns;		/* these three: written here, read by any thread */
	_Atomic(uint64_t)	 slow_turns;	/* turns that worked for over LOOP_SLOW_US */
	_Atomic(uint64_t)	 worst_turn_us;
	uint64_t		 recent_since_us;	/* when this window began, see loop_recent_worst_us() */
	uint64_t		 recent_us[2];	/* the worst turn of this window and of the one before */
	const char		*doing;		/* loop_note(): what it works on, since when */
	uint64_t		 doing_since_us;
	const char		*longest;	/* part of this turn */
	uint64_t		 longest_us;
	uint64_t		 told_slow_us;	/* when a slow turn was logged last */
	void		       (*on_slow)(struct loop *, uint64_t worked_us);	/* logs it */
};

#define LOOP_SLOW_US 100000	/* a turn of 100 ms is counted and told */
#define LOOP_RECENT_US 2000000	/* a window of two seconds */

/* ERR_NOMEM, ERR_SYSTEM leave *lp alone. Any thread, before the loop runs. */
enum err loop_new(struct loop **lp, uint32_t index);

/* Not while it runs. Buries what is in the graveyard. *lp may be NULL, and is NULL afterwards. */
void loop_free(struct loop **lp);

/* Turn until loop_stop(); sets the thread's own loop, see loop_self(). */
void loop_run(struct loop *loop);

/* One turn; blocks only if `may_block` and nothing is ready. For tests and for stopping. */
void loop_turn(struct loop *loop, bool may_block);
void loop_stop(struct loop *loop);

/* The loop that this thread runs; NULL on a thread without one. */
struct loop *loop_self(void);

/* Make `loop` this thread's own without running it: tests, and start-up on the main thread. */
void loop_adopt(struct loop *loop);

void task_init(struct task *task, void (*run)(struct task *));
void loop_queue(struct loop *loop, struct task *task);	/* does nothing if it is queued */
void task_cancel(struct task *task);

void loop_bury(struct loop *loop, struct grave *grave, void (*bury)(struct grave *));

/* Read the clock again: only after work that is known to be long. */
void loop_clock(struct loop *loop);

void loop_wake(struct loop *loop);	/* loop_mark()'s rare half */

/* The worst turn of the last two to four seconds: worst_turn_us never forgets what it cost to start. */
uint64_t loop_recent_worst_us(struct loop *loop);

/*
 * Say what the loop works on from here on (static text), so that a slow turn can be told with what
 * ran longest in it. Reads the clock: for what is rare, not for traffic.
 */
void loop_note(struct loop *loop, const char *what);

/*
 * To be called first by each libevent callback that looks at the time: the first one of a turn reads
 * the clock, for the others it costs a branch. Without it `now_us` in a callback is the last turn's:
 * libevent tells nobody when its poll returned. The work of a turn is measured from here, too.
 */
static inline void
loop_mark(struct loop *loop)
{
	if (!loop->marked)
		loop_wake(loop);
}

/* Asserts that the caller is on the control thread. */
void assert_control(void);
