/*
 * Operations under way: the table, the timer, what is saved, and what carries a drain's steps out.
 *
 * A timer runs only while an operation is under way or something waits to be saved. Control thread.
 */
#pragma once

#include "adminapi/apply/write.h"
#include "adminapi/hash.h"
#include "adminapi/http/call.h"
#include "adminapi/operations/operation.h"
#include "core/list.h"
#include "core/wheel.h"

#define DRAINS_ACTIVE_MAX	2000	/* under way; each is looked at with each tick */
#define DRAINS_ENDED_MAX	1000	/* that are kept */
#define DRAINS_ENDED_KEEP_US	(3600 * 1000000ull)

/* Somebody who wants to be told, once. */
struct drain_waiter {
	struct list		 node;		/* in drain->waiters */
	struct drain		*drain;
	struct call		*call;
	struct wheel_timer	 timer;
};

struct drain {
	struct operation	 op;
	UT_hash_handle		 hh;		/* by op.id */
	struct list		 node;		/* of all, by id */
	struct list		 active;	/* of those that have not ended */
	uint64_t		 changed_us;	/* wall time: what was shown before is old */

	/* the step under way */
	struct write		 write;
	bool			 is_writing;
	enum operation_step	 writing;
	bool			 only_asks;	/* the write is a dry run: could it be deleted? */
	char			 body[64], etag[32], claim[64];
	uint64_t		 retry_ms;	/* loop time: not before; 0: now */
	uint64_t		 retry_wait_ms;	/* that was waited for it last; 0: all went well */

	uint64_t		 generation;	/* of its server; 0: not seen yet */
	uint64_t		 deadline_ms;	/* loop time; WHEEL_NEVER: none */
	uint64_t		 kill_again_ms, kill_until_ms;

	struct call		*poster;	/* who began it, until it waits */
	int64_t			 post_wait_ms;	/* and how long he wants to wait then for the end */
	struct list		 waiters;
	bool			 call_off;	/* asked for, to be done when no write is under way */
	struct list		 callers_off;	/* of drain_waiters: who asked */
	bool			 is_unsaved;	/* to be tried again */
	bool			 is_told;	/* that it could not be saved */
};

/* -- operations.c -- */

/* A new one, in the table and not saved yet. NULL: no memory. */
struct drain *drain_new(const char *backend, const char *server);
struct drain *drain_find(uint64_t id);				/* NULL */
struct drain *drain_under_way(const char *backend, const char *server);	/* NULL */
uint32_t drains_active(void);
struct drain *drain_after(uint64_t id);		/* the first with a greater id; NULL */
struct drain *drain_next(struct drain *drain);	/* NULL */

/*
 * Forget it, in the store too. It has ended, or never began; nobody waits. `call` (NULL: nobody's) is answered
 * when it is gone from the disk.
 */
void drain_forget(struct drain *drain, struct call *call);
void drain_save(struct drain *drain);
void drains_tick_soon(void);			/* there is something to do */

/* Another state: saved, told (event, log). `detail` NULL or empty: the state's own words. */
void drain_enter(struct drain *drain, enum operation_state state, const char *detail);

/* -- operation_steps.c -- */

/* Do what is due, if anything. The drain may have ended (never gone) afterwards. */
void drain_advance(struct drain *drain);

/* Begin: it is in the table. `if_match` may be NULL. */
void drain_begin(struct drain *drain, const char *if_match);

/* -- operation_calls.c -- */

/* It is seen to wait, or it never will: who began it is answered. `failed`: of the write; NULL: it went well. */
void drain_answer_poster(struct drain *drain, const struct write *failed);
void drain_answer_waiters(struct drain *drain);		/* it has ended */
void drain_answer_callers_off(struct drain *drain, const struct write *failed);
void drain_drop_abandoned(struct drain *drain);		/* whose clients have gone */
void drain_answer_all(struct drain *drain);		/* the process ends */
void operation_calls_fini(void);
