/*
 * The helper thread and its queue.
 *
 * The lock hands a job over with all that was written for it; the mailbox brings it back the same
 * way, so a job needs no atomics of its own. The process's signals are the main thread's.
 */
#include "config.h"
#include "adminapi/helper.h"
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include "core/list.h"
#include "core/loop.h"
#include "core/obj.h"

static struct helper {
	bool		    started;	/* control's */
	pthread_t	    thread;	/* control's */
	struct mailbox	   *control;	/* set before the thread begins */

	pthread_mutex_t	    lock;	/* guards the three below */
	pthread_cond_t	    wake;
	struct helper_job  *first;
	struct helper_job **end;
	bool		    stopping;
} helper = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };

static void
job_on_mail(struct mail *mail)
{
	struct helper_job *job = container_of(mail, struct helper_job, mail);

	job->done(job);
}

/* NULL: the helper stops and nothing is left to do. */
static struct helper_job *
job_wait(void)
{
	struct helper_job *job;

	pthread_mutex_lock(&helper.lock);
	while (helper.first == NULL && !helper.stopping)
		pthread_cond_wait(&helper.wake, &helper.lock);
	job = helper.first;
	if (job != NULL)
		helper.first = job->next;
	if (helper.first == NULL)
		helper.end = &helper.first;
	pthread_mutex_unlock(&helper.lock);
	return job;
}

static void *
helper_main(void *arg)
{
	struct helper_job *job;

	pthread_setname_np(pthread_self(), "helper");
	while ((job = job_wait()) != NULL) {
		job->work(job);
		job->mail.deliver = job_on_mail;
		mailbox_send(helper.control, &job->mail);
	}
	return arg;
}

enum err
helper_start(struct mailbox *control)
{
	sigset_t all, before;
	int code;

	assert_control();
	assert(!helper.started);
	helper.control = control;
	helper.first = NULL;
	helper.end = &helper.first;
	helper.stopping = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&helper.thread, NULL, helper_main, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	helper.started = code == 0;
	return code == 0 ? ERR_OK : ERR_SYSTEM;
}

void
helper_submit(struct helper_job *job)
{
	assert_control();
	assert(helper.started && job->work != NULL && job->done != NULL);
	job->next = NULL;
	pthread_mutex_lock(&helper.lock);
	assert(!helper.stopping);
	*helper.end = job;
	helper.end = &job->next;
	pthread_cond_signal(&helper.wake);
	pthread_mutex_unlock(&helper.lock);
}

void
helper_stop(void)
{
	assert_control();
	if (!helper.started)
		return;
	pthread_mutex_lock(&helper.lock);
	helper.stopping = true;
	pthread_cond_signal(&helper.wake);
	pthread_mutex_unlock(&helper.lock);
	pthread_join(helper.thread, NULL);
	helper.started = false;
}
