/*
 * An exchange's end: which connections can serve again, and how the others are closed.
 *
 * A client must be able to tell a whole answer from one that was cut: where its end is only the
 * connection's end, or chunks were still to come, the connection is reset (once what was written has arrived).
 *
 * The stream's worker.
 */
#include "config.h"
#include <string.h>
#include "core/obj.h"
#include "stream/exchange_priv.h"

/* Its own connection went: the client gets another one with its next request. */
static void
exchange_on_own_lost(struct server_conn *sc)
{
	struct client *c = obj_cast(sc->owner, CLIENT_MAGIC);

	c->own = NULL;
}

static bool
exchange_is_clean(const struct stream *s)
{
	return s->cause == END_DONE && s->exchange->keeps_server &&
	       s->flow[UP].state == FLOW_FLUSHED && s->exchange->frame[DOWN].rest.bytes == 0;
}

/* One that he has from before is another server's: it stays, unless that takes no more requests. */
static void
exchange_keep_own(struct client *c, struct server_conn *sc)
{
	if (c->own != NULL && c->own->slot->node.weight == 0)
		server_conn_close(&c->own);
	if (c->own != NULL)
		server_conn_close(&sc);
	else if (pool_give_own(sc, c, exchange_on_own_lost))
		c->own = sc;
}

static void
exchange_keep_server(struct stream *s)
{
	struct server_conn *sc = s->sc;

	s->sc = NULL;
	if (!sc->is_private && s->backend_conf->http.reuse != HTTP_REUSE_NEVER)
		pool_give(sc);
	else if (s->exchange->keeps_client)
		exchange_keep_own(s->client, sc);
	else
		server_conn_close(&sc);
}

static void
exchange_part_server(struct stream *s)
{
	if (s->sc == NULL)
		return;
	if (exchange_is_clean(s))
		exchange_keep_server(s);
	else if (s->cause == END_DONE || (s->exchange->is_whole && !stream_is_ordered_end(s)))
		stream_close(s, SERVER);
	else
		stream_reset(s, SERVER);
}

/* The answer is whole, and is the last: does the client send what nobody will read? */
static void
exchange_close_client(struct stream *s)
{
	struct client *c = s->client;
	const bool is_read = s->flow[UP].state == FLOW_FLUSHED && !c->conn.readable &&
			     !front_has_rest(s);

	if (c->conn.eof || (is_read && s->exchange->is_parsed))
		stream_close(s, CLIENT);
	else
		client_linger(c);
}

static void
exchange_part_client(struct stream *s)
{
	struct exchange *x = s->exchange;

	if (s->client->conn.fd < 0)
		return;		/* a rule has closed it */
	if (x->is_whole && !flow_holds(&s->flow[DOWN])) {
		if (!x->keeps_client || s->flow[UP].state != FLOW_FLUSHED || !front_keep_rest(s))
			exchange_close_client(s);
		return;
	}
	if (s->cause == END_CLIENT_ABORT || s->cause == END_CLIENT_CLOSE)
		stream_close(s, CLIENT);
	else if (x->answer == ANSWER_LAST)
		exchange_close_client(s);
	else
		stream_cut(s, CLIENT);
}

/* It was ended from outside, and nothing of an answer was sent: the client gets one, if he takes it at once. */
static bool
exchange_wants_answer(const struct stream *s)
{
	return s->exchange->answer == ANSWER_NONE && s->cause != END_CLIENT_ABORT &&
	       s->cause != END_CLIENT_CLOSE && !flow_holds(&s->flow[DOWN]);
}

void
exchange_finish(struct stream *s)
{
	struct exchange *x = s->exchange;

	if (!x->is_parsed)
		front_count_part(s);
	if (x->answer == ANSWER_OURS && s->cause == x->answered)
		s->ended_in = x->answered_in;
	else if (flow_is_done(&s->flow[DOWN]) && x->answer == ANSWER_SERVERS)
		x->is_whole = true;	/* whatever became of the request */
	if (exchange_wants_answer(s))
		exchange_answer_last(s, (uint16_t)end_cause_status(s->cause));
}

void
exchange_part(struct stream *s)
{
	exchange_part_server(s);
	exchange_part_client(s);
}
