/*
 * A control thread and workers for the tests of server/: all on the test's thread, turned by hand,
 * or the workers on threads of their own.
 */
#pragma once

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "core/loop.h"
#include "core/publish.h"
#include "core/snap.h"
#include "server/backend.h"
#include "server/server.h"

#define SCENE_WORKERS_MAX 4

static struct loop *scene_control;
static struct loop *scene_workers[SCENE_WORKERS_MAX];
static uint32_t scene_count;
static bool scene_threaded;
static pthread_t scene_threads[SCENE_WORKERS_MAX];
static struct mail scene_stops[SCENE_WORKERS_MAX];

static void *
scene_worker_main(void *arg)
{
	loop_run(arg);
	return NULL;
}

static void
scene_on_stop(struct mail *mail)
{
	loop_stop(loop_self());
}

static inline void
scene_start(uint32_t workers, bool threaded)
{
	scene_count = workers;
	scene_threaded = threaded;
	assert_int_equal(loop_new(&scene_control, LOOP_CONTROL), ERR_OK);
	loop_adopt(scene_control);
	for (uint32_t i = 0; i < workers; i++)
		assert_int_equal(loop_new(&scene_workers[i], i), ERR_OK);
	publish_set_workers(scene_workers, workers);
	snap_set_home(&scene_control->mailbox);
	for (uint32_t i = 0; i < workers && threaded; i++)
		assert_int_equal(pthread_create(&scene_threads[i], NULL, scene_worker_main,
						scene_workers[i]),
				 0);
}

/* A turn of everybody whose loop runs here. */
static inline void
scene_turn(void)
{
	for (uint32_t i = 0; i < scene_count && !scene_threaded; i++) {
		loop_adopt(scene_workers[i]);
		loop_turn(scene_workers[i], false);
	}
	loop_adopt(scene_control);
	loop_turn(scene_control, scene_threaded);
}

/* Enough turns for all that is under way; workers of their own threads are not waited for. */
static inline void
scene_settle(void)
{
	for (int i = 0; i < 8 && !scene_threaded; i++)
		scene_turn();
}

static inline void
scene_stop(void)
{
	scene_settle();
	for (uint32_t i = 0; i < scene_count && scene_threaded; i++) {
		scene_stops[i].deliver = scene_on_stop;
		mailbox_send(&scene_workers[i]->mailbox, &scene_stops[i]);
		pthread_join(scene_threads[i], NULL);
	}
	mailbox_deliver(&scene_control->mailbox);
	for (uint32_t i = 0; i < scene_count; i++)
		loop_free(&scene_workers[i]);
	loop_free(&scene_control);
	loop_adopt(NULL);
}

static inline void
scene_on_acked(void *arg)
{
	*(bool *)arg = true;
}

/* Publish these items together and wait until every worker has them. */
static inline void
scene_publish(struct publish_item **items, uint32_t count)
{
	struct publication *p = NULL;
	bool acked = false;

	assert_int_equal(publication_new(&p), ERR_OK);
	for (uint32_t i = 0; i < count; i++)
		publication_add(p, items[i]);
	publication_send(p);
	publication_seal(p, scene_on_acked, &acked);
	while (!acked)
		scene_turn();
	scene_settle();
}

static inline struct publish_item *
scene_backend_item(struct backend *backend, uint32_t min_usable, bool allbackups)
{
	struct backend_conf *conf = NULL;
	struct publish_item *item = NULL;

	assert_int_equal(backend_conf_new(&conf), ERR_OK);
	conf->min_usable = min_usable;
	conf->allbackups = allbackups;
	conf->maxqueue = 10000;
	assert_int_equal(backend_publish_new(&item, backend, conf), ERR_OK);
	return item;
}

static inline struct backend *
scene_backend(uint32_t min_usable, bool allbackups)
{
	struct backend *backend = NULL;
	struct publish_item *item;

	assert_int_equal(backend_new(&backend, "app"), ERR_OK);
	item = scene_backend_item(backend, min_usable, allbackups);
	scene_publish(&item, 1);
	return backend;
}

/* What a test says of a server; the weight is 1 where it is not said. */
struct scene_conf {
	int			 weight_plus_1;
	uint8_t			 priority;
	uint32_t		 maxconn;
	enum server_admin	 admin;
	bool			 own_admin;
};
#define WEIGHT(w) .weight_plus_1 = (w) + 1

static inline struct publish_item *
scene_server_item(struct server *server, struct scene_conf said, enum server_cause cause)
{
	struct server_conf *conf = server_conf_new();
	struct publish_item *item = NULL;

	assert_non_null(conf);
	conf->weight = said.weight_plus_1 > 0 ? said.weight_plus_1 - 1 : 1;
	conf->priority = said.priority;
	conf->maxconn = said.maxconn;
	conf->admin = said.admin;
	conf->own_admin = said.own_admin;
	assert_int_equal(server_publish_new(&item, server, conf, cause), ERR_OK);
	return item;
}

static inline struct server *
scene_server_new(struct backend *backend, const char *name, uint32_t id)
{
	struct server *server = NULL;

	assert_int_equal(server_new(&server, backend, name, id), ERR_OK);
	return server;
}

static inline struct server *
scene_server(struct backend *backend, const char *name, uint32_t id, struct scene_conf said)
{
	struct server *server = scene_server_new(backend, name, id);
	struct publish_item *item = scene_server_item(server, said, SERVER_CAUSE_CREATED);

	scene_publish(&item, 1);
	return server;
}

static inline void
scene_change(struct server *server, struct scene_conf said)
{
	struct publish_item *item = scene_server_item(server, said, SERVER_CAUSE_CONFIG);

	scene_publish(&item, 1);
}

static inline struct publish_item *
scene_retire_item(struct server *server)
{
	struct publish_item *item = NULL;

	assert_int_equal(server_retire_new(&item, server, NULL), ERR_OK);
	return item;
}

static inline void
scene_retire(struct server *server)
{
	struct publish_item *item = scene_retire_item(server);

	scene_publish(&item, 1);
}

/* All its servers, and itself; waits until it is freed as far as that needs no stream. */
static inline void
scene_drop(struct backend *backend)
{
	static struct publish_item *items[10010];
	uint32_t count = 0;

	for (int i = 0; i < SERVER_PRIORITIES; i++) {
		list_foreach(node, &backend->levels[i].servers) {
			items[count++] =
				scene_retire_item(container_of(node, struct server, by_priority));
		}
	}
	assert_int_equal(backend_retire_new(&items[count++], backend), ERR_OK);
	scene_publish(items, count);
}

/* Worker 0 picks and leaves `n` times: the names' last letters, '-' busy, '!' gone. */
static inline const char *
scene_picks(struct backend *backend, uint32_t n)
{
	static char text[64];

	assert_true(n < sizeof(text));
	loop_adopt(scene_workers[0]);
	for (uint32_t i = 0; i < n; i++) {
		struct server *server = NULL;
		enum pick pick;
		enum err e = backend_pick(backend, 0, NULL, &server, &pick);

		text[i] = e == ERR_BUSY ? '-' : '!';
		if (e == ERR_OK)
			text[i] = server->name[strlen(server->name) - 1];
		if (e == ERR_OK)
			backend_leave(server, 0);
	}
	text[n] = '\0';
	loop_adopt(scene_control);
	return text;
}
