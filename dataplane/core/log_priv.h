/*
 * What the files of the log share: a ring's two ends, and what the writer has.
 */
#pragma once

#include <stdatomic.h>
#include <sys/uio.h>
#include "core/log.h"

/* -- rings -- */

/* What a ring holds of one line: this, then the bytes, up to a multiple of LOG_RECORD_ALIGN. */
struct log_record {
	uint32_t		 len;
	uint32_t		 level;		/* enum log_level */
	const struct log_list	*list;		/* NULL: nothing, only filling up to the ring's end */
};

#define LOG_RECORD_ALIGN sizeof(struct log_record)

struct log_ring {
	/* The positions count on for ever; a place in `data` is one modulo LOG_RING_BYTES. */
	_Alignas(64) _Atomic(uint64_t) head;	/* producer's: release, pairs with log_ring_head() */
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

/* Writer's thread: how far the producer has come; the next line before that, or NULL. It stays until
 * log_ring_drop(). */
uint64_t log_ring_head(struct log_ring *ring);
const struct log_record *log_ring_next(struct log_ring *ring, uint64_t head);
void log_ring_drop(struct log_ring *ring, const struct log_record *record);

/* Any thread: let the writer look at the rings now. Nothing happens where there is none. */
void log_writer_wake(void);
bool log_writer_runs(void);

/* -- framing: pure -- */

/* Who speaks; read once, at the writer's start. */
struct log_who {
	char	host[256];	/* HOST_NAME_MAX and more */
	int	pid;
};

/* The time as the framings have it. */
struct log_stamp {
	uint64_t	 second;	/* that the texts are of */
	char		 rfc3164[16];	/* "Nov 20 06:00:00" */
	char		 iso[34];	/* "2026-11-20T06:00:00.123456+00:00" */
};

#define LOG_HEAD_MAX_BYTES 384	/* a host name of 255 and the rest of RFC 5424's header */

void log_stamp_set(struct log_stamp *stamp, uint64_t wall_us);
struct slice log_frame(char head[LOG_HEAD_MAX_BYTES], const struct log_target_conf *conf,
		       enum log_level level, const struct log_who *who,
		       const struct log_stamp *stamp);

/* -- a queue: whole lines, sent in pieces or one by one; one thread -- */

struct log_queue {
	char		*bytes;		/* LOG_QUEUE_BYTES, a ring as above; NULL: takes nothing */
	uint32_t	*lens;		/* LOG_QUEUE_LINES: each line's length, a ring */
	uint64_t	 head, tail;	/* bytes; tail: the first that was not sent */
	uint64_t	 last, first;	/* lines */
	uint32_t	 sent;		/* of the first line */
};

enum err log_queue_init(struct log_queue *q);
void log_queue_fini(struct log_queue *q);

static inline bool
log_queue_is_empty(const struct log_queue *q)
{
	return q->first == q->last;
}

/* A line of `count` parts, or nothing: false. */
bool log_queue_put(struct log_queue *q, const struct slice *parts, unsigned count);

/* Unsent bytes that lie together: whole lines up to `max`, or a piece of one. The queue is not empty. */
struct slice log_queue_chunk(const struct log_queue *q, size_t max);

/* `bytes` were sent: how many lines are through with that. */
uint32_t log_queue_take(struct log_queue *q, size_t bytes);

/* The first line whole, though some of it was sent. */
void log_queue_rewind(struct log_queue *q);

/* The first `count` lines, two pieces each, where pieces may be empty; at most that many. */
uint32_t log_queue_lines(const struct log_queue *q, struct iovec (*lines)[2], uint32_t count);

/* -- places -- */

struct log_sink;

/* What differs from kind to kind. Writer's thread. */
struct log_sink_ops {
	enum err	(*open)(struct log_sink *sink, uint64_t now_us);	/* ERR_SYSTEM: errno */
	void		(*flush)(struct log_sink *sink, uint64_t now_us);	/* it is open */
};

/* Where lines go, and those that wait for it. */
struct log_sink {
	struct log_place	 place;		/* texts are its own; immutable */
	const struct log_sink_ops *ops;
	/* the registry's, under its lock */
	struct log_sink		*next;
	struct log_target	*targets;
	bool			 leaving;	/* no list names it: written out, then freed */
	/* the writer's alone */
	_Atomic(bool)		 adopted;	/* in its list */
	struct log_sink		*next_adopted;
	int			 fd;
	enum log_sink_state {
		LOG_SINK_CLOSED,		/* opened again at retry_at_us */
		LOG_SINK_CONNECTING,
		LOG_SINK_OPEN,
		LOG_SINK_DEAD,			/* a standard stream that nobody reads: for good */
	}			 state;
	enum log_fd_kind {
		LOG_FD_FILE,			/* always takes bytes */
		LOG_FD_SOCKET,			/* takes MSG_DONTWAIT */
		LOG_FD_PIPE,			/* or a terminal: small writes, when poll() says so */
	}			 fd_kind;
	struct log_queue	 queue;
	bool			 hung_up;	/* poll() said so */
	bool			 reopen;	/* a file that was moved away */
	uint32_t		 backoff_ms;
	uint64_t		 retry_at_us;	/* monotonic; of CONNECTING: when it is given up */
	uint64_t		 leave_at_us;	/* 0: was not told yet */
	uint64_t		 told_at_us;	/* when its trouble was last logged; 0: never */
	bool			 told;
	uint32_t		 refused;	/* lines counted as dropped that were counted as written before */
	/* any thread */
	_Atomic(uint64_t)	 written;	/* lines */
	_Atomic(uint64_t)	 dropped;
	_Atomic(int)		 trouble;	/* errno; 0: none */
};

extern const struct log_sink_ops log_std_ops, log_file_ops, log_tcp_ops, log_dgram_ops;

/* Ready for its first line. ERR_NOMEM. */
enum err log_sink_adopt(struct log_sink *sink, uint64_t now_us);
/* What adopt and open took; lines in it are dropped. */
void log_sink_release(struct log_sink *sink);

/* Add a line with its framing, or drop and count it. */
void log_sink_put(struct log_sink *sink, struct slice head, struct slice line, uint64_t now_us);

/* Write what can be written without waiting, or a good part of it. */
void log_sink_flush(struct log_sink *sink, uint64_t now_us);

/* When, without a line or an event, it wants to be flushed again; UINT64_MAX: never. */
uint64_t log_sink_due_us(const struct log_sink *sink);

/* What poll() is to watch for; 0: nothing. */
short log_sink_events(const struct log_sink *sink);

/* For ops: it does not take lines, or takes them again: told, but not each time. */
void log_sink_trouble(struct log_sink *sink, int error, uint64_t now_us);
void log_sink_well(struct log_sink *sink);
void log_sink_shut(struct log_sink *sink);	/* close it, to be opened later */
void log_sink_drop(struct log_sink *sink, uint32_t lines);
void log_sink_flush_stream(struct log_sink *sink, uint64_t now_us);
enum log_fd_kind log_fd_kind_of(int fd);

/* -- targets, lists, and the registry of both -- */

struct log_target {
	struct log_target_conf	 conf;		/* immutable; place's texts are the sink's */
	struct log_sink		*sink;
	struct log_target	*next;		/* of its sink; registry's lock */
	uint32_t		 refs;		/* registry's lock */
	uint32_t		 sample_at;	/* writer's: lines of this sample that were seen */
};

struct log_list {
	struct log_list		*next_retired;
	enum log_level		 level;		/* the highest of its targets */
	uint32_t		 count;
	struct log_target	*targets[];	/* held */
};

extern struct log_sink log_stdout_sink, log_stderr_sink;

/* For log_msg(): stderr, as it is. */
extern const struct log_list log_list_stderr;

/* Writer: does it take this line? With the level that is sent. */
bool log_target_takes(struct log_target *target, enum log_level *level);

/* Writer: lists that were given back; and when no record names them any more. */
struct log_list *log_lists_retired(void);
void log_lists_drop(struct log_list *lists);

/* Writer: free a sink that has left. False: somebody names it again. */
bool log_sink_forget(struct log_sink *sink);
bool log_sink_leaves(struct log_sink *sink);

/* Add to a count of which this thread is the only writer: no locked instruction. */
static inline void
log_count(_Atomic(uint64_t) *count, uint64_t n)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + n,
			      memory_order_relaxed);
}
