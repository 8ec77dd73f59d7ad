/*
 * What is wrong with a message: one row a fault, with the status that answers it.
 *
 * A request's fault is answered with its status; a response's is always 502 (RFC 9112, 6.3).
 */
#pragma once

#include <stdint.h>

/* Columns: id, status for a request, name (log, API), words. */
#define HTTP_FAULTS(X)									\
	X(NONE, 0, "none", "nothing is wrong")                                                    \
	X(METHOD, 400, "bad-method", "the method is no token")                                    \
	X(TARGET, 400, "bad-target", "the request target is malformed")                           \
	X(TARGET_LONG, 414, "target-too-long", "the request target is too long")                  \
	X(VERSION, 400, "bad-version", "the version is not HTTP/1.0 or HTTP/1.1")                 \
	X(STATUS, 400, "bad-status", "the status line is malformed")                              \
	X(NAME, 400, "bad-header-name", "a header name is no token, or white space follows it")   \
	X(NAME_REFUSED, 403, "refused-header-name",					\
	  "a header name has other characters than letters, digits and -")		\
	X(VALUE, 400, "bad-header-value", "a header value has a control character")               \
	X(LINE_END, 400, "bad-line-end", "a line does not end with CR LF")                        \
	X(FOLDED, 400, "folded-header", "a header is folded over lines")                          \
	X(FIELDS, 431, "too-many-headers", "there are too many headers")                          \
	X(HEAD_LONG, 431, "headers-too-long", "the headers are too long")                         \
	X(HOST, 400, "bad-host", "Host is missing, given twice, malformed, or not the target's")  \
	X(LENGTH, 400, "bad-length", "Content-Length is no number, or differs from another")      \
	X(LENGTH_AND_CODING, 400, "length-and-coding",					\
	  "both Content-Length and Transfer-Encoding are given")			\
	X(CODING, 400, "bad-transfer-coding",						\
	  "Transfer-Encoding is not just chunked, or not allowed here")			\
	X(CODING_UNKNOWN, 501, "unknown-transfer-coding", "a transfer coding is not implemented") \
	X(EXPECTATION, 417, "unknown-expectation",					\
	  "Expect asks for something else than 100-continue")				\
	X(CHUNK_SIZE, 400, "bad-chunk-size", "a chunk's size line is malformed or too long")      \
	X(CHUNK_END, 400, "bad-chunk-end", "a chunk does not end with CR LF")                     \
	X(TRAILER, 400, "bad-trailer",							\
	  "a trailer is malformed, too long, or of a name that belongs in the head")	\
	X(UNASKED, 400, "unasked", "the server spoke before it was asked")                        \
	X(UPGRADE, 400, "bad-upgrade", "101 without having been asked, or to another protocol")

enum http_fault {
#define X(id, status, name, words) HTTP_FAULT_##id,
	HTTP_FAULTS(X)
#undef X
};

uint16_t http_fault_status(enum http_fault fault);	/* of a request */
const char *http_fault_name(enum http_fault fault);
const char *http_fault_words(enum http_fault fault);
