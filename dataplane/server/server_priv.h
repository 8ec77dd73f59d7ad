/*
 * What the files of server/ share: states, levels of priority, and how weights reach the workers.
 *
 * A change goes through three steps: server_judge() and level_enter/leave() change the truth,
 * levels_settle() decides who is eligible then, levels_tell() makes it known. Within a publication
 * they are its publish(), before() and after(); a change from elsewhere (a verdict of a health
 * check) does all three in a row: server_update(). Control thread, but where said.
 */
#pragma once

#include "server/backend.h"
#include "server/check.h"
#include "server/server.h"

/* A counter has one writer; who adds them up may be a little late. */
static inline uint64_t
counter_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* As workers see it, a little late. */
static inline enum server_state
server_state_shown(const struct server *server)
{
	return atomic_load_explicit(&server->state_shown, memory_order_relaxed);
}

/* state.c */
const char *server_state_words(enum server_state state);

/* names.c. Control, and then each worker for itself. */
struct backend_slot;
enum err names_init(uint32_t workers);
void names_add(struct backend_slot *slot);
void names_remove(struct backend_slot *slot);
void names_add_server(struct server_slot *slot);
void names_remove_server(struct server_slot *slot);

/*
 * state.c: what is configured or known of it has changed: find its state anew. `cause` and `detail` (copied;
 * NULL: the cause's words) hold if the state changes. Within a publication, where its items settle and tell;
 * from anywhere else server_update(), which does all of it at once.
 */
void server_judge(struct server *server, enum server_cause cause, const char *detail);
void server_update(struct server *server, enum server_cause cause, const char *detail);

/*
 * What became of it since this was asked last, for what that asks for: on_marked_down, on_marked_up. Leaving a
 * drain is no rise, nor is becoming an active; and what came and went within a publication did not happen.
 */
enum server_turn { SERVER_STAYED, SERVER_FELL, SERVER_ROSE };
enum server_turn server_take_turn(struct server *server);
bool server_has_fallen(const struct server *server);

/*
 * why.c. One reason; `actor` is borrowed. why_of(): that of whoever decides this state of it; false: nobody
 * holds it back, so what brought it there is the cause. why_say(): its conf has said something new.
 */
struct server_why {
	enum server_cause	 cause;
	struct actor		*actor;
	char			 detail[SERVER_DETAIL_BYTES];
};
bool why_of(struct server_why *why, const struct server *server, enum server_state state);
void why_set(struct server *server, const struct server_why *why);
void why_say(struct server *server, enum server_say say, enum server_cause cause);
void why_fini(struct server *server);

/* health.c: its health begins anew; nothing its agent said holds; checks run, rest, or are other ones. */
void server_health_begin(struct server *server, enum init_state state);
void server_agent_forget(struct server *server);
void server_adjust_checks(struct server *server, const struct server_conf *was, bool at_once);

/* capacity.c: in the balance's units; whether that is other than 0 by what was said. */
uint16_t server_weight_now(const struct server *server);
bool server_has_weight(const struct server *server);
void server_show_weight(struct server *server);			/* to workers' expressions */
uint32_t server_apply_maxconn(struct server *server);	/* how many places that brought */
void slow_init(struct server *server);
void slow_start(struct server *server);
void slow_stop(struct server *server);
bool servers_are_serving(void);

/* track.c */
void track_init(struct server *server);
void track_set(struct server *server, struct server *tracked);	/* NULL: nobody */
void track_end(struct server *server);		/* it goes: it tracks nobody, and nobody it */
void track_explain(const struct server *server, char detail[SERVER_DETAIL_BYTES]);
void track_wait(struct server *server);		/* it stands in line */
void track_judge_waiting(void);			/* in a publication, before it is settled */
void track_pass_on(struct server *server);	/* those who track it stand in line */
void track_run(void);				/* their turn */

/* level.c */
void levels_init(struct backend *backend);
void level_enter(struct server *server, uint8_t level);
void level_leave(struct server *server);		/* it may be in none */
void level_set_usable(struct server *server, bool usable);
void level_count_places(struct server *server, bool counts);	/* in backend->shown */
uint32_t levels_usable_below(const struct backend *backend, uint8_t level);

/* `server` is to be looked at by levels_settle() and levels_tell(). */
void level_mark_changed(struct server *server);
void levels_settle(struct backend *backend);
void levels_tell(struct backend *backend);

/* server.c: frees one that has retired, is home, held by nobody, and of which nothing is untold. */
void server_free_if_done(struct server *server);

/* server_tell.c: calls what server_on_change() set, if there is news; after many, in a later turn. */
void server_tell(struct server *server);

/* weight.c */
void weight_init(struct server_slot *slot);
uint16_t weight_ordered(const struct server *server);	/* what workers were sent last */
void weight_order(struct server *server, uint64_t sequence);	/* an item carries server->weight */
void weight_send(struct server *server, uint64_t sequence);	/* mail carries it */

/* Worker: a server's item is installed. */
void weight_install(struct server_slot *slot, uint16_t weight);
void weight_retire(struct server_slot *slot);

/* Worker: a publication's last item of the backend is installed, and with it all before. */
void weight_installed(struct backend_slot *backend_slot, uint64_t sequence);

/* pool.c: a connection is busy from here on; it ends, busy or idle, and leaves the pool's lists. */
void pool_add_busy(struct pool *pool);
void pool_drop(struct server_conn *sc);

/* backend.c, told by backend_conf.c: one of its confs was freed (they go at their own time). */
void backend_conf_freed(struct backend *backend);
