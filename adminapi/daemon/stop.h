/*
 * Signals and stopping: SIGTERM drains, SIGINT or a second SIGTERM ends at once, SIGHUP reloads.
 */
#pragma once

#include "core/err.h"
#include "core/loop.h"

/* Watch for signals on the control loop, which ends when stopping is done. ERR_NOMEM. */
enum err stop_init(struct loop *control);
void stop_fini(void);
