/*
 * Publications on their way to the workers and back.
 *
 * Each worker gets two pieces of mail that are part of the publication: the first installs, the
 * second comes back as the acknowledgement. As mail of one sender keeps its order, whatever control
 * sends between the two is delivered between them. The acknowledgements are counted on the control
 * thread, so the count needs no atomics.
 */
#include "config.h"
#include "core/publish.h"
#include <assert.h>
#include <stdlib.h>
#include "core/obj.h"

enum publication_state {
	PUBLICATION_OPEN,	/* items are added */
	PUBLICATION_SENT,
	PUBLICATION_SEALED,	/* the last acknowledgement ends it */
};

/* What one worker gets. */
struct publish_post {
	struct mail		 install;
	struct mail		 seal;	/* worker, then control */
	struct publication	*publication;
	uint32_t		 worker;
};

struct publication {
	enum publication_state	 state;
	struct publish_item	*first;		/* read by the workers from send to acknowledgement */
	struct publish_item	*last;
	struct loop		*control;	/* borrowed: outlives every publication */
	void		       (*on_acked)(void *arg);
	void			*on_acked_arg;
	struct mail		 done;		/* used where there are no workers */
	uint32_t		 workers;
	uint32_t		 acks_due;
	struct publish_post	 posts[];
};

static struct loop *const *publish_workers;	/* borrowed: set once at start */
static uint32_t publish_workers_count;

void
publish_set_workers(struct loop *const *workers, uint32_t count)
{
	publish_workers = workers;
	publish_workers_count = count;
}

uint32_t
publish_worker_count(void)
{
	return publish_workers_count;
}

bool
publish_is_running(void)
{
	return publish_workers != NULL && publish_workers_count > 0;
}

struct loop *
publish_worker(uint32_t index)
{
	assert(index < publish_workers_count);
	return publish_workers[index];
}

/* Worker's thread. */
static void
publication_on_install(struct mail *mail)
{
	struct publish_post *post = container_of(mail, struct publish_post, install);
	struct loop *worker = publish_worker(post->worker);
	struct publish_item *item = post->publication->first;

	assert(loop_self() == worker);
	loop_note(worker, "installing a change");
	for (; item != NULL; item = item->next)
		item->ops->install(item, worker);
}

/* Control thread. */
static void
publication_finish(struct publication *p)
{
	struct publish_item *item = p->first;
	void (*on_acked)(void *) = p->on_acked;
	void *arg = p->on_acked_arg;

	while (item != NULL) {
		struct publish_item *next = item->next;	/* first: acked() may free it */

		item->ops->acked(item);
		item = next;
	}
	free(p);
	if (on_acked != NULL)
		on_acked(arg);
}

/* Control thread. */
static void
publication_on_ack(struct mail *mail)
{
	struct publication *p = container_of(mail, struct publish_post, seal)->publication;

	assert(p->acks_due > 0);
	if (--p->acks_due == 0)
		publication_finish(p);
}

/* Worker's thread: everything that was sent before has been delivered. */
static void
publication_on_seal(struct mail *mail)
{
	struct publish_post *post = container_of(mail, struct publish_post, seal);

	mail->deliver = publication_on_ack;
	mailbox_send(&post->publication->control->mailbox, mail);
}

/* Control thread, without workers. */
static void
publication_on_done(struct mail *mail)
{
	publication_finish(container_of(mail, struct publication, done));
}

static void
publish_post_init(struct publish_post *post, struct publication *p, uint32_t worker)
{
	post->install.deliver = publication_on_install;
	post->seal.deliver = publication_on_seal;
	post->publication = p;
	post->worker = worker;
}

enum err
publication_new(struct publication **pp)
{
	uint32_t workers = publish_workers_count;
	struct publication *p = calloc(1, sizeof(*p) + workers * sizeof(p->posts[0]));

	if (p == NULL)
		return ERR_NOMEM;
	p->workers = workers;
	p->done.deliver = publication_on_done;
	for (uint32_t i = 0; i < workers; i++)
		publish_post_init(&p->posts[i], p, i);
	*pp = p;
	return ERR_OK;
}

void
publication_add(struct publication *p, struct publish_item *item)
{
	assert(p->state == PUBLICATION_OPEN);
	item->next = NULL;
	if (p->last == NULL)
		p->first = item;
	else
		p->last->next = item;
	p->last = item;
}

static void
publish_call(void (*hook)(struct publish_item *), struct publish_item *item)
{
	if (hook != NULL)
		hook(item);
}

void
publication_send(struct publication *p)
{
	assert_control();
	assert(p->state == PUBLICATION_OPEN && p->workers == publish_workers_count);
	p->state = PUBLICATION_SENT;
	p->control = loop_self();
	for (struct publish_item *item = p->first; item != NULL; item = item->next)
		publish_call(item->ops->publish, item);
	for (struct publish_item *item = p->first; item != NULL; item = item->next)
		publish_call(item->ops->before, item);
	for (uint32_t i = 0; i < p->workers; i++)
		mailbox_send(&publish_worker(i)->mailbox, &p->posts[i].install);
	for (struct publish_item *item = p->first; item != NULL; item = item->next)
		publish_call(item->ops->after, item);
}

void
publication_seal(struct publication *p, void (*on_acked)(void *arg), void *arg)
{
	uint32_t workers = p->workers;

	assert_control();
	assert(p->state == PUBLICATION_SENT);
	p->state = PUBLICATION_SEALED;
	p->on_acked = on_acked;
	p->on_acked_arg = arg;
	p->acks_due = workers;
	if (workers == 0)
		mailbox_send(&p->control->mailbox, &p->done);
	for (uint32_t i = 0; i < workers; i++)
		mailbox_send(&publish_worker(i)->mailbox, &p->posts[i].seal);
}

/* The items, newest first. */
static struct publish_item *
publication_reverse(struct publication *p)
{
	struct publish_item *item = p->first, *newest = NULL;

	while (item != NULL) {
		struct publish_item *next = item->next;

		item->next = newest;
		newest = item;
		item = next;
	}
	return newest;
}

void
publication_abort(struct publication **pp)
{
	struct publication *p = *pp;
	struct publish_item *item;

	if (p == NULL)
		return;
	assert(p->state == PUBLICATION_OPEN);
	item = publication_reverse(p);
	while (item != NULL) {
		struct publish_item *next = item->next;

		item->ops->abort(item);
		item = next;
	}
	free(p);
	*pp = NULL;
}
