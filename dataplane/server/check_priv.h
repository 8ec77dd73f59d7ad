/*
 * What the files of checks share: check.c says when, check_line.c who is next, check_attempt.c and
 * check_steps.c do it, check_target.c knows where to.
 *
 * Control thread.
 */
#pragma once

#include "core/clock.h"
#include "core/list.h"
#include "core/loop.h"
#include "core/wheel.h"
#include "net/conn.h"
#include "server/check.h"
#include "server/check_conf.h"
#include "server/server.h"

enum check_phase {
	CHECK_RESTS,
	CHECK_WAITS,		/* its timer is set */
	CHECK_IN_LINE,
	CHECK_UNDER_WAY,	/* it has an attempt */
	CHECK_TELLS,		/* within what its verdict is told to */
};

struct agent_report;
struct attempt;

struct check {
	unsigned		 magic;
#define CHECK_MAGIC		 0xc4ec4a11
	enum check_source	 source;
	enum check_phase	 phase;
	uint32_t		 place;	/* its own, in 1/2^32 of the interval, to go to; 0: it is there */
	uint32_t		 redone;	/* attempts in a row that failed in a stall of ours: not told */
	struct server		*server;	/* outlives it */
	struct attempt		*attempt;	/* while UNDER_WAY */
	struct wheel_timer	 timer;
	struct list		 by_all;
	struct list		 by_line;	/* while it runs: of its line's running or again */
	uint32_t		 round;		/* its line's when the last attempt began */
	struct list		 in_line;	/* while IN_LINE; while UNDER_WAY: it is to be made anew */
	uint64_t		 joined_ms;	/* the line */
	uint64_t		 due_ms;	/* when the last attempt was to begin, and when it did */
	uint64_t		 began_ms;
};

/* As it is, not as it was when the loop's turn began: the turn may have been long. */
static inline uint64_t
check_now_ms(void)
{
	return clock_read_us(CLOCK_MONOTONIC) / 1000;
}

/* -- check.c -- */

/*
 * An attempt has ended and is freed. `report`: of an agent that was heard out, what it said. `in_stall`: our
 * loop stood still meanwhile. Last act of who calls.
 */
void check_on_attempt(struct check *c, struct check_verdict *verdict,
		      const struct agent_report *report, bool in_stall);

/* Whether there is time left, in this turn of the loop, for one thing more. */
bool checks_may_act(void);

/* attempts_catch_up() is called, and the line moves on, with the next turn of the loop. */
void checks_queue_work(void);

/* How long the loop stood still, all in all, while attempts were under way; ms. */
uint64_t checks_stalled_ms(void);

/* -- check_line.c -- */

/* A check runs, or rests again. */
void line_add_running(struct check *c);
void line_drop_running(struct check *c);

void line_join(struct check *c);
void line_leave(struct check *c);

/* Attempts count against the limit, and a line's against its share of it. */
void line_add_under_way(struct check *c);
void line_drop_under_way(struct check *c);

/* What was asked, when it was asked last, is so still. */
bool line_is_of_round(const struct check *c);

/* The next one that is to be made anew (it may have been since); NULL: there is none. */
struct check *lines_take_again(void);
bool line_may_begin(const struct check *c);

/* The next one in line; NULL: there is none, or whoever waits is held by the limit. */
struct check *lines_first(void);

/* It begins; line_leave() follows. Warns if it is very late, and the limit is the reason. */
void line_note_late(const struct check *c);

void lines_set_max(uint32_t max_under_way);	/* 0: none */
void lines_count(struct checks_totals *totals);	/* under_way, in_line */

/* -- check_attempt.c -- */

/* There is memory for one more; c->attempt is set. NULL: there is none. */
struct attempt *attempt_new(struct check *c);

/* Last act: it may have ended, and been told, and `c` be gone. */
void attempt_start(struct attempt *a);

/* Without a word. */
void attempt_give_up(struct attempt **ap);

/* Work on those that a turn had no time for, as far as this one has. */
void attempts_catch_up(void);

/* The process ends: memory kept for more is freed. */
void attempts_finish(void);

/* -- check_target.c -- */

struct check_target {
	struct addr		 to, source;
	struct proxy_send	 send_proxy;	/* version 0: none */
};

/* Where a CONNECT of a check goes. NULL, or why it can't go anywhere. */
const char *check_target_set(struct check_target *target, const struct check *c,
			     const struct check_connect *connect);
