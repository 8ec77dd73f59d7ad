/*
 * Which sessions a call speaks of: its path and its parameters. Control thread.
 */
#pragma once

#include <stdbool.h>
#include "adminapi/http/call.h"
#include "stream/sessions.h"

struct session_query {
	struct session_filter	filter;
	bool			is_filtered;	/* not simply all */
	bool			must_match;	/* it names what the document does not have (any more) */
};

/* False: answered with what is wrong. */
bool session_query_many(struct call *call, struct session_query *q);
bool session_query_one(struct call *call, struct session_query *q);	/* /v1/sessions/ID */
