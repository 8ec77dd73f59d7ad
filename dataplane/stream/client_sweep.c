/*
 * Looking at all clients of a worker, after something went that they may have come by.
 *
 * The worker's thread; a batch a turn.
 */
#include "config.h"
#include "core/obj.h"
#include "stream/client_priv.h"
#include "stream/frontend_priv.h"

#define CLIENT_SWEEP_BATCH    1024 /* clients looked at in a turn */

/* May it begin another request: are its frontend, bind and mode still there? */
static bool
client_is_welcome(const struct client *c)
{
	uint32_t index;
	const struct frontend_conf *conf = client_slot(c)->conf;

	return !c->worker->listening_ended && conf != NULL && client_conf(c, &index) == conf;
}

static void
client_look_at(struct client *c)
{
	list_remove(&c->node);
	list_append(&c->worker->clients, &c->node);
	if (!c->is_http || c->closes || client_is_welcome(c))
		return;
	c->closes = true;
	if (c->state != CLIENT_IDLE)
		return;
	if (c->requests > 0) {
		client_end(c);
		return;
	}
	c->since_ms = c->worker->loop->now_ms;
	client_arm(c, client_deadline_ms(c));
}

void
clients_on_sweep(struct task *task)
{
	struct worker *w = obj_cast(container_of(task, struct worker, sweep_task), WORKER_MAGIC);

	for (int i = 0; i < CLIENT_SWEEP_BATCH; i++) {
		if (list_is_empty(&w->sweeping))
			return;
		client_look_at(container_of(w->sweeping.next, struct client, node));
	}
	loop_queue(w->loop, task);
}

void
clients_sweep(struct worker *w)
{
	list_move_all(&w->sweeping, &w->clients);
	loop_queue(w->loop, &w->sweep_task);
}

void
clients_end_all(struct worker *w)
{
	list_move_all(&w->clients, &w->sweeping);
	list_foreach_safe(node, &w->clients)
		client_end(container_of(node, struct client, node));
}
