/*
 * Places that lines go to: what all have in common, and stdout and stderr, whatever they are.
 *
 * Those two belong to other processes too (a shell, a supervisor), so O_NONBLOCK, which is a property of
 * the open file and not of ours, is never set on them. What could block is asked before: a pipe or
 * terminal that poll() calls writable takes PIPE_BUF bytes at once (pipe(7)); a socket takes
 * MSG_DONTWAIT; a file takes all. Writer's thread.
 */
#include "config.h"
#include "core/log_priv.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_CHUNK_BYTES (256 * 1024) /* one write to a file or socket */
#define LOG_FLUSH_BYTES (256 * 1024) /* between two looks at the rings */
#define LOG_RETRY_US	1000000	     /* until a file is tried again */
#define LOG_TELL_US	10000000     /* between two warnings of one place */

enum log_fd_kind
log_fd_kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return LOG_FD_PIPE;	/* closed: a write will say so */
	if (S_ISSOCK(st.st_mode))
		return LOG_FD_SOCKET;
	return S_ISREG(st.st_mode) ? LOG_FD_FILE : LOG_FD_PIPE;
}

/* -- trouble -- */

void
log_sink_trouble(struct log_sink *sink, int error, uint64_t now_us)
{
	atomic_store_explicit(&sink->trouble, error, memory_order_relaxed);
	if (sink->ops == &log_std_ops ||
	    (sink->told_at_us != 0 && now_us - sink->told_at_us < LOG_TELL_US))
		return;
	sink->told_at_us = now_us;
	sink->told = true;
	log_msg(LOG_LEVEL_WARNING, "log %s: %s", sink->place.text,
		error == ENOBUFS ? "its queue is full, lines are dropped" :
				   strerrordesc_np(error));
}

void
log_sink_well(struct log_sink *sink)
{
	if (atomic_load_explicit(&sink->trouble, memory_order_relaxed) == 0)
		return;
	atomic_store_explicit(&sink->trouble, 0, memory_order_relaxed);
	if (sink->told)
		log_msg(LOG_LEVEL_NOTICE, "log %s: takes lines again, %llu have been dropped",
			sink->place.text, (unsigned long long)atomic_load_explicit(
				&sink->dropped, memory_order_relaxed));
	sink->told = false;
}

void
log_sink_drop(struct log_sink *sink, uint32_t lines)
{
	log_count(&sink->dropped, lines);
}

/* -- open and shut -- */

void
log_sink_shut(struct log_sink *sink)
{
	if (sink->fd >= 0 && sink->ops != &log_std_ops)
		close(sink->fd);
	sink->fd = -1;
	sink->state = LOG_SINK_CLOSED;
	sink->hung_up = false;
}

static void
sink_try_open(struct log_sink *sink, uint64_t now_us)
{
	if (sink->state != LOG_SINK_CLOSED || now_us < sink->retry_at_us)
		return;
	sink->retry_at_us = now_us + LOG_RETRY_US;	/* open() may know better */
	if (sink->ops->open(sink, now_us) != ERR_OK)
		log_sink_trouble(sink, errno, now_us);
}

enum err
log_sink_adopt(struct log_sink *sink, uint64_t now_us)
{
	if (log_queue_init(&sink->queue) != ERR_OK)
		return ERR_NOMEM;
	sink->state = LOG_SINK_CLOSED;
	sink->retry_at_us = sink->leave_at_us = sink->told_at_us = 0;
	sink->backoff_ms = sink->refused = 0;
	sink->told = sink->reopen = false;
	atomic_store_explicit(&sink->trouble, 0, memory_order_relaxed);
	if (sink->ops == &log_std_ops) {	/* they count from the writer's start */
		atomic_store_explicit(&sink->written, 0, memory_order_relaxed);
		atomic_store_explicit(&sink->dropped, 0, memory_order_relaxed);
	}
	sink_try_open(sink, now_us);
	return ERR_OK;
}

void
log_sink_release(struct log_sink *sink)
{
	log_sink_drop(sink, (uint32_t)(sink->queue.last - sink->queue.first));
	log_sink_shut(sink);
	log_queue_fini(&sink->queue);
	atomic_store_explicit(&sink->adopted, false, memory_order_relaxed);
}

/* -- lines in -- */

/* A file that can't be opened keeps nothing: what comes by the network may be back in a moment. */
static bool
sink_takes(struct log_sink *sink, uint64_t now_us)
{
	if (sink->state == LOG_SINK_DEAD || sink->queue.bytes == NULL)
		return false;
	if (sink->place.kind != LOG_TO_FILE)
		return true;
	sink_try_open(sink, now_us);
	return sink->state == LOG_SINK_OPEN;
}

void
log_sink_put(struct log_sink *sink, struct slice head, struct slice line, uint64_t now_us)
{
	char count[24];
	struct slice parts[] = { { count, 0 }, head, line, SLICE("\n") };

	if (sink->place.kind == LOG_TO_TCP) {
		parts[0].len = (size_t)snprintf(count, sizeof(count), "%zu ", head.len + line.len);
		parts[3].len = 0;
	}
	if (!sink_takes(sink, now_us)) {
		log_sink_drop(sink, 1);
	} else if (!log_queue_put(&sink->queue, parts, 4)) {
		log_sink_drop(sink, 1);
		log_sink_trouble(sink, ENOBUFS, now_us);
	}
}

/* -- lines out -- */

static ssize_t
sink_write(struct log_sink *sink, struct slice chunk)
{
	struct pollfd p = { .fd = sink->fd, .events = POLLOUT };

	if (sink->fd_kind == LOG_FD_SOCKET)
		return send(sink->fd, chunk.at, chunk.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sink->fd_kind == LOG_FD_PIPE && poll(&p, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(sink->fd, chunk.at, chunk.len);
}

/* Nobody reads there any more, and nobody will; or the descriptor leads nowhere. */
static bool
errno_is_final(int e)
{
	return e == EPIPE || e == EBADF || e == ECONNRESET || e == ENOTCONN || e == ENXIO ||
	       e == ESTALE || e == ETIMEDOUT;
}

/* A standard stream is lost for good, a file is opened anew; the disk is full: a chunk is lost. */
static void
sink_fail(struct log_sink *sink, struct slice chunk, int error, uint64_t now_us)
{
	struct log_queue *q = &sink->queue;
	bool is_torn = q->sent > 0 && chunk.len > 0;

	if (errno_is_final(error) || sink->place.kind == LOG_TO_TCP) {
		log_sink_shut(sink);
		if (sink->ops == &log_std_ops)
			sink->state = LOG_SINK_DEAD;
		while (sink->state == LOG_SINK_DEAD && !log_queue_is_empty(q))
			log_sink_drop(sink, log_queue_take(q, log_queue_chunk(q, SIZE_MAX).len));
		log_queue_rewind(q);
	} else if (is_torn && q->lens[q->first % LOG_QUEUE_LINES] - q->sent > 1) {
		/* some of the line is there: its newline must follow, or the next one is spoilt too */
		log_queue_take(q, q->lens[q->first % LOG_QUEUE_LINES] - q->sent - 1);
	} else {
		log_sink_drop(sink, log_queue_take(q, chunk.len));
	}
	log_sink_trouble(sink, error, now_us);
}

void
log_sink_flush_stream(struct log_sink *sink, uint64_t now_us)
{
	const size_t max = sink->fd_kind == LOG_FD_PIPE ? PIPE_BUF : LOG_CHUNK_BYTES;
	size_t done = 0;

	/* a reader that keeps up must not keep us from the rings: they are smaller than the queue */
	while (!log_queue_is_empty(&sink->queue) && sink->state == LOG_SINK_OPEN &&
	       done < LOG_FLUSH_BYTES) {
		struct slice chunk = log_queue_chunk(&sink->queue, max);
		ssize_t n = sink_write(sink, chunk);

		if (n > 0) {
			log_count(&sink->written, log_queue_take(&sink->queue, (size_t)n));
			log_sink_well(sink);
			done += (size_t)n;
		} else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			return;
		} else if (n == 0 || errno != EINTR) {
			sink_fail(sink, chunk, n == 0 ? EIO : errno, now_us);
			if (sink->ops != &log_std_ops)
				return;		/* one try a turn */
		}
	}
}

void
log_sink_flush(struct log_sink *sink, uint64_t now_us)
{
	if (sink->state == LOG_SINK_CLOSED && !log_queue_is_empty(&sink->queue))
		sink_try_open(sink, now_us);
	if (sink->state == LOG_SINK_OPEN || sink->state == LOG_SINK_CONNECTING)
		sink->ops->flush(sink, now_us);
	sink->hung_up = false;
}

uint64_t
log_sink_due_us(const struct log_sink *sink)
{
	if (sink->leave_at_us != 0)
		return sink->leave_at_us;
	if (sink->state == LOG_SINK_CONNECTING || sink->reopen ||
	    (sink->state == LOG_SINK_CLOSED && !log_queue_is_empty(&sink->queue)))
		return sink->retry_at_us;
	return UINT64_MAX;
}

short
log_sink_events(const struct log_sink *sink)
{
	short events = 0;

	if (sink->fd < 0)
		return 0;
	if (sink->place.kind == LOG_TO_TCP)
		events |= POLLRDHUP;
	if (sink->state == LOG_SINK_CONNECTING || !log_queue_is_empty(&sink->queue))
		events |= POLLOUT;
	return events;
}

/* -- stdout and stderr -- */

static enum err
std_open(struct log_sink *sink, uint64_t now_us)
{
	struct stat st;

	sink->fd = sink->place.kind == LOG_TO_STDOUT ? STDOUT_FILENO : STDERR_FILENO;
	if (fstat(sink->fd, &st) != 0) {
		sink->fd = -1;
		sink->state = LOG_SINK_DEAD;
		return ERR_SYSTEM;
	}
	sink->fd_kind = log_fd_kind_of(sink->fd);
	sink->state = LOG_SINK_OPEN;
	return ERR_OK;
}

const struct log_sink_ops log_std_ops = { std_open, log_sink_flush_stream };
