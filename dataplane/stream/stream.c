/*
 * A stream's start, what it holds, its one exit.
 *
 * Callbacks end in a function of its mode or of stream_connect.c, which may end the stream; none
 * touches it after that. The memory is buried with the turn.
 */
#include "config.h"
#include "stream/stream_priv.h"
#include <string.h>
#include "core/obj.h"
#include "stream/capture.h"
#include "stream/engine_priv.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"
#include "stream/unique_id.h"

char
stream_state_letter(enum stream_state state)
{
	static const char letters[] = {
#define X(name, letter, text) [STREAM_##name] = letter,
		STREAM_STATES(X)
#undef X
	};

	return letters[state];
}

static struct stream *
stream_new(struct worker *w)
{
	struct stream *s = spares_take(&w->spare_streams, sizeof(*s));

	if (s == NULL)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->magic = STREAM_MAGIC;
	return s;
}

static void
stream_bury(struct grave *grave)
{
	struct stream *s = container_of(grave, struct stream, grave);

	spares_give(&s->worker->spare_streams, s);
}

/* Nobody will call it any more: its configuration may go. */
static void
stream_release(struct stream *s)
{
	struct worker *w = s->worker;

	if (s->backend_conf != NULL) {
		count_add(&s->backend->slots[w->index].counters.streams, (uint64_t)-1);
		snap_unref(&s->backend_conf->slots[w->index]);
	}
	snap_unref(&s->frontend_conf->slots[w->index].ref);
	snap_unref(&s->frontend->slots[w->index].ref);
	loop_bury(w->loop, &s->grave, stream_bury);
	worker_stream_gone(w);
}

static void
stream_on_task(struct task *task)
{
	struct stream *s = obj_cast(container_of(task, struct stream, task), STREAM_MAGIC);

	s->mode->run(s);
}

/* A place on a server may be free; or the last mail of a stream that ended while it waited. */
static void
stream_on_called(struct queue_waiter *waiter)
{
	struct stream *s = obj_cast(container_of(waiter, struct stream, waiter), STREAM_MAGIC);

	if (s->state == STREAM_ENDED)
		stream_release(s);
	else if (s->state == STREAM_QUEUED)
		stream_choose(s, true);
	/* else it got a place in the meantime */
}

static void
stream_init(struct stream *s, struct worker *w)
{
	s->worker = w;
	s->id = ++w->sequence << STREAM_ID_SHIFT | w->index;
	s->begun_us = w->loop->wall_us;
	s->begun_ms = w->loop->now_ms;
	list_init(&s->by_server);
	list_init(&s->active);
	task_init(&s->task, stream_on_task);
	flow_init(&s->flow[UP], w->loop->now_ms);
	flow_init(&s->flow[DOWN], w->loop->now_ms);
	s->waiter.mailbox = &w->loop->mailbox;
	s->waiter.called = stream_on_called;
	list_append(&w->streams, &s->link.node);
	w->stream_count++;
}

/* Kept to the end. */
static void
stream_take_conf(struct stream *s, struct frontend_conf *conf)
{
	const uint32_t worker = s->worker->index;
	struct frontend_slot *slot = &s->frontend->slots[worker];

	s->frontend_conf = conf;
	snap_ref(&slot->ref);
	snap_ref(&conf->slots[worker].ref);
	count_add(&slot->counters.sessions, 1);
	if (s->client->is_http)
		rate_add(&slot->counters.request_rate, s->begun_ms);
}

bool
stream_set_backend(struct stream *s, struct backend *backend)
{
	const uint32_t worker = s->worker->index;
	struct backend_conf *conf = backend == NULL ? NULL : backend->slots[worker].conf;

	/* a rule may have named it by what the client says, and its mode may have changed since the stream began */
	if (conf == NULL || conf->mode != s->frontend_conf->mode)
		return false;
	s->backend = backend;
	s->backend_conf = conf;
	snap_ref(&s->backend_conf->slots[worker]);
	count_add(&backend->slots[worker].counters.sessions, 1);
	count_add(&backend->slots[worker].counters.streams, 1);
	rate_add(&backend->slots[worker].counters.session_rate, s->worker->loop->now_ms);
	return true;
}

struct stream *
stream_start(struct client *c, struct frontend_conf *conf, uint32_t bind_index,
	     const struct stream_mode *mode, enum stream_state state)
{
	struct stream *s = stream_new(c->worker);

	if (s == NULL) {
		count_add(&c->frontend->slots[c->worker->index].counters.refused, 1);
		return NULL;
	}
	s->mode = mode;
	s->state = state;
	s->client = c;
	s->frontend = c->frontend;
	s->bind_index = bind_index;
	stream_init(s, c->worker);
	stream_take_conf(s, conf);
	c->stream = s;
	c->state = CLIENT_BUSY;
	return s;
}

struct conn *
stream_conn(const struct stream *s, enum stream_side side)
{
	if (side == CLIENT)
		return &s->client->conn;
	return s->sc == NULL ? NULL : &s->sc->conn;
}

void
stream_close(struct stream *s, enum stream_side side)
{
	if (side == CLIENT)
		conn_close(&s->client->conn);
	else if (s->sc != NULL)
		server_conn_close(&s->sc);
}

void
stream_reset(struct stream *s, enum stream_side side)
{
	if (side == CLIENT)
		conn_reset(&s->client->conn);
	else if (s->sc != NULL)
		server_conn_reset(&s->sc);
}

void
stream_cut(struct stream *s, enum stream_side side)
{
	if (side == CLIENT) {
		cuts_add(&s->worker->cuts, &s->client->conn);
	} else if (s->sc != NULL) {
		cuts_add(&s->worker->cuts, &s->sc->conn);
		server_conn_forget(&s->sc);
	}
}

void
stream_end(struct stream *s, enum end_cause cause)
{
	struct client *client = s->client;

	if (s->state == STREAM_ENDED)
		return;
	stream_give_up_waiting(s);
	s->ended_in = s->state;
	s->cause = cause;
	s->state = STREAM_ENDED;
	task_cancel(&s->task);
	list_remove(&s->active);
	list_remove(&s->link.node);
	if (s->mode->finish != NULL)
		s->mode->finish(s);
	stream_count(s);
	stream_log(s);
	s->mode->part(s);
	flow_fini(&s->flow[UP], s->worker);
	flow_fini(&s->flow[DOWN], s->worker);
	exchange_free(s);
	captures_free(s);
	stream_unique_id_free(s);
	stream_leave_server(s);
	stream_unrule(s);
	s->client = NULL;
	client_stream_gone(client);
	if (backend_stop_waiting(&s->waiter))
		stream_release(s);
	/* else stream_on_called() comes once more, and releases it */
}

void
stream_end_all(struct worker *w, enum end_cause cause)
{
	list_foreach_safe(node, &w->streams) {
		struct stream_link *link = container_of(node, struct stream_link, node);

		if (!link->is_marker)
			stream_end(container_of(link, struct stream, link), cause);
	}
}
