/*
 * A client: an accepted connection, from accept to close, and what is known of who is behind it.
 *
 * In TCP mode it has one stream, all its life. In HTTP mode it has a stream while a request is under way, and is
 * idle between them: then it holds no buffer, and no configuration but its frontend. It owns the
 * one timer of a connection; its stream says when that is due.
 *
 * It lives and dies on one worker. client_end() is its one exit.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/list.h"
#include "core/loop.h"
#include "core/slab.h"
#include "expr/vars.h"
#include "net/conn.h"
#include "net/proxy.h"
#include "stream/worker_priv.h"

struct frontend;
struct frontend_conf;
struct listener;
struct server_conn;
struct stream;

enum client_state {
	CLIENT_PROXY,		/* its PROXY header is awaited */
	CLIENT_IDLE,		/* HTTP: no request has begun */
	CLIENT_BUSY,		/* it has a stream */
	CLIENT_LINGERING,	/* it was answered and told the end; what it still sends is dropped */
	CLIENT_ENDED,
};

/* Who connected: an IP and port; of a Unix socket only the family counts. */
struct stream_peer {
	union {
		struct sockaddr		sa;
		struct sockaddr_in	in;
		struct sockaddr_in6	in6;
		char			storage[sizeof(struct sockaddr_in6)];
	};
};

/* What a PROXY header told. */
struct proxied {
	bool			 is_header;	/* there was one; else a rule told where to */
	struct stream_peer	 to;		/* where the client connected to */
	uint32_t		 tlvs_len;
	char			 tlvs[];	/* as they came */
};

struct client {
	unsigned		 magic;
#define CLIENT_MAGIC		 0xc11e4701
	uint8_t			 state;		/* enum client_state */
	bool			 is_http;
	bool			 closes;	/* there will be no further request */
	uint32_t		 requests;	/* that it has begun */
	struct worker		*worker;
	struct frontend		*frontend;	/* a reference in its slot */
	struct frontend_conf	*conf;		/* of its accept, referenced; NULL behind its first stream */
	struct bind		*bind;		/* by which it came: a name, see bind_serial */
	uint64_t		 bind_serial;
	uint32_t		 bind_index;	/* in the conf of its accept */
	struct stream_peer	 peer;		/* who it is: the PROXY header's word, or the kernel's */
	struct proxied		*proxied;	/* owned; NULL: there was no PROXY header */
	struct stream		*stream;	/* CLIENT_BUSY */
	struct server_conn	*own;		/* idle, and for this client alone; NULL: none */
	struct slab		*in;		/* HTTP: what was read and belongs to a request; NULL: nothing */
	struct vars		 vars;		/* sess */
	uint64_t		 since_ms;	/* of accept, of the end of the last exchange: loop time */
	struct list		 node;		/* worker.clients */
	struct wheel_timer	 timer;		/* may fire early: it looks, and is set again */
	union {
		struct task	 task;		/* go on with what was read already */
		struct grave	 grave;
	};
	struct conn		 conn;
};

/* Serve `fd`, accepted by `l`, which has taken a place in both limits for it. */
void client_start(struct listener *l, int fd, const struct stream_peer *peer);

/* Close what is open (with a FIN; its stream may have done otherwise), give all back. It has no stream. */
void client_end(struct client *c);

/* Its stream is gone, and has done with the connection what its end asks for. */
void client_stream_gone(struct client *c);

/*
 * Close so that the last bytes that were written arrive, although the peer still sends: an end is
 * told, and what comes is dropped until the peer's end, for CLIENT_LINGER_MS at most.
 */
void client_linger(struct client *c);

/* Set the timer so that it fires no later than `at_ms` (WHEEL_NEVER: leave it). */
void client_arm(struct client *c, uint64_t at_ms);

/* HTTP: the conf that a request which begins now takes, and its bind's index there. NULL: there is none any more. */
struct frontend_conf *client_conf(const struct client *c, uint32_t *bind_index);

/* Its own address, or where the PROXY header says that it connected to. */
void client_local(const struct client *c, struct addr *addr);

/*
 * A number for all that a PROXY header can say of it: its addresses, what it was told with; never 0. Of use on its
 * worker alone.
 */
uint64_t client_identity(const struct client *c);

/* Close what is idle and has lost its bind, frontend or mode; busy ones get no further request. */
void clients_sweep(struct worker *worker);
void clients_on_sweep(struct task *task);

void clients_end_all(struct worker *worker);

void stream_peer_addr(const struct stream_peer *peer, struct addr *addr);

/* -- among the files client*.c -- */

struct bind_conf;
struct frontend_slot *client_slot(const struct client *c);
void client_drop_input(struct client *c);
uint64_t client_deadline_ms(const struct client *c);	/* in a state without a stream */
void client_serve(struct client *c);	/* it is known who it is */

/* client_proxy.c. Each but the first may end it. */
bool client_sends_header(const struct bind_conf *bind, const struct stream_peer *peer);
void client_read_header(struct client *c);
void client_refuse_proxy(struct client *c);	/* there was none, or a bad one */
