/*
 * A bind: one listening address, a socket a worker (SO_REUSEPORT) or one shared Unix socket.
 *
 * bind_open() proves the address on a probe socket without SO_REUSEPORT (which would let two
 * programs share a port unnoticed), then opens and listens, so that nothing can fail later. Nobody
 * polls the sockets until a worker starts on them. Control thread, but where it says a worker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "core/addr.h"
#include "core/diag.h"
#include "core/err.h"

struct bind;

struct bind_conf {
	struct addr	address;
	uint32_t	backlog;	/* 0: what the kernel allows (somaxconn) */
	mode_t		mode;		/* of a Unix socket; 0: by umask */
	bool		is_shared;	/* another bind of ours has it, or a part of it: not proven */
};

/*
 * ERR_EXISTS: the address is in use (by another program). ERR_SYSTEM. With port 0 the first
 * socket's port is the others' too. A Unix socket is bound to a temporary name and renamed over a
 * dead one; a live one (something accepts) is ERR_EXISTS.
 */
enum err bind_open(struct bind **bp, const struct bind_conf *conf, uint32_t workers,
		   struct diag *diag);

/* A holder more: a bind that is kept over a change of its frontend has the old and the new conf. */
void bind_hold(struct bind *bind);

/* The last one closes the sockets (and unlinks a Unix socket that is still ours). */
void bind_release(struct bind **bp);

/* Same address (as configured): its sockets can be kept. Its options follow by bind_set_*(). */
bool bind_matches(const struct bind *bind, const struct bind_conf *conf);

/* A connection to one could be one to the other: "0.0.0.0:80" and "127.0.0.1:80". */
bool bind_overlaps(const struct bind *bind, const struct bind_conf *conf);

/* Options of a bind that is kept; they cannot fail in a way that matters. */
void bind_set_mode(struct bind *bind, mode_t mode);
void bind_set_backlog(const struct bind *bind, uint32_t worker, uint32_t backlog);	/* that worker */

int bind_fd(const struct bind *bind, uint32_t worker);

/*
 * A worker that watches it is done with it for good, before its holders are: the process stops.
 * Closes the worker's socket; one that is shared when the last worker has said so. Once a worker.
 */
void bind_close_on(struct bind *bind, uint32_t worker);
const struct addr *bind_address(const struct bind *bind);	/* with the real port */
