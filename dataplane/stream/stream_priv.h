/*
 * A stream: one HTTP exchange, or a whole TCP or upgraded connection, to its log line.
 *
 *	a request -> a server is chosen (or waited for) -> a connection -> bytes both ways -> end
 *
 * It lives and dies on one worker; everything here is that worker's. stream_end() is its one exit.
 * It keeps the configuration that it began with: a reference each to the frontend, its conf and its
 * backend's conf, and while it has a server, one to that. What TCP and HTTP do differently is one
 * table each: struct stream_mode.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/endcause.h"
#include "core/list.h"
#include "core/loop.h"
#include "expr/vars.h"
#include "net/conn.h"
#include "rules/rules.h"
#include "server/backend.h"
#include "server/server.h"
#include "stream/client_priv.h"
#include "stream/pump_priv.h"
#include "stream/worker_priv.h"

struct frontend;
struct frontend_conf;
struct listener;

/* Columns: name, the log's second letter (HAProxy manual, 8.5), the API's word. */
#define STREAM_STATES(X)				\
	X(REQUEST,	'R',	"request")		\
	X(RULES,	'R',	"rules")		\
	X(TARPIT,	'T',	"tarpit")		\
	X(CHOOSING,	'C',	"connecting")		\
	X(QUEUED,	'Q',	"queued")		\
	X(CONNECTING,	'C',	"connecting")		\
	X(RETRYING,	'C',	"connecting")		\
	X(AWAITING,	'H',	"waiting")		\
	X(OPEN,		'D',	"open")			\
	X(LAST,		'L',	"last data")		\
	X(ENDED,	'-',	"closing")

enum stream_state {
#define X(name, letter, text) STREAM_##name,
	STREAM_STATES(X)
#undef X
};

char stream_state_letter(enum stream_state state);

#define STREAM_ID_SHIFT 8 /* of its id; below it: the worker */

enum stream_side { CLIENT, SERVER };

/* flow[UP] goes from the client to the server: a flow has the index of its source's side. */
enum stream_flow { UP, DOWN };

/* What TCP and HTTP do differently. Each may end the stream, but for the last two. */
struct stream_mode {
	/* There is a connection to the server: s->sc. */
	void (*connected)(struct stream *s);

	/* An idle connection that may be used instead of a new one; NULL: none. */
	struct server_conn *(*take_idle)(struct stream *s);

	/* No server will serve it. */
	void (*failed)(struct stream *s, enum end_cause cause);

	/* A socket woke; the server's only when it is connected. */
	void (*on_client)(struct stream *s);
	void (*on_server)(struct stream *s);

	/*
	 * Rules look at bytes: read what is there. What has come, and whether that is all; valid for the
	 * callback. False: the client has gone, and that was answered.
	 */
	bool (*gather)(struct stream *s, struct slice *bytes, bool *is_whole);

	/* All rules were run. */
	void (*ruled)(struct stream *s);

	/* A rule answers, denies, or closes. */
	void (*obey)(struct stream *s, enum rules_result result,
		     const struct rules_verdict *verdict);

	/* Go on: the turn's share was used up, or a socket is to be read once more. */
	void (*run)(struct stream *s);

	/* In states that are not stream_connect.c's: when it will have waited for too long, and for whom. */
	uint64_t (*deadline_ms)(const struct stream *s, enum end_cause *cause);
	void (*timed_out)(struct stream *s, enum end_cause cause);

	/* It has ended, and will be logged next; may be NULL. */
	void (*finish)(struct stream *s);

	/* It was logged: do with both connections what its cause asks for. */
	void (*part)(struct stream *s);
};

extern const struct stream_mode stream_tcp;	/* tcp.c */
extern const struct stream_mode stream_http;	/* exchange.c */
extern const struct stream_mode stream_tunnel;	/* exchange.c: an upgraded one */

struct exchange;

/* What rules made of a stream's addresses. */
struct stream_addrs {
	bool			 has_src, has_dst;
	struct stream_peer	 src, dst;
};

/* What rules keep of a stream; one that has none has no need of it. */
struct stream_ruled {
	struct rules_run	 run;		/* where its step stands */
	const char *
		rule; /* the id of the one that ended it, or sent it elsewhere; NULL: none; a conf's */
	struct rule_wishes	 wishes;	/* what rules want of it */
	struct vars		 vars, vars_request, vars_response;	/* txn, req, res */
	struct slab *
		inspected; /* TCP: what the server said, while rules look at it; NULL: they do not */
	struct stream_addrs	*addrs;		/* owned: set-src, set-dst; NULL: the client's */
	struct server		*wanted;	/* by use-server, for the turn in which it said so; NULL: none */
};

struct stream {
	unsigned		 magic;
#define STREAM_MAGIC		 0x57e3a4d7
	enum stream_state	 state;
	enum stream_state	 ended_in;	/* the state that it ended in */
	enum end_cause		 cause;
	enum pick		 pick;
	struct worker		*worker;
	const struct stream_mode *mode;
	struct exchange		*exchange;	/* HTTP: owned */
	struct client		*client;	/* NULL once it has ended */
	struct server_conn	*sc;		/* its connection to the server; NULL: none */
	uint64_t		 id;

	struct frontend		*frontend;	/* these five: see above */
	struct frontend_conf	*frontend_conf;
	struct backend_conf	*backend_conf;	/* NULL: the frontend has no backend */
	struct backend		*backend;	/* held by its conf */
	struct server		*server;	/* NULL: none yet, or none any more */
	struct server		*avoid;		/* RETRYING, QUEUED: it goes elsewhere; referenced */
	uint32_t		 bind_index;	/* in frontend_conf */
	uint32_t		 retries;	/* by the rules: at most as many as the backend's conf says */
	uint32_t		 retry_wait_ms;	/* before a retry on the same server */
	uint32_t		 renewals;	/* retries beside them: its kept connection was dead */
	uint32_t		 queue_ahead;	/* how many waited before it, over all its waits */
	uint32_t		 queue_served;	/* meanwhile, itself included: HAProxy's %bq */
	bool			 redispatched;
	bool			 is_named;	/* its server: by a rule, not by the balance */
	bool			 moved;		/* bytes, since the last tick */
	bool			 wants_new;	/* the next connection is to be a new one */

	bool			 logged_early;	/* before its data ("logasap"): there will be no other line */
	uint8_t			 step;		/* of its rules: see stream_rules.c */
	struct stream_ruled	*ruled;		/* owned; NULL: no rule was run */

	uint64_t		 begun_us;	/* wall time */
	uint64_t		 begun_ms;	/* loop times; 0: not reached */
	uint64_t		 queued_ms;	/* it entered the waiting line */
	uint64_t		 assigned_ms;	/* it has got its first server */
	uint64_t		 connected_ms;
	uint64_t		 queue_time_ms;	/* without a server: in rules, and in line, over all its waits */
	uint64_t		 deadline_ms;	/* of states before OPEN */

	struct stream_link	 link;		/* worker.streams */
	struct list		 by_server;	/* server_slot.streams */
	struct list		 active;	/* worker.active or worker.due */
	struct task		 task;		/* go on pumping */
	struct queue_waiter	 waiter;
	struct grave		 grave;

	struct flow		 flow[2];	/* by enum stream_flow */

	/* for its log line */
	struct captures		*captures;	/* owned; NULL: nothing was kept */
	struct unique_id	*unique_id;	/* owned; NULL: not asked for yet */
};

/* stream.c */

/* A stream of `c`, which came by that bind of `conf`, in `state`. NULL: no memory. */
struct stream *stream_start(struct client *c, struct frontend_conf *conf, uint32_t bind_index,
			    const struct stream_mode *mode, enum stream_state state);

/* The backend that is to serve it, with its conf of now. False: there is none (any more). */
bool stream_set_backend(struct stream *s, struct backend *backend);

/*
 * End it: log, part with its connections, give all back. The first cause counts, later calls do nothing. The memory
 * stays valid until the end of the turn.
 */
void stream_end(struct stream *s, enum end_cause cause);

void stream_end_all(struct worker *worker, enum end_cause cause);

/* It was ended from outside, whatever went on: its sides see a cut. */
static inline bool
stream_is_ordered_end(const struct stream *s)
{
	return s->cause == END_SERVER_DOWN || s->cause == END_ACTIVE_BACK ||
	       s->cause == END_ADMIN || s->cause == END_SERVER_REMOVED || s->cause == END_SHUTDOWN;
}

/*
 * ends.c: end the stream with this node in its server's list: see server/ends.h. False: its server's side is shut,
 * it is left alone.
 */
bool stream_end_by_server(struct list *by_server, enum end_cause cause);

/* Its connection on a side; NULL: there is none. */
struct conn *stream_conn(const struct stream *s, enum stream_side side);

/* Part with a side's connection: a FIN; an RST; an RST once what was written has arrived. */
void stream_close(struct stream *s, enum stream_side side);
void stream_reset(struct stream *s, enum stream_side side);
void stream_cut(struct stream *s, enum stream_side side);

/* tcp.c: what a tunnel shares with it. */
void tcp_start(struct client *c, struct frontend_conf *conf);
void tcp_pump(struct stream *s);	/* move bytes, carry ends across */
/* tcp_inspect.c: rules look at what was sent, before it goes on. */
bool tcp_gather(struct stream *s, struct slice *bytes, bool *is_whole);
bool tcp_inspect_begin(struct stream *s);	/* it is connected. False: no memory, it has ended */
enum tcp_inspection {
	TCP_INSPECTS,		/* they wait for more: nothing goes to the client yet */
	TCP_INSPECTED,
	TCP_ENDED,		/* the stream has */
} tcp_inspect(struct stream *s);
uint64_t tcp_deadline_ms(const struct stream *s, enum end_cause *cause);
void tcp_part(struct stream *s);

/*
 * stream_rules.c: all that stands between a request and the choice of its server. It may wait for time
 * or bytes; then this is called again. Ends in mode->ruled() or mode->obey(); the stream may have ended.
 */
void stream_run_rules(struct stream *s);

/* Room for what rules keep of it. False: no memory, nothing else has happened. */
bool stream_rule(struct stream *s);
void stream_unrule(struct stream *s);	/* give all of that back */

/* What rules want of it. Never NULL. */
const struct rule_wishes *stream_wishes(const struct stream *s);

/* What expressions may look at. `room` is for their results. */
struct eval;
void stream_eval(struct stream *s, struct eval *eval);

/* What the server of a TCP stream has said: RULES_WAITING: ask again with more, or when it says until. */
enum rules_result stream_run_content(struct stream *s, struct slice bytes, bool is_whole,
				     struct rules_verdict *verdict);

/* One phase of a list of rules, of a response; the request's use stream_run_rules(). */
enum rules_result stream_run_phase(struct stream *s, const struct rules *rules,
				   enum rule_phase phase, struct http_head *response,
				   struct http_room *room, struct rules_verdict *verdict);

/* Of a connection that has no stream yet: false: it was closed. */
bool client_run_rules(struct client *c, const struct frontend_conf *conf, enum rule_phase phase);

/* stream_addrs.c: who asks, and whom, as rules say, or the PROXY header, or the kernel. */
const struct stream_peer *stream_src(const struct stream *s);
void stream_dst(const struct stream *s, struct addr *addr);
void stream_set_address(struct stream *s, enum rule_address which, const struct ip *ip, int port);
void client_set_address(struct client *c, enum rule_address which, const struct ip *ip, int port);

/* A time-out: the rules' word, or `otherwise`. */
static inline int64_t
stream_wish_ms(const struct stream *s, enum rule_timeout which, int64_t otherwise)
{
	const int64_t wished = stream_wishes(s)->timeout_ms[which];

	return wished != 0 ? wished : otherwise;
}

static inline uint32_t
stream_retries_max(const struct stream *s)
{
	const int wished = stream_wishes(s)->retries;

	return wished != 0 ? (uint32_t)wished - 1 : s->backend_conf->retries;
}

/* stream_connect.c */

/*
 * Choose a server (s->avoid only if there is no other) and connect to it, or wait for one.
 * `was_called`: from the waiting line. It may have ended then.
 */
void stream_give_up_waiting(struct stream *s);	/* counts it for the log, if it waits */
void stream_choose(struct stream *s, bool was_called);

/* A connection to a server woke: the stream is its owner. */
void stream_on_server_wake(struct conn *c);

/* Connect to the server that it has once more. */
void stream_connect(struct stream *s);
void stream_connect_failed(struct stream *s, enum end_cause cause);
void stream_retry(struct stream *s);	/* the wait before a retry is over; counts it */
void stream_leave_server(struct stream *s);	/* it may have none */

/* What tells its connections to servers from other clients' (server/pool.h); 0: nothing. */
uint64_t stream_conn_key(const struct stream *s);

/*
 * The connection that it has did not do: try again by the rules, elsewhere at once or on the same server
 * in `wait_ms`; or fail with `cause`.
 */
void stream_try_again(struct stream *s, enum end_cause cause, uint32_t wait_ms);

/* The PROXY header that opens a new connection to its server; 0: none is wanted. */
size_t stream_proxy_header(const struct stream *s, char buf[PROXY_OUT_MAX_BYTES]);

/* stream_timeout.c */
void stream_on_timer(struct stream *s);

/* Set the timer so that it fires no later than the next time-out. */
void stream_arm(struct stream *s);

/* In a state of stream_connect.c: `timeout_ms` from now, TIMEOUT_NONE for never. */
void stream_set_deadline(struct stream *s, int64_t timeout_ms);

/* Read both sockets: what came may not have been shown yet. */
void stream_read_once_more(struct stream *s);

uint64_t time_after(uint64_t from_ms, int64_t timeout_ms);	/* WHEEL_NEVER for TIMEOUT_NONE */

/* stream_tick.c */
void stream_note_active(struct stream *s);	/* bytes moved, or a state that has to be watched */
void stream_on_tick(struct wheel_timer *timer);
void stream_on_tick_task(struct task *task);

/* stream_log.c */
void stream_count(struct stream *s);	/* bring the counters up to date */
void stream_log(struct stream *s);
void stream_log_early(struct stream *s);	/* where "log_asap" wants it: it is known who serves */

/* How often it was tried once more; other than in HAProxy, also because a kept connection was dead. */
uint32_t stream_retries(const struct stream *s);

static inline uint64_t
later_of(uint64_t a_ms, uint64_t b_ms)
{
	return a_ms > b_ms ? a_ms : b_ms;
}

static inline void
keepalive_set(int fd, const struct tcp_keepalive *ka)
{
	sock_set_keepalive(fd, ka->on, ka->idle_s, ka->interval_s, ka->count);
}
