/*
 * adminapi/helper.c: jobs run elsewhere, in order, one at a time, and come home.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "adminapi/helper.h"
#include "core/loop.h"
#include "core/obj.h"

#define JOBS 200

struct counted {
	struct helper_job job;
	unsigned	  number;	/* written before submit, read by work() */
	unsigned	  answer;	/* written by work(), read by done() */
	unsigned	  again;	/* how often done() submits it anew */
};

static struct loop *control;
static pthread_t control_thread;
static unsigned worked, done;		/* the helper's, control's */
static _Atomic(unsigned) at_work;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void
count_work(struct helper_job *job)
{
	struct counted *c = container_of(job, struct counted, job);

	assert_false(pthread_equal(pthread_self(), control_thread));
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	assert_int_equal(atomic_fetch_add(&at_work, 1), 0);
	worked++;
	c->answer = c->number * 2;
	atomic_fetch_sub(&at_work, 1);
}

static void
count_done(struct helper_job *job)
{
	struct counted *c = container_of(job, struct counted, job);

	assert_true(pthread_equal(pthread_self(), control_thread));
	assert_int_equal(c->answer, c->number * 2);
	assert_int_equal(c->number, done);
	done++;
	if (c->again > 0) {
		c->again--;
		c->number++;
		helper_submit(job);
	}
}

static void
submit(struct counted *c, unsigned number)
{
	*c = (struct counted){ .number = number };
	c->job.work = count_work;
	c->job.done = count_done;
	helper_submit(&c->job);
}

static int
begin(void **state)
{
	(void)state;
	worked = done = 0;
	control_thread = pthread_self();
	assert_int_equal(loop_new(&control, LOOP_CONTROL), ERR_OK);
	loop_adopt(control);
	assert_int_equal(helper_start(&control->mailbox), ERR_OK);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	helper_stop();
	loop_free(&control);
	return 0;
}

static void
jobs_run_in_order_and_come_home(void **state)
{
	static struct counted jobs[JOBS];

	(void)state;
	for (unsigned i = 0; i < JOBS; i++)
		submit(&jobs[i], i);
	while (done < JOBS)
		loop_turn(control, true);
	assert_int_equal(done, JOBS);
}

static void
a_job_may_go_again_from_its_end(void **state)
{
	static struct counted job;

	(void)state;
	submit(&job, 0);
	job.again = 20;
	while (done < 21)
		loop_turn(control, true);
	assert_int_equal(job.answer, 40);
}

static void
control_goes_on_while_a_job_takes_its_time(void **state)
{
	static struct counted job;

	(void)state;
	pthread_mutex_lock(&gate);
	submit(&job, 0);
	for (int i = 0; i < 100; i++)
		loop_turn(control, false);
	assert_int_equal(done, 0);
	pthread_mutex_unlock(&gate);
	while (done < 1)
		loop_turn(control, true);
}

static void
a_stop_finishes_what_was_submitted(void **state)
{
	static struct counted jobs[5];

	(void)state;
	pthread_mutex_lock(&gate);
	for (unsigned i = 0; i < 5; i++)
		submit(&jobs[i], i);
	pthread_mutex_unlock(&gate);
	helper_stop();
	assert_int_equal(worked, 5);
	mailbox_deliver(&control->mailbox);
	assert_int_equal(done, 5);
	helper_stop();
	assert_int_equal(helper_start(&control->mailbox), ERR_OK);
	submit(&jobs[0], 5);
	while (done < 6)
		loop_turn(control, true);
}

static _Atomic(int) blocked;

static void
ask_mask(struct helper_job *job)
{
	sigset_t mask;

	(void)job;
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	blocked = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGHUP);
}

static void
ask_done(struct helper_job *job)
{
	(void)job;
	done++;
}

static void
signals_are_not_the_helpers(void **state)
{
	static struct helper_job job = { .work = ask_mask, .done = ask_done };
	sigset_t mask;

	(void)state;
	helper_submit(&job);
	while (done < 1)
		loop_turn(control, true);
	assert_true(blocked);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	assert_false(sigismember(&mask, SIGTERM));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(jobs_run_in_order_and_come_home),
		TEST(a_job_may_go_again_from_its_end),
		TEST(control_goes_on_while_a_job_takes_its_time),
		TEST(a_stop_finishes_what_was_submitted),
		TEST(signals_are_not_the_helpers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
