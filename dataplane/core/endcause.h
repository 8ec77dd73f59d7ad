/*
 * Why a stream ended: one enum from the place that decides to the log line, the event and the API.
 *
 * The letter opens the log's termination state (HAProxy manual, 8.5); the second letter is the
 * stream's phase at that moment. The name and the words go to the log's "cause" and to the API.
 */
#pragma once

#define END_CAUSES(X)								\
	X(NONE,			'-', "none",			"still open") \
	X(DONE,			'-', "done",			"both sides finished") \
	X(ANSWERED,		'L', "answered",		"a rule answered") \
	X(DENIED,		'P', "denied",			"a rule denied it") \
	X(BAD_REQUEST,		'P', "bad-request",		"the request was malformed") \
	X(BAD_RESPONSE,		'P', "bad-response",		"the response was malformed") \
	X(BAD_PROXY,		'P', "bad-proxy-header",	"the PROXY header was malformed, or did not come") \
	X(REQUEST_TIMEOUT,	'c', "request-timeout",		"the request did not come in time") \
	X(CLIENT_CLOSE,		'C', "client-close",		"the client closed before it was done") \
	X(SERVER_CLOSE,		'S', "server-close",		"the server closed before it was done") \
	X(CLIENT_TIMEOUT,	'c', "client-timeout",		"the client was silent for too long") \
	X(CLIENT_ABORT,		'C', "client-abort",		"the client reset the connection") \
	X(SERVER_TIMEOUT,	's', "server-timeout",		"the server was silent for too long") \
	X(CONNECT_TIMEOUT,	's', "connect-timeout",		"the server did not accept in time") \
	X(SERVER_ABORT,		'S', "server-abort",		"the server reset the connection") \
	X(CONNECT_REFUSED,	'S', "connect-refused",		"the server refused the connection") \
	X(CONNECT_FAILED,	'S', "connect-failed",		"the server could not be reached") \
	X(NO_SERVER,		'S', "no-server",		"no server is usable") \
	X(QUEUE_TIMEOUT,	's', "queue-timeout",		"no server had a free place in time") \
	X(QUEUE_FULL,		'S', "queue-full",		"the queue was full") \
	X(NO_BACKEND,		'S', "no-backend",		"the frontend has no backend") \
	X(RESOURCE,		'R', "resource",		"out of memory, descriptors or ports") \
	X(INTERNAL,		'I', "internal",		"internal error") \
	X(SERVER_DOWN,		'D', "server-down",		"its server was marked down") \
	X(ACTIVE_BACK,		'U', "active-back",		"an active server came back up") \
	X(ADMIN,		'K', "admin",			"ended by an administrator") \
	X(SERVER_REMOVED,	'K', "server-removed",		"its server was removed by force") \
	X(SHUTDOWN,		'K', "shutdown",		"the process had to stop")

enum end_cause {
#define X(id, letter, name, words) END_##id,
	END_CAUSES(X)
#undef X
};

#define END_CAUSE_COUNT (END_SHUTDOWN + 1)

char end_cause_letter(enum end_cause cause);
const char *end_cause_words(enum end_cause cause);
const char *end_cause_name(enum end_cause cause);	/* "server-down", for the API */
