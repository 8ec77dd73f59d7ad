/*
 * Captures: pieces of a request and of its response that are kept for the log line (HAProxy manual,
 * "capture request header", "capture cookie", "http-request capture").
 *
 * A frontend's conf has the slots: where each gets its text from, and how much of it is kept. A stream
 * has one block for all its texts, from its worker's spares, taken when the first is kept.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/err.h"
#include "core/str.h"

struct http_head;
struct stream;
struct worker;

#define CAPTURE_SLOTS_MAX	64	/* a side */
#define CAPTURE_BYTES_MAX	8192	/* of all slots of a frontend */
#define CAPTURES_SMALL_BYTES	512	/* blocks of so many are spares, larger ones slabs */

struct capture_slot {
	char		*name;		/* of a header, owned; NULL: a rule fills it */
	uint16_t	 len;		/* bytes that are kept at most */
	uint16_t	 at;		/* where, in a stream's block */
};

struct capture_side {
	struct capture_slot	*slots;
	uint32_t		 count;
	uint32_t		 named;		/* how many are headers' */
};

/* Immutable once its frontend is published; owned by its conf. {0}: nothing is captured. */
struct capture_conf {
	struct capture_side	 sides[2];	/* of requests, of responses: see `is_response` */
	struct capture_slot
		cookies[2]; /* the cookie's, as a client and as a server sent it; len 0: none */
	uint32_t		 bytes;		/* a stream's block */
};

/*
 * One more slot: of a header's last occurrence, or (name empty) for a rule's "capture" action. Its number, in order
 * of the calls, goes to *slot (may be NULL). ERR_LIMIT: too many slots or bytes; ERR_NOMEM. Any thread.
 */
enum err capture_conf_add(struct capture_conf *conf, bool is_response, struct slice name,
	uint16_t len, uint32_t *slot);

/* The cookie: the first whose "name=value" begins with `name`. ERR_LIMIT, ERR_NOMEM. */
enum err capture_conf_cookie(struct capture_conf *conf, struct slice name, uint16_t len);
void capture_conf_fini(struct capture_conf *conf);

/* -- the stream's worker -- */

/* Take the declared headers and the cookie from the request / from a response's head. Without memory: nothing. */
void captures_request(struct stream *s);
void captures_response(struct stream *s, const struct http_head *head);

/* A rule's: what of `text` the slot has room for. False: there is no such slot. */
bool capture_put(struct stream *s, bool is_response, uint32_t slot, struct slice text);

/* Empty where nothing was kept. Valid as long as the stream. */
struct slice capture_get(const struct stream *s, bool is_response, uint32_t slot);
struct slice capture_cookie(const struct stream *s, bool is_response);
void captures_free(struct stream *s);
