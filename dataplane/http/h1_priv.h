/*
 * A head being read: what the files of the HTTP/1 parser share.
 *
 * Order: start line (h1_request.c, h1_response.c), fields (h1_fields.c), of which each that counts is
 * noted as it comes (h1_notes.c); at the end the notes are weighed against each other.
 */
#pragma once

#include "http/h1.h"

struct h1_reading {
	struct h1_parse		*parse;
	struct http_head	*head;
	const char		*start;		/* of all that has come */
	const char		*at;		/* the byte that is looked at */
	const char		*end;		/* of all that has come */

	/* notes */
	struct http_field	*host;
	struct http_field	*upgrade;	/* the last one */
	struct http_field	*length_field;	/* the first one */
	struct http_field	*coding_field;	/* the first one */
	uint64_t		 length;
	bool			 coding_again;	/* "chunked" was said twice; relaxed */
	bool			 has_authority;	/* the target has one */
};

static inline bool
h1_is_relaxed(const struct h1_reading *r)
{
	return (r->parse->options & H1_RELAXED) != 0;
}

/* Says what is wrong; returns H1_BAD, so that it can be returned. */
enum h1_result h1_bad(struct h1_reading *r, enum http_fault fault, const char *at);

/* Is more of this head worth reading from its front? Sets parse->scanned. */
bool h1_is_worth_reading(struct h1_parse *p, const char *bytes, size_t len);

/* CR LF at r->at, which has come. Moves behind it. */
enum h1_result h1_line_end(struct h1_reading *r, enum http_fault fault);

/* "HTTP/1.x" at r->at, up to `stop`, the byte behind it. Sets head->minor. */
enum h1_result h1_version(struct h1_reading *r, char stop, enum http_fault fault);

/* The fields and the empty line behind them, from r->at on. */
enum h1_result h1_fields(struct h1_reading *r);

/* A field of a name that has an id (h1_notes.c). */
enum h1_result h1_note(struct h1_reading *r, struct http_field *f);

/* Is HTTP among what Upgrade names? */
bool h1_upgrade_is_http(const struct http_head *head);

/* All fields are there: "chunked" said twice is made once. */
enum h1_result h1_settle_coding(struct h1_reading *r);

/* host [":" port] (RFC 3986, 3.2, without userinfo): its parts. False: malformed. */
struct h1_authority {
	struct slice	host;	/* with the brackets of an IPv6 address */
	struct slice	port;	/* empty: none */
};
bool h1_authority_parse(struct h1_authority *a, struct slice text);

/* Is it the same place, by that scheme's default port? */
bool h1_authority_equals(const struct h1_authority *a, const struct h1_authority *b,
	struct slice scheme);
