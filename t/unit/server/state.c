/*
 * States of servers, levels of priority, and what the API and the layer above are told of them.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include "core/obj.h"
#include "t/unit/server/scene.h"

static char told[1024];

/* "s1:no_check>maint-" : a change of state, and + or - where eligibility came or went; "s1:maint>gone". */
static void
on_change(const struct server_change *change)
{
	const struct server *server = change->server;
	size_t n = strlen(told);
	const char *eligible = server->eligible ? "+" : "-";

	char from[ADDR_TEXT_BYTES], to[ADDR_TEXT_BYTES];

	if (server->eligible == change->was_eligible)
		eligible = "";
	if (change->is_removed) {
		snprintf(told + n, sizeof(told) - n, "%s%s:%s>gone", n > 0 ? " " : "",
			 server->name, server_state_text(change->from));
		return;
	}
	if (change->moved_from != NULL) {
		snprintf(told + n, sizeof(told) - n, "%s%s:%s>%s%s", n > 0 ? " " : "", server->name,
			 addr_format(change->moved_from, from),
			 addr_format(&server->conf->address, to), eligible);
		return;
	}
	snprintf(told + n, sizeof(told) - n, "%s%s:%s>%s%s", n > 0 ? " " : "", server->name,
		 server_state_text(change->from), server_state_text(change->to), eligible);
}

static int
start(void **state)
{
	told[0] = '\0';
	server_on_change(on_change);
	scene_start(2, false);
	return 0;
}

static int
stop(void **state)
{
	scene_stop();
	server_on_change(NULL);
	return 0;
}

static const char *
because(const struct server *server)
{
	static char text[256];

	return server_eligible_because(server, text, sizeof(text));
}

static void
the_first_condition_that_holds_is_the_state(void **state)
{
	static const struct {
		struct server_conf	conf;
		enum server_state	expected;
	} cases[] = {
		{ { .weight = 1 }, SERVER_STATE_NO_CHECK },
		{ { .weight = 256 }, SERVER_STATE_NO_CHECK },
		{ { .weight = 0 }, SERVER_STATE_DRAIN },
		{ { .weight = 1, .admin = SERVER_DRAIN }, SERVER_STATE_DRAIN },
		{ { .weight = 1, .admin = SERVER_MAINT }, SERVER_STATE_MAINT },
		{ { .weight = 0, .admin = SERVER_MAINT, .own_admin = true }, SERVER_STATE_MAINT },
		{ { .weight = 1, .own_admin = true }, SERVER_STATE_NO_ADDRESS },
		{ { .weight = 0, .admin = SERVER_DRAIN, .own_admin = true },
		  SERVER_STATE_NO_ADDRESS },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct server_conf conf = cases[i].conf;
		struct server server = { .conf = &conf };

		conf.weight_percent = 100;
		assert_int_equal(server_state_of(&server), cases[i].expected);
	}
}

static void
a_new_server_is_eligible_at_once(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = scene_server(backend, "s1", 1, (struct scene_conf){ 0 });

	assert_string_equal(server_state_text(server->state), "no_check");
	assert_string_equal(server_cause_code(server->cause), "created");
	assert_true(server->since_us > 0);
	assert_true(server->eligible);
	assert_string_equal(because(server), "no check, and an active server");
	assert_string_equal(told, "s1:no_check>no_check+");
	assert_string_equal(scene_picks(backend, 2), "11");
	scene_drop(backend);
}

static void
maintenance_drain_and_weight_zero_take_no_new_session(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *a = scene_server(backend, "a", 1, (struct scene_conf){ 0 });
	struct server *b = scene_server(backend, "b", 2, (struct scene_conf){ 0 });

	told[0] = '\0';
	scene_change(a, (struct scene_conf){ .admin = SERVER_MAINT });
	assert_string_equal(because(a), "in maintenance, set by configuration");
	assert_string_equal(server_cause_code(a->cause), "config");
	assert_string_equal(scene_picks(backend, 3), "bbb");
	scene_change(a, (struct scene_conf){ .admin = SERVER_DRAIN });
	assert_string_equal(because(a), "draining, set by configuration");
	scene_change(b, (struct scene_conf){ WEIGHT(0) });
	assert_string_equal(because(b), "weight 0");
	assert_int_equal(server_effective_weight(b), 0);
	assert_string_equal(scene_picks(backend, 2), "!!");
	scene_change(a, (struct scene_conf){ WEIGHT(3) });
	scene_change(b, (struct scene_conf){ 0 });
	assert_int_equal(server_effective_weight(a), 3);
	assert_string_equal(told,
			    "a:no_check>maint- a:maint>drain b:no_check>drain- a:drain>no_check+ "
			    "b:drain>no_check+");
	scene_drop(backend);
}

static void
our_own_admin_listener_is_never_reached(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server =
		scene_server(backend, "a", 1, (struct scene_conf){ .own_admin = true });

	assert_string_equal(server_state_text(server->state), "no_address");
	assert_string_equal(server_cause_code(server->cause), "own-admin");
	assert_string_equal(because(server),
			    "no address: the address is one of our own admin listeners");
	assert_string_equal(scene_picks(backend, 1), "!");
	scene_drop(backend);
}

static void
a_change_that_changes_no_state_keeps_cause_and_time(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = scene_server(backend, "a", 1, (struct scene_conf){ 0 });
	uint64_t since = server->since_us;

	told[0] = '\0';
	scene_change(server, (struct scene_conf){ WEIGHT(7), .maxconn = 3 });
	assert_int_equal(server->since_us, since);
	assert_string_equal(server_cause_code(server->cause), "created");
	assert_string_equal(told, "");
	scene_drop(backend);
}

static void
the_first_backup_serves_when_no_active_is_usable(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *a = scene_server(backend, "a", 1, (struct scene_conf){ 0 });
	struct server *c = scene_server(backend, "c", 3, (struct scene_conf){ .priority = 1 });
	struct server *b = scene_server(backend, "b", 2, (struct scene_conf){ .priority = 1 });

	assert_string_equal(because(b), "a backup, and 1 active server is usable");
	assert_string_equal(scene_picks(backend, 3), "aaa");
	told[0] = '\0';
	scene_change(a, (struct scene_conf){ .admin = SERVER_MAINT });
	assert_string_equal(told, "a:no_check>maint- b:no_check>no_check+");
	assert_string_equal(scene_picks(backend, 3), "bbb");
	assert_string_equal(because(b),
			    "the first usable backup, because no active server is usable");
	assert_string_equal(because(c), "a backup, and b is the first usable one");
	told[0] = '\0';
	scene_change(b, (struct scene_conf){ .priority = 1, .admin = SERVER_DRAIN });
	assert_string_equal(told, "b:no_check>drain- c:no_check>no_check+");
	assert_string_equal(scene_picks(backend, 3), "ccc");
	scene_change(b, (struct scene_conf){ .priority = 1 });
	assert_string_equal(scene_picks(backend, 3), "bbb");
	scene_change(a, (struct scene_conf){ 0 });
	assert_string_equal(scene_picks(backend, 3), "aaa");
	scene_drop(backend);
}

static void
all_backups_serve_under_allbackups(void **state)
{
	struct backend *backend = scene_backend(1, true);
	struct server *a =
		scene_server(backend, "a", 1, (struct scene_conf){ .admin = SERVER_DRAIN });
	struct server *c = scene_server(backend, "c", 3, (struct scene_conf){ .priority = 1 });
	struct publish_item *item;

	scene_server(backend, "b", 2, (struct scene_conf){ .priority = 1 });
	assert_string_equal(scene_picks(backend, 4), "bcbc");
	assert_string_equal(because(c), "a usable backup, because no active server is usable");
	item = scene_backend_item(backend, 1, false);
	scene_publish(&item, 1);
	assert_string_equal(scene_picks(backend, 3), "bbb");
	item = scene_backend_item(backend, 1, true);
	scene_publish(&item, 1);
	assert_non_null(strchr(scene_picks(backend, 2), 'c'));
	scene_change(a, (struct scene_conf){ 0 });
	assert_string_equal(scene_picks(backend, 3), "aaa");
	scene_drop(backend);
}

static void
a_level_serves_until_lower_ones_have_min_usable(void **state)
{
	struct backend *backend = scene_backend(3, false);
	struct server *b, *d;

	scene_server(backend, "a", 1, (struct scene_conf){ 0 });
	b = scene_server(backend, "b", 2, (struct scene_conf){ .priority = 2 });
	scene_server(backend, "c", 3, (struct scene_conf){ .priority = 2 });
	d = scene_server(backend, "d", 4, (struct scene_conf){ .priority = 5 });
	assert_string_equal(scene_picks(backend, 4), "abab");
	assert_string_equal(because(b),
			    "the first usable backup, because only 1 server of a lower level "
			    "is usable (min_usable 3)");
	assert_string_equal(because(d), "a backup, and 3 servers of a lower level are usable");
	scene_change(b, (struct scene_conf){ .priority = 2, .admin = SERVER_MAINT });
	assert_int_equal(strspn(scene_picks(backend, 6), "acd"), 6);
	assert_true(d->eligible);
	scene_drop(backend);
}

static void
a_backup_becomes_an_active_server_and_back(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *b;

	scene_server(backend, "a", 1, (struct scene_conf){ 0 });
	b = scene_server(backend, "b", 2, (struct scene_conf){ .priority = 1 });
	told[0] = '\0';
	scene_change(b, (struct scene_conf){ 0 });
	assert_string_equal(scene_picks(backend, 4), "abab");
	assert_string_equal(because(b), "no check, and an active server");
	scene_change(b, (struct scene_conf){ .priority = 1 });
	assert_string_equal(scene_picks(backend, 3), "aaa");
	assert_string_equal(told, "b:no_check>no_check+ b:no_check>no_check-");
	scene_drop(backend);
}

static void
changes_in_one_publication_count_together(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *a = scene_server(backend, "a", 1, (struct scene_conf){ 0 });
	struct server *b = scene_server(backend, "b", 2, (struct scene_conf){ .priority = 1 });
	struct server *c = scene_server_new(backend, "c", 3);
	struct publish_item *items[2];

	told[0] = '\0';
	items[0] = scene_retire_item(a);
	items[1] = scene_server_item(c, (struct scene_conf){ 0 }, SERVER_CAUSE_CREATED);
	scene_publish(items, 2);
	assert_string_equal(told,
			    "a:no_check>gone c:no_check>no_check+"); /* nothing of the backup */
	assert_false(b->eligible);
	assert_string_equal(scene_picks(backend, 2), "cc");
	scene_drop(backend);
}

static void
thousands_of_servers_cost_little_each(void **state)
{
	struct backend *backend = scene_backend(1, true);
	enum { COUNT = 10000 };
	static struct publish_item *items[COUNT];
	struct server *active = scene_server(backend, "a", COUNT + 1, (struct scene_conf){ 0 });

	for (uint32_t i = 0; i < COUNT; i++)
		items[i] = scene_server_item(scene_server_new(backend, "b", i + 1),
					     (struct scene_conf){ .priority = 1 },
					     SERVER_CAUSE_CREATED);
	scene_publish(items, COUNT);
	assert_string_equal(scene_picks(backend, 3), "aaa");
	scene_change(active, (struct scene_conf){ .admin = SERVER_MAINT });
	assert_string_equal(scene_picks(backend, 3), "bbb");
	assert_int_equal(lb_count(backend->slots[1].lb), COUNT);
	scene_change(active, (struct scene_conf){ 0 });
	assert_int_equal(lb_count(backend->slots[1].lb), 1);
	scene_retire(active);
	assert_int_equal(lb_count(backend->slots[1].lb), COUNT);
	scene_drop(backend);
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_condition_that_holds_is_the_state),
		WITH_SCENE(a_new_server_is_eligible_at_once),
		WITH_SCENE(maintenance_drain_and_weight_zero_take_no_new_session),
		WITH_SCENE(our_own_admin_listener_is_never_reached),
		WITH_SCENE(a_change_that_changes_no_state_keeps_cause_and_time),
		WITH_SCENE(the_first_backup_serves_when_no_active_is_usable),
		WITH_SCENE(all_backups_serve_under_allbackups),
		WITH_SCENE(a_level_serves_until_lower_ones_have_min_usable),
		WITH_SCENE(a_backup_becomes_an_active_server_and_back),
		WITH_SCENE(changes_in_one_publication_count_together),
		WITH_SCENE(thousands_of_servers_cost_little_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
