/*
 * A stream: one client's connection from accept to its log line.
 *
 *	accept -> a server is chosen (or waited for) -> connect, with retries -> bytes both ways -> end
 *
 * It lives and dies on one worker; everything here is that worker's. stream_end() is its one exit.
 * It keeps the configuration that it began with: a reference each to the frontend, its conf and its
 * backend's conf, and while it has a server, one to that.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/endcause.h"
#include "core/list.h"
#include "core/loop.h"
#include "net/conn.h"
#include "server/backend.h"
#include "server/server.h"
#include "stream/pump_priv.h"
#include "stream/worker_priv.h"

struct frontend;
struct frontend_conf;
struct listener;

/* Columns: name, the log's second letter (HAProxy manual, 8.5), the API's word. */
#define STREAM_STATES(X)				\
	X(CHOOSING,	'C',	"connecting")		\
	X(QUEUED,	'Q',	"queued")		\
	X(CONNECTING,	'C',	"connecting")		\
	X(RETRYING,	'C',	"connecting")		\
	X(OPEN,		'D',	"open")			\
	X(ENDED,	'-',	"closing")

enum stream_state {
#define X(name, letter, text) STREAM_##name,
	STREAM_STATES(X)
#undef X
};

char stream_state_letter(enum stream_state state);

enum stream_side { CLIENT, SERVER };

/* flow[UP] goes from the client to the server: a flow has the index of its source's side. */
enum stream_flow { UP, DOWN };

/* Who connected: an IP and port; of a Unix socket only the family counts. */
struct stream_peer {
	union {
		struct sockaddr		sa;
		struct sockaddr_in	in;
		struct sockaddr_in6	in6;
		char			storage[sizeof(struct sockaddr_in6)];
	};
};

struct stream {
	unsigned		 magic;
#define STREAM_MAGIC		 0x57e3a4d7
	enum stream_state	 state;
	enum stream_state	 ended_in;	/* the state that it ended in */
	enum end_cause		 cause;
	enum pick		 pick;
	struct worker		*worker;
	uint64_t		 id;

	struct frontend		*frontend;	/* these five: see above */
	struct frontend_conf	*frontend_conf;
	struct backend_conf	*backend_conf;	/* NULL: the frontend has no backend */
	struct backend		*backend;	/* held by its conf */
	struct server		*server;	/* NULL: none yet, or none any more */
	struct server		*avoid;		/* RETRYING: to go elsewhere; referenced */
	uint32_t		 bind_index;	/* in frontend_conf */
	uint32_t		 retries;
	uint32_t		 queue_ahead;	/* how many waited before it, over all its waits */
	bool			 redispatched;
	bool			 moved;		/* bytes, since the last tick */
	struct stream_peer	 client;

	uint64_t		 begun_us;	/* wall time */
	uint64_t		 begun_ms;	/* loop times; 0: not reached */
	uint64_t		 queued_ms;	/* it entered the waiting line */
	uint64_t		 assigned_ms;	/* it has got its first server */
	uint64_t		 connected_ms;
	uint64_t		 queue_time_ms;	/* spent in line, over all its waits */
	uint64_t		 deadline_ms;	/* of states before OPEN */

	struct stream_link	 link;		/* worker.streams */
	struct list		 by_server;	/* server_slot.streams */
	struct list		 active;	/* worker.active or worker.due */
	struct task		 task;		/* go on pumping */
	struct wheel_timer	 timer;		/* may fire early: it looks, and is set again */
	struct queue_waiter	 waiter;
	struct grave		 grave;
	struct stream		*next_free;	/* worker.free_streams */

	struct conn		 conn[2];	/* by enum stream_side */
	struct flow		 flow[2];	/* by enum stream_flow */
};

/* stream.c */

/* Serve `fd`, accepted by `l`, which has taken a place in both limits for it. */
void stream_start(struct listener *l, int fd, const struct stream_peer *peer);

/*
 * End it: log, close, give all back. The first cause counts, later calls do nothing. The memory
 * stays valid until the end of the turn.
 */
void stream_end(struct stream *s, enum end_cause cause);

void stream_end_all(struct worker *worker, enum end_cause cause);
void stream_pool_free(struct worker *worker);

/* Move bytes, carry ends across, end the stream when both ways are done. It may have ended then. */
void stream_pump(struct stream *s);

/* stream_connect.c */

/*
 * Choose a server (`avoid` only if there is no other) and connect to it, or wait for one.
 * `was_called`: from the waiting line. It may have ended then.
 */
void stream_choose(struct stream *s, struct server *avoid, bool was_called);
void stream_on_server_wake(struct conn *c);
void stream_connect_failed(struct stream *s, enum end_cause cause);
void stream_retry(struct stream *s);	/* the wait before a retry is over */
void stream_leave_server(struct stream *s);	/* it may have none */

/* stream_timeout.c */
void stream_on_timer(struct wheel_timer *timer);

/* Set the timer so that it fires no later than the next time-out. */
void stream_arm(struct stream *s);

/* In a state before OPEN: `timeout_ms` from now, TIMEOUT_NONE for never. */
void stream_set_deadline(struct stream *s, int64_t timeout_ms);

/* stream_tick.c */
void stream_note_active(struct stream *s);	/* bytes moved, or a state that has to be watched */
void stream_on_tick(struct wheel_timer *timer);
void stream_on_tick_task(struct task *task);

/* stream_log.c */
void stream_count(struct stream *s);	/* bring the counters up to date */
void stream_log(struct stream *s);
void stream_peer_addr(const struct stream_peer *peer, struct addr *addr);

static inline void
keepalive_set(int fd, const struct tcp_keepalive *ka)
{
	sock_set_keepalive(fd, ka->on, ka->idle_s, ka->interval_s, ka->count);
}
