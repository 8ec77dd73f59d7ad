/*
 * An attempt, as its two files know it: check_attempt.c has its life and its time, check_steps.c its
 * connection and what goes over it.
 *
 * Control thread.
 */
#pragma once

#include "server/agent.h"
#include "server/check_priv.h"

enum attempt_phase { ATTEMPT_CONNECTING, ATTEMPT_SENDING, ATTEMPT_EXPECTING };

/* What became of a part of the work. */
enum progress { WAITS, GOES_ON, ENDS };

#define ATTEMPT_HEADER_BYTES 128	/* of PROXY: LOCAL, or two addresses as text */

struct attempt {
	unsigned		 magic;
#define ATTEMPT_MAGIC		 0x6b1f04d7
	enum attempt_phase	 phase;
	uint32_t		 step;
	uint32_t		 grants;	/* timeouts that were put off */
	bool			 is_due;	/* the timeout is to be judged */
	bool			 has_ended;	/* the peer sends no more */
	bool			 reply_judged;	/* `reply_len` bytes are known not to be enough */
	int			 lost;		/* errno of the connection, found while it was opened */
	struct check		*check;		/* outlives it */
	struct check_conf	*conf;		/* a reference */
	struct conn		 conn;
	struct proxy_send	 send_proxy;
	struct slice		 out;		/* to be sent: a step's bytes, or `header` */
	char			*reply;		/* owned memory for an answer in pieces; NULL: none */
	size_t			 reply_len;	/* bytes of the answer: in `reply`, else in a scratch buffer */
	struct agent_report	 report;	/* of an agent: what its line says */
	uint64_t		 began_us;
	int64_t			 timeout_ms;	/* the one that the timer stands for */
	uint64_t		 began_stalled_ms, stalled_ms;	/* checks_stalled_ms() then, and as granted */
	struct wheel_timer	 timer;
	struct list		 by_late;	/* to be worked on in the next turn */
	struct grave		 grave;
	char			 header[ATTEMPT_HEADER_BYTES];
};

/* -- check_attempt.c -- */

void attempt_on_wake(struct conn *conn);

/* A CONNECT begins or is through: which time bounds what follows. */
void attempt_on_connecting(struct attempt *a);
void attempt_on_connected(struct attempt *a);

/* -- check_steps.c: ENDS is with a verdict, but for its duration -- */

const struct check_step *attempt_step(const struct attempt *a);
enum progress attempt_begin_step(struct attempt *a, struct check_verdict *verdict);

/* As far as it goes without waiting. */
enum progress attempt_advance(struct attempt *a, struct check_verdict *verdict);

/* The step that it is at failed. */
enum progress attempt_fail_because(struct attempt *a, struct check_verdict *verdict,
				   enum check_result result, const char *what);

/* Its connection and what it has of an answer. */
void attempt_drop_connection(struct attempt *a);

void attempts_finish_steps(void);	/* memory kept for more is freed */
