/*
 * HTTP/1: bytes to heads, and heads to bytes (RFC 9112). Strict: what two parsers could read in two
 * ways is refused.
 *
 * Pure: no socket, no clock, no memory of its own. Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include "http/fault.h"
#include "http/head.h"

enum h1_result {
	H1_DONE,	/* the head is whole */
	H1_MORE,	/* good so far; more bytes are needed */
	H1_BAD,		/* see the fault */
};

/* What is let through (HAProxy manual, "option accept-unsafe-violations-in-http-request" and "-response"). */
#define H1_RELAXED		0x1
/* Header names (HAProxy manual, "option http-restrict-req-hdr-names"). */
#define H1_NAMES_DELETE		0x2	/* leave out fields with other names than [A-Za-z0-9-]+ */
#define H1_NAMES_REJECT		0x4	/* refuse them */

struct h1_parse {
	unsigned	 options;	/* H1_* */
	size_t		 scanned;	/* for a head that comes in pieces; 0 at its first byte */
	struct http_room *room;		/* borrowed: for the Host that a target brings; NULL: none */
	size_t		 head_len;	/* H1_DONE: bytes of the head, with empty lines before it */
	enum http_fault	 fault;		/* H1_BAD */
	size_t		 fault_at;	/* offset of the byte that is wrong */
};

/*
 * Read a head from the front of `bytes`: all that has come, from the same first byte in each call.
 * The caller limits it: bytes that fill his room and are H1_MORE are a fault HEAD_LONG (or TARGET_LONG,
 * if h1_in_start_line()). The first look at a byte finds what is wrong with it as far as that can be
 * seen; while only the end is missing, a call looks at the new bytes alone. head->fields and its
 * room are the caller's; head is valid after H1_DONE, while the bytes are. Sets framing, length and
 * says; checks Host against the target, Content-Length, Transfer-Encoding and Connection.
 *
 * What the fields say of the Host is what will be sent: where an absolute target comes without one, or
 * (H1_RELAXED) with another, a field of its authority is written into the room (RFC 9112, 3.2.2).
 * Without room it is a fault TARGET_LONG.
 */
enum h1_result h1_parse_request(struct h1_parse *p, struct http_head *head, const char *bytes,
	size_t len);

/*
 * `request`: what it answers (HEAD has no body, CONNECT may become a tunnel, an upgrade was asked); NULL: a
 * plain GET. Its fields are read only for 101 to a request that says HTTP_SAYS_UPGRADE. What a 1xx, a
 * 204 or a 2xx to CONNECT says about a body is left out; a 204 that announces one says HTTP_SAYS_CLOSE.
 */
enum h1_result h1_parse_response(struct h1_parse *p, struct http_head *head, const char *bytes,
	size_t len, const struct http_head *request);

/* Has the start line of what came so far not ended yet? */
bool h1_in_start_line(const char *bytes, size_t len);

/* May the connection that brought it carry another message after it (RFC 9112, 9.3)? */
bool h1_is_persistent(const struct http_head *head);

/* Upper bound of what h1_write_head() fills. */
#define H1_IOVECS (HTTP_FIELDS_MAX + 10)

/*
 * The head as it is to be sent, as HTTP/1.1: runs of what came untouched are one iovec. A request's
 * target goes out in origin, asterisk or authority form (RFC 9112, 3.2.1). A request that has no Host
 * and came as HTTP/1.0 goes out as HTTP/1.0. The start line is written anew if method_text, path (of
 * CONNECT: target), status or reason were changed. Points into the head's bytes, into constants and into
 * `room` (H1_ROOM_BYTES); valid while they are. Returns the count, *bytes the sum.
 */
#define H1_ROOM_BYTES 64
int h1_write_head(const struct http_head *head, struct iovec *iov, char *room, size_t *bytes);
