/*
 * Filters of sessions. Backends and servers go by name: sessions outlive the server that they run
 * on, and somebody who deleted it wants to see and to end what is left. Control thread.
 */
#include "config.h"
#include "adminapi/rest/session_query.h"

#include <stdio.h>
#include <string.h>
#include "adminapi/rest/resources.h"

/* A backend, or with `server` one of its servers. */
static bool
query_name(struct call *call, const char *backend, const char *server, struct session_query *q)
{
	const struct doc_node *node = doc_child(rest_doc()->root, DOC_BACKEND, backend);

	if (!doc_name_is_valid(backend) || (server != NULL && !doc_name_is_valid(server))) {
		call_problem(call, 400, NULL, "a name is 1 to %d of A-Z a-z 0-9 . _ : -",
			     DOC_NAME_MAX);
		return false;
	}
	if (q->filter.backend_name[0] != '\0' && strcmp(q->filter.backend_name, backend) != 0) {
		call_problem(call, 400, NULL, "the server is not of backend \"%s\"",
			q->filter.backend_name);
		return false;
	}
	if (node != NULL && server != NULL)
		node = doc_child(node, DOC_SERVER, server);
	if (node == NULL || node->live == NULL)
		q->must_match = true;
	snprintf(q->filter.backend_name, sizeof(q->filter.backend_name), "%s", backend);
	if (server != NULL)
		snprintf(q->filter.server_name, sizeof(q->filter.server_name), "%s", server);
	q->is_filtered = true;
	return true;
}

/* ?server=B/S */
static bool
query_server(struct call *call, const char *text, struct session_query *q)
{
	const char *slash = strchr(text, '/');
	char backend[DOC_NAME_MAX + 1];

	if (slash == NULL || slash == text || (size_t)(slash - text) >= sizeof(backend)) {
		call_problem(call, 400, NULL,
			"query parameter \"server\" must be BACKEND/SERVER");
		return false;
	}
	memcpy(backend, text, (size_t)(slash - text));
	backend[slash - text] = '\0';
	return query_name(call, backend, slash + 1, q);
}

/* ?src=10.0.0.1, 10.0.0.0/8, or unix, as the log says */
static bool
query_src(struct call *call, const char *text, struct session_filter *filter)
{
	struct diag why;

	if (strcmp(text, "unix") == 0) {
		filter->src = SESSION_SRC_UNIX;
		return true;
	}
	if (network_parse(&filter->src_network, slice_of(text), &why) != ERR_OK) {
		call_problem(call, 400, NULL, "query parameter \"src\": %s", why.text);
		return false;
	}
	filter->src = SESSION_SRC_NETWORK;
	return true;
}

bool
session_query_many(struct call *call, struct session_query *q)
{
	const char *backend = call_param(call, "backend"), *server = call_param(call, "server");
	const char *src = call_param(call, "src"), *cursor = call_param(call, "cursor");
	int64_t after = 0;

	*q = (struct session_query){ .is_filtered = src != NULL };
	if (cursor != NULL && (int_parse(slice_of(cursor), &after) != ERR_OK || after < 0)) {
		call_problem(call, 400, NULL, "query parameter \"cursor\" must be a session's id");
		return false;
	}
	q->filter.after = (uint64_t)after;
	if (strcmp(call->segments[1], "backends") == 0 &&
	    !query_name(call, call->segments[2], call->segments[4], q))
		return false;
	return (backend == NULL || query_name(call, backend, NULL, q)) &&
	    (server == NULL || query_server(call, server, q)) &&
	    (src == NULL || query_src(call, src, &q->filter));
}

bool
session_query_one(struct call *call, struct session_query *q)
{
	int64_t id;

	*q = (struct session_query){ .is_filtered = true };
	if (int_parse(slice_of(call->segments[2]), &id) != ERR_OK || id <= 0) {
		call_problem(call, 404, NULL, "there is no session \"%s\"", call->segments[2]);
		return false;
	}
	q->filter.id = (uint64_t)id;
	return true;
}
