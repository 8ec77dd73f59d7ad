/*
 * One direction of a stream: bytes from one connection to the other, and the end behind them; or, framed,
 * the body of one message, whose end is found in it.
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
#include "http/body.h"
#include "net/conn.h"
#include "net/pipe.h"

struct worker;

#define FLOW_READ_BYTES	 (16 * 1024)	/* the first read; grows to the worker's scratch */
#define FLOW_TURN_BYTES	 (64 * 1024)	/* then others have their turn */
#define FLOW_SPAN_BYTES	 16		/* a span of a chunked body takes as long as these do */

enum flow_state {
	FLOW_OPEN,
	FLOW_EOF,
	FLOW_FLUSHED,
	FLOW_SHUT,
};

/* What a framed flow has beyond a plain one. */
struct frame {
	struct http_body body;		/* says where the message ends */
	bool		 decodes;	/* the sink can't take chunks, only data goes on */
	uint64_t	 spans;		/* that its chunks were cut into so far */
	struct slab_queue rest;		/* what was read beyond the message's end; the owner's */
	struct slab_queue fed;		/* from flow_feed() to flow_send(): what found no room in iovecs */
};

struct flow {
	enum flow_state	 state;
	uint32_t	 ask_bytes;	/* size of the next recv */
	uint8_t		 large_reads;	/* in a row */
	uint8_t		 small_splices;	/* in a row */
	bool		 splices;	/* moves bulk: by pipe, if there is one */
	bool		 cannot_splice;	/* the sockets refuse */
	uint64_t	 bytes;		/* read from the source */
	uint64_t	 counted;	/* of these: already in the counters */
	uint64_t	 read_ms;	/* last byte from the source, loop time */
	uint64_t	 written_ms;	/* last byte to the sink */
	struct slab_queue held;
	struct pipe	*pipe;		/* while it moves or holds bytes */
	struct frame	*frame;		/* the owner's; NULL: it is plain */
};

enum flow_result {
	FLOW_WAITS,		/* for a socket, or it has ended */
	FLOW_MORE,		/* enough for this turn: call again in the next */
	FLOW_SOURCE_CUT,	/* framed: the source's end came before the message's; nothing is held */
	FLOW_BAD,		/* framed: its chunks are malformed, see body.fault */
	FLOW_SOURCE_FAILED,	/* reset, or another error: nothing more will come */
	FLOW_SINK_FAILED,	/* nothing more can be written */
	FLOW_NO_MEMORY,
};

void flow_init(struct flow *f, uint64_t now_ms);

/*
 * From here on it is a message's body: it ends (FLOW_EOF, at once where there is none) with the
 * message and leaves what comes behind it in `rest`, which must be empty again before the next
 * flow_run(). A chunked one goes on as chunks, without their extensions, unless `decodes`.
 * HTTP_TUNNEL makes it a plain one again. `frame` is zeroed memory, or that of its last message, and stays until
 * flow_fini(). What is held stays, and so does what it has learned of
 * the source's speed.
 */
void flow_frame(struct flow *f, struct frame *frame, const struct http_head *head, bool decodes);

/*
 * Bytes of a framed flow that were read already, with the head: what is to be sent of them is put into `iov` (room
 * for `max`, at *count on), as slices of them; what needs more room than that is copied, to be sent
 * behind it. flow_send() must follow, or flow_fini(). Beyond the message's end they stay the
 * caller's: *used tells how many belonged to it. FLOW_WAITS; FLOW_BAD: the
 * fault lies behind *used, what was good is in `iov`; FLOW_NO_MEMORY.
 */
enum flow_result flow_feed(struct flow *f, struct worker *worker, const char *bytes, size_t len,
			   size_t *used, struct iovec *iov, int max, int *count);

/*
 * Send `iov` (a head, and what was fed), and hold what `to` does not take; also where something
 * is held already, or `to` is not writable. If it holds afterwards, `to` will wake. FLOW_WAITS,
 * FLOW_SINK_FAILED, FLOW_NO_MEMORY.
 */
enum flow_result flow_send(struct flow *f, struct conn *to, struct worker *worker,
			   struct iovec *iov, int count);

/* Give back all that it holds. */
void flow_fini(struct flow *f, struct worker *worker);

/*
 * Move what can be moved now. FLOW_SOURCE_CUT and FLOW_BAD are said again by every call that finds
 * nothing held and `to` writable; what was good before them was sent, or is held.
 */
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
