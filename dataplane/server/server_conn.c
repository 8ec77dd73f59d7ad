/*
 * A connection to a server from its opening to its end; in between it is its owner's, or lies in
 * pool.c's lists.
 *
 * Its worker.
 */
#include "config.h"
#include <errno.h>
#include "core/obj.h"
#include "server/server_priv.h"

static void
server_conn_set_keepalive(const struct server_conn *sc)
{
	const struct backend *backend = sc->slot->server->backend;
	const struct tcp_keepalive *ka = &backend->slots[sc->worker].conf->srvtcpka;

	if (ka->on)
		sock_set_keepalive(sc->conn.fd, true, ka->idle_s, ka->interval_s, ka->count);
}

struct server_conn *
server_conn_open(struct server_slot *slot, struct loop *loop, uint64_t key, void *owner,
		 void (*on_wake)(struct conn *), int *result)
{
	struct server_conn *sc = obj_new(sizeof(*sc), SERVER_CONN_MAGIC);

	if (sc == NULL) {
		*result = -ENOMEM;
		return NULL;
	}
	conn_init(&sc->conn, on_wake);
	*result = conn_connect(&sc->conn, loop->base, &slot->conf->address, &slot->conf->source);
	if (*result < 0) {
		obj_free(sc);
		return NULL;
	}
	list_init(&sc->node);
	sc->worker = slot->worker;
	sc->slot = slot;
	sc->owner = owner;
	sc->key = key;
	sc->epoch = slot->pool.epoch;
	sc->uses = 1;
	server_conn_set_keepalive(sc);
	pool_add_busy(&slot->pool);
	return sc;
}

static void
server_conn_bury(struct grave *grave)
{
	obj_free(container_of(grave, struct server_conn, grave));
}

static void
server_conn_end(struct server_conn **scp, void (*end)(struct conn *))
{
	struct server_conn *sc = *scp;

	*scp = NULL;
	if (sc == NULL || sc->slot == NULL)
		return;
	pool_drop(sc);
	sc->slot = NULL;
	end(&sc->conn);
	loop_bury(publish_worker(sc->worker), &sc->grave, server_conn_bury);
}

void
server_conn_close(struct server_conn **scp)
{
	server_conn_end(scp, conn_close);
}

void
server_conn_reset(struct server_conn **scp)
{
	server_conn_end(scp, conn_reset);
}

/* conn_close() on what has no socket any more does nothing. */
void
server_conn_forget(struct server_conn **scp)
{
	server_conn_end(scp, conn_close);
}
