/*
 * The changes of a publication that install a server's conf, and that retire one. Control thread, but
 * for the install functions.
 */
#include "config.h"
#include "server/server.h"
#include <assert.h>
#include <stdlib.h>
#include "core/obj.h"
#include "server/server_priv.h"

struct server_item {
	struct publish_item	 item;
	struct server		*server;
	struct server_conf	*conf;		/* NULL in one that retires */
	struct server_conf	*old;		/* the predecessor, freed when all have acknowledged */
	enum server_cause	 cause;
	struct actor		*actor;		/* of one that retires: a reference */
	bool			 is_first;
	uint16_t		 weight;	/* effective, as levels_settle() found */
	bool			 is_last;	/* of its backend in the publication */
	uint64_t		 sequence;
	uint32_t		 grown;		/* places that a higher maxconn brought */
};

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

/* Where its health begins anew: it is new, or is looked at from now on. */
static void
server_item_begin(const struct server_item *si)
{
	const struct server_conf *old = si->old, *now = si->conf;
	const bool is_known = !si->is_first && !(old->own_admin && !now->own_admin);

	if (!is_known)
		server_health_begin(si->server, now->init_state);
	else if (now->check && now->track == NULL && (!old->check || old->track != NULL))
		server_health_begin(si->server, INIT_STATE_UP);
	health_resize(&si->server->health.check, now->rise, now->fall);
	if (si->is_first || now->agent_check != old->agent_check)
		server_agent_forget(si->server);
}

static bool
server_conf_has_weight(const struct server_conf *conf)
{
	return conf->weight > 0 && conf->weight_percent > 0;
}

/* What its conf says anew, it explains anew. */
static void
server_item_say(const struct server_item *si)
{
	const struct server_conf *old = si->old, *now = si->conf;
	struct server *server = si->server;

	if (si->is_first || old->admin != now->admin || si->cause == SERVER_CAUSE_RESTORED)
		why_say(server, SAY_ADMIN, si->cause);
	if (si->is_first || server_conf_has_weight(old) != server_conf_has_weight(now))
		why_say(server, SAY_WEIGHT, si->cause);
	if (si->is_first || old->own_admin != now->own_admin)
		why_say(server, SAY_ADDRESS,
			now->own_admin ? SERVER_CAUSE_OWN_ADMIN : si->cause);
}

/* Which level it is in, and what its state is, by its new conf. */
static void
server_item_publish(struct publish_item *item)
{
	struct server_item *si = server_item_of(item);
	struct server *server = si->server;

	si->old = server->conf;
	server->conf = si->conf;
	si->sequence = ++server->backend->sequence;
	if (si->old != NULL)
		server_note_move(server, si->old);
	if (si->is_first || server->level != si->conf->priority) {
		level_leave(server);
		level_enter(server, si->conf->priority);
	}
	track_set(server, si->conf->track);
	server_item_begin(si);
	server_item_say(si);
	server_judge(server, si->cause, NULL);
	si->grown = server_apply_maxconn(server);
	level_set_usable(server, server_state_is_usable(server->state));	/* in its new level */
	server_adjust_checks(server, si->old, false);
	server->is_publishing = true;
	level_mark_changed(server);
	if (server->tracked != NULL)
		track_wait(server);
	track_pass_on(server);
}

static void
server_item_before(struct publish_item *item)
{
	struct server_item *si = server_item_of(item);

	track_judge_waiting();
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

	server_conf_free(si->old);
	free(si);
}

static void
server_item_abort(struct publish_item *item)
{
	struct server_item *si = server_item_of(item);

	server_conf_free(si->conf);
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

/* What its checks need is taken here: publishing cannot fail. */
static enum err
server_take_checks(struct server *server, const struct server_conf *conf)
{
	enum err e = ERR_OK;

	if (conf->check && conf->track == NULL && server->check == NULL)
		e = check_new(&server->check, server, CHECK_OF_SERVER);
	if (e == ERR_OK && conf->agent_check && server->agent == NULL)
		e = check_new(&server->agent, server, CHECK_OF_AGENT);
	return e;
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
	if (server_take_checks(server, conf) != ERR_OK) {
		free(si);
		return ERR_NOMEM;
	}
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
	why_set(server, &(struct server_why){ .cause = SERVER_CAUSE_REMOVED, .actor = si->actor });
	track_end(server);
	slow_stop(server);
	check_free(&server->check);
	check_free(&server->agent);
	si->sequence = ++server->backend->sequence;
	level_leave(server);
	list_append(&server->backend->leaving, &server->by_priority);
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

	track_judge_waiting();
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

	actor_unref(&si->actor);
	si->server->is_retired = true;
	server_free_if_done(si->server);
	free(si);
}

static void
server_retire_abort(struct publish_item *item)
{
	struct server_item *si = server_item_of(item);

	actor_unref(&si->actor);
	free(si);
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
server_retire_new(struct publish_item **ip, struct server *server, const char *actor)
{
	struct server_item *si = server_item_new(server, &server_retire_ops);

	if (si != NULL && actor != NULL && (si->actor = actor_new(actor)) == NULL) {
		free(si);
		return ERR_NOMEM;
	}
	if (si == NULL)
		return ERR_NOMEM;
	*ip = &si->item;
	return ERR_OK;
}
