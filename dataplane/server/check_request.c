/*
 * The HTTP requests of checks: from what configuration asks for to the bytes that are sent, once.
 *
 * What is sent by default is what HAProxy 2.6 sends: "OPTIONS / HTTP/1.0" and nothing else; HTTP/1.1 says
 * "Connection: close". Three things are added that it leaves out. A Host in HTTP/1.1, which servers answer
 * with 400 without: that of an absolute `uri`, else "localhost", as an empty one is refused by many and
 * the server's name is not known here. Keep-alive, where another request follows on the same connection.
 * And a Content-Length that was written by hand must be true: HAProxy passes over it.
 *
 * The bytes are read once by our own parser: what it refuses, a server may, too.
 */
#include "config.h"
#include <stdio.h>
#include "http/h1.h"
#include "server/check_conf_priv.h"

#define SHOWN_BYTES	  80		/* of a name or value in an error text */
#define CONNECTION_CLOSE  "Connection: close\r\n"
#define CONNECTION_STAY	  "Connection: keep-alive\r\n"

static bool
byte_is_token(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool
check_is_token(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!byte_is_token(text.at[i]))
			return false;
	}
	return text.len > 0;
}

/* Printable, and no white space: a target, a domain. */
bool
check_is_word(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] <= ' ' || text.at[i] > '~')
			return false;
	}
	return text.len > 0;
}

/* RFC 9110, 5.5: no control but a tab. */
static bool
value_is_clean(struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.at[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

enum err
check_refuse(struct diag *diag, const char *what, struct slice seen, const char *wanted)
{
	char shown[SHOWN_BYTES];

	diag_set(diag, "%s \"%s\": %s", what, str_escape(shown, sizeof(shown), seen), wanted);
	return ERR_INVALID;
}

/* With what is usual where nothing was said. */
static struct check_request
request_whole(const struct check_request *asked)
{
	struct check_request r = *asked;

	if (r.method.len == 0)
		r.method = SLICE("OPTIONS");
	if (r.uri.len == 0)
		r.uri = SLICE("/");
	if (r.version.len == 0)
		r.version = SLICE("HTTP/1.0");
	return r;
}

static enum err
length_check(const struct check_request *r, struct slice value, struct diag *diag)
{
	int64_t bytes;
	char wanted[SHOWN_BYTES];

	if (int_parse(value, &bytes) == ERR_OK && bytes >= 0 && (uint64_t)bytes == r->body.len)
		return ERR_OK;
	snprintf(wanted, sizeof(wanted), "the body has %zu bytes; leave it out", r->body.len);
	return check_refuse(diag, "Content-Length", value, wanted);
}

static enum err
header_check(const struct check_request *r, const struct check_header *h, struct diag *diag)
{
	if (!check_is_token(h->name))
		return check_refuse(diag, "header name", h->name,
				    "letters, digits and !#$%&'*+-.^_`|~ only, at least one");
	if (!value_is_clean(h->value))
		return check_refuse(diag, "header value", h->value,
				    "no line ends or other control characters");
	if (http_name_find(h->name) == HTTP_NAME_CONTENT_LENGTH)
		return length_check(r, h->value, diag);
	if (http_name_find(h->name) == HTTP_NAME_TRANSFER_ENCODING)
		return check_refuse(diag, "Transfer-Encoding", h->value,
				    "the body is sent as it is written; leave it out");
	return ERR_OK;
}

/* Which field it is. */
static enum err
request_wrong(const struct check_request *r, const char *field, enum err e)
{
	if (r->wrong != NULL)
		*r->wrong = field;
	return e;
}

static enum err
request_check(const struct check_request *r, struct diag *diag)
{
	enum err e = ERR_OK;

	if (!check_is_token(r->method) || http_method_find(r->method) == HTTP_METHOD_CONNECT)
		return request_wrong(r, "method", check_refuse(diag, "method", r->method,
			"a method's name, and not CONNECT, which asks for a tunnel"));
	if (!check_is_word(r->uri))
		return request_wrong(r, "uri", check_refuse(diag, "uri", r->uri,
			"no white space, no control characters"));
	if (!slice_equals(r->version, SLICE("HTTP/1.0")) &&
	    !slice_equals(r->version, SLICE("HTTP/1.1")))
		return request_wrong(r, "version", check_refuse(diag, "version", r->version,
			"\"HTTP/1.0\" or \"HTTP/1.1\""));
	for (uint32_t i = 0; i < r->header_count && e == ERR_OK; i++)
		e = header_check(r, &r->headers[i], diag);
	return e == ERR_OK ? e : request_wrong(r, "headers", e);
}

static bool
request_has(const struct check_request *r, enum http_name name)
{
	for (uint32_t i = 0; i < r->header_count; i++) {
		if (http_name_find(r->headers[i].name) == name)
			return true;
	}
	return false;
}

/* Of "http://user@host:81/path": "host:81". Nothing where the target has none. */
static struct slice
uri_authority(struct slice uri)
{
	const char *end = uri.at + uri.len, *at, *stop, *user;

	at = uri.at[0] == '/' ? NULL : memmem(uri.at, uri.len, "://", 3);
	if (at == NULL)
		return (struct slice){ NULL, 0 };
	at += 3;
	for (stop = at; stop < end && *stop != '/' && *stop != '?'; stop++)
		;
	user = memrchr(at, '@', (size_t)(stop - at));
	at = user == NULL ? at : user + 1;
	return (struct slice){ at, (size_t)(stop - at) };
}

static void
line_put(struct buf *out, struct slice name, struct slice value)
{
	buf_put(out, name.at, name.len);
	buf_puts(out, ": ");
	buf_put(out, value.at, value.len);
	buf_puts(out, "\r\n");
}

static bool
request_is_11(const struct check_request *r)
{
	return slice_equals(r->version, SLICE("HTTP/1.1"));
}

static void
host_put(struct buf *out, const struct check_request *r)
{
	struct slice host = uri_authority(r->uri);

	if (request_has(r, HTTP_NAME_HOST))
		return;
	if (host.len == 0 && request_is_11(r))
		host = SLICE("localhost");
	if (host.len > 0)
		line_put(out, SLICE("Host"), host);
}

/* RFC 9110, 8.6: a method that is expected to bring a body says so where it brings none. */
static void
length_put(struct buf *out, const struct check_request *r)
{
	static const uint32_t bring = 1U << HTTP_METHOD_POST | 1U << HTTP_METHOD_PUT |
				      1U << HTTP_METHOD_PATCH;

	if (request_has(r, HTTP_NAME_CONTENT_LENGTH))
		return;
	if (r->body.len > 0 || (bring >> http_method_find(r->method) & 1))
		buf_printf(out, "Content-Length: %zu\r\n", r->body.len);
}

/* Returns where a Connection of ours is, or would be; 0: it was written by hand. */
static uint32_t
request_put(struct buf *out, const struct check_request *r)
{
	uint32_t connection_at = 0;

	buf_put(out, r->method.at, r->method.len);
	buf_puts(out, " ");
	buf_put(out, r->uri.at, r->uri.len);
	buf_puts(out, " ");
	buf_put(out, r->version.at, r->version.len);
	buf_puts(out, "\r\n");
	host_put(out, r);
	for (uint32_t i = 0; i < r->header_count; i++)
		line_put(out, r->headers[i].name, r->headers[i].value);
	length_put(out, r);
	if (!request_has(r, HTTP_NAME_CONNECTION)) {
		connection_at = (uint32_t)out->len;
		if (request_is_11(r))
			buf_puts(out, CONNECTION_CLOSE);
	}
	buf_puts(out, "\r\n");
	buf_put(out, r->body.at, r->body.len);
	return connection_at;
}

/* `fields`: room for HTTP_FIELDS_MAX. */
enum http_fault
check_request_read(struct slice bytes, struct http_head *head, struct http_field *fields)
{
	struct h1_parse parse = { .options = 0 };

	*head = (struct http_head){ .fields = fields };
	switch (h1_parse_request(&parse, head, bytes.at, bytes.len)) {
	case H1_DONE:
		return HTTP_FAULT_NONE;
	case H1_MORE:
		return HTTP_FAULT_LINE_END;
	case H1_BAD:
		break;
	}
	return parse.fault;
}

/* The request before this one on the same connection, if there is one. */
static struct check_step *
request_before(struct check_conf *conf)
{
	for (uint32_t i = conf->count; i > 0; i--) {
		if (conf->steps[i - 1].kind == CHECK_STEP_CONNECT)
			return NULL;
		if (conf->steps[i - 1].kind == CHECK_STEP_SEND)
			return &conf->steps[i - 1];
	}
	return NULL;
}

/* It was made as the last one of its connection: another follows. */
static enum err
request_stay(struct check_step *step, struct diag *diag)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head head;
	const char *rest = step->send.at + step->connection_at;
	struct buf out = { 0 };

	(void)check_request_read(step->send, &head, fields);
	if (step->connection_at == 0 && h1_is_persistent(&head))
		return ERR_OK;
	if (step->connection_at == 0)
		return check_refuse(diag, "request", head.line,
				    "its Connection ends what the next request needs; put a connect "
				    "step between them, or say keep-alive");
	buf_put(&out, step->send.at, step->connection_at);
	if (head.minor == 0 && !(head.says & HTTP_SAYS_KEEP_ALIVE))
		buf_puts(&out, CONNECTION_STAY);
	else if (head.minor == 1)
		rest += strlen(CONNECTION_CLOSE);
	buf_put(&out, rest, step->send.len - (size_t)(rest - step->send.at));
	if (out.failed) {
		buf_fini(&out);
		return ERR_NOMEM;
	}
	check_slice_free(&step->send);
	step->send = (struct slice){ out.at, out.len };
	step->connection_at = 0;
	return ERR_OK;
}

/* What our own parser of requests says. */
static enum err
request_refused(const struct check_request *r, enum http_fault fault, struct diag *diag)
{
	char wanted[SHOWN_BYTES];

	snprintf(wanted, sizeof(wanted), "a server would refuse that (%s)%s",
		http_fault_name(fault),
		fault == HTTP_FAULT_TARGET ? "; a path begins with /" : "");
	if (fault == HTTP_FAULT_TARGET)
		return request_wrong(r, "uri", check_refuse(diag, "uri", r->uri, wanted));
	diag_set(diag, "a server would refuse this request: %s", http_fault_name(fault));
	return request_wrong(r, fault == HTTP_FAULT_HOST ? "headers" : NULL, ERR_INVALID);
}

static enum err
request_make(struct check_step *step, const struct check_request *r, struct diag *diag)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head head;
	struct buf out = { 0 };
	enum http_fault fault;

	step->connection_at = request_put(&out, r);
	if (out.failed) {
		buf_fini(&out);
		return ERR_NOMEM;
	}
	step->send = (struct slice){ out.at, out.len };
	fault = check_request_read(step->send, &head, fields);
	if (fault == HTTP_FAULT_NONE)
		return ERR_OK;
	check_slice_free(&step->send);
	return request_refused(r, fault, diag);
}

enum err
check_conf_add_request(struct check_conf **cp, const struct check_request *request,
		       const char *comment, struct diag *diag)
{
	const struct check_request r = request_whole(request);
	struct check_step step = { .kind = CHECK_STEP_SEND };
	struct check_step *before = request_before(*cp);
	enum err e = request_check(&r, diag);

	if (e == ERR_OK && before != NULL && before == &(*cp)->steps[(*cp)->count - 1])
		e = check_refuse(diag, "request", r.uri,
				 "the answer to the one before it is not looked at; put an expect or "
				 "a connect step between them");
	else if (e == ERR_OK && before != NULL)
		e = request_stay(before, diag);
	if (e == ERR_OK)
		e = request_make(&step, &r, diag);
	return e == ERR_OK ? check_step_add(cp, &step, comment) : e;
}
