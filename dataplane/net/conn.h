/*
 * A connection: one non-blocking stream socket, and what is known of its readiness.
 *
 * Its only event is registered once, for everything, edge-triggered, and stays until the close:
 * no epoll_ctl in between. What a wake-up said is remembered here, and forgotten when the socket
 * itself says that it has no more. A short read is such a word (no EAGAIN is probed for), unless
 * the peer's FIN was announced: then the owner reads on to the end. libevent reports an RST behind
 * data as plain data and nothing after it: an owner that waits for this peer alone has to probe
 * (set `readable` and read once) some time after the last byte.
 *
 * Embedded in its owner. The thread of the loop that it was opened on. All I/O functions return a
 * count of bytes, or a negative errno; -EAGAIN has been noted in `readable` or `writable`.
 */
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>
#include "core/addr.h"

struct conn {
	unsigned	 magic;
#define CONN_MAGIC	 0xc0447ec7
	int		 fd;		/* -1: closed */
	bool		 readable;	/* it may have something: bytes, an end or an error */
	bool		 writable;
	bool		 closed_seen;	/* the peer's FIN was announced; it may not have been read */
	bool		 failed;	/* an error is announced behind the FIN: ask conn_error() */
	bool		 eof;		/* the FIN was read */
	bool		 nodelay;	/* TCP_NODELAY is set, or means nothing here */
	bool		 sent;		/* something was written */
	void		(*on_wake)(struct conn *);	/* readiness was noted; it calls loop_mark() */
	struct event	 event;
};

void conn_init(struct conn *c, void (*on_wake)(struct conn *));

/*
 * Take `fd`, accepted non-blocking from a listener with TCP_NODELAY, and watch it. -ENOMEM: the fd
 * is closed.
 */
int conn_open(struct conn *c, struct event_base *base, int fd);

/*
 * Connect, from `source` if that has a length. 0: under way, the first wake-up tells (ask
 * conn_error() when it says readable); 1: through already. A negative errno: nothing is open.
 */
int conn_connect(struct conn *c, struct event_base *base, const struct addr *to,
	const struct addr *source);

/*
 * The same, but the ACK that ends the handshake is held back for a moment (Linux): it goes with the first
 * bytes, or, if the connection is reset at once, never, and the peer's program has not heard of it.
 */
int conn_connect_quietly(struct conn *c, struct event_base *base, const struct addr *to,
	const struct addr *source);

/* Close with a FIN (an RST if the peer sent what was not read: the kernel's rule). Idempotent. */
void conn_close(struct conn *c);

/* Close with an RST, so that the peer sees that it was cut; what it has not got yet is lost. */
void conn_reset(struct conn *c);

/*
 * Close without a word where the system lets us (TCP_REPAIR needs CAP_NET_ADMIN); else with an RST that
 * does not get beyond the next router: the peer, or what stands before it, believes it to be open.
 */
void conn_drop(struct conn *c);

/* Take the socket away, unwatched; for its owner the connection is closed. -1: there is none. */
int conn_take(struct conn *c);

/* 0 at the end of what the peer sent. */
ssize_t conn_recv(struct conn *c, void *buf, size_t len);
ssize_t conn_send(struct conn *c, const void *bytes, size_t len);
ssize_t conn_sendv(struct conn *c, struct iovec *iov, int count);

/* Into an empty pipe, and out of it; `len` at most. A pipe says nothing by a short count. */
ssize_t conn_splice_in(struct conn *c, int pipe_fd, size_t len);
ssize_t conn_splice_out(struct conn *c, int pipe_fd, size_t len);

/* Half-close: the peer reads an end. Errors show elsewhere. */
void conn_shutdown(struct conn *c);

/* The socket's pending error, taken from it: 0 or a negative errno. */
int conn_error(struct conn *c);

/* Any socket: close it with an RST. */
void sock_reset(int fd);

/* Any socket: bytes that were written and that the peer's system has not taken yet. */
size_t sock_unsent(int fd);

/* TCP keep-alive on any socket (a listener's go to what it accepts); 0: the system's value. */
void sock_set_keepalive(int fd, bool on, int idle_s, int interval_s, int count);
