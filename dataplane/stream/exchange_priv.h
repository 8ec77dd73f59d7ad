/*
 * An exchange: what a stream has in HTTP mode, from the request's first byte to the answer's last.
 *
 *	h1_front.c		the client's side: bytes to a request, and what lies behind it
 *	h1_front_send.c		a response to bytes
 *	exchange_request.c	what is changed in the request
 *	exchange_rules.c	what rules ask for, and what they decide
 *	exchange.c		moving bodies, what wakes it, time-outs
 *	h1_back_send.c		the server's side: a request to bytes
 *	h1_back.c		bytes to a response, whether to ask once more, upgrades
 *	exchange_answer.c	answers that we give ourselves
 *	exchange_draft.c	its memory, and when its parts are let go
 *	exchange_end.c		which connections can serve again, and how the others end
 *
 * The front and the back are HTTP/1's; between them a message is its head (http/head.h) and a framed
 * flow. Of HTTP/1 are still: an answer of ours, which is text (http/answer.h), and that a client has one
 * exchange at a time. The stream's worker.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/slab.h"
#include "http/answer.h"
#include "http/forward.h"
#include "http/h1.h"
#include "stream/stream_priv.h"

#define EXCHANGE_ROOM_BYTES 1024 /* for lines that are added: Forwarded, Location */

/* A request as it will be sent: only as long as it may have to be, once more. */
struct draft {
	struct http_field	 fields[HTTP_FIELDS_MAX];
	char			 lines[EXCHANGE_ROOM_BYTES];	/* that were added */
};

/* What the client gets. */
enum answer_from {
	ANSWER_NONE,		/* nothing was sent yet, or only 1xx */
	ANSWER_SERVERS,		/* the server's: its head was sent */
	ANSWER_OURS,		/* ours: it is on its way */
	ANSWER_LAST,		/* ours, at an end from outside: as far as the socket took it */
};

struct exchange {
	struct h1_parse		 parse;		/* of the request, then of the response */
	struct http_head	 request;	/* in client->in, until facts are taken */
	uint32_t		 head_end;	/* in client->in: where the request's body begins */
	uint32_t		 rest_at;	/* in client->in: where the next request begins */
	uint16_t		 status;	/* that the client got; 0: none yet */
	enum answer_from	 answer;
	bool			 is_parsed;	/* `request` is whole */
	bool			 is_whole;	/* the answer was given to the end, or will be (LAST) */
	bool			 is_sent;	/* the request was, to a server */
	bool			 keeps_client;	/* its connection can carry another request */
	bool			 keeps_server;
	enum end_cause		 answered;	/* ANSWER_OURS: what to end with when it has gone, */
	enum stream_state	 answered_in;	/* and where that was decided */
	enum http_fault		 fault;		/* END_BAD_REQUEST, END_BAD_RESPONSE: what was wrong */
	struct slab		*response;	/* the part of a response's head that has come; NULL: nothing */
	char			*facts;		/* owned: what the log needs, when client->in is let go; NULL */
	uint64_t		 request_ms;	/* loop times; 0: not reached */
	uint64_t		 sent_ms;	/* the request was sent whole */
	uint64_t		 response_ms;	/* the response's head was there */
	struct frame		 frame[2];	/* of its flows, by enum stream_flow */
	struct http_room	 room;		/* what is left of draft->lines, or of `lines` */
	struct slab		*lines;		/* where the draft's did not suffice; NULL: none */
	struct draft		*draft;		/* NULL: facts were taken */
	struct slice		 said_method, said_target;	/* the request's, as they came: for logs */
};

/* h1_front.c. The client, the stream may have ended after each of these. */
void front_next(struct client *c);	/* begin a request, with what was read or is to be read */
void front_read(struct stream *s);	/* more of its head */

/* Was all of the request read, or does it lie in client->in? Then the next one begins behind it. */
bool front_swallow(struct stream *s);
bool front_has_rest(const struct stream *s);	/* something was read behind the request */

/* What was read behind it becomes the client's input, in the order that it came. False: it is too much. */
bool front_keep_rest(struct stream *s);
void front_lost(struct stream *s,
		ssize_t got);            /* the client will send no more of what it has begun */
void front_count_part(struct stream *s);	/* the bytes of a request that never got whole */

/* h1_front_send.c: what the client is told of its connection; empty: nothing. */
struct slice front_connection_line(const struct stream *s);
enum err front_add_connection(const struct stream *s, struct http_head *head);

/* A head, and bytes behind it; of a response these are its body's first. As flow_send(); FLOW_BAD. */
enum flow_result front_send_head(struct stream *s, const struct http_head *head,
				 struct slice behind);
enum flow_result front_send_response(struct stream *s, const struct http_head *head,
				     struct slice behind);

/* exchange_request.c */
void exchange_begin(struct stream *s);	/* the request's head is whole */
void exchange_ruled(struct stream *s);	/* and its rules were run */

/* exchange_rules.c */

/* The data of its body that has come: valid for the callback. False: the client has gone, and it was answered. */
bool exchange_gather(struct stream *s, struct slice *bytes, bool *is_whole);

/* Rules wait for its body: who waits for a 100 before he sends it gets it from us (RFC 9110, 10.1.1). */
void exchange_ask_for_body(struct stream *s);
void exchange_send_hints(struct stream *s, struct slice lines);
void exchange_obey(struct stream *s, enum rules_result result, const struct rules_verdict *verdict);

/* Rules of a response that came. False: another answer goes out, or none; the stream may have ended. */
bool exchange_respond(struct stream *s, struct http_head *head);

/* Rules behind each answer, ours too: as a head, in the worker's fields and scratch. False: it can't be. */
bool exchange_has_after_rules(const struct stream *s);
bool exchange_after_response(struct stream *s, const struct http_answer *answer,
			     struct slice extra, struct http_head *head);

/* exchange_draft.c */
struct exchange *exchange_new(struct worker *worker);	/* NULL: no memory */
void exchange_discard(struct worker *worker, struct exchange *x);	/* may be NULL */
void exchange_free(struct stream *s);	/* give back what it has; the stream may have none */

/* More room, once; what was written stays. ERR_LIMIT: it has that already. ERR_NOMEM. */
enum err exchange_more_room(struct stream *s);

/* Copy what the log needs, and let the request itself go (and what came behind it). False: no memory. */
bool exchange_take_facts(struct stream *s);

/*
 * A tick found it still there: a long answer, a server that takes its time. Keep no buffer for a request
 * that was sent half a second ago: from then on it can't be repeated for a dead connection's sake.
 */
void exchange_slim(struct stream *s);

/* exchange.c */
void exchange_run(struct stream *s);	/* go on, whatever its state */
void exchange_move(struct stream *s);	/* bodies, both ways, and what follows from their ends */
void exchange_note_sent(struct stream *s);	/* it may have been sent whole */
void exchange_stop_up(struct stream *s);	/* the server takes no more of it */

/* h1_back_send.c */
void back_connected(struct stream *s);	/* send it */

/* It is to be sent once more: is all of it still here? */
bool back_is_repeatable(const struct stream *s);

/* h1_back.c */
void back_read(struct stream *s);	/* the response's head */
void back_refuse(struct stream *s, enum http_fault fault);	/* it is none */
struct server_conn *back_take_idle(struct stream *s);
void back_timed_out(struct stream *s, enum end_cause cause);

/*
 * exchange_answer.c. Each ends the stream with `cause`, now or when the answer has gone. What of a server's
 * answer was sent already is cut instead.
 */
void exchange_answer(struct stream *s, const struct http_answer *answer, struct slice extra,
		     enum end_cause cause);
void exchange_answer_error(struct stream *s, uint16_t status, enum end_cause cause);

/* The page for an error: the backend's own, the frontend's own, the built-in one; `asks`: 401 without its question. */
const struct http_answer *exchange_error_page(const struct stream *s, uint16_t status, bool asks);
void exchange_refuse(struct stream *s, enum http_fault fault);		/* 400 and the like */
void exchange_fail(struct stream *s, enum end_cause cause);		/* with the cause's status */

/* An error as far as the socket takes it, without waiting: the stream is ending. */
void exchange_answer_last(struct stream *s, uint16_t status);

/* exchange_end.c */
void exchange_finish(struct stream *s);
void exchange_part(struct stream *s);

/* exchange_log.c */
struct jsonw;
/* Members of timers_ms: before "queue", and behind "connect". */
void exchange_log_timers(struct jsonw *w, const struct stream *s);
void exchange_log_response(struct jsonw *w, const struct stream *s);
void exchange_log_request(struct jsonw *w, const struct stream *s);
void exchange_count_response(struct stream *s, uint16_t status);
