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
void kill_note_init(struct kill_note *note, const struct call *call, enum end_cause cause);
void kill_note_fini(struct kill_note *note, uint32_t ended);	/* emits it unless none was ended */

/* "cause": {code, detail} of an event session-kill, whoever ended them. */
void end_cause_write(struct jsonw *w, enum end_cause cause);
