/*
 * A server's state: what it is, and the one way from one to another. Control thread.
 */
#include "config.h"
#include <assert.h>
#include "core/loop.h"
#include "server/server_priv.h"

static const char *const state_texts[] = {
#define X(name, text) [SERVER_STATE_##name] = text,
	SERVER_STATES(X)
#undef X
};

static const struct {
	const char	*code;
	const char	*words;
} cause_texts[] = {
#define X(name, code, words) [SERVER_CAUSE_##name] = { code, words },
	SERVER_CAUSES(X)
#undef X
};

const char *
server_state_text(enum server_state state)
{
	return state_texts[state];
}

const char *
server_cause_code(enum server_cause cause)
{
	return cause_texts[cause].code;
}

const char *
server_cause_words(enum server_cause cause)
{
	return cause_texts[cause].words;
}

/* The first that holds, in the order that the API promises. */
enum server_state
server_state_of(const struct server *server)
{
	const struct server_conf *conf = server->conf;

	if (conf->admin == SERVER_MAINT)
		return SERVER_STATE_MAINT;
	if (conf->own_admin)
		return SERVER_STATE_NO_ADDRESS;
	if (conf->admin == SERVER_DRAIN || conf->weight == 0)
		return SERVER_STATE_DRAIN;
	return SERVER_STATE_NO_CHECK;
}

/* Columns: in words; could serve; HAProxy's srv_is_up(). */
static const struct {
	const char	*words;
	bool		 is_usable, is_up;
} state_facts[] = {
	[SERVER_STATE_MAINT]	  = { "in maintenance", false, false },
	[SERVER_STATE_NO_ADDRESS] = { "no address", false, false },
	[SERVER_STATE_DOWN]	  = { "down", false, false },
	[SERVER_STATE_STOPPING]	  = { "stopping", false, true },
	[SERVER_STATE_DRAIN]	  = { "draining", false, true },
	[SERVER_STATE_STARTING]	  = { "starting", true, true },
	[SERVER_STATE_NO_CHECK]	  = { "no check", true, true },
	[SERVER_STATE_UP]	  = { "up", true, true },
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

void
server_transition(struct server *server, enum server_state to, enum server_cause cause)
{
	assert_control();
	if (to == server->state && server->has_state) {
		if (cause == SERVER_CAUSE_RESTORED)
			server->cause = cause;	/* that it stays so is the news */
		return;
	}
	if (!server->has_state)
		server->told_state = to;
	server->has_state = true;
	server->state = to;
	atomic_store_explicit(&server->state_shown, (uint8_t)to, memory_order_relaxed);
	server->cause = cause;
	server->since_us = loop_self()->wall_us;
	level_set_usable(server, server_state_is_usable(to));
	level_mark_changed(server);
}
