/*
 * Rounds of grace: a mail to each worker, which it answers from its graveyard, the last act of a
 * turn.
 *
 * What is handed in while a round is under way waits for the next one: it may have been found by
 * a reader after that reader's worker was asked. Control thread, but for what says otherwise.
 */
#include "config.h"
#include "core/grace.h"
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include "core/clock.h"
#include "core/loop.h"
#include "core/obj.h"
#include "core/publish.h"

#define GRACE_WORKERS_MAX 64	/* an engine's */
#define GRACE_PAUSE_MS	  10	/* between rounds: a flood of changes wakes idle workers no oftener */
#define GRACE_SLICE_US	  1000	/* of freeing, a turn */
#define GRACE_UNTIMED	  16	/* calls between two looks at the clock */

/* What goes to one worker and back. */
struct grace_post {
	struct mail	 mail;
	struct grave	 grave;		/* the worker's, while it has it */
	struct loop	*control;
};

static struct grace_post posts[GRACE_WORKERS_MAX];
static struct grace *fresh;		/* no worker has been asked yet */
static struct grace *asked;		/* they are being asked */
static struct grace *passed;		/* nobody can see them */
static uint32_t acks_due;		/* over 0: a round is under way */
static struct task free_task;
static struct wheel_timer pause_timer;
static bool has_init;

static void grace_ask(void);

/* Some of what nobody can see; true: all of it. */
static bool
grace_free_some(uint64_t until_us)
{
	for (unsigned calls = 1; passed != NULL; calls++) {
		struct grace *next = passed->next;

		if (passed->free(passed))
			passed = next;
		if (calls % GRACE_UNTIMED == 0 && clock_read_us(CLOCK_MONOTONIC) >= until_us)
			break;
	}
	return passed == NULL;
}

static void
grace_on_task(struct task *task)
{
	if (!grace_free_some(clock_read_us(CLOCK_MONOTONIC) + GRACE_SLICE_US))
		loop_queue(loop_self(), task);
}

static void
grace_on_pause(struct wheel_timer *timer)
{
	if (acks_due == 0 && fresh != NULL)
		grace_ask();
}

static void
grace_on_ack(struct mail *mail)
{
	struct grace **end = &passed;

	assert(acks_due > 0);
	if (--acks_due != 0)
		return;
	while (*end != NULL)
		end = &(*end)->next;
	*end = asked;
	asked = NULL;
	loop_queue(loop_self(), &free_task);
	wheel_set(&loop_self()->wheel, &pause_timer, loop_self()->now_ms + GRACE_PAUSE_MS);
}

/* Worker: its turn is over. */
static void
grace_on_turn_end(struct grave *grave)
{
	struct grace_post *post = container_of(grave, struct grace_post, grave);

	post->mail.deliver = grace_on_ack;
	mailbox_send(&post->control->mailbox, &post->mail);
}

/* Worker. */
static void
grace_on_asked(struct mail *mail)
{
	struct grace_post *post = container_of(mail, struct grace_post, mail);

	loop_bury(loop_self(), &post->grave, grace_on_turn_end);
}

static void
grace_ask(void)
{
	uint32_t workers = publish_worker_count();

	assert(workers <= GRACE_WORKERS_MAX && asked == NULL);
	asked = fresh;
	fresh = NULL;
	acks_due = workers;
	for (uint32_t i = 0; i < workers; i++) {
		posts[i].control = loop_self();
		posts[i].mail.deliver = grace_on_asked;
		mailbox_send(&publish_worker(i)->mailbox, &posts[i].mail);
	}
}

static void
grace_init(void)
{
	if (has_init)
		return;
	task_init(&free_task, grace_on_task);
	wheel_timer_init(&pause_timer, grace_on_pause);
	has_init = true;
}

void
grace_free(struct grace *grace, bool (*free)(struct grace *))
{
	grace->free = free;
	grace->next = fresh;
	fresh = grace;
	if (!publish_is_running()) {
		grace_flush();
		return;
	}
	assert_control();
	grace_init();
	if (acks_due == 0 && !wheel_timer_is_set(&pause_timer))
		grace_ask();
}

static void
grace_free_list(struct grace **list)
{
	struct grace *grace;

	while ((grace = *list) != NULL) {
		*list = grace->next;
		while (!grace->free(grace))
			;
	}
}

void
grace_flush(void)
{
	acks_due = 0;
	if (has_init) {
		task_cancel(&free_task);
		wheel_cancel(&pause_timer);
	}
	grace_free_list(&fresh);
	grace_free_list(&asked);
	grace_free_list(&passed);
}
