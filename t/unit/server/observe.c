/*
 * Errors in traffic: rows over workers, what each layer counts, and a mail that outlives nobody.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sched.h>
#include "core/obj.h"
#include "server/check.h"
#include "t/unit/server/scene.h"

#define MANY 1000

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

/* What is told counts as a failed check, of which very many make it go down. */
static struct publish_item *
observed_item(struct server *server, enum observe observe, uint32_t limit, enum server_admin admin)
{
	struct server_conf *conf = server_conf_new();
	struct publish_item *item = NULL;

	checks_finish(); /* none is made here; they begin afresh where the last one has gone */
	assert_non_null(conf);
	conf->weight = 1;
	conf->weight_percent = 100;
	conf->admin = admin;
	conf->check = true;
	conf->inter = 2000;
	conf->observe = observe;
	conf->error_limit = limit;
	conf->on_error = ON_ERROR_FAIL_CHECK;
	conf->init_state = INIT_STATE_FULLY_UP;
	conf->rise = 1;
	conf->fall = MANY;
	assert_int_equal(server_publish_new(&item, server, conf, SERVER_CAUSE_CONFIG), ERR_OK);
	return item;
}

static void
observe_as(struct server *server, enum observe observe, uint32_t limit)
{
	struct publish_item *item = observed_item(server, observe, limit, SERVER_READY);

	scene_publish(&item, 1);
}

static struct server *
observed_server(struct backend *backend, enum observe observe, uint32_t limit)
{
	struct server *server = scene_server_new(backend, "a", 1);

	observe_as(server, observe, limit);
	return server;
}

/* What a worker sees, a letter each: c connected, o an answer, and errors: C(onnect) S(tatus) T(imeout) R(ead). */
static void
sees(struct server *server, uint32_t worker, const char *what)
{
	struct server_slot *slot = server_slot(server, worker);

	loop_adopt(scene_workers[worker]);
	snap_ref(&slot->ref);
	for (; *what != '\0'; what++) {
		switch (*what) {
		case 'c': observe_success(slot, 4); break;
		case 'o': observe_success(slot, 7); break;
		case 'C': observe_error(slot, OBSERVED_CONNECT); break;
		case 'S': observe_error(slot, OBSERVED_STATUS); break;
		case 'T': observe_error(slot, OBSERVED_TIMEOUT); break;
		case 'R': observe_error(slot, OBSERVED_READ); break;
		default: fail();
		}
	}
	snap_unref(&slot->ref);
	loop_adopt(scene_control);
}

static uint32_t
told(const struct server *server)
{
	return MANY - server->health.check.value;
}

static uint32_t
told_after(struct server *server, const char *what)
{
	sees(server, 0, what);
	scene_settle();
	return told(server);
}

static void
a_row_is_told_once_and_the_next_begins_anew(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = observed_server(backend, OBSERVE_LAYER7, 3);

	assert_int_equal(told_after(server, "SS"), 0);
	assert_int_equal(told_after(server, "S"), 1);
	assert_int_equal(told_after(server, "TR"), 1);
	assert_int_equal(told_after(server, "C"), 2);
	scene_drop(backend);
}

static void
a_success_ends_a_row(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = observed_server(backend, OBSERVE_LAYER7, 3);

	assert_int_equal(told_after(server, "SSoSSoSSo"), 0);
	assert_int_equal(told_after(server, "SSS"), 1);
	scene_drop(backend);
}

static void
layer_4_counts_connections_alone(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = observed_server(backend, OBSERVE_LAYER4, 2);

	assert_int_equal(told_after(server, "STRSTR"), 0);
	assert_int_equal(told_after(server, "CcCcC"), 0);
	assert_int_equal(told_after(server, "o"), 0);
	assert_int_equal(told_after(server, "C"), 1);
	scene_drop(backend);
}

static void
for_layer_7_a_connection_is_no_success_and_none_is_an_error(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = observed_server(backend, OBSERVE_LAYER7, 3);

	assert_int_equal(told_after(server, "cScCcT"), 1);
	scene_drop(backend);
}

static void
who_is_not_observed_is_left_alone(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = observed_server(backend, OBSERVE_NONE, 1);

	assert_int_equal(told_after(server, "CSTR"), 0);
	assert_int_equal(atomic_load(&server->errors_in_row), 0);
	scene_drop(backend);
}

static void
a_row_goes_over_all_workers(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = observed_server(backend, OBSERVE_LAYER7, 4);

	sees(server, 0, "S");
	sees(server, 1, "S");
	sees(server, 0, "S");
	assert_int_equal(told_after(server, ""), 0);
	sees(server, 1, "S");
	assert_int_equal(told_after(server, ""), 1);
	sees(server, 0, "SSS");
	sees(server, 1, "o");
	assert_int_equal(told_after(server, "SSS"), 1);
	scene_drop(backend);
}

static void
a_lower_limit_holds_for_the_row_that_has_begun(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = observed_server(backend, OBSERVE_LAYER7, 10);

	assert_int_equal(told_after(server, "SSSSS"), 0);
	observe_as(server, OBSERVE_LAYER7, 3);
	assert_int_equal(told_after(server, "S"), 1);
	assert_int_equal(told_after(server, "SS"), 1);
	scene_drop(backend);
}

static void
errors_of_before_it_was_out_are_forgotten(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = observed_server(backend, OBSERVE_LAYER7, 3);
	struct publish_item *out = observed_item(server, OBSERVE_LAYER7, 3, SERVER_MAINT);

	assert_int_equal(told_after(server, "SS"), 0);
	scene_publish(&out, 1);
	observe_as(server, OBSERVE_LAYER7, 3);
	assert_int_equal(told_after(server, "SS"), 0);
	assert_int_equal(told_after(server, "S"), 1);
	scene_drop(backend);
}

static void
of_rows_that_are_full_before_control_looks_two_are_told(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = observed_server(backend, OBSERVE_LAYER7, 1);

	assert_int_equal(told_after(server, "SSSSSSSS"), 2);
	assert_int_equal(told_after(server, "S"), 3);
	scene_drop(backend);
}

static void
a_server_that_goes_meanwhile_is_not_judged_and_stays_until_the_mail_is_home(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = observed_server(backend, OBSERVE_LAYER7, 1);
	struct publish_item *item = scene_retire_item(server);

	sees(server, 0, "S");
	sees(server, 1, "SS");
	scene_publish(&item, 1);
	scene_drop(backend);
}

static void
who_is_not_observed_any_more_is_not_judged(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = observed_server(backend, OBSERVE_LAYER7, 1);
	struct publish_item *item = observed_item(server, OBSERVE_NONE, 1, SERVER_READY);

	sees(server, 0, "S");
	scene_publish(&item, 1);
	assert_int_equal(told_after(server, "S"), 0);
	scene_drop(backend);
}

/* -- on threads: nothing is lost, nothing is told twice, nobody goes too early -- */

#define STORM_ERRORS 30000
/* Two rows: they are told even if one worker fills both before the first is home. */
#define STORM_LIMIT 60000

struct stormer {
	struct mail	 mail;
	struct server	*server;
	uint32_t	 left;
	struct task	 task;
	_Atomic bool	 done;
};

static void
storm_go_on(struct task *task)
{
	struct stormer *st = container_of(task, struct stormer, task);
	struct server_slot *slot = server_slot(st->server, loop_self()->index);

	for (int i = 0; i < 500 && st->left > 0; i++, st->left--)
		observe_error(slot, OBSERVED_STATUS);
	if (st->left > 0) {
		loop_queue(loop_self(), task);
		return;
	}
	snap_unref(&slot->ref);
	atomic_store(&st->done, true);
}

static void
storm_begin(struct mail *mail)
{
	struct stormer *st = container_of(mail, struct stormer, mail);

	snap_ref(&server_slot(st->server, loop_self()->index)->ref);
	task_init(&st->task, storm_go_on);
	loop_queue(loop_self(), &st->task);
}

/* Control's turn; it does not sleep: the last thing that happens on a worker may be no mail. */
static void
storm_turn(void)
{
	loop_turn(scene_control, false);
	sched_yield();
}

static void
errors_of_four_threads_make_as_many_rows_as_their_sum(void **state)
{
	static struct stormer stormers[SCENE_WORKERS_MAX];
	struct backend *backend;
	struct server *server;

	scene_start(SCENE_WORKERS_MAX, true);
	backend = scene_backend(1, false);
	server = observed_server(backend, OBSERVE_LAYER7, STORM_LIMIT);
	for (uint32_t i = 0; i < SCENE_WORKERS_MAX; i++) {
		stormers[i] = (struct stormer){ .mail.deliver = storm_begin, .server = server,
						.left = STORM_ERRORS };
		mailbox_send(&scene_workers[i]->mailbox, &stormers[i].mail);
	}
	for (uint32_t i = 0; i < SCENE_WORKERS_MAX; i++) {
		while (!atomic_load(&stormers[i].done))
			storm_turn();
	}
	while (told(server) < SCENE_WORKERS_MAX * STORM_ERRORS / STORM_LIMIT)
		storm_turn();
	assert_int_equal(told(server), 2);
	assert_int_equal(atomic_load(&server->errors_in_row), 0);
	scene_drop(backend);
	scene_stop();
}

/* A limit of 1: mail goes round all the time, and the server goes amid that. */
static void
a_server_that_goes_in_a_storm_is_freed_once_and_late_enough(void **state)
{
	static struct stormer stormers[SCENE_WORKERS_MAX];

	scene_start(SCENE_WORKERS_MAX, true);
	for (int round = 0; round < 20; round++) {
		struct backend *backend = scene_backend(1, false);
		struct server *server = observed_server(backend, OBSERVE_LAYER7, 1);

		for (uint32_t i = 0; i < SCENE_WORKERS_MAX; i++) {
			stormers[i] = (struct stormer){ .mail.deliver = storm_begin,
							.server = server, .left = 2000 };
			mailbox_send(&scene_workers[i]->mailbox, &stormers[i].mail);
		}
		scene_drop(backend);
		for (uint32_t i = 0; i < SCENE_WORKERS_MAX; i++) {
			while (!atomic_load(&stormers[i].done))
				storm_turn();
		}
	}
	for (int i = 0; i < 8; i++)	/* what goes home does so in steps between the threads */
		scene_publish(NULL, 0);
	scene_stop();
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCENE(a_row_is_told_once_and_the_next_begins_anew),
		WITH_SCENE(a_success_ends_a_row),
		WITH_SCENE(layer_4_counts_connections_alone),
		WITH_SCENE(for_layer_7_a_connection_is_no_success_and_none_is_an_error),
		WITH_SCENE(who_is_not_observed_is_left_alone),
		WITH_SCENE(a_row_goes_over_all_workers),
		WITH_SCENE(a_lower_limit_holds_for_the_row_that_has_begun),
		WITH_SCENE(errors_of_before_it_was_out_are_forgotten),
		WITH_SCENE(of_rows_that_are_full_before_control_looks_two_are_told),
		WITH_SCENE(
			a_server_that_goes_meanwhile_is_not_judged_and_stays_until_the_mail_is_home),
		WITH_SCENE(who_is_not_observed_any_more_is_not_judged),
		cmocka_unit_test(errors_of_four_threads_make_as_many_rows_as_their_sum),
		cmocka_unit_test(a_server_that_goes_in_a_storm_is_freed_once_and_late_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
