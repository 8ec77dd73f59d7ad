/*
 * The lazy tick: what has to be done for streams that are not idle, about twice a second.
 *
 * A stream that moved bytes is on the worker's list `active`. A tick takes the list over, brings
 * the counters up to date, and keeps the stream for the next tick. One that moved nothing since is
 * read once, for an RST that came right behind its last bytes (conn.h), and leaves the list: an
 * idle stream costs nothing. So such an RST is seen within two ticks. A stream that waits for a
 * server stays on the list, for its client may leave.
 *
 * The worker; at most TICK_BATCH streams a turn.
 */
#include "config.h"
#include "core/obj.h"
#include "stream/exchange_priv.h"
#include "stream/stream_priv.h"

#define TICK_MS	   500
#define TICK_BATCH 1024

void
stream_note_active(struct stream *s)
{
	struct worker *w = s->worker;

	s->moved = true;
	if (!list_is_empty(&s->active))
		return;
	list_append(&w->active, &s->active);
	if (!wheel_timer_is_set(&w->tick))
		wheel_set(&w->loop->wheel, &w->tick, w->loop->now_ms + TICK_MS);
}

static void
stream_keep_active(struct stream *s)
{
	stream_note_active(s);
	s->moved = false;
}

/* A part of a head has come, or an interim response: an RST may have come right behind it. */
static void
stream_probe_answer(struct stream *s)
{
	if (s->state != STREAM_AWAITING ||
	    (s->flow[DOWN].bytes == 0 && s->exchange->response == NULL))
		return;
	s->sc->conn.readable = true;
	s->mode->run(s);
}

/* It is on no list here. */
static void
stream_tick(struct stream *s)
{
	stream_count(s);
	if (s->exchange != NULL)
		exchange_slim(s);
	if (s->state == STREAM_OPEN && !s->moved) {
		stream_read_once_more(s);
	} else if (s->state < STREAM_OPEN && conn_error(&s->client->conn) != 0) {
		stream_end(s, END_CLIENT_ABORT);
	} else {
		stream_keep_active(s);
		stream_probe_answer(s);
	}
}

void
stream_on_tick_task(struct task *task)
{
	struct worker *w = obj_cast(container_of(task, struct worker, tick_task), WORKER_MAGIC);

	for (int i = 0; i < TICK_BATCH; i++) {
		struct list *node = list_take_first(&w->due);

		if (node == NULL)
			return;
		stream_tick(container_of(node, struct stream, active));
	}
	loop_queue(w->loop, task);
}

void
stream_on_tick(struct wheel_timer *timer)
{
	struct worker *w = obj_cast(container_of(timer, struct worker, tick), WORKER_MAGIC);

	list_move_all(&w->due, &w->active);
	loop_queue(w->loop, &w->tick_task);
}
