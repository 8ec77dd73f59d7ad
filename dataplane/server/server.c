/*
 * Servers as objects: their life, the changes that install and retire them, places under maxconn.
 *
 * Control thread, but for the install functions and the places.
 */
#include "config.h"
#include "server/server.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "core/obj.h"
#include "server/server_priv.h"

struct server_item {
	struct publish_item	 item;
	struct server		*server;
	struct server_conf	*conf;		/* NULL in one that retires */
	struct server_conf	*old;		/* the predecessor, freed when all have acknowledged */
	enum server_cause	 cause;
	bool			 is_first;
	uint16_t		 weight;	/* effective, as levels_settle() found */
	bool			 is_last;	/* of its backend in the publication */
	uint64_t		 sequence;
	uint32_t		 grown;		/* places that a higher maxconn brought */
};

static void	server_free_if_done(struct server *server);

static uint64_t server_generations;		/* control */
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
		.is_removed = server->is_gone,
		.moved_from = server->is_gone ? NULL : server->moved_from,
	};

	if (change.from == change.to && change.was_eligible == server->eligible &&
	    change.moved_from == NULL && !change.is_removed)
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

static void
server_free(struct server *server)
{
	struct backend *backend = server->backend;
	bool is_watching = server->is_watching;

	assert(atomic_load(&server->current) == 0 && list_is_empty(&server->by_priority));
	assert(server_idle_connections(server) == 0);
	free(server->moved_from);
	free(server->conf);
	free(server->name);
	obj_free(server);
	if (is_watching)		/* last: it may go now, too */
		backend_unwatch(backend);
	else
		backend_release(backend);
}

static void
server_free_if_done(struct server *server)
{
	if (!server->is_home || !server->is_retired || !list_is_empty(&server->untold))
		return;
	if (server->holders == 0) {
		server_free(server);
	} else if (!server->is_watching) {
		/* a rule of its own backend may hold it, which goes with that backend's conf */
		server->is_watching = true;
		backend_watch(server->backend);
		backend_release(server->backend);
	}
}

void
server_hold(struct server *server)
{
	assert_control();
	server->holders++;
}

void
server_release(struct server *server)
{
	assert_control();
	assert(server->holders > 0);
	server->holders--;
	server_free_if_done(server);
}

/* The last worker has let go. */
static void
server_on_home(struct snap *snap)
{
	struct server *server = container_of(snap, struct server, snap);

	server->is_home = true;
	server_free_if_done(server);
}

static void
server_slot_init(struct server_slot *slot, struct server *server, uint32_t worker)
{
	snap_slot_init(&slot->ref, &server->snap);
	lb_node_init(&slot->node, server->id);
	list_init(&slot->streams);
	list_init(&slot->by_name);
	pool_init(&slot->pool);
	weight_init(slot);
	slot->server = server;
	slot->worker = worker;
}

enum err
server_new(struct server **sp, struct backend *backend, const char *name, uint32_t id)
{
	uint32_t workers = publish_worker_count();
	struct server *server;

	assert_control();
	server = obj_new_aligned(sizeof(*server) + workers * sizeof(server->slots[0]),
				 _Alignof(struct server), SERVER_MAGIC);
	if (server == NULL)
		return ERR_NOMEM;
	server->name = strdup(name);
	if (server->name == NULL) {
		obj_free(server);
		return ERR_NOMEM;
	}
	snap_init(&server->snap, workers, server_on_home);
	server->backend = backend;
	backend_hold(backend);
	server->id = id;
	server->generation = ++server_generations;
	list_init(&server->by_priority);
	list_init(&server->changed);
	list_init(&server->untold);
	server->workers = workers;
	for (uint32_t i = 0; i < workers; i++)
		server_slot_init(&server->slots[i], server, i);
	*sp = server;
	return ERR_OK;
}

void
server_discard(struct server **sp)
{
	assert_control();
	if (*sp == NULL)
		return;
	assert((*sp)->conf == NULL);
	server_free(*sp);
	*sp = NULL;
}

static struct server_item *
server_item_of(struct publish_item *item)
{
	return container_of(item, struct server_item, item);
}

/* Without memory the event of it goes without the old address. */
static void
server_note_move(struct server *server, const struct server_conf *from)
{
	if (server->moved_from != NULL || addr_equals(&from->address, &server->conf->address))
		return;
	server->moved_from = malloc(sizeof(*server->moved_from));
	if (server->moved_from != NULL)
		*server->moved_from = from->address;
}

/* Which level it is in, and what its state is, by its new conf. */
static void
server_item_publish(struct publish_item *item)
{
	struct server_item *si = server_item_of(item);
	struct server *server = si->server;
	uint32_t was = atomic_exchange(&server->maxconn, si->conf->maxconn);

	si->old = server->conf;
	server->conf = si->conf;
	si->sequence = ++server->backend->sequence;
	if (si->old != NULL)
		server_note_move(server, si->old);
	if (si->old != NULL && was != 0 && (was < si->conf->maxconn || si->conf->maxconn == 0))
		si->grown = si->conf->maxconn == 0 ? UINT32_MAX : si->conf->maxconn - was;
	if (si->is_first || server->level != si->conf->priority) {
		level_leave(server);
		level_enter(server, si->conf->priority);
	}
	server_transition(server, server_state_of(si->conf),
			  si->conf->own_admin ? SERVER_CAUSE_OWN_ADMIN : si->cause);
	level_set_usable(server, server_state_is_usable(server->state));	/* in its new level */
	server->is_publishing = true;
	level_mark_changed(server);
}

static void
server_item_before(struct publish_item *item)
{
	struct server_item *si = server_item_of(item);

	levels_settle(si->server->backend);
	si->weight = si->server->weight;
	si->is_last = si->sequence == si->server->backend->sequence;
}

/* Worker. */
static void
server_item_install(struct publish_item *item, struct loop *worker)
{
	struct server_item *si = server_item_of(item);
	struct server_slot *slot = server_slot(si->server, worker->index);
	const struct server_conf *was = slot->conf;

	if (was == NULL)
		names_add_server(slot);
	slot->conf = si->conf;
	pool_install(slot, was, si->conf);
	weight_install(slot, si->weight);
	if (si->is_last)
		weight_installed(&si->server->backend->slots[worker->index], si->sequence);
}

static void
server_item_after(struct publish_item *item)
{
	struct server_item *si = server_item_of(item);

	levels_tell(si->server->backend);
	if (si->grown > 0 && queue_length(&si->server->backend->queue) > 0)
		queue_call_many(&si->server->backend->queue, si->grown);
}

static void
server_item_acked(struct publish_item *item)
{
	struct server_item *si = server_item_of(item);

	free(si->old);
	free(si);
}

static void
server_item_abort(struct publish_item *item)
{
	struct server_item *si = server_item_of(item);

	free(si->conf);
	if (si->is_first)
		server_discard(&si->server);
	free(si);
}

static const struct publish_ops server_item_ops = {
	.publish = server_item_publish,
	.before = server_item_before,
	.after = server_item_after,
	.install = server_item_install,
	.acked = server_item_acked,
	.abort = server_item_abort,
};

static struct server_item *
server_item_new(struct server *server, const struct publish_ops *ops)
{
	struct server_item *si = calloc(1, sizeof(*si));

	assert_control();
	if (si == NULL)
		return NULL;
	si->item.ops = ops;
	si->server = obj_cast(server, SERVER_MAGIC);
	return si;
}

enum err
server_publish_new(struct publish_item **ip, struct server *server, struct server_conf *conf,
		   enum server_cause cause)
{
	struct server_item *si = server_item_new(server, &server_item_ops);

	assert(conf->priority < SERVER_PRIORITIES &&
	       conf->weight * LB_WEIGHT_SCALE <= LB_WEIGHT_MAX);
	if (si == NULL)
		return ERR_NOMEM;
	si->conf = conf;
	si->cause = cause;
	si->is_first = !server->has_first;
	server->has_first = true;
	*ip = &si->item;
	return ERR_OK;
}

static void
server_retire_publish(struct publish_item *item)
{
	struct server_item *si = server_item_of(item);
	struct server *server = si->server;

	assert(server->conf != NULL);
	si->sequence = ++server->backend->sequence;
	level_leave(server);
	list_remove(&server->changed);
	list_remove(&server->untold);
	server->eligible = false;
	server->weight = 0;
	server->is_gone = true;
}

static void
server_retire_before(struct publish_item *item)
{
	struct server_item *si = server_item_of(item);

	levels_settle(si->server->backend);
	si->is_last = si->sequence == si->server->backend->sequence;
}

/* Worker. */
static void
server_retire_install(struct publish_item *item, struct loop *worker)
{
	struct server_item *si = server_item_of(item);
	struct server_slot *slot = server_slot(si->server, worker->index);

	names_remove_server(slot);
	weight_retire(slot);
	pool_install(slot, slot->conf, NULL);
	if (si->is_last)
		weight_installed(&si->server->backend->slots[worker->index], si->sequence);
	snap_retire_on(&slot->ref);	/* last: the server may go now */
}

static void
server_retire_after(struct publish_item *item)
{
	struct server *server = server_item_of(item)->server;

	server_tell(server);		/* before what follows from it */
	levels_tell(server->backend);
}

static void
server_retire_acked(struct publish_item *item)
{
	struct server_item *si = server_item_of(item);

	si->server->is_retired = true;
	server_free_if_done(si->server);
	free(si);
}

static void
server_retire_abort(struct publish_item *item)
{
	free(server_item_of(item));
}

static const struct publish_ops server_retire_ops = {
	.publish = server_retire_publish,
	.before = server_retire_before,
	.after = server_retire_after,
	.install = server_retire_install,
	.acked = server_retire_acked,
	.abort = server_retire_abort,
};

enum err
server_retire_new(struct publish_item **ip, struct server *server)
{
	struct server_item *si = server_item_new(server, &server_retire_ops);

	if (si == NULL)
		return ERR_NOMEM;
	*ip = &si->item;
	return ERR_OK;
}

uint32_t
server_effective_weight(const struct server *server)
{
	return server->usable ? server->conf->weight : 0;
}

void
server_totals(const struct server *server, struct server_totals *totals)
{
	memset(totals, 0, sizeof(*totals));
	for (uint32_t i = 0; i < server->workers; i++) {
		const struct server_counters *c = &server->slots[i].counters;

		totals->sessions += counter_read(&c->sessions);
		totals->bytes_in += counter_read(&c->bytes_in);
		totals->bytes_out += counter_read(&c->bytes_out);
		totals->connect_errors += counter_read(&c->connect_errors);
		totals->retries += counter_read(&c->retries);
		totals->redispatches += counter_read(&c->redispatches);
		totals->response_errors += counter_read(&c->response_errors);
		for (int k = 0; k < HTTP_CLASSES; k++)
			totals->responses[k] += counter_read(&c->responses[k]);
	}
	totals->current = atomic_load_explicit(&server->current, memory_order_relaxed);
	totals->max = atomic_load_explicit(&server->current_max, memory_order_relaxed);
}

/*
 * The loads and the compare-and-swap are seq_cst: they stand against queue_join()'s count
 * (queue.h). On amd64 that costs nothing.
 */
bool
server_place_take(struct server *server)
{
	uint32_t current = atomic_load(&server->current), max;

	do {
		uint32_t maxconn = atomic_load(&server->maxconn);

		if (maxconn != 0 && current >= maxconn)
			return false;
	} while (!atomic_compare_exchange_weak(&server->current, &current, current + 1));
	max = atomic_load_explicit(&server->current_max, memory_order_relaxed);
	while (current + 1 > max &&
	       !atomic_compare_exchange_weak_explicit(&server->current_max, &max, current + 1,
						      memory_order_relaxed, memory_order_relaxed))
		;
	return true;
}

void
server_place_give(struct server *server)
{
	/* seq_cst, and before the queue is looked at: see queue.h */
	uint32_t was = atomic_fetch_sub(&server->current, 1);

	assert(was > 0);
	queue_call(&server->backend->queue);
}
