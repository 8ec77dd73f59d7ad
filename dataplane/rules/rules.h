/*
 * Rules: what is done with a connection, a request, a response. Lists in order, each rule with a
 * condition; a final action ends its phase (HAProxy manual, 4.2 "http-request", "tcp-request" and others).
 *
 * A set is immutable, owned by the conf of a frontend or backend; made by the control thread, run by
 * workers. It is kept phase by phase, so that a phase without rules costs one comparison.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/endcause.h"
#include "core/err.h"
#include "core/spares.h"
#include "core/str.h"
#include "expr/cond.h"
#include "expr/expr.h"
#include "expr/format.h"
#include "expr/regex.h"
#include "http/answer.h"
#include "http/fault.h"
#include "http/head.h"
#include "rules/stats.h"

#define RULES_MAX 1000	/* in one list */

/* In the order in which they run. */
enum rule_phase {
	PHASE_TCP_REQUEST_CONNECTION,
	PHASE_TCP_REQUEST_SESSION,
	PHASE_TCP_REQUEST_CONTENT,
	PHASE_HTTP_REQUEST,
	PHASE_USE_BACKEND,
	PHASE_USE_SERVER,
	PHASE_TCP_RESPONSE_CONTENT,
	PHASE_HTTP_RESPONSE,
	PHASE_HTTP_AFTER_RESPONSE,
	PHASES
};

const char *rule_phase_word(enum rule_phase phase);

/* NEEDS_*: what rules of that phase can look at. */
unsigned rule_phase_has(enum rule_phase phase, bool is_http, bool in_backend);

#define IN(phase)	(1U << PHASE_##phase)
#define IN_TCP_ANY                                                                        \
	(IN(TCP_REQUEST_CONNECTION) | IN(TCP_REQUEST_SESSION) | IN(TCP_REQUEST_CONTENT) | \
	 IN(TCP_RESPONSE_CONTENT))
#define IN_HTTP_ANY	(IN(HTTP_REQUEST) | IN(HTTP_RESPONSE) | IN(HTTP_AFTER_RESPONSE))
#define IN_REQUEST	IN(HTTP_REQUEST)
#define IN_BOTH		(IN(HTTP_REQUEST) | IN(HTTP_RESPONSE))
#define IN_HEADS	IN_HTTP_ANY

/* Columns: id, HAProxy's word, the phases it may stand in, may it end its phase. */
#define RULE_ACTIONS(X)											\
	X(ACCEPT,		"accept",		IN_TCP_ANY,			true)	\
	X(ADD_ACL,		"add-acl",		IN_BOTH | IN(TCP_REQUEST_CONTENT), false)	\
	X(ADD_HEADER,		"add-header",		IN_HEADS,			false)	\
	X(ALLOW,		"allow",		IN_HTTP_ANY,			true)	\
	X(AUTH,			"auth",			IN_REQUEST,			true)	\
	X(CAPTURE,		"capture",		IN_BOTH | IN(HTTP_AFTER_RESPONSE) | IN(TCP_REQUEST_CONTENT), false)	\
	X(CLOSE,		"close",		IN(TCP_RESPONSE_CONTENT),	true)	\
	X(DEL_ACL,		"del-acl",		IN_BOTH,			false)	\
	X(DEL_HEADER,		"del-header",		IN_HEADS,			false)	\
	X(DEL_MAP,		"del-map",		IN_BOTH | IN(HTTP_AFTER_RESPONSE), false)	\
	X(DENY,			"deny",			IN_BOTH,			true)	\
	X(EARLY_HINT,		"early-hint",		IN_REQUEST,			false)	\
	X(INSPECT_DELAY, "inspect-delay", IN(TCP_REQUEST_CONTENT) | IN(TCP_RESPONSE_CONTENT),      \
	  false)                                                                                   \
	X(PAUSE,		"pause",		IN_REQUEST,			false)	\
	X(REDIRECT,		"redirect",		IN_BOTH,			true)	\
	X(REJECT,		"reject",		IN_TCP_ANY | IN_REQUEST,	true)	\
	X(REPLACE_HEADER,	"replace-header",	IN_HEADS,			false)	\
	X(REPLACE_PATH,		"replace-path",		IN_REQUEST,			false)	\
	X(REPLACE_PATHQ,	"replace-pathq",	IN_REQUEST,			false)	\
	X(REPLACE_URI,		"replace-uri",		IN_REQUEST,			false)	\
	X(REPLACE_VALUE,	"replace-value",	IN_HEADS,			false)	\
	X(RETURN,		"return",		IN_BOTH,			true)	\
	X(SET_DST,		"set-dst",		IN_REQUEST | IN_TCP_ANY,	false)	\
	X(SET_DST_PORT,		"set-dst-port",		IN_REQUEST | IN_TCP_ANY,	false)	\
	X(SET_HEADER,		"set-header",		IN_HEADS,			false)	\
	X(SET_LOG_LEVEL, "set-log-level",                                                          \
	  IN_BOTH | IN(HTTP_AFTER_RESPONSE) | IN(TCP_REQUEST_CONTENT), false)                      \
	X(SET_MAP,		"set-map",		IN_BOTH | IN(HTTP_AFTER_RESPONSE), false)	\
	X(SET_METHOD,		"set-method",		IN_REQUEST,			false)	\
	X(SET_PATH,		"set-path",		IN_REQUEST,			false)	\
	X(SET_PATHQ,		"set-pathq",		IN_REQUEST,			false)	\
	X(SET_PRIORITY_CLASS,	"set-priority-class",	IN_REQUEST | IN(TCP_REQUEST_CONTENT), false)	\
	X(SET_PRIORITY_OFFSET,	"set-priority-offset",	IN_REQUEST | IN(TCP_REQUEST_CONTENT), false)	\
	X(SET_QUERY,		"set-query",		IN_REQUEST,			false)	\
	X(SET_RETRIES,		"set-retries",		IN_REQUEST | IN(TCP_REQUEST_CONTENT), false)	\
	X(SET_SRC,		"set-src",		IN_REQUEST | IN_TCP_ANY,	false)	\
	X(SET_SRC_PORT,		"set-src-port",		IN_REQUEST | IN_TCP_ANY,	false)	\
	X(SET_STATUS,		"set-status",		IN(HTTP_RESPONSE) | IN(HTTP_AFTER_RESPONSE), false)	\
	X(SET_TIMEOUT,		"set-timeout",		IN_BOTH,			false)	\
	X(SET_URI,		"set-uri",		IN_REQUEST,			false)	\
	X(SET_VAR,		"set-var",		IN_HTTP_ANY | IN_TCP_ANY,	false)	\
	X(SILENT_DROP,		"silent-drop",		IN_BOTH | IN_TCP_ANY,		true)	\
	X(STRICT_MODE,		"strict-mode",		IN_HTTP_ANY,			false)	\
	X(TARPIT,		"tarpit",		IN_REQUEST,			true)	\
	X(UNSET_VAR,		"unset-var",		IN_HTTP_ANY | IN_TCP_ANY,	false)	\
	X(USE_BACKEND,		"use_backend",		IN(USE_BACKEND),		true)	\
	X(USE_SERVER,		"use-server",		IN(USE_SERVER),			true)	\
	X(WAIT_FOR_BODY,	"wait-for-body",	IN_REQUEST,			false)

enum rule_action {
#define X(id, word, phases, is_final) RULE_##id,
	RULE_ACTIONS(X)
#undef X
	RULE_ACTION_COUNT
};

bool rule_action_find(enum rule_action *action, struct slice word);
unsigned rule_action_phases(enum rule_action action);	/* IN() of those it may stand in */

/* HAProxy manual, "redirect". */
enum redirect_kind {
	REDIRECT_LOCATION,	/* to just that */
	REDIRECT_PREFIX,	/* that, with the request's path and query behind it */
	REDIRECT_SCHEME,	/* that scheme, with the request's host, path and query */
};

/* del-header -m */
enum name_match { NAME_STR, NAME_BEG, NAME_END, NAME_SUB, NAME_REG };

/* A header of an answer, whose value is made for each request. */
struct rule_header {
	char		*name;		/* owned */
	struct format	*value;		/* owned */
};

/* set-timeout: of what. */
enum rule_timeout { RULE_TIMEOUT_CLIENT, RULE_TIMEOUT_SERVER, RULE_TIMEOUT_TUNNEL };

#define RULE_LEVEL_SILENT 8	/* set-log-level: 0 emerg to 7 debug, or this */

/*
 * One rule. What an action does not use is zero; all that is pointed to is owned, but for `ref`.
 * The operands by their meaning, so that what two actions share has one name.
 */
struct rule {
	char			*id;		/* never NULL; unique in its list, `own_id` if it was not given */
	enum rule_action	 action;
	enum rule_phase		 phase;
	struct cond		*cond;		/* NULL: always */
	bool			 unless;
	struct rule_stats	*stats;		/* counted; kept over changes by its id */

	char			*name;		/* of a header */
	struct var_id		 var;		/* set-var, unset-var; held */
	struct expr
		*expr; /* set-var, capture, set-src..., set-priority-*, pause, set-timeout, ... */
	struct format *
		value; /* headers, set-path..., set-map, set-var with a format, redirect, use_backend, use-server */
	struct format		*key;		/* maps and ACLs */
	struct regex *
		regex; /* replace-*: what is replaced by `value`, with \0 to \9; del-header with "reg" */
	enum name_match		 name_match;	/* del-header: how `name` is compared; NAME_REG: with `regex` */
	struct ref		*ref;		/* use_backend, use-server, maps, auth: of rules->refs */
	int64_t			 number;	/* ms (pause, set-timeout, inspect-delay, wait-for-body), level, retries, class, slot */
	int64_t			 bytes;		/* wait-for-body: at_least; 0: all */
	uint16_t		 status;	/* deny, tarpit, set-status, redirect, return */
	char			*text;		/* auth: realm; set-status: reason; redirect: cookie */
	struct http_answer *
		answer; /* return, deny: an answer that is always the same; NULL: made of the next three */
	struct format		*body;		/* return: lf-string, lf-file */
	char			*content_type;
	bool			 is_error;	/* return: the http_errors' page of `status` (default-errorfiles) */
	struct rule_header	*headers;	/* return, deny, with formats; header_count of them */
	uint32_t		 header_count;
	enum redirect_kind	 kind;
	bool			 drop_query, append_slash, ignore_empty;
	enum rule_timeout	 timeout;
	bool			 is_strict;	/* strict-mode */
};

struct rules {
	struct {
		uint32_t first, count;		/* in `rules` */
		unsigned needs;			/* NEEDS_*: of all of them together */
	}			 phase[PHASES];
	int64_t			 inspect_ms[PHASES];	/* inspect-delay; 0: none */
	struct refs		 refs;		/* what expressions and actions name */
	struct acls		*acls;		/* owned; NULL: none */
	uint32_t		 count;
	struct rule		 rules[];	/* by phase, then in the list's order */
};

/*
 * Zeroed, for `count` rules, filled in any order; rules_seal() sorts them into phases (stable).
 * NULL: no memory.
 */
struct rules *rules_new(uint32_t count);
void rules_seal(struct rules *rules);

/* Frees all that they own, releases references. May be NULL. */
void rules_free(struct rules *rules);

/*
 * Is the rule fit to be run: operands that its action needs are there and sound (a redirect's code
 * is one that HAProxy knows, a header's name is a token, ...). Control. ERR_INVALID: `diag` says
 * what, `*operand` which.
 */
enum err rule_check(const struct rule *rule, const char **operand, struct diag *diag);

/*
 * The Set-Cookie value of "set-cookie NAME[=value]", or of "clear-cookie NAME[=]" if `clear`. NULL:
 * no memory.
 */
char *redirect_cookie(const char *cookie, bool clear);

/* -- running them: workers -- */

/* What rules wish for their stream; it looks here. Zeroed: nothing. */
struct rule_wishes {
	int64_t		timeout_ms[3];		/* by enum rule_timeout; 0: as configured */
	int16_t		retries;		/* one more than is wished; 0: as configured */
	int8_t		log_level;		/* one more than is wished; 0: as it would be */
	int16_t		priority_class;
	int32_t		priority_offset;
};

enum rule_address { RULE_SRC, RULE_DST };

/* What only who runs the rules can do; of a connection (no stream yet) or a stream: eval says which. */
struct rule_ops {
	void (*capture)(struct eval *eval, bool is_response, uint32_t slot, struct slice text);
	/* A 103 with these lines (whole, with CRLF). */
	void (*early_hint)(struct eval *eval, struct slice lines);
	/* The port (-1) or `ip` (NULL) stays as it is. */
	void (*set_address)(struct eval *eval, enum rule_address which, const struct ip *ip,
			    int port);
};

/* A walk over one phase of one list; kept while it waits. {0} before the first. */
struct rules_run {
	uint32_t	at;		/* the next rule */
	bool		is_waiting;	/* the rule before it waits: until_ms, or for more bytes */
	bool		waits_for_bytes;	/* call again when some came, or none will */
	bool		is_lax;		/* strict-mode off: a change that can't be made is left out */
	uint64_t	until_ms;	/* the loop's time */
	uint32_t	field_at;	/* replace-*: the next field, where room had to be made */
	struct slice	hints;		/* lines of early-hint that were not sent yet; in ctx->room */
};

struct rules_context {
	struct eval		*eval;		/* eval->room is set anew for each rule from `scratch` */
	struct http_room	 scratch;	/* for the time of one rule */
	struct http_head	*request;	/* to be changed; NULL: not in this phase */
	struct http_head	*response;
	struct http_room	*room;		/* for lines: as long as the head that is changed */
	struct spares		*var_blocks;
	struct rule_wishes	*wishes;	/* NULL: a connection's rules, which have none */
	const struct rule_ops	*ops;
	uint32_t		 worker;	/* index, for counters */
	uint64_t		 began_ms;	/* of the bytes: inspect-delay counts from there */
	int64_t			 tarpit_ms;	/* the frontend's timeout.tarpit; TIMEOUT_NONE */
	uint64_t		 body_bytes;	/* wait-for-body: what has come of it */
	bool			 body_is_whole;	/* or the buffer is full, or none will come */
};

enum rules_result {
	RULES_GO_ON,		/* of one action: look at the next rule; never of a phase */
	RULES_DONE,		/* all were looked at, or one allowed it */
	RULES_ANSWERED,		/* verdict: an answer of ours */
	RULES_DENIED,		/* verdict->error: of the http_errors in force; TCP: closed */
	RULES_CLOSED,		/* verdict->silently: not even told (silent-drop), else reject: an end without an answer */
	RULES_CHOSEN,		/* use_backend, use-server: verdict->object, or by name */
	RULES_WAITING,		/* run->until_ms, run->waits_for_bytes */
	RULES_NO_ROOM,		/* more room for lines is needed: give it, call again */
	RULES_FAILED,		/* strict-mode: a change could not be made: 500 (request), 502 (response) */
};

struct rules_verdict {
	const struct rule	*rule;		/* the one that decided; NULL: none */
	const struct http_answer
		*answer;         /* RULES_ANSWERED; valid until the scratch is used again */
	struct http_answer	 made;		/* where one is put together */
	struct slice
		extra; /* lines with CRLF that belong into its head: Location, Set-Cookie, WWW-Authenticate */
	uint16_t		 error;		/* RULES_DENIED */
	enum end_cause		 cause;		/* END_DENIED, END_ANSWERED, END_BAD_REQUEST, ... */
	enum http_fault		 fault;		/* END_BAD_REQUEST: what the rule misses in the request */
	bool			 silently;
	bool			 is_tarpit;	/* the answer comes at the end of a wait: the log's T */
	void			*object;	/* RULES_CHOSEN: struct backend or server */
	struct slice		 chosen_name;	/* use_backend with a format: a backend's name; in the scratch */
};

/* Run a phase on, from run->at. `rules` may be NULL. */
enum rules_result rules_run(const struct rules *rules, enum rule_phase phase, struct rules_run *run,
	struct rules_context *ctx, struct rules_verdict *verdict);

static inline bool
rules_have(const struct rules *rules, enum rule_phase phase)
{
	return rules != NULL && rules->phase[phase].count != 0;
}
