/*
 * Connections to servers, and those of them that are idle: a pool a server and worker (HAProxy
 * manual, "http-reuse", "pool-max-conn", "pool-purge-delay", "max-reuse").
 *
 * A connection belongs to one worker. It is busy (its owner's), or idle: then it lies here,
 * watched, and is closed when its server says anything or goes away, when it is too many, or when
 * nobody needed it for long. Last in, first out: the warm ones work, the others age.
 *
 * How many there can be: a worker keeps no more shared ones than make, with its busy ones, the most
 * that were busy at once since the last purge (or what that purge left; or pool_low_conn), and
 * pool_max_conn holds over all workers. So a flood of clients who come once leaves no more behind
 * than were served at the same time, though "safe" opens a connection for each of them. Private
 * ones are their clients', as many as these are: they are counted, but neither pool_max_conn nor
 * purges close them (HAProxy 2.6 does so, too); max_reuse holds for all.
 *
 * Worker thread, but where said.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/list.h"
#include "core/loop.h"
#include "core/slab.h"
#include "core/wheel.h"
#include "net/conn.h"

struct server;
struct server_conf;
struct server_slot;

enum http_reuse {
	HTTP_REUSE_NEVER,	/* only by the client that opened it */
	HTTP_REUSE_SAFE,	/* not for a client's first request */
	HTTP_REUSE_AGGRESSIVE,	/* for that, too, if it was reused before: so its server keeps connections */
	HTTP_REUSE_ALWAYS,
};

struct server_conn {
	unsigned		 magic;
#define SERVER_CONN_MAGIC	 0x5ec044c7
	uint32_t		 worker;
	struct conn		 conn;
	struct server_slot	*slot;		/* busy: referenced by its owner; idle: it closes us first */
	void			*owner;		/* busy: whose it is; the owner's conn.on_wake reads it */
	struct list		 node;		/* idle: in the pool */
	uint64_t		 key;		/* what besides the address tells connections apart; 0 */
	uint64_t		 epoch;		/* of the pool when it was opened: its address is that of then */
	uint64_t		 idle_ms;	/* since when, loop time */
	uint32_t		 uses;		/* how often it was taken; 1: new */
	bool			 is_idle;
	bool			 is_private;	/* never for another client */
	void		       (*on_lost)(struct server_conn *);	/* idle and private: it is being closed */
	struct grave		 grave;
};

/* A worker's pool of a server; embedded in server_slot. */
struct pool {
	struct list		 node;		/* of the worker's pools, while its server is installed */
	struct list		 idle;		/* used once; the newest first */
	struct list		 warm;		/* used again before, so their server keeps connections; ditto */
	struct list		 own;		/* private ones */
	_Atomic uint32_t	 idle_count;	/* of all three; this worker writes, any thread reads */
	uint32_t		 shared;	/* of the first two */
	uint32_t		 used;		/* busy now */
	uint32_t		 peak;		/* busy at most, since the last purge */
	uint32_t		 left;		/* busy and shared, after the last purge */
	bool			 keeps;		/* its server may be used */
	uint64_t		 epoch;		/* how often its address or state told it to start anew */
	struct wheel_timer	 purge;		/* set while something shared is idle, and once after */
};

void pool_init(struct pool *pool);

/*
 * A new connection to the server as its slot's conf says (address, source; its backend's
 * "srvtcpka"), busy, owned by `owner`, with `on_wake`. *result is conn_connect()'s. NULL: *result
 * is a negative errno, nothing is open. Costs a malloc; a stream's of TCP, too, that is never
 * given.
 */
struct server_conn *server_conn_open(struct server_slot *slot, struct loop *loop, uint64_t key,
	void *owner, void (*on_wake)(struct conn *), int *result);

/*
 * Take an idle one that a client may use: `is_first` says that this is his first request. NULL:
 * none. It is busy then, `owner`'s, with `on_wake`; uses has grown. No system call, no timer, no
 * memory here and in pool_give().
 */
struct server_conn *pool_take(struct server_slot *slot, enum http_reuse reuse, bool is_first,
	uint64_t key, void *owner, void (*on_wake)(struct conn *));

/*
 * A busy one is done and could serve again: keep it, or close it where its server, the limits or
 * its age say so, or where something came that nobody asked for (`readable` costs a look at the
 * socket). It is not its owner's any more, either way; last call on it. A private one is closed.
 */
void pool_give(struct server_conn *sc);

/*
 * The same for one that only its client may use again: `on_lost` (not NULL) tells that it is closed
 * (never from within this call), and is the last that is heard of it. False: it was not kept, it is
 * gone. Take it back with pool_take_own(), which needs no look whether it may be used. Its owner
 * holds no reference to the slot meanwhile, and may close it.
 */
bool pool_give_own(struct server_conn *sc, void *owner, void (*on_lost)(struct server_conn *));
void pool_take_own(struct server_conn *sc, void *owner, void (*on_wake)(struct conn *));

/*
 * End a busy or idle one: with a FIN, or cut. Buried with the turn, so what was called by it may
 * look once more. *scp is NULL afterwards. One that is closed already (from within on_lost) is left
 * alone.
 */
void server_conn_close(struct server_conn **scp);
void server_conn_reset(struct server_conn **scp);

/* Its socket was taken away by conn_take(): only the memory is left to be given back. */
void server_conn_forget(struct server_conn **scp);

/*
 * A server's conf is installed (`was`: its predecessor, or NULL), or it goes (`now` NULL): idle
 * ones are closed if it is in maintenance or has moved (address, source, PROXY protocol), and busy
 * ones will not come back; also those that are too many or too old by the limits of `now`.
 * slot->conf is `now` already.
 */
void pool_install(struct server_slot *slot, const struct server_conf *was,
	const struct server_conf *now);

/* Its server is down or in maintenance: idle ones are closed, busy ones will not come back. */
void pool_begin_anew(struct server_slot *slot);

/* Close all that are idle, and keep none any more: the worker stops. */
void pool_close_all(struct server_slot *slot);

/* Close all that are idle on this worker, which stops: nothing is kept from here on. */
void pools_stop(uint32_t worker);

/* Close what is idle on this worker: descriptors are short. False: there was nothing. */
bool pools_close_idle(uint32_t worker);

/* Idle ones of all workers. Any thread. */
uint32_t server_idle_connections(const struct server *server);
