/*
 * Answers that we give ourselves: errors, and what rules say.
 *
 * The client's connection stays where the request was read to its end; otherwise it is closed so
 * that the answer arrives although the client still sends.
 *
 * The stream's worker.
 */
#include "config.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"

#define ANSWER_IOVECS (H1_IOVECS + HTTP_ANSWER_IOVECS)

/* After these a client's connection is not to be trusted, or not wanted, any more. */
static bool
cause_closes(enum end_cause cause)
{
	return cause == END_BAD_REQUEST || cause == END_CLIENT_CLOSE ||
	       cause == END_REQUEST_TIMEOUT || cause == END_CLIENT_TIMEOUT ||
	       cause == END_RESOURCE || cause == END_SHUTDOWN;
}

/* What the client then sends is a tunnel's: no request must be read in it (RFC 9110, 9.3.6). */
static bool
answer_opens_tunnel(const struct exchange *x, uint16_t status)
{
	return x->is_parsed && x->request.method == HTTP_METHOD_CONNECT && status / 100 == 2;
}

/* As rules behind each answer leave it. 0: it can't be had so. */
static int
exchange_ruled_iov(struct stream *s, const struct http_answer *answer, struct slice extra,
		   bool with_body, struct iovec *iov, char room[H1_ROOM_BYTES])
{
	struct http_head head;
	size_t bytes;
	int count;

	if (!exchange_after_response(s, answer, extra, &head) ||
	    front_add_connection(s, &head) != ERR_OK)
		return 0;
	s->exchange->status = head.status;
	count = h1_write_head(&head, iov, room, &bytes);
	if (with_body && answer->body.len > 0)
		iov[count++] = (struct iovec){ (char *)answer->body.at, answer->body.len };
	return count;
}

/* `extra`: lines that go into its head. `room`: as long as the iovecs. */
static int
exchange_answer_iov(struct stream *s, const struct http_answer *answer, struct slice extra,
		    struct iovec *iov, char room[H1_ROOM_BYTES])
{
	struct exchange *x = s->exchange;
	const bool with_body = !x->is_parsed || x->request.method != HTTP_METHOD_HEAD;
	int count = 0;

	x->status = answer->status;
	if (exchange_has_after_rules(s))
		count = exchange_ruled_iov(s, answer, extra, with_body, iov, room);
	if (count == 0)
		count = http_answer_iov(answer, extra, front_connection_line(s), with_body, iov);
	for (int i = 0; i < count; i++)
		s->flow[DOWN].bytes += iov[i].iov_len;
	exchange_count_response(s, x->status);
	return count;
}

void
exchange_answer(struct stream *s, const struct http_answer *answer, struct slice extra,
		enum end_cause cause)
{
	struct exchange *x = s->exchange;
	struct iovec iov[ANSWER_IOVECS];
	char room[H1_ROOM_BYTES];
	enum flow_result result;
	int count;

	if (x->answer != ANSWER_NONE) {	/* the server's has begun: its end must not look like one */
		stream_end(s, cause);
		return;
	}
	x->answer = ANSWER_OURS;
	x->answered = cause;
	x->answered_in = s->state;
	stream_close(s, SERVER);
	stream_give_up_waiting(s);
	(void)backend_stop_waiting(&s->waiter);	/* a call that is under way finds it answered */
	x->keeps_client = x->keeps_client && !s->client->closes && !cause_closes(cause) &&
			  !answer_opens_tunnel(x, answer->status) && front_swallow(s);
	if (x->keeps_client)
		s->flow[UP].state = FLOW_FLUSHED;
	count = exchange_answer_iov(s, answer, extra, iov, room);
	s->state = STREAM_LAST;
	s->flow[DOWN].state = FLOW_EOF;
	result = flow_send(&s->flow[DOWN], &s->client->conn, s->worker, iov, count);
	if (result == FLOW_WAITS)
		exchange_move(s);
	else
		stream_end(s, cause);
}

const struct http_answer *
exchange_error_page(const struct stream *s, uint16_t status, bool asks)
{
	int index = http_error_index(status);

	if (index < 0)
		index = HTTP_ERROR_500;
	if (s->backend_conf != NULL && s->backend_conf->http.errors.own[index] != NULL)
		return s->backend_conf->http.errors.own[index];
	if (asks && s->frontend_conf->http.errors.own[index] == NULL)
		return http_answer_login();
	return http_errors_get(&s->frontend_conf->http.errors, (enum http_error)index);
}

void
exchange_answer_error(struct stream *s, uint16_t status, enum end_cause cause)
{
	exchange_answer(s, exchange_error_page(s, status, false), (struct slice){ NULL, 0 }, cause);
}

void
exchange_refuse(struct stream *s, enum http_fault fault)
{
	s->exchange->fault = fault;
	exchange_answer_error(s, http_fault_status(fault), END_BAD_REQUEST);
}

void
exchange_fail(struct stream *s, enum end_cause cause)
{
	exchange_answer_error(s, (uint16_t)end_cause_status(cause), cause);
}

void
exchange_answer_last(struct stream *s, uint16_t status)
{
	struct iovec iov[ANSWER_IOVECS];
	char room[H1_ROOM_BYTES];
	int count;

	s->exchange->keeps_client = false;
	s->exchange->answer = ANSWER_LAST;
	count = exchange_answer_iov(s, exchange_error_page(s, status, false),
				    (struct slice){ NULL, 0 }, iov, room);
	(void)conn_sendv(&s->client->conn, iov, count);
}
