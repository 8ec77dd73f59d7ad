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

/* After these a client's connection is not to be trusted, or not wanted, any more. */
static bool
cause_closes(enum end_cause cause)
{
	return cause == END_BAD_REQUEST || cause == END_CLIENT_CLOSE ||
	       cause == END_REQUEST_TIMEOUT || cause == END_CLIENT_TIMEOUT ||
	       cause == END_RESOURCE || cause == END_SHUTDOWN;
}

/* `extra`: lines that go into its head. */
static int
exchange_answer_iov(struct stream *s, const struct http_answer *answer, struct slice extra,
		    struct iovec *iov)
{
	struct exchange *x = s->exchange;
	const bool with_body = !x->is_parsed || x->request.method != HTTP_METHOD_HEAD;
	const int count =
		http_answer_iov(answer, extra, front_connection_line(s), with_body, iov);

	x->status = answer->status;
	for (int i = 0; i < count; i++)
		s->flow[DOWN].bytes += iov[i].iov_len;
	exchange_count_response(s, answer->status);
	return count;
}

void
exchange_answer(struct stream *s, const struct http_answer *answer, struct slice extra,
		enum end_cause cause)
{
	struct exchange *x = s->exchange;
	struct iovec iov[HTTP_ANSWER_IOVECS];
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
	(void)backend_stop_waiting(&s->waiter);	/* a call that is under way finds it answered */
	x->keeps_client = x->keeps_client && !s->client->closes && !cause_closes(cause) &&
			  front_swallow(s);
	if (x->keeps_client)
		s->flow[UP].state = FLOW_FLUSHED;
	count = exchange_answer_iov(s, answer, extra, iov);
	s->state = STREAM_LAST;
	s->flow[DOWN].state = FLOW_EOF;
	result = flow_send(&s->flow[DOWN], &s->client->conn, s->worker, iov, count);
	if (result == FLOW_WAITS)
		exchange_move(s);
	else
		stream_end(s, cause);
}

/* The page for an error: the backend's own, the frontend's own, the built-in one. */
static const struct http_answer *
exchange_error_page(const struct stream *s, uint16_t status)
{
	int index = http_error_index(status);

	if (index < 0)
		index = HTTP_ERROR_500;
	if (s->backend_conf != NULL && s->backend_conf->http.errors.own[index] != NULL)
		return s->backend_conf->http.errors.own[index];
	return http_errors_get(&s->frontend_conf->http.errors, (enum http_error)index);
}

void
exchange_answer_error(struct stream *s, uint16_t status, enum end_cause cause)
{
	exchange_answer(s, exchange_error_page(s, status), (struct slice){ NULL, 0 }, cause);
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
	struct iovec iov[HTTP_ANSWER_IOVECS];
	int count;

	s->exchange->keeps_client = false;
	s->exchange->answer = ANSWER_LAST;
	count = exchange_answer_iov(s, exchange_error_page(s, status), (struct slice){ NULL, 0 },
				    iov);
	(void)conn_sendv(&s->client->conn, iov, count);
}
