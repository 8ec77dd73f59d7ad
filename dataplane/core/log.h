/*
 * Log lines out of the process, without anybody waiting for it.
 *
 * A producer (a worker, the control thread) formats a line into a ring of its own; one thread, the
 * log writer, empties the rings and writes to the targets in batches. Each target has a bounded
 * queue of its own, so a slow one delays no other. A full ring or queue drops the line and counts
 * it. Lines carry a target mask, so one line may go to several targets.
 *
 * Targets in force: stdout (1) and stderr (2). They are written with write(2), never blocking the
 * writer for good: an fd that takes nothing is polled, and meanwhile its queue fills and drops.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/err.h"
#include "core/str.h"

#define LOG_LINE_MAX_BYTES	8192		/* a longer line is cut */
#define LOG_RING_BYTES		(1024 * 1024)	/* a producer's ring */
#define LOG_QUEUE_BYTES		(4 * 1024 * 1024) /* a target's queue */

enum log_target {
	LOG_STDOUT = 0x1,
	LOG_STDERR = 0x2,
};

struct log_ring;	/* one producer thread, one consumer (the writer) */

/* Start the writer thread / write out what is left (at most `drain_ms`) and end it. Main thread. */
enum err log_start(void);
void log_stop(uint32_t drain_ms);

/* A ring for the calling producer. Freed by log_stop(). ERR_NOMEM. */
enum err log_ring_new(struct log_ring **rp);

/*
 * Add one line (without its newline) for `targets` (LOG_*). False: the ring was full, the line is dropped and
 * counted. Ring's producer only. Wakes the writer at most once per batch.
 */
bool log_write(struct log_ring *ring, unsigned targets, struct slice line);

/* Counts since the start, of all rings and targets; any thread. */
struct log_counts {
	uint64_t	written;
	uint64_t	dropped;
};
void log_counts(struct log_counts *counts);

/*
 * The program's own messages, to stderr: "subject: event, cause". Before log_start() and after
 * log_stop() they are written at once; else through the ring of the calling thread, see
 * log_adopt(), and a thread without one writes at once.
 */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO };
void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_adopt(struct log_ring *ring);	/* the calling thread's ring for log_msg */
