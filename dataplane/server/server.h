/*
 * A server: an object with an identity (backend, id, generation) that outlives its configuration.
 *
 * Control thread: configuration, state, eligibility. Workers: their slot. Shared: the atomics.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/diag.h"
#include "core/err.h"
#include "core/heap.h"
#include "core/list.h"
#include "core/mailbox.h"
#include "core/publish.h"
#include "core/rate.h"
#include "core/snap.h"
#include "core/wheel.h"
#include "lb/lb.h"
#include "net/proxy.h"
#include "server/ends.h"
#include "server/health.h"
#include "server/observe.h"
#include "server/pool.h"

#define HTTP_CLASSES	6	/* of statuses: 1xx to 5xx, and 0 for others */
#define SERVER_PRIORITIES 10	/* 0: the actives; 1..9: backups */

struct backend;

enum server_admin { SERVER_READY, SERVER_DRAIN, SERVER_MAINT };

/* What the API shows as status.state; server_state_of() computes it: the first that holds. */
#define SERVER_STATES(X)				\
	X(MAINT,	"maint")			\
	X(NO_ADDRESS,	"no_address")			\
	X(DOWN,		"down")				\
	X(STOPPING,	"stopping")			\
	X(DRAIN,	"drain")			\
	X(STARTING,	"starting")			\
	X(NO_CHECK,	"no_check")			\
	X(UP,		"up")

enum server_state {
#define X(name, text) SERVER_STATE_##name,
	SERVER_STATES(X)
#undef X
};
const char *server_state_text(enum server_state state);

/* Its state lets it take new sessions; whether it may is its level's and the balance's. */
bool server_state_is_usable(enum server_state state);

/* Neither down nor in maintenance: HAProxy's srv_is_up(). */
bool server_state_is_up(enum server_state state);
bool server_is_up(const struct server *server);	/* as workers see it, a little late */

#define SERVER_DETAIL_BYTES 192

/*
 * Why it is in its state: the API's status.cause.code. Columns: name, code, words, what it comes from.
 */
#define SERVER_CAUSES(X)							\
	X(CREATED,	"created",	"created by configuration", CONFIG)	\
	X(CONFIG,	"config",	"set by configuration", CONFIG)		\
	X(OWN_ADMIN,	"own-admin",						\
	  "the address is one of our own admin listeners", CONFIG)		\
	X(RESTORED,	"restored",						\
	  "admin_state set by REST earlier, kept over an edited file", CONFIG)	\
	X(MOVED,	"address-changed", "its address was changed", CONFIG)	\
	X(REMOVED,	"removed",	"removed from the configuration", CONFIG) \
	X(CHECK_PASSED,	"check-passed",	"its health check passed", CHECK)	\
	X(CHECK_FAILED,	"check-failed",	"its health check failed", CHECK)	\
	X(CHECK_404,	"check-404",	"its health check said 404", CHECK)	\
	X(OBSERVED,	"observed",	"too many errors in traffic", CHECK)	\
	X(INIT_STATE,	"init-state",	"it awaits its first checks", OTHER)	\
	X(AGENT,	"agent",	"its agent said so", AGENT)		\
	X(TRACKED,	"tracked",	"it follows the server that it tracks", OTHER) \
	X(WARMED_UP,	"warmed-up",	"its slow start is over", OTHER)

enum server_cause {
#define X(name, code, words, source) SERVER_CAUSE_##name,
	SERVER_CAUSES(X)
#undef X
};
enum cause_source {
	CAUSE_OF_CONFIG,	/* somebody wrote it: there may be an actor */
	CAUSE_OF_CHECK,		/* server->health.last_check */
	CAUSE_OF_AGENT,		/* server->health.last_agent */
	CAUSE_OF_OTHER,
};
const char *server_cause_code(enum server_cause cause);
const char *server_cause_words(enum server_cause cause);
enum cause_source server_cause_source(enum server_cause cause);

/* Who says to have made a change: a text that is counted. Control; all take NULL for nobody. */
struct actor;
struct actor *actor_new(const char *text);	/* NULL: no memory */
struct actor *actor_ref(struct actor *actor);
void actor_unref(struct actor **ap);
const char *actor_text(const struct actor *actor);

/*
 * What configuration has a say in, each with its own reason: what is said of one does not explain another.
 */
enum server_say { SAY_ADMIN, SAY_WEIGHT, SAY_ADDRESS, SERVER_SAYS };
struct server_said {
	enum server_cause	 cause;
	struct actor		*actor;		/* a reference */
};

/* Immutable. Control makes it with calloc and fills it; server_publish_new() takes it over. server_conf_free(). */
struct server_conf {
	struct addr		address;	/* len 0 never */
	struct addr		source;		/* to connect from; len 0: the system's choice */
	uint32_t		maxconn;	/* 0: none */
	uint16_t		weight;		/* 0..256 */
	uint8_t			priority;	/* 0..SERVER_PRIORITIES-1 */
	enum server_admin	admin;
	bool			own_admin;	/* never connect: it is our admin listener */
	int32_t			pool_max_conn;	/* idle connections over all workers; -1: any number */
	int64_t			pool_purge_delay;	/* ms; 0: idle ones are not kept */
	uint32_t		pool_low_conn;	/* idle ones a worker that no purge closes */
	int32_t			max_reuse;	/* times that a connection is used again; -1: any number */
	enum observe		observe;	/* here: with send_proxy each connect looks at it */
	struct proxy_send	send_proxy;

	/* its health; HAProxy's words are in the manual, 5.2 */
	uint16_t		weight_percent;	/* of `weight` */
	bool			check, agent_check, check_send_proxy;
	enum init_state		init_state;
	enum on_error		on_error;
	bool			on_marked_down;	/* "shutdown-sessions" */
	bool			on_marked_up;	/* "shutdown-backup-sessions" */
	uint16_t		rise, fall;
	uint32_t		error_limit;
	int64_t			inter, fastinter, downinter, agent_inter;	/* ms; 0: unset */
	int64_t			slowstart;	/* ms; 0: none */
	struct addr		check_addr, agent_addr;	/* without a port; len 0: the server's */
	uint16_t		check_port, agent_port;	/* 0: the address's, the server's */
	struct check_conf	*agent_steps;	/* owned reference; NULL without agent_check */
	struct server		*track;		/* held; whose state it has; NULL: its own */
	struct actor		*actor;		/* a reference: who wrote it; NULL: nobody said */
};

/* Numbers of one worker; summed by server_counters(). Relaxed: one writer, the reader may be late. */
struct server_counters {
	_Atomic uint64_t	sessions;
	_Atomic uint64_t	bytes_in;	/* from clients to the server */
	_Atomic uint64_t	bytes_out;
	_Atomic uint64_t	connect_errors;
	_Atomic uint64_t	retries;
	_Atomic uint64_t	redispatches;
	_Atomic uint64_t	response_errors;	/* none, or a malformed one */
	_Atomic uint64_t	responses[HTTP_CLASSES];	/* by status / 100; 0: others */
	struct rate		session_rate;
};

struct server_totals {
	uint64_t	sessions, bytes_in, bytes_out, connect_errors, retries, redispatches;
	uint64_t	response_errors, responses[HTTP_CLASSES];
	uint32_t	current, max;
};

/* Errors that a worker has seen reach the limit: see observe.c, also for who may touch it when. */
struct observed {
	struct mail		 mail;
	uint32_t		 count;		/* that was reached */
	uint32_t		 next_count;	/* to be told after this; 0: nothing */
	enum observed_error	 error, next_error;	/* the last one */
	bool			 is_under_way;
};

/* A worker's view of a server. In order of use: choosing one reads the first two cache lines. */
struct server_slot {
	_Alignas(64) struct snap_slot	 ref;		/* streams count here */
	const struct server_conf	*conf;		/* valid within a turn: copy what you keep */
	struct server			*server;
	struct list			 streams;	/* of the worker that use this server; stream/'s */
	struct lb_node			 node;
	uint32_t			 worker;
	_Atomic bool			 weight_sent;	/* that mail is under way */
	struct pool			 pool;
	struct mail			 weight_mail;	/* to the worker: look at server->lb_order */
	struct server_counters		 counters;	/* stream/ counts */
	struct list			 behind;	/* in the backend slot's list, see weight.c */
	struct list			 by_name;	/* see names.c */
	struct observed			 observed;
	struct server_ends		 ends;
};

/* What an agent has a say in, each with the line that said it last. */
enum agent_say { AGENT_SAID_ADMIN, AGENT_SAID_HEALTH, AGENT_SAID_WEIGHT, AGENT_SAYS };

/* What is known of a server's health, from whom; control thread. */
struct server_health {
	struct health		 check, agent;
	bool			 is_stopping;	/* its last check passed with 404, and disable_on_404 */
	bool			 is_judged;	/* by a verdict, since it began: else init_state speaks */
	bool			 is_hurried;	/* traffic raised a doubt: the next check comes soon */
	bool			 streak_passes;
	enum server_cause	 fall_cause;	/* why it is down, if it is, by its check */
	char			 fall_detail[SERVER_DETAIL_BYTES];
	char			 agent_said[AGENT_SAYS][CHECK_DETAIL_BYTES];	/* the lines that hold */
	uint32_t		 streak;	/* verdicts of one kind in a row */
	bool			 is_starting;	/* slowstart, from started_ms on */
	uint64_t		 started_ms;	/* loop time */
	struct wheel_timer	 slow;		/* the next step of a slow start */
	enum server_admin	 agent_admin;	/* what the agent wants */
	int32_t			 agent_percent;	/* of the configured weight; -1: agent_weight; 100: nothing said */
	uint16_t		 agent_weight;
	int64_t			 agent_maxconn;	/* -1: nothing said */
	struct check_last	 last_check, last_agent;
};

struct server {
	unsigned		 magic;
#define SERVER_MAGIC		 0x5e27e201
	struct snap		 snap;
	struct backend		*backend;	/* held: outlives it */
	char			*name;
	uint32_t		 id;
	uint64_t		 generation;	/* process-wide, never used twice */

	/* control thread only */
	struct server_conf	*conf;		/* the published one; NULL before */
	bool			 has_first;	/* an item with its first conf was made */
	bool			 is_publishing;	/* an item of it is in the publication being sent */
	struct list		 by_priority;	/* in backend->levels[level].servers */
	struct heap_node	 by_id;		/* in that level's heap, while usable */
	uint8_t			 level;		/* the published priority */
	bool			 has_state;	/* its first conf was published */
	enum server_state	 state;
	enum server_cause	 cause;		/* of whoever decides the state, see why.c */
	char			 detail[SERVER_DETAIL_BYTES];	/* of the cause; "": its words say all */
	struct actor		*actor;		/* a reference: whose change that was; NULL: nobody's */
	struct server_said	 said[SERVER_SAYS];
	uint64_t		 since_us;	/* wall time of the last change of state */
	bool			 usable;	/* by its state: could serve */
	bool			 eligible;	/* and its level serves: a new session may go there */
	bool			 is_counted;	/* in backend->shown, with that maxconn */
	uint32_t		 counted_maxconn;
	uint16_t		 weight;	/* effective: what workers are to use, 0 if not eligible */
	struct list		 changed;	/* in backend->changed, until the workers know */
	struct list		 untold;	/* where very many changed at once: its turn will come */
	enum server_state	 told_state;	/* what server_on_change() heard last */
	bool			 told_eligible;
	enum server_cause	 told_cause;
	struct addr		*moved_from;	/* its address that was told last; NULL: it has that still */
	bool			 is_gone;	/* the item that retires it was published */
	bool			 is_home;	/* retired, and no worker uses it */
	bool			 is_retired;	/* the item that retired it was acknowledged */
	uint32_t		 holders;	/* rules and trackers that name it, an order that is away */
	struct server_health	 health;
	struct check		*check, *agent;	/* owned; NULL: never needed */
	struct server		*tracked;	/* whom the published conf tracks; NULL: nobody */
	struct list		 trackers;	/* who tracks it */
	struct list		 by_tracked;	/* in tracked->trackers */
	struct list		 track_due;	/* it is to follow, see track.c */
	enum server_admin	 admin;		/* what server_admin_of() said last */
	bool			 is_turned;	/* and its state was `turned_from` when ends were ordered last */
	enum server_state	 turned_from;
	bool			 is_told;	/* of at least once */
	bool			 is_watching;	/* its backend: only they still need it */
	struct server_end_order	 end_order;

	/* control writes, workers read: the weight that workers were sent last, see weight.c */
	_Atomic uint64_t	 lb_order;
	_Atomic uint8_t		 state_shown;	/* control writes, workers read: enum server_state */
	_Atomic uint16_t	 weight_shown;	/* effective, in the balance's units; 0 while it drains */
	_Atomic uint16_t	 weight_set_shown;	/* the same without a slow start and drain */

	/* shared by all workers: one cache line */
	_Alignas(64) _Atomic uint32_t current;	/* streams that hold a place */
	_Atomic uint32_t	 current_max;
	_Atomic uint32_t	 maxconn;	/* of the published conf, for server_place_take() */
	_Atomic uint32_t	 errors_in_row;	/* where it is observed */

	uint32_t		 workers;
	struct server_slot	 slots[];
};

/*
 * The only place where a state is decided, from what is configured, what is known of its health, and its
 * address. Control.
 */
enum server_state server_state_of(const struct server *server);

/* What counts of all who have a say: configuration, agent, whom it tracks. Control. */
enum server_admin server_admin_of(const struct server *server);

/* With what holds where nothing is said; NULL: no memory. Any thread. */
struct server_conf *server_conf_new(void);

/* One that was never published, or whose successor is. NULL is fine. */
void server_conf_free(struct server_conf *conf);

/* An unpublished server. The name is copied. ERR_NOMEM. Control. */
enum err server_new(struct server **sp, struct backend *backend, const char *name, uint32_t id);

/* Free one that was never published (else retire it). */
void server_discard(struct server **sp);

/*
 * The change that installs `conf` (the server's first or next one), with `cause` for a change of
 * state that follows. Takes `conf` unless it fails with ERR_NOMEM. The item's abort() frees conf,
 * and the server if this was its first.
 */
enum err server_publish_new(struct publish_item **ip, struct server *server,
	struct server_conf *conf, enum server_cause cause);

/*
 * The change that takes it away: no new stream reaches it; freed when the last one has gone, or
 * when the item is acknowledged and server_on_change() has heard of it, whichever is later.
 * `actor` (copied; NULL: nobody) is who took it away. ERR_NOMEM. Not before its first conf is published, or earlier in the same publication.
 */
enum err server_retire_new(struct publish_item **ip, struct server *server, const char *actor);

/* Control: rules name it, or an order is away (so it may not be freed), and no more. */
void server_hold(struct server *server);
void server_release(struct server *server);

/* In words, why a new session could or could not be sent there now. Returns buf. Control. */
const char *server_eligible_because(const struct server *server, char *buf, size_t size);

/* The maxconn that counts now; 0: none. Control. */
uint32_t server_effective_maxconn(const struct server *server);

/* The weight that counts now, in configured units (0..256): 0 in maintenance or drain. Control. */
uint32_t server_effective_weight(const struct server *server);

/* At start servers begin at once with all they have; from here on slowly, where so configured. Control. */
void servers_set_serving(bool serving);

/* Sums; control thread. */
void server_totals(const struct server *server, struct server_totals *totals);

/* Workers: the slot of the calling thread. */
static inline struct server_slot *
server_slot(struct server *server, uint32_t worker)
{
	return &server->slots[worker];
}

/* Take a place under maxconn for a new stream. False: full. Any worker; backend_pick() does it. */
bool server_place_take(struct server *server);

/* Give it back; if sessions wait for one, the first is woken (see queue.h). Any worker. */
void server_place_give(struct server *server);

/* A connection or an answer went well, as seen from layer 4 or 7, or it did not (observe.h). Worker. */
static inline void
observe_success(struct server_slot *slot, int layer)
{
	if (slot->conf->observe != OBSERVE_NONE)
		observe_note_success(slot, layer);
}

static inline void
observe_error(struct server_slot *slot, enum observed_error error)
{
	if (slot->conf->observe != OBSERVE_NONE)
		observe_note_error(slot, error);
}

/*
 * Called by control when a server's state, eligibility or address changed (server->state, ->eligible,
 * ->conf->address), once a change, after the workers' mail was sent, and when it went. A new server's
 * first state is no change; that it is eligible is one. Where hundreds change at once, most are
 * told of in later turns, and may have changed again by then: the news is then the sum of both. Set
 * once by the layer above.
 */
struct server_change {
	const struct server	*server;
	enum server_state	 from, to;
	bool			 was_eligible;
	bool			 is_new;	/* this is the first that could be told of it */
	bool			 is_removed;	/* it went, out of the state `from`; `to` means nothing */
	bool			 has_other_cause;	/* another one decides its state, or for another reason */
	const struct addr	*moved_from;	/* its address before; NULL: that is no news */
};
void server_on_change(void (*fn)(const struct server_change *change));
