/*
 * The waiting line: order, calls that must not be lost, and many threads at once.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include "core/obj.h"
#include "t/unit/server/scene.h"

/* A session on a worker, as a stream would do it. */
struct session {
	struct queue_waiter	 waiter;
	struct backend		*backend;
	struct server		*server;	/* while it holds a place */
	uint32_t		 worker;
	enum err		 last;
	int			 calls;		/* of called() while it did not wait */
	bool			 is_waiting;
};

/* More calls than any scene here can need: somebody is called again and again. */
#define CALLS_TOO_MANY 1000

static uint32_t calls;		/* of called(), whoever it was for */
static char order[64];		/* the names of sessions as they got a place */
static struct session sessions[8];

static void
session_ask(struct session *s, bool was_called)
{
	enum pick pick;
	size_t n = strlen(order);

	loop_adopt(scene_workers[s->worker]);
	s->last = backend_pick_or_wait(s->backend, s->worker, NULL, &s->waiter, was_called,
				       &s->server, &pick);
	s->is_waiting = s->last == ERR_BUSY;
	if (s->last == ERR_OK && n < sizeof(order) - 1)
		order[n] = (char)('a' + (s - sessions));
	loop_adopt(scene_control);
}

static void
session_called(struct queue_waiter *waiter)
{
	struct session *s = container_of(waiter, struct session, waiter);

	assert_true(++calls < CALLS_TOO_MANY);
	if (s->is_waiting)
		session_ask(s, true);
	else
		s->calls++;
}

static void
session_leave(struct session *s)
{
	loop_adopt(scene_workers[s->worker]);
	backend_leave(s->server, s->worker);
	s->server = NULL;
	loop_adopt(scene_control);
}

/* It gives up waiting: what backend_stop_waiting() says. */
static bool
session_stop(struct session *s)
{
	s->is_waiting = false;
	return backend_stop_waiting(&s->waiter);
}

static int
start(void **state)
{
	scene_start(2, false);
	memset(order, 0, sizeof(order));
	memset(sessions, 0, sizeof(sessions));
	calls = 0;
	return 0;
}

static int
stop(void **state)
{
	scene_stop();
	return 0;
}

/* The first `n` sessions ask, on the two workers in turn. */
static void
sessions_begin(struct backend *backend, int n)
{
	for (int i = 0; i < n; i++) {
		struct session *s = &sessions[i];

		s->backend = backend;
		s->worker = i % 2;
		s->waiter.mailbox = &scene_workers[s->worker]->mailbox;
		s->waiter.called = session_called;
		session_ask(s, false);
	}
}

/* Who has a place gives it back, until all had one. */
static void
sessions_finish(int n)
{
	for (bool any = true; any;) {
		any = false;
		for (int i = 0; i < n; i++)
			if (sessions[i].server != NULL) {
				session_leave(&sessions[i]);
				scene_settle();
				any = true;
			}
	}
}

static uint32_t
queued(struct backend *backend)
{
	struct backend_totals totals;

	backend_totals(backend, &totals);
	return totals.queued;
}

static void
who_comes_first_is_served_first(void **state)
{
	struct backend *backend = scene_backend(1, false);

	scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 1 });
	sessions_begin(backend, 6);
	assert_int_equal(sessions[1].last, ERR_BUSY);
	assert_int_equal(queued(backend), 5);
	sessions_finish(6);
	assert_string_equal(order, "abcdef");
	assert_int_equal(queued(backend), 0);
	scene_drop(backend);
}

/* HAProxy's number for its log: see queue_serve(). */
static void
who_waited_knows_how_many_were_served_since(void **state)
{
	struct backend *backend = scene_backend(1, false);

	scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 1 });
	sessions_begin(backend, 4);
	assert_int_equal(queue_give_up(&sessions[1].waiter), 1);
	session_leave(&sessions[0]);
	scene_settle();
	assert_int_equal(queue_serve(&sessions[1].waiter), 1);
	assert_int_equal(queue_give_up(&sessions[3].waiter), 2);
	assert_true(session_stop(&sessions[2]));	/* it counts for nobody */
	session_leave(&sessions[1]);
	scene_settle();
	assert_int_equal(queue_serve(&sessions[3].waiter), 2);
	session_leave(&sessions[3]);
	scene_drop(backend);
}

static void
a_newcomer_does_not_overtake_one_who_was_called(void **state)
{
	struct backend *backend = scene_backend(1, false);

	scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 1 });
	sessions_begin(backend, 2);
	session_leave(&sessions[0]);		/* b is called; its mail is under way */
	session_ask(&sessions[0], false);	/* the place is free, and not for a */
	assert_int_equal(sessions[0].last, ERR_BUSY);
	scene_settle();
	assert_string_equal(order, "ab");
	sessions_finish(2);
	assert_string_equal(order, "aba");
	scene_drop(backend);
}

static void
who_finds_the_place_taken_goes_back_to_where_he_stood(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 1 });

	sessions_begin(backend, 4);
	assert_false(server_place_take(server));
	session_leave(&sessions[0]);
	assert_true(server_place_take(server));	/* somebody is quicker than the mail to b */
	scene_settle();
	assert_int_equal(sessions[1].last, ERR_BUSY);
	assert_int_equal(queued(backend), 3);
	server_place_give(server);
	scene_settle();
	sessions_finish(4);
	assert_string_equal(order, "abcd");
	scene_drop(backend);
}

static void
a_full_line_says_so(void **state)
{
	struct backend *backend = scene_backend(1, false);

	backend->conf->maxqueue = 2;
	scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 1 });
	sessions_begin(backend, 4);
	assert_int_equal(sessions[2].last, ERR_BUSY);
	assert_int_equal(sessions[3].last, ERR_LIMIT);
	assert_true(session_stop(&sessions[3]));	/* never in: nothing to wait for */
	sessions_finish(4);
	assert_string_equal(order, "abc");
	scene_drop(backend);
}

static void
who_leaves_the_line_is_forgotten(void **state)
{
	struct backend *backend = scene_backend(1, false);

	scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 1 });
	sessions_begin(backend, 4);
	assert_true(session_stop(&sessions[1]));
	assert_true(session_stop(&sessions[1]));
	assert_int_equal(queued(backend), 2);
	sessions_finish(4);
	assert_string_equal(order, "acd");
	assert_int_equal(sessions[1].calls, 0);
	scene_drop(backend);
}

static void
who_leaves_after_he_was_called_hands_the_call_on(void **state)
{
	struct backend *backend = scene_backend(1, false);

	scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 1 });
	sessions_begin(backend, 3);
	session_leave(&sessions[0]);
	assert_false(session_stop(&sessions[1]));	/* timed out while the mail is under way */
	assert_false(session_stop(&sessions[1]));
	scene_settle();
	assert_string_equal(order, "ac");
	assert_int_equal(sessions[1].calls, 1);		/* now it may be freed */
	assert_true(session_stop(&sessions[1]));
	sessions_finish(3);
	scene_drop(backend);
}

static void
who_comes_back_before_his_mail_waits_again(void **state)
{
	struct backend *backend = scene_backend(1, false);

	scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 1 });
	sessions_begin(backend, 3);
	session_leave(&sessions[0]);
	assert_false(session_stop(&sessions[1]));
	session_ask(&sessions[1], false);		/* at the tail now, that mail still under way */
	assert_int_equal(queued(backend), 2);
	scene_settle();
	assert_string_equal(order, "ac");
	assert_int_equal(sessions[1].calls, 0);
	session_leave(&sessions[2]);
	scene_settle();
	assert_string_equal(order, "acb");
	sessions_finish(3);

	/* and once more, called anew before the old mail has come */
	order[0] = '\0';
	memset(order, 0, sizeof(order));
	sessions_begin(backend, 2);
	session_leave(&sessions[0]);
	assert_false(session_stop(&sessions[1]));
	session_ask(&sessions[1], false);
	scene_settle();
	assert_string_equal(order, "ab");
	sessions_finish(2);
	scene_drop(backend);
}

static void
a_place_that_is_given_while_the_line_is_empty_is_kept_for_who_comes_next(void **state)
{
	struct backend *backend = scene_backend(1, false);

	scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 2 });
	sessions_begin(backend, 3);
	session_leave(&sessions[0]);		/* c is called; its mail is under way */
	session_leave(&sessions[1]);		/* there is nobody to be called */
	session_ask(&sessions[0], false);	/* behind c */
	assert_int_equal(sessions[0].last, ERR_BUSY);
	scene_settle();
	assert_int_equal(strlen(order), 4);
	assert_int_equal(queued(backend), 0);
	sessions_finish(3);
	scene_drop(backend);
}

static void
a_higher_maxconn_calls_as_many(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 1 });

	sessions_begin(backend, 6);
	scene_change(server, (struct scene_conf){ .maxconn = 3 });
	assert_int_equal(strlen(order), 3);		/* two at once, on two workers */
	assert_int_equal(strspn(order, "abc"), 3);
	scene_change(server, (struct scene_conf){ .maxconn = 0 });
	assert_int_equal(strlen(order), 6);
	scene_change(server, (struct scene_conf){ .maxconn = 2 });	/* nobody is thrown out */
	sessions_finish(6);
	scene_drop(backend);
}

static void
a_new_server_serves_those_who_wait(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *first = scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 1 });

	sessions_begin(backend, 5);
	scene_server(backend, "t", 2, (struct scene_conf){ .maxconn = 2 });
	assert_int_equal(strlen(order), 3);
	assert_int_equal(strspn(order, "abc"), 3);
	scene_retire(first);
	scene_server(backend, "u", 3, (struct scene_conf){ .maxconn = 9 });
	assert_int_equal(strlen(order), 5);
	sessions_finish(5);
	scene_drop(backend);
}

/* It calls everybody, and is in maintenance again before anybody who was called has tried. */
static void
a_server_without_limit_that_comes_and_goes_leaves_the_line_in_peace(void **state)
{
	struct backend *backend = scene_backend(1, false);

	scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 1 });
	sessions_begin(backend, 8);
	queue_call_many(&backend->queue, UINT32_MAX);
	scene_settle();
	assert_in_range(calls, 7, 2 * 7);
	assert_int_equal(queued(backend), 7);
	sessions_finish(8);
	assert_int_equal(strlen(order), 8);
	scene_drop(backend);
}

static uint32_t waiter_calls;

static void
waiter_called(struct queue_waiter *waiter)
{
	waiter_calls++;
}

static void
who_tried_before_a_call_for_everybody_cannot_say_after_it_that_all_is_full(void **state)
{
	struct queue_waiter waiters[3] = { 0 };
	struct queue queue;
	uint64_t seen;

	waiter_calls = 0;
	queue_init(&queue);
	for (int i = 0; i < 3; i++) {
		waiters[i].mailbox = &scene_workers[0]->mailbox;
		waiters[i].called = waiter_called;
	}
	assert_int_equal(queue_join(&queue, &waiters[0], 9, false), ERR_OK);
	seen = queue_must_try(&queue);
	assert_true(seen != 0);
	queue_call_many(&queue, UINT32_MAX);	/* while he tries */
	queue_is_full(&queue, seen);
	assert_int_equal(queue_join(&queue, &waiters[1], 9, false), ERR_OK);
	assert_true(queue_must_try(&queue) != 0);
	queue_is_full(&queue, queue_must_try(&queue));
	assert_int_equal(queue_join(&queue, &waiters[2], 9, false), ERR_OK);
	assert_true(queue_must_try(&queue) == 0);
	scene_settle();
	assert_int_equal(waiter_calls, 1);
	assert_true(queue_leave(&waiters[1]) && queue_leave(&waiters[2]));
	queue_fini(&queue);
}

static void
who_waits_is_told_when_the_last_server_goes(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *server = scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 1 });

	sessions_begin(backend, 4);
	scene_retire(server);
	for (int i = 1; i < 4; i++)
		assert_int_equal(sessions[i].last, ERR_GONE);
	assert_int_equal(queued(backend), 0);
	sessions_finish(4);
	scene_drop(backend);
}

static void
a_backup_serves_those_who_wait_when_the_actives_go(void **state)
{
	struct backend *backend = scene_backend(1, false);
	struct server *active = scene_server(backend, "s", 1, (struct scene_conf){ .maxconn = 1 });

	scene_server(backend, "t", 2, (struct scene_conf){ .priority = 1 });
	sessions_begin(backend, 4);
	scene_change(active, (struct scene_conf){ .maxconn = 1, .admin = SERVER_DRAIN });
	assert_int_equal(strlen(order), 4);
	sessions_finish(4);
	scene_drop(backend);
}

/*
 * The storm: rounds of a few sessions on threads of their own. A round ends when each has had a
 * place once. Patient ones do nothing but wait for their call, so one lost call ends the test.
 */
#define ROUNDS	     1000
#define STORM_MAX    9
#define STORM_LIMIT_S 40

struct stormer {
	struct queue_waiter	 waiter;
	struct mail		 begin;
	struct task		 task;
	struct server		*server;
	uint32_t		 worker;
	unsigned		 seed;
	bool			 is_patient, is_waiting, is_done;
	int			 hold;		/* turns that it keeps its place */
};
static struct stormer stormers[STORM_MAX];
static struct backend *storm_backend;
static _Atomic uint32_t storm_due;

static void
stormer_ask(struct stormer *s, bool was_called)
{
	enum pick pick;
	enum err e = backend_pick_or_wait(storm_backend, s->worker, NULL, &s->waiter, was_called,
					  &s->server, &pick);

	s->is_waiting = e == ERR_BUSY;
	assert(e == ERR_OK || e == ERR_BUSY || e == ERR_GONE);
	if (e != ERR_BUSY || !s->is_patient)
		loop_queue(loop_self(), &s->task);
}

/* Each turn of one who holds a place, is impatient, or found no server. */
static void
stormer_run(struct task *task)
{
	struct stormer *s = container_of(task, struct stormer, task);
	bool may_act =
		s->server != NULL ? s->hold-- == 0 : !s->is_waiting || rand_r(&s->seed) % 4 == 0;

	if (!may_act) {
		loop_queue(loop_self(), task);
	} else if (s->server != NULL) {
		backend_leave(s->server, s->worker);
		s->server = NULL;
		s->is_done = true;
	} else {
		if (s->is_waiting)
			backend_stop_waiting(&s->waiter);
		stormer_ask(s, false);		/* perhaps with its mail still under way */
	}
	if (s->is_done && backend_stop_waiting(&s->waiter))
		atomic_fetch_sub(&storm_due, 1);
}

static void
stormer_called(struct queue_waiter *waiter)
{
	struct stormer *s = container_of(waiter, struct stormer, waiter);

	if (s->is_waiting) {
		task_cancel(&s->task);
		stormer_ask(s, true);
	} else if (s->is_done) {
		atomic_fetch_sub(&storm_due, 1);
	}
}

static void
stormer_begin(struct mail *mail)
{
	stormer_ask(container_of(mail, struct stormer, begin), false);
}

static void
storm_round_begin(uint32_t count, uint32_t worker_count)
{
	atomic_store(&storm_due, count);
	for (uint32_t i = 0; i < count; i++) {
		struct stormer *s = &stormers[i];

		memset(s, 0, sizeof(*s));
		s->worker = rand() % worker_count;
		s->seed = rand();
		s->is_patient = rand() % 3 != 0;
		s->hold = rand() % 3;
		s->waiter.mailbox = &scene_workers[s->worker]->mailbox;
		s->waiter.called = stormer_called;
		task_init(&s->task, stormer_run);
		s->begin.deliver = stormer_begin;
	}
	for (uint32_t i = 0; i < count; i++)
		mailbox_send(&scene_workers[stormers[i].worker]->mailbox, &stormers[i].begin);
}

/* One of the servers changes while they are at it. */
static void
storm_meddle(struct server **servers)
{
	int which = rand() % 2;
	struct scene_conf conf = { .maxconn = rand() % 4 };

	if (which == 1 && rand() % 2 == 0)
		conf.admin = rand() % 2 == 0 ? SERVER_MAINT : SERVER_DRAIN;
	if (rand() % 8 == 0) {
		struct publish_item *items[2];
		struct server *next = scene_server_new(storm_backend, "n", servers[which]->id + 2);

		items[0] = scene_retire_item(servers[which]);
		items[1] = scene_server_item(next, conf, SERVER_CAUSE_CREATED);
		servers[which] = next;
		scene_publish(items, 2);
		return;
	}
	scene_change(servers[which], conf);
}

static void
no_call_is_lost_among_threads(void **state)
{
	struct server *servers[2];
	struct publish_item *items[3];
	time_t begun = time(NULL);

	scene_start(3, true);
	srand(11);
	storm_backend = scene_backend(1, false);
	servers[0] = scene_server(storm_backend, "s", 1, (struct scene_conf){ .maxconn = 1 });
	servers[1] = scene_server(storm_backend, "t", 2, (struct scene_conf){ .maxconn = 1 });
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t count = 2 + rand() % (STORM_MAX - 1);
		int meddle = rand() % 4;

		storm_round_begin(count, 3);
		while (atomic_load(&storm_due) > 0) {
			if (meddle-- > 0)
				storm_meddle(servers);
			assert_true(time(NULL) - begun < STORM_LIMIT_S);
			sched_yield();
		}
		assert_int_equal(queued(storm_backend), 0);
	}
	items[0] = scene_retire_item(servers[0]);
	items[1] = scene_retire_item(servers[1]);
	assert_int_equal(backend_retire_new(&items[2], storm_backend), ERR_OK);
	scene_publish(items, 3);
	scene_publish(NULL, 0);
	scene_stop();
}

/*
 * The duel: a few threads want the one place at the same moment, each once a round, and nothing
 * else happens: whoever's call is lost waits for ever. Without loops, for speed.
 */
#define DUEL_MAX	  3
#define DUEL_ROUNDS  20000
#define DUEL_LIMIT_S 20

struct duelist {
	struct queue_waiter	 waiter;
	pthread_t		 thread;
	uint32_t		 worker;
	unsigned		 seed;
	bool			 was_called;
};
static _Atomic uint32_t duel_ready;		/* how often somebody came to the start of a round */
static _Atomic bool duel_is_lost;
static uint32_t duel_count;

static void
duelist_called(struct queue_waiter *waiter)
{
	container_of(waiter, struct duelist, waiter)->was_called = true;
}

/* Wait for `*value` to reach `goal`; others may need this core. */
static void
duel_await(_Atomic uint32_t *value, uint32_t goal)
{
	for (int i = 0; atomic_load(value) < goal; i++)
		if (i % 64 == 63)
			sched_yield();
}

static void
duelist_dawdle(struct duelist *d)
{
	for (volatile int i = rand_r(&d->seed) % 300; i > 0; i--)
		;
}

/* Until the call comes. False: it does not. */
static bool
duelist_wait(struct duelist *d)
{
	time_t begun = time(NULL);

	for (uint32_t i = 1; !d->was_called; i++) {
		mailbox_deliver(&scene_workers[d->worker]->mailbox);
		if (i % 64 == 0)
			sched_yield();
		if (i % 65536 == 0 && time(NULL) - begun > DUEL_LIMIT_S)
			return false;
	}
	return true;
}

static void
duelist_round(struct duelist *d)
{
	struct server *server = NULL;
	enum pick pick;
	bool again = false;

	duelist_dawdle(d);
	while (backend_pick_or_wait(storm_backend, d->worker, NULL, &d->waiter, again, &server,
				    &pick) != ERR_OK) {
		if (!duelist_wait(d)) {
			atomic_store(&duel_is_lost, true);
			return;
		}
		d->was_called = false;
		again = true;
	}
	duelist_dawdle(d);
	backend_leave(server, d->worker);
	while (!queue_leave(&d->waiter))	/* got by trying, with a call under way */
		mailbox_deliver(&scene_workers[d->worker]->mailbox);
	d->was_called = false;
}

static void *
duelist_main(void *arg)
{
	struct duelist *d = arg;

	loop_adopt(scene_workers[d->worker]);
	for (uint32_t round = 1; round <= DUEL_ROUNDS && !atomic_load(&duel_is_lost); round++) {
		atomic_fetch_add(&duel_ready, 1);
		duel_await(&duel_ready, round * duel_count);
		duelist_round(d);
	}
	atomic_fetch_add(&duel_ready, DUEL_ROUNDS);	/* who gave up lets the others go */
	return NULL;
}

static void
duel(uint32_t count, uint32_t maxconn)
{
	static struct duelist duelists[DUEL_MAX];

	scene_start(count, false);
	memset(duelists, 0, sizeof(duelists));
	duel_count = count;
	atomic_store(&duel_ready, 0);
	storm_backend = scene_backend(1, false);
	scene_server(storm_backend, "s", 1, (struct scene_conf){ .maxconn = maxconn });
	for (uint32_t i = 0; i < count; i++) {
		struct duelist *d = &duelists[i];

		d->worker = i;
		d->seed = i;
		d->waiter.mailbox = &scene_workers[i]->mailbox;
		d->waiter.called = duelist_called;
		assert_int_equal(pthread_create(&d->thread, NULL, duelist_main, d), 0);
	}
	for (uint32_t i = 0; i < count; i++)
		pthread_join(duelists[i].thread, NULL);
	assert_false(atomic_load(&duel_is_lost));
	scene_drop(storm_backend);
	scene_stop();
}

static void
no_call_is_lost_between_two(void **state)
{
	duel(2, 1);
}

static void
no_call_is_lost_among_three(void **state)
{
	duel(3, 1);
	duel(3, 2);
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCENE(who_comes_first_is_served_first),
		WITH_SCENE(who_waited_knows_how_many_were_served_since),
		WITH_SCENE(a_newcomer_does_not_overtake_one_who_was_called),
		WITH_SCENE(who_finds_the_place_taken_goes_back_to_where_he_stood),
		WITH_SCENE(a_full_line_says_so),
		WITH_SCENE(who_leaves_the_line_is_forgotten),
		WITH_SCENE(who_leaves_after_he_was_called_hands_the_call_on),
		WITH_SCENE(who_comes_back_before_his_mail_waits_again),
		WITH_SCENE(
			a_place_that_is_given_while_the_line_is_empty_is_kept_for_who_comes_next),
		WITH_SCENE(a_higher_maxconn_calls_as_many),
		WITH_SCENE(a_new_server_serves_those_who_wait),
		WITH_SCENE(a_server_without_limit_that_comes_and_goes_leaves_the_line_in_peace),
		WITH_SCENE(
			who_tried_before_a_call_for_everybody_cannot_say_after_it_that_all_is_full),
		WITH_SCENE(who_waits_is_told_when_the_last_server_goes),
		WITH_SCENE(a_backup_serves_those_who_wait_when_the_actives_go),
		cmocka_unit_test(no_call_is_lost_between_two),
		cmocka_unit_test(no_call_is_lost_among_three),
		cmocka_unit_test(no_call_is_lost_among_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
