/*
 * Servers that track another one: whatever happens to that one happens to them (HAProxy manual, "track").
 *
 * Who tracks is on a list of the server that he tracks. When that one's workers have been told, those who
 * track it stand in line here and are updated one after the other: a chain is followed without recursion.
 * Control thread.
 */
#include "config.h"
#include <stdio.h>
#include "core/obj.h"
#include "server/server_priv.h"

static struct {
	struct list waiting; /* of servers, by track_due */
	bool is_running;
} tracks = { .waiting = { &tracks.waiting, &tracks.waiting } };

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
track_pass_on(struct server *server)
{
	list_foreach(node, &server->trackers) {
		struct server *tracker = container_of(node, struct server, by_tracked);

		if (tracker->has_state && list_is_empty(&tracker->track_due))
			list_append(&tracks.waiting, &tracker->track_due);
	}
}

void
track_run(void)
{
	struct list *node;

	if (tracks.is_running)
		return;
	tracks.is_running = true;
	while ((node = list_take_first(&tracks.waiting)) != NULL) {
		struct server *server = container_of(node, struct server, track_due);
		char detail[SERVER_DETAIL_BYTES];

		/* within a publication its own items were sent: what follows builds on them */
		levels_tell(server->backend);
		if (server->tracked == NULL)
			continue;
		track_explain(server, detail);
		server_update(server, SERVER_CAUSE_TRACKED, detail);
	}
	tracks.is_running = false;
}
