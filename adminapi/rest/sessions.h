/*
 * Sessions over REST: looking at them, ending them. Control thread.
 */
#pragma once

#include "adminapi/http/call.h"
#include "core/endcause.h"

void sessions_get(struct call *call);		/* /v1/sessions, .../servers/S/sessions */
void sessions_delete(struct call *call);	/* many: a filter or ?all=true */
void session_get(struct call *call);		/* /v1/sessions/ID */
void session_delete(struct call *call);

/* Tell that `call` has ended sessions. */
void session_kill_event(const struct call *call, uint32_t ended, enum end_cause cause);
