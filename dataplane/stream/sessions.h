/*
 * Looking at streams and ending them, from the control thread: one message a worker.
 *
 * A worker walks its streams some hundred a turn, with a marker of its own in the list, so 100,000
 * streams delay nobody. Streams that come or go meanwhile may or may not be seen. A worker that is
 * stuck delays the result for as long: who cannot wait that long has a timer of his own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/endcause.h"
#include "core/err.h"
#include "core/network.h"
#include "core/str.h"
#include "server/backend.h"

#define SESSION_NAME_BYTES 129	/* 128 characters: the API's */
#define SESSION_TEXT_BYTES 1024 /* of each word of a request; more is cut off, as in the log */

/* Where its client is. */
enum session_src {
	SESSION_SRC_ANY,
	SESSION_SRC_NETWORK,	/* its address is in it */
	SESSION_SRC_UNIX,	/* it came by a Unix socket */
};

/* Which streams; every field that is set must match. */
struct session_filter {
	uint64_t		 id;		/* 0: any */
	uint64_t		 server;	/* its generation: it may be gone by then; 0: any */
	char			 server_name[SESSION_NAME_BYTES];	/* by name: also those that are gone, */
	char			 backend_name[SESSION_NAME_BYTES];	/* or were there before; "": any */
	enum session_src	 src;
	struct network		 src_network;	/* SESSION_SRC_NETWORK */
	uint64_t		 after;		/* only ids greater than this (a page's cursor); 0: all */
};

/* A request, once its head was there; what a stream of TCP does not have. */
struct session_request {
	struct slice	method, target, host;	/* cut at SESSION_TEXT_BYTES; host may be empty */
	const char     *version;		/* "HTTP/1.1"; static; NULL: the head is not whole */
	char	       *text;			/* owned: what the slices point into; NULL: nothing */
};

/* One stream as it was when it was seen; plain values. Names are copied (cut at 128 bytes). */
struct session_info {
	uint64_t	id;		/* unique in the process; grows with time within a worker */
	uint32_t	worker;
	bool		is_http;	/* it has these two */
	uint16_t	status;		/* that the client got; 0: none yet */
	struct session_request request;
	char		frontend[129], backend[129], server[129];
	struct addr	client, local, server_address;
	uint64_t	begun_us;	/* wall time */
	uint64_t	idle_ms;	/* since the last byte */
	uint64_t	bytes_in, bytes_out;
	const char     *state;		/* "queued", "connecting", "open", "closing": static text */
	uint32_t	retries;
};

/* Sorted by id. `more`: the limit cut it. */
struct session_list {
	uint32_t			  count;
	bool				  more;
	struct sessions_walk		 *walk;		/* what they lie in */
	const struct session_info	**infos;
};
void session_list_free(struct session_list **lp);	/* *lp may be NULL, and is NULL afterwards */

/*
 * `done` is called once, later, on control; it owns `list` (NULL: no memory) and frees it when it
 * likes. ERR_NOMEM: never.
 */
enum err sessions_collect(const struct session_filter *filter, uint32_t limit,
	void (*done)(struct session_list *list, void *arg), void *arg);

/*
 * End them with `cause`; `done` (may be NULL) gets their number when all workers have walked. Mail
 * keeps its order: what was published before is installed before a worker walks.
 */
enum err sessions_end(const struct session_filter *filter, enum end_cause cause,
	void (*done)(uint32_t ended, void *arg), void *arg);
