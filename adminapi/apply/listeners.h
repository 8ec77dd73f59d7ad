/*
 * The daemon's own settings in force: admin listeners, limits, delays.
 *
 * These are the hooks that the apply layer calls for "global" and "admin". Control thread.
 */
#pragma once

#include "adminapi/apply/prepare.h"
#include "adminapi/http/server.h"
#include "core/jsonw.h"

/*
 * --admin: these stand in place of admin.listen. Borrowed. ERR_LIMIT, ERR_INVALID with words. Main
 * thread, before the others.
 */
enum err listeners_given(const char *const *addresses, uint32_t count, struct diag *diag);

void listeners_init(struct http_server *http);	/* registers the hooks */
void listeners_close(void);

/* An array member `key` of the addresses that are listened on. */
void listeners_write(struct jsonw *w, const char *key);

/* The global settings in force. */
const struct global_settings *global_in_force(void);
