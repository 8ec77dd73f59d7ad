/*
 * The REST API: its routes, and what they share. Control thread.
 */
#pragma once

#include "adminapi/apply/write.h"
#include "adminapi/doc/doc.h"
#include "adminapi/http/call.h"
#include "adminapi/rest/view.h"
#include "core/endcause.h"

/* Set once at start; borrowed. */
void rest_init(struct doc *doc);
struct doc *rest_doc(void);

/* Every call of the admin server comes here. */
void rest_handle(struct call *call);

/* What a path below /v1 names: a resource, or a collection (is_collection). */
struct target {
	enum doc_kind	 kind;
	const char	*parent;	/* a server's backend */
	const char	*name;
	bool		 is_collection;
	bool		 of_rules;	/* of that frontend or backend: the list, or */
	const char	*rule;		/* one of them */
};
struct target target_of(const struct call *call);

/* The live node of a target (its parent, of a collection); NULL after a 404 was answered. */
struct doc_node *target_find(struct call *call, const struct target *target);

void resource_get(struct call *call);
void resource_put(struct call *call);
void resource_patch(struct call *call);
void resource_delete(struct call *call);
void collection_post(struct call *call);	/* of rules, too */

/* A true/false parameter; false after 400 was answered. */
bool param_bool(struct call *call, const char *name, bool *value);
bool param_uint(struct call *call, const char *name, uint32_t max, uint32_t *value);
bool param_view(struct call *call, enum view *view);	/* ?view=config */

#define DEPTH_MAX 8	/* ?depth=: more levels than there are */

/* A text as a segment of a path, or a value of a query. */
void path_segment_put(struct buf *out, const char *text);

/* The problem behind a write that did not succeed. */
void answer_failed_write(struct call *call, const struct write *write);

/* Events of a write that is in force; given to write_on_published(). */
void events_of_write(const struct plan *plan, const struct write *write);

/* Events and log lines of servers: for server_on_change(), server_on_checked(), server_on_ended(). */
struct server_change;
struct check_news;
struct server;
void events_of_server(const struct server_change *change);
void events_of_check(const struct check_news *news);
void events_of_ends(const struct server *server, enum end_cause cause, uint32_t ended);
