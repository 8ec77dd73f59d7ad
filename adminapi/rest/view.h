/*
 * How a resource is shown: what was set (?view=config), or what holds and what is seen.
 */
#pragma once

#include "adminapi/doc/doc.h"
#include "core/jsonw.h"

enum view { VIEW_PLAIN, VIEW_CONFIG };

/*
 * The members of a live resource's own part, into an object that is open: not its children.
 * Secrets are masked. Control thread.
 */
void view_write(struct jsonw *w, const struct doc *doc, const struct doc_node *node,
	enum view view);

/* One value, as it is answered. */
void view_write_value(struct jsonw *w, const char *key, const struct schema_node *def,
	const cJSON *value);

/* "\"7\"", or W/"7" for the plain view, which shows a status that has no revision. */
#define VIEW_ETAG_BYTES 32
const char *view_etag(char buf[VIEW_ETAG_BYTES], uint64_t revision, enum view view);
