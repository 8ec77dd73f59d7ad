/*
 * Resets that wait for what was written. See cut_priv.h.
 */
#include "config.h"
#include "stream/cut_priv.h"
#include <stdlib.h>
#include "core/obj.h"

#define CUT_LOOK_MS 20 /* a round trip, or a few; the kernel does not tell when it is time */

struct cut {
	struct list	 node;
	int		 fd;
	uint64_t	 until_ms;
};

static void
cut_now(struct cuts *cuts, struct cut *cut)
{
	sock_reset(cut->fd);
	list_remove(&cut->node);
	free(cut);
	cuts->count--;
}

static void
cuts_arm(struct cuts *cuts)
{
	if (!list_is_empty(&cuts->waiting) && !wheel_timer_is_set(&cuts->timer))
		wheel_set(&cuts->loop->wheel, &cuts->timer, cuts->loop->now_ms + CUT_LOOK_MS);
}

static void
cuts_on_timer(struct wheel_timer *timer)
{
	struct cuts *cuts = container_of(timer, struct cuts, timer);

	list_foreach_safe(node, &cuts->waiting) {
		struct cut *cut = container_of(node, struct cut, node);

		if (sock_unsent(cut->fd) == 0 || cut->until_ms <= cuts->loop->now_ms)
			cut_now(cuts, cut);
	}
	cuts_arm(cuts);
}

void
cuts_init(struct cuts *cuts, struct loop *loop)
{
	cuts->loop = loop;
	cuts->count = 0;
	list_init(&cuts->waiting);
	wheel_timer_init(&cuts->timer, cuts_on_timer);
}

void
cuts_fini(struct cuts *cuts)
{
	list_foreach_safe(node, &cuts->waiting) cut_now(cuts, container_of(node, struct cut, node));
	wheel_cancel(&cuts->timer);
}

void
cuts_add(struct cuts *cuts, struct conn *c)
{
	struct cut *cut = NULL;

	if (c->fd >= 0 && cuts->count < CUTS_MAX && sock_unsent(c->fd) > 0)
		cut = malloc(sizeof(*cut));
	if (cut == NULL) {
		conn_reset(c);
		return;
	}
	cut->fd = conn_take(c);
	cut->until_ms = cuts->loop->now_ms + CUT_WAIT_MS;
	list_append(&cuts->waiting, &cut->node);
	cuts->count++;
	cuts_arm(cuts);
}
