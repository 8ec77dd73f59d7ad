/*
 * Checks of a server: when the next one is due, an attempt under way, its verdict (HAProxy manual, 5.2 "check",
 * "inter", "agent-check").
 *
 * A server has up to two: its health check and its agent's. One that runs has a timer, or stands in line for
 * an attempt (global.max_checks), or has an attempt under way. Verdicts go to server_on_check(), and for
 * agents to server_on_agent() or server_on_agent_silent().
 *
 * Each backend has a line of its own for its checks, and one for its agents. They take turns, and while
 * there are several none may have all attempts: servers that hang are no reason not to look at others.
 *
 * Control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/err.h"
#include "core/list.h"
#include "server/health.h"

struct check;

#define CHECK_SOURCES 2		/* enum check_source */

/* Of a backend, for one source: embedded there; check_line.c. */
struct check_line {
	struct list	 waiting;	/* checks, the oldest first */
	struct list	 by_ring;	/* while somebody waits */
	struct list	 running;	/* checks that do not rest, */
	struct list	 again;		/* but those that are to be made anew and have not been looked at */
	struct list	 by_again;	/* while there are such */
	uint32_t	 round;		/* how often all were to be made anew */
	uint32_t	 under_way, in_line;
};
void check_line_init(struct check_line *line);

/* check_again() for all that run: what was asked before counts no more; they begin anew some in a turn. */
void check_line_again(struct check_line *line);

/* One that does not run. `server` outlives it. ERR_NOMEM. */
enum err check_new(struct check **cp, struct server *server, enum check_source source);
void check_free(
	struct check **cp); /* *cp may be NULL; an attempt under way is given up, nothing is told */

/*
 * Run: the first attempt follows at once (in line), each next one an interval after the end of the last. With
 * `spread` many that begin together do not stay together: their first attempts follow each other closely, and
 * the next ones are each at its own place within the interval. One that runs already goes on as it did.
 */
void check_start(struct check *c, bool spread);

/* Rest: an attempt under way is given up, nothing is told. */
void check_stop(struct check *c);

/* The interval has become shorter, or the address another: the next attempt is due no later than that from now. */
void check_hurry(struct check *c);

/*
 * What it is to do is another (address, steps): an attempt under way says nothing any more and is made anew,
 * and who waits does not wait for the old interval: it begins at once, or in a crowd as with `spread`.
 */
void check_again(struct check *c);

bool check_is_under_way(const struct check *c);

struct checks_settings {
	uint32_t	 max_under_way;	/* attempts at the same time; more stand in line */
	uint32_t	 spread_percent; /* 0..50: "spread-checks" */
};
void checks_set(const struct checks_settings *settings);

struct checks_totals {
	uint32_t	 under_way, in_line;
	uint64_t	 made, failed;
};
void checks_totals(struct checks_totals *totals);

/* The process ends: attempts are given up, none is made any more. */
void checks_finish(void);
