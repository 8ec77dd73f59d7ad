/*
 * Backends and servers as objects: picking, places, life and death, and swaps under load.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "core/obj.h"
#include "t/unit/server/scene.h"

static int
start(void **state)
{
	scene_start(2, false);
	return 0;
}

static int
stop(void **state)
{
	scene_stop();
	return 0;
}

/* As `worker`. NULL: none; *e says why. */
static struct server *
pick_as(struct backend *backend, uint32_t worker, struct server *avoid, enum err *e,
	enum pick *pick)
{
	struct server *server = NULL;

	loop_adopt(scene_workers[worker]);
	*e = backend_pick(backend, worker, avoid, &server, pick);
	loop_adopt(scene_control);
	return server;
}

static void
leave_as(struct server *server, uint32_t worker)
{
	loop_adopt(scene_workers[worker]);
	backend_leave(server, worker);
	loop_adopt(scene_control);
}

static void
a_full_server_is_passed_over_and_full_all_round_is_busy(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *a = scene_server(backend, "a", 1, (struct scene_conf){ .maxconn = 1 });
	struct server *b = scene_server(backend, "b", 2, (struct scene_conf){ .maxconn = 2 });
	struct backend_totals totals;
	struct server_totals of_b;
	enum err e;
	enum pick pick;

	assert_ptr_equal(pick_as(backend, 0, NULL, &e, &pick), a);
	assert_string_equal(pick_text(pick), "roundrobin");
	assert_ptr_equal(pick_as(backend, 0, NULL, &e, &pick), b);
	/* maxconn holds for all workers together */
	assert_ptr_equal(pick_as(backend, 1, NULL, &e, &pick), b);
	assert_null(pick_as(backend, 0, NULL, &e, &pick));
	assert_int_equal(e, ERR_BUSY);
	backend_totals(backend, &totals);
	server_totals(b, &of_b);
	assert_int_equal(totals.current, 3);
	assert_int_equal(of_b.current, 2);
	leave_as(b, 1);
	assert_ptr_equal(pick_as(backend, 0, NULL, &e, &pick), b);
	leave_as(a, 0);
	leave_as(b, 0);
	leave_as(b, 0);
	backend_totals(backend, &totals);
	server_totals(b, &of_b);
	assert_int_equal(totals.current, 0);
	assert_int_equal(totals.max, 3);
	assert_int_equal(of_b.max, 2);
	scene_drop(backend);
}

static void
the_avoided_server_is_taken_only_when_nobody_else_is_left(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *a = scene_server(backend, "a", 1, (struct scene_conf){ .maxconn = 1 });
	struct server *b = scene_server(backend, "b", 2, (struct scene_conf){ .maxconn = 1 });
	enum err e;
	enum pick pick;

	assert_ptr_equal(pick_as(backend, 0, a, &e, &pick), b);
	assert_int_equal(pick, PICK_REDISPATCH);
	assert_ptr_equal(pick_as(backend, 0, a, &e, &pick), a);
	assert_int_equal(pick, PICK_RETRY);
	assert_null(pick_as(backend, 0, a, &e, &pick));
	assert_int_equal(e, ERR_BUSY);
	leave_as(a, 0);
	leave_as(b, 0);
	scene_change(a, (struct scene_conf){ .admin = SERVER_DRAIN });
	scene_change(b, (struct scene_conf){ .admin = SERVER_DRAIN });
	assert_null(pick_as(backend, 0, a, &e, &pick));	/* not even the avoided one */
	assert_int_equal(e, ERR_GONE);
	scene_drop(backend);
}

static void
a_backup_says_that_it_is_one(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *b = scene_server(backend, "b", 2, (struct scene_conf){ .priority = 1 });
	enum err e;
	enum pick pick;

	assert_ptr_equal(pick_as(backend, 1, NULL, &e, &pick), b);
	assert_int_equal(pick, PICK_BACKUP);
	leave_as(b, 1);
	scene_drop(backend);
}

static void
weights_share_the_picks(void **state)
{
	struct backend *backend = scene_backend(1, false);

	scene_server(backend, "a", 1, (struct scene_conf){ WEIGHT(3) });
	scene_server(backend, "b", 2, (struct scene_conf){ WEIGHT(1) });
	assert_string_equal(scene_picks(backend, 8), "aabaaaba");
	scene_drop(backend);
}

static void
a_retired_server_stays_for_the_stream_that_holds_it(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *a = scene_server(backend, "a", 1, (struct scene_conf){ 0 });
	enum err e;
	enum pick pick;

	assert_ptr_equal(pick_as(backend, 0, NULL, &e, &pick), a);
	scene_retire(a);
	assert_null(pick_as(backend, 0, NULL, &e, &pick));
	assert_int_equal(e, ERR_GONE);
	assert_int_equal(backend->holders, 1);
	assert_int_equal(a->magic, SERVER_MAGIC);
	leave_as(a, 0);
	scene_settle();
	assert_int_equal(backend->holders, 0);
	scene_drop(backend);
}

static void
a_retired_backend_stays_for_frontends_and_streams_that_use_it(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct backend_conf *conf;

	scene_server(backend, "a", 1, (struct scene_conf){ 0 });
	backend_hold(backend);				/* an old conf of a frontend */
	scene_drop(backend);
	assert_int_equal(backend->magic, BACKEND_MAGIC);
	conf = backend->slots[1].conf;			/* and a stream that comes by it */
	loop_adopt(scene_workers[1]);
	snap_ref(&conf->slots[1]);
	loop_adopt(scene_control);
	backend_release(backend);
	scene_settle();
	assert_true(backend->is_home);
	assert_int_equal(backend->magic, BACKEND_MAGIC);
	loop_adopt(scene_workers[1]);
	snap_unref(&conf->slots[1]);
	loop_adopt(scene_control);
}

static void
a_stream_keeps_the_conf_that_it_began_with(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct backend_conf *conf = backend->slots[0].conf;
	struct publish_item *item = scene_backend_item(backend, 2, false);

	conf->retries = 7;
	loop_adopt(scene_workers[0]);
	snap_ref(&conf->slots[0]);
	loop_adopt(scene_control);
	scene_publish(&item, 1);
	assert_ptr_not_equal(backend->slots[0].conf, conf);
	assert_int_equal(conf->retries, 7);
	loop_adopt(scene_workers[0]);
	snap_unref(&conf->slots[0]);
	scene_settle();
	assert_int_equal(backend->confs, 1);
	scene_drop(backend);
}

static void
rules_free_nothing(struct rules *rules)
{
	++*(int *)(void *)rules;
}

static void
a_conf_frees_its_rules_with_itself(void **state)
{
	struct backend_conf *conf = NULL;
	int freed = 0;

	assert_int_equal(backend_conf_new(&conf), ERR_OK);
	conf->rules = (struct rules *)(void *)&freed;
	conf->rules_free = rules_free_nothing;
	backend_conf_discard(&conf);
	assert_int_equal(freed, 1);
}

static void
each_status_to_retry_on_has_a_bit_of_its_own(void **state)
{
	uint32_t all = 0;

	for (uint16_t status = 0; status < 1000; status++) {
		const uint32_t bit = retry_on_status_bit(status);

		assert_int_equal(all & bit, 0);
		all |= bit;
	}
	assert_int_equal(__builtin_popcount(all), 12);
	assert_true(retry_on_status_bit(401) != 0 && retry_on_status_bit(504) != 0);
	assert_int_equal(retry_on_status_bit(502) & (retry_on_status_bit(502) - 1), 0);
	assert_int_equal(retry_on_status_bit(200), 0);
}

static void
what_is_called_off_leaves_nothing(void **state)
{
	struct backend *backend = NULL, *other = scene_backend(1, false);
	struct server *server = scene_server(other, "s", 1, (struct scene_conf){ 0 });
	struct publication *p = NULL;

	assert_int_equal(backend_new(&backend, "new"), ERR_OK);
	assert_int_equal(publication_new(&p), ERR_OK);
	publication_add(p, scene_backend_item(backend, 1, false));
	publication_add(p, scene_server_item(scene_server_new(backend, "a", 1),
					     (struct scene_conf){ 0 }, SERVER_CAUSE_CREATED));
	publication_add(p, scene_server_item(server, (struct scene_conf){ WEIGHT(9) },
					     SERVER_CAUSE_CONFIG));
	publication_add(p, scene_retire_item(server));
	publication_abort(&p);
	assert_int_equal(server->conf->weight, 1);
	assert_string_equal(scene_picks(other, 2), "ss");
	scene_drop(other);
}

static void
what_is_not_published_is_discarded(void **state)
{
	struct backend *backend = NULL;
	struct server *server = NULL;
	struct backend_conf *conf = NULL;

	assert_int_equal(backend_new(&backend, "b"), ERR_OK);
	assert_int_equal(backend_conf_new(&conf), ERR_OK);
	server = scene_server_new(backend, "s", 1);
	server_discard(&server);
	backend_conf_discard(&conf);
	backend_discard(&backend);
	assert_null(server);
	assert_null(conf);
	assert_null(backend);
}

static void
an_unknown_balance_is_told(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct backend_conf *conf = NULL;
	struct publish_item *item = NULL;

	assert_int_equal(backend_conf_new(&conf), ERR_OK);
	conf->balance = strdup("roundrobbin");
	assert_int_equal(backend_publish_new(&item, backend, conf), ERR_UNKNOWN);
	assert_null(item);
	backend_conf_discard(&conf);
	scene_drop(backend);
}

/* Several writes that were committed together are published in one go, before a worker turns. */
static void
the_newest_of_many_changes_under_way_is_what_holds(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *a = scene_server(backend, "a", 1, (struct scene_conf){ 0 });
	struct server *b = scene_server(backend, "b", 2, (struct scene_conf){ .priority = 1 });
	bool acked[6] = { false };

	srand(5);
	for (int round = 0; round < 200; round++) {
		bool maint = false;

		for (int i = 0; i < 6; i++) {
			struct publication *p = NULL;
			struct scene_conf conf = { WEIGHT(1 + rand() % 9) };

			maint = rand() % 2 != 0;
			conf.admin = maint ? SERVER_MAINT : SERVER_READY;
			assert_int_equal(publication_new(&p), ERR_OK);
			publication_add(p, scene_server_item(a, conf, SERVER_CAUSE_CONFIG));
			publication_send(p);
			publication_seal(p, scene_on_acked, &acked[i]);
			if (rand() % 2 == 0) {		/* a worker turns in between */
				loop_adopt(scene_workers[i % 2]);
				loop_turn(scene_workers[i % 2], false);
				loop_adopt(scene_control);
			}
		}
		scene_settle();
		assert_true(acked[5]);
		for (uint32_t w = 0; w < 2; w++) {
			assert_int_equal(server_slot(a, w)->node.weight, a->weight);
			assert_int_equal(server_slot(b, w)->node.weight,
					 maint ? LB_WEIGHT_SCALE : 0);
		}
	}
	scene_drop(backend);
}

/* Workers that pick as fast as they can. */
struct picker {
	struct task	 task;
	struct mail	 begin;
	struct backend	*backend;
	_Atomic uint64_t picked;
	_Atomic uint64_t gone;
	uint32_t	 worker;
	_Atomic bool	 stop;
};
static struct picker pickers[SCENE_WORKERS_MAX];

static void
picker_run(struct task *task)
{
	struct picker *picker = container_of(task, struct picker, task);

	for (int i = 0; i < 50; i++) {
		struct server *server = NULL;
		enum pick pick;

		if (backend_pick(picker->backend, picker->worker, NULL, &server, &pick) != ERR_OK) {
			atomic_fetch_add(&picker->gone, 1);
			continue;
		}
		assert(server->magic == SERVER_MAGIC &&
		       server_slot(server, picker->worker)->conf != NULL);
		backend_leave(server, picker->worker);
	}
	atomic_fetch_add(&picker->picked, 1);
	if (!atomic_load(&picker->stop))
		loop_queue(loop_self(), task);
}

static void
picker_begin(struct mail *mail)
{
	loop_queue(loop_self(), &container_of(mail, struct picker, begin)->task);
}

static void
pickers_start(struct backend *backend)
{
	for (uint32_t i = 0; i < scene_count; i++) {
		memset(&pickers[i], 0, sizeof(pickers[i]));
		pickers[i].backend = backend;
		pickers[i].worker = i;
		task_init(&pickers[i].task, picker_run);
		pickers[i].begin.deliver = picker_begin;
		mailbox_send(&scene_workers[i]->mailbox, &pickers[i].begin);
	}
}

static void
pickers_stop(void)
{
	for (uint32_t i = 0; i < scene_count; i++) {
		atomic_store(&pickers[i].stop, true);
		assert_int_equal(atomic_load(&pickers[i].gone), 0);
		assert_true(atomic_load(&pickers[i].picked) > 0);
	}
}

static void
on_group_acked(void *arg)
{
	--*(uint32_t *)arg;
}

/* Send without waiting for the acknowledgement, as a group of writes does. */
static void
send_items(struct publish_item **items, uint32_t count, uint32_t *pending)
{
	struct publication *p = NULL;

	assert_int_equal(publication_new(&p), ERR_OK);
	for (uint32_t i = 0; i < count; i++)
		publication_add(p, items[i]);
	publication_send(p);
	publication_seal(p, on_group_acked, pending);
	++*pending;
}

/* The only server is replaced, or a backup takes over, again and again: nobody finds it empty. */
static void
at_no_moment_is_there_no_server(void **state)
{
	struct backend *backend;
	struct server *server, *backup;
	struct publish_item *items[3];
	uint32_t pending = 0, id = 2;

	scene_start(2, true);
	backend = scene_backend(1, false);
	backup = scene_server(backend, "backup", 1, (struct scene_conf){ .priority = 1 });
	server = scene_server(backend, "a", id, (struct scene_conf){ 0 });
	pickers_start(backend);
	for (int i = 0; i < 1500; i++) {
		struct server *next = scene_server_new(backend, "a", ++id);

		items[0] = scene_retire_item(server);
		items[1] = scene_server_item(next, (struct scene_conf){ 0 }, SERVER_CAUSE_CREATED);
		send_items(items, 2, &pending);
		server = next;
		for (int k = 0; k < i % 4; k++) {
			struct scene_conf conf = { .admin = SERVER_READY };

			if ((i + k) % 2 == 0)
				conf.admin = SERVER_MAINT;
			items[0] = scene_server_item(server, conf, SERVER_CAUSE_CONFIG);
			send_items(items, 1, &pending);
		}
		while (pending > (uint32_t)(i % 3) * 4)
			scene_turn();
	}
	while (pending > 0)
		scene_turn();
	pickers_stop();
	items[0] = scene_retire_item(server);
	items[1] = scene_retire_item(backup);
	assert_int_equal(backend_retire_new(&items[2], backend), ERR_OK);
	scene_publish(items, 3);
	scene_publish(NULL, 0);		/* the way home is shorter than that */
	scene_stop();
}

static struct server *
find_as(const struct backend *backend, uint32_t worker, const char *name)
{
	return backend_find_server(backend, worker, slice_of(name));
}

static void
a_server_is_found_by_name_in_its_backend_while_it_is_installed(void **state)
{
	struct backend *backend = scene_backend(1, false), *other = scene_backend(1, false);
	struct server *a = scene_server(backend, "a", 1, (struct scene_conf){ 0 });
	struct server *same = scene_server(other, "a", 1, (struct scene_conf){ 0 });

	assert_ptr_equal(find_as(backend, 0, "a"), a);
	assert_ptr_equal(find_as(backend, 1, "a"), a);
	assert_ptr_equal(find_as(other, 1, "a"), same);
	assert_null(find_as(backend, 0, "A"));
	assert_null(find_as(backend, 0, ""));
	scene_change(a, (struct scene_conf){ .maxconn = 1 });
	assert_ptr_equal(find_as(backend, 0, "a"), a);
	scene_retire(a);
	assert_null(find_as(backend, 0, "a"));
	a = scene_server(backend, "a", 2, (struct scene_conf){ 0 });
	assert_ptr_equal(find_as(backend, 1, "a"), a);
	scene_drop(backend);
	scene_drop(other);
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCENE(a_full_server_is_passed_over_and_full_all_round_is_busy),
		WITH_SCENE(the_avoided_server_is_taken_only_when_nobody_else_is_left),
		WITH_SCENE(a_backup_says_that_it_is_one),
		WITH_SCENE(weights_share_the_picks),
		WITH_SCENE(a_retired_server_stays_for_the_stream_that_holds_it),
		WITH_SCENE(a_retired_backend_stays_for_frontends_and_streams_that_use_it),
		WITH_SCENE(a_stream_keeps_the_conf_that_it_began_with),
		WITH_SCENE(a_conf_frees_its_rules_with_itself),
		WITH_SCENE(each_status_to_retry_on_has_a_bit_of_its_own),
		WITH_SCENE(what_is_called_off_leaves_nothing),
		WITH_SCENE(what_is_not_published_is_discarded),
		WITH_SCENE(an_unknown_balance_is_told),
		WITH_SCENE(the_newest_of_many_changes_under_way_is_what_holds),
		WITH_SCENE(a_server_is_found_by_name_in_its_backend_while_it_is_installed),
		cmocka_unit_test(at_no_moment_is_there_no_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
