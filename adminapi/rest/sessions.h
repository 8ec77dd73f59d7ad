/*
 * Sessions over REST: looking at them, ending them. Control thread.
 */
#pragma once

#include "adminapi/http/call.h"
#include "core/endcause.h"
#include "core/jsonw.h"

void sessions_get(struct call *call);		/* /v1/sessions, .../servers/S/sessions */
void sessions_delete(struct call *call);	/* many: a filter or ?all=true */
void session_get(struct call *call);		/* /v1/sessions/ID */
void session_delete(struct call *call);

/*
 * The event of sessions that a call ends, begun while there is a call: it may be answered before
 * the last worker has ended the last session. Does not move: `w` points into it.
 */
struct kill_note {
	struct buf	out;
	struct jsonw	w;
};
struct session_query;
/* `q`: what was asked for; NULL: all of the server that the path names. */
void kill_note_init(struct kill_note *note, const struct call *call, enum end_cause cause,
	const struct session_query *q);
void kill_note_fini(struct kill_note *note, uint32_t ended);	/* emits it unless none was ended */

/*
 * An event session-kill, whoever ended them: whose sessions, and "cause": {code, detail, actor, reason}. Empty or
 * NULL texts are null: sessions of many servers, an end that nobody ordered.
 */
void kill_write_server(struct jsonw *w, const char *backend, const char *server);
void kill_write_cause(struct jsonw *w, enum end_cause cause, const char *actor, const char *reason);
