/*
 * Syslog servers: by TCP, by UDP, and on a Unix datagram socket. Writer's thread.
 *
 * Nothing here waits. Lines for a server that is away stay in its queue, up to the queue's size, and are
 * sent when it is back, which is tried at growing distances. A line that a broken TCP connection took in
 * part is sent again whole; what the kernel had taken and not delivered is lost, and nobody can tell.
 */
#include "config.h"
#include "core/log_priv.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define NET_BACKOFF_MIN_MS	100
#define NET_BACKOFF_MAX_MS	5000
#define NET_CONNECT_US		5000000	/* for a connection to be there */
#define NET_UNSENT_MS		30000	/* unacknowledged for so long: the host is gone, or does not read */
#define NET_BATCH		64	/* datagrams a system call */
#define NET_BATCHES		16	/* between two looks at the rings */

/* Try again later, each time later than before. */
static void
net_back_off(struct log_sink *sink, int error, uint64_t now_us)
{
	log_sink_shut(sink);
	log_queue_rewind(&sink->queue);
	sink->backoff_ms = sink->backoff_ms == 0 ? NET_BACKOFF_MIN_MS : sink->backoff_ms * 2;
	if (sink->backoff_ms > NET_BACKOFF_MAX_MS)
		sink->backoff_ms = NET_BACKOFF_MAX_MS;
	sink->retry_at_us = now_us + (uint64_t)sink->backoff_ms * 1000;
	log_sink_trouble(sink, error, now_us);
}

static void
net_opened(struct log_sink *sink)
{
	sink->state = LOG_SINK_OPEN;
	sink->fd_kind = LOG_FD_SOCKET;
}

/* A socket that connects. The errno is the caller's to tell. */
static int
net_connect(struct log_sink *sink, int type)
{
	const struct addr *addr = &sink->place.addr;

	sink->fd = socket(addr->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (sink->fd < 0 || connect(sink->fd, &addr->sa, addr->len) != 0)
		return errno;
	return 0;
}

/* -- TCP -- */

static void
tcp_options(int fd)
{
	const int on = 1, unsent_ms = NET_UNSENT_MS;

	/* best effort: without them a host that vanished is noticed later */
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unsent_ms, sizeof(unsent_ms));
}

static enum err
net_open_failed(struct log_sink *sink, int error, uint64_t now_us)
{
	net_back_off(sink, error, now_us);
	errno = error;
	return ERR_SYSTEM;
}

static enum err
tcp_open(struct log_sink *sink, uint64_t now_us)
{
	int error = net_connect(sink, SOCK_STREAM);

	if (error != 0 && error != EINPROGRESS)
		return net_open_failed(sink, error, now_us);
	tcp_options(sink->fd);
	net_opened(sink);
	if (error == EINPROGRESS) {
		sink->state = LOG_SINK_CONNECTING;
		sink->retry_at_us = now_us + NET_CONNECT_US;
	}
	return ERR_OK;
}

/* Is the connection there by now? */
static void
tcp_connected(struct log_sink *sink, uint64_t now_us)
{
	struct addr peer;
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(sink->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error == 0 && addr_of_peer(&peer, sink->fd) == ERR_OK)
		sink->state = LOG_SINK_OPEN;
	else if (error != 0 || now_us >= sink->retry_at_us)
		net_back_off(sink, error != 0 ? error : ETIMEDOUT, now_us);
}

/* A server that has closed does not read either: what is sent now would be lost. */
static void
tcp_flush(struct log_sink *sink, uint64_t now_us)
{
	if (sink->state == LOG_SINK_CONNECTING)
		tcp_connected(sink, now_us);
	if (sink->state != LOG_SINK_OPEN)
		return;
	if (log_queue_is_empty(&sink->queue)) {
		if (sink->hung_up)	/* idle servers do: the next line opens it anew */
			log_sink_shut(sink);
		return;
	}
	if (sink->hung_up) {
		net_back_off(sink, ECONNRESET, now_us);
		return;
	}
	log_sink_flush_stream(sink, now_us);
	if (sink->state != LOG_SINK_OPEN)
		net_back_off(sink, ECONNRESET, now_us);
	else if (atomic_load_explicit(&sink->trouble, memory_order_relaxed) == 0)
		sink->backoff_ms = 0;
}

const struct log_sink_ops log_tcp_ops = { tcp_open, tcp_flush };

/* -- datagrams -- */

static enum err
dgram_open(struct log_sink *sink, uint64_t now_us)
{
	int error = net_connect(sink, SOCK_DGRAM);

	if (error != 0)
		return net_open_failed(sink, error, now_us);
	net_opened(sink);
	return ERR_OK;
}

/* How many of the first lines were sent; -1: none, errno. */
static int
dgram_send(struct log_sink *sink)
{
	struct iovec pieces[NET_BATCH][2];
	struct mmsghdr messages[NET_BATCH];
	uint32_t count = log_queue_lines(&sink->queue, pieces, NET_BATCH);

	for (uint32_t i = 0; i < count; i++)
		messages[i] = (struct mmsghdr){
			.msg_hdr = { .msg_iov = pieces[i],
				     .msg_iovlen = pieces[i][1].iov_len > 0 ? 2 : 1 },
		};
	return sendmmsg(sink->fd, messages, count, MSG_NOSIGNAL);
}

static uint32_t
dgram_take(struct log_sink *sink, uint32_t count)
{
	struct log_queue *q = &sink->queue;
	uint32_t taken = 0;

	while (taken < count)
		taken += log_queue_take(q, q->lens[q->first % LOG_QUEUE_LINES]);
	return taken;
}

/* What the kernel now says of UDP is said of a line before: that one was counted as written. */
static void
udp_refused(struct log_sink *sink, uint64_t now_us)
{
	log_sink_drop(sink, 1);
	sink->refused++;
	log_sink_trouble(sink, ECONNREFUSED, now_us);
}

static void
dgram_sent(struct log_sink *sink, uint32_t count)
{
	uint32_t corrected = sink->refused < count ? sink->refused : count;

	dgram_take(sink, count);
	log_count(&sink->written, count - corrected);
	sink->refused -= corrected;
	if (corrected == 0)
		log_sink_well(sink);
	sink->backoff_ms = 0;
}

/* False: no more this turn. */
static bool
dgram_failed(struct log_sink *sink, int error, uint64_t now_us)
{
	if (error == EINTR)
		return true;
	if (error == EAGAIN || error == EWOULDBLOCK)
		return false;
	if (error == ECONNREFUSED && sink->place.kind == LOG_TO_UDP) {
		udp_refused(sink, now_us);
		return true;
	}
	if (error != EMSGSIZE && error != ENOBUFS && error != EPERM) {
		net_back_off(sink, error, now_us);
		return false;
	}
	log_sink_drop(sink, dgram_take(sink, 1));	/* this one: too long, or a firewall's */
	log_sink_trouble(sink, error, now_us);
	return true;
}

static void
dgram_flush(struct log_sink *sink, uint64_t now_us)
{
	for (unsigned i = 0; i < NET_BATCHES && !log_queue_is_empty(&sink->queue); i++) {
		int n = dgram_send(sink);

		if (n > 0)
			dgram_sent(sink, (uint32_t)n);
		else if (!dgram_failed(sink, errno, now_us))
			return;
	}
}

const struct log_sink_ops log_dgram_ops = { dgram_open, dgram_flush };
