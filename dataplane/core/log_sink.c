/*
 * Targets of the log: stdout and stderr, whatever they are.
 *
 * They belong to other processes too (a shell, a supervisor), so O_NONBLOCK, which is a property of
 * the open file and not of ours, is never set on them. What could block is asked before: a pipe or
 * terminal that poll() calls writable takes PIPE_BUF bytes at once (pipe(7)); a socket takes
 * MSG_DONTWAIT; a file takes all. Writer's thread.
 */
#include "config.h"
#include "core/log_priv.h"
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_CHUNK_BYTES (256 * 1024) /* one write to a file or socket */
#define LOG_FLUSH_BYTES (256 * 1024) /* between two looks at the rings */

static_assert((LOG_QUEUE_BYTES & (LOG_QUEUE_BYTES - 1)) == 0, "a place is a position's low bits");

static enum log_sink_kind
log_sink_kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return LOG_SINK_DEAD;
	if (S_ISSOCK(st.st_mode))
		return LOG_SINK_SOCKET;
	return S_ISREG(st.st_mode) ? LOG_SINK_FILE : LOG_SINK_PIPE;
}

enum err
log_sink_open(struct log_sink *sink, int fd)
{
	sink->fd = fd;
	sink->kind = log_sink_kind_of(fd);
	sink->head = sink->tail = 0;
	atomic_store_explicit(&sink->written, 0, memory_order_relaxed);
	atomic_store_explicit(&sink->dropped, 0, memory_order_relaxed);
	sink->queue = malloc(LOG_QUEUE_BYTES);
	return sink->queue == NULL ? ERR_NOMEM : ERR_OK;
}

void
log_sink_close(struct log_sink *sink)
{
	free(sink->queue);
	sink->queue = NULL;
}

bool
log_sink_is_empty(const struct log_sink *sink)
{
	return sink->head == sink->tail;
}

static void
log_sink_copy(struct log_sink *sink, struct slice bytes)
{
	size_t at = sink->head % LOG_QUEUE_BYTES;
	size_t first = bytes.len < LOG_QUEUE_BYTES - at ? bytes.len : LOG_QUEUE_BYTES - at;

	memcpy(sink->queue + at, bytes.at, first);
	memcpy(sink->queue, bytes.at + first, bytes.len - first);
	sink->head += bytes.len;
}

void
log_sink_put(struct log_sink *sink, struct slice line)
{
	if (sink->kind == LOG_SINK_DEAD ||
	    sink->head - sink->tail + line.len + 1 > LOG_QUEUE_BYTES) {
		log_count(&sink->dropped, 1);
		return;
	}
	log_sink_copy(sink, line);
	log_sink_copy(sink, SLICE("\n"));
}

/* How many lines end in `bytes`. */
static uint64_t
lines_count(struct slice bytes)
{
	const char *end = bytes.at + bytes.len;
	uint64_t lines = 0;

	for (const char *at = bytes.at; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
		lines++;
	return lines;
}

/* What one write takes: contiguous, and for a pipe whole lines where they are short enough. */
static struct slice
log_sink_chunk(const struct log_sink *sink)
{
	size_t max = sink->kind == LOG_SINK_PIPE ? PIPE_BUF : LOG_CHUNK_BYTES;
	size_t at = sink->tail % LOG_QUEUE_BYTES;
	struct slice chunk = { sink->queue + at, (size_t)(sink->head - sink->tail) };
	const char *newline;

	if (chunk.len > LOG_QUEUE_BYTES - at)
		chunk.len = LOG_QUEUE_BYTES - at;
	if (chunk.len <= max)
		return chunk;
	chunk.len = max;
	newline = memrchr(chunk.at, '\n', chunk.len);
	if (newline != NULL) /* else a line longer than that, which goes in pieces */
		chunk.len = (size_t)(newline - chunk.at) + 1;
	return chunk;
}

static ssize_t
log_sink_write(struct log_sink *sink, struct slice chunk)
{
	struct pollfd p = { .fd = sink->fd, .events = POLLOUT };

	if (sink->kind == LOG_SINK_SOCKET)
		return send(sink->fd, chunk.at, chunk.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sink->kind == LOG_SINK_PIPE && poll(&p, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(sink->fd, chunk.at, chunk.len);
}

/* Nobody reads there any more, and nobody will. */
static bool
errno_is_final(int e)
{
	return e == EPIPE || e == EBADF || e == ECONNRESET || e == ENOTCONN || e == ENXIO;
}

/* A write failed for good, or the disk is full: the chunk, or all, is lost. */
static void
log_sink_fail(struct log_sink *sink, struct slice chunk, int e)
{
	if (errno_is_final(e))
		sink->kind = LOG_SINK_DEAD;
	do {
		log_count(&sink->dropped, lines_count(chunk));
		sink->tail += chunk.len;
		chunk = log_sink_chunk(sink);
	} while (sink->kind == LOG_SINK_DEAD && chunk.len > 0);
}

void
log_sink_flush(struct log_sink *sink)
{
	/* a reader that keeps up must not keep us from the rings: they are smaller than the queue */
	uint64_t stop = sink->tail + LOG_FLUSH_BYTES;

	while (!log_sink_is_empty(sink) && sink->tail < stop) {
		struct slice chunk = log_sink_chunk(sink);
		ssize_t n = log_sink_write(sink, chunk);

		if (n > 0) {
			chunk.len = (size_t)n;
			log_count(&sink->written, lines_count(chunk));
			sink->tail += chunk.len;
		} else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		else if (n == 0 || errno != EINTR)
			log_sink_fail(sink, chunk, n == 0 ? EIO : errno);
	}
	/* the next batch in memory that is still in the cache, not in what was used 4 MiB ago */
	if (log_sink_is_empty(sink))
		sink->head = sink->tail = 0;
}
