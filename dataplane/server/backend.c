/*
 * Backends as objects: their life, the changes that install and retire them.
 *
 * A retired backend stays while a conf of a frontend names it, since an old stream may still come
 * and pick. When none does, each worker is told (leave_mail) to give up the backend and its last
 * conf; streams that began with that conf keep it, and a conf keeps its backend.
 *
 * Control thread, but for install functions and leave_mail.
 */
#include "config.h"
#include "server/backend.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "core/obj.h"
#include "server/check_conf.h"
#include "server/server_priv.h"

struct backend_item {
	struct publish_item	 item;
	struct backend		*backend;
	struct backend_conf	*conf;
	struct backend_conf	*old;		/* it frees itself, see core/snap.h */
	bool			 is_first;
	bool			 rebuilds;	/* `sets` replace the workers' */
	bool			 is_last;	/* of its backend in the publication */
	uint64_t		 sequence;
	uint32_t		 workers;
	struct lb		*sets[];	/* a worker's each; at last those that are not needed */
};

static void
backend_free(struct backend *backend)
{
	assert(backend->holders == 0 && backend->confs == 0 && list_is_empty(&backend->changed));
	for (uint32_t i = 0; i < backend->workers; i++)
		lb_free(&backend->slots[i].lb);
	queue_fini(&backend->queue);
	free(backend->name);
	obj_free(backend);
}

/* The next step of a retired backend, if it is due. */
static void
backend_go(struct backend *backend)
{
	if (backend->is_home && backend->confs == 0 && backend->watchers == 0) {
		backend_free(backend);
		return;
	}
	if (!backend->is_retired || backend->is_leaving || backend->holders > 0)
		return;
	backend->is_leaving = true;
	for (uint32_t i = 0; i < backend->workers; i++)
		mailbox_send(&publish_worker(i)->mailbox, &backend->slots[i].leave_mail);
}

/* Worker: nothing names the backend any more. */
static void
backend_on_leave(struct mail *mail)
{
	struct backend_slot *slot = container_of(mail, struct backend_slot, leave_mail);
	struct snap_slot *conf = &slot->conf->slots[slot->worker];

	snap_retire_on(&slot->ref);
	snap_retire_on(conf);		/* last: until it is home, the backend stays */
}

static void
backend_on_home(struct snap *snap)
{
	struct backend *backend = container_of(snap, struct backend, snap);

	backend->is_home = true;
	backend_go(backend);
}

void
backend_conf_freed(struct backend *backend)
{
	assert(backend->confs > 0);
	backend->confs--;
	backend_go(backend);
}

void
backend_hold(struct backend *backend)
{
	assert_control();
	backend->holders++;
}

void
backend_release(struct backend *backend)
{
	assert_control();
	assert(backend->holders > 0);
	backend->holders--;
	backend_go(backend);
}

void
backend_watch(struct backend *backend)
{
	assert_control();
	backend->watchers++;
}

void
backend_unwatch(struct backend *backend)
{
	assert_control();
	assert(backend->watchers > 0);
	backend->watchers--;
	backend_go(backend);
}

static void
backend_slot_init(struct backend_slot *slot, struct backend *backend, uint32_t worker)
{
	snap_slot_init(&slot->ref, &backend->snap);
	list_init(&slot->behind);
	list_init(&slot->by_name);
	slot->leave_mail.deliver = backend_on_leave;
	slot->backend = backend;
	slot->worker = worker;
}

uint32_t
backend_number(void)
{
	static uint32_t last;

	assert_control();
	return ++last;
}

enum err
backend_new(struct backend **bp, const char *name)
{
	uint32_t workers = publish_worker_count();
	struct backend *backend;

	assert_control();
	if (names_init(workers) != ERR_OK)
		return ERR_NOMEM;
	backend = obj_new_aligned(sizeof(*backend) + workers * sizeof(backend->slots[0]),
				  _Alignof(struct backend), BACKEND_MAGIC);
	if (backend == NULL)
		return ERR_NOMEM;
	backend->name = strdup(name);
	if (backend->name == NULL) {
		obj_free(backend);
		return ERR_NOMEM;
	}
	snap_init(&backend->snap, workers, backend_on_home);
	backend->number = backend_number();
	levels_init(backend);
	for (int i = 0; i < CHECK_SOURCES; i++)
		check_line_init(&backend->check_lines[i]);
	queue_init(&backend->queue);
	backend->workers = workers;
	for (uint32_t i = 0; i < workers; i++)
		backend_slot_init(&backend->slots[i], backend, i);
	*bp = backend;
	return ERR_OK;
}

void
backend_discard(struct backend **bp)
{
	assert_control();
	if (*bp == NULL)
		return;
	assert((*bp)->conf == NULL);
	backend_free(*bp);
	*bp = NULL;
}

static struct backend_item *
backend_item_of(struct publish_item *item)
{
	return container_of(item, struct backend_item, item);
}

static void
backend_item_free(struct backend_item *bi)
{
	for (uint32_t i = 0; i < bi->workers; i++)
		lb_free(&bi->sets[i]);
	free(bi);
}

static const char *
backend_conf_balance(const struct backend_conf *conf)
{
	return conf->balance != NULL ? conf->balance : "roundrobin";
}

/* What attempts under way began with does not hold any more. */
static void
backend_adjust_checks(struct backend *backend, const struct backend_conf *was)
{
	const struct backend_conf *now = backend->conf;
	const bool has_time = was->timeout_check == now->timeout_check &&
			      (now->timeout_check == TIMEOUT_NONE ||
			       was->timeout_connect == now->timeout_connect);

	if (!has_time || !check_conf_equals(was->check, now->check))
		check_line_again(&backend->check_lines[CHECK_OF_SERVER]);
	if (!has_time)
		check_line_again(&backend->check_lines[CHECK_OF_AGENT]);
}

static void
backend_item_publish(struct publish_item *item)
{
	struct backend_item *bi = backend_item_of(item);
	struct backend *backend = bi->backend;

	bi->old = backend->conf;
	backend->conf = bi->conf;
	backend->confs++;
	backend->is_settled = false;
	bi->sequence = ++backend->sequence;
	bi->rebuilds = bi->old == NULL ||
		       strcmp(backend_conf_balance(bi->old), backend_conf_balance(bi->conf)) != 0;
	if (bi->old != NULL)
		backend_adjust_checks(backend, bi->old);
}

static void
backend_item_before(struct publish_item *item)
{
	struct backend_item *bi = backend_item_of(item);

	track_judge_waiting();
	levels_settle(bi->backend);
	bi->is_last = bi->sequence == bi->backend->sequence;
}

/* Worker: the new set takes over all nodes; the old one is freed by control. */
static void
backend_item_rebuild(struct backend_item *bi, struct backend_slot *slot)
{
	struct lb *old = slot->lb;

	slot->lb = bi->sets[slot->worker];
	bi->sets[slot->worker] = old;
	if (old != NULL)
		lb_move_all(slot->lb, old);
}

/* Worker. */
static void
backend_item_install(struct publish_item *item, struct loop *worker)
{
	struct backend_item *bi = backend_item_of(item);
	struct backend_slot *slot = &bi->backend->slots[worker->index];

	if (bi->rebuilds)
		backend_item_rebuild(bi, slot);
	if (slot->conf == NULL)
		names_add(slot);
	slot->conf = bi->conf;
	if (bi->is_last)
		weight_installed(slot, bi->sequence);
	if (bi->old != NULL)
		snap_retire_on(&bi->old->slots[worker->index]);
}

static void
backend_item_after(struct publish_item *item)
{
	levels_tell(backend_item_of(item)->backend);
}

static void
backend_item_acked(struct publish_item *item)
{
	backend_item_free(backend_item_of(item));
}

static void
backend_item_abort(struct publish_item *item)
{
	struct backend_item *bi = backend_item_of(item);

	backend_conf_discard(&bi->conf);
	if (bi->is_first)
		backend_discard(&bi->backend);
	backend_item_free(bi);
}

static const struct publish_ops backend_item_ops = {
	.publish = backend_item_publish,
	.before = backend_item_before,
	.after = backend_item_after,
	.install = backend_item_install,
	.acked = backend_item_acked,
	.abort = backend_item_abort,
};

enum err
backend_publish_new(struct publish_item **ip, struct backend *backend, struct backend_conf *conf)
{
	uint32_t workers = backend->workers;
	struct backend_item *bi = calloc(1, sizeof(*bi) + workers * sizeof(bi->sets[0]));
	enum err e = ERR_OK;

	assert_control();
	if (bi == NULL)
		return ERR_NOMEM;
	bi->workers = workers;
	for (uint32_t i = 0; i < workers && e == ERR_OK; i++)
		e = lb_new(&bi->sets[i], backend_conf_balance(conf), i, workers);
	if (e != ERR_OK) {
		backend_item_free(bi);
		return e;
	}
	bi->item.ops = &backend_item_ops;
	bi->backend = obj_cast(backend, BACKEND_MAGIC);
	bi->conf = conf;
	conf->backend = backend;
	bi->is_first = !backend->has_first;
	backend->has_first = true;
	*ip = &bi->item;
	return ERR_OK;
}

static void
backend_retire_publish(struct publish_item *item)
{
	struct backend *backend = backend_item_of(item)->backend;

	assert(backend->conf != NULL);
	backend->is_gone = true;
	for (int i = 0; i < SERVER_PRIORITIES; i++)
		assert(list_is_empty(&backend->levels[i].servers));
}

/* Worker: frontends that no longer name it are items of their own. */
static void
backend_retire_install(struct publish_item *item, struct loop *worker)
{
	names_remove(&backend_item_of(item)->backend->slots[worker->index]);
}

static void
backend_retire_acked(struct publish_item *item)
{
	struct backend_item *bi = backend_item_of(item);
	struct backend *backend = bi->backend;

	backend_item_free(bi);
	backend->is_retired = true;
	backend_go(backend);
}

static void
backend_retire_abort(struct publish_item *item)
{
	backend_item_free(backend_item_of(item));
}

static const struct publish_ops backend_retire_ops = {
	.publish = backend_retire_publish,
	.install = backend_retire_install,
	.acked = backend_retire_acked,
	.abort = backend_retire_abort,
};

enum err
backend_retire_new(struct publish_item **ip, struct backend *backend)
{
	struct backend_item *bi = calloc(1, sizeof(*bi));

	assert_control();
	if (bi == NULL)
		return ERR_NOMEM;
	bi->item.ops = &backend_retire_ops;
	bi->backend = obj_cast(backend, BACKEND_MAGIC);
	*ip = &bi->item;
	return ERR_OK;
}

void
backend_totals(const struct backend *backend, struct backend_totals *totals)
{
	memset(totals, 0, sizeof(*totals));
	for (uint32_t i = 0; i < backend->workers; i++) {
		const struct backend_counters *c = &backend->slots[i].counters;

		totals->sessions += counter_read(&c->sessions);
		totals->bytes_in += counter_read(&c->bytes_in);
		totals->bytes_out += counter_read(&c->bytes_out);
		totals->connect_errors += counter_read(&c->connect_errors);
		totals->retries += counter_read(&c->retries);
		totals->redispatches += counter_read(&c->redispatches);
		totals->queue_timeouts += counter_read(&c->queue_timeouts);
		for (int k = 0; k < HTTP_CLASSES; k++)
			totals->responses[k] += counter_read(&c->responses[k]);
	}
	totals->current = atomic_load_explicit(&backend->current, memory_order_relaxed);
	totals->max = atomic_load_explicit(&backend->current_max, memory_order_relaxed);
	totals->queued = queue_length(&backend->queue);
}
