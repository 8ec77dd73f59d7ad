/*
 * The helper: one thread for what would hold up the control thread's loop for too long (a large body
 * to parse and to plan). One job at a time, in the order they were submitted.
 *
 * A job is embedded in what it works on, so submitting cannot fail. There is one helper a process.
 */
#pragma once

#include "core/err.h"
#include "core/mailbox.h"

struct helper_job {
	void		  (*work)(struct helper_job *);	/* on the helper thread; may take its time */
	void		  (*done)(struct helper_job *);	/* then, on control; the job is the caller's again */
	struct helper_job  *next;			/* the helper's, from submit to done() */
	struct mail	    mail;
};

/* Start the thread; jobs come home through `control`, which must outlive helper_stop(). ERR_SYSTEM.
 * Control thread, as are all of these. */
enum err helper_start(struct mailbox *control);

/*
 * Queue a job whose `work` and `done` are set; a job may be submitted again from its done(). What the
 * caller wrote before is seen by work(), what work() wrote is seen by done(). Never calls either.
 */
void helper_submit(struct helper_job *job);

/* Finish what was submitted, end the thread. The last done() calls are then in control's mailbox.
 * Does nothing when it was not started. */
void helper_stop(void);
