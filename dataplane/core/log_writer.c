/*
 * The log writer: a thread that empties the rings into the targets' queues and those into the world.
 *
 * While lines come it looks every LOG_NAP_MS and nobody wakes it: at full traffic that is one batch a
 * nap and no system call for the producers. After a nap without a line it declares all rings clean,
 * looks once more, and sleeps until a producer finds its ring clean and writes the eventfd.
 */
#include "config.h"
#include "core/log_priv.h"
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "core/clock.h"

#define LOG_NAP_MS     10
#define LOG_SINKS      2
#define LOG_JOIN_MS    250 /* beyond the drain: for a write that blocks after all */

/* A row a target: its bit is its place. */
static const int sink_fds[LOG_SINKS] = { STDOUT_FILENO, STDERR_FILENO };
static_assert(LOG_STDOUT == 1 << 0 && LOG_STDERR == 1 << 1, "a target's bit is its sink's place");

static struct {
	pthread_t		 thread;
	int			 fd;		/* eventfd: look at once */
	_Atomic(bool)		 running;	/* release by main, acquire by all */
	_Atomic(bool)		 stopping;	/* release by main, acquire by the writer */
	uint64_t		 stop_at_us;	/* set before `stopping` */
	struct log_sink		 sinks[LOG_SINKS];
} writer;

bool
log_writer_runs(void)
{
	return atomic_load_explicit(&writer.running, memory_order_acquire);
}

void
log_writer_wake(void)
{
	const uint64_t one = 1;

	if (log_writer_runs() && write(writer.fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN || errno == EINTR);
}

/* Rings to queues. True: there was a line. */
static bool
writer_collect(void)
{
	const struct log_record *record;
	bool any = false;

	for (struct log_ring *ring = log_rings(); ring != NULL; ring = ring->next) {
		while ((record = log_ring_next(ring)) != NULL) {
			struct slice line = { (const char *)(record + 1), record->len };

			for (unsigned i = 0; i < LOG_SINKS; i++) {
				if (record->targets & 1u << i)
					log_sink_put(&writer.sinks[i], line);
			}
			log_ring_drop(ring, record);
			any = true;
		}
	}
	return any;
}

static void
writer_flush(void)
{
	for (unsigned i = 0; i < LOG_SINKS; i++)
		log_sink_flush(&writer.sinks[i]);
}

static bool
writer_is_empty(void)
{
	bool empty = true;

	for (unsigned i = 0; i < LOG_SINKS; i++)
		empty = empty && log_sink_is_empty(&writer.sinks[i]);
	return empty;
}

/* From here on a producer wakes us. Exchange: reads what each producer's exchange released. */
static void
writer_mark_clean(void)
{
	for (struct log_ring *ring = log_rings(); ring != NULL; ring = ring->next)
		atomic_exchange_explicit(&ring->dirty, false, memory_order_acq_rel);
}

/* Until somebody wakes us, a target that was full takes bytes again, or `timeout_ms`. */
static void
writer_sleep(int timeout_ms)
{
	struct pollfd fds[1 + LOG_SINKS] = { { .fd = writer.fd, .events = POLLIN } };
	uint64_t count;

	for (unsigned i = 0; i < LOG_SINKS; i++) {
		bool waits = !log_sink_is_empty(&writer.sinks[i]);

		fds[1 + i].fd = waits ? writer.sinks[i].fd : -1;
		fds[1 + i].events = POLLOUT;
	}
	if (poll(fds, 1 + LOG_SINKS, timeout_ms) > 0 && (fds[0].revents & POLLIN) &&
	    read(writer.fd, &count, sizeof(count)) < 0)
		assert(errno == EAGAIN || errno == EINTR);
}

/* One look at everything. Returns how long to sleep afterwards: LOG_NAP_MS, or -1 until woken. */
static int
writer_turn(void)
{
	bool any = writer_collect();

	if (!any) {
		writer_mark_clean();
		any = writer_collect();	/* what came before a producer saw that */
	}
	writer_flush();
	return any ? LOG_NAP_MS : -1;
}

static void *
writer_main(void *arg)
{
	for (;;) {
		/* first: once told to stop there are no producers, so the turn sees the last line */
		bool stopping = atomic_load_explicit(&writer.stopping, memory_order_acquire);
		int timeout_ms = writer_turn();

		if (stopping && (writer_is_empty() ||
		    clock_read_us(CLOCK_MONOTONIC) >= writer.stop_at_us))
			return NULL;
		writer_sleep(stopping ? LOG_NAP_MS : timeout_ms);
	}
}

/* The thread takes no signal, so that main() does, and a closed pipe says EPIPE. */
static int
writer_spawn(void)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&writer.thread, NULL, writer_main, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error;
}

static void
writer_release(void)
{
	for (unsigned i = 0; i < LOG_SINKS; i++)
		log_sink_close(&writer.sinks[i]);
	if (writer.fd >= 0)
		close(writer.fd);
	writer.fd = -1;
}

enum err
log_start(void)
{
	enum err result = ERR_SYSTEM;

	assert(!log_writer_runs());
	atomic_store_explicit(&writer.stopping, false, memory_order_relaxed);
	writer.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (writer.fd < 0)
		return ERR_SYSTEM;
	for (unsigned i = 0; i < LOG_SINKS; i++) {
		if (log_sink_open(&writer.sinks[i], sink_fds[i]) != ERR_OK) {
			result = ERR_NOMEM;
			goto fail;
		}
	}
	if (writer_spawn() != 0)
		goto fail;
	atomic_store_explicit(&writer.running, true, memory_order_release);
	return ERR_OK;
fail:
	writer_release();
	return result;
}

void
log_stop(uint32_t drain_ms)
{
	struct timespec until;

	if (!log_writer_runs())
		return;
	writer.stop_at_us = clock_read_us(CLOCK_MONOTONIC) + (uint64_t)drain_ms * 1000;
	atomic_store_explicit(&writer.stopping, true, memory_order_release);
	log_writer_wake();
	atomic_store_explicit(&writer.running, false, memory_order_release);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (drain_ms + LOG_JOIN_MS) / 1000;
	until.tv_nsec += (long)((drain_ms + LOG_JOIN_MS) % 1000) * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	/* A write may hang although poll() said it would not, if another process filled the pipe in
	 * between. The process is about to end: leave the thread, and its memory, to that. */
	if (pthread_timedjoin_np(writer.thread, NULL, &until) != 0)
		return;
	writer_release();
	log_rings_free();
}

void
log_counts(struct log_counts *counts)
{
	*counts = (struct log_counts){ 0 };
	for (struct log_ring *ring = log_rings(); ring != NULL; ring = ring->next)
		counts->dropped += atomic_load_explicit(&ring->dropped, memory_order_relaxed);
	for (unsigned i = 0; i < LOG_SINKS; i++) {
		const struct log_sink *sink = &writer.sinks[i];

		counts->written += atomic_load_explicit(&sink->written, memory_order_relaxed);
		counts->dropped += atomic_load_explicit(&sink->dropped, memory_order_relaxed);
	}
}
