/*
 * Operations over REST: draining a server, watching it, calling it off. Control thread.
 */
#pragma once

#include "adminapi/http/call.h"
#include "adminapi/store/store.h"
#include "core/endcause.h"

/* What was under way or has ended lately, as saved. Before store_start(). ERR_NOMEM and the store's. */
enum err operations_load(struct store *store, struct diag *diag);

/* The configuration is in force: what was under way goes on. */
void operations_start(void);

/* For server_on_ended(): what a drain ordered is told by it, all else by events_of_ends(). */
struct server;
void operations_on_ended(const struct server *server, enum end_cause cause, uint32_t ended);

/* The process ends: nobody is kept waiting. */
void operations_answer_all(void);

/* Behind the admin server's end. */
void operations_fini(void);

void drain_post(struct call *call);		/* /v1/backends/B/servers/S/drain */
void operations_get(struct call *call);
void operation_get(struct call *call);
void operation_delete(struct call *call);
