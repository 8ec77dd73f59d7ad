/*
 * A thread's loop: what runs when in a turn, what wakes it, what it counts.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "core/loop.h"
#include "core/obj.h"

static struct loop *loop;
static char order[64]; /* a letter for each thing that ran */

static int
open_loop(void **state)
{
	(void)state;
	memset(order, 0, sizeof(order));
	if (loop_new(&loop, 3) != ERR_OK)
		return -1;
	loop_adopt(loop);
	return 0;
}

static int
close_loop(void **state)
{
	(void)state;
	loop_free(&loop);
	assert_null(loop);
	assert_null(loop_self());
	return 0;
}

static void
note(char what)
{
	size_t n = strlen(order);

	assert_true(n + 1 < sizeof(order));
	order[n] = what;
}

static uint64_t
monotonic_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
spin_us(uint64_t us)
{
	for (uint64_t end = monotonic_us() + us; monotonic_us() < end;)
		;
}

static void
note_task(struct task *task)
{
	(void)task;
	note('t');
}

static void
queue_again(struct task *task)
{
	note('q');
	loop_queue(loop, task);
}

static void
note_mail(struct mail *mail)
{
	(void)mail;
	note('m');
}

static void
note_timer(struct wheel_timer *timer)
{
	(void)timer;
	note('w');
}

static void
note_grave(struct grave *grave)
{
	(void)grave;
	note('g');
}

static void
note_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	loop_mark(loop);
	note('e');
}

static void
a_turn_goes_events_tasks_mail_timers_burials(void **state)
{
	struct event *event = event_new(loop->base, -1, 0, note_event, NULL);
	struct mail mail = { .deliver = note_mail };
	struct grave grave;
	struct wheel_timer timer;
	struct task task;

	(void)state;
	loop_bury(loop, &grave, note_grave);
	wheel_timer_init(&timer, note_timer);
	wheel_set(&loop->wheel, &timer, 0);
	mailbox_send(&loop->mailbox, &mail);
	task_init(&task, note_task);
	loop_queue(loop, &task);
	event_active(event, EV_TIMEOUT, 0);
	spin_us(2000); /* over the next tick */
	loop_turn(loop, true);
	assert_string_equal(order, "etmwg");
	event_free(event);
}

static void
a_task_is_queued_once(void **state)
{
	struct task task;

	(void)state;
	task_init(&task, note_task);
	loop_queue(loop, &task);
	loop_queue(loop, &task);
	loop_turn(loop, true);
	loop_turn(loop, false);
	assert_string_equal(order, "t");
}

static void
a_task_queued_by_a_task_waits_for_the_next_turn_which_does_not_block(void **state)
{
	struct task task;

	(void)state;
	task_init(&task, queue_again);
	loop_queue(loop, &task);
	loop_turn(loop, true);
	assert_string_equal(order, "q");
	loop_turn(loop, true);
	assert_string_equal(order, "qq");
	task_cancel(&task);
	loop_turn(loop, false);
	assert_string_equal(order, "qq");
}

static struct task victim;

static void
cancel_victim(struct task *task)
{
	(void)task;
	note('c');
	task_cancel(&victim);
}

static void
a_task_may_cancel_another_of_its_batch(void **state)
{
	struct task task;

	(void)state;
	task_init(&task, cancel_victim);
	task_init(&victim, note_task);
	loop_queue(loop, &task);
	loop_queue(loop, &victim);
	loop_turn(loop, true);
	assert_string_equal(order, "c");
}

static struct grave second_grave;

static void
bury_another(struct grave *grave)
{
	(void)grave;
	note('b');
	loop_bury(loop, &second_grave, note_grave);
}

static void
a_burial_may_bury_another(void **state)
{
	struct grave grave;

	(void)state;
	loop_bury(loop, &grave, bury_another);
	loop_turn(loop, false);
	assert_string_equal(order, "bg");
}

static uint64_t fired_at_us;

static void
note_when(struct wheel_timer *timer)
{
	(void)timer;
	fired_at_us = monotonic_us();
	loop_stop(loop);
}

static void
a_timer_ends_the_sleep_and_never_fires_early(void **state)
{
	struct wheel_timer timer, late;
	uint64_t due_ms = loop->now_ms + 30;

	(void)state;
	wheel_timer_init(&timer, note_when);
	wheel_timer_init(&late, note_timer);
	wheel_set(&loop->wheel, &late, loop->now_ms + 3600000);
	loop_turn(loop, false); /* arms for the late one; the next must arm for the earlier */
	wheel_set(&loop->wheel, &timer, due_ms);
	loop_run(loop);
	assert_true(fired_at_us >= due_ms * 1000);
	assert_string_equal(order, "");
	wheel_cancel(&late);
}

static void
the_libevent_timer_is_left_alone_while_nothing_is_due_earlier(void **state)
{
	struct wheel_timer timer;
	uint64_t armed_ms;

	(void)state;
	wheel_timer_init(&timer, note_timer);
	wheel_set(&loop->wheel, &timer, loop->now_ms + 60000);
	loop_turn(loop, false);
	armed_ms = loop->wheel_armed_ms;
	assert_true(armed_ms <= timer.at_ms);
	wheel_set(&loop->wheel, &timer, loop->now_ms + 120000);
	loop_turn(loop, false);
	assert_int_equal(loop->wheel_armed_ms, armed_ms);
	wheel_cancel(&timer);
}

static void
stop_by_mail(struct mail *mail)
{
	(void)mail;
	note('m');
	loop_stop(loop);
}

static void *
send_stop(void *arg)
{
	mailbox_send(&loop->mailbox, arg);
	return NULL;
}

static void
mail_from_another_thread_ends_the_sleep_again_and_again(void **state)
{
	struct mail mail = { .deliver = stop_by_mail };
	pthread_t thread;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(pthread_create(&thread, NULL, send_stop, &mail), 0);
		loop_run(loop);
		pthread_join(thread, NULL);
		assert_int_equal(strlen(order), i + 1);
	}
}

static void
the_first_event_of_a_turn_reads_the_clock(void **state)
{
	struct event *event = event_new(loop->base, -1, 0, note_event, NULL);
	uint64_t before_us;

	(void)state;
	event_active(event, EV_TIMEOUT, 0);
	spin_us(1000);
	before_us = monotonic_us();
	loop_turn(loop, true);
	assert_true(loop->now_us >= before_us);
	assert_int_equal(loop->now_us, loop->woke_us);
	assert_int_equal(loop->now_ms, loop->now_us / 1000);
	assert_true(loop->wall_us / 1000000 + 5 >= (uint64_t)time(NULL));
	assert_true(loop->wall_us / 1000000 <= (uint64_t)time(NULL) + 5);
	event_free(event);
}

static uint64_t slow_us;

static void
note_slow(struct loop *slow_loop, uint64_t worked_us)
{
	assert_ptr_equal(slow_loop, loop);
	slow_us = worked_us;
}

static void
work_long(struct task *task)
{
	(void)task;
	spin_us(LOOP_SLOW_US + 1000);
}

static void
a_turn_that_works_too_long_is_counted_and_told(void **state)
{
	struct task task;

	(void)state;
	slow_us = 0;
	loop->on_slow = note_slow;
	task_init(&task, work_long);
	loop_queue(loop, &task);
	loop_turn(loop, true);
	assert_int_equal(loop->slow_turns, 1);
	assert_int_equal(loop->turns, 1);
	assert_true(slow_us > LOOP_SLOW_US);
	assert_int_equal(loop->worst_turn_us, slow_us);
}

static void
what_was_recent_is_forgotten_after_two_windows(void **state)
{
	(void)state;
	loop->recent_us[0] = 7000;
	loop->recent_since_us = loop->now_us;
	assert_int_equal(loop_recent_worst_us(loop), 7000);
	loop->now_us += LOOP_RECENT_US;
	assert_int_equal(loop_recent_worst_us(loop), 7000);
	loop->recent_us[0] = 3000;
	loop->now_us += LOOP_RECENT_US;
	assert_int_equal(loop_recent_worst_us(loop), 3000);
	loop->recent_us[0] = 9000;
	loop->now_us += 2 * LOOP_RECENT_US;
	assert_int_equal(loop_recent_worst_us(loop), 0);
}

static void
sleep_is_not_work(void **state)
{
	struct wheel_timer timer;

	(void)state;
	wheel_timer_init(&timer, note_when);
	wheel_set(&loop->wheel, &timer, loop->now_ms + LOOP_SLOW_US / 1000 + 20);
	loop_run(loop);
	assert_int_equal(loop->slow_turns, 0);
}

#define SOCKETS 100 /* more than one poll of libevent shows at first */

static void
read_one(evutil_socket_t fd, short what, void *arg)
{
	char c;

	(void)what;
	(void)arg;
	loop_mark(loop);
	assert_int_equal(read(fd, &c, 1), 1);
	fired_at_us++;
}

static void
all_were_read(struct wheel_timer *timer)
{
	(void)timer;
	note('w');
	assert_int_equal(fired_at_us, SOCKETS);
}

static void
after_a_stall_every_socket_is_read_before_a_timeout_is_judged(void **state)
{
	struct event *events[SOCKETS];
	int pipes[SOCKETS][2];
	struct wheel_timer timer;

	(void)state;
	fired_at_us = 0;
	wheel_timer_init(&timer, all_were_read);
	wheel_set(&loop->wheel, &timer, loop->now_ms + 5);
	loop_turn(loop, false);
	for (unsigned i = 0; i < SOCKETS; i++) {
		assert_int_equal(pipe(pipes[i]), 0);
		assert_int_equal(write(pipes[i][1], "x", 1), 1);
		events[i] = event_new(loop->base, pipes[i][0], EV_READ, read_one, NULL);
		event_add(events[i], NULL);
	}
	spin_us(100000);
	loop_turn(loop, true);
	assert_string_equal(order, "w");
	for (unsigned i = 0; i < SOCKETS; i++) {
		event_free(events[i]);
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}

static void
a_loop_knows_its_thread(void **state)
{
	(void)state;
	assert_ptr_equal(loop_self(), loop);
	loop_adopt(NULL);
	assert_null(loop_self());
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_loop, close_loop)
	const struct CMUnitTest tests[] = {
		TEST(a_turn_goes_events_tasks_mail_timers_burials),
		TEST(a_task_is_queued_once),
		TEST(a_task_queued_by_a_task_waits_for_the_next_turn_which_does_not_block),
		TEST(a_task_may_cancel_another_of_its_batch),
		TEST(a_burial_may_bury_another),
		TEST(a_timer_ends_the_sleep_and_never_fires_early),
		TEST(the_libevent_timer_is_left_alone_while_nothing_is_due_earlier),
		TEST(mail_from_another_thread_ends_the_sleep_again_and_again),
		TEST(the_first_event_of_a_turn_reads_the_clock),
		TEST(a_turn_that_works_too_long_is_counted_and_told),
		TEST(what_was_recent_is_forgotten_after_two_windows),
		TEST(sleep_is_not_work),
		TEST(after_a_stall_every_socket_is_read_before_a_timeout_is_judged),
		TEST(a_loop_knows_its_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
