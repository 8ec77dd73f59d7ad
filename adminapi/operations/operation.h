/*
 * Operations: what is asked for in one call and takes longer than that. So far: draining a server.
 *
 * Plain values and pure functions. What an operation knows of itself survives the process (it is saved with
 * each change of its state), so each step may be done twice: after a restart the same question is asked, and
 * answered from what is seen of the server by then.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "adminapi/json/issues.h"
#include "core/err.h"
#include "core/jsonw.h"
#include "core/str.h"

#define OPERATION_NAME_BYTES	129	/* a backend's or server's: 128 characters */
#define OPERATION_CLAIM_BYTES	257	/* X-Actor, X-Reason */
#define OPERATION_DETAIL_BYTES	320

/* Columns: name, text, whether it has ended, what is said of it unless there is more to say. */
#define OPERATION_STATES(X)								\
	X(STARTING,	"starting",	false,	"admin_state is being set to drain")	\
	X(WAITING,	"waiting",	false,	"for its sessions to end by themselves") \
	X(ENDING,	"ending",	false,	"the deadline has passed, what is left is being ended") \
	X(FINISHING,	"finishing",	false,	"no session is left")			\
	X(CALLING_OFF,	"calling-off",	false,	"admin_state is being put back")	\
	X(DONE,		"done",		true,	"no session was left")			\
	X(EXPIRED,	"expired",	true,	"the deadline has passed")		\
	X(FAILED,	"failed",	true,	"it could not be done")			\
	X(CALLED_OFF,	"called-off",	true,	"admin_state is what it was before")	\
	X(SUPERSEDED,	"superseded",	true,	"somebody changed the server meanwhile")

enum operation_state {
#define X(name, text, ended, words) OPERATION_##name,
	OPERATION_STATES(X)
#undef X
};
const char *operation_state_text(enum operation_state state);
bool operation_state_has_ended(enum operation_state state);
const char *operation_state_words(enum operation_state state);

enum operation_then { OPERATION_THEN_READY, OPERATION_THEN_MAINT, OPERATION_THEN_DELETE };
const char *operation_then_text(enum operation_then then);

/* Times are wall time in microseconds; 0: none. An empty text: none. */
struct operation {
	uint64_t		id;		/* grows; not used again by a later process */
	enum operation_state	state;
	enum operation_then	then;
	bool			kill;
	char			backend[OPERATION_NAME_BYTES], server[OPERATION_NAME_BYTES];
	char			before[16];	/* admin_state that was set; "": none was, so ready */
	char			actor[OPERATION_CLAIM_BYTES], reason[OPERATION_CLAIM_BYTES];
	char			off_actor[OPERATION_CLAIM_BYTES];	/* who called it off */
	char			off_reason[OPERATION_CLAIM_BYTES];
	char			detail[OPERATION_DETAIL_BYTES];
	uint64_t		began_us, deadline_us, ended_us;
	uint64_t		sessions_at_begin, sessions_left, killed;
};

/* The admin_state that it sets, and that has to stay: one in maintenance is not opened for the sake of draining. */
const char *operation_hold(const struct operation *op);

bool operation_is_off(enum operation_state state);	/* called off, or about to be */

/* Whose work its state is: who called it off, while and after that is done. "": nobody said. */
const char *operation_state_actor(const struct operation *op);

/* What is said of one that is done: whether anybody was ended for that. */
void operation_done_words(const struct operation *op, char detail[OPERATION_DETAIL_BYTES]);

#define OPERATION_ID_BYTES 24
const char *operation_id_text(char buf[OPERATION_ID_BYTES], uint64_t id);

/* As it is answered and told in events; into an object that is open. */
void operation_write(struct jsonw *w, const struct operation *op);

/* As it is saved, and back: ERR_INVALID for what this version does not understand. ERR_NOMEM. */
void operation_save(struct buf *out, const struct operation *op);
enum err operation_restore(struct operation *op, struct slice text);

/* A body of a drain, judged by the schema before: what is set in it. */
struct operation_wish {
	enum operation_then	then;		/* maint unless it says something else */
	bool			kill, has_deadline;
	int64_t			deadline_ms;
};

/* Parse and judge; empty text: all is as built in. ERR_INVALID (issues say why), ERR_UNKNOWN: no JSON. ERR_NOMEM. */
struct schema_node;
enum err operation_wish_parse(struct operation_wish *wish, struct slice text,
	const struct schema_node *def, struct issues *issues);

/* -- what next -- */

enum operation_server {
	OPERATION_SERVER_THERE,
	OPERATION_SERVER_REPLACED,	/* another one has its name now */
	OPERATION_SERVER_GONE,
};

/* What is seen now. */
struct operation_sight {
	enum operation_server	 server;
	const char		*admin_state;	/* that holds: "ready", "drain", "maint" */
	const char		*by;		/* who says to have set it; NULL: nobody said */
	uint64_t		 sessions;
	bool			 is_due;	/* the deadline has passed */
	bool			 is_overdue;	/* sessions were to be ended, and did not in time */
};

enum operation_step {
	OPERATION_WAIT,		/* nothing yet */
	OPERATION_DRAIN,	/* write admin_state: drain */
	OPERATION_KILL,		/* end its sessions (again, if that was a while ago) */
	OPERATION_FINISH,	/* write `then` */
	OPERATION_PUT_BACK,	/* write `before` */
	OPERATION_END,		/* nothing; it has ended, in `*state` */
};

/*
 * The next step of an operation that has not ended and has none under way. With OPERATION_END the state that it
 * ends in, and with any the words (`detail`, OPERATION_DETAIL_BYTES; empty: those of the state).
 */
enum operation_step operation_step(const struct operation *op, const struct operation_sight *sight,
	enum operation_state *state, char *detail);
