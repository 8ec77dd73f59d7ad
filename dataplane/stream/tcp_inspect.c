/*
 * Rules of TCP mode look at bytes before they go on: the client's into client->in, the server's into a
 * slab of the stream's. What was looked at is then the first that is sent.
 *
 * The stream's worker.
 */
#include "config.h"
#include <errno.h>
#include "stream/stream_priv.h"

/* Read what is there, until the slab is full. -ENOMEM; an error of the socket. */
static int
inspect_read(struct conn *c, struct slab **in, struct slab_pool *slabs)
{
	ssize_t got = 1;

	if (*in == NULL)
		*in = slab_take(slabs);
	if (*in == NULL)
		return -ENOMEM;
	while (got > 0 && c->readable && (*in)->end < SLAB_ROOM) {
		got = conn_recv(c, (*in)->data + (*in)->end, SLAB_ROOM - (*in)->end);
		if (got > 0)
			(*in)->end += (uint32_t)got;
	}
	return got >= 0 || got == -EAGAIN || got == -EINTR ? 0 : (int)got;
}

bool
tcp_gather(struct stream *s, struct slice *bytes, bool *is_whole)
{
	struct client *c = s->client;
	const int failed = inspect_read(&c->conn, &c->in, &s->worker->slabs);

	if (failed != 0) {
		stream_end(s, failed == -ENOMEM ? END_RESOURCE : END_CLIENT_ABORT);
		return false;
	}
	*bytes = (struct slice){ c->in->data + c->in->start, c->in->end - c->in->start };
	*is_whole = c->conn.eof || c->in->end == SLAB_ROOM;
	return true;
}

/* Without memory it is not looked at: no rule may be passed over, so the stream ends. */
bool
tcp_inspect_begin(struct stream *s)
{
	if (!rules_have(s->backend_conf->rules, PHASE_TCP_RESPONSE_CONTENT))
		return true;
	if (stream_rule(s) &&
	    s->ruled->inspected == NULL) /* else of a connection that failed at once */
		s->ruled->inspected = slab_take(&s->worker->slabs);
	if (s->ruled == NULL || s->ruled->inspected == NULL) {
		stream_end(s, END_RESOURCE);
		return false;
	}
	s->ruled->run = (struct rules_run){ .until_ms = WHEEL_NEVER };
	return true;
}

/* It goes on: first what was looked at. */
static enum tcp_inspection
inspect_pass(struct stream *s)
{
	struct flow *down = &s->flow[DOWN];
	struct slab *in = s->ruled->inspected;
	const int failed = slab_queue_put(&down->held, &s->worker->slabs, in->data, in->end);

	down->bytes += in->end;
	down->read_ms = s->worker->loop->now_ms;
	slab_give(&s->worker->slabs, in);
	s->ruled->inspected = NULL;
	if (s->sc->conn.eof)
		s->sc->conn.readable = true;	/* the pump has to see the end, too */
	if (failed == 0)
		return TCP_INSPECTED;
	stream_end(s, END_RESOURCE);
	return TCP_ENDED;
}

enum tcp_inspection
tcp_inspect(struct stream *s)
{
	struct slab *in = s->ruled->inspected;
	const int failed = inspect_read(&s->sc->conn, &s->ruled->inspected, &s->worker->slabs);
	const bool is_whole = s->sc->conn.eof || in->end == SLAB_ROOM || failed != 0;
	struct rules_verdict verdict;

	switch (stream_run_content(s, (struct slice){ in->data, in->end }, is_whole, &verdict)) {
	case RULES_DONE: break;
	case RULES_WAITING: stream_arm(s); return TCP_INSPECTS;
	case RULES_GO_ON:
	case RULES_ANSWERED:
	case RULES_DENIED:
	case RULES_CLOSED:
	case RULES_CHOSEN:
	case RULES_NO_ROOM:
	case RULES_FAILED: s->mode->obey(s, RULES_CLOSED, &verdict); return TCP_ENDED;
	}
	if (failed != 0)
		s->sc->conn.readable = true;	/* its error shows once more, to the pump */
	return inspect_pass(s);
}
