/*
 * A worker's thread and what it owns. See worker_priv.h.
 */
#include "config.h"
#include "stream/worker_priv.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <event2/util.h>
#include "core/obj.h"
#include "server/pool.h"
#include "stream/engine_priv.h"
#include "stream/listener_priv.h"
#include "stream/stream_priv.h"

#define WORKER_LINE_BYTES 1024 /* a log line's usual size */
#define WORKER_NAME_BYTES 16   /* of a thread, with its NUL */

/* Mail: places are free. */
static void
worker_on_resume(struct mail *mail)
{
	struct worker *w = obj_cast(container_of(mail, struct worker, resume), WORKER_MAGIC);
	struct list paused;

	/* first: a place that is given from here on sends the mail again */
	atomic_store(&w->resume_sent, false);
	list_init(&paused);
	list_move_all(&paused, &w->paused);
	while (!list_is_empty(&paused)) {
		struct list *node = list_take_first(&paused);

		listener_resume(container_of(node, struct listener, paused_node));
	}
}

void
worker_resume(struct worker *w)
{
	if (!atomic_exchange(&w->resume_sent, true))
		mailbox_send(&w->loop->mailbox, &w->resume);
}

static void
worker_init(struct worker *w, uint32_t index, struct pipe_budget *budget)
{
	w->index = index;
	w->spare_clients.keep = w->spare_streams.keep = w->spare_exchanges.keep =
		w->spare_captures.keep = w->spare_ids.keep = w->spare_ruled.keep =
			KEEPS_SPARES * WORKER_STREAMS_KEPT;
	w->spare_drafts.keep = KEEPS_SPARES * WORKER_DRAFTS_KEPT;
	w->spare_vars.keep = KEEPS_SPARES * WORKER_VARS_KEPT;
	slab_pool_init(&w->slabs, KEEPS_SPARES * WORKER_SLABS_KEPT);
	pipe_pool_init(&w->pipes, budget, WORKER_PIPES_KEPT);
	list_init(&w->clients);
	list_init(&w->sweeping);
	task_init(&w->sweep_task, clients_on_sweep);
	list_init(&w->streams);
	list_init(&w->active);
	list_init(&w->due);
	list_init(&w->paused);
	list_init(&w->listeners);
	w->resume.deliver = worker_on_resume;
	atomic_init(&w->resume_sent, false);
	evutil_secure_rng_get_bytes(&w->identity_seed, sizeof(w->identity_seed));
	wheel_timer_init(&w->tick, stream_on_tick);
	task_init(&w->tick_task, stream_on_tick_task);
}

enum err
worker_new(struct worker **wp, uint32_t index, struct pipe_budget *budget)
{
	struct worker *w = obj_new(sizeof(*w), WORKER_MAGIC);
	enum err result;

	if (w == NULL)
		return ERR_NOMEM;
	worker_init(w, index, budget);
	w->scratch = malloc(WORKER_SCRATCH_BYTES);
	w->eval_room = malloc(WORKER_EVAL_BYTES);
	w->lines = malloc(WORKER_ROOM_BYTES);
	w->line.at = malloc(WORKER_LINE_BYTES);
	w->line.cap = w->line.at == NULL ? 0 : WORKER_LINE_BYTES;
	result = w->scratch == NULL || w->eval_room == NULL || w->lines == NULL ||
			 w->line.at == NULL
		? ERR_NOMEM : loop_new(&w->loop, index);
	cuts_init(&w->cuts, w->loop);
	if (result == ERR_OK)
		result = log_ring_new(&w->log);
	if (result != ERR_OK)
		worker_free(&w);
	else
		*wp = w;
	return result;
}

void
worker_free(struct worker **wp)
{
	struct worker *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	assert(w->stream_count == 0 && list_is_empty(&w->listeners));
	cuts_fini(&w->cuts);
	loop_free(&w->loop);
	spares_fini(&w->spare_clients);
	spares_fini(&w->spare_streams);
	spares_fini(&w->spare_exchanges);
	spares_fini(&w->spare_drafts);
	spares_fini(&w->spare_captures);
	spares_fini(&w->spare_ids);
	spares_fini(&w->spare_vars);
	spares_fini(&w->spare_ruled);
	slab_pool_fini(&w->slabs);
	pipe_pool_fini(&w->pipes);
	buf_fini(&w->line);
	free(w->scratch);
	free(w->eval_room);
	free(w->lines);
	obj_free(w);
}

void *
worker_main(void *arg)
{
	struct worker *w = obj_cast(arg, WORKER_MAGIC);
	char name[WORKER_NAME_BYTES];

	(void)snprintf(name, sizeof(name), "worker-%u", (unsigned)w->index);
	(void)pthread_setname_np(pthread_self(), name);
	log_adopt(w->log);
	loop_run(w->loop);
	return NULL;
}

void
worker_stop_listening(struct worker *w)
{
	w->listening_ended = true;
	list_foreach_safe(node, &w->listeners)
		listener_stop_for_good(container_of(node, struct listener, worker_node));
	clients_sweep(w);
}

static void
worker_stop_when_empty(struct worker *w)
{
	if (w->stopping && w->stream_count == 0)
		loop_stop(w->loop);
}

void
worker_stream_gone(struct worker *w)
{
	assert(w->stream_count > 0);
	w->stream_count--;
	worker_stop_when_empty(w);
}

void
worker_stop(struct worker *w)
{
	if (!w->listening_ended)
		worker_stop_listening(w);
	w->stopping = true;
	stream_end_all(w, END_SHUTDOWN);
	clients_end_all(w);
	pools_stop(w->index);
	worker_stop_when_empty(w);
}
