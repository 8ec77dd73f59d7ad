/*
 * Mail between threads: many senders, one receiver, woken by an eventfd.
 *
 * A mail node is embedded in what it speaks of, so sending cannot fail and the queue needs no
 * limit. Mail of one sender arrives in the order it was sent. A node belongs to the mailbox from
 * mailbox_send() until its deliver() is called, and may be sent again from then on.
 *
 * The queue is a stack that the receiver takes whole and turns round: one exchange a turn.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include "core/err.h"

struct mail {
	struct mail	 *next;				/* the mailbox's, while it is under way */
	void		(*deliver)(struct mail *);	/* called on the receiver's thread */
};

struct mailbox {
	_Atomic(struct mail *)	top;	/* release by senders, acquire by the receiver */
	int			fd;	/* eventfd, readable when mail came to an empty box */
};

/* Open the eventfd. ERR_SYSTEM. Receiver's thread, or before it starts. */
enum err mailbox_init(struct mailbox *box);
void mailbox_fini(struct mailbox *box);

/* Send; any thread. Wakes the receiver by the eventfd if the box was empty. */
void mailbox_send(struct mailbox *box, struct mail *mail);

/*
 * Deliver what has come, in order. Receiver's thread. True when there was any. The eventfd is not
 * read: a loop watches it edge-triggered.
 */
bool mailbox_deliver(struct mailbox *box);

/*
 * For a receiver without a loop: sleep until mail came, at most `timeout_ms` (-1: for ever), and
 * reset the eventfd. It may return for nothing; call mailbox_deliver() next.
 */
void mailbox_wait(struct mailbox *box, int timeout_ms);
