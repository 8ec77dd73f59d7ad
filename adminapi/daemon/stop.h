/*
 * Signals and stopping: SIGTERM drains, SIGINT or a second SIGTERM ends at once, SIGHUP reloads, SIGUSR1
 * has log files opened anew.
 */
#pragma once

#include "adminapi/http/server.h"
#include "core/err.h"
#include "core/loop.h"

/*
 * Watch for signals on the control loop, which ends when stopping is done: when the sessions have
 * ended, and `http` has answered what had reached it by then. ERR_NOMEM.
 */
enum err stop_init(struct loop *control, const struct http_server *http);

/*
 * The last part: no signal drains any more; one more SIGINT or SIGTERM, or a thread that does not
 * end within STOP_LIMIT_S, ends the process at once with `status`. Main thread.
 */
void stop_last(int status);

#define STOP_LIMIT_S 10		/* for threads that hang in a disk or a bug */
