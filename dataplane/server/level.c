/*
 * Who is eligible: levels of priority, and which of them serve (the API's "Priority").
 *
 * A level serves when all lower ones together have fewer usable servers than `min_usable`. What a
 * change costs does not depend on how many servers there are, but where a level of backups that
 * serve together begins or ceases to serve: then each of its servers changes.
 *
 * Nobody may find a moment without a server because one comes while another goes. So who becomes
 * eligible by a change of others is told to the workers before that change, who ceases to be is told
 * after it, and the changed servers themselves go with the publication, in one piece of mail.
 *
 * Control thread.
 */
#include "config.h"
#include <assert.h>
#include "core/obj.h"
#include "server/server_priv.h"

static bool
level_id_before(const struct heap_node *a, const struct heap_node *b)
{
	return container_of(a, const struct server, by_id)->id <
	       container_of(b, const struct server, by_id)->id;
}

static struct backend_level *
level_of(const struct server *server)
{
	return &server->backend->levels[server->level];
}

void
levels_init(struct backend *backend)
{
	list_init(&backend->changed);
	list_init(&backend->leaving);
	for (int i = 0; i < SERVER_PRIORITIES; i++) {
		struct backend_level *level = &backend->levels[i];

		list_init(&level->servers);
		heap_init(&level->usable_ids, level_id_before);
	}
	backend->levels[0].mode = LEVEL_ALL;
}

void
level_set_usable(struct server *server, bool usable)
{
	struct backend_level *level = level_of(server);

	if (usable == server->usable)
		return;
	server->usable = usable;
	server->backend->is_settled = false;
	if (usable) {
		heap_insert(&level->usable_ids, &server->by_id);
		level->usable++;
		return;
	}
	heap_remove(&level->usable_ids, &server->by_id);
	level->usable--;
	if (level->first == server)
		level->first = NULL;
}

/* What it was counted with is taken back first: its maxconn may be another by now. */
void
level_count_places(struct server *server, bool counts)
{
	struct backend_shown *shown = &server->backend->shown;
	uint64_t places = atomic_load_explicit(&shown->places, memory_order_relaxed);
	uint32_t unlimited = atomic_load_explicit(&shown->unlimited, memory_order_relaxed);

	if (server->is_counted) {
		places -= server->counted_maxconn;
		unlimited -= server->counted_maxconn == 0;
	}
	server->is_counted = counts;
	if (counts) {
		server->counted_maxconn =
			atomic_load_explicit(&server->maxconn, memory_order_relaxed);
		places += server->counted_maxconn;
		unlimited += server->counted_maxconn == 0;
	}
	atomic_store_explicit(&shown->places, places, memory_order_relaxed);
	atomic_store_explicit(&shown->unlimited, unlimited, memory_order_relaxed);
}

void
level_enter(struct server *server, uint8_t level)
{
	server->level = level;
	list_append(&level_of(server)->servers, &server->by_priority);
}

void
level_leave(struct server *server)
{
	level_set_usable(server, false);
	level_count_places(server, false);
	list_remove(&server->by_priority);
}

uint32_t
levels_usable_below(const struct backend *backend, uint8_t level)
{
	uint32_t usable = 0;

	for (uint8_t i = 0; i < level; i++)
		usable += backend->levels[i].usable;
	return usable;
}

void
level_mark_changed(struct server *server)
{
	server->backend->is_settled = false;
	if (list_is_empty(&server->changed))
		list_append(&server->backend->changed, &server->changed);
}

static bool
server_should_serve(const struct server *server)
{
	const struct backend_level *level = level_of(server);

	switch (level->mode) {
	case LEVEL_IDLE: return false;
	case LEVEL_FIRST: return level->first == server;
	case LEVEL_ALL: return server->usable;
	}
	return false;
}

/* Decide; a server that is in the publication is sent its weight with that. */
static void
server_settle(struct server *server)
{
	bool eligible = server_should_serve(server);
	uint16_t weight = eligible ? server_weight_now(server) : 0;

	level_count_places(server, eligible);
	if (eligible == server->eligible && weight == server->weight)
		return;
	server->eligible = eligible;
	server->weight = weight;
	level_mark_changed(server);
	if (server->is_publishing)
		weight_order(server, server->backend->sequence);
	else if (weight > weight_ordered(server))
		weight_send(server, server->backend->settled);
}

static enum level_mode
level_mode_of(const struct backend *backend, int level, uint32_t usable_below)
{
	if (level == 0)
		return LEVEL_ALL;
	if (usable_below >= backend->conf->min_usable)
		return LEVEL_IDLE;
	return backend->conf->allbackups ? LEVEL_ALL : LEVEL_FIRST;
}

static void
level_settle(struct backend_level *level, enum level_mode mode)
{
	struct server *was_first = level->first;
	enum level_mode was = level->mode;

	level->mode = mode;
	level->first = NULL;
	if (mode == LEVEL_FIRST && !heap_is_empty(&level->usable_ids))
		level->first = container_of(level->usable_ids.top, struct server, by_id);
	if (mode != was && (mode == LEVEL_ALL || was == LEVEL_ALL)) {
		list_foreach(node, &level->servers)
			server_settle(container_of(node, struct server, by_priority));
		return;
	}
	if (level->first != was_first) {
		if (level->first != NULL)
			server_settle(level->first);
		if (was_first != NULL)
			server_settle(was_first);
	}
}

static uint32_t
level_serving(const struct backend_level *level)
{
	switch (level->mode) {
	case LEVEL_IDLE: return 0;
	case LEVEL_FIRST: return level->first != NULL;
	case LEVEL_ALL: return level->usable;
	}
	return 0;
}

/* HAProxy's count of usable servers: the actives, and only if there are none the backups that serve. */
static void
levels_show(struct backend *backend)
{
	uint32_t actives = backend->levels[0].usable, serving = actives;

	for (int i = 1; i < SERVER_PRIORITIES && actives == 0; i++)
		serving += level_serving(&backend->levels[i]);
	atomic_store_explicit(&backend->shown.actives, actives, memory_order_relaxed);
	atomic_store_explicit(&backend->shown.serving, serving, memory_order_relaxed);
}

void
levels_settle(struct backend *backend)
{
	uint32_t usable_below = 0;

	if (backend->is_settled)
		return;		/* by an item before this one */
	for (int i = 0; i < SERVER_PRIORITIES; i++) {
		struct backend_level *level = &backend->levels[i];

		level_settle(level, level_mode_of(backend, i, usable_below));
		usable_below += level->usable;
	}
	list_foreach(node, &backend->changed)	/* what this appends is settled already */
		server_settle(container_of(node, struct server, changed));
	levels_show(backend);
	backend->is_settled = true;
}

/* Who rose ends what runs on the levels above its own, also on servers that are going. */
static void
levels_end_above(struct server *risen)
{
	const struct backend *backend = risen->backend;

	for (int i = risen->level + 1; i < SERVER_PRIORITIES; i++)
		list_foreach(node, &backend->levels[i].servers)
			server_end_streams(container_of(node, struct server, by_priority),
					   END_ACTIVE_BACK, risen);
	list_foreach(node, &backend->leaving) {
		struct server *server = container_of(node, struct server, by_priority);

		if (server->level > risen->level && !server->is_home)
			server_end_streams(server, END_ACTIVE_BACK, risen);
	}
}

/*
 * Behind the weights, so that who is ended finds the right server when it comes back. One walk, however many
 * rose together.
 */
static void
levels_order_ends(struct backend *backend)
{
	struct server *lowest = NULL;

	list_foreach(node, &backend->changed) {
		struct server *server = container_of(node, struct server, changed);
		const enum server_turn turn = server_take_turn(server);

		if (turn == SERVER_FELL && server->conf->on_marked_down)
			server_end_streams(server, END_SERVER_DOWN, NULL);
		if (turn == SERVER_ROSE && server->conf->on_marked_up &&
		    (lowest == NULL || server->level < lowest->level))
			lowest = server;
	}
	if (lowest != NULL)
		levels_end_above(lowest);
}

void
levels_tell(struct backend *backend)
{
	struct list *node;

	backend->settled = backend->sequence;
	list_foreach(at, &backend->changed) {
		struct server *server = container_of(at, struct server, changed);

		server->is_publishing = false;
		/* who fell is told even without a weight to lose: its idle connections go */
		if (server->weight != weight_ordered(server) || server_has_fallen(server))
			weight_send(server, backend->sequence);
	}
	levels_order_ends(backend);
	while ((node = list_take_first(&backend->changed)) != NULL) {
		struct server *server = container_of(node, struct server, changed);

		server_tell(server);
		track_pass_on(server);
	}
	track_run();
}
