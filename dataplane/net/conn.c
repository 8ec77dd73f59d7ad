/*
 * A connection's socket: what the kernel says of it, and the system calls. See conn.h.
 *
 * The thread of its loop.
 */
#include "config.h"
#include "net/conn.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/obj.h"

/*
 * libevent 2.1 turns EPOLLERR into READ|WRITE without CLOSED, whatever else epoll said. Once a FIN
 * was announced every wake-up carries CLOSED, so one without it is an error.
 */
static void
conn_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = obj_cast(arg, CONN_MAGIC);

	if (what & EV_CLOSED)
		c->closed_seen = c->readable = true;
	else if ((what & EV_READ) && c->closed_seen)
		c->failed = true;
	if (what & EV_READ)
		c->readable = true;
	if (what & EV_WRITE)
		c->writable = true;
	c->on_wake(c);
}

void
conn_init(struct conn *c, void (*on_wake)(struct conn *))
{
	c->magic = CONN_MAGIC;
	c->fd = -1;
	c->readable = c->writable = false;
	c->closed_seen = c->failed = c->eof = false;
	c->nodelay = c->sent = false;
	c->on_wake = on_wake;
}

static int
conn_watch(struct conn *c, struct event_base *base)
{
	const short what = EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST;

	if (event_assign(&c->event, base, c->fd, what, conn_on_event, c) == 0 &&
	    event_add(&c->event, NULL) == 0)
		return 0;
	close(c->fd);
	c->fd = -1;
	return -ENOMEM;
}

int
conn_open(struct conn *c, struct event_base *base, int fd)
{
	assert(c->fd < 0);
	c->fd = fd;
	c->writable = true;
	c->nodelay = true;
	return conn_watch(c, base);
}

/* IP_BIND_ADDRESS_NO_PORT: the port is chosen at connect, when it need not be unique by itself. */
static int
conn_bind_source(int fd, const struct addr *source)
{
	const int on = 1;

	if (source->len == 0)
		return 0;
	if (addr_port(source) == 0)
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	else
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind(fd, &source->sa, source->len) == 0 ? 0 : -errno;
}

/* A new socket; 0 or a negative errno. */
static int
conn_socket(struct conn *c, const struct addr *to)
{
	assert(c->fd < 0);
	c->fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	c->nodelay = to->sa.sa_family == AF_UNIX;
	return 0;
}

static int
conn_connect_socket(struct conn *c, struct event_base *base, const struct addr *to,
		    const struct addr *source)
{
	int result = conn_bind_source(c->fd, source);

	if (result == 0 && connect(c->fd, &to->sa, to->len) != 0)
		result = -errno;
	if (result != 0 && result != -EINPROGRESS) {
		close(c->fd);
		c->fd = -1;
		return result;
	}
	c->writable = result == 0;
	/* only now: a socket that is not connecting yet would be reported as hung up */
	if (conn_watch(c, base) != 0)
		return -ENOMEM;
	return result == 0 ? 1 : 0;
}

int
conn_connect(struct conn *c, struct event_base *base, const struct addr *to,
	     const struct addr *source)
{
	int result = conn_socket(c, to);

	return result != 0 ? result : conn_connect_socket(c, base, to, source);
}

int
conn_connect_quietly(struct conn *c, struct event_base *base, const struct addr *to,
		     const struct addr *source)
{
	const int off = 0;
	int result = conn_socket(c, to);

	if (result != 0)
		return result;
	if (!addr_is_unix(to))
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
	return conn_connect_socket(c, base, to, source);
}

int
conn_take(struct conn *c)
{
	int fd = c->fd;

	/* before the close: the number may belong to another thread's socket right after it */
	if (fd >= 0)
		(void)event_del(&c->event);
	c->fd = -1;
	c->readable = c->writable = false;
	return fd;
}

void
conn_close(struct conn *c)
{
	int fd = conn_take(c);

	if (fd >= 0)
		close(fd);
}

void
sock_reset(int fd)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

void
conn_reset(struct conn *c)
{
	int fd = conn_take(c);

	if (fd >= 0)
		sock_reset(fd);
}

void
conn_drop(struct conn *c)
{
	const int on = 1, one_hop = 1;
	int fd = conn_take(c);

	if (fd < 0)
		return;
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) == 0) {
		close(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_IP, IP_TTL, &one_hop, sizeof(one_hop));
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &one_hop, sizeof(one_hop));
	sock_reset(fd);
}

size_t
sock_unsent(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCOUTQ, &bytes) != 0 || bytes < 0 ? 0 : (size_t)bytes;
}

/*
 * A read of 0. If no FIN was announced it may have come since the wake-up, or an RST came right
 * behind it, before it: that wake-up looks like plain data, and the error waits in the socket.
 */
static ssize_t
conn_read_end(struct conn *c)
{
	int error = c->closed_seen ? 0 : conn_error(c);

	c->readable = false;
	if (error != 0)
		return error;
	c->eof = true;
	return 0;
}

static ssize_t
conn_read_error(struct conn *c)
{
	const int error = errno;

	if (error == EAGAIN)
		c->readable = false;
	return -error;
}

ssize_t
conn_recv(struct conn *c, void *buf, size_t len)
{
	ssize_t n = recv(c->fd, buf, len, 0);

	if (n < 0)
		return conn_read_error(c);
	if (n == 0)
		return conn_read_end(c);
	if ((size_t)n < len && !c->closed_seen)
		c->readable = false;
	return n;
}

/*
 * TCP_NODELAY, but only before the second write: nothing can delay the first (Linux holds a small
 * segment back only while another small one is in flight), and many connections have but one.
 */
static inline void
conn_before_write(struct conn *c)
{
	const int on = 1;

	if (c->sent && !c->nodelay) {
		(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		c->nodelay = true;
	}
	c->sent = true;
}

/* Less than `len` was taken: there is no more room. */
static inline ssize_t
conn_after_write(struct conn *c, ssize_t n, size_t len)
{
	if (n < 0) {
		const int error = errno;

		if (error == EAGAIN)
			c->writable = false;
		return -error;
	}
	if ((size_t)n < len)
		c->writable = false;
	return n;
}

ssize_t
conn_send(struct conn *c, const void *bytes, size_t len)
{
	conn_before_write(c);
	return conn_after_write(c, send(c->fd, bytes, len, MSG_NOSIGNAL), len);
}

ssize_t
conn_sendv(struct conn *c, struct iovec *iov, int count)
{
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = (size_t)count };
	size_t len = 0;

	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	conn_before_write(c);
	return conn_after_write(c, sendmsg(c->fd, &message, MSG_NOSIGNAL), len);
}

ssize_t
conn_splice_in(struct conn *c, int pipe_fd, size_t len)
{
	ssize_t n = splice(c->fd, NULL, pipe_fd, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n < 0)
		return conn_read_error(c);
	return n == 0 ? conn_read_end(c) : n;
}

/*
 * A pipe may be cut short for reasons of its own, so `writable` falls on EAGAIN alone. (The kernel
 * tells of new room only to who was refused.) splice() has no MSG_NOSIGNAL: SIGPIPE must be blocked
 * or ignored on this thread.
 */
ssize_t
conn_splice_out(struct conn *c, int pipe_fd, size_t len)
{
	ssize_t n;

	conn_before_write(c);
	n = splice(pipe_fd, NULL, c->fd, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	return n == 0 ? -EIO : conn_after_write(c, n, 0);
}

void
conn_shutdown(struct conn *c)
{
	(void)shutdown(c->fd, SHUT_WR);
}

int
conn_error(struct conn *c)
{
	socklen_t len = sizeof(int);
	int error = 0;

	c->failed = false;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return -errno;
	return -error;
}

static void
sock_set_number(int fd, int option, int value)
{
	if (value > 0)
		(void)setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value));
}

void
sock_set_keepalive(int fd, bool on, int idle_s, int interval_s, int count)
{
	const int value = on;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value));
	if (!on)
		return;
	sock_set_number(fd, TCP_KEEPIDLE, idle_s);
	sock_set_number(fd, TCP_KEEPINTVL, interval_s);
	sock_set_number(fd, TCP_KEEPCNT, count);
}
