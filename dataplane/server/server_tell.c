/*
 * News of a server for the layer above: told at once, or where hundreds change, some in each turn.
 * Control thread.
 */
#include "config.h"
#include "server/server.h"
#include <stdlib.h>
#include "core/loop.h"
#include "core/obj.h"
#include "server/server_priv.h"

static void (*server_change_fn)(const struct server_change *change);

void
server_on_change(void (*fn)(const struct server_change *change))
{
	server_change_fn = fn;
}

static void
server_tell_now(struct server *server)
{
	struct server_change change = {
		.server = server,
		.from = server->told_state,
		.to = server->state,
		.was_eligible = server->told_eligible,
		.is_new = !server->is_told,
		.is_removed = server->is_gone,
		.moved_from = server->is_gone ? NULL : server->moved_from,
	};

	/* that it stays as it was over an edited file is told by who kept it */
	change.has_other_cause = server->is_told && server->cause != server->told_cause &&
				 server->cause != SERVER_CAUSE_RESTORED;
	server->is_told = true;
	server->told_cause = server->cause;
	if (change.from == change.to && change.was_eligible == server->eligible &&
	    change.moved_from == NULL && !change.is_removed && !change.has_other_cause)
		return;
	server->told_state = server->state;
	server->told_eligible = server->eligible;
	if (server_change_fn != NULL)
		server_change_fn(&change);
	free(server->moved_from);
	server->moved_from = NULL;
}

#define TELL_A_TURN 256		/* some 0.4 ms of events; all of 10,000 at once would be 15 */

static void telling_go_on(struct task *task);

/* Control: what is told in this turn, and who must wait for the next. */
static struct {
	struct list	 waiting;
	struct task	 task;
	uint64_t	 turn;
	uint32_t	 told;
} telling = {
	.waiting = { &telling.waiting, &telling.waiting },
	.task = { { &telling.task.node, &telling.task.node }, telling_go_on },
};

static bool
telling_has_room(void)
{
	uint64_t turn = atomic_load_explicit(&loop_self()->turns, memory_order_relaxed);

	if (telling.turn != turn)
		telling.told = 0;
	telling.turn = turn;
	return telling.told < TELL_A_TURN;
}

static void
telling_go_on(struct task *task)
{
	struct list *node;

	while (telling_has_room() && (node = list_take_first(&telling.waiting)) != NULL) {
		struct server *server = container_of(node, struct server, untold);

		telling.told++;
		server_tell_now(server);
		server_free_if_done(server);	/* one that went may have waited for this alone */
	}
	if (!list_is_empty(&telling.waiting))
		loop_queue(loop_self(), task);
}

void
server_tell(struct server *server)
{
	if (telling_has_room() && list_is_empty(&telling.waiting)) {
		telling.told++;
		server_tell_now(server);
		return;
	}
	if (list_is_empty(&server->untold))
		list_append(&telling.waiting, &server->untold);
	loop_queue(loop_self(), &telling.task);
}
