/*
 * What the workers share, and how they find one another. Set before the first worker runs.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include "net/pipe.h"
#include "stream/engine.h"
#include "stream/limit_priv.h"

#define ENGINE_MAX_THREADS 64	/* a bit each in limit.waiting */

struct worker;

struct engine {
	uint32_t		 threads;
	struct worker	       **workers;
	struct loop	       **loops;		/* of the workers, for publish.h */
	struct loop		*control;
	struct limit		 connections;	/* of clients; from accept to client_end() */
	struct pipe_budget	 pipes;
	_Atomic bool		 stopping;	/* listening has been stopped, or is being */
};

extern struct engine engine;

/* The worker that runs `loop`. */
struct worker *engine_worker(const struct loop *loop);

/* Tell the workers in this set that they may accept again. Any thread. */
void engine_resume(uint64_t workers);

/* A client's connection is closed. Worker. */
void engine_connection_gone(void);
