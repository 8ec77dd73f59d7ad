/*
 * Why a server is in its state. Control thread.
 *
 * Who holds a server back has his own reason and keeps it: configuration (one for admin_state, one for weight,
 * one for the address, each with its actor), its check, its agent, the server that it tracks. The cause of a
 * state is that of whoever decides it now, found anew whenever something changes. Of a server that serves
 * nobody decides: its cause is what brought it there.
 */
#include "config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "server/server_priv.h"

static const struct {
	const char	 *code;
	const char	 *words;
	enum cause_source source;
} cause_facts[] = {
#define X(name, code, words, source) [SERVER_CAUSE_##name] = { code, words, CAUSE_OF_##source },
	SERVER_CAUSES(X)
#undef X
};

const char *
server_cause_code(enum server_cause cause)
{
	return cause_facts[cause].code;
}

const char *
server_cause_words(enum server_cause cause)
{
	return cause_facts[cause].words;
}

enum cause_source
server_cause_source(enum server_cause cause)
{
	return cause_facts[cause].source;
}

struct actor {
	uint32_t	 refs;
	char		 text[];
};

struct actor *
actor_new(const char *text)
{
	const size_t size = strlen(text) + 1;
	struct actor *actor = malloc(sizeof(*actor) + size);

	if (actor == NULL)
		return NULL;
	actor->refs = 1;
	memcpy(actor->text, text, size);
	return actor;
}

struct actor *
actor_ref(struct actor *actor)
{
	if (actor != NULL)
		actor->refs++;
	return actor;
}

void
actor_unref(struct actor **ap)
{
	if (*ap != NULL && --(*ap)->refs == 0)
		free(*ap);
	*ap = NULL;
}

const char *
actor_text(const struct actor *actor)
{
	return actor == NULL ? NULL : actor->text;
}

void
why_say(struct server *server, enum server_say say, enum server_cause cause)
{
	struct server_said *said = &server->said[say];

	actor_unref(&said->actor);
	said->actor = actor_ref(server->conf->actor);
	said->cause = cause;
}

void
why_fini(struct server *server)
{
	for (int i = 0; i < SERVER_SAYS; i++)
		actor_unref(&server->said[i].actor);
	actor_unref(&server->actor);
}

static void
why_by_config(struct server_why *why, const struct server *server, enum server_say say)
{
	why->cause = server->said[say].cause;
	why->actor = server->said[say].actor;
}

static void
why_by_agent(struct server_why *why, const struct server *server, enum agent_say say)
{
	why->cause = SERVER_CAUSE_AGENT;
	(void)snprintf(why->detail, sizeof(why->detail), "its agent said \"%s\"",
		       server->health.agent_said[say]);
}

static void
why_by_tracked(struct server_why *why, const struct server *server)
{
	why->cause = SERVER_CAUSE_TRACKED;
	track_explain(server, why->detail);
}

/* Whoever wants just that, configuration first. */
static void
why_admin(struct server_why *why, const struct server *server, enum server_admin admin)
{
	if (server->conf->admin == admin)
		why_by_config(why, server, SAY_ADMIN);
	else if (server->conf->agent_check && server->health.agent_admin == admin)
		why_by_agent(why, server, AGENT_SAID_ADMIN);
	else
		why_by_tracked(why, server);
}

static void
why_down(struct server_why *why, const struct server *server)
{
	if (server->conf->agent_check && !health_is_up(&server->health.agent)) {
		why_by_agent(why, server, AGENT_SAID_HEALTH);
	} else if (server->tracked != NULL) {
		why_by_tracked(why, server);
	} else {
		why->cause = server->health.fall_cause;
		(void)snprintf(why->detail, sizeof(why->detail), "%s", server->health.fall_detail);
	}
}

static void
why_weightless(struct server_why *why, const struct server *server)
{
	const struct server_conf *conf = server->conf;

	if (conf->weight > 0 && conf->weight_percent > 0) {
		why_by_agent(why, server, AGENT_SAID_WEIGHT);
		return;
	}
	why_by_config(why, server, SAY_WEIGHT);
	(void)snprintf(why->detail, sizeof(why->detail), "%s 0",
		       conf->weight == 0 ? "weight" : "weight_percent");
}

bool
why_of(struct server_why *why, const struct server *server, enum server_state state)
{
	const enum server_admin admin = server_admin_of(server);

	*why = (struct server_why){ .cause = SERVER_CAUSE_CONFIG };
	switch (state) {
	case SERVER_STATE_MAINT: why_admin(why, server, SERVER_MAINT); return true;
	case SERVER_STATE_NO_ADDRESS: why_by_config(why, server, SAY_ADDRESS); return true;
	case SERVER_STATE_DOWN: why_down(why, server); return true;
	case SERVER_STATE_STOPPING:
		if (server->tracked != NULL)
			why_by_tracked(why, server);
		else
			why->cause = SERVER_CAUSE_CHECK_404;
		return true;
	case SERVER_STATE_DRAIN:
		if (admin == SERVER_DRAIN)
			why_admin(why, server, admin);
		else
			why_weightless(why, server);
		return true;
	case SERVER_STATE_STARTING:
	case SERVER_STATE_NO_CHECK:
	case SERVER_STATE_UP: return false;
	}
	return false;
}

void
why_set(struct server *server, const struct server_why *why)
{
	struct actor *actor = actor_ref(why->actor);

	actor_unref(&server->actor);
	server->actor = actor;
	server->cause = why->cause;
	memcpy(server->detail, why->detail, sizeof(server->detail));
}
