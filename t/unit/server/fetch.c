/*
 * What expressions are told of backends and servers.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include "core/obj.h"
#include "expr/expr.h"
#include "server/fetch.h"
#include "t/unit/server/scene.h"

static struct backend *backend;
static struct refs refs;

static int
start(void **state)
{
	scene_start(2, false);
	backend = scene_backend(1, false);
	return 0;
}

static int
stop(void **state)
{
	scene_drop(backend);
	scene_stop();
	return 0;
}

/* The only server that is named is `server`. INT64_MIN: there is no value. */
static int64_t
number_of(const char *text, struct server *server)
{
	struct compile_env env = { .has = COMPILE_HAS_ALL, .place = "a test", .refs = &refs };
	struct eval eval = { .backend = backend, .is_final = true, .now_ms = 10000 };
	struct expr *expr = NULL;
	struct diag diag = { "" };
	struct sample sample;
	int64_t number = INT64_MIN;

	if (expr_compile(&expr, slice_of(text), &env, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.text);
	for (struct ref *ref = refs.first; ref != NULL; ref = ref->next)
		ref->object = ref->kind == REF_SERVER ? (void *)server : (void *)backend;
	if (expr_eval_as(expr, &eval, SAMPLE_INT, &sample))
		number = sample.number;
	expr_free(&expr);
	refs_fini(&refs);
	return number;
}

static void
backups_are_counted_only_when_they_serve(void **state)
{
	struct server *a = scene_server(backend, "a", 1, (struct scene_conf){ 0 });
	struct server *b = scene_server(backend, "b", 2, (struct scene_conf){ 0 });
	struct publish_item *item;

	scene_server(backend, "c", 3, (struct scene_conf){ .priority = 1 });
	scene_server(backend, "d", 4, (struct scene_conf){ .priority = 1 });
	assert_int_equal(number_of("nbsrv", NULL), 2);
	assert_int_equal(number_of("nbsrv(app)", NULL), 2);
	assert_int_equal(number_of("nbact", NULL), 2);
	scene_change(a, (struct scene_conf){ .admin = SERVER_DRAIN });
	assert_int_equal(number_of("nbsrv", NULL), 1);
	scene_change(b, (struct scene_conf){ WEIGHT(0) });
	assert_int_equal(number_of("nbsrv", NULL), 1);	/* the first backup */
	assert_int_equal(number_of("nbact", NULL), 0);
	item = scene_backend_item(backend, 1, true);
	scene_publish(&item, 1);
	assert_int_equal(number_of("nbsrv", NULL), 2);	/* both */
}

static void
a_backend_without_servers_has_none(void **state)
{
	assert_int_equal(number_of("nbsrv", NULL), 0);
	assert_int_equal(number_of("nbact", NULL), 0);
	assert_int_equal(number_of("be_conn_free", NULL), 0);
	assert_int_equal(number_of("queue", NULL), 0);
	assert_int_equal(number_of("avg_queue", NULL), 0);
	assert_int_equal(number_of("be_sess_rate", NULL), 0);
}

static void
free_places_are_those_of_servers_that_serve(void **state)
{
	struct server *a = scene_server(backend, "a", 1, (struct scene_conf){ .maxconn = 10 });
	struct server *b = scene_server(backend, "b", 2, (struct scene_conf){ .maxconn = 5 });
	struct publish_item *item;

	scene_server(backend, "c", 3, (struct scene_conf){ .priority = 1, .maxconn = 100 });
	assert_int_equal(number_of("be_conn_free", NULL), 15);
	assert_int_equal(number_of("connslots", NULL), 15 + 10000);
	assert_true(server_place_take(a));
	assert_int_equal(number_of("srv_conn(app/a)", a), 1);
	assert_int_equal(number_of("srv_conn_free(app/a)", a), 9);
	server_place_give(a);
	scene_change(b, (struct scene_conf){ .maxconn = 7 });
	assert_int_equal(number_of("be_conn_free", NULL), 17);
	scene_change(b, (struct scene_conf){ .maxconn = 7, .admin = SERVER_MAINT });
	assert_int_equal(number_of("be_conn_free", NULL), 10);
	scene_change(b, (struct scene_conf){ 0 });
	assert_int_equal(number_of("be_conn_free", NULL), -1);
	assert_int_equal(number_of("connslots", NULL), -1);
	assert_int_equal(number_of("srv_conn_free(app/b)", b), -1);
	item = scene_retire_item(b);
	scene_publish(&item, 1);
	assert_int_equal(number_of("be_conn_free", NULL), 10);
	scene_change(a, (struct scene_conf){ .maxconn = 10, .admin = SERVER_MAINT });
	assert_int_equal(number_of("be_conn_free", NULL), 100);
}

static void
a_server_that_drains_is_up_and_weighs_nothing(void **state)
{
	struct server *a = scene_server(backend, "a", 1, (struct scene_conf){ WEIGHT(7) });

	assert_int_equal(number_of("srv_is_up(app/a)", a), 1);
	assert_int_equal(number_of("srv_weight(app/a)", a), 7);
	scene_change(a, (struct scene_conf){ WEIGHT(7), .admin = SERVER_DRAIN });
	assert_int_equal(number_of("srv_is_up(app/a)", a), 1);
	assert_int_equal(number_of("srv_weight(app/a)", a), 0);
	assert_int_equal(number_of("srv_iweight(app/a)", a), 7);
	assert_int_equal(number_of("srv_uweight(app/a)", a), 7);
	scene_change(a, (struct scene_conf){ WEIGHT(7), .admin = SERVER_MAINT });
	assert_int_equal(number_of("srv_is_up(app/a)", a), 0);
	assert_int_equal(number_of("srv_queue(app/a)", a), 0);
	assert_int_equal(number_of("srv_sess_rate(app/a)", a), 0);
}

static void
rates_are_summed_over_workers(void **state)
{
	for (uint32_t i = 0; i < 2; i++) {
		rate_add(&backend->slots[i].counters.session_rate, 9900);
		rate_add(&backend->slots[i].counters.session_rate, 10000);
	}
	assert_int_equal(number_of("be_sess_rate", NULL), 4);
}

static void
what_is_not_there_has_no_number(void **state)
{
	assert_int_equal(number_of("srv_conn(app/gone)", NULL), INT64_MIN);
}

static void
a_frontend_has_to_name_a_backend(void **state)
{
	struct compile_env env = { .has = NEEDS_CLIENT, .place = "here", .refs = &refs };
	struct expr *expr = NULL;
	struct diag diag = { "" };

	assert_int_equal(expr_compile(&expr, SLICE("nbsrv"), &env, &diag), ERR_INVALID);
	assert_non_null(strstr(diag.text, "the name of a backend"));
	assert_int_equal(expr_compile(&expr, SLICE("nbsrv(app)"), &env, &diag), ERR_OK);
	expr_free(&expr);
	refs_fini(&refs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(backups_are_counted_only_when_they_serve, start,
						stop),
		cmocka_unit_test_setup_teardown(a_backend_without_servers_has_none, start, stop),
		cmocka_unit_test_setup_teardown(free_places_are_those_of_servers_that_serve, start,
						stop),
		cmocka_unit_test_setup_teardown(a_server_that_drains_is_up_and_weighs_nothing,
						start, stop),
		cmocka_unit_test_setup_teardown(rates_are_summed_over_workers, start, stop),
		cmocka_unit_test_setup_teardown(what_is_not_there_has_no_number, start, stop),
		cmocka_unit_test_setup_teardown(a_frontend_has_to_name_a_backend, start, stop),
	};

	server_fetches_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
