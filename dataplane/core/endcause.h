/*
 * Why a stream ended: one enum from the place that decides to the log line, the event and the API.
 *
 * The letter opens the log's termination state (HAProxy manual, 8.5); the second letter is the
 * stream's phase at that moment. The status answers an HTTP request of which nothing was answered yet. The
 * name and the words go to the log's "cause" and to the API.
 */
#pragma once

#define END_CAUSES(X)								\
	X(NONE,			'-', 500, "none",			"still open") \
	X(DONE,			'-', 500, "done",			"both sides finished") \
	X(ANSWERED,		'L', 500, "answered",		"a rule answered") \
	X(DENIED,		'P', 500, "denied",			"a rule denied it") \
	X(BAD_REQUEST,		'P', 400, "bad-request",		"the request was malformed") \
	X(BAD_RESPONSE,		'P', 502, "bad-response",		"the response was malformed") \
	X(BAD_PROXY,		'P', 500, "bad-proxy-header",	"the PROXY header was bad, or did not come") \
	X(REQUEST_TIMEOUT,	'c', 408, "request-timeout",		"the request did not come in time") \
	X(CLIENT_CLOSE,		'C', 400, "client-close",		"the client closed before it was done") \
	X(SERVER_CLOSE,		'S', 502, "server-close",		"the server closed before it was done") \
	X(CLIENT_TIMEOUT,	'c', 408, "client-timeout",		"the client was silent for too long") \
	X(CLIENT_ABORT,		'C', 500, "client-abort",		"the client reset the connection") \
	X(SERVER_TIMEOUT,	's', 504, "server-timeout",		"the server was silent for too long") \
	X(CONNECT_TIMEOUT,	's', 503, "connect-timeout",		"the server did not accept in time") \
	X(SERVER_ABORT,		'S', 502, "server-abort",		"the server reset the connection") \
	X(CONNECT_REFUSED,	'S', 503, "connect-refused",		"the server refused the connection") \
	X(CONNECT_FAILED,	'S', 503, "connect-failed",		"the server could not be reached") \
	X(NO_SERVER,		'S', 503, "no-server",		"no server is usable") \
	X(QUEUE_TIMEOUT,	's', 503, "queue-timeout",		"no server had a free place in time") \
	X(QUEUE_FULL,		'S', 503, "queue-full",		"the queue was full") \
	X(NO_BACKEND,		'S', 503, "no-backend",		"the frontend has no backend") \
	X(NO_ROOM,		'P', 500, "no-room",		"a header that had to be written was too long") \
	X(RESOURCE,		'R', 500, "resource",		"out of memory, descriptors or ports") \
	X(INTERNAL,		'I', 500, "internal",		"internal error") \
	X(SERVER_DOWN,		'D', 500, "server-down",		"its server was marked down") \
	X(ACTIVE_BACK,		'U', 500, "active-back",		"an active server came back up") \
	X(ADMIN,		'K', 500, "admin",			"ended by an administrator") \
	X(SERVER_REMOVED,	'K', 500, "server-removed",		"its server was removed by force") \
	X(SHUTDOWN,		'K', 500, "shutdown",		"the process had to stop")

enum end_cause {
#define X(id, letter, status, name, words) END_##id,
	END_CAUSES(X)
#undef X
};

#define END_CAUSE_COUNT (END_SHUTDOWN + 1)

char end_cause_letter(enum end_cause cause);
unsigned end_cause_status(enum end_cause cause);
const char *end_cause_words(enum end_cause cause);
const char *end_cause_name(enum end_cause cause);	/* "server-down", for the API */
