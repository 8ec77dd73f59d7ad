/*
 * Health: what checks, agents and traffic say of a server, and what follows from it.
 *
 * The counters and their defaults are HAProxy's ("rise", "fall", "init-state", "agent-check" in its
 * manual, 5.2). Who finds something out (check.c, agent.c, observe.c) tells it here, once; health.c
 * moves the counters, state.c decides what the server's state is then.
 *
 * Control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct server;

/*
 * What became of a check. Columns: name, HAProxy's code, HAProxy's words, verdict. The last one is for the
 * counters: PASS and COND (404 with disable_on_404) are a success, FAIL a failure, and NONE is neither:
 * nothing was learned of the server.
 */
#define CHECK_RESULTS(X)							\
	X(UNKNOWN,	"UNK",		"Unknown",			NONE)	\
	X(INITIALIZING,	"INI",		"Initializing",			NONE)	\
	X(CHECKED,	"CHECKED",	"No status change",		NONE)	\
	X(SOCKERR,	"SOCKERR",	"Socket error",			NONE)	\
	X(HANA,		"HANA",		"Health analyze",		FAIL)	\
	X(L4OK,		"L4OK",		"Layer4 check passed",		PASS)	\
	X(L4TOUT,	"L4TOUT",	"Layer4 timeout",		FAIL)	\
	X(L4CON,	"L4CON",	"Layer4 connection problem",	FAIL)	\
	X(L7OK,		"L7OK",		"Layer7 check passed",		PASS)	\
	X(L7OKC,	"L7OKC",	"Layer7 check conditionally passed", COND) \
	X(L7TOUT,	"L7TOUT",	"Layer7 timeout",		FAIL)	\
	X(L7RSP,	"L7RSP",	"Layer7 invalid response",	FAIL)	\
	X(L7STS,	"L7STS",	"Layer7 wrong status",		FAIL)

enum check_result {
#define X(name, code, words, verdict) CHECK_##name,
	CHECK_RESULTS(X)
#undef X
};

enum check_outcome { CHECK_IS_NONE, CHECK_IS_PASS, CHECK_IS_COND, CHECK_IS_FAIL };

const char *check_result_code(enum check_result result);	/* "L7OK" */
const char *check_result_words(enum check_result result);	/* "Layer7 check passed" */
enum check_outcome check_result_outcome(enum check_result result);

#define CHECK_DETAIL_BYTES 128

struct check_verdict {
	enum check_result	 result;
	uint16_t		 code;		/* an HTTP or SMTP status; 0: none */
	uint32_t		 duration_ms;	/* from the first step on */
	char			 detail[CHECK_DETAIL_BYTES]; /* "Connection refused", what came; escaped; may be "" */
};

enum check_source { CHECK_OF_SERVER, CHECK_OF_AGENT };

/* Of which one verdict is kept, for the API. */
struct check_last {
	struct check_verdict	 verdict;
	uint64_t		 at_us;		/* wall time; 0: there was none yet */
};

/* 0 .. rise + fall - 1; up from `rise` on. */
struct health {
	uint16_t	 rise, fall;		/* at least 1 */
	uint16_t	 value;
};

bool health_is_up(const struct health *h);
bool health_is_settled(const struct health *h);	/* wholly up or wholly down: nothing is in doubt */

/* True: it is up now and was not, or the other way round. */
bool health_pass(struct health *h);
bool health_fail(struct health *h);

/* Other limits, by configuration: it stays up or down. */
void health_resize(struct health *h, uint16_t rise, uint16_t fall);

/* From 1 on: the successes in a row while down ("DOWN 1/2"), the failures that it stands while up ("UP 2/3"). */
uint16_t health_progress(const struct health *h);

/* "init_state" (HAProxy manual, "init-state"): where the counter begins. */
enum init_state {
	INIT_STATE_UP,		/* one failure brings it down */
	INIT_STATE_FULLY_UP,
	INIT_STATE_DOWN,	/* one success brings it up */
	INIT_STATE_FULLY_DOWN,
	INIT_STATE_NONE,	/* down, and its first verdict decides alone */
};

/* -- what is told; each may change the server's state, and all that follows from that -- */

/* A check of it has ended. Not while it is in maintenance. */
void server_on_check(struct server *server, const struct check_verdict *verdict);

/* An agent has answered: its line was understood, see agent.h. */
struct agent_report;
void server_on_agent(struct server *server, const struct check_verdict *verdict,
		     const struct agent_report *report);

/* An agent could not be asked. Changes nothing but what is shown (HAProxy: no failure). */
void server_on_agent_silent(struct server *server, const struct check_verdict *verdict);

/* `count` errors in a row in traffic, with "observe": does what "on_error" says. */
void server_on_observed(struct server *server, uint32_t count, const char *what);

/* -- what is asked -- */

/*
 * How long to wait until the next check (HAProxy manual, "inter"): fastinter while anything is in doubt,
 * downinter when it is wholly down. ms; random spreading is check.c's.
 */
int64_t server_check_interval_ms(const struct server *server, enum check_source source);

/* Whether checks of it are to be made now: configured, and not in maintenance. */
bool server_is_checked(const struct server *server, enum check_source source);

/*
 * Called for each verdict, before what follows from it. `progress` and `of`: "2/3 UP". Set once by the layer
 * above (log_health_checks, events).
 */
struct check_news {
	const struct server		*server;
	enum check_source		 source;
	const struct check_verdict	*verdict;
	bool				 is_change;	/* another result or code than the last, or counters moved */
	bool				 is_up;		/* by its counters, with this one counted */
	uint16_t			 progress, of;	/* "progress/of" */
};
void server_on_checked(void (*fn)(const struct check_news *news));
