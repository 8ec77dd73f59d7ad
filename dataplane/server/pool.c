/*
 * Idle connections to servers: kept, taken, and purged. See pool.h.
 *
 * What a warm request costs here is a list node moved, and some numbers: the connection's event
 * stays as it is, only whom it calls changes; the purge timer, once set, is left to fire and look.
 *
 * A worker's own, but for pool_init() and idle_count.
 */
#include "config.h"
#include <assert.h>
#include <errno.h>
#include "core/obj.h"
#include "server/server_priv.h"

#define POOL_WORKERS_MAX 64 /* an engine's */
#define POOL_LOOKS 64 /* at ones of other keys, before a new connection is cheaper */

static void pool_on_purge(struct wheel_timer *timer);

/* Of the pools that have a conf installed: each worker touches its own alone. */
static struct pools {
	_Alignas(64) struct list list;	/* zeroed: never used */
} pools_of[POOL_WORKERS_MAX];

static void
pool_register(struct server_slot *slot)
{
	struct list *list = &pools_of[slot->worker].list;

	assert(slot->worker < POOL_WORKERS_MAX);
	if (list->next == NULL)
		list_init(list);
	if (list_is_empty(&slot->pool.node))
		list_append(list, &slot->pool.node);
}

void
pool_init(struct pool *pool)
{
	list_init(&pool->node);
	list_init(&pool->idle);
	list_init(&pool->warm);
	list_init(&pool->own);
	wheel_timer_init(&pool->purge, pool_on_purge);
}

static struct server_conn *
server_conn_of(struct list *node)
{
	return container_of(node, struct server_conn, node);
}

/* Shared ones are kept at all. */
static bool
server_conf_pools(const struct server_conf *conf)
{
	return conf->pool_max_conn != 0 && conf->pool_purge_delay > 0;
}

/* Only this thread writes, so no locked instruction is needed. */
static void
pool_count(struct pool *pool, int change)
{
	uint32_t count = atomic_load_explicit(&pool->idle_count, memory_order_relaxed);

	atomic_store_explicit(&pool->idle_count, count + (uint32_t)change, memory_order_relaxed);
}

void
pool_add_busy(struct pool *pool)
{
	if (++pool->used > pool->peak)
		pool->peak = pool->used;
}

/* Idle ones are told apart by on_lost: only private ones have it. */
static void
pool_remove_idle(struct pool *pool, struct server_conn *sc)
{
	list_remove(&sc->node);
	sc->is_idle = false;
	pool_count(pool, -1);
	if (sc->on_lost == NULL)
		pool->shared--;
}

void
pool_drop(struct server_conn *sc)
{
	struct pool *pool = &sc->slot->pool;

	if (sc->is_idle) {
		pool_remove_idle(pool, sc);
		return;
	}
	assert(pool->used > 0);
	pool->used--;
}

/* An idle one ends, by our will or its server's. `sc` may be looked at until the turn ends. */
static void
pool_lose(struct server_conn *sc)
{
	struct server_conn *closing = sc;

	server_conn_close(&closing);
	if (sc->on_lost != NULL)
		sc->on_lost(sc);
}

/* Whatever an idle one's server says, nobody asked for it. */
static void
pool_on_wake(struct conn *c)
{
	struct server_conn *sc =
		obj_cast(container_of(c, struct server_conn, conn), SERVER_CONN_MAGIC);

	loop_mark(publish_worker(sc->worker));
	if (c->readable || c->closed_seen || c->failed)
		pool_lose(sc);
}

/* `readable` may be left from a read that ended where the response did: then the socket is asked. */
static bool
server_conn_is_quiet(struct server_conn *sc)
{
	struct conn *c = &sc->conn;
	char byte;

	if (c->fd < 0 || c->closed_seen || c->failed || c->eof)
		return false;
	return !c->readable || conn_recv(c, &byte, 1) == -EAGAIN;
}

/* Its server, its age and its past allow that it is used again. */
static bool
pool_may_keep(const struct server_slot *slot, const struct server_conn *sc)
{
	const struct server_conf *conf = slot->conf;

	if (!slot->pool.keeps || sc->epoch != slot->pool.epoch)
		return false;
	return conf->max_reuse < 0 || sc->uses <= (uint32_t)conf->max_reuse;
}

static void
pool_lay(struct server_slot *slot, struct list *list, struct server_conn *sc, void *owner)
{
	slot->pool.used--;
	pool_count(&slot->pool, 1);
	sc->is_idle = true;
	sc->idle_ms = publish_worker(slot->worker)->now_ms;
	sc->owner = owner;
	sc->conn.on_wake = pool_on_wake;
	list_prepend(list, &sc->node);
}

static void
pool_pick_up(struct server_conn *sc, void *owner, void (*on_wake)(struct conn *))
{
	struct pool *pool = &sc->slot->pool;

	pool_remove_idle(pool, sc);
	pool_add_busy(pool);
	sc->on_lost = NULL;
	sc->owner = owner;
	sc->uses++;
	sc->conn.on_wake = on_wake;
}

/* The newest of `list` that will do. */
static struct server_conn *
pool_find(struct list *list, uint64_t key)
{
	unsigned looks = POOL_LOOKS;

	list_foreach(node, list) {
		struct server_conn *sc = server_conn_of(node);
		const struct conn *c = &sc->conn;

		if (sc->key == key && !c->readable && !c->closed_seen && !c->failed)
			return sc;
		if (--looks == 0)
			break;
	}
	return NULL;
}

/*
 * Those come first of which it is known that their server keeps connections. "aggressive" has
 * nothing else for a first request: one that was never used again may just be closed.
 */
struct server_conn *
pool_take(struct server_slot *slot, enum http_reuse reuse, bool is_first, uint64_t key, void *owner,
	  void (*on_wake)(struct conn *))
{
	struct pool *pool = &slot->pool;
	struct server_conn *sc;

	if (reuse == HTTP_REUSE_NEVER || (reuse == HTTP_REUSE_SAFE && is_first))
		return NULL;
	sc = pool_find(&pool->warm, key);
	if (sc == NULL && (reuse == HTTP_REUSE_ALWAYS || !is_first))
		sc = pool_find(&pool->idle, key);
	if (sc != NULL)
		pool_pick_up(sc, owner, on_wake);
	return sc;
}

/* The shared one that lay longest. */
static struct server_conn *
pool_oldest(struct pool *pool)
{
	struct server_conn *idle = server_conn_of(pool->idle.prev);
	struct server_conn *warm = server_conn_of(pool->warm.prev);

	assert(pool->shared > 0);
	if (list_is_empty(&pool->warm))
		return idle;
	if (list_is_empty(&pool->idle))
		return warm;
	return warm->idle_ms < idle->idle_ms ? warm : idle;
}

/*
 * seq_cst, as is the sum: of two workers that give at the same time at least one sees both, and the
 * limit is never exceeded. That both may see it costs a connection.
 */
static bool
pool_is_over_max(struct server_slot *slot)
{
	const struct server *server = slot->server;
	const int32_t max = slot->conf->pool_max_conn;
	uint64_t sum = 0;

	if (max < 0)
		return false;
	atomic_fetch_add(&slot->pool.idle_count, 0);
	for (uint32_t i = 0; i < server->workers; i++)
		sum += atomic_load(&server->slots[i].pool.idle_count);
	return sum > (uint64_t)max;
}

/* More than were ever needed of late. */
static bool
pool_is_over_need(const struct pool *pool, uint32_t low)
{
	const uint32_t need = pool->peak > pool->left ? pool->peak : pool->left;

	return pool->shared > low && pool->used + pool->shared > need;
}

/* Not once a request: what is set fires by itself; if it finds nothing the next one sets it anew. */
static void
pool_start_purge(struct server_slot *slot)
{
	struct pool *pool = &slot->pool;
	struct loop *loop = publish_worker(slot->worker);

	pool->peak = pool->used;
	pool->left = 0;
	wheel_set(&loop->wheel, &pool->purge,
		  loop->now_ms + (uint64_t)slot->conf->pool_purge_delay);
}

void
pool_give(struct server_conn *sc)
{
	struct server_slot *slot = sc->slot;
	struct pool *pool = &slot->pool;

	assert(!sc->is_idle);
	if (sc->is_private || !server_conf_pools(slot->conf) || !pool_may_keep(slot, sc) ||
	    !server_conn_is_quiet(sc)) {
		server_conn_close(&sc);
		return;
	}
	if (!wheel_timer_is_set(&pool->purge))
		pool_start_purge(slot);
	pool_lay(slot, sc->uses > 1 ? &pool->warm : &pool->idle, sc, NULL);
	pool->shared++;
	if (pool_is_over_need(pool, slot->conf->pool_low_conn) || pool_is_over_max(slot))
		pool_lose(pool_oldest(pool));
}

bool
pool_give_own(struct server_conn *sc, void *owner, void (*on_lost)(struct server_conn *))
{
	struct server_slot *slot = sc->slot;

	assert(!sc->is_idle && on_lost != NULL);
	if (!pool_may_keep(slot, sc) || !server_conn_is_quiet(sc)) {
		server_conn_close(&sc);
		return false;
	}
	sc->on_lost = on_lost;
	pool_lay(slot, &slot->pool.own, sc, owner);
	return true;
}

void
pool_take_own(struct server_conn *sc, void *owner, void (*on_wake)(struct conn *))
{
	assert(sc->is_idle && sc->on_lost != NULL);
	pool_pick_up(sc, owner, on_wake);
}

/* How many are to go: half of what is beyond the need, rounded up, but not of the last `low`. */
static uint32_t
pool_surplus(const struct pool *pool, uint32_t low)
{
	const uint32_t total = pool->used + pool->shared;
	const uint32_t excess = total > pool->peak ? total - pool->peak : 0;
	const uint32_t closable = pool->shared > low ? pool->shared - low : 0;
	const uint32_t half = excess / 2 + excess % 2;

	return half < closable ? half : closable;
}

static void
pool_on_purge(struct wheel_timer *timer)
{
	struct server_slot *slot = container_of(timer, struct server_slot, pool.purge);
	struct pool *pool = &slot->pool;
	struct loop *loop = publish_worker(slot->worker);
	const uint64_t now_ms = timer->at_ms > loop->now_ms ? timer->at_ms : loop->now_ms;

	for (uint32_t n = pool_surplus(pool, slot->conf->pool_low_conn); n > 0; n--)
		pool_lose(pool_oldest(pool));
	pool->peak = pool->used;
	pool->left = pool->used + pool->shared;
	if (pool->shared > 0)
		wheel_set(&loop->wheel, timer, now_ms + (uint64_t)slot->conf->pool_purge_delay);
}

/* Close those of `list` that may not be kept; or all. An on_lost() may close others meanwhile. */
static void
pool_close_some(struct server_slot *slot, struct list *list, bool all)
{
	struct list doomed, *node;

	list_init(&doomed);
	list_foreach_safe(one, list) {
		if (!all && pool_may_keep(slot, server_conn_of(one)))
			continue;
		list_remove(one);
		list_append(&doomed, one);
	}
	while (!list_is_empty(&doomed)) {
		node = doomed.next;
		pool_lose(server_conn_of(node)); /* it takes it from the list */
	}
}

static void
pool_close_each(struct server_slot *slot, bool all_shared, bool all_own)
{
	pool_close_some(slot, &slot->pool.idle, all_shared);
	pool_close_some(slot, &slot->pool.warm, all_shared);
	pool_close_some(slot, &slot->pool.own, all_own);
}

/* A lower pool_max_conn: each worker goes down to its share, or until all together are few. */
static void
pool_trim(struct server_slot *slot)
{
	struct pool *pool = &slot->pool;
	const int32_t max = slot->conf->pool_max_conn;
	const uint32_t share = max > 0 ? (uint32_t)max / slot->server->workers : 0;

	while (pool->shared > share && pool_is_over_max(slot))
		pool_lose(pool_oldest(pool));
}

static bool
server_has_moved(const struct server_conf *was, const struct server_conf *now)
{
	return !addr_equals(&was->address, &now->address) ||
	       !addr_equals(&was->source, &now->source) ||
	       was->send_proxy.version != now->send_proxy.version ||
	       was->send_proxy.options != now->send_proxy.options;
}

/* A timer of the old delay would come too late, or too soon. */
static void
pool_set_delay(struct server_slot *slot, const struct server_conf *was)
{
	struct pool *pool = &slot->pool;
	struct loop *loop = publish_worker(slot->worker);

	if (pool->shared == 0)
		wheel_cancel(&pool->purge);
	else if (was != NULL && was->pool_purge_delay != slot->conf->pool_purge_delay)
		wheel_set(&loop->wheel, &pool->purge,
			  loop->now_ms + (uint64_t)slot->conf->pool_purge_delay);
}

void
pool_install(struct server_slot *slot, const struct server_conf *was, const struct server_conf *now)
{
	struct pool *pool = &slot->pool;

	if (now == NULL) {
		pool_close_all(slot);
		return;
	}
	pool_register(slot);
	pool->keeps = now->admin != SERVER_MAINT && !now->own_admin;
	if (!pool->keeps || (was != NULL && server_has_moved(was, now)))
		pool->epoch++;
	if (atomic_load_explicit(&pool->idle_count, memory_order_relaxed) > 0) {
		pool_close_each(slot, !server_conf_pools(now), false);
		pool_trim(slot);
	}
	pool_set_delay(slot, was);
}

void
pool_begin_anew(struct server_slot *slot)
{
	slot->pool.epoch++;
	pool_close_each(slot, true, true);
}

void
pool_close_all(struct server_slot *slot)
{
	list_remove(&slot->pool.node);
	slot->pool.keeps = false;
	pool_close_each(slot, true, true);
	wheel_cancel(&slot->pool.purge);
}

bool
pools_close_idle(uint32_t worker)
{
	struct list *list = &pools_of[worker].list;
	bool closed = false;

	if (list->next == NULL)
		return false;
	list_foreach(node, list) {
		struct pool *pool = container_of(node, struct pool, node);

		closed = closed || pool->shared > 0;
		pool_close_each(container_of(pool, struct server_slot, pool), true, false);
	}
	return closed;
}

void
pools_stop(uint32_t worker)
{
	struct list *list = &pools_of[worker].list;

	while (list->next != NULL && !list_is_empty(list)) {
		struct pool *pool = container_of(list->next, struct pool, node);

		pool_close_all(container_of(pool, struct server_slot, pool));
	}
}

uint32_t
server_idle_connections(const struct server *server)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < server->workers; i++)
		sum += atomic_load_explicit(&server->slots[i].pool.idle_count,
					    memory_order_relaxed);
	return sum;
}
