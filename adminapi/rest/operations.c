/*
 * The table of operations, its timer, and what of it is saved. Control thread.
 */
#include "config.h"
#include "adminapi/rest/operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/rest/operations_priv.h"
#include "adminapi/rest/events.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/obj.h"

#define TICK_US		4000	/* of work in a turn */
#define DRAINS_A_CLOCK	8	/* drains between two looks at the clock */
#define TICK_MS		50	/* how late the end of the last session is noticed, at most */
#define IDLE_MS		1000	/* between two tries to save what could not be */
#define LOOK_TICKS	20	/* between two looks whether who waits is still there */
#define FORGET_MS	60000	/* between two looks whether any has ended long ago */
#define KEY_PREFIX	"operation/"

static struct {
	struct drain		*by_id;		/* uthash */
	struct list		 all;		/* by id: the oldest first */
	struct list		 active;
	uint32_t		 count, active_count;
	uint64_t		 last_id;
	struct wheel_timer	 timer;
	uint32_t		 ticks;
	bool			 is_started;	/* the configuration is in force */
} table = {
	.all = { &table.all, &table.all },
	.active = { &table.active, &table.active },
};

/* -- the table -- */

static void tick_within(uint64_t ms);

static bool
table_add(struct drain *drain)
{
	struct operation *op = &drain->op;

	HASH_ADD(hh, table.by_id, op.id, sizeof(op->id), drain);
	if (!hash_has(drain))
		return false;
	list_append(&table.all, &drain->node);
	table.count++;
	if (!operation_state_has_ended(op->state)) {
		list_append(&table.active, &drain->active);
		table.active_count++;
	}
	if (op->id > table.last_id)
		table.last_id = op->id;
	return true;
}

static struct drain *
drain_alloc(void)
{
	struct drain *drain = calloc(1, sizeof(*drain));

	if (drain == NULL)
		return NULL;
	list_init(&drain->node);
	list_init(&drain->active);
	list_init(&drain->waiters);
	list_init(&drain->callers_off);
	drain->deadline_ms = WHEEL_NEVER;
	return drain;
}

/* Wall time in milliseconds is an id that no earlier process has given out. */
struct drain *
drain_new(const char *backend, const char *server)
{
	struct drain *drain = drain_alloc();
	struct loop *loop = loop_self();
	uint64_t id = loop->wall_us / 1000;

	if (drain == NULL)
		return NULL;
	drain->op.id = id > table.last_id ? id : table.last_id + 1;
	drain->op.began_us = drain->changed_us = loop->wall_us;
	snprintf(drain->op.backend, sizeof(drain->op.backend), "%s", backend);
	snprintf(drain->op.server, sizeof(drain->op.server), "%s", server);
	if (!table_add(drain)) {
		free(drain);
		return NULL;
	}
	return drain;
}

struct drain *
drain_find(uint64_t id)
{
	struct drain *drain;

	HASH_FIND(hh, table.by_id, &id, sizeof(id), drain);
	return drain;
}

struct drain *
drain_under_way(const char *backend, const char *server)
{
	list_foreach(node, &table.active) {
		struct drain *drain = container_of(node, struct drain, active);

		if (strcmp(drain->op.server, server) == 0 &&
		    strcmp(drain->op.backend, backend) == 0)
			return drain;
	}
	return NULL;
}

uint32_t
drains_active(void)
{
	return table.active_count;
}

struct drain *
drain_next(struct drain *drain)
{
	struct list *next = drain->node.next;

	return next == &table.all ? NULL : container_of(next, struct drain, node);
}

struct drain *
drain_after(uint64_t id)
{
	list_foreach(node, &table.all) {
		struct drain *drain = container_of(node, struct drain, node);

		if (drain->op.id > id)
			return drain;
	}
	return NULL;
}

static void
active_remove(struct drain *drain)
{
	if (list_is_empty(&drain->active))
		return;
	list_remove(&drain->active);
	table.active_count--;
}

static void
drain_free(struct drain *drain)
{
	active_remove(drain);
	HASH_DEL(table.by_id, drain);
	list_remove(&drain->node);
	table.count--;
	issues_fini(&drain->write.issues);
	free(drain);
}

/* -- the store -- */

/* A row on its way to the disk. The operation may be forgotten before it is there. */
struct saving {
	struct write_note	 note;
	uint64_t		 id;
	bool			 is_gone;
	struct call		*call;		/* of the DELETE; NULL: nobody asked */
};

static void
saving_answer(struct call *call, const char *why)
{
	struct answer gone = { .status = 204 };

	if (call != NULL && why == NULL)
		call_answer(call, &gone);
	else if (call != NULL)
		call_problem(call, 503, NULL, "it is forgotten until the next start only: %s", why);
}


static void
saving_done(struct write_note *note, const char *why)
{
	struct saving *saving = container_of(note, struct saving, note);
	struct drain *drain = drain_find(saving->id);

	if (why != NULL && drain != NULL) {
		if (!drain->is_told)
			log_msg(LOG_LEVEL_ERROR,
				"%s/%s: drain %llu: not saved, will be tried again: %s",
				drain->op.backend, drain->op.server,
				(unsigned long long)drain->op.id, why);
		drain->is_told = drain->is_unsaved = true;
		tick_within(IDLE_MS);
	} else if (why != NULL && saving->is_gone) {
		log_msg(LOG_LEVEL_ERROR,
			"drain %llu: it is forgotten until the next start only: %s",
			(unsigned long long)saving->id, why);
	}
	saving_answer(saving->call, why);
	free(saving);
}

/* `op` NULL: its row goes, and `call` (may be NULL) is answered. */
static bool
row_save(uint64_t id, const struct operation *op, struct call *call)
{
	struct saving *saving = calloc(1, sizeof(*saving));
	struct store_txn *txn = NULL;
	struct buf text = { 0 };
	char key[sizeof(KEY_PREFIX) + OPERATION_ID_BYTES];
	enum err e = ERR_NOMEM;

	snprintf(key, sizeof(key), KEY_PREFIX "%llu", (unsigned long long)id);
	if (op != NULL)
		operation_save(&text, op);
	if (saving != NULL && !text.failed && store_txn_new(&txn) == ERR_OK)
		e = op == NULL ? store_txn_setting_gone(txn, key) :
		    store_txn_setting(txn, key, (struct slice){ text.at, text.len });
	buf_fini(&text);
	if (e != ERR_OK) {
		store_txn_discard(&txn);
		free(saving);
		return false;
	}
	saving->note.done = saving_done;
	saving->id = id;
	saving->is_gone = op == NULL;
	saving->call = call;
	write_note_save(&saving->note, txn);
	return true;
}

void
drain_save(struct drain *drain)
{
	drain->is_unsaved = !row_save(drain->op.id, &drain->op, NULL);
	if (drain->is_unsaved)
		tick_within(IDLE_MS);
}

void
drain_forget(struct drain *drain, struct call *call)
{
	if (!row_save(drain->op.id, NULL, call))
		saving_answer(call, "out of memory");
	drain_free(drain);
}

/* What an earlier or later version saved and this one can't read is told and left alone. */
static enum err
load_one(struct slice key, struct slice value, void *arg)
{
	struct drain *drain = drain_alloc();
	enum err e;

	if (drain == NULL)
		return ERR_NOMEM;
	e = operation_restore(&drain->op, value);
	if (e == ERR_OK && !table_add(drain))
		e = ERR_NOMEM;
	if (e == ERR_OK) {
		drain->changed_us =
			drain->op.ended_us != 0 ? drain->op.ended_us : drain->op.began_us;
		return ERR_OK;
	}
	free(drain);
	if (e == ERR_NOMEM)
		return e;
	log_msg(LOG_LEVEL_ERROR, "%.*s: it can't be read and is left alone", (int)key.len, key.at);
	return ERR_OK;
}

enum err
operations_load(struct store *store, struct diag *diag)
{
	enum err e = store_settings(store, KEY_PREFIX, load_one, NULL, diag);

	if (e == ERR_NOMEM)
		diag_set(diag, "out of memory");
	return e;
}

/* -- states -- */

static void
tell_event(const struct drain *drain, enum operation_state from)
{
	const struct operation *op = &drain->op;
	const char *actor = operation_state_actor(op);
	struct buf out = { 0 };
	struct jsonw w;

	jsonw_init(&w, &out);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "backend", op->backend);
	jsonw_string(&w, "server", op->server);
	jsonw_string(&w, "from", from == op->state ? NULL : operation_state_text(from));
	jsonw_string(&w, "to", operation_state_text(op->state));
	jsonw_string(&w, "actor", actor[0] == '\0' ? NULL : actor);
	jsonw_object(&w, "operation");
	operation_write(&w, op);
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	if (!out.failed)
		event_emit(EVENT_OPERATION, (struct slice){ out.at, out.len });
	buf_fini(&out);
}

void
drain_enter(struct drain *drain, enum operation_state state, const char *detail)
{
	struct operation *op = &drain->op;
	enum operation_state from = op->state;
	bool has_ended = operation_state_has_ended(state);
	bool is_off = operation_is_off(state);

	op->state = state;
	snprintf(op->detail, sizeof(op->detail), "%s",
		detail == NULL || detail[0] == '\0' ? operation_state_words(state) : detail);
	drain->changed_us = loop_self()->wall_us;
	if (has_ended) {
		op->ended_us = drain->changed_us;
		active_remove(drain);
	}
	drain_save(drain);
	tell_event(drain, from);
	log_msg(state == OPERATION_EXPIRED || state == OPERATION_FAILED ? LOG_LEVEL_WARNING :
		LOG_LEVEL_NOTICE, "%s/%s: drain %llu: %s%s%s, %s", op->backend, op->server,
		(unsigned long long)op->id, operation_state_text(state),
		is_off && op->off_actor[0] != '\0' ? " by " : "", is_off ? op->off_actor : "",
		op->detail);
	if (has_ended) {
		drain_answer_waiters(drain);
		drain_answer_callers_off(drain, NULL);
	}
	drains_tick_soon();
}

/* -- time -- */

/* The oldest of those that have ended go, when there are too many or it was long ago. */
static void
forget_old(uint64_t wall_us)
{
	uint32_t ended = table.count - table.active_count;

	list_foreach_safe(node, &table.all) {
		struct drain *drain = container_of(node, struct drain, node);

		if (ended == 0)
			break;
		if (!operation_state_has_ended(drain->op.state))
			continue;
		if (ended > DRAINS_ENDED_MAX ||
		    drain->op.ended_us + DRAINS_ENDED_KEEP_US <= wall_us)
			drain_forget(drain, NULL);
		ended--;
	}
}

static bool
is_any_unsaved(void)
{
	list_foreach(node, &table.all)
		if (container_of(node, struct drain, node)->is_unsaved)
			return true;
	return false;
}

static void
save_again(void)
{
	list_foreach(node, &table.all) {
		struct drain *drain = container_of(node, struct drain, node);

		if (drain->is_unsaved)
			drain_save(drain);
	}
}

/* As many as a turn can bear, the next ones first: thousands may be due at once. False: not all were looked at. */
static bool
advance_all(bool is_slow)
{
	const uint64_t until_us = clock_read_us(CLOCK_MONOTONIC) + TICK_US;
	uint32_t left = table.active_count;

	for (; left > 0 && !list_is_empty(&table.active); left--) {
		struct drain *drain = container_of(table.active.next, struct drain, active);

		if (left % DRAINS_A_CLOCK == 0 && clock_read_us(CLOCK_MONOTONIC) >= until_us)
			return false;
		list_remove(&drain->active);
		list_append(&table.active, &drain->active);
		if (is_slow)
			drain_drop_abandoned(drain);
		drain_advance(drain);
	}
	return true;
}

static void
tick(struct wheel_timer *timer)
{
	bool is_slow = ++table.ticks % LOOK_TICKS == 0 || table.active_count == 0;

	if (!advance_all(is_slow)) {
		tick_within(1);
		return;
	}
	if (is_slow) {
		save_again();
		forget_old(loop_self()->wall_us);
	}
	if (table.active_count > 0)
		tick_within(TICK_MS);
	else if (table.count > 0)
		tick_within(is_any_unsaved() ? IDLE_MS : FORGET_MS);
}

static void
tick_within(uint64_t ms)
{
	struct loop *loop = loop_self();

	if (!table.is_started)
		return;
	if (!wheel_timer_is_set(&table.timer) || table.timer.at_ms > loop->now_ms + ms)
		wheel_set(&loop->wheel, &table.timer, loop->now_ms + ms);
}

void
drains_tick_soon(void)
{
	tick_within(TICK_MS);
}

/* No more than there was when it began: the clock may have gone back since. */
static uint64_t
time_left_us(const struct operation *op, uint64_t wall_us)
{
	uint64_t most_us = op->deadline_us > op->began_us ? op->deadline_us - op->began_us : 0;
	uint64_t left_us = op->deadline_us > wall_us ? op->deadline_us - wall_us : 0;

	return left_us < most_us ? left_us : most_us;
}

static void
drain_resume(struct drain *drain)
{
	struct operation *op = &drain->op;
	struct loop *loop = loop_self();

	if (op->deadline_us != 0)
		drain->deadline_ms = loop->now_ms + time_left_us(op, loop->wall_us) / 1000;
	log_msg(LOG_LEVEL_NOTICE, "%s/%s: drain %llu: goes on, %s", op->backend, op->server,
		(unsigned long long)op->id, operation_state_text(op->state));
}

void
operations_start(void)
{
	table.is_started = true;
	wheel_timer_init(&table.timer, tick);
	list_foreach(node, &table.active)
		drain_resume(container_of(node, struct drain, active));
	if (table.count > 0)
		tick_within(0);
}

void
operations_fini(void)
{
	if (table.is_started)
		wheel_cancel(&table.timer);
	table.is_started = false;
	while (!list_is_empty(&table.all)) {
		struct drain *drain = container_of(table.all.next, struct drain, node);

		drain_answer_all(drain);
		drain_free(drain);
	}
	operation_calls_fini();
}
