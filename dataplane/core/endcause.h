/*
 * Why a stream ended: one enum from the place that decides to the log line, the event and the API.
 *
 * The letter opens the log's termination state (HAProxy manual, 8.5); the second letter is the
 * stream's phase at that moment. The words go to the log's "cause" and to the API.
 */
#pragma once

#define END_CAUSES(X)								\
	X(NONE,			'-', "still open")				\
	X(DONE,			'-', "both sides finished")			\
	X(CLIENT_TIMEOUT,	'c', "the client was silent for too long")	\
	X(CLIENT_ABORT,		'C', "the client reset the connection")		\
	X(SERVER_TIMEOUT,	's', "the server was silent for too long")	\
	X(CONNECT_TIMEOUT,	's', "the server did not accept in time")	\
	X(SERVER_ABORT,		'S', "the server reset the connection")		\
	X(CONNECT_REFUSED,	'S', "the server refused the connection")	\
	X(CONNECT_FAILED,	'S', "the server could not be reached")		\
	X(NO_SERVER,		'S', "no server is usable")			\
	X(QUEUE_TIMEOUT,	's', "no server had a free place in time")	\
	X(QUEUE_FULL,		'S', "the queue was full")			\
	X(NO_BACKEND,		'S', "the frontend has no backend")		\
	X(RESOURCE,		'R', "out of memory, descriptors or ports")	\
	X(INTERNAL,		'I', "internal error")				\
	X(SERVER_DOWN,		'D', "its server was marked down")		\
	X(ACTIVE_BACK,		'U', "an active server came back up")		\
	X(ADMIN,		'K', "ended by an administrator")		\
	X(SERVER_REMOVED,	'K', "its server was removed by force")		\
	X(SHUTDOWN,		'K', "the process had to stop")

enum end_cause {
#define X(name, letter, words) END_##name,
	END_CAUSES(X)
#undef X
};

char end_cause_letter(enum end_cause cause);
const char *end_cause_words(enum end_cause cause);
const char *end_cause_name(enum end_cause cause);	/* "server-down", for the API */
