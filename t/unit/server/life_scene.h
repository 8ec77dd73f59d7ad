/*
 * The scene of a server's life: what tests say that checks and agents found, and what was told and ordered then.
 * No check is made.
 */
#pragma once

#include <stdio.h>
#include "core/obj.h"
#include "server/agent.h"
#include "server/check.h"
#include "server/server_priv.h"
#include "t/unit/server/scene.h"

static char told[1024];
static int causes_told; /* how often another cause was news */
static struct backend *backend;

/* "a:up>down " */
static inline void
on_change(const struct server_change *change)
{
	const size_t n = strlen(told);

	causes_told += change->has_other_cause;
	if (change->from != change->to)
		snprintf(told + n, sizeof(told) - n, "%s:%s>%s ", change->server->name,
			 server_state_text(change->from), server_state_text(change->to));
}

static inline const char *
news(void)
{
	static char text[sizeof(told)];

	strcpy(text, told);
	told[0] = '\0';
	return text;
}

static char orders[256];

/* "b:U ": the streams of that server were to end, with that letter. */
static inline void
on_ended(const struct server *server, enum end_cause cause, uint32_t ended)
{
	const size_t n = strlen(orders);

	snprintf(orders + n, sizeof(orders) - n, "%s:%c ", server->name, end_cause_letter(cause));
}

static inline const char *
ends(void)
{
	static char text[sizeof(orders)];

	scene_settle();
	strcpy(text, orders);
	orders[0] = '\0';
	return text;
}

static inline bool
end_nobody(struct list *by_server, enum end_cause cause)
{
	return false;
}

static inline int
start(void **state)
{
	orders[0] = '\0';
	server_set_end_stream(end_nobody);
	server_on_ended(on_ended);
	told[0] = '\0';
	server_on_change(on_change);
	scene_start(2, false);
	checks_finish();
	servers_set_serving(false);
	backend = scene_backend(1, false);
	return 0;
}

static inline int
stop(void **state)
{
	scene_drop(backend);
	scene_stop();
	server_on_change(NULL);
	server_on_ended(NULL);
	return 0;
}

/* A checked one, wherever it says nothing else. */
static inline struct server_conf
checked(void)
{
	return (struct server_conf){ .weight = 1,
				     .weight_percent = 100,
				     .check = true,
				     .rise = 2,
				     .fall = 3,
				     .inter = 2000,
				     .agent_inter = 3000 };
}

static inline struct publish_item *
item_of(struct server *server, struct server_conf said)
{
	struct server_conf *conf = server_conf_new();
	struct publish_item *item = NULL;

	assert_non_null(conf);
	*conf = said;
	if (conf->track != NULL)
		server_hold(conf->track);
	assert_int_equal(server_publish_new(&item, server, conf,
					    server->conf == NULL ? SERVER_CAUSE_CREATED
								 : SERVER_CAUSE_CONFIG),
			 ERR_OK);
	return item;
}

static inline void
publish(struct server *server, struct server_conf said)
{
	struct publish_item *item = item_of(server, said);

	scene_publish(&item, 1);
}

static inline struct server *
server_of(const char *name, struct server_conf conf)
{
	static uint32_t id;
	struct server *server = scene_server_new(backend, name, ++id);

	checks_finish();	/* they begin afresh where the last one has gone */
	publish(server, conf);
	return server;
}

static inline void
check(struct server *server, enum check_result result, int times)
{
	struct check_verdict verdict = { .result = result, .duration_ms = 1 };

	while (times-- > 0)
		server_on_check(server, &verdict);
	scene_settle();
}

static inline void
agent(struct server *server, const char *line)
{
	struct check_verdict verdict = { .result = CHECK_L7OK };
	struct agent_report report;

	snprintf(verdict.detail, sizeof(verdict.detail), "%s", line);
	assert_true(agent_parse(&report, slice_of(line)));
	server_on_agent(server, &verdict, &report);
	scene_settle();
}

static inline const char *
state_of(const struct server *server)
{
	return server_state_text(server->state);
}

/* As somebody's change. */
static inline void
publish_by(struct server *server, struct server_conf said, const char *who)
{
	said.actor = actor_new(who);
	assert_non_null(said.actor);
	publish(server, said);
}

/* "config bob" */
static inline const char *
cause_of(const struct server *server)
{
	static char text[64];
	const char *who = actor_text(server->actor);

	snprintf(text, sizeof(text), "%s%s%s", server_cause_code(server->cause),
		 who != NULL ? " " : "", who != NULL ? who : "");
	return text;
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, start, stop)
