/*
 * A frontend's life, and the two changes that workers install: a conf, and its end.
 *
 * A conf lives as long as streams that began with it; its binds only until every worker has let go
 * of them, else the socket of a bind that was taken away would listen on for hours. A bind whose last
 * user goes is ending before the workers hear of it: each closes its own socket, and where one does
 * not come to it in frontend_cut_off_ms, control cuts that off. Control keeps a
 * hold of its own on what is published (one more `pending` in its snap), because workers may be home
 * before their acknowledgement is counted.
 *
 * Control thread, but for install().
 */
#include "config.h"
#include "stream/frontend.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "core/obj.h"
#include "rules/rules.h"
#include "stream/engine_priv.h"
#include "stream/frontend_priv.h"
#include "stream/listener_priv.h"
#include "stream/stream_priv.h"
#include "stream/worker_priv.h"

/* What a write waits for its acknowledgements: who was told that it is done finds the port closed. */
uint32_t frontend_cut_off_ms = 2000;

static void
frontend_conf_leave_binds(struct frontend_conf *conf)
{
	for (uint32_t i = 0; i < conf->bind_count; i++)
		bind_leave(conf->binds[i]);
}

static void
frontend_conf_release_left_binds(struct frontend_conf *conf)
{
	for (uint32_t i = 0; i < conf->bind_count; i++)
		bind_release_left(&conf->binds[i]);
}

static void
frontend_http_fini(struct frontend_http *http)
{
	http_forwardfor_fini(&http->forwardfor);
	http_forwardfor_fini(&http->originalto);
	http_errors_fini(&http->errors);
	free(http->monitor_uri);
	cond_free(&http->monitor_fail);
}

static void
frontend_conf_free(struct snap *snap)
{
	struct frontend_conf *conf = container_of(snap, struct frontend_conf, snap);

	for (uint32_t i = 0; conf->binds != NULL && i < conf->bind_count; i++)
		bind_release(&conf->binds[i]);
	if (conf->default_backend != NULL)
		backend_release(conf->default_backend);
	for (uint32_t i = 0; conf->bind_confs != NULL && i < conf->bind_count; i++)
		free(conf->bind_confs[i].proxy_from);
	frontend_http_fini(&conf->http);
	access_conf_fini(&conf->access);
	capture_conf_fini(&conf->captures);
	rules_free(conf->rules);
	acls_free(&conf->acls);
	refs_fini(&conf->refs);
	free(conf->binds);
	free(conf->bind_confs);
	free(conf->bind_texts);
	free(conf->slots);
	free(conf);
}

static struct frontend_conf_slot *
frontend_conf_slots_new(uint32_t workers)
{
	const size_t size = workers * sizeof(struct frontend_conf_slot);
	struct frontend_conf_slot *slots = aligned_alloc(_Alignof(struct frontend_conf_slot), size);

	if (slots != NULL)
		memset(slots, 0, size);
	return slots;
}

enum err
frontend_conf_new(struct frontend_conf **cp, uint32_t bind_count)
{
	const uint32_t workers = publish_worker_count();
	struct frontend_conf *conf = calloc(1, sizeof(*conf));

	if (conf == NULL)
		return ERR_NOMEM;
	conf->bind_count = bind_count;
	conf->workers = workers;
	conf->timeout_client = conf->timeout_client_fin = TIMEOUT_NONE;
	conf->http.timeout_request = conf->http.timeout_keep_alive = TIMEOUT_NONE;
	conf->binds = calloc(bind_count + 1, sizeof(conf->binds[0]));
	conf->bind_confs = calloc(bind_count + 1, sizeof(conf->bind_confs[0]));
	conf->bind_texts = calloc(bind_count + 1, sizeof(conf->bind_texts[0]));
	conf->slots = frontend_conf_slots_new(workers);
	if (conf->binds == NULL || conf->bind_confs == NULL || conf->bind_texts == NULL ||
	    conf->slots == NULL) {
		frontend_conf_free(&conf->snap);
		return ERR_NOMEM;
	}
	snap_init(&conf->snap, workers, frontend_conf_free);
	conf->snap.pending++;	/* control's */
	for (uint32_t i = 0; i < workers; i++)
		snap_slot_init(&conf->slots[i].ref, &conf->snap);
	*cp = conf;
	return ERR_OK;
}

void
frontend_conf_discard(struct frontend_conf **cp)
{
	if (*cp != NULL)
		frontend_conf_free(&(*cp)->snap);
	*cp = NULL;
}

/* Control's own hold ends. */
static void
snap_let_go(struct snap *snap)
{
	assert(snap->pending > 0);
	if (--snap->pending == 0)
		snap->free(snap);
}

static void
frontend_free(struct snap *snap)
{
	struct frontend *f = container_of(snap, struct frontend, snap);

	f->is_home = true;
	if (f->holders > 0)
		return;			/* frontend_release() */
	free(f->name);
	obj_free(f);
}

void
frontend_hold(struct frontend *f)
{
	assert_control();
	f->holders++;
}

void
frontend_release(struct frontend *f)
{
	assert_control();
	assert(f->holders > 0);
	if (--f->holders == 0 && f->is_home)
		frontend_free(&f->snap);
}

enum err
frontend_new(struct frontend **fp, const char *name)
{
	const uint32_t workers = publish_worker_count();
	struct frontend *f = obj_new_aligned(sizeof(*f) + workers * sizeof(f->slots[0]),
					     _Alignof(struct frontend), FRONTEND_MAGIC);

	if (f == NULL)
		return ERR_NOMEM;
	f->name = strdup(name);
	if (f->name == NULL) {
		obj_free(f);
		return ERR_NOMEM;
	}
	f->id = backend_number();
	f->workers = workers;
	atomic_init(&f->sessions.max, LIMIT_NONE);
	snap_init(&f->snap, workers, frontend_free);
	f->snap.pending++;	/* control's */
	for (uint32_t i = 0; i < workers; i++) {
		snap_slot_init(&f->slots[i].ref, &f->snap);
		list_init(&f->slots[i].listeners);
	}
	*fp = f;
	return ERR_OK;
}

void
frontend_discard(struct frontend **fp)
{
	struct frontend *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	frontend_conf_discard(&f->conf);
	frontend_free(&f->snap);
}

/* A conf on its way to the workers. */
struct frontend_change {
	struct publish_item	 item;
	struct frontend		*frontend;
	struct frontend_conf	*conf;		/* NULL: the frontend goes */
	struct frontend_conf	*old;		/* from publish() on: the predecessor */
	bool			 is_first;
	struct wheel_timer	 cut_off;	/* from publish() to acked() */
	struct listener		*listeners[];	/* a row a worker, a column a bind; taken as needed */
};

static struct listener **
frontend_change_listener(struct frontend_change *change, uint32_t worker, uint32_t index)
{
	return &change->listeners[worker * change->conf->bind_count + index];
}

static void
frontend_change_free(struct frontend_change *change)
{
	size_t count =
		change->conf == NULL ? 0 : (size_t)change->conf->workers * change->conf->bind_count;

	for (size_t i = 0; i < count; i++)
		listener_discard(change->listeners[i]);
	free(change);
}

bool
frontend_conf_find_bind(const struct frontend_conf *conf, const struct bind *bind, uint64_t serial,
			uint32_t *index)
{
	for (uint32_t i = 0; conf != NULL && i < conf->bind_count; i++) {
		if (conf->binds[i] == bind && bind_serial(bind) == serial) {
			*index = i;
			return true;
		}
	}
	return false;
}

static bool
frontend_conf_has(const struct frontend_conf *conf, const struct bind *bind, uint32_t *index)
{
	return frontend_conf_find_bind(conf, bind, bind_serial(bind), index);
}

/*
 * The listeners of binds that `conf` has no more stop, still under the old conf; the others get
 * their index in the new one.
 */
static void
frontend_stop_listeners(struct frontend_slot *slot, const struct frontend_conf *conf)
{
	list_foreach_safe(node, &slot->listeners) {
		struct listener *l = container_of(node, struct listener, node);
		uint32_t index;

		if (!frontend_conf_has(conf, l->bind, &index))
			listener_stop(l);
	}
}

static void
frontend_renumber_listeners(struct frontend_slot *slot, const struct frontend_conf *conf)
{
	list_foreach(node, &slot->listeners) {
		struct listener *l = container_of(node, struct listener, node);
		bool has = frontend_conf_has(conf, l->bind, &l->index);

		assert(has);
	}
}

static void
frontend_start_listeners(struct frontend_change *change, struct worker *worker,
			 const struct frontend_conf *old)
{
	struct frontend_slot *slot = &change->frontend->slots[worker->index];
	const struct frontend_conf *conf = change->conf;

	for (uint32_t i = 0; i < conf->bind_count; i++) {
		struct listener **lp = frontend_change_listener(change, worker->index, i);
		uint32_t index;
		bool is_new = !frontend_conf_has(old, conf->binds[i], &index);

		if (worker->listening_ended) {
			if (is_new)
				bind_close_on(conf->binds[i], worker->index);
			continue;
		}
		keepalive_set(bind_fd(conf->binds[i], worker->index), &conf->clitcpka);
		bind_set_backlog(conf->binds[i], worker->index, conf->bind_confs[i].backlog);
		if (!is_new)
			continue;
		(*lp)->index = i;
		list_append(&slot->listeners, &(*lp)->node);
		listener_start(*lp, worker);
		*lp = NULL;
	}
}

/* Worker. */
static void
frontend_install(struct publish_item *item, struct loop *loop)
{
	struct frontend_change *change = container_of(item, struct frontend_change, item);
	struct frontend_conf *conf = change->conf;
	struct worker *worker = engine_worker(loop);
	struct frontend_slot *slot = &change->frontend->slots[worker->index];
	struct frontend_conf *old = slot->conf;

	frontend_stop_listeners(slot, conf);
	slot->conf = conf;
	frontend_renumber_listeners(slot, conf);
	engine_resume(limit_set_max(&change->frontend->sessions,
				    conf->maxconn == 0 ? LIMIT_NONE : conf->maxconn));
	frontend_start_listeners(change, worker, old);
	if (old == NULL)
		return;
	clients_sweep(worker);
	snap_retire_on(&old->slots[worker->index].ref);
}

static void
frontend_retire(struct publish_item *item, struct loop *loop)
{
	struct frontend_change *change = container_of(item, struct frontend_change, item);
	struct worker *worker = engine_worker(loop);
	struct frontend_slot *slot = &change->frontend->slots[worker->index];
	struct frontend_conf *old = slot->conf;

	frontend_stop_listeners(slot, NULL);
	slot->conf = NULL;
	clients_sweep(worker);
	if (old != NULL)
		snap_retire_on(&old->slots[worker->index].ref);
	snap_retire_on(&slot->ref);
}

/* A worker stands still: what it has not closed listens on, and nobody accepts. */
static void
frontend_on_cut_off(struct wheel_timer *timer)
{
	struct frontend_change *change = container_of(timer, struct frontend_change, cut_off);
	struct frontend_conf *old = change->old;

	for (uint32_t i = 0; i < old->bind_count; i++) {
		if (bind_is_ending(old->binds[i]))
			bind_cut_off(old->binds[i]);
	}
}

/* Control, both kinds: the published truth changes. */
static void
frontend_publish(struct publish_item *item)
{
	struct frontend_change *change = container_of(item, struct frontend_change, item);
	struct frontend_conf *conf = change->conf;
	struct loop *loop = loop_self();

	change->old = change->frontend->conf;
	change->frontend->conf = conf;
	wheel_timer_init(&change->cut_off, frontend_on_cut_off);
	if (change->old != NULL) {
		frontend_conf_leave_binds(change->old);
		wheel_set(&loop->wheel, &change->cut_off, loop->now_ms + frontend_cut_off_ms);
	}
	for (uint32_t i = 0; conf != NULL && i < conf->bind_count; i++)
		bind_set_mode(conf->binds[i], conf->bind_confs[i].mode);
}

/* Control, both kinds: nobody listens on the predecessor's binds any more. */
static void
frontend_acked(struct publish_item *item)
{
	struct frontend_change *change = container_of(item, struct frontend_change, item);

	wheel_cancel(&change->cut_off);
	if (change->old != NULL) {
		frontend_conf_release_left_binds(change->old);
		snap_let_go(&change->old->snap);
	}
	if (change->conf == NULL)
		snap_let_go(&change->frontend->snap);
	frontend_change_free(change);
}

static void
frontend_aborted(struct publish_item *item)
{
	struct frontend_change *change = container_of(item, struct frontend_change, item);
	struct frontend *f = change->is_first ? change->frontend : NULL;
	struct frontend_conf *conf = change->conf;

	frontend_change_free(change);
	frontend_conf_discard(&conf);
	frontend_discard(&f);
}

static const struct publish_ops frontend_install_ops = {
	.publish = frontend_publish,
	.install = frontend_install,
	.acked = frontend_acked,
	.abort = frontend_aborted,
};

static const struct publish_ops frontend_retire_ops = {
	.publish = frontend_publish,
	.install = frontend_retire,
	.acked = frontend_acked,
	.abort = frontend_aborted,
};

static bool
frontend_change_fill(struct frontend_change *change)
{
	struct frontend_conf *conf = change->conf;

	for (uint32_t i = 0; i < conf->bind_count; i++) {
		addr_format(bind_address(conf->binds[i]), conf->bind_texts[i]);
		for (uint32_t worker = 0; worker < conf->workers; worker++) {
			struct listener *l = listener_new(change->frontend, conf->binds[i]);

			if (l == NULL)
				return false;
			*frontend_change_listener(change, worker, i) = l;
		}
	}
	return true;
}

enum err
frontend_publish_new(struct publish_item **ip, struct frontend *frontend,
		     struct frontend_conf *conf)
{
	size_t count = (size_t)conf->workers * conf->bind_count;
	struct frontend_change *change =
		calloc(1, sizeof(*change) + count * sizeof(change->listeners[0]));

	assert_control();
	if (change == NULL)
		return ERR_NOMEM;
	change->item.ops = &frontend_install_ops;
	change->frontend = frontend;
	change->conf = conf;
	change->is_first = !frontend->has_items;
	if (!frontend_change_fill(change)) {
		frontend_change_free(change);
		return ERR_NOMEM;
	}
	frontend->has_items = true;
	*ip = &change->item;
	return ERR_OK;
}

enum err
frontend_retire_new(struct publish_item **ip, struct frontend *frontend)
{
	struct frontend_change *change = calloc(1, sizeof(*change));

	assert_control();
	if (change == NULL)
		return ERR_NOMEM;
	change->item.ops = &frontend_retire_ops;
	change->frontend = frontend;
	*ip = &change->item;
	return ERR_OK;
}

const struct frontend_conf *
frontend_published(const struct frontend *frontend)
{
	return frontend->conf;
}

void
frontend_totals(const struct frontend *frontend, struct frontend_totals *totals)
{
	*totals = (struct frontend_totals){ 0 };
	totals->current = atomic_load_explicit(&frontend->sessions.current, memory_order_relaxed);
	totals->max = atomic_load_explicit(&frontend->sessions.peak, memory_order_relaxed);
	for (uint32_t i = 0; i < frontend->workers; i++) {
		const struct frontend_counters *c = &frontend->slots[i].counters;

		totals->sessions += count_get(&c->sessions);
		totals->bytes_in += count_get(&c->bytes_in);
		totals->bytes_out += count_get(&c->bytes_out);
		totals->refused += count_get(&c->refused);
		totals->denied += count_get(&c->denied);
		for (int k = 0; k < HTTP_CLASSES; k++)
			totals->responses[k] += count_get(&c->responses[k]);
	}
}
