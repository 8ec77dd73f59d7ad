/*
 * Between the files that write status. Control thread.
 */
#pragma once

#include "adminapi/rest/status.h"
#include "server/backend.h"

void server_status(struct jsonw *w, const struct doc *doc, const struct doc_node *node);

void status_write_bytes(struct jsonw *w, uint64_t in, uint64_t out);

/* One that is being taken away has no conf. */
enum traffic_mode status_backend_mode(const struct backend *backend);
