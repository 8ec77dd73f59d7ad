/*
 * What the program is and how it does: /v1/info, /v1/schemas, /healthz, /readyz. Control thread.
 */
#pragma once

#include "adminapi/http/call.h"
#include "adminapi/http/server.h"
#include "adminapi/store/store.h"

void info_get(struct call *call);
void schemas_get(struct call *call);
void schema_get(struct call *call);
void healthz_get(struct call *call);
void readyz_get(struct call *call);

/* Whom to ask; borrowed, set once at start. */
void info_init(struct loop *control, struct store *store, const struct http_server *http,
	const char *state_dir);

/* Readiness: the first write is in force; no more once stopping began. */
void ready_set(bool started);
void ready_stop(void);
