/*
 * What is wrong with a message: one row a fault, with the status that answers it.
 *
 * A request's fault is answered with its status; a response's is always 502 (RFC 9112, 6.3).
 */
#pragma once

#include <stdint.h>

/* Columns: id, status for a request, name (log, API). */
#define HTTP_FAULTS(X)										\
	X(NONE, 0, "none")									\
	X(METHOD, 400, "bad-method")								\
	X(TARGET, 400, "bad-target")								\
	X(TARGET_LONG, 414, "target-too-long")							\
	X(VERSION, 400, "bad-version")			/* not HTTP/1.0 or HTTP/1.1 */		\
	X(STATUS, 400, "bad-status")								\
	X(NAME, 400, "bad-header-name")			/* or white space behind it */		\
	X(NAME_REFUSED, 403, "refused-header-name")	/* other than letters, digits and - */	\
	X(VALUE, 400, "bad-header-value")							\
	X(LINE_END, 400, "bad-line-end")		/* not CR LF */				\
	X(FOLDED, 400, "folded-header")			/* over lines */			\
	X(FIELDS, 431, "too-many-headers")							\
	X(HEAD_LONG, 431, "headers-too-long")							\
	X(HOST, 400, "bad-host")			/* missing, twice, not the target's */	\
	X(LENGTH, 400, "bad-length")			/* no number, or two that differ */	\
	X(LENGTH_AND_CODING, 400, "length-and-coding")						\
	X(CODING, 400, "bad-transfer-coding")		/* not just chunked, or not here */	\
	X(CODING_UNKNOWN, 501, "unknown-transfer-coding")					\
	X(EXPECTATION, 417, "unknown-expectation")						\
	X(CHUNK_SIZE, 400, "bad-chunk-size")		/* or too long */			\
	X(CHUNK_END, 400, "bad-chunk-end")		/* not CR LF */				\
	X(TRAILER, 400, "bad-trailer")			/* or too long, or the head's */	\
	X(UNASKED, 400, "unasked")			/* the server spoke first */		\
	X(UPGRADE, 400, "bad-upgrade")			/* 101 unasked, or to another protocol */

enum http_fault {
#define X(id, status, name) HTTP_FAULT_##id,
	HTTP_FAULTS(X)
#undef X
};

uint16_t http_fault_status(enum http_fault fault);	/* of a request */
const char *http_fault_name(enum http_fault fault);
