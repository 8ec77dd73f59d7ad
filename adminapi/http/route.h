/*
 * Routes: a table of path patterns, verbs and the query parameters that each knows.
 *
 * What a route cannot match is answered here: 404, 405 with Allow, OPTIONS, 400 for an unknown,
 * empty or repeated parameter (with the nearest name), 415.
 */
#pragma once

#include "adminapi/http/call.h"

typedef void call_handler(struct call *call);

struct route {
	const char	*pattern;	/* "/v1/backends/{backend}/servers/{server}" */
	call_handler	*handlers[METHOD_COUNT];	/* HEAD falls back to GET's; OPTIONS is automatic */
	const char	*params;	/* space separated, all verbs: "view depth data.*"; NULL: none */
	const char	*write_params;	/* also known on PUT PATCH POST DELETE: "dry_run" */
};

/*
 * The first row that fits is taken. Names in {}: [A-Za-z0-9._:-]{1,128}, else 400; the check can be
 * left to the handler by {name*}.
 */
void route_call(const struct route *routes, size_t count, struct call *call);
