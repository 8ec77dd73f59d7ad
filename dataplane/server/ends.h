/*
 * Ending the streams that a server has, with their true cause: one message, {server, cause}.
 *
 * The message is embedded in the server's slots, so ordering an end cannot fail, and a cause travels as a
 * value from the place that decides to stream_end(). It goes round twice. First all workers say that they have what was
 * sent before it: from then on each sends new streams elsewhere, so whoever is ended, or waits in line for a place that
 * this frees, finds the right server on any worker. Then a worker ends those that the server has when the message
 * comes, some a turn, so that thousands delay nobody; who comes to the server later is not meant. A
 * server that is to end streams for a second cause while it does for a first: those who are being ended keep
 * the first; the order is carried out when the first one is home. Where several causes wait for that, they
 * are taken in HAProxy's order of precedence: D, U, K.
 *
 * Control thread, but where said.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/endcause.h"
#include "core/list.h"
#include "core/loop.h"

struct server;
struct server_slot;

/* A worker's part of an order; embedded in server_slot. */
struct server_ends {
	struct mail	 mail;		/* control -> worker -> control */
	struct list	 node;		/* worker: with those that have streams to end */
	struct list	 ending;	/* worker: streams (by_server) whose end is ordered, with `cause` */
	enum end_cause	 cause;
	uint32_t	 ended;
};

/* The order that is away; embedded in the server. Control. */
struct server_end_order {
	bool		 is_away;	/* the server is held */
	struct mailbox	*home;		/* control's; outlives all servers */
	uint32_t	 pending;	/* parts that are not home */
	uint32_t	 ended;
	enum end_cause	 cause;
	unsigned	 waiting;	/* causes to carry out next, a bit each */
	struct server	*by;		/* held: who came back, with END_ACTIVE_BACK; else NULL */
	struct server	*waiting_by;	/* held: the same of one that waits */
};

void server_ends_init(struct server_slot *slot);

/*
 * `cause` is END_SERVER_DOWN, END_ACTIVE_BACK or END_ADMIN; END_ADMIN ends all, the others leave those alone whose server side
 * is shut already (HAProxy's rule). Mail keeps its order: weights that were sent before are in force on all
 * workers when the first stream ends; so within a publication this belongs into its after(). The server is held
 * until the order is home. `by` (held as long; may be NULL) is the server that came back, with END_ACTIVE_BACK: of
 * several while an order waits the first. It is in server->end_order.by while the end is told.
 */
void server_end_streams(struct server *server, enum end_cause cause, struct server *by);

/*
 * stream/ sets this once: end the stream with that by_server node; false: it is left alone (and goes back to
 * slot->streams). Worker.
 */
void server_set_end_stream(bool (*end)(struct list *by_server, enum end_cause cause));

/* The layer above sets this once: an order was carried out on all workers. */
void server_on_ended(void (*fn)(const struct server *server, enum end_cause cause, uint32_t ended));
