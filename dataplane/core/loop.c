/*
 * A thread's loop.
 *
 * A turn: libevent polls and calls back; then the tasks queued so far, the mail that came, the timers
 * that are due, the burials. Tasks queued by tasks, mail or timers wait for the next turn, which then
 * does not block, so sockets get their word between two batches of them. Timers come after events: a
 * timeout is judged after its socket was read.
 *
 * System calls of a turn are the poll and nothing else: the mailbox's eventfd is edge-triggered and
 * never read, the clocks are the kernel's page in our own memory, and the one libevent timer is set
 * anew only when something is due earlier than it.
 *
 * Its own thread only, but for loop_new().
 */
#include "config.h"
#include "core/loop.h"
#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include "core/clock.h"
#include "core/log.h"
#include "core/obj.h"

#define LOOP_WALL_US	    100000	/* how often realtime is looked at: a step shows by then */
#define LOOP_SLOW_LOG_US    1000000	/* between two lines about slow turns */
#define LOOP_LATE_MS	    50		/* timers that late: the loop was stalled */
#define LOOP_CATCH_UP_POLLS 32		/* libevent's batches grow from 32 to 4096 events */

static _Thread_local struct loop *loop_own;

struct loop *
loop_self(void)
{
	return loop_own;
}

void
loop_adopt(struct loop *loop)
{
	loop_own = loop;
}

void
assert_control(void)
{
	assert(loop_own != NULL && loop_own->index == LOOP_CONTROL);
}

void
loop_clock(struct loop *loop)
{
	loop->now_us = clock_read_us(CLOCK_MONOTONIC);
	loop->now_ms = loop->now_us / 1000;
	if (loop->now_us - loop->wall_read_us >= LOOP_WALL_US || loop->wall_read_us == 0) {
		loop->wall_ahead_us = clock_read_us(CLOCK_REALTIME) - loop->now_us;
		loop->wall_read_us = loop->now_us;
	}
	loop->wall_us = loop->now_us + loop->wall_ahead_us;
}

void
loop_wake(struct loop *loop)
{
	loop_clock(loop);
	loop->woke_us = loop->now_us;
	loop->marked = true;
	if (loop->doing != NULL)
		return;		/* woken once more in the same turn: loop_catch_up() */
	loop->doing = "traffic";
	loop->doing_since_us = loop->now_us;
}

/* What was done until now took its time. */
static void
loop_note_end(struct loop *loop, uint64_t now_us)
{
	uint64_t took_us = now_us - loop->doing_since_us;

	if (took_us > loop->longest_us) {
		loop->longest = loop->doing;
		loop->longest_us = took_us;
	}
}

void
loop_note(struct loop *loop, const char *what)
{
	uint64_t now_us = clock_read_us(CLOCK_MONOTONIC);

	loop_note_end(loop, now_us);
	loop->doing = what;
	loop->doing_since_us = now_us;
}

/* The control loop's turns are few: it can afford to know which part of one was long. */
static void
loop_note_part(struct loop *loop, const char *what)
{
	if (loop->index == LOOP_CONTROL)
		loop_note(loop, what);
}

static void
loop_log_slow(struct loop *loop, uint64_t worked_us)
{
	if (loop->now_us - loop->told_slow_us < LOOP_SLOW_LOG_US && loop->told_slow_us != 0)
		return;
	loop->told_slow_us = loop->now_us;
	if (loop->index == LOOP_CONTROL)
		log_msg(LOG_LEVEL_WARNING, "control: a turn worked for %u ms, %u of them on %s",
			(unsigned)(worked_us / 1000), (unsigned)(loop->longest_us / 1000),
			loop->longest);
	else
		log_msg(LOG_LEVEL_WARNING, "worker %u: a turn worked for %u ms, %u of them on %s",
			(unsigned)loop->index, (unsigned)(worked_us / 1000),
			(unsigned)(loop->longest_us / 1000), loop->longest);
}

static void
loop_on_mail(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	/* It only ends the poll: the box is emptied once a turn, whoever rang. An eventfd that is
	 * written again rings again under EPOLLET, so it need not be read. */
	loop_mark(loop);
}

static void
loop_on_wheel(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;

	loop_mark(loop);
	loop->wheel_armed_ms = WHEEL_NEVER;
}

/* NULL: no memory, or no epoll. */
static struct event_base *
loop_base_new(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config == NULL)
		return NULL;
	/* NO_CACHE_TIME: we keep the time of a turn ourselves. libevent's timer runs on the coarse
	 * clock (a few ms late), without a timerfd's system calls. */
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME) == 0 &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0 &&
	    event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

enum err
loop_new(struct loop **lp, uint32_t index)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		return ERR_NOMEM;
	loop->index = index;
	loop->on_slow = loop_log_slow;
	loop->mailbox.fd = -1;
	loop->wheel_armed_ms = WHEEL_NEVER;
	list_init(&loop->run);
	loop_clock(loop);
	wheel_init(&loop->wheel, loop->now_ms);
	if (mailbox_init(&loop->mailbox) != ERR_OK || (loop->base = loop_base_new()) == NULL)
		goto fail;
	loop->mail_event = event_new(loop->base, loop->mailbox.fd, EV_READ | EV_PERSIST | EV_ET,
				     loop_on_mail, loop);
	loop->wheel_event = event_new(loop->base, -1, 0, loop_on_wheel, loop);
	if (loop->mail_event == NULL || loop->wheel_event == NULL ||
	    event_add(loop->mail_event, NULL) != 0)
		goto fail;
	*lp = loop;
	return ERR_OK;
fail:
	loop_free(&loop);
	return ERR_SYSTEM;
}

static void
loop_bury_all(struct loop *loop)
{
	struct grave *grave;

	while ((grave = loop->graves) != NULL) {
		loop->graves = grave->next;
		grave->bury(grave);
	}
}

void
loop_free(struct loop **lp)
{
	struct loop *loop = *lp;

	if (loop == NULL)
		return;
	loop_bury_all(loop);
	if (loop->mail_event != NULL)
		event_free(loop->mail_event);
	if (loop->wheel_event != NULL)
		event_free(loop->wheel_event);
	if (loop->base != NULL)
		event_base_free(loop->base);
	mailbox_fini(&loop->mailbox);
	if (loop_own == loop)
		loop_own = NULL;
	free(loop);
	*lp = NULL;
}

/* See that the poll ends when the wheel wants its turn. */
static void
loop_arm(struct loop *loop)
{
	uint64_t next_ms = wheel_next_ms(&loop->wheel), now_ms;
	struct timeval wait = { 0 };

	if (next_ms >= loop->wheel_armed_ms)
		return;	/* what is armed comes first; that it may come for nothing is cheaper */
	now_ms = clock_read_us(CLOCK_MONOTONIC) / 1000;
	if (next_ms > now_ms) {
		wait.tv_sec = (time_t)((next_ms - now_ms) / 1000);
		wait.tv_usec = (suseconds_t)((next_ms - now_ms) % 1000) * 1000;
	}
	if (event_add(loop->wheel_event, &wait) == 0)
		loop->wheel_armed_ms = next_ms;
	/* else there was no memory; the next turn tries again */
}

static void
loop_poll(struct loop *loop, int flags)
{
	int result = event_base_loop(loop->base, EVLOOP_ONCE | flags);

	assert(result == 0);	/* -1: epoll was refused its own descriptor; 1: mail_event was lost */
}

/*
 * After a stall (a stopped process, a very long turn) many timers are due at once, and one poll may
 * not have shown every socket that has something to say. Poll until there is nothing new.
 */
static void
loop_catch_up(struct loop *loop)
{
	uint64_t woke_us = loop->woke_us;

	for (unsigned polls = 0; loop->marked && polls < LOOP_CATCH_UP_POLLS; polls++) {
		loop->marked = false;
		loop_poll(loop, EVLOOP_NONBLOCK);
	}
	loop->marked = true;
	loop->woke_us = woke_us;
}

static void
loop_run_tasks(struct loop *loop)
{
	struct list batch, *node;

	list_init(&batch);
	list_move_all(&batch, &loop->run);
	while ((node = list_take_first(&batch)) != NULL) {
		struct task *task = container_of(node, struct task, node);

		task->run(task);
	}
}

/* Only this thread writes, so no locked instruction is needed. */
static void
count_set(_Atomic(uint64_t) *count, uint64_t value)
{
	atomic_store_explicit(count, value, memory_order_relaxed);
}

static uint64_t
count_get(_Atomic(uint64_t) *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

/* Begin the next window where this one is over; if even that is long ago, nothing recent is known. */
static void
loop_roll_recent(struct loop *loop, uint64_t now_us)
{
	uint64_t age_us = now_us - loop->recent_since_us;

	if (age_us < LOOP_RECENT_US)
		return;
	loop->recent_us[1] = age_us < 2 * LOOP_RECENT_US ? loop->recent_us[0] : 0;
	loop->recent_us[0] = 0;
	loop->recent_since_us = now_us;
}

uint64_t
loop_recent_worst_us(struct loop *loop)
{
	loop_roll_recent(loop, loop->now_us);
	return loop->recent_us[0] > loop->recent_us[1] ? loop->recent_us[0] : loop->recent_us[1];
}

static void
loop_account(struct loop *loop)
{
	uint64_t now_us = clock_read_us(CLOCK_MONOTONIC), worked_us = now_us - loop->woke_us;

	count_set(&loop->turns, count_get(&loop->turns) + 1);
	if (worked_us > count_get(&loop->worst_turn_us))
		count_set(&loop->worst_turn_us, worked_us);
	loop_roll_recent(loop, now_us);
	if (worked_us > loop->recent_us[0])
		loop->recent_us[0] = worked_us;
	if (worked_us <= LOOP_SLOW_US)
		return;
	count_set(&loop->slow_turns, count_get(&loop->slow_turns) + 1);
	loop_note_end(loop, now_us);
	if (loop->on_slow != NULL)
		loop->on_slow(loop, worked_us);
}

void
loop_turn(struct loop *loop, bool may_block)
{
	uint64_t armed_ms, due_ms;

	loop_arm(loop);
	armed_ms = loop->wheel_armed_ms;
	loop->marked = false;
	loop->doing = loop->longest = NULL;
	loop->longest_us = 0;
	loop_poll(loop, may_block && list_is_empty(&loop->run) ? 0 : EVLOOP_NONBLOCK);
	loop_mark(loop);
	if (loop->now_ms > armed_ms && loop->now_ms - armed_ms > LOOP_LATE_MS)
		loop_catch_up(loop);
	due_ms = loop->woke_us / 1000;	/* not later: what came since has not been read */
	loop_note_part(loop, "tasks");
	loop_run_tasks(loop);
	loop_note_part(loop, "mail");
	mailbox_deliver(&loop->mailbox);
	loop_note_part(loop, "timers");
	wheel_advance(&loop->wheel, due_ms);
	loop_bury_all(loop);
	loop_account(loop);
}

void
loop_run(struct loop *loop)
{
	loop_adopt(loop);
	while (!loop->stopping)
		loop_turn(loop, true);
	loop->stopping = false;
}

void
loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

void
task_init(struct task *task, void (*run)(struct task *))
{
	list_init(&task->node);
	task->run = run;
}

void
loop_queue(struct loop *loop, struct task *task)
{
	if (list_is_empty(&task->node))
		list_append(&loop->run, &task->node);
}

void
task_cancel(struct task *task)
{
	list_remove(&task->node);
}

void
loop_bury(struct loop *loop, struct grave *grave, void (*bury)(struct grave *))
{
	grave->bury = bury;
	grave->next = loop->graves;
	loop->graves = grave;
}
