/*
 * Which streams of a server end with it, and that they do (BEHAVIOUR.md, 1.6).
 *
 * A stream whose server's side is shut already needs that server no more: the client takes what is left, whatever
 * becomes of the server. HAProxy leaves those alone, too.
 *
 * The streams' worker.
 */
#include "config.h"
#include "core/obj.h"
#include "stream/exchange_priv.h"
#include "stream/stream_priv.h"

/* The answer is ours, or all of it was read, and the server has, or will get, no more of the request. */
static bool
exchange_server_is_shut(const struct stream *s)
{
	const struct exchange *x = s->exchange;

	if (x->answer == ANSWER_OURS)
		return true;
	return x->answer == ANSWER_SERVERS && s->flow[DOWN].state != FLOW_OPEN &&
	       flow_is_done(&s->flow[UP]);
}

/* One of TCP has ended then: a FIN is read when all before it was written, and two of them are its end. */
static bool
stream_server_is_shut(const struct stream *s)
{
	return s->mode == &stream_http && exchange_server_is_shut(s);
}

bool
stream_end_by_server(struct list *by_server, enum end_cause cause)
{
	struct stream *s =
		obj_cast(container_of(by_server, struct stream, by_server), STREAM_MAGIC);

	if (cause != END_ADMIN && stream_server_is_shut(s))
		return false;
	stream_end(s, cause);
	return true;
}
