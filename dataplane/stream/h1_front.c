/*
 * The client's side of HTTP/1: bytes to a request.
 *
 * A head is read into a slab, which stays until the exchange is over: what is sent to the server, and once
 * more after a failure, lies there. What came behind it is its body, or the next request.
 *
 * The stream's worker.
 */
#include "config.h"
#include <errno.h>
#include <string.h>
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"

#define FRONT_READS 4 /* of empty lines, at a wake-up; then others have their turn */

/* Room for more behind what is there. NULL: no memory. */
static struct slab *
front_input(struct client *c)
{
	struct slab *in = c->in;

	if (in == NULL)
		in = c->in = slab_take(&c->worker->slabs);
	if (in != NULL && in->end == SLAB_ROOM && in->start > 0) {
		memmove(in->data, in->data + in->start, in->end - in->start);
		in->end -= in->start;
		in->start = 0;
	}
	return in;
}

/* As conn_recv(); -ENOMEM, too. */
static ssize_t
front_recv(struct client *c)
{
	struct slab *in = front_input(c);
	ssize_t got;

	if (in == NULL)
		return -ENOMEM;
	got = conn_recv(&c->conn, in->data + in->end, SLAB_ROOM - in->end);
	if (got > 0)
		in->end += (uint32_t)got;
	return got;
}

static bool
is_nothing_yet(ssize_t got)
{
	return got == -EAGAIN || got == -EINTR;
}

/* An empty line between requests is none (RFC 9112, 2.2). */
static void
front_skip_empty_line(struct slab *in)
{
	while (in->end - in->start >= 2 && memcmp(in->data + in->start, "\r\n", 2) == 0)
		in->start += 2;
}

static void
front_parse(struct stream *s)
{
	struct exchange *x = s->exchange;
	struct slab *in = s->client->in;
	const char *bytes = in->data + in->start;
	const size_t len = in->end - in->start;

	switch (h1_parse_request(&x->parse, &x->request, bytes, len)) {
	case H1_DONE:
		x->is_parsed = true;
		x->said_method = x->request.method_text;
		x->said_target = x->request.target;
		x->head_end = x->rest_at = in->start + (uint32_t)x->parse.head_len;
		exchange_begin(s);
		return;
	case H1_BAD: exchange_refuse(s, x->parse.fault); return;
	case H1_MORE: break;
	}
	if (len == SLAB_ROOM || (len > HTTP_TARGET_MAX_BYTES && h1_in_start_line(bytes, len))) {
		exchange_refuse(s, h1_in_start_line(bytes, len) ? HTTP_FAULT_TARGET_LONG
								: HTTP_FAULT_HEAD_LONG);
		return;
	}
	stream_note_active(s);	/* an RST right behind these bytes is announced by nothing */
	stream_arm(s);
}

/* The client will send no more of a request that it has begun. */
void
front_lost(struct stream *s, ssize_t got)
{
	if (got == 0)
		exchange_answer_error(s, 400, END_CLIENT_CLOSE);
	else if (got == -ENOMEM)
		stream_end(s, END_RESOURCE);
	else
		stream_end(s, END_CLIENT_ABORT);
}

void
front_read(struct stream *s)
{
	while (s->state == STREAM_REQUEST && s->client->conn.readable) {
		const ssize_t got = front_recv(s->client);

		if (got > 0) {
			front_parse(s);
		} else if (is_nothing_yet(got)) {
			return;
		} else {
			front_lost(s, got);
			return;
		}
	}
}

/* The first bytes of a request are there. NULL: no memory, the client has ended. */
static struct stream *
front_start(struct client *c, struct frontend_conf *conf, uint32_t bind_index)
{
	struct exchange *x = exchange_new(c->worker);
	struct stream *s =
		x == NULL ? NULL : stream_start(c, conf, bind_index, &stream_http, STREAM_REQUEST);

	if (s == NULL) {
		exchange_discard(c->worker, x);
		client_end(c);
		return NULL;
	}
	s->exchange = x;
	x->parse.options = conf->http.h1_options;
	x->parse.room = &x->room;
	return s;
}

/* There is something of a request. False: not yet, or the client has ended. */
static bool
front_fill(struct client *c)
{
	for (int reads = 0; c->in == NULL || c->in->start == c->in->end; reads++) {
		const bool may = c->conn.readable && reads < FRONT_READS;
		const ssize_t got = may ? front_recv(c) : -EAGAIN;

		if (got > 0) {
			front_skip_empty_line(c->in);
			continue;
		}
		if (reads == FRONT_READS && c->conn.readable)
			loop_queue(c->worker->loop, &c->task);
		if (c->in != NULL)
			slab_give(&c->worker->slabs, c->in);
		c->in = NULL;
		if (!is_nothing_yet(got))
			client_end(c);
		return false;
	}
	return true;
}

void
front_next(struct client *c)
{
	struct frontend_conf *conf;
	uint32_t bind_index;
	struct stream *s;

	if (c->in != NULL)
		front_skip_empty_line(c->in);
	if (!front_fill(c))
		return;
	conf = client_conf(c, &bind_index);
	if (conf == NULL) {
		client_end(c);
		return;
	}
	s = front_start(c, conf, bind_index);
	if (s == NULL)
		return;
	front_parse(s);
	front_read(s);	/* its rest, or the client's end, may have come while others were served */
}

/* -- what lies behind a request -- */

/* Was all of the request read, or does it lie in client->in? Then the next one begins behind it. */
bool
front_swallow(struct stream *s)
{
	struct exchange *x = s->exchange;
	struct http_body *body = &x->frame[UP].body;
	const struct slab *in = s->client->in;

	if (!x->is_parsed)
		return false;
	if (x->is_sent)
		return body->done &&
		       s->flow[UP].state != FLOW_SHUT; /* it may have been let go since */
	if (in == NULL)
		return false;
	while (!body->done && x->rest_at < in->end) {
		struct http_span span;

		if (!http_body_next(body, in->data + x->rest_at, in->end - x->rest_at, &span))
			return false;
		x->rest_at += (uint32_t)span.len;
	}
	return body->done;
}

bool
front_has_rest(const struct stream *s)
{
	return s->client->in != NULL && s->exchange->rest_at < s->client->in->end;
}

/* What came behind the request, in the order that it came: client->in, then what the pump read too far. */
bool
front_keep_rest(struct stream *s)
{
	struct client *c = s->client;
	struct slab_queue *rest = &s->exchange->frame[UP].rest;
	struct slab *in = c->in;

	if (in != NULL)
		in->start = s->exchange->rest_at < in->end ? s->exchange->rest_at : in->end;
	while (rest->head != NULL && (in == NULL || in->start == in->end)) {
		if (in != NULL)
			slab_give(&s->worker->slabs, in);
		in = c->in = rest->head;
		rest->head = in->next;
		rest->bytes -= in->end - in->start;
		if (rest->head == NULL)
			rest->tail = NULL;
		in->next = NULL;
	}
	if (in != NULL && in->start == in->end) {
		slab_give(&s->worker->slabs, in);
		c->in = NULL;
	}
	return rest->bytes == 0;
}

void
front_count_part(struct stream *s)
{
	const struct slab *in = s->client->in;

	if (in != NULL)
		s->flow[UP].bytes = in->end - in->start;
}
