/*
 * Servers that track another one: whatever happens to that one happens to them (HAProxy manual, "track").
 *
 * Who tracks is on a list of the server that he tracks. When that one has changed, those who track it stand
 * in line here, and are looked at one after the other: a chain is followed without recursion. In a
 * publication that is done twice: when all its servers have their new conf, before anybody is
 * decided to be eligible (so that the order of its items means nothing, and nobody rises for the
 * moment until his tracked server is known); and behind it, for those who are not in it.
 * Control thread.
 */
#include "config.h"
#include <stdio.h>
#include "core/loop.h"
#include "core/obj.h"
#include "server/server_priv.h"

#define TRACK_A_TURN 1000 /* who follows in one turn: some 2 ms */

static void track_on_turn(struct task *task);

static struct {
	struct list	 waiting;	/* of servers, by track_due */
	struct list	 behind;	/* the same: their backends are to be settled behind the publication */
	struct task	 task;
	bool		 is_running;
} tracks = {
	.waiting = { &tracks.waiting, &tracks.waiting },
	.behind = { &tracks.behind, &tracks.behind },
	.task = { { &tracks.task.node, &tracks.task.node }, track_on_turn },
};

void
track_init(struct server *server)
{
	list_init(&server->trackers);
	list_init(&server->by_tracked);
	list_init(&server->track_due);
}

void
track_set(struct server *server, struct server *tracked)
{
	list_remove(&server->by_tracked);
	server->tracked = tracked;
	if (tracked != NULL)
		list_append(&tracked->trackers, &server->by_tracked);
}

void
track_end(struct server *server)
{
	struct list *node;

	track_set(server, NULL);
	list_remove(&server->track_due);
	while ((node = list_take_first(&server->trackers)) != NULL)
		container_of(node, struct server, by_tracked)->tracked = NULL;
}

void
track_explain(const struct server *server, char detail[SERVER_DETAIL_BYTES])
{
	const struct server *tracked = server->tracked;

	(void)snprintf(detail, SERVER_DETAIL_BYTES, "it tracks %s/%s, which is %s",
		       tracked->backend->name, tracked->name, server_state_words(tracked->state));
}

void
track_wait(struct server *server)
{
	if (list_is_empty(&server->track_due))
		list_append(&tracks.waiting, &server->track_due);
}

void
track_pass_on(struct server *server)
{
	list_foreach(node, &server->trackers) {
		struct server *tracker = container_of(node, struct server, by_tracked);

		if (tracker->has_state)
			track_wait(tracker);
	}
}

static struct server *
track_take(struct list *list)
{
	struct list *node = list_take_first(list);

	return node == NULL ? NULL : container_of(node, struct server, track_due);
}

static void
track_judge(struct server *server)
{
	char detail[SERVER_DETAIL_BYTES];

	track_explain(server, detail);
	server_judge(server, SERVER_CAUSE_TRACKED, detail);
}

void
track_judge_waiting(void)
{
	struct server *server;

	while ((server = track_take(&tracks.waiting)) != NULL) {
		const enum server_state state = server->state;
		const enum server_admin admin = server->admin;

		if (server->tracked == NULL)
			continue;
		track_judge(server);
		(void)server_apply_maxconn(server);
		if (server->state != state || server->admin != admin)
			track_pass_on(server);
		if (!server->is_publishing)
			list_append(&tracks.behind, &server->track_due);
	}
}

/* All items of a publication were sent, if there is one: what follows builds on them. */
static void
track_follow(struct server *server)
{
	char detail[SERVER_DETAIL_BYTES];

	server->backend->settled = server->backend->sequence;
	if (server->tracked == NULL)
		return;
	track_explain(server, detail);
	server_update(server, SERVER_CAUSE_TRACKED, detail);
}

void
track_run(void)
{
	struct server *server;

	if (tracks.is_running)
		return;
	tracks.is_running = true;
	list_move_all(&tracks.waiting, &tracks.behind);
	for (int i = 0; i < TRACK_A_TURN && (server = track_take(&tracks.waiting)) != NULL; i++)
		track_follow(server);
	tracks.is_running = false;
	if (!list_is_empty(&tracks.waiting))
		loop_queue(loop_self(), &tracks.task);
}

static void
track_on_turn(struct task *task)
{
	track_run();
}
