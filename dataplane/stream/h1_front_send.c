/*
 * The client's side of HTTP/1: a response to bytes.
 *
 * The stream's worker.
 */
#include "config.h"
#include "stream/exchange_priv.h"

#define SEND_IOVECS (H1_IOVECS + 64)

/* What an answer says about the connection. */
struct slice
front_connection_line(const struct stream *s)
{
	if (!s->exchange->keeps_client)
		return SLICE("Connection: close\r\n");
	if (s->exchange->request.minor == 0)
		return SLICE("Connection: keep-alive\r\n");
	return (struct slice){ NULL, 0 };
}

enum err
front_add_connection(const struct stream *s, struct http_head *head)
{
	const struct slice line = front_connection_line(s);

	return line.len == 0 ? ERR_OK : http_head_add(head, line);
}

enum flow_result
front_send_head(struct stream *s, const struct http_head *head, struct slice behind)
{
	struct iovec iov[H1_IOVECS + 1];
	char room[H1_ROOM_BYTES];
	size_t bytes;
	int count = h1_write_head(head, iov, room, &bytes);

	if (behind.len > 0)
		iov[count++] = (struct iovec){ (char *)behind.at, behind.len };
	return flow_send(&s->flow[DOWN], &s->client->conn, s->worker, iov, count);
}

enum flow_result
front_send_response(struct stream *s, const struct http_head *head, struct slice behind)
{
	struct flow *down = &s->flow[DOWN];
	struct iovec iov[SEND_IOVECS];
	char room[H1_ROOM_BYTES];
	size_t bytes, used = 0;
	int count = h1_write_head(head, iov, room, &bytes);
	enum flow_result result = FLOW_WAITS, sent;

	if (behind.len > 0 && !s->exchange->frame[DOWN].body.done)
		result = flow_feed(down, s->worker, behind.at, behind.len, &used, iov, SEND_IOVECS,
				   &count);
	/* what is said beyond the response would be taken for the next one */
	if (used < behind.len)
		s->exchange->keeps_server = false;
	sent = flow_send(down, &s->client->conn, s->worker, iov, count);
	return result == FLOW_WAITS ? sent : result;
}
