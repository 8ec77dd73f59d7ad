/*
 * Samples: typed values, and what they are taken from (HAProxy manual, 7).
 *
 * A worker evaluates expressions for each request without taking memory: text points into what it was
 * taken from, into the expression's own constants, or into the room that the caller of the
 * evaluation brings, and so holds until that room is used again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/network.h"
#include "core/str.h"
#include "http/head.h"

enum sample_type {
	SAMPLE_BOOL,
	SAMPLE_INT,
	SAMPLE_IP,
	SAMPLE_STRING,
	SAMPLE_BINARY,
	SAMPLE_METHOD,		/* text; compared with its case only */
	SAMPLE_ANY,		/* of rows only: known when it is evaluated; of a converter's result: as it came */
};
#define SAMPLE_TYPES SAMPLE_ANY

/* One value. */
struct sample {
	enum sample_type	 type;		/* never SAMPLE_ANY */
	int64_t			 number;	/* SAMPLE_BOOL (0, 1), SAMPLE_INT */
	struct slice		 text;		/* SAMPLE_STRING, SAMPLE_BINARY, SAMPLE_METHOD */
	struct ip		 ip;		/* SAMPLE_IP */
};

/* "string", for people and for the list of all expressions. */
const char *sample_type_name(enum sample_type type);

/*
 * What a row needs to be there; each phase of rules, and logs, have some of them (rules/rules.h,
 * expr/compile.h). An expression that needs more than its place has is refused when it is compiled.
 */
#define NEEDS_CLIENT		0x001	/* who connected, by which bind and frontend */
#define NEEDS_REQUEST_LINE \
	0x002 /* an HTTP request's method, version, target as it came: known to the end */
#define NEEDS_REQUEST		0x004	/* its head: fields, path; as rules left them */
#define NEEDS_REQUEST_BYTES	0x008	/* TCP: what the client sent; HTTP: of the body what has come */
#define NEEDS_BACKEND		0x010	/* it was chosen */
#define NEEDS_SERVER		0x020	/* it was chosen (the row may find none all the same) */
#define NEEDS_RESPONSE		0x040	/* an HTTP response's head */
#define NEEDS_RESPONSE_BYTES	0x080	/* TCP: what the server sent */
#define NEEDS_END		0x100	/* what is known when all is over: sizes, times, termination state */
#define NEEDS_HTTP		0x200	/* the frontend is in HTTP mode */

enum var_scope {
	VAR_PROC,		/* the process's: all streams', under a lock */
	VAR_SESS,		/* the client connection's */
	VAR_TXN,		/* the stream's */
	VAR_REQ,		/* its, until it has a server's answer */
	VAR_RES,		/* its, from then on */
	VAR_SCOPES,
};

struct vars;
struct client;
struct stream;
struct backend;
struct server;

/* What an evaluation looks at. The caller fills it, once for many expressions; the worker's. */
struct eval {
	const struct http_head	*request;	/* NULL: there is none, or it is let go */
	const struct http_head	*response;	/* NULL: there is none (yet) */
	struct slice		 request_bytes;	/* NEEDS_REQUEST_BYTES */
	struct slice		 response_bytes;
	struct http_room	 room;		/* for what converters make; the caller sets it anew for each rule */
	struct vars		*vars[VAR_SCOPES];	/* NULL: not to be had here. [VAR_PROC] is not used */
	struct spares		*var_blocks;	/* for var_set(): of VARS_BLOCK_BYTES; NULL: malloc() */
	struct client		*client;	/* for rows of stream/; NULL: the stream's */
	struct stream		*stream;	/* for rows of stream/; NULL in tests, and before there is one */
	struct backend		*backend;	/* for rows of server/; NULL: not chosen */
	struct server		*server;	/* NULL: not chosen, or none */
	uint64_t		 now_ms;	/* the loop's */
	uint64_t		 wall_us;

	/*
	 * Bytes still come (tcp-request content with inspect-delay): a row that could say something else
	 * then sets is_undecided. Where is_final says that nothing comes any more, it does not.
	 */
	bool			 is_final;
	bool			 is_undecided;	/* out; who evaluates clears it */
};

/*
 * `len` bytes of the evaluation's room; NULL: there are not so many, and the value is not there. What is not
 * used of the last ones can be given back with eval_trim().
 */
char *eval_take(struct eval *eval, size_t len);
void eval_trim(struct eval *eval, char *end);	/* `end`: behind the last byte used */

/*
 * Make it another type, as HAProxy 2.6 does between a fetch and a converter: numbers and addresses
 * to text and back (digits at the front count, what stands behind an address does not), binary to
 * text up to its first NUL, numbers to eight bytes. False: it can't be, for this value.
 */
bool sample_cast(struct eval *eval, struct sample *sample, enum sample_type to);

/* Can values of one type be cast to the other at all? */
bool sample_may_cast(enum sample_type from, enum sample_type to);

/*
 * The number at the front of a text, as HAProxy reads one: 0 if there is none; what is too large is
 * the largest.
 */
int64_t int_of_text(struct slice text);

/* False: it is no IPv4 or IPv6 address. A mapped one is IPv6, as in HAProxy. */
bool ip_of_text(struct ip *ip, struct slice text);
