/*
 * Ending the streams of a server. See ends.h.
 *
 * An order goes to all workers at once, a part each, and comes back at once: a fence. It goes out again when all
 * are back. Then, on a worker, parts that have streams stand in one line, which ends some a turn: it may
 * be a hundred servers that went down at the same moment. The parts go home as their streams are
 * done; the last one closes the order, and begins the next.
 *
 * The functions say where they run.
 */
#include "config.h"
#include "server/ends.h"
#include <assert.h>
#include "core/obj.h"
#include "server/server_priv.h"

#define ENDS_WORKERS_MAX 64 /* an engine's */
#define ENDS_A_TURN 64      /* closes and a log line each: some 100 us */

/* Who has streams to end: each worker touches its own alone. */
static struct ends_line {
	_Alignas(64) struct list ends; /* zeroed: never used */
	struct task task;
} ends_lines[ENDS_WORKERS_MAX];

static bool (*end_stream)(struct list *by_server, enum end_cause cause);
static void (*end_told)(const struct server *server, enum end_cause cause, uint32_t ended);

/* If several wait, the first goes first. */
static const enum end_cause end_precedence[] = { END_SERVER_DOWN, END_ACTIVE_BACK, END_ADMIN };

void
server_set_end_stream(bool (*end)(struct list *by_server, enum end_cause cause))
{
	end_stream = end;
}

void
server_on_ended(void (*fn)(const struct server *server, enum end_cause cause, uint32_t ended))
{
	end_told = fn;
}

/* Worker. The last that it does for this order. */
static void
ends_go_home(struct server_slot *slot)
{
	list_remove(&slot->ends.node);
	mailbox_send(slot->server->end_order.home, &slot->ends.mail);
}

/* Worker. One stream of that server; false: there is none left. */
static bool
ends_step(struct server_slot *slot)
{
	struct server_ends *ends = &slot->ends;
	struct list *by_server = list_take_first(&ends->ending);

	if (by_server == NULL)
		return false;
	if (end_stream(by_server, ends->cause))
		ends->ended++;
	else
		list_append(&slot->streams, by_server);
	return true;
}

/* Worker. */
static void
ends_on_turn(struct task *task)
{
	struct ends_line *line = container_of(task, struct ends_line, task);

	for (int i = 0; i < ENDS_A_TURN && !list_is_empty(&line->ends); i++) {
		struct server_slot *slot =
			container_of(line->ends.next, struct server_slot, ends.node);

		if (!ends_step(slot))
			ends_go_home(slot);
	}
	if (!list_is_empty(&line->ends))
		loop_queue(loop_self(), task);
}

static void ends_on_home(struct mail *mail); /* control */

/* Worker. Those that the server has now are meant, and no others. */
static void
ends_on_mail(struct mail *mail)
{
	struct server_slot *slot = container_of(mail, struct server_slot, ends.mail);
	struct ends_line *line = &ends_lines[slot->worker];

	mail->deliver = ends_on_home;
	slot->ends.ended = 0;
	list_move_all(&slot->ends.ending, &slot->streams);
	if (line->ends.next == NULL) {
		list_init(&line->ends);
		task_init(&line->task, ends_on_turn);
	}
	list_append(&line->ends, &slot->ends.node);
	loop_queue(loop_self(), &line->task);
}

void
server_ends_init(struct server_slot *slot)
{
	assert(slot->worker < ENDS_WORKERS_MAX);
	list_init(&slot->ends.node);
	list_init(&slot->ends.ending);
}

/* Control. The one of those that wait whose turn it is; there is one. */
static enum end_cause
order_take_cause(struct server_end_order *order)
{
	size_t i = 0;

	while ((order->waiting & 1u << end_precedence[i]) == 0)
		i++;
	order->waiting &= ~(1u << end_precedence[i]);
	return end_precedence[i];
}

/* Control. */
static void
order_send(struct server *server, void (*deliver)(struct mail *))
{
	server->end_order.pending = server->workers;
	for (uint32_t i = 0; i < server->workers; i++) {
		struct server_ends *ends = &server->slots[i].ends;

		ends->cause = server->end_order.cause;
		ends->mail.deliver = deliver;
		mailbox_send(&publish_worker(i)->mailbox, &ends->mail);
	}
}

/* Control: one part more is back. Is it the last? */
static bool
order_is_back(struct server *server)
{
	assert(server->end_order.pending > 0);
	return --server->end_order.pending == 0;
}

static void
fence_on_home(struct mail *mail)
{
	struct server *server = container_of(mail, struct server_slot, ends.mail)->server;

	if (order_is_back(server))
		order_send(server, ends_on_mail);
}

/* Worker. What control sent before this has come. */
static void
fence_on_mail(struct mail *mail)
{
	struct server_slot *slot = container_of(mail, struct server_slot, ends.mail);

	mail->deliver = fence_on_home;
	mailbox_send(slot->server->end_order.home, mail);
}

/* Control. */
static void
order_begin(struct server *server)
{
	struct server_end_order *order = &server->end_order;

	order->cause = order_take_cause(order);
	order->ended = 0;
	if (order->cause == END_ACTIVE_BACK) {
		order->by = order->waiting_by;
		order->waiting_by = NULL;
	}
	order_send(server, fence_on_mail);
}

/* Control. Who ordered it may go now. */
static void
order_forget_by(struct server_end_order *order)
{
	struct server *by = order->by;

	order->by = NULL;
	if (by != NULL)
		server_release(by);
}

/* Control: all parts are home. Who is told may order the next. */
static void
order_finish(struct server *server)
{
	struct server_end_order *order = &server->end_order;

	if (end_told != NULL)
		end_told(server, order->cause, order->ended);
	order_forget_by(order);
	if (order->waiting != 0) {
		order_begin(server);
	} else {
		order->is_away = false;
		server_release(server); /* last: it may go now */
	}
}

static void
ends_on_home(struct mail *mail)
{
	struct server_slot *slot = container_of(mail, struct server_slot, ends.mail);
	struct server *server = slot->server;

	server->end_order.ended += slot->ends.ended;
	if (order_is_back(server))
		order_finish(server);
}

void
server_end_streams(struct server *server, enum end_cause cause, struct server *by)
{
	struct server_end_order *order = &server->end_order;

	assert_control();
	assert(cause == END_SERVER_DOWN || cause == END_ACTIVE_BACK || cause == END_ADMIN);
	assert(end_stream != NULL);
	assert(by == NULL || cause == END_ACTIVE_BACK);
	order->waiting |= 1u << cause;
	if (by != NULL && order->waiting_by == NULL) {
		order->waiting_by = by;
		server_hold(by);
	}
	if (order->is_away)
		return;
	order->is_away = true;
	order->home = &loop_self()->mailbox;
	server_hold(server);
	order_begin(server);
}
