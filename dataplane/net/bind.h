/*
 * A bind: one listening address, a socket a worker (SO_REUSEPORT) or one shared Unix socket.
 *
 * bind_open() proves the address on a probe socket without SO_REUSEPORT (which would let two
 * programs share a port unnoticed), then opens and listens, so that nothing can fail later. Nobody
 * polls the sockets until a worker starts on them.
 *
 * A holder is who keeps it in memory; a user is who listens on it, or will once it is published. With
 * its last user a bind is ending, which cannot be called off: each worker that lets go of it closes
 * its own socket at once, and does not wait for the others. Control thread, but where it says a
 * worker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "core/addr.h"
#include "core/diag.h"
#include "core/err.h"
#include "core/network.h"

struct bind;

struct bind_conf {
	struct addr	address;
	uint32_t	backlog;	/* 0: what the kernel allows (somaxconn) */
	mode_t		mode;		/* of a Unix socket; 0: by umask */
	bool		is_shared;	/* bind_is_ours(): not proven */
	bool		accept_proxy;	/* clients begin with a PROXY header ... */
	uint32_t	proxy_from_count;
	struct network
		*proxy_from; /* ... those from here (0: all); owned by the conf of the frontend */
};

/*
 * ERR_EXISTS: the address is in use (by another program). ERR_SYSTEM. With port 0 the first
 * socket's port is the others' too. A Unix socket is bound to a temporary name and renamed over a
 * dead one; a live one (something accepts) is ERR_EXISTS.
 */
enum err bind_open(struct bind **bp, const struct bind_conf *conf, uint32_t workers,
		   struct diag *diag);

/* A holder and user more: one that is kept over a change has the old and the new conf. Not ending. */
void bind_hold(struct bind *bind);

/*
 * A holder is no user any more; before the workers are told to let go. With the last user a Unix
 * socket that is still ours is unlinked, and connects to it are refused.
 */
void bind_leave(struct bind *bind);

/* A holder who has left is none any more; the last one closes what is open. *bp may be NULL. */
void bind_release_left(struct bind **bp);
void bind_release(struct bind **bp);	/* both */

/* Worker, while a conf holds it: a holder more, who is no user. Control releases it. */
void bind_keep(struct bind *bind);

/* Its last user has left. Any thread that was told to let go after that. */
bool bind_is_ending(const struct bind *bind);

/*
 * Refuse connections to one that is ending where a worker has not closed its socket in time; who was
 * in the queue is reset.
 */
void bind_cut_off(struct bind *bind);

/* One of ours that is open and not ending, at this address (as configured); NULL: none. */
struct bind *bind_find(const struct bind_conf *conf);

/* A connection to one could be one to the other: "0.0.0.0:80" and "127.0.0.1:80". */
bool bind_overlaps(const struct bind *bind, const struct bind_conf *conf);

/* It overlaps one that is not yet closed, be it ending. */
bool bind_is_ours(const struct bind_conf *conf);

/* One of ours at this address is ending, and not yet closed. */
bool bind_is_closing(const struct bind_conf *conf);

/* Same address (as configured): its sockets can be kept. Its options follow by bind_set_*(). */
bool bind_matches(const struct bind *bind, const struct bind_conf *conf);

/* Options of a bind that is kept; they cannot fail in a way that matters. */
void bind_set_mode(struct bind *bind, mode_t mode);
void bind_set_backlog(const struct bind *bind, uint32_t worker, uint32_t backlog);	/* that worker */

/* A number that no other bind of the process has or had. */
uint64_t bind_serial(const struct bind *bind);

int bind_fd(const struct bind *bind, uint32_t worker);

/*
 * Worker, before it accepts its queue empty for the last time: from here on nobody comes into it but
 * who has begun to shake hands, so that nobody who was told that he is connected is reset by the
 * close. A client whose first packet is dropped here tries again a second later. False: could not.
 */
bool bind_refuse_new(struct bind *bind, uint32_t worker);

/*
 * A worker that watches it is done with it for good, before its holders are. Closes the worker's
 * socket; one that is shared when the last worker has said so. More than once does no harm.
 */
void bind_close_on(struct bind *bind, uint32_t worker);
const struct addr *bind_address(const struct bind *bind);	/* with the real port */
