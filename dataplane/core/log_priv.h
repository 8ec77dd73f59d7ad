/*
 * What the files of the log share: a ring's two ends, and the list of rings.
 */
#pragma once

#include <stdatomic.h>
#include "core/log.h"

/* What a ring holds of one line: this, then the bytes, up to a multiple of LOG_RECORD_ALIGN. */
struct log_record {
	uint32_t	 len;
	uint32_t	 targets;	/* 0: nothing, only filling up to the ring's end */
};

#define LOG_RECORD_ALIGN sizeof(struct log_record)

struct log_ring {
	/* The positions count on for ever; a place in `data` is one modulo LOG_RING_BYTES. */
	_Alignas(64) _Atomic(uint64_t) head;	/* producer's: release, pairs with log_ring_next() */
	uint64_t		 tail_seen;	/* producer's: `tail` as last looked at */
	_Atomic(uint64_t)	 dropped;	/* producer's, read by any thread */
	struct log_ring		*next;		/* set before the ring is listed */
	char			*data;		/* LOG_RING_BYTES */
	_Atomic(bool)		 dirty;		/* the writer will look here, no need to wake it */
	_Alignas(64) _Atomic(uint64_t) tail;	/* writer's: release, pairs with log_ring_room() */
};

/* All rings, newest first; any thread. */
struct log_ring *log_rings(void);

/* Free all of them: no producer may be left. */
void log_rings_free(void);

/* Writer's thread: the next line, or NULL. It stays until log_ring_drop(). */
const struct log_record *log_ring_next(struct log_ring *ring);
void log_ring_drop(struct log_ring *ring, const struct log_record *record);

/* Any thread: let the writer look at the rings now. Nothing happens where there is none. */
void log_writer_wake(void);
bool log_writer_runs(void);

/* A target: a descriptor that is not ours alone, and the lines that wait for it. Writer's thread. */
struct log_sink {
	int			 fd;
	enum log_sink_kind {
		LOG_SINK_DEAD,		/* closed: lines are dropped */
		LOG_SINK_FILE,		/* always takes bytes */
		LOG_SINK_SOCKET,	/* takes MSG_DONTWAIT */
		LOG_SINK_PIPE,		/* or a terminal: small writes, when poll() says so */
	}			 kind;
	char			*queue;		/* LOG_QUEUE_BYTES, a ring as above */
	uint64_t		 head;
	uint64_t		 tail;
	_Atomic(uint64_t)	 written;	/* lines; read by any thread */
	_Atomic(uint64_t)	 dropped;
};

/* ERR_NOMEM. A closed descriptor is no error. Main thread, before the writer runs. */
enum err log_sink_open(struct log_sink *sink, int fd);
void log_sink_close(struct log_sink *sink);	/* not the descriptor */

/* Add a line and its newline, or drop and count it. */
void log_sink_put(struct log_sink *sink, struct slice line);

/* Write what can be written without waiting, or a good part of it. */
void log_sink_flush(struct log_sink *sink);
bool log_sink_is_empty(const struct log_sink *sink);

/* Add to a count of which this thread is the only writer: no locked instruction. */
static inline void
log_count(_Atomic(uint64_t) *count, uint64_t n)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
			      memory_order_relaxed);
}
