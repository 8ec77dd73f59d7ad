/*
 * Events: what happened, in order, in a bounded ring, for GET /v1/events (server-sent events).
 *
 * Control thread. An id is a number that grows by one; a reader resumes after its Last-Event-ID. One
 * that lags so far that the ring has moved on gets an event "lost" with the number of missing ones,
 * then goes on.
 */
#pragma once

#include <stdint.h>
#include "adminapi/http/call.h"
#include "core/str.h"

#define EVENTS_MAX		4096
#define EVENTS_MAX_BYTES	(4 * 1024 * 1024)

#define EVENT_KINDS(X)				\
	X(CONFIG,	"config")		\
	X(SERVER,	"server")		\
	X(BACKEND,	"backend")		\
	X(CHECK,	"check")		\
	X(LISTENER,	"listener")		\
	X(MAP,		"map")			\
	X(OPERATION,	"operation")		\
	X(SESSION_KILL,	"session-kill")		\
	X(PROCESS,	"process")
enum event_kind {
#define X(name, text) EVENT_##name,
	EVENT_KINDS(X)
#undef X
};

/*
 * `members` is an object's text, or its members without the braces. What is sent:
 * {"id":7,"time":"...","kind":"server",...members}
 */
void event_emit(enum event_kind kind, struct slice members);

/* The same of an object just written, which is freed; nothing if there was no memory for it. */
void event_emit_object(enum event_kind kind, struct buf *object);

/*
 * GET /v1/events: ?kind=a,b. Begins after Last-Event-ID, without one with what happens next. An id
 * that was never given out is of an earlier process: the reader gets all of this one's. Wakes streams
 * as events come; a comment line at once and every HTTP_STREAM_PING_MS.
 */
void events_get(struct call *call);
uint64_t events_last_id(void);

/* Forget all; the admin server, and with it the readers, must be gone. */
void events_fini(void);

/* Another time between comment lines, for tests; for readers that come from now on. */
void events_ping_every(uint32_t ms);
