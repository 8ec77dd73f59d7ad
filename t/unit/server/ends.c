/*
 * Orders to end a server's streams: who is meant, with which cause, how many a turn, and that the server stays.
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

#define MANY 200

/* What stands for a stream. */
struct fake {
	struct list	 by_server;
	enum end_cause	 cause;		/* END_NONE: it lives */
	bool		 is_shut;	/* only an administrator's order ends it */
};

static struct fake fakes[2 * MANY];
static char told[512];
static uint32_t ended_count;

static bool
fake_end(struct list *by_server, enum end_cause cause)
{
	struct fake *fake = container_of(by_server, struct fake, by_server);

	if (fake->is_shut && cause != END_ADMIN)
		return false;
	assert_int_equal(fake->cause, END_NONE);
	fake->cause = cause;
	list_remove(&fake->by_server);
	ended_count++;
	return true;
}

/* "s1:D3 s1:K0 s1:U1<s2": in the order that they came home, and who came back. */
static void
on_ended(const struct server *server, enum end_cause cause, uint32_t ended)
{
	const struct server *by = server->end_order.by;
	size_t n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%s%s:%c%u%s%s", n > 0 ? " " : "", server->name,
		 end_cause_letter(cause), (unsigned)ended, by != NULL ? "<" : "",
		 by != NULL ? by->name : "");
}

static int
start(void **state)
{
	told[0] = '\0';
	ended_count = 0;
	memset(fakes, 0, sizeof(fakes));
	for (size_t i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++)
		list_init(&fakes[i].by_server);
	server_set_end_stream(fake_end);
	server_on_ended(on_ended);
	scene_start(2, false);
	return 0;
}

static int
stop(void **state)
{
	scene_stop();
	server_on_ended(NULL);
	return 0;
}

/* Streams `from` to `to` come to the server on that worker. */
static void
come(struct server *server, uint32_t worker, int from, int to)
{
	for (int i = from; i <= to; i++)
		list_append(&server_slot(server, worker)->streams, &fakes[i].by_server);
}

/* One turn of a worker alone. */
static void
turn(uint32_t worker)
{
	loop_adopt(scene_workers[worker]);
	loop_turn(scene_workers[worker], false);
	loop_adopt(scene_control);
}

/* Until worker 0 has ended the first of many. */
static void
begin_ending(void)
{
	for (int i = 0; ended_count == 0; i++) {
		assert_in_range(i, 0, 10);
		turn(1);
		loop_turn(scene_control, false);
		turn(0);
	}
	assert_in_range(ended_count, 1, MANY - 1);
}

static void
no_stream_ends_before_all_workers_have_the_weights(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *s1 = scene_server(backend, "s1", 1, (struct scene_conf){ 0 });

	come(s1, 0, 0, 0);
	server_end_streams(s1, END_SERVER_DOWN, NULL);
	for (int i = 0; i < 10; i++) {	/* one worker stands still */
		turn(0);
		loop_turn(scene_control, false);
	}
	assert_int_equal(ended_count, 0);
	scene_settle();
	assert_string_equal(told, "s1:D1");
	scene_drop(backend);
}

static void
all_streams_of_a_server_end_on_all_workers(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *s1 = scene_server(backend, "s1", 1, (struct scene_conf){ 0 });
	struct server *s2 = scene_server(backend, "s2", 2, (struct scene_conf){ 0 });

	come(s1, 0, 0, 2);
	come(s1, 1, 3, 4);
	come(s2, 0, 5, 5);
	server_end_streams(s1, END_SERVER_DOWN, NULL);
	scene_settle();
	assert_string_equal(told, "s1:D5");
	for (int i = 0; i <= 4; i++)
		assert_int_equal(fakes[i].cause, END_SERVER_DOWN);
	assert_int_equal(fakes[5].cause, END_NONE);
	list_remove(&fakes[5].by_server);
	scene_drop(backend);
}

static void
an_order_to_a_server_without_streams_comes_home(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *s1 = scene_server(backend, "s1", 1, (struct scene_conf){ 0 });

	server_end_streams(s1, END_ACTIVE_BACK, NULL);
	scene_settle();
	assert_string_equal(told, "s1:U0");
	assert_int_equal(s1->holders, 0);
	scene_drop(backend);
}

static void
who_comes_after_the_order_is_not_meant(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *s1 = scene_server(backend, "s1", 1, (struct scene_conf){ 0 });

	come(s1, 0, 0, MANY - 1);
	server_end_streams(s1, END_ACTIVE_BACK, NULL);
	begin_ending();
	come(s1, 0, MANY, MANY);
	scene_settle();
	assert_int_equal(ended_count, MANY);
	assert_int_equal(fakes[MANY].cause, END_NONE);
	list_remove(&fakes[MANY].by_server);
	scene_drop(backend);
}

static void
who_leaves_the_server_meanwhile_is_not_ended(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *s1 = scene_server(backend, "s1", 1, (struct scene_conf){ 0 });

	come(s1, 0, 0, MANY - 1);
	server_end_streams(s1, END_SERVER_DOWN, NULL);
	begin_ending();
	list_remove(&fakes[MANY - 1].by_server);
	scene_settle();
	assert_int_equal(fakes[MANY - 1].cause, END_NONE);
	assert_int_equal(ended_count, MANY - 1);
	scene_drop(backend);
}

static void
a_turn_ends_so_many_however_many_servers_have_streams(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *servers[4];
	char name[3] = "s0";
	uint32_t before;

	for (int i = 0; i < 4; i++) {
		name[1]++;
		servers[i] = scene_server(backend, name, (uint32_t)i + 1, (struct scene_conf){ 0 });
		come(servers[i], 0, i * 50, i * 50 + 49);
		server_end_streams(servers[i], END_SERVER_DOWN, NULL);
	}
	for (int i = 0; ended_count < MANY; i++) {
		assert_in_range(i, 0, 10);
		before = ended_count;
		turn(1);
		loop_turn(scene_control, false);
		turn(0);
		assert_in_range(ended_count - before, 0, 64);
	}
	scene_settle();
	assert_string_equal(told, "s1:D50 s2:D50 s3:D50 s4:D50");
	scene_drop(backend);
}

static void
who_came_back_is_told_and_stays_until_then(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *s1 = scene_server(backend, "s1", 1, (struct scene_conf){ 0 });
	struct server *s2 = scene_server(backend, "s2", 2, (struct scene_conf){ 0 });
	struct server *s3 = scene_server(backend, "s3", 3, (struct scene_conf){ 0 });

	come(s1, 0, 0, MANY - 1);
	server_end_streams(s1, END_ACTIVE_BACK, s2);
	begin_ending();
	come(s1, 0, MANY, MANY);
	server_end_streams(s1, END_SERVER_DOWN, NULL);
	server_end_streams(s1, END_ACTIVE_BACK, s3);
	server_end_streams(s1, END_ACTIVE_BACK, s2);	/* what it asks for is asked for already */
	assert_int_equal(s2->holders, 1);
	assert_int_equal(s3->holders, 1);
	for (int i = 0; i < 4; i++)
		scene_settle();
	assert_string_equal(told, "s1:U200<s2 s1:D1 s1:U0<s3");
	assert_int_equal(s1->holders + s2->holders + s3->holders, 0);
	scene_drop(backend);
}

static void
the_first_cause_holds_for_those_who_are_being_ended(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *s1 = scene_server(backend, "s1", 1, (struct scene_conf){ 0 });

	come(s1, 0, 0, MANY - 1);
	server_end_streams(s1, END_ACTIVE_BACK, NULL);
	begin_ending();
	come(s1, 0, MANY, MANY);
	server_end_streams(s1, END_ADMIN, NULL);
	server_end_streams(s1, END_SERVER_DOWN, NULL);
	server_end_streams(s1, END_SERVER_DOWN, NULL);
	for (int i = 0; i < 4; i++)
		scene_settle();
	for (int i = 0; i < MANY; i++)
		assert_int_equal(fakes[i].cause, END_ACTIVE_BACK);
	assert_int_equal(fakes[MANY].cause, END_SERVER_DOWN);
	assert_string_equal(told, "s1:U200 s1:D1 s1:K0");
	assert_int_equal(s1->holders, 0);
	scene_drop(backend);
}

static void
the_same_cause_once_more_means_those_who_came_since(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *s1 = scene_server(backend, "s1", 1, (struct scene_conf){ 0 });

	come(s1, 0, 0, MANY - 1);
	server_end_streams(s1, END_ADMIN, NULL);
	begin_ending();
	come(s1, 0, MANY, MANY);
	server_end_streams(s1, END_ADMIN, NULL);
	for (int i = 0; i < 4; i++)
		scene_settle();
	assert_string_equal(told, "s1:K200 s1:K1");
	scene_drop(backend);
}

static void
who_is_left_alone_goes_back_and_an_administrator_ends_it(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *s1 = scene_server(backend, "s1", 1, (struct scene_conf){ 0 });

	fakes[0].is_shut = fakes[2].is_shut = true;
	come(s1, 0, 0, 3);
	server_end_streams(s1, END_SERVER_DOWN, NULL);
	scene_settle();
	assert_string_equal(told, "s1:D2");
	server_end_streams(s1, END_ADMIN, NULL);
	scene_settle();
	assert_string_equal(told, "s1:D2 s1:K2");
	assert_int_equal(fakes[0].cause, END_ADMIN);
	scene_drop(backend);
}

static void
a_server_that_is_retired_lives_until_its_orders_are_home(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *s1 = scene_server(backend, "s1", 1, (struct scene_conf){ 0 });

	come(s1, 0, 0, MANY - 1);
	come(s1, 1, MANY, 2 * MANY - 1);
	server_end_streams(s1, END_SERVER_DOWN, NULL);
	server_end_streams(s1, END_ADMIN, NULL);
	scene_drop(backend);
	for (int i = 0; i < 4; i++)
		scene_settle();
	assert_string_equal(told, "s1:D400 s1:K0");	/* and the leak checker finds it freed */
}

static struct server *once_more;

static void
on_ended_order_again(const struct server *server, enum end_cause cause, uint32_t ended)
{
	on_ended(server, cause, ended);
	if (once_more != NULL)
		server_end_streams(once_more, END_ADMIN, NULL);
	once_more = NULL;
}

static void
who_is_told_of_the_end_may_order_the_next(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *s1 = scene_server(backend, "s1", 1, (struct scene_conf){ 0 });

	server_on_ended(on_ended_order_again);
	once_more = s1;
	come(s1, 0, 0, 0);
	server_end_streams(s1, END_SERVER_DOWN, NULL);
	scene_settle();
	assert_string_equal(told, "s1:D1 s1:K0");
	assert_int_equal(s1->holders, 0);
	scene_drop(backend);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_stream_ends_before_all_workers_have_the_weights),
		TEST(all_streams_of_a_server_end_on_all_workers),
		TEST(an_order_to_a_server_without_streams_comes_home),
		TEST(who_comes_after_the_order_is_not_meant),
		TEST(who_leaves_the_server_meanwhile_is_not_ended),
		TEST(a_turn_ends_so_many_however_many_servers_have_streams),
		TEST(who_came_back_is_told_and_stays_until_then),
		TEST(the_first_cause_holds_for_those_who_are_being_ended),
		TEST(the_same_cause_once_more_means_those_who_came_since),
		TEST(who_is_left_alone_goes_back_and_an_administrator_ends_it),
		TEST(a_server_that_is_retired_lives_until_its_orders_are_home),
		TEST(who_is_told_of_the_end_may_order_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
