/*
 * Finding a body's end, and what of its bytes is data (RFC 9112, 6 and 7).
 *
 * A reader is fed what comes and cuts it into spans. A chunked body that goes on as HTTP/1.1 chunks
 * is sent as it came, but for chunk extensions, which end here (RFC 9112, 7.1.1 lets us); to who can't
 * take chunks only its data goes.
 *
 * Pure; any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "http/fault.h"
#include "http/head.h"

#define HTTP_CHUNK_LINE_MAX_BYTES	256	/* a size with its extensions */
#define HTTP_TRAILERS_MAX_BYTES		8192

enum http_span_kind {
	HTTP_SPAN_DATA,
	HTTP_SPAN_FRAMING,	/* chunk sizes, line ends: to be sent on to who takes chunks */
	HTTP_SPAN_TRAILER,	/* and so are these: the trailer section with its last line */
	HTTP_SPAN_DROPPED,	/* chunk extensions */
};

struct http_span {
	enum http_span_kind	 kind;
	size_t			 len;
};

struct http_body {
	enum http_framing	 framing;
	bool			 done;		/* its last byte was cut off */
	uint8_t			 state;		/* body.c's: of a chunked one */
	uint8_t			 name_len;	/* body.c's: of a trailer's name so far */
	uint16_t		 line_bytes;	/* body.c's */
	uint16_t		 trailer_bytes;	/* body.c's */
	enum http_fault		 fault;
	uint64_t		 left;		/* of the length, or of the chunk under way */
	uint64_t		 bytes;		/* data so far */
	char			 name[20];	/* body.c's: a trailer's name so far */
};

/* By what a head said. HTTP_NO_BODY and a length of 0 are done at once; HTTP_TUNNEL is HTTP_BODY_TO_EOF. */
void http_body_init(struct http_body *body, const struct http_head *head);

/*
 * Cut the next span off the front of `bytes` (len > 0, not done). False: a fault, nothing of it may
 * be used. A span is at least 1 and at most `len` bytes; neighbours of one kind may come apart.
 */
bool http_body_next(struct http_body *body, const char *bytes, size_t len, struct http_span *span);

/*
 * The same for who sends chunks on as chunks: data and the framing around it, as far as they come whole,
 * are one span, HTTP_SPAN_FRAMING.
 */
bool http_body_pass(struct http_body *body, const char *bytes, size_t len, struct http_span *span);

/*
 * So many of the bytes that come next are data for certain (UINT64_MAX: to the end): they may be
 * moved unseen, if http_body_skip() is told how many were.
 */
uint64_t http_body_data_ahead(const struct http_body *body);
void http_body_skip(struct http_body *body, uint64_t bytes);
