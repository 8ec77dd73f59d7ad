/*
 * Log lines out of the process, without anybody waiting for it.
 *
 * A producer (a worker, the control thread) copies a line into a ring of its own, with its level and the
 * list of targets that it is for; one thread, the log writer, empties the rings, asks each target whether
 * it takes the line (level, sample), puts the target's framing around it, and writes in batches. Each
 * place (a file, a socket) has a bounded queue of its own, so a slow one delays no other. A full ring or
 * queue drops the line and counts it.
 *
 * A target is its configuration: the same one in ten lists is one, and targets of one place share its
 * descriptor and queue, whatever their framing. A place is opened when its first line comes. stdout and
 * stderr belong to other processes too and are never made non-blocking: one that takes nothing is polled.
 *
 * A record in a ring names its list by a bare pointer and may outlive who made the list. So
 * log_list_free() frees nothing: it hands the list to the writer, which frees it when it has emptied all
 * rings after that. Who calls it must know that no producer uses the list any more and that each use
 * happened before (a snapshot's last reference does both); then all records that name it are in the
 * rings by then. No producer counts or locks anything.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"

#define LOG_LINE_MAX_BYTES	8192		/* a longer line is cut */
#define LOG_RING_BYTES		(1024 * 1024)	/* a producer's ring */
#define LOG_QUEUE_BYTES		(4 * 1024 * 1024) /* a place's queue */
#define LOG_QUEUE_LINES		65536		/* in it, at most */
#define LOG_SAMPLE_RANGES_MAX	16
#define LOG_SYSLOG_LEN		1024		/* a message's default limit (HAProxy manual, "log", len) */

/* Severity, with syslog's numbers (RFC 5424, 6.2.1). A session's line is usually LOG_LEVEL_INFO. */
enum log_level {
	LOG_LEVEL_EMERG,
	LOG_LEVEL_ALERT,
	LOG_LEVEL_CRIT,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* What stands around a line (HAProxy manual, "log", format). */
enum log_framing {
	LOG_FRAMING_BY_KIND,	/* unix: local, as HAProxy's default; udp, tcp: rfc3164; else raw */
	LOG_FRAMING_RAW,	/* the line alone */
	LOG_FRAMING_RFC3164,	/* <134>Nov 20 06:00:00 host sluice[123]: line */
	LOG_FRAMING_RFC5424,	/* <134>1 2026-11-20T06:00:00.123456+00:00 host sluice 123 - - line */
	LOG_FRAMING_SHORT,	/* <6>line */
	LOG_FRAMING_TIMED,	/* <6>2026-11-20T06:00:00.123456+00:00 line */
	LOG_FRAMING_ISO,	/* 2026-11-20T06:00:00.123456+00:00 line */
	LOG_FRAMING_PRIORITY,	/* <134>line */
	LOG_FRAMING_LOCAL,	/* rfc3164 without the host */
};

enum log_kind {
	LOG_TO_STDOUT,
	LOG_TO_STDERR,
	LOG_TO_FILE,
	LOG_TO_UDP,		/* a datagram a line */
	LOG_TO_TCP,		/* octet counting (RFC 6587, 3.4.1) */
	LOG_TO_UNIX,		/* a datagram a line */
};

/* Where lines go. Texts are borrowed; log_list_new() copies them. */
struct log_place {
	enum log_kind	 kind;
	const char	*text;		/* as it was written: by this it is known and shown */
	const char	*path;		/* a file's: below `dir` where that is not NULL, else absolute */
	const char	*dir;		/* opened beneath this: no link and no ".." leads out */
	struct addr	 addr;		/* udp, tcp, unix */
};

/*
 * "stdout", "stderr", "file:PATH", "udp:IP:PORT", "tcp:IP:PORT" (":PORT" may be missing: 514), "unix:PATH"
 * (a datagram socket; "unix:@NAME" is abstract). ERR_INVALID with what is wrong. `dir` is left NULL.
 */
enum err log_place_parse(struct log_place *place, const char *text, struct diag *diag);

/* Which lines of each `size` are sent; ranges ascend. count 0: all. Beyond count all is zero. */
struct log_sample {
	uint32_t	 size, count;
	struct { uint32_t low, high; } ranges[LOG_SAMPLE_RANGES_MAX];
};

/* "1,3-5:8" (HAProxy manual, "log", sample). ERR_INVALID with what is wrong. */
enum err log_sample_parse(struct log_sample *sample, struct slice text, struct diag *diag);

struct log_target_conf {
	struct log_place	 place;
	struct log_sample	 sample;	/* counted by the target, of the lines that its level lets pass */
	enum log_framing	 framing;
	unsigned		 facility;	/* 0..23, syslog's */
	enum log_level		 level;		/* less severe ones are not sent */
	enum log_level		 minlevel;	/* more severe ones are sent as this */
	uint32_t		 len;		/* bytes, framing and line, without the end; 0: by kind */
};

struct log_list;	/* immutable: the targets of a line */

/* Of `count` targets, one that occurs twice counts once. ERR_NOMEM. Any thread but the workers. */
enum err log_list_new(struct log_list **lp, const struct log_target_conf *confs, size_t count);

/* No producer will name it again, see above. Any thread. */
void log_list_free(struct log_list **lp);

struct log_ring;	/* one producer thread, one consumer (the writer) */

/* Start the writer thread / write out what is left (at most `drain_ms`) and end it. Main thread. */
enum err log_start(void);
void log_stop(uint32_t drain_ms);

/* Files are closed and opened again by their names, soon: they were moved away. Any thread. */
void log_reopen(void);

/* A ring for the calling producer. Freed by log_stop(). ERR_NOMEM. */
enum err log_ring_new(struct log_ring **rp);

/*
 * Add one line (without its newline) for the targets of `list`; NULL: none. False: the ring was
 * full, the line is dropped and counted. Ring's producer only. Wakes the writer at most once per
 * batch.
 */
bool log_write(struct log_ring *ring, const struct log_list *list, enum log_level level,
	       struct slice line);

/*
 * Counts since the start, of all rings and targets; any thread. A line for two targets counts twice.
 * Written is what the kernel took; of a UDP line whose receiver then refused it, dropped.
 */
struct log_counts {
	uint64_t	written;
	uint64_t	dropped;
};
void log_counts(struct log_counts *counts);

/*
 * Call for each place that a list names; `trouble` is NULL while it takes lines. Any thread, no log
 * calls inside.
 */
void log_each_place(void (*fn)(const char *text, const struct log_counts *counts,
			       const char *trouble, void *arg), void *arg);

/*
 * The program's own messages, to stderr: "subject: event, cause". Before log_start() and after
 * log_stop() they are written at once; else through the ring of the calling thread, see
 * log_adopt(), and a thread without one writes at once.
 */
void log_msg(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_adopt(struct log_ring *ring);	/* the calling thread's ring for log_msg */
