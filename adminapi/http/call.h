/*
 * One REST call: from its complete request to its answer.
 *
 * The HTTP layer owns a call. The handler is called once, on the control thread, with the whole
 * body, and must answer once, then or later (the connection is suspended meanwhile). A client
 * that leaves does not end the call: its answer is dropped. After the answer the call is gone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "adminapi/json/issues.h"
#include "core/err.h"
#include "core/str.h"

/* METHOD_COUNT in a call: a method that we do not know; route_call() answers it with 405. */
enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_POST,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_COUNT
};

#define CALL_SEGMENTS_MAX	16
#define CALL_PARAMS_MAX		32
#define CALL_CLAIM_MAX_BYTES	256	/* X-Actor, X-Reason */

struct call_param {
	const char	*name;
	const char	*value;
};

/* All texts live until the answer. Decoded; no NUL inside. */
struct call {
	enum method		 method;
	uint32_t		 segment_count;
	const char		*segments[CALL_SEGMENTS_MAX];	/* "/v1/backends/app": v1, backends, app */
	uint32_t		 param_count;
	struct call_param	 params[CALL_PARAMS_MAX];
	struct slice		 body;		/* a NUL lies behind it; empty for GET, HEAD, OPTIONS */
	const char		*content_type;		/* NULL: none; without parameters, lower case */
	const char		*if_match, *if_none_match, *last_event_id;	/* NULL: none */
	const char		*actor, *reason;	/* claims; NULL: none */
	char			 peer[64];		/* "127.0.0.1:1234", "unix uid 0" */
	const char		*captures[CALL_SEGMENTS_MAX];	/* the route's {names}, in order */
};

const char *call_param(const struct call *call, const char *name);	/* NULL: not given */

/* Headers and body of an answer. Zero what is not meant. */
struct answer {
	unsigned	 status;
	const char	*content_type;		/* NULL: application/json */
	const char	*etag;			/* with its quotes */
	const char	*location;
	const char	*allow;
	const char	*link;			/* Link: the next page's ("</v1/...?cursor=x>; rel=\"next\"") */
	unsigned	 retry_after_s;
	struct buf	 body;			/* taken */
};

/*
 * Answer. HEAD drops the body, keeps its length. Every answer has Cache-Control: no-store. Takes
 * answer->body; if its `failed` is set the answer becomes a 503 problem ("out of memory").
 */
void call_answer(struct call *call, struct answer *answer);

/*
 * application/problem+json (RFC 9457). `issues` may be NULL. The second form adds raw members
 * (",\"committed\":true").
 */
void call_problem(struct call *call, unsigned status, const struct issues *issues, const char *fmt,
		  ...) __attribute__((format(printf, 4, 5)));
void call_problem_with(struct call *call, unsigned status, const struct issues *issues,
		       struct slice members, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/*
 * For who lets a call wait long: its client has closed, or shut down its side, so that nobody may be there to
 * read the answer. Asks the system.
 */
bool call_is_abandoned(struct call *call);

/*
 * An answer that is written while it is sent: events, long lists. fill() is called on the control
 * thread with room for at least 4 KiB; it returns the bytes that it wrote, CALL_STREAM_WAIT when it
 * has nothing now (the connection is suspended until call_stream_wake()), CALL_STREAM_END, or
 * CALL_STREAM_ERROR (the connection is cut). It works for at most a millisecond or so a call.
 * close() is called once, whatever happened; the stream is gone after it.
 */
#define CALL_STREAM_WAIT  0
#define CALL_STREAM_END	  (-1)
#define CALL_STREAM_ERROR (-2)

struct call_stream;
struct call_stream_ops {
	ssize_t	(*fill)(void *arg, char *buf, size_t max);
	void	(*close)(void *arg);
};

/*
 * ERR_NOMEM: answered with 503; ERR_GONE: the server ended meanwhile. In both cases close() is not
 * called and *sp (sp may be NULL) stays alone. On ERR_OK fill() is called later, never inside.
 */
enum err call_stream(struct call *call, const struct answer *head,
		     const struct call_stream_ops *ops, void *arg, struct call_stream **sp);

/* There is something again. May be called at any time until close(), inside fill() too. */
void call_stream_wake(struct call_stream *stream);
