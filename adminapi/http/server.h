/*
 * The admin server: one libmicrohttpd daemon without a thread of its own, driven by the control loop.
 *
 * Our listeners accept (TCP, Unix) and hand over by MHD_add_connection.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "adminapi/http/call.h"
#include "core/addr.h"
#include "core/diag.h"
#include "core/err.h"
#include "core/loop.h"

#define HTTP_BODY_MAX_BYTES	 (16 * 1024 * 1024)	/* 413 above */
#define HTTP_BODIES_MAX_BYTES	 (64 * 1024 * 1024)	/* under way together; 503 above */
#define HTTP_HEADERS_TIMEOUT_MS	 10000			/* from accept or the request line to the end of headers */
#define HTTP_BODY_TIMEOUT_MS	 30000			/* then to the end of the body */
#define HTTP_IDLE_TIMEOUT_MS	 60000			/* keep-alive between calls */
#define HTTP_STREAM_PING_MS	 15000			/* a comment line on event streams finds the dead */
#define HTTP_CONNECTIONS_MAX	 1024

struct http_server;

/* `handle` gets every call. `limits` may be shortened for tests (NULL: the above). */
struct http_limits {
	uint32_t	headers_ms, body_ms, idle_ms, connections;
	size_t		body_bytes, bodies_bytes;
};
enum err http_server_new(struct http_server **hp, struct loop *control,
			 void (*handle)(struct call *), const struct http_limits *limits,
			 struct diag *diag);

/*
 * Connections are cut; a call that its handler still has may be answered afterwards, to nobody. Not
 * from inside a handler. *hp may be NULL, and is NULL afterwards.
 */
void http_server_free(struct http_server **hp);

/*
 * Listeners: opened (bound and listening) so that nothing can fail later, then started. An admin
 * listener is a bind of one socket. `mode` is for Unix sockets (default 0600).
 */
struct http_listener;
enum err http_listener_open(struct http_listener **lp, const struct addr *addr, mode_t mode,
	struct diag *diag);
void http_listener_start(struct http_server *http, struct http_listener *listener);

/* Another mode for a Unix socket that is kept; one that the system refuses stays, with a log line. */
void http_listener_set_mode(struct http_listener *listener, mode_t mode);
void http_listener_close(struct http_listener **lp);	/* connections that it accepted live on */
const struct addr *http_listener_address(const struct http_listener *listener);

/* Names, besides addresses and localhost, that a Host may carry. Copied. ERR_NOMEM leaves the old. */
enum err http_server_set_hosts(struct http_server *http, const char *const *hosts, size_t count);

/*
 * How many connections have a request or an answer under way; `with_silent`: also those that have
 * sent nothing or half a request line yet. An event stream that has said all is none of them.
 */
uint32_t http_server_busy(const struct http_server *http, bool with_silent);

struct http_counts {
	uint64_t	calls, connections_current, refused;
	size_t		body_bytes;
};
void http_server_counts(const struct http_server *http, struct http_counts *counts);
