/*
 * Sessions over REST: looking at them, ending them. Control thread.
 */
#pragma once

#include "adminapi/http/call.h"

void sessions_get(struct call *call);		/* /v1/sessions, .../servers/S/sessions */
void sessions_delete(struct call *call);	/* many: a filter or ?all=true */
void session_get(struct call *call);		/* /v1/sessions/ID */
void session_delete(struct call *call);
