/*
 * The log writer: a thread that empties the rings into the places' queues and those into the world.
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
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "core/clock.h"

#define LOG_NAP_MS	10
#define LOG_JOIN_MS	250 /* beyond the drain: for a write that blocks after all */
#define LOG_LEAVE_US	1000000 /* for the last lines of a place that no list names any more */

static struct {
	pthread_t		 thread;
	int			 fd;		/* eventfd: look at once */
	_Atomic(bool)		 running;	/* release by main, acquire by all */
	_Atomic(bool)		 stopping;	/* release by main, acquire by the writer */
	_Atomic(bool)		 reopen;	/* files are to be opened anew */
	uint64_t		 stop_at_us;	/* set before `stopping` */
	/* the writer's alone while it runs */
	struct log_sink		*sinks;		/* adopted: in use since a line came for them */
	struct pollfd		*polled;	/* one more than there are sinks */
	unsigned		 polled_max;
	struct log_ring		*ring;		/* for its own messages */
	struct log_who		 who;
	struct log_stamp	 stamp;
	uint64_t		 now_us;	/* monotonic, one look a turn */
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

void
log_reopen(void)
{
	atomic_store_explicit(&writer.reopen, true, memory_order_relaxed);
	log_writer_wake();
}

/* -- rings to queues -- */

static enum err
writer_adopt(struct log_sink *sink)
{
	unsigned count = 2;	/* itself, and the eventfd */
	struct pollfd *polled;
	enum err e;

	for (const struct log_sink *s = writer.sinks; s != NULL; s = s->next_adopted)
		count++;
	if (count > writer.polled_max) {
		polled = realloc(writer.polled, count * 2 * sizeof(*polled));
		if (polled == NULL)
			return ERR_NOMEM;
		writer.polled = polled;
		writer.polled_max = count * 2;
	}
	e = log_sink_adopt(sink, writer.now_us);
	if (e != ERR_OK)
		return e;
	atomic_store_explicit(&sink->adopted, true, memory_order_relaxed);
	sink->next_adopted = writer.sinks;
	writer.sinks = sink;
	return ERR_OK;
}

static void
writer_put(struct log_target *target, enum log_level level, struct slice line)
{
	char bytes[LOG_HEAD_MAX_BYTES];
	struct slice head;

	if (!log_target_takes(target, &level))
		return;
	if (!atomic_load_explicit(&target->sink->adopted, memory_order_relaxed) &&
	    writer_adopt(target->sink) != ERR_OK) {
		log_sink_drop(target->sink, 1);
		return;
	}
	head = log_frame(bytes, &target->conf, level, &writer.who, &writer.stamp);
	if (head.len > target->conf.len)
		head.len = target->conf.len;
	if (line.len > target->conf.len - head.len)
		line.len = target->conf.len - head.len;
	log_sink_put(target->sink, head, line, writer.now_us);
}

/* Up to where the producer is now: one that never rests must not keep us. */
static bool
writer_collect_ring(struct log_ring *ring)
{
	const uint64_t head = log_ring_head(ring);
	const struct log_record *record;
	bool any = false;

	while ((record = log_ring_next(ring, head)) != NULL) {
		struct slice line = { (const char *)(record + 1), record->len };

		for (uint32_t i = 0; i < record->list->count; i++)
			writer_put(record->list->targets[i], (enum log_level)record->level, line);
		log_ring_drop(ring, record);
		any = true;
	}
	return any;
}

/* True: there was a line. */
static bool
writer_collect(void)
{
	bool any = false;

	for (struct log_ring *ring = log_rings(); ring != NULL; ring = ring->next)
		any = writer_collect_ring(ring) || any;
	return any;
}

/* -- queues to the world -- */

static void
writer_flush(void)
{
	for (struct log_sink *s = writer.sinks; s != NULL; s = s->next_adopted)
		log_sink_flush(s, writer.now_us);
}

static bool
writer_is_empty(void)
{
	bool empty = true;

	for (const struct log_sink *s = writer.sinks; s != NULL; s = s->next_adopted)
		empty = empty && log_queue_is_empty(&s->queue);
	return empty;
}

static void
writer_reopen(void)
{
	if (!atomic_exchange_explicit(&writer.reopen, false, memory_order_relaxed))
		return;
	for (struct log_sink *s = writer.sinks; s != NULL; s = s->next_adopted) {
		if (s->place.kind == LOG_TO_FILE) {
			s->reopen = s->state == LOG_SINK_OPEN;
			s->retry_at_us = 0;
		}
	}
}

/* True: it is gone. It has a while for its last lines. */
static bool
writer_let_go(struct log_sink *sink, bool lists_went)
{
	if (!lists_went && sink->leave_at_us == 0)
		return false;
	if (!log_sink_leaves(sink)) {
		sink->leave_at_us = 0;
		return false;
	}
	if (sink->leave_at_us == 0)
		sink->leave_at_us = writer.now_us + LOG_LEAVE_US;
	return (log_queue_is_empty(&sink->queue) || writer.now_us >= sink->leave_at_us) &&
	       log_sink_forget(sink);
}

static void
writer_let_go_all(bool lists_went)
{
	struct log_sink **at = &writer.sinks;

	while (*at != NULL) {
		struct log_sink *next = (*at)->next_adopted;

		if (writer_let_go(*at, lists_went))
			*at = next;
		else
			at = &(*at)->next_adopted;
	}
}

/* From here on a producer wakes us. Exchange: reads what each producer's exchange released. */
static void
writer_mark_clean(void)
{
	for (struct log_ring *ring = log_rings(); ring != NULL; ring = ring->next)
		atomic_exchange_explicit(&ring->dirty, false, memory_order_acq_rel);
}

static int
poll_timeout(int timeout_ms)
{
	for (const struct log_sink *s = writer.sinks; s != NULL; s = s->next_adopted) {
		uint64_t due_us = log_sink_due_us(s), left_ms;

		if (due_us == UINT64_MAX)
			continue;
		left_ms = due_us <= writer.now_us ? 0 : (due_us - writer.now_us) / 1000 + 1;
		if (timeout_ms < 0 || left_ms < (uint64_t)timeout_ms)
			timeout_ms = (int)left_ms;
	}
	return timeout_ms;
}

static nfds_t
poll_fill(void)
{
	nfds_t count = 1;

	writer.polled[0] = (struct pollfd){ .fd = writer.fd, .events = POLLIN };
	for (const struct log_sink *s = writer.sinks; s != NULL; s = s->next_adopted) {
		short events = log_sink_events(s);

		writer.polled[count++] =
			(struct pollfd){ .fd = events == 0 ? -1 : s->fd, .events = events };
	}
	return count;
}

/* Until somebody wakes us, a place takes bytes again or hangs up, or `timeout_ms`. */
static void
writer_sleep(int timeout_ms)
{
	nfds_t count = poll_fill(), i = 1;
	uint64_t ignored;

	if (poll(writer.polled, count, poll_timeout(timeout_ms)) <= 0)
		return;
	for (struct log_sink *s = writer.sinks; s != NULL; s = s->next_adopted, i++)
		s->hung_up = (writer.polled[i].revents & (POLLRDHUP | POLLHUP)) != 0;
	if ((writer.polled[0].revents & POLLIN) &&
	    read(writer.fd, &ignored, sizeof(ignored)) < 0)
		assert(errno == EAGAIN || errno == EINTR);
}

/* One look at everything. Returns how long to sleep afterwards: LOG_NAP_MS, or -1 until woken. */
static int
writer_turn(void)
{
	/* before the rings are read: records that name these are in them by now */
	struct log_list *lists = log_lists_retired();
	bool any;

	writer.now_us = clock_read_us(CLOCK_MONOTONIC);
	log_stamp_set(&writer.stamp, clock_read_us(CLOCK_REALTIME));
	any = writer_collect();
	if (!any) {
		writer_mark_clean();
		any = writer_collect();	/* what came before a producer saw that */
	}
	log_lists_drop(lists);
	writer_reopen();
	writer_flush();
	writer_let_go_all(lists != NULL);
	return any ? LOG_NAP_MS : -1;
}

static void *
writer_main(void *arg)
{
	log_adopt(writer.ring);
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
	while (writer.sinks != NULL) {
		struct log_sink *sink = writer.sinks;

		writer.sinks = sink->next_adopted;
		if (!log_sink_forget(sink))
			log_sink_release(sink);
	}
	free(writer.polled);
	writer.polled = NULL;
	writer.polled_max = 0;
	if (writer.fd >= 0)
		close(writer.fd);
	writer.fd = -1;
}

static void
who_set(struct log_who *who)
{
	if (gethostname(who->host, sizeof(who->host)) != 0 || who->host[0] == '\0')
		strcpy(who->host, "-");		/* RFC 5424's for "not known" */
	who->host[sizeof(who->host) - 1] = '\0';
	who->pid = getpid();
}

enum err
log_start(void)
{
	enum err result;

	assert(!log_writer_runs());
	atomic_store_explicit(&writer.stopping, false, memory_order_relaxed);
	writer.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (writer.fd < 0)
		return ERR_SYSTEM;
	who_set(&writer.who);
	writer.stamp = (struct log_stamp){ .second = UINT64_MAX };
	result = log_ring_new(&writer.ring);
	if (result == ERR_OK)
		result = writer_adopt(&log_stderr_sink);
	if (result == ERR_OK)
		result = writer_adopt(&log_stdout_sink);
	if (result == ERR_OK && writer_spawn() != 0)
		result = ERR_SYSTEM;
	if (result == ERR_OK)
		atomic_store_explicit(&writer.running, true, memory_order_release);
	else
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
	log_lists_drop(log_lists_retired());
}
