/*
 * Applying the edited file: POST /v1/config/reload, and SIGHUP. Control thread.
 */
#pragma once

#include "adminapi/http/call.h"

/*
 * The file that the program was started with; NULL: none. Borrowed. `signal_done` is told what
 * became of each reload_signal().
 */
void reload_init(const char *path, void (*signal_done)(bool ok));

void reload_post(struct call *call);

/* As reload_post, for a signal: the result is logged. */
void reload_signal(void);
