/*
 * The engine in a test: workers on threads of their own, a backend "app" with servers, a frontend
 * "web", and the test as client, as origin, and as control thread.
 *
 * The test's thread runs the control loop whenever it waits in here. Sockets of clients and origins
 * are blocking, with a time-out that no sound run reaches. Every function fails the test by itself.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>
#include <sys/types.h>
#include "core/addr.h"
#include "stream/engine.h"
#include "stream/frontend.h"
#include "stream/sessions.h"

#define RIG_ORIGINS 3
#define RIG_WAIT_S  20

/* What a test says of the scene; 0 is a sensible value, and times of 0 are a minute. In ms. */
struct rig_options {
	uint32_t	threads;		/* 1 */
	uint32_t	maxconn;		/* 1000 */
	uint32_t	frontend_maxconn;	/* none */
	uint32_t	server_maxconn;		/* none */
	uint32_t	servers;		/* 1: origins that listen, each a server s1, s2, ... */
	uint64_t	pipe_memory;		/* none: no splice */
	int64_t		client, client_fin, server, server_fin, connect, queue;
	int64_t		tunnel;			/* not set */
	uint32_t	retries;
	int32_t		redispatch;
	uint32_t	maxqueue;		/* 100 */
	bool		unix_client, unix_server;
	bool		ipv6;			/* on both sides */
	bool		http;			/* in mode http */
};

struct rig {
	struct rig_options	 options;
	struct loop		*control;
	struct backend		*backend;
	struct server		*servers[RIG_ORIGINS];
	struct frontend		*frontend;
	struct bind		*bind;			/* the one that rig_start() made; not held */
	struct addr		 address;		/* of the frontend */
	int			 origins[RIG_ORIGINS];	/* listening sockets; -1: closed */
	struct addr		 origin_addresses[RIG_ORIGINS];
	uint32_t		 log_lines;		/* that were asked for */
};

extern struct rig rig;

void rig_start(const struct rig_options *options);

/* As a test's teardown: all is taken away, and nothing may be left. */
int rig_stop(void **state);

/* The engine stops under what runs; instead of rig_stop(), and in the last test of a program. */
void rig_stop_at_once(void);

/* Scenes are one line: rig_start(&(struct rig_options){ .threads = 2 }) as RIG(.threads = 2). */
#define RIG(...) rig_start(&(struct rig_options){ __VA_ARGS__ })

/* Turn the control loop for a moment. */
void rig_turn(void);

/* Turn it until the condition holds. */
#define rig_wait_until(condition)                                                                  \
	do {                                                                                       \
		uint64_t rig_until = rig_now_ms() + RIG_WAIT_S * 1000;                             \
		while (!(condition)) {                                                             \
			assert_true(rig_now_ms() < rig_until);                                     \
			rig_turn();                                                                \
		}                                                                                  \
	} while (0)
uint64_t rig_now_ms(void);

/* Publish these items together; NULL ends the list. Waits until every worker has them. */
void rig_publish(struct publish_item *item, ...);

/* What a test changes: a new frontend conf like that of rig_start() with these binds (they are held). */
struct publish_item *rig_frontend_item(struct frontend *frontend, struct bind **binds,
				       uint32_t count, uint32_t maxconn);
struct publish_item *rig_server_item(struct server *server, uint32_t origin, uint32_t maxconn,
				     enum server_admin admin);
struct bind *rig_bind_open(const struct addr *address);
struct addr rig_loopback(void);		/* 127.0.0.1 or ::1, port 0 */

/* Clients and origins. */
int rig_connect(const struct addr *to);
int rig_client(void);			/* connected to the frontend */
int rig_accept(uint32_t origin);
void rig_pair(int *client, int *server);
bool rig_has_connection(uint32_t origin);	/* one waits to be accepted */
void rig_origin_close(uint32_t origin);		/* connections are refused from now on */
void rig_origin_reopen(uint32_t origin);	/* at the same address */
void rig_origin_listen_short(uint32_t origin);	/* its queue is full: connects hang */

/* Accept and close on the first origin until each of these clients has read its end; close them. */
void rig_serve_all(int *clients, uint32_t count);

void rig_write(int fd, const char *text);
void rig_reads(int fd, const char *text);	/* just that, in any pieces */
void rig_reads_end(int fd);			/* a FIN, and closes nothing */
void rig_reads_reset(int fd);			/* an RST, after what was there */
bool rig_is_silent(int fd, int ms);
void rig_finish(int fd);			/* FIN, still reading */
void rig_reset(int fd);				/* closes with an RST */

/* A worker stands still between these two, so that all that a test does comes in one wake-up. */
void rig_hold(uint32_t worker);
void rig_release(uint32_t worker);

/* The next line of the log, which must hold `text`; both texts. */
void rig_logs(const char *text);
void rig_logs_both_of(const char *text, const char *other);

/* All that was logged; free() it. */
char *rig_log_text(void);

/* The next two lines, in any order. */
void rig_logs_both(const char *one, const char *other);

/* The number of streams that the filter finds. */
uint32_t rig_count(const struct session_filter *filter);
struct session_list *rig_sessions(const struct session_filter *filter, uint32_t limit);

/* Of the only stream that there is; 0 before. */
uint32_t rig_retries(void);
uint64_t rig_bytes_out(void);
uint32_t rig_end(const struct session_filter *filter, enum end_cause cause);

/* What a log line says of the end. */
#define STATE(letters) "\"termination_state\":\"" letters "\""
