/*
 * "status": what the program sees of a resource, read-only.
 */
#pragma once

#include "adminapi/doc/doc.h"
#include "core/jsonw.h"
#include "server/server.h"

struct backend;

/* A member "status" of the open object; nothing for kinds without one. Control thread. */
void status_write(struct jsonw *w, const struct doc *doc, const struct doc_node *node);

/* Servers that could serve, on any level. Control thread. */
uint32_t backend_usable(const struct backend *backend);

/* A member "cause" of the open object: why a server is in its state, and whose change that was. */
void server_cause_write(struct jsonw *w, const struct server *server);

/* Why it is in its state, in words: what was found out, or the cause's. Control thread. */
const char *server_cause_detail(const struct server *server);
