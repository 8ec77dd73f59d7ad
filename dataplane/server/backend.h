/*
 * A backend: servers in levels of priority, one balancing set a worker, a waiting line.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/err.h"
#include "core/heap.h"
#include "core/list.h"
#include "core/mailbox.h"
#include "core/publish.h"
#include "core/snap.h"
#include "http/answer.h"
#include "http/forward.h"
#include "server/check.h"
#include "server/queue.h"
#include "server/server.h"

#define TIMEOUT_NONE INT64_MAX	/* "0" in the configuration: never */

struct tcp_keepalive {
	bool	 on;
	int	 idle_s, interval_s, count;	/* 0: the system's */
};

struct rules;

enum traffic_mode { MODE_TCP, MODE_HTTP };

/* When a request is sent once more (HAProxy manual, "retry-on"); statuses are the other mask's. */
#define RETRY_ON_CONN_FAILURE		0x1
#define RETRY_ON_EMPTY_RESPONSE		0x2
#define RETRY_ON_JUNK_RESPONSE		0x4
#define RETRY_ON_RESPONSE_TIMEOUT	0x8

/* Columns: status. A bit of retry_on_statuses each, by its place here. */
#define RETRY_ON_STATUSES(X) \
	X(401) X(403) X(404) X(408) X(421) X(425) X(429) X(500) X(501) X(502) X(503) X(504)

/* The bit of a status; 0: it can't be retried on. */
uint32_t retry_on_status_bit(uint16_t status);

/* What only HTTP has. Owned by the conf. */
struct backend_http {
	enum http_reuse		 reuse;
	unsigned		 retry_on;		/* RETRY_ON_* */
	uint32_t		 retry_on_statuses;
	unsigned		 h1_options;		/* H1_RELAXED: of responses */
	unsigned		 h1_names;		/* H1_NAMES_*: of requests that come here */
	struct http_forwardfor	 forwardfor, originalto;
	struct http_forwarded	 forwarded;
	struct http_errors	 errors;
};

/* Immutable; control fills it after backend_conf_new(). All times in ms, TIMEOUT_NONE for none. */
struct backend_conf {
	struct snap		 snap;
	enum traffic_mode	 mode;
	struct backend_http	 http;
	int64_t			 timeout_connect, timeout_server, timeout_tunnel, timeout_server_fin;
	int64_t			 timeout_queue;
	bool			 tunnel_set;	/* timeout.tunnel was configured: it supersedes client and server */
	uint32_t		 retries;
	int32_t			 redispatch;	/* 0 never; -1, N, -N: see redispatch_is_due() in stream/ */
	uint32_t		 maxqueue;	/* 0: unlimited is not offered; at least 1 */
	uint32_t		 min_usable;
	bool			 allbackups;
	struct tcp_keepalive	 srvtcpka;
	struct check_conf *
		check; /* owned reference: how its servers are checked; never NULL once published */
	int64_t			 timeout_check;	/* TIMEOUT_NONE: "inter" bounds the whole check */
	bool			 log_health_checks;
	struct rules		*rules;		/* owned; NULL: none */
	void		       (*rules_free)(struct rules *);	/* rules/ is above; set with `rules` */
	char			*balance;	/* owned; NULL: "roundrobin" */
	struct backend		*backend;	/* backend_publish_new() sets it; kept by its confs */
	uint32_t		 workers;
	struct snap_slot	 slots[];	/* a stream holds a reference to the conf it began with */
};

struct backend_counters {
	_Atomic uint64_t	sessions, bytes_in, bytes_out;
	_Atomic uint64_t	connect_errors, retries, redispatches, queue_timeouts;
	_Atomic uint64_t	responses[HTTP_CLASSES];
	_Atomic uint64_t	streams;	/* that have it as theirs now, with a server or without */
	struct rate		session_rate;
};

struct backend_totals {
	uint64_t	sessions, bytes_in, bytes_out;
	uint64_t	connect_errors, retries, redispatches, queue_timeouts;
	uint64_t	responses[HTTP_CLASSES];
	uint32_t	current, max, queued;
};

struct backend_slot {
	_Alignas(64) struct snap_slot	 ref;		/* streams may count here, to keep the backend */
	struct backend_conf		*conf;		/* installed here */
	struct lb			*lb;
	struct backend_counters		 counters;	/* stream/ counts */
	uint64_t			 installed;	/* the last item that was: see weight.c */
	struct list			 behind;	/* of server slots: see weight.c */
	struct list			 by_name;	/* see names.c */
	struct mail			 leave_mail;	/* control -> worker: nothing names it any more */
	struct backend			*backend;
	uint32_t			 worker;
};

/* A level of priority; control thread. */
enum level_mode {
	LEVEL_IDLE,		/* lower levels have enough usable servers */
	LEVEL_FIRST,		/* its first usable server serves */
	LEVEL_ALL,		/* all its usable servers serve */
};

struct backend_level {
	struct list	 servers;	/* all, in no order */
	struct heap	 usable_ids;	/* the usable ones, by id */
	uint32_t	 usable;	/* how many these are */
	enum level_mode	 mode;
	struct server	*first;		/* LEVEL_FIRST: who serves; NULL: nobody */
};

/* What rules ask of a backend's servers: control writes, workers read and may be a little late. */
struct backend_shown {
	_Atomic uint32_t	 actives;	/* usable servers of priority 0 */
	_Atomic uint32_t	 serving;	/* these, or if there are none the backups that serve: nbsrv() */
	_Atomic uint32_t	 unlimited;	/* eligible servers without maxconn */
	_Atomic uint64_t	 places;	/* sum of the others' maxconn */
};

struct backend {
	unsigned		 magic;
#define BACKEND_MAGIC		 0xbac4e4d1
	struct snap		 snap;
	char			*name;
	uint32_t		 number;	/* backend_number(): for "be_id" */
	struct backend_conf	*conf;		/* published; control */
	struct backend_level	 levels[SERVER_PRIORITIES];	/* control */
	struct list		 leaving;	/* control: retired servers, while a stream or a rule has them */
	bool			 is_settled;	/* control: nothing happened since levels_settle() */
	bool			 is_told_down;	/* control: the layer above told that no server is usable */
	bool			 is_gone;	/* control: the item that retires it was published */
	struct list		 changed;	/* control: servers whose change is to be sent and told */
	uint64_t		 sequence;	/* control: numbers the items of it and its servers */
	uint64_t		 settled;	/* control: the last of them that workers were sent */
	uint32_t		 holders;	/* control: confs of frontends that name it, and servers */
	uint32_t		 watchers;	/* control: who only looks at it, see backend_watch() */
	uint32_t		 confs;		/* control: its own confs, published and not yet freed */
	bool			 has_first;	/* control: an item with its first conf was made */
	bool			 is_retired;	/* control: the item that retired it was acknowledged */
	bool			 is_leaving;	/* control: and no holder is left: workers were told */
	bool			 is_home;	/* control: and no worker uses it */
	struct check_line	 check_lines[CHECK_SOURCES];	/* control */
	struct backend_shown	 shown;

	_Alignas(64) _Atomic uint32_t current;
	_Atomic uint32_t	 current_max;
	struct queue		 queue;

	uint32_t		 workers;
	struct backend_slot	 slots[];
};

enum err backend_conf_new(struct backend_conf **cp);	/* zeroed; ERR_NOMEM */
void backend_conf_discard(struct backend_conf **cp);	/* one that was never published */

enum err backend_new(struct backend **bp, const char *name);

/* One more, from 1 on: no two backends or frontends of a process have the same. Control. */
uint32_t backend_number(void);
void backend_discard(struct backend **bp);		/* never published */

/*
 * The change that installs `conf`: as server_publish_new(), and ERR_UNKNOWN for a "balance" that
 * there is not. A new "balance" rebuilds the workers' sets (their memory is taken here). Servers are
 * published after their backend.
 */
enum err backend_publish_new(struct publish_item **ip, struct backend *backend,
	struct backend_conf *conf);

/*
 * The change that takes it away. All its servers must be retired by items before this one. It stays
 * until the item is acknowledged, its servers are freed, and no conf of a frontend and no stream
 * uses it or a conf of it. ERR_NOMEM.
 */
enum err backend_retire_new(struct publish_item **ip, struct backend *backend);

/* The one of that name, as installed on the worker; NULL: there is none. Worker. */
struct backend *backend_find(uint32_t worker, struct slice name);

/* Its server of that name, as installed on the worker, valid within this turn; NULL: there is none. Worker. */
struct server *backend_find_server(const struct backend *backend, uint32_t worker,
				   struct slice name);

/* Control: a conf of a frontend names it (so it may not be freed), and no more. */
void backend_hold(struct backend *backend);
void backend_release(struct backend *backend);

/*
 * Control: an expression of a backend's conf names it, and no more. It can be looked at, but
 * nothing goes there on account of that: its own confs go as if nobody looked, so that those who
 * name each other, or themselves, can go.
 */
void backend_watch(struct backend *backend);
void backend_unwatch(struct backend *backend);

void backend_totals(const struct backend *backend, struct backend_totals *totals);

/* Why a stream went where it went: "picked" in the log. */
#define PICKS(X)			\
	X(NONE,		"-")		\
	X(BALANCE,	"roundrobin")	\
	X(BACKUP,	"backup")	\
	X(OWN,		"own-connection")	\
	X(RULE,		"use-server")		\
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
 * server's slot and a place; it gives both back with backend_leave(). `pick` says why it was this.
 * ERR_BUSY: servers are there but full: wait in line. ERR_GONE: none is usable.
 * Worker thread.
 */
enum err backend_pick(struct backend *backend, uint32_t worker, struct server *avoid,
	struct server **sp, enum pick *pick);
void backend_leave(struct server *server, uint32_t worker);

/*
 * Take a place on just that server, for a client that has a connection there which nobody else may use.
 * False: it takes no new streams, or is full.
 */
bool backend_take(struct server *server, uint32_t worker);

/*
 * The same for a rule that names the server: also one of weight 0, that drains, or a backup
 * (HAProxy manual, "use-server"). False: it is down or in maintenance, or full.
 */
bool backend_take_named(struct server *server, uint32_t worker);

/*
 * The same for a stream that may wait, and does not overtake those who do. `waiter` is embedded in
 * the stream, zeroed, with its mailbox and called() set. `was_called`: from within called(), where
 * this is asked again.
 * ERR_OK: as above. ERR_BUSY: it waits, called() will follow. ERR_LIMIT: `maxqueue` wait already.
 * ERR_GONE: none is usable; those who wait are called then, too, and get this answer.
 */
enum err backend_pick_or_wait(struct backend *backend, uint32_t worker, struct server *avoid,
			      struct queue_waiter *waiter, bool was_called, struct server **sp,
			      enum pick *pick);

/*
 * Does not wait any more (a timeout, the client has gone, and before the stream is freed). False:
 * called() will still come once: see queue_leave(). That may be so after an ERR_OK, too.
 */
static inline bool
backend_stop_waiting(struct queue_waiter *waiter)
{
	return queue_leave(waiter);
}
