/*
 * Grace: what readers without a lock may still look at is freed when every worker has ended a
 * turn.
 *
 * A reader (a worker, in an event, a task or a timer) follows atomic links and keeps nothing of
 * what it found beyond the end of its turn. The writer (the control thread) takes something out
 * of those links and hands it to grace_free(): each worker that is asked answers at the end of
 * its turn, when it can not have the old link any more. Many are asked for at once: a round of
 * mail a batch, no two rounds under way, and a pause between them.
 */
#pragma once

#include <stdbool.h>

/* Embedded in what is to be freed; readers do not look at it. */
struct grace {
	struct grace	 *next;
	bool		(*free)(struct grace *);
};

/*
 * Later, on the control thread, `free` is called until it says true: one that has much to free
 * does some hundred things a call and says false. At once where no workers run. Cannot fail.
 * Control thread.
 */
void grace_free(struct grace *grace, bool (*free)(struct grace *));

/* Free all that waits; no worker runs any more. For tests, and the end. */
void grace_flush(void);
