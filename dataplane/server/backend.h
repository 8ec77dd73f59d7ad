/*
 * A backend: servers in levels of priority, one balancing set a worker, a waiting line.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include "core/endcause.h"
#include "core/publish.h"
#include "core/snap.h"
#include "server/queue.h"
#include "server/server.h"

#define TIMEOUT_NONE INT64_MAX	/* "0" in the configuration: never */

struct tcp_keepalive {
	bool	 on;
	int	 idle_s, interval_s, count;	/* 0: the system's */
};

/* Immutable; control fills it after backend_conf_new(). All times in ms, TIMEOUT_NONE for none. */
struct backend_conf {
	struct snap		 snap;
	int64_t			 timeout_connect, timeout_server, timeout_tunnel, timeout_server_fin;
	int64_t			 timeout_queue;
	bool			 tunnel_set;	/* timeout.tunnel was configured: it supersedes client and server */
	uint32_t		 retries;
	int32_t			 redispatch;	/* 0 never; -1 last retry; N every Nth; -N Nth before last */
	uint32_t		 maxqueue;	/* 0: unlimited is not offered; at least 1 */
	uint32_t		 min_usable;
	bool			 allbackups;
	struct tcp_keepalive	 srvtcpka;
	char			*balance;
	uint32_t		 workers;
	struct snap_slot	 slots[];	/* a stream holds a reference to the conf it began with */
};

struct backend_counters {
	_Atomic uint64_t	sessions, bytes_in, bytes_out, connect_errors, retries, redispatches, queue_timeouts;
};

struct backend_totals {
	uint64_t	sessions, bytes_in, bytes_out, connect_errors, retries, redispatches, queue_timeouts;
	uint32_t	current, max, queued;
};

struct backend_slot {
	_Alignas(64) struct snap_slot	 ref;
	struct backend_conf		*conf;
	struct lb			*lb;
	struct backend_counters		 counters;
};

/* A level of priority; control thread. */
struct backend_level {
	struct list	servers;	/* by id */
	uint32_t	usable;
	bool		serves;
};

struct backend {
	unsigned		 magic;
#define BACKEND_MAGIC		 0xbac4e4d1
	struct snap		 snap;
	char			*name;
	struct backend_conf	*conf;		/* published; control */
	struct backend_level	 levels[SERVER_PRIORITIES];
	uint32_t		 holders;	/* control: confs of frontends that name it */
	bool			 home;		/* control: retired and no worker uses it */

	_Alignas(64) _Atomic uint32_t current;
	_Atomic uint32_t	 current_max;
	struct queue		 queue;

	uint32_t		 workers;
	struct backend_slot	 slots[];
};

enum err backend_conf_new(struct backend_conf **cp);	/* zeroed; ERR_NOMEM */
void backend_conf_discard(struct backend_conf **cp);	/* one that was never published */

enum err backend_new(struct backend **bp, const char *name);
void backend_discard(struct backend **bp);		/* never published */

/*
 * The change that installs `conf`: as server_publish_new(). A new "balance" rebuilds the workers'
 * sets (their memory is taken here). Servers are published after their backend.
 */
enum err backend_publish_new(struct publish_item **ip, struct backend *backend, struct backend_conf *conf);

/* All its servers must be retired by items before this one. */
enum err backend_retire_new(struct publish_item **ip, struct backend *backend);

/* Control: a conf of a frontend names it (so it may not be freed), and no more. */
void backend_hold(struct backend *backend);
void backend_release(struct backend *backend);

void backend_totals(const struct backend *backend, struct backend_totals *totals);

/* Why a stream went where it went: "picked" in the log. */
#define PICKS(X)			\
	X(NONE,		"-")		\
	X(BALANCE,	"roundrobin")	\
	X(BACKUP,	"backup")	\
	X(REDISPATCH,	"redispatch")	\
	X(RETRY,	"retry")
enum pick {
#define X(name, text) PICK_##name,
	PICKS(X)
#undef X
};
const char *pick_text(enum pick pick);

/*
 * Choose a server for a new stream (or for one that is sent elsewhere: `avoid`, may be NULL; it is
 * taken only when nothing else is left) and take a place on it. The caller gets a reference in the
 * server's slot and a place; it gives both back with backend_leave().
 * ERR_BUSY: servers are there but full: wait in line (queue.h). ERR_GONE: none is usable.
 * Worker thread.
 */
enum err backend_pick(struct backend *backend, uint32_t worker, struct server *avoid,
	struct server **sp, enum pick *pick);
void backend_leave(struct server *server, uint32_t worker);
