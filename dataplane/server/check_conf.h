/*
 * How servers are checked: a list of steps, made once from configuration (HAProxy manual, "option httpchk",
 * "http-check", "tcp-check"; presets for redis and smtp are such lists, too).
 *
 * Immutable once it is made, counted; control thread (a dry run's is made and freed there, too; making one may
 * happen on the helper thread). Whoever starts an attempt keeps a reference until it ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/addr.h"
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"
#include "server/health.h"

#define CHECK_STEPS_MAX	 64	/* written ones; those that go without saying are not counted */
#define CHECK_REPLY_BYTES 16384	/* of a server's answer; HAProxy's buffer */

struct regex;

enum check_kind {
	CHECK_KIND_TCP,		/* bytes: connect, send, expect */
	CHECK_KIND_HTTP,	/* requests, and answers to them */
	CHECK_KIND_AGENT,	/* connect, perhaps send, one line: agent.h judges it */
};

enum check_step_kind { CHECK_STEP_CONNECT, CHECK_STEP_SEND, CHECK_STEP_EXPECT };

enum check_match {
	CHECK_MATCH_ANY,	/* HTTP: 2xx and 3xx; TCP: some byte */
	CHECK_MATCH_STATUS,	/* HTTP: its status is in one of the ranges */
	CHECK_MATCH_RSTATUS,	/* HTTP: the regex matches its status */
	CHECK_MATCH_STRING,	/* in the body (HTTP), in what came (TCP) */
	CHECK_MATCH_RSTRING,
	CHECK_MATCH_BINARY,
	CHECK_MATCH_RBINARY,	/* the regex matches what came, in hexadecimal digits */
	CHECK_MATCH_HEADER,	/* HTTP: a header of that name (and value) is there */
	CHECK_MATCH_LINE,	/* agent, redis: a whole line, `text` if that is not empty */
	CHECK_MATCH_REPLY,	/* smtp: a whole reply (RFC 5321, 4.2) whose code begins with 2 */
};

enum check_value_match {
	CHECK_VALUE_NONE,
	CHECK_VALUE_STR,
	CHECK_VALUE_BEG,
	CHECK_VALUE_END,
	CHECK_VALUE_SUB,
	CHECK_VALUE_REG
};

struct check_range { uint16_t low, high; };

struct check_expect {
	enum check_match	 match;
	bool			 negate;
	int32_t			 min_recv;	/* bytes before it is judged; -1: as many as it needs (HAProxy manual) */
	struct slice		 text;		/* STRING, BINARY, LINE: bytes; HEADER: the name; a regex's source */
	struct regex		*regex;		/* RSTATUS, RSTRING, RBINARY; HEADER by CHECK_VALUE_REG */
	enum check_value_match	 value_match;	/* HEADER */
	struct slice		 value;		/* HEADER */
	struct check_range	*ranges;	/* STATUS */
	uint32_t		 range_count;
	enum check_result	 ok_status, error_status, tout_status;	/* CHECK_UNKNOWN: the usual one */
};

struct check_connect {
	uint16_t	 port;		/* 0: the server's (check_port, or its own) */
	struct addr	 addr;		/* len 0: the server's (check_addr, or its own) */
	bool		 send_proxy;	/* the server's check_send_proxy is for the one that goes without saying */
	bool		 is_explicit;	/* written as a step; false: the one that goes without saying */
	bool		 linger;	/* close with a FIN and not at once with an RST */
};

struct check_step {
	enum check_step_kind	 kind;
	char			*comment;	/* told when it fails; NULL */
	bool			 is_implied;	/* a SEND or EXPECT that goes without saying */
	uint32_t		 connection_at;	/* check_request.c's: where in `send` a Connection of ours is */
	union {
		struct check_connect	 connect;
		struct slice		 send;	/* all bytes of it: an HTTP request, too */
		struct check_expect	 expect;
	};
};

/*
 * What may be asked for by configuration: settings fill it, check_conf_new() makes a check_conf of it. Texts
 * are borrowed. A request without steps is what `request` and `expect` say.
 */
struct check_header { struct slice name, value; };
struct check_request {
	struct slice			 method, uri, version;	/* "HTTP/1.1"; .len 0: OPTIONS, "/", "HTTP/1.0" */
	const struct check_header	*headers;
	uint32_t			 header_count;
	struct slice			 body;
	const char		       **wrong;	/* ERR_INVALID: the field, or NULL for all; may be NULL */
};

struct check_conf {
	uint32_t		 refs;
	enum check_kind		 kind;
	bool			 disable_on_404;
	uint32_t		 count;
	struct check_step	 steps[];	/* begins with a CONNECT */
};

/* -- making one: begin, add steps in order, end. All return ERR_OK, ERR_NOMEM, ERR_LIMIT (too many steps) or
 * ERR_INVALID with what is wrong in `diag`; after a failure only check_conf_unref() follows. -- */
enum err check_conf_new(struct check_conf **cp, enum check_kind kind);
enum err check_conf_add_connect(struct check_conf **cp, const struct check_connect *connect,
				const char *comment);
enum err check_conf_add_send(struct check_conf **cp, struct slice bytes, const char *comment);
/* "0d0a" and the like, as tcp-check send-binary has it. */
enum err check_conf_add_send_hex(struct check_conf **cp, struct slice hex, const char *comment,
				 struct diag *diag);
enum err check_conf_add_request(struct check_conf **cp, const struct check_request *request,
				const char *comment, struct diag *diag);
/*
 * `expect` says how; its texts (`pattern`: bytes, hexadecimal digits for BINARY, a regex's source, "200-399,404"
 * for STATUS; HEADER: text and value) are copied and compiled.
 */
enum err check_conf_add_expect(struct check_conf **cp, const struct check_expect *expect,
			       struct slice pattern, const char *comment, struct diag *diag);
/* All there: adds the CONNECT that goes without saying, and for HTTP the request and expect of HAProxy's default. */
enum err check_conf_end(struct check_conf **cp);

/* Whole ones: a bare connect; redis (PING, +PONG); smtp ("HELO localhost"; or what is said); the agent's. */
enum err check_conf_new_connect(struct check_conf **cp);
enum err check_conf_new_redis(struct check_conf **cp);
enum err check_conf_new_smtp(struct check_conf **cp, struct slice hello, struct slice domain,
			     struct diag *diag);
enum err check_conf_new_agent(struct check_conf **cp, struct slice send);

/* They ask the same and judge alike, whatever their comments say. Either may be NULL. */
bool check_conf_equals(const struct check_conf *a, const struct check_conf *b);

struct check_conf *check_conf_ref(struct check_conf *conf);
void check_conf_unref(struct check_conf **cp);

/* -- judging: pure; check.c feeds it -- */

/*
 * Look at what a server has said since the last SEND (or CONNECT): `bytes`, all of it in each call, and whether
 * that is all that there will be (its FIN came, or the room is full). CHECK_JUDGED_MORE: not yet to be said.
 * _PASS: go on with the next step; after the last one, `verdict` is the attempt's. Another EXPECT looks at the
 * same bytes again; with a SEND or CONNECT *used of them are done with (HTTP: head and body, whole where another
 * request follows; TCP: all). _FAIL: it ends here, whatever would follow, with `verdict`; that may
 * be CHECK_L7OKC, which is a success (a 404 with disable_on_404, or error_status).
 *
 * Sets result, code and detail, not the duration; an agent's detail is its line, escaped and short. A
 * CONNECT or SEND passes at once: L4OK or L7OK, for who ends with it. However an answer is cut into pieces,
 * its verdict is the same, but for min_recv 0 and up, and for TCP's regexes, which nothing tells where an
 * answer ends.
 */
enum check_judged { CHECK_JUDGED_MORE, CHECK_JUDGED_PASS, CHECK_JUDGED_FAIL };
enum check_judged check_judge(const struct check_conf *conf, const struct check_step *step,
			      struct slice bytes, bool is_end, size_t *used,
			      struct check_verdict *verdict);

/* The first line of an answer, without its end: of an agent's that passed, what agent.h is to read. */
struct slice check_first_line(struct slice bytes);
