/*
 * Rules: what is done with a request before a server is chosen. A list in order, each with a
 * condition; the first final action ends its phase (HAProxy manual, "http-request", "use_backend").
 *
 * Immutable, owned by the conf of a frontend or backend; made by the control thread, run by workers.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/endcause.h"
#include "core/err.h"
#include "core/str.h"
#include "expr/cond.h"
#include "http/answer.h"
#include "http/fault.h"
#include "http/forward.h"
#include "http/head.h"
#include "server/backend.h"

#define RULES_MAX 1000	/* in one list */

enum rule_action {
	RULE_RETURN,		/* an answer of its own */
	RULE_REDIRECT,
	RULE_DENY,		/* an error of the http_errors in force */
	RULE_USE_BACKEND,
};

/* HAProxy manual, "redirect". */
enum redirect_kind {
	REDIRECT_LOCATION,	/* to just that */
	REDIRECT_PREFIX,	/* that, with the request's path and query behind it */
	REDIRECT_SCHEME,	/* that scheme, with the request's host, path and query */
};

struct rule {
	char			*id;		/* owned; may be NULL */
	enum rule_action	 action;
	struct cond		*cond;		/* owned; NULL: always */
	bool			 unless;
	uint16_t		 status;	/* deny: deny_status; redirect: its code */
	struct http_answer	*answer;	/* return: owned */
	enum redirect_kind	 kind;
	char			*to;		/* redirect: owned */
	char			*cookie;	/* redirect: a whole Set-Cookie value, owned; NULL: none; see redirect_cookie() */
	bool			 drop_query;	/* redirect prefix and scheme */
	bool			 append_slash;	/* redirect prefix and scheme, with drop_query */
	char			*backend_name;	/* use_backend: owned */
	struct backend		*backend;	/* its object, held; set before it is published */
};

struct rules {
	uint32_t	 count;
	struct rule	 rules[];
};

/* Zeroed, for `count` rules; NULL: no memory. */
struct rules *rules_new(uint32_t count);

/* Frees all that they own, releases the backends. May be NULL. */
void rules_free(struct rules *rules);

/*
 * Is the rule fit to be run: a redirect's code is one that HAProxy knows, what it will write into a
 * head has no bytes that would end the line, append_slash is not without drop_query. Control, when
 * the rule is whole but for `backend`. ERR_INVALID: `diag` names the field.
 */
enum err rule_check(const struct rule *rule, struct diag *diag);

/*
 * The Set-Cookie value of "set-cookie NAME[=value]", or of "clear-cookie NAME[=]" if `clear`, as
 * HAProxy writes it; for `cookie`. NULL: no memory. Free with free().
 */
char *redirect_cookie(const char *cookie, bool clear);

/*
 * What came of a phase. After a redirect or any other answer the connection may stay, if the request
 * has no body, or it has been read: that is the engine's to know (so HAProxy 2.6, whatever its Location).
 */
struct rule_verdict {
	const struct rule	*rule;		/* NULL: none was final */
	const struct http_answer
		*answer; /* return, redirect: to be sent; valid as long as `rules` and `room` are */
	struct slice		 extra;		/* lines with CRLF that belong into its head: Location, Set-Cookie */
	uint16_t		 error;		/* deny: the status, to be looked up in the http_errors; else 0 */
	struct backend		*backend;	/* use_backend */
	enum end_cause		 cause;		/* END_DENIED, END_ANSWERED, END_BAD_REQUEST; else END_NONE */
	enum http_fault		 fault;		/* END_BAD_REQUEST: what the rule misses in the request */
	bool			 no_room;	/* a redirect's lines did not fit: nothing but `rule` is set */
};

/*
 * "http-request" rules: return, redirect, deny. A redirect's lines are written into `room`, which moves
 * on behind them; after no_room it may be called again with more. Worker.
 */
void rules_run_request(const struct rules *rules, const struct http_head *request,
	struct http_room *room, struct rule_verdict *verdict);

/* "use_backend" rules. Worker. (For both, `rules` may be NULL: there are none.) */
void rules_run_use_backend(const struct rules *rules, const struct http_head *request,
	struct rule_verdict *verdict);
