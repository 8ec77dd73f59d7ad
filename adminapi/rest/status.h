/*
 * "status": what the program sees of a resource, read-only.
 */
#pragma once

#include "adminapi/doc/doc.h"
#include "core/jsonw.h"

/* A member "status" of the open object; nothing for kinds without one. Control thread. */
void status_write(struct jsonw *w, const struct doc *doc, const struct doc_node *node);
