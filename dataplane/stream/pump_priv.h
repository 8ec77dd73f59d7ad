/*
 * One direction of a TCP stream: bytes from one connection to the other, and the end behind them.
 *
 * A flow ends for itself: open -> eof (the source's FIN was read) -> flushed (all before it was
 * written) -> shut (passed on). Its connections stay until both flows are done, so neither
 * direction's end takes away what the other uses.
 *
 * Nothing is read from the source while bytes are held for the sink. Held at most, per direction:
 * WORKER_SCRATCH_BYTES in slabs (16 KiB unless the flow moves bulk), or what is in one pipe
 * (PIPE_MAX_BYTES, of the process's budget).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/slab.h"
#include "net/conn.h"
#include "net/pipe.h"

struct worker;

#define FLOW_READ_BYTES	 (16 * 1024)	/* the first read; grows to the worker's scratch */
#define FLOW_TURN_BYTES	 (64 * 1024)	/* then others have their turn */

enum flow_state {
	FLOW_OPEN,
	FLOW_EOF,
	FLOW_FLUSHED,
	FLOW_SHUT,
};

struct flow {
	enum flow_state	 state;
	uint32_t	 ask_bytes;	/* size of the next recv */
	uint8_t		 large_reads;	/* in a row */
	uint8_t		 small_splices;	/* in a row */
	bool		 splices;	/* moves bulk: by pipe, if there is one */
	bool		 cannot_splice;	/* the sockets refuse */
	struct slab_queue held;
	struct pipe	*pipe;		/* while it moves or holds bytes */
	uint64_t	 bytes;		/* read from the source */
	uint64_t	 counted;	/* of these: already in the counters */
	uint64_t	 read_ms;	/* last byte from the source, loop time */
	uint64_t	 written_ms;	/* last byte to the sink */
};

enum flow_result {
	FLOW_WAITS,		/* for a socket, or it has ended */
	FLOW_MORE,		/* enough for this turn: call again in the next */
	FLOW_SOURCE_FAILED,	/* reset, or another error: nothing more will come */
	FLOW_SINK_FAILED,	/* nothing more can be written */
	FLOW_NO_MEMORY,
};

void flow_init(struct flow *f, uint64_t now_ms);

/* Give back all that it holds. */
void flow_fini(struct flow *f, struct worker *worker);

/* Move what can be moved now. */
enum flow_result flow_run(struct flow *f, struct conn *from, struct conn *to,
			  struct worker *worker);

static inline bool
flow_holds(const struct flow *f)
{
	return f->held.bytes > 0 || f->pipe != NULL;
}

/* All that the source sent, and its end, was read and written. */
static inline bool
flow_is_done(const struct flow *f)
{
	return f->state >= FLOW_FLUSHED;
}
