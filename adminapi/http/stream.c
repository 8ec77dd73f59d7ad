/*
 * An answer that is written while it is sent.
 *
 * The library asks for bytes when it can send some. A reader that returned 0 to it would be asked
 * again at once, for ever, so a stream with nothing to say is suspended, until it is woken.
 * Control thread only.
 */
#include "config.h"
#include "adminapi/http/http_priv.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_ROOM_BYTES  4096		/* what fill() may count on */
#define STREAM_BLOCK_BYTES 8192		/* used for HTTP/1.0 clients; others get chunks of half the pool */

struct call_stream {
	unsigned			 magic;
	struct connection		*connection;	/* NULL: it is gone, or was cut */
	const struct call_stream_ops	*ops;		/* NULL: the call was never answered by it */
	void				*arg;
	bool				 suspended;
	bool				 woken;		/* inside fill() */
	char				*stash;		/* where the library's room is too small for fill() */
	size_t				 stash_len;
	size_t				 stash_at;
};

/* fill(), and suspend when there is nothing. */
static ssize_t
http_stream_fill(struct call_stream *s, char *buf, size_t max)
{
	ssize_t got;

	do {
		s->woken = false;
		got = s->ops->fill(s->arg, buf, max);
		assert(got <= (ssize_t)max);
	} while (got == CALL_STREAM_WAIT && s->woken);
	if (got == CALL_STREAM_WAIT) {
		s->suspended = true;
		MHD_suspend_connection(s->connection->mhd);
	}
	return got;
}

static ssize_t
http_stream_from_stash(struct call_stream *s, char *buf, size_t max)
{
	size_t len = s->stash_len - s->stash_at;

	if (len > max)
		len = max;
	memcpy(buf, s->stash + s->stash_at, len);
	s->stash_at += len;
	return (ssize_t)len;
}

/* The client's headers took so much of the connection's memory that little is left for a chunk. */
static ssize_t
http_stream_fill_stash(struct call_stream *s, char *buf, size_t max)
{
	ssize_t got;

	if (s->stash == NULL)
		s->stash = malloc(STREAM_ROOM_BYTES);
	if (s->stash == NULL)
		return CALL_STREAM_ERROR;
	got = http_stream_fill(s, s->stash, STREAM_ROOM_BYTES);
	if (got <= 0)
		return got;
	s->stash_at = 0;
	s->stash_len = (size_t)got;
	return http_stream_from_stash(s, buf, max);
}

static ssize_t
http_stream_on_read(void *arg, uint64_t position, char *buf, size_t max)
{
	struct call_stream *s = obj_cast(arg, HTTP_STREAM_MAGIC);
	ssize_t got;

	if (s->connection == NULL)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (s->stash_at < s->stash_len)
		return http_stream_from_stash(s, buf, max);
	got = max < STREAM_ROOM_BYTES ? http_stream_fill_stash(s, buf, max)
				      : http_stream_fill(s, buf, max);
	if (got == CALL_STREAM_END)
		return MHD_CONTENT_READER_END_OF_STREAM;
	return got < 0 ? MHD_CONTENT_READER_END_WITH_ERROR : got;
}

static void
http_stream_on_free(void *arg)
{
	struct call_stream *s = obj_cast(arg, HTTP_STREAM_MAGIC);

	if (s->connection != NULL)
		s->connection->stream = NULL;
	if (s->ops != NULL)
		s->ops->close(s->arg);
	free(s->stash);
	obj_free(s);
}

static struct MHD_Response *
http_stream_response(struct call_stream *s, const struct answer *head)
{
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, http_stream_on_read, s, http_stream_on_free);

	if (response == NULL) {
		obj_free(s);
		return NULL;
	}
	if (!response_add_headers(response, head)) {
		MHD_destroy_response(response);		/* frees the stream */
		return NULL;
	}
	return response;
}

enum err
call_stream(struct call *call, const struct answer *head, const struct call_stream_ops *ops,
	    void *arg, struct call_stream **sp)
{
	struct request *r = request_of(call);
	struct call_stream *s = obj_new(sizeof(*s), HTTP_STREAM_MAGIC);
	struct MHD_Response *response;

	assert_control();
	if (r->connection == NULL) {
		obj_free(s);
		request_answered(r, head->status, NULL);
		return ERR_GONE;
	}
	response = s == NULL ? NULL : http_stream_response(s, head);
	if (response == NULL) {
		call_problem(call, MHD_HTTP_SERVICE_UNAVAILABLE, NULL, "out of memory");
		return ERR_NOMEM;
	}
	s->ops = ops;
	s->arg = arg;
	s->connection = r->connection;
	r->connection->stream = s;
	if (sp != NULL)
		*sp = s;
	request_answered(r, head->status, response);
	return ERR_OK;
}

void
call_stream_wake(struct call_stream *s)
{
	s->woken = true;
	if (!s->suspended)
		return;
	s->suspended = false;
	MHD_resume_connection(s->connection->mhd);
	http_schedule(s->connection->http);
}

bool
http_stream_has_said_all(const struct call_stream *s)
{
	return s->suspended;
}

void
http_stream_cut(struct call_stream *s)
{
	struct connection *c = s->connection;

	if (s->suspended) {
		s->suspended = false;
		MHD_resume_connection(c->mhd);
	}
	c->stream = NULL;
	s->connection = NULL;
}
