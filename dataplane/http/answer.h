/*
 * Answers that we give ourselves: built-in error pages, pages from files, answers of rules.
 *
 * An answer is immutable and counted by whoever owns the configuration that it lies in; on the data
 * path it is only read. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"
#include "http/head.h"

/* Columns: status, reason. Those that sluice itself gives; each has a built-in page. */
#define HTTP_ERRORS(X)			\
	X(400, "Bad Request")		\
	X(401, "Unauthorized")		\
	X(403, "Forbidden")		\
	X(404, "Not Found")		\
	X(405, "Method Not Allowed")	\
	X(407, "Proxy Authentication Required")	\
	X(408, "Request Timeout")	\
	X(410, "Gone")			\
	X(413, "Content Too Large")	\
	X(414, "URI Too Long")		\
	X(417, "Expectation Failed")	\
	X(425, "Too Early")		\
	X(429, "Too Many Requests")	\
	X(431, "Request Header Fields Too Large")	\
	X(500, "Internal Server Error")	\
	X(501, "Not Implemented")	\
	X(502, "Bad Gateway")		\
	X(503, "Service Unavailable")	\
	X(504, "Gateway Timeout")

enum http_error {
#define X(status, reason) HTTP_ERROR_##status,
	HTTP_ERRORS(X)
#undef X
};
#define HTTP_ERROR_COUNT (HTTP_ERROR_504 + 1)

/* -1: none of the table. */
int http_error_index(uint16_t status);
bool http_status_has_body(uint16_t status);	/* not 1xx, 204, 205, 304 */
const char *http_reason(uint16_t status);	/* of any registered status; "" for others */

struct http_answer {
	uint16_t	 status;
	struct slice	 head;		/* status line, fields, each with CRLF; no Connection, no empty line */
	struct slice	 body;
	char		*memory;	/* what both lie in; NULL: constants */
};

/*
 * The built-in page: text/html, Cache-Control: no-cache (as HAProxy's). Never NULL. It has what its status
 * must have (RFC 9110, 15.5): 401 and 407 ask for a Basic login, 405 allows no method.
 */
const struct http_answer *http_answer_builtin(enum http_error error);

/* The built-in 401 without its question: for who asks by lines of his own. */
const struct http_answer *http_answer_login(void);

/* 200, for "monitor-uri". */
const struct http_answer *http_answer_ready(void);

/*
 * An answer of parts. `fields` are whole lines with CRLF (checked by the caller with
 * http_field_is_sound()); Content-Length is added where the status has one; `content_type` may be
 * empty if the body is. Both are left out where the status has no body. ERR_NOMEM. Free with
 * http_answer_free().
 */
enum err http_answer_new(struct http_answer **ap, uint16_t status, struct slice content_type,
	struct slice fields, struct slice body);

/*
 * An error file: a whole HTTP response as HAProxy's "errorfile" takes it (LF alone is taken as a
 * line's end, too; a Content-Length is corrected or added; Connection, Transfer-Encoding and others
 * of a connection are left out). The status may be any from 200 to 599. ERR_INVALID: `diag` says
 * where it is wrong; also when it is over `max` bytes.
 */
enum err http_answer_parse(struct http_answer **ap, struct slice file, size_t max,
	struct diag *diag);
void http_answer_free(struct http_answer **ap);		/* *ap may be NULL, and is NULL afterwards */

/* A name that is a token and a value without control characters: fit to be sent. */
bool http_field_is_sound(struct slice name, struct slice value);

/*
 * Where an answer lies as iovecs (at most HTTP_ANSWER_IOVECS): head, `extra` and `more` lines (e.g.
 * "Connection: close CRLF"; each may be empty), empty line, body. Without the body for HEAD. Returns
 * the count.
 */
#define HTTP_ANSWER_IOVECS 5
int http_answer_iov(const struct http_answer *a, struct slice extra, struct slice more,
	bool with_body, struct iovec *iov);

/* Which answer an error gets: set by configuration, or the built-in one. */
struct http_errors {
	struct http_answer	*own[HTTP_ERROR_COUNT];		/* owned; NULL: none */
};
const struct http_answer *http_errors_get(const struct http_errors *errors, enum http_error error);
void http_errors_fini(struct http_errors *errors);
