/*
 * A server's state: what it is, and the one way from one to another. Control thread.
 */
#include "config.h"
#include <assert.h>
#include <stdio.h>
#include "core/loop.h"
#include "server/server_priv.h"

static const char *const state_texts[] = {
#define X(name, text) [SERVER_STATE_##name] = text,
	SERVER_STATES(X)
#undef X
};

const char *
server_state_text(enum server_state state)
{
	return state_texts[state];
}

/* Of those who have a say, the one who wants least of it. */
enum server_admin
server_admin_of(const struct server *server)
{
	enum server_admin admin = server->conf->admin, other = SERVER_READY;

	if (server->conf->agent_check)
		other = server->health.agent_admin;
	if (other > admin)
		admin = other;
	if (server->tracked != NULL && server->tracked->has_state) {
		other = server->tracked->state == SERVER_STATE_NO_ADDRESS ? SERVER_MAINT
									  : server->tracked->admin;
		if (other > admin)
			admin = other;
	}
	return admin;
}

/* Who tracks has the health of whom he tracks; of its administration see above. */
static enum server_state
tracked_health_state(const struct server *tracked)
{
	switch (tracked->state) {
	case SERVER_STATE_DOWN:
	case SERVER_STATE_STOPPING:
	case SERVER_STATE_NO_CHECK: return tracked->state;
	case SERVER_STATE_MAINT:
	case SERVER_STATE_NO_ADDRESS:
	case SERVER_STATE_DRAIN:
	case SERVER_STATE_STARTING:
	case SERVER_STATE_UP: return SERVER_STATE_UP;
	}
	return SERVER_STATE_UP;
}

/* What is known of its health: DOWN, STOPPING, UP, or NO_CHECK if nobody looks at it. */
static enum server_state
server_health_state(const struct server *server)
{
	const struct server_conf *conf = server->conf;

	if (conf->agent_check && !health_is_up(&server->health.agent))
		return SERVER_STATE_DOWN;
	if (server->tracked != NULL && server->tracked->has_state)
		return tracked_health_state(server->tracked);
	if (!conf->check || conf->track != NULL)
		return conf->agent_check ? SERVER_STATE_UP : SERVER_STATE_NO_CHECK;
	if (!health_is_up(&server->health.check))
		return SERVER_STATE_DOWN;
	return server->health.is_stopping ? SERVER_STATE_STOPPING : SERVER_STATE_UP;
}

/* The first that holds, in the order that the API promises. */
enum server_state
server_state_of(const struct server *server)
{
	const enum server_admin admin = server_admin_of(server);
	enum server_state health;

	if (admin == SERVER_MAINT)
		return SERVER_STATE_MAINT;
	if (server->conf->own_admin)
		return SERVER_STATE_NO_ADDRESS;
	health = server_health_state(server);
	if (health == SERVER_STATE_DOWN || health == SERVER_STATE_STOPPING)
		return health;
	if (admin == SERVER_DRAIN || !server_has_weight(server))
		return SERVER_STATE_DRAIN;
	return server->health.is_starting ? SERVER_STATE_STARTING : health;
}

/* Columns: in words; could serve; HAProxy's srv_is_up(). */
static const struct {
	const char *words;
	bool is_usable, is_up;
} state_facts[] = {
	[SERVER_STATE_MAINT] = { "in maintenance", false, false },
	[SERVER_STATE_NO_ADDRESS] = { "no address", false, false },
	[SERVER_STATE_DOWN] = { "down", false, false },
	[SERVER_STATE_STOPPING] = { "stopping", false, true },
	[SERVER_STATE_DRAIN] = { "draining", false, true },
	[SERVER_STATE_STARTING] = { "starting", true, true },
	[SERVER_STATE_NO_CHECK] = { "no check", true, true },
	[SERVER_STATE_UP] = { "up", true, true },
};

bool
server_state_is_usable(enum server_state state)
{
	return state_facts[state].is_usable;
}

bool
server_state_is_up(enum server_state state)
{
	return state_facts[state].is_up;
}

bool
server_is_up(const struct server *server)
{
	return server_state_is_up(server_state_shown(server));
}

const char *
server_state_words(enum server_state state)
{
	return state_facts[state].words;
}

/* It ran, if only to its last session: what comes to it from there is a fall, what leads back a rise. */
static bool
server_state_runs(enum server_state state)
{
	return state_facts[state].is_up && state != SERVER_STATE_STOPPING;
}

bool
server_has_fallen(const struct server *server)
{
	return server->is_turned && server_state_is_up(server->turned_from) &&
	       !server_state_is_up(server->state);
}

/*
 * HAProxy manual, "on-marked-down", "on-marked-up". What is new rises only while we serve: at start nobody
 * comes back.
 */
static bool
server_has_risen(const struct server *server)
{
	if (!server_state_is_usable(server->state))
		return false;
	return server->is_turned ? !server_state_runs(server->turned_from) : servers_are_serving();
}

enum server_turn
server_take_turn(struct server *server)
{
	enum server_turn turn = SERVER_STAYED;

	if (server_has_fallen(server))
		turn = SERVER_FELL;
	else if (server_has_risen(server))
		turn = SERVER_ROSE;
	server->is_turned = true;
	server->turned_from = server->state;
	return turn;
}

/* The only way to a new state. */
static void
server_transition(struct server *server, enum server_state to)
{
	if (!server_state_is_up(server->state)) /* the errors of before are no part of a row from here on */
		atomic_store_explicit(&server->errors_in_row, 0, memory_order_relaxed);
	if (!server->is_told)
		server->told_state = to;
	server->has_state = true;
	server->state = to;
	atomic_store_explicit(&server->state_shown, (uint8_t)to, memory_order_relaxed);
	server->since_us = loop_self()->wall_us;
	level_set_usable(server, server_state_is_usable(to));
	level_mark_changed(server);
}

/* A rise begins a slow start, before its state is known; what does not run has none. */
static enum server_state
server_state_with_slow_start(struct server *server)
{
	const enum server_state to = server_state_of(server);
	const bool is_first = !server->has_state;

	if (!server_state_runs(to) || server->conf->slowstart <= 0)
		slow_stop(server);
	else if (is_first || !server_state_runs(server->state))
		slow_start(server);
	return server_state_of(server);
}

/*
 * Into maintenance and out of it: checks rest, and begin anew where "init_state" says. True: so it was.
 * Who tracks it hears of each order, also where its state is another's work: down, or without a weight.
 */
static bool
server_follow_admin(struct server *server)
{
	const enum server_admin was = server->admin, now = server_admin_of(server);

	if (now == was)
		return false;
	server->admin = now;
	if (server->has_state && !list_is_empty(&server->trackers))
		level_mark_changed(server);
	if (was == SERVER_MAINT)
		server_health_begin(server, server->conf->init_state);
	return was == SERVER_MAINT || now == SERVER_MAINT;
}

/*
 * The cause of its state: of whoever decides that, or, if it serves, what has just brought it there. Who
 * tracks is explained anew also where his state stays: the words name the other one's.
 */
static void
server_settle_cause(struct server *server, bool has_changed, enum server_cause cause,
		    const char *detail)
{
	const enum server_cause was = server->cause;
	struct server_why why;

	if (!why_of(&why, server, server->state)) {
		if (!has_changed && (cause != SERVER_CAUSE_TRACKED || was != cause))
			return;
		why = (struct server_why){ .cause = cause };
		if (server_cause_source(cause) == CAUSE_OF_CONFIG)
			why.actor = server->conf->actor;
		(void)snprintf(why.detail, sizeof(why.detail), "%s", detail != NULL ? detail : "");
	}
	why_set(server, &why);
	if (!server->is_told)
		server->told_cause = why.cause;
	if (why.cause != was)
		level_mark_changed(server);
}

void
server_judge(struct server *server, enum server_cause cause, const char *detail)
{
	bool has_turned, has_changed;
	enum server_state to;

	assert_control();
	has_turned = server_follow_admin(server);
	to = server_state_with_slow_start(server);
	has_changed = to != server->state || !server->has_state;
	if (has_changed)
		server_transition(server, to);
	server_settle_cause(server, has_changed, cause, detail);
	server_show_weight(server);
	if (has_turned)
		server_adjust_checks(server, NULL, true);
}

void
server_update(struct server *server, enum server_cause cause, const char *detail)
{
	uint32_t grown;

	server_judge(server, cause, detail);
	grown = server_apply_maxconn(server);
	if (server->eligible && server->weight != server_weight_now(server))
		level_mark_changed(server);
	if (grown > 0)
		level_mark_changed(server); /* it is counted with its places */
	levels_settle(server->backend);
	levels_tell(server->backend);
	if (grown > 0 && queue_length(&server->backend->queue) > 0)
		queue_call_many(&server->backend->queue, grown);
}
