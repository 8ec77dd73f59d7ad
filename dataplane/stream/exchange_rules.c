/*
 * What rules ask of an exchange: its body, interim answers, and what follows from a verdict.
 *
 * The stream's worker.
 */
#include "config.h"
#include <errno.h>
#include <string.h>
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"

/* -- the body, as far as it has come -- */

/* Behind the head, which must not move any more. False: the client has gone, and that was answered. */
static bool
exchange_read_body(struct stream *s)
{
	struct client *c = s->client;
	struct slab *in = c->in;

	while (c->conn.readable && in->end < SLAB_ROOM) {
		const ssize_t got = conn_recv(&c->conn, in->data + in->end, SLAB_ROOM - in->end);

		if (got == -EAGAIN || got == -EINTR)
			break;
		if (got <= 0) {
			front_lost(s, got);
			return false;
		}
		in->end += (uint32_t)got;
	}
	return true;
}

/*
 * Its data alone. Where that lies in one piece, it is that; chunks are put together in the worker's scratch.
 * A fault among them ends it here, and is found again when it is sent on.
 */
static struct slice
exchange_body_data(struct stream *s, bool *is_whole)
{
	const struct exchange *x = s->exchange;
	const struct slab *in = s->client->in;
	struct http_body body = x->frame[UP].body;
	const char *at = in->data + x->head_end, *end = in->data + in->end;
	char *out = s->worker->scratch;
	size_t len = 0;
	struct http_span span;

	while (!body.done && at < end && http_body_next(&body, at, (size_t)(end - at), &span)) {
		if (span.kind == HTTP_SPAN_DATA) {
			memcpy(out + len, at, span.len);
			len += span.len;
		}
		at += span.len;
	}
	*is_whole = body.done || at < end || in->end == SLAB_ROOM;
	return (struct slice){ out, len };
}

void
exchange_ask_for_body(struct stream *s)
{
	struct exchange *x = s->exchange;
	struct iovec iov = { (void *)"HTTP/1.1 100 Continue\r\n\r\n", 25 };

	if ((x->request.says & HTTP_EXPECTS_CONTINUE) == 0 || s->client->in->end > x->head_end)
		return;
	x->request.says &= (uint8_t)~HTTP_EXPECTS_CONTINUE;
	http_head_leave_out(&x->request, HTTP_NAME_EXPECT);
	(void)flow_send(&s->flow[DOWN], &s->client->conn, s->worker, &iov, 1);
}

bool
exchange_gather(struct stream *s, struct slice *bytes, bool *is_whole)
{
	*bytes = (struct slice){ "", 0 };
	*is_whole = true;
	if (s->exchange->frame[UP].body.done)
		return true;
	if (!exchange_read_body(s))
		return false;
	if (s->ruled->run.waits_for_bytes)
		s->exchange->request_ms = s->worker->loop->now_ms; /* HAProxy's TR includes it */
	*bytes = exchange_body_data(s, is_whole);
	return true;
}

/* -- what is sent, or closed -- */

/* HTTP/1.0 has no interim answers. A failure shows with the next that is sent. */
void
exchange_send_hints(struct stream *s, struct slice lines)
{
	struct iovec iov[] = {
		{ (void *)"HTTP/1.1 103 Early Hints\r\n", 26 },
		{ (char *)lines.at, lines.len },
		{ (void *)"\r\n", 2 },
	};

	if (s->exchange->request.minor > 0)
		(void)flow_send(&s->flow[DOWN], &s->client->conn, s->worker, iov, 3);
}

/* Without an answer. */
static void
exchange_drop(struct stream *s, const struct rules_verdict *verdict)
{
	if (verdict->silently)
		conn_drop(&s->client->conn);
	else
		conn_close(&s->client->conn);
	s->exchange->answer = ANSWER_LAST;
	stream_end(s, verdict->cause);
}

void
exchange_obey(struct stream *s, enum rules_result result, const struct rules_verdict *v)
{
	struct exchange *x = s->exchange;

	s->ruled->rule = v->rule->id;
	if (v->cause == END_DENIED)
		count_add(&s->frontend->slots[s->worker->index].counters.denied, 1);
	if (v->cause == END_CLIENT_TIMEOUT) /* a body was waited for: it never was whole */
		x->request_ms = 0;
	if (v->fault != HTTP_FAULT_NONE)
		exchange_refuse(s, v->fault);
	else if (result == RULES_ANSWERED)
		exchange_answer(s, v->answer, v->extra, v->cause);
	else if (result == RULES_DENIED)
		exchange_answer(s, exchange_error_page(s, v->error, v->extra.len > 0), v->extra,
				v->cause);
	else if (result == RULES_CLOSED)
		exchange_drop(s, v);
	else
		exchange_answer_error(s, x->is_sent ? 502 : 500, END_NO_ROOM);
}

/* -- a response's -- */

/* Which confs have rules: a backend's come first (HAProxy manual, "http-response"). */
static enum rules_result
response_run(struct stream *s, enum rule_phase phase, struct http_head *head,
	     struct http_room *room, struct rules_verdict *verdict)
{
	const struct rules *backend = s->backend_conf == NULL ? NULL : s->backend_conf->rules;
	enum rules_result result = stream_run_phase(s, backend, phase, head, room, verdict);

	if (result == RULES_DONE)
		result = stream_run_phase(s, s->frontend_conf->rules, phase, head, room, verdict);
	return result;
}

bool
exchange_respond(struct stream *s, struct http_head *head)
{
	struct http_room room = { s->worker->lines, WORKER_ROOM_BYTES };
	struct rules_verdict verdict;
	enum rules_result result =
		response_run(s, PHASE_HTTP_RESPONSE, head, &room, &verdict);

	if (result == RULES_DONE)
		result = response_run(s, PHASE_HTTP_AFTER_RESPONSE, head, &room, &verdict);
	if (result == RULES_DONE)
		return true;
	if (result == RULES_NO_ROOM)
		exchange_fail(s, END_NO_ROOM);
	else
		exchange_obey(s, result, &verdict);
	return false;
}

bool
exchange_has_after_rules(const struct stream *s)
{
	return rules_have(s->frontend_conf->rules, PHASE_HTTP_AFTER_RESPONSE) ||
	       (s->backend_conf != NULL &&
		rules_have(s->backend_conf->rules, PHASE_HTTP_AFTER_RESPONSE));
}

/*
 * An answer of ours as a head: its text lies in the worker's scratch, where the rules' lines follow. (Its parts may
 * lie in the worker's lines, where rules of a response have made them.)
 */
bool
exchange_after_response(struct stream *s, const struct http_answer *answer, struct slice extra,
			struct http_head *head)
{
	struct http_room room = { s->worker->scratch, WORKER_ROOM_BYTES };
	const size_t len = answer->head.len + extra.len + 2;
	struct h1_parse parse = { .options = H1_RELAXED };
	struct rules_verdict verdict;

	if (len > room.left)
		return false;
	memmove(room.at + answer->head.len, extra.at == NULL ? "" : extra.at, extra.len);
	memcpy(room.at, answer->head.at, answer->head.len);
	memcpy(room.at + len - 2, "\r\n", 2);
	*head = (struct http_head){ .fields = s->worker->fields };
	if (h1_parse_response(&parse, head, room.at, len, NULL) != H1_DONE)
		return false;
	room.at += len;
	room.left -= len;
	(void)response_run(s, PHASE_HTTP_AFTER_RESPONSE, head, &room, &verdict);
	return true;
}
