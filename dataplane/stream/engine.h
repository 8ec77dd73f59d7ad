/*
 * The data plane as a whole: workers, their limits, stopping.
 *
 * Control thread. Frontends, backends and servers reach the workers by publications (core/publish.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/endcause.h"
#include "core/err.h"
#include "core/loop.h"

struct engine_conf {
	uint32_t	threads;	/* workers, 1..64 */
	uint32_t	maxconn;	/* client connections of the process */
	uint64_t	pipe_memory;	/* bytes of grown pipes, all workers together */
};

/* Create and start the workers; `control` is the calling thread's loop. ERR_NOMEM, ERR_SYSTEM. */
enum err engine_start(const struct engine_conf *conf, struct loop *control);

/* Live limits. */
void engine_set_maxconn(uint32_t maxconn);
void engine_set_pipe_memory(uint64_t bytes);

/* Close all listening sockets (queues accepted empty first); streams run on. */
void engine_stop_listening(void);

/* Streams open now, in all workers; `on_idle` (may be NULL) is called on control when, after
 * engine_stop_listening(), the last one has ended. */
uint32_t engine_streams(void);
void engine_on_idle(void (*on_idle)(void *arg), void *arg);

/* End all workers' loops and join them; what still runs is ended with END_SHUTDOWN and logged. */
void engine_stop(void);

struct engine_totals {
	uint64_t	connections, bytes_in, bytes_out;
	uint32_t	current, max;
	uint64_t	pipe_memory_used;
	uint64_t	slow_turns, worst_turn_us;
};
void engine_totals(struct engine_totals *totals);
uint32_t engine_threads(void);
