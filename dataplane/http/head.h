/*
 * The head of an HTTP message: its start line and its fields, whatever version brought it.
 *
 * A head points into bytes that somebody else holds (a received buffer, configuration); it owns
 * nothing. What a rule or a hop changes is a change of this table, never of the bytes: a field is
 * left out, or a line that lies elsewhere is added; so what nobody touched is sent as it came. The
 * room of the table is the caller's. HTTP/1 fills it in h1.h; another version fills the same.
 *
 * Pure; any thread. Sources: RFC 9110 (semantics), RFC 9112 (HTTP/1.1).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/str.h"

#define HTTP_FIELDS_MAX \
	101 /* in one head, with those that were added (HAProxy: tune.http.maxhdr) */
#define HTTP_TARGET_MAX_BYTES	8192		/* beyond: 414 (RFC 9112, 3: at least 8000 octets) */

/* Columns: id, the name as it is written. Only what some code asks for by id. */
#define HTTP_NAMES(X)					\
	X(CONNECTION,		"Connection")		\
	X(CONTENT_LENGTH,	"Content-Length")	\
	X(CONTENT_TYPE,		"Content-Type")		\
	X(EXPECT,		"Expect")		\
	X(FORWARDED,		"Forwarded")		\
	X(HOST,			"Host")			\
	X(KEEP_ALIVE,		"Keep-Alive")		\
	X(PROXY_AUTHENTICATE,	"Proxy-Authenticate")	\
	X(PROXY_CONNECTION,	"Proxy-Connection")	\
	X(TE,			"TE")			\
	X(TRAILER,		"Trailer")		\
	X(TRANSFER_ENCODING,	"Transfer-Encoding")	\
	X(UPGRADE,		"Upgrade")		\
	X(WWW_AUTHENTICATE,	"WWW-Authenticate")

enum http_name {
	HTTP_NAME_OTHER,
#define X(id, text) HTTP_NAME_##id,
	HTTP_NAMES(X)
#undef X
};

/* By its bytes, case ignored; HTTP_NAME_OTHER if it is none of those. */
enum http_name http_name_find(struct slice name);

#define HTTP_METHODS(X)							\
	X(GET) X(HEAD) X(POST) X(PUT) X(DELETE) X(OPTIONS) X(TRACE) X(CONNECT) X(PATCH)

enum http_method {
	HTTP_METHOD_OTHER,
#define X(name) HTTP_METHOD_##name,
	HTTP_METHODS(X)
#undef X
};

/* By its bytes, case and all; HTTP_METHOD_OTHER if it is none of those. */
enum http_method http_method_find(struct slice text);

/* May be sent again unasked (RFC 9110, 9.2.2). */
bool http_method_is_idempotent(enum http_method method);

struct http_field {
	const char	*line;		/* "Name: value CRLF", as it was received or written */
	uint16_t	 name_len;
	uint16_t	 value_at;	/* from `line`; without white space around it */
	uint16_t	 value_len;
	uint16_t	 line_len;	/* with its CRLF */
	uint8_t		 name;		/* enum http_name */
	bool		 left_out;	/* not to be sent on */
};

static inline struct slice
http_field_name(const struct http_field *f)
{
	return (struct slice){ f->line, f->name_len };
}

static inline struct slice
http_field_value(const struct http_field *f)
{
	return (struct slice){ f->line + f->value_at, f->value_len };
}

/* RFC 9112, 3.2. */
enum http_target_form {
	HTTP_TARGET_ORIGIN,	/* "/path?query" */
	HTTP_TARGET_ABSOLUTE,	/* "http://host/path?query" */
	HTTP_TARGET_AUTHORITY,	/* "host:port", of CONNECT */
	HTTP_TARGET_ASTERISK,	/* "*", of OPTIONS */
};

/* How a body's end is found (RFC 9112, 6.3). */
enum http_framing {
	HTTP_NO_BODY,
	HTTP_BODY_LENGTH,	/* Content-Length; may be 0 */
	HTTP_BODY_CHUNKED,
	HTTP_BODY_TO_EOF,	/* a response that ends with its connection */
	HTTP_TUNNEL,		/* no message any more: 101, or 2xx to CONNECT */
};

/* What the fields say; parsers set them, nobody has to search twice. */
#define HTTP_SAYS_CLOSE		0x01	/* Connection: close */
#define HTTP_SAYS_KEEP_ALIVE	0x02	/* Connection: keep-alive */
#define HTTP_SAYS_UPGRADE	0x04	/* Connection: upgrade, and an Upgrade field */
#define HTTP_EXPECTS_CONTINUE	0x08	/* Expect: 100-continue */
#define HTTP_HAS_TRAILERS	0x10	/* a Trailer field */
#define HTTP_NAMES_HOPS		0x20	/* Connection names other fields */
#define HTTP_PRIVATE		0x40	/* a response's authentication is its connection's: NTLM, Negotiate */

struct http_head {
	bool			 is_response;
	uint8_t			 minor;		/* of the version that was received: 1.`minor` */
	uint8_t			 says;		/* HTTP_SAYS_* and so on */
	enum http_framing	 framing;
	uint64_t		 length;	/* HTTP_BODY_LENGTH: bytes */
	struct slice		 line;		/* the start line as it came, with its CRLF */
	struct slice		 end;		/* the empty line behind the fields, as it came */

	/* a request */
	enum http_method	 method;
	enum http_target_form	 form;
	struct slice		 method_text;
	struct slice		 target;	/* whole, as it came */
	struct slice		 authority;	/* the Host field's, but of CONNECT the target's; may be empty */
	struct slice
		path; /* with the query; "/" for an absolute form without; "*"; none of CONNECT */

	/* a response */
	uint16_t		 status;
	struct slice		 reason;

	struct http_field	*fields;	/* the caller's room, for HTTP_FIELDS_MAX */
	uint32_t		 count;
	uint32_t		 received;	/* of these, from the front: the peer's; the others were added here */
};

/* The target as it came, or what rules made of it. */
struct slice http_head_uri(const struct http_head *head);

/* `path` without its query. */
struct slice http_head_path_only(const struct http_head *head);

/*
 * The first field of that name behind `after` (NULL: from the front) that is not left out; NULL:
 * none. The second form compares names without case.
 */
struct http_field *http_head_find(const struct http_head *head, enum http_name name,
	const struct http_field *after);
struct http_field *http_head_find_named(const struct http_head *head, struct slice name,
	const struct http_field *after);

/* Leave all of that name out. */
void http_head_leave_out(struct http_head *head, enum http_name name);

/*
 * Add a whole line ("Name: value CRLF", well-formed, of at most 64 KiB) behind the others; it must
 * stay valid as long as the head. ERR_LIMIT: HTTP_FIELDS_MAX.
 */
enum err http_head_add(struct http_head *head, struct slice line);

/* Such a line instead of a field, whatever that was. */
void http_field_replace(struct http_field *f, struct slice line);

/* Where lines to be added are written: it must live as long as the head. */
struct http_room {
	char	*at;
	size_t	 left;
};

/* A token of a comma-separated list (RFC 9110, 5.6.1), case ignored. */
bool http_list_has(struct slice list, struct slice token);

/* The next member of such a list, trimmed; empty members are passed over. False: none is left. */
bool http_list_next(struct slice *list, struct slice *member);

bool http_equals_nocase(struct slice a, struct slice b);
