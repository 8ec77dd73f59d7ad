/*
 * What the files of http/ share: the server, its connections, the request under way.
 *
 * server.c drives libmicrohttpd, listener.c accepts, connection.c keeps the deadlines, call.c takes
 * a request from its first line to the handler, answer.c, problem.c and stream.c bring it back,
 * linger.c closes without harming what was just sent. Control thread only.
 */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <event2/event.h>
#include "adminapi/http/server.h"
#include "core/list.h"
#include "core/loop.h"
#include "core/obj.h"

#define HTTP_SERVER_MAGIC	0x5e7a11d0
#define CONNECTION_MAGIC	0x5e7a11d1
#define REQUEST_MAGIC		0x5e7a11d2
#define HTTP_STREAM_MAGIC	0x5e7a11d3
#define HTTP_LISTENER_MAGIC	0x5e7a11d4
#define LINGER_MAGIC		0x5e7a11d5

/* Of one connection: request headers, and half of what is left for a chunk of a stream. */
#define HTTP_CONNECTION_MEMORY_BYTES (64 * 1024)

/* Above the limit, for those that come while idle ones are being closed. */
#define HTTP_CONNECTIONS_SPARE 32

struct http_server {
	unsigned		  magic;
	struct loop		 *loop;		/* borrowed: outlives the server */
	struct MHD_Daemon	 *daemon;
	void			(*handle)(struct call *);
	struct http_limits	  limits;
	struct event		 *event;	/* the daemon's epoll descriptor */
	struct task		  run;		/* MHD_run in this turn */
	struct wheel_timer	  timer;	/* MHD_run when its next timeout is due */
	struct list		  connections;
	struct list		  listeners;	/* started; the owner closes them */
	struct list		  lingers;
	uint32_t		  linger_count;
	struct connection	 *adding;	/* the one that MHD_add_connection() is told of now */
	char			**hosts;	/* one block with its texts */
	size_t			  host_count;
	struct http_counts	  counts;
	bool			  stopping;
	bool			  closing;	/* a request is refused now: the library's complaint is noise */
	uint64_t		  log_second;
	uint32_t		  log_lines;
	uint32_t		  log_suppressed;
};

/* Where a connection is; what its deadline is for. */
enum connection_phase {
	CONNECTION_HEADERS,	/* from accept or the request line to the end of the headers */
	CONNECTION_BODY,
	CONNECTION_CALL,	/* the handler has it: no deadline */
	CONNECTION_ANSWER,	/* the library's inactivity timeout watches it */
	CONNECTION_IDLE,	/* between calls */
	CONNECTION_CUT,		/* shut down: the library will find out */
};

struct connection {
	unsigned		 magic;
	struct http_server	*http;		/* borrowed: it ends its connections first */
	struct MHD_Connection	*mhd;
	int			 fd;		/* the library's */
	struct list		 node;
	enum connection_phase	 phase;
	struct wheel_timer	 deadline;
	struct request		*request;	/* from its line to its answer */
	struct call_stream	*stream;	/* the answer under way, if it is one; its response owns it */
	char			 peer[64];
};

enum request_state {
	REQUEST_LINE,		/* its first line was read */
	REQUEST_BODY,
	REQUEST_HANDLED,	/* the handler runs */
	REQUEST_SUSPENDED,	/* it will answer later */
	REQUEST_ANSWERED,
};

struct request {
	unsigned		 magic;
	struct call		 call;
	struct connection	*connection;	/* NULL: the server is gone, the answer goes nowhere */
	enum request_state	 state;
	struct MHD_Response	*response;	/* NULL in REQUEST_ANSWERED: there was no memory for one */
	unsigned		 status;
	char			*target;	/* raw, cut up when the request is complete */
	char			*texts;		/* copies of the headers that the call shows */
	char			*body;
	size_t			 body_len;
	size_t			 body_cap;	/* counted in the server's body_bytes */
	size_t			 body_expected;	/* by Content-Length; 0: none or unknown */
	bool			 body_is_ignored; /* of GET, HEAD, OPTIONS */
};

/* server.c: MHD_run at the end of this turn. */
void http_schedule(struct http_server *http);

/* False: enough was logged this second about what peers can cause at will; it is counted. */
bool http_may_log(struct http_server *http);

/* connection.c. Takes fd. */
void connection_open(struct http_server *http, int fd, const struct addr *peer);
void connection_enter(struct connection *c, enum connection_phase phase);
struct connection *connection_of(struct MHD_Connection *mhd);
void connection_on_notify(void *arg, struct MHD_Connection *mhd, void **context,
			  enum MHD_ConnectionNotificationCode code);
void connection_on_completed(void *arg, struct MHD_Connection *mhd, void **context,
			     enum MHD_RequestTerminationCode code);

/*
 * Answer past the library and close: it can't answer in the middle of a body, and reads to the end
 * what it refuses early. Returns what the access handler has to return.
 */
enum MHD_Result connection_refuse(struct connection *c, unsigned status, const char *detail);

/* call.c */
void *request_on_line(void *arg, const char *target, struct MHD_Connection *mhd);
enum MHD_Result request_on_access(void *arg, struct MHD_Connection *mhd, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *data_bytes, void **context);
void request_free(struct request **rp);
struct request *request_of(struct call *call);

/*
 * The answer is there; NULL: none could be made, cut the connection. Takes the response. The call is
 * gone.
 */
void request_answered(struct request *r, unsigned status, struct MHD_Response *response);

/* answer.c: NULL when there is no memory. Takes answer->body, where it left any. */
struct MHD_Response *response_new(struct answer *answer);
bool response_add_headers(struct MHD_Response *response, const struct answer *answer);

/* Write a whole problem to a socket that nothing else writes to; it fits or it is lost. */
void answer_send_raw(int fd, unsigned status, const char *detail);

/* problem.c */
#define PROBLEM_TYPE "application/problem+json"
void problem_write(struct buf *out, unsigned status, const struct issues *issues,
		   struct slice members, const char *detail);

/* stream.c: the connection goes; fill() is not called again. */
void http_stream_cut(struct call_stream *stream);
bool http_stream_has_said_all(const struct call_stream *stream);	/* it waits to be woken */

/* listener.c: the server ends; `node` is a listener's. */
void http_listener_detach(struct list *node);

/* linger.c: read and drop what still comes on a copy of fd, so that closing it resets nothing. */
void linger_start(struct http_server *http, int fd);
void linger_end_all(struct http_server *http);
