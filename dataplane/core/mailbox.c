/*
 * The mailbox: a stack with many pushers and one taker.
 *
 * Pushing is one compare-and-swap. The taker takes the whole stack by one exchange, so no node is
 * popped while another is pushed and the ABA problem cannot arise. Senders on any thread; the rest on
 * the receiver's.
 */
#include "config.h"
#include "core/mailbox.h"
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum err
mailbox_init(struct mailbox *box)
{
	atomic_init(&box->top, NULL);
	box->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return box->fd < 0 ? ERR_SYSTEM : ERR_OK;
}

void
mailbox_fini(struct mailbox *box)
{
	if (box->fd >= 0)
		close(box->fd);
	box->fd = -1;
}

static void
mailbox_wake(struct mailbox *box)
{
	const uint64_t one = 1;
	ssize_t n;

	do
		n = write(box->fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
	/* EAGAIN: the counter is full, so it is readable, and that is all that it is for */
	assert(n == sizeof(one) || errno == EAGAIN);
}

void
mailbox_send(struct mailbox *box, struct mail *mail)
{
	struct mail *top = atomic_load_explicit(&box->top, memory_order_relaxed);

	/* release: what the sender wrote is seen after the acquire in mailbox_take() */
	do
		mail->next = top;
	while (!atomic_compare_exchange_weak_explicit(&box->top, &top, mail, memory_order_release,
						      memory_order_relaxed));
	/* `mail` may be delivered and gone by now; `top` is what stood below it */
	if (top == NULL)
		mailbox_wake(box);
}

/* All mail, oldest first. */
static struct mail *
mailbox_take(struct mailbox *box)
{
	struct mail *newest, *oldest = NULL;

	/* an empty box is the usual case: look before the bus is locked */
	if (atomic_load_explicit(&box->top, memory_order_relaxed) == NULL)
		return NULL;
	newest = atomic_exchange_explicit(&box->top, NULL, memory_order_acquire);
	while (newest != NULL) {
		struct mail *below = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = below;
	}
	return oldest;
}

bool
mailbox_deliver(struct mailbox *box)
{
	struct mail *mail = mailbox_take(box);
	bool any = mail != NULL;

	while (mail != NULL) {
		struct mail *next = mail->next;	/* first: deliver() may send it again, or free it */

		mail->deliver(mail);
		mail = next;
	}
	return any;
}

void
mailbox_wait(struct mailbox *box, int timeout_ms)
{
	struct pollfd p = { .fd = box->fd, .events = POLLIN };
	uint64_t count;

	if (atomic_load_explicit(&box->top, memory_order_relaxed) != NULL)
		timeout_ms = 0;
	if (poll(&p, 1, timeout_ms) <= 0)
		return;
	if (read(box->fd, &count, sizeof(count)) < 0)
		assert(errno == EAGAIN || errno == EINTR);
}
