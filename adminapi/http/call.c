/*
 * A request on its way in: its line, its headers, its body, the handler.
 *
 * The library calls request_on_line(), then request_on_access() once with the headers, once for
 * each piece of the body, once at its end, and, when the connection was suspended, once more for
 * the answer. What is refused before its body was read is answered past the library, see
 * connection_refuse(). Control thread only.
 */
#include "config.h"
#include "adminapi/http/http_priv.h"
#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "adminapi/http/guard.h"
#include "adminapi/http/target.h"

#define BODY_FIRST_BYTES 4096

enum header {
	HEADER_HOST,
	HEADER_ORIGIN,
	HEADER_FETCH_SITE,
	HEADER_CONTENT_LENGTH,
	HEADER_TRANSFER_ENCODING,
	HEADER_CONTENT_ENCODING,
	HEADER_CONTENT_TYPE,
	HEADER_IF_MATCH,
	HEADER_IF_NONE_MATCH,
	HEADER_LAST_EVENT_ID,
	HEADER_ACTOR,
	HEADER_REASON,
	HEADER_COUNT
};

#define NOT_SHOWN SIZE_MAX

/* The headers that we look at, and where a call shows them. Each may come once. */
static const struct {
	const char	*name;
	size_t		 offset;	/* of a const char * in struct call */
} header_rows[HEADER_COUNT] = {
	[HEADER_HOST] = { "Host", NOT_SHOWN },
	[HEADER_ORIGIN] = { "Origin", NOT_SHOWN },
	[HEADER_FETCH_SITE] = { "Sec-Fetch-Site", NOT_SHOWN },
	[HEADER_CONTENT_LENGTH] = { "Content-Length", NOT_SHOWN },
	[HEADER_TRANSFER_ENCODING] = { "Transfer-Encoding", NOT_SHOWN },
	[HEADER_CONTENT_ENCODING] = { "Content-Encoding", NOT_SHOWN },
	[HEADER_CONTENT_TYPE] = { "Content-Type", offsetof(struct call, content_type) },
	[HEADER_IF_MATCH] = { "If-Match", offsetof(struct call, if_match) },
	[HEADER_IF_NONE_MATCH] = { "If-None-Match", offsetof(struct call, if_none_match) },
	[HEADER_LAST_EVENT_ID] = { "Last-Event-ID", offsetof(struct call, last_event_id) },
	[HEADER_ACTOR] = { "X-Actor", offsetof(struct call, actor) },
	[HEADER_REASON] = { "X-Reason", offsetof(struct call, reason) },
};

struct headers {
	const char	*values[HEADER_COUNT];	/* the library's; NULL: not given */
	const char	*twice;			/* the name of one that came twice */
	bool		 is_malformed;
};

static const struct {
	const char	*name;
	enum method	 method;
} method_rows[] = {
	{ "GET", METHOD_GET },	     { "HEAD", METHOD_HEAD },	{ "PUT", METHOD_PUT },
	{ "PATCH", METHOD_PATCH },   { "POST", METHOD_POST },	{ "DELETE", METHOD_DELETE },
	{ "OPTIONS", METHOD_OPTIONS },
};

static enum method
method_parse(const char *text)
{
	for (size_t i = 0; i < sizeof(method_rows) / sizeof(method_rows[0]); i++) {
		if (strcmp(method_rows[i].name, text) == 0)
			return method_rows[i].method;
	}
	return METHOD_COUNT;
}

struct request *
request_of(struct call *call)
{
	return obj_cast(container_of(call, struct request, call), REQUEST_MAGIC);
}

void
request_free(struct request **rp)
{
	struct request *r = *rp;

	if (r == NULL)
		return;
	*rp = NULL;
	if (r->connection != NULL)
		r->connection->http->counts.body_bytes -= r->body_cap;
	if (r->response != NULL)
		MHD_destroy_response(r->response);
	free(r->target);
	free(r->texts);
	free(r->body);
	obj_free(r);
}

/* Called with the raw target, before the library looks for a query. The result becomes *context. */
void *
request_on_line(void *arg, const char *target, struct MHD_Connection *mhd)
{
	struct connection *c = connection_of(mhd);
	struct request *r = obj_new(sizeof(*r), REQUEST_MAGIC);

	request_free(&c->request);
	connection_enter(c, CONNECTION_HEADERS);
	if (r == NULL)
		return NULL;
	r->connection = c;
	memcpy(r->call.peer, c->peer, sizeof(r->call.peer));
	r->target = strdup(target);
	if (r->target == NULL)
		request_free(&r);
	c->request = r;
	return r;
}

/* The library takes "Host : x" for a header named "Host ", which others may take for the Host. */
static bool
header_name_is_valid(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] >= 0x7f ||
		    strchr("\"(),/:;<=>?@[\\]{}", name[i]) != NULL)
			return false;
	}
	return len > 0;
}

static enum MHD_Result
headers_on_pair(void *arg, enum MHD_ValueKind kind, const char *name, size_t name_bytes,
		const char *value, size_t value_bytes)
{
	struct headers *headers = arg;

	if (value == NULL) {
		value = "";
		value_bytes = 0;
	}
	if (!header_name_is_valid(name, name_bytes) || strlen(value) != value_bytes)
		headers->is_malformed = true;
	for (size_t i = 0; i < HEADER_COUNT; i++) {
		if (strcasecmp(header_rows[i].name, name) != 0)
			continue;
		if (headers->values[i] != NULL)
			headers->twice = header_rows[i].name;
		headers->values[i] = value;
	}
	return MHD_YES;
}

/* What would let two programs disagree about where this request ends, or what it says. */
static unsigned
headers_check_framing(const struct headers *h, const char *version, struct diag *diag)
{
	const char *coding = h->values[HEADER_TRANSFER_ENCODING];

	if (h->is_malformed)
		diag_set(diag, "a header is malformed");
	else if (h->twice != NULL)
		diag_set(diag, "the header %s is given twice", h->twice);
	else if (h->values[HEADER_HOST] == NULL && strcmp(version, "HTTP/1.0") != 0)
		diag_set(diag, "the request has no Host header");	/* /healthz, too */
	else if (coding != NULL && h->values[HEADER_CONTENT_LENGTH] != NULL)
		diag_set(diag, "Content-Length and Transfer-Encoding exclude each other");
	else if (coding != NULL && strcasecmp(coding, "chunked") != 0)
		diag_set(diag, "the only Transfer-Encoding known is chunked");
	else if (coding != NULL && strcmp(version, "HTTP/1.1") != 0)
		diag_set(diag, "Transfer-Encoding needs HTTP/1.1");
	else
		return 0;
	return MHD_HTTP_BAD_REQUEST;
}

/* /healthz and /readyz answer to everybody. */
static bool
target_is_exempt(const char *target)
{
	size_t len = strcspn(target, "?");

	return (len == 8 && memcmp(target, "/healthz", len) == 0) ||
	       (len == 7 && memcmp(target, "/readyz", len) == 0);
}

static unsigned
headers_check_guard(const struct request *r, const struct headers *h, struct diag *diag)
{
	const struct http_server *http = r->connection->http;
	struct guard_input in = {
		.host = h->values[HEADER_HOST],
		.origin = h->values[HEADER_ORIGIN],
		.fetch_site = h->values[HEADER_FETCH_SITE],
		.hosts = (const char *const *)http->hosts,
		.host_count = http->host_count,
	};

	return target_is_exempt(r->target) ? 0 : guard_check(&in, diag);
}

static bool
claim_is_valid(const char *text)
{
	size_t len = 0;

	for (; text != NULL && text[len] != '\0'; len++) {
		if (text[len] < 0x20 || text[len] > 0x7e)
			return false;
	}
	return len <= CALL_CLAIM_MAX_BYTES;
}

static unsigned
headers_check_claims(const struct headers *h, struct diag *diag)
{
	for (int i = HEADER_ACTOR; i <= HEADER_REASON; i++) {
		if (!claim_is_valid(h->values[i])) {
			diag_set(diag, "%s must be at most %d printable bytes", header_rows[i].name,
				 CALL_CLAIM_MAX_BYTES);
			return MHD_HTTP_BAD_REQUEST;
		}
	}
	return 0;
}

/* How much will come, and whether we want it. */
static unsigned
headers_check_body(struct request *r, const struct headers *h, struct diag *diag)
{
	const struct http_server *http = r->connection->http;
	const char *length = h->values[HEADER_CONTENT_LENGTH];
	const char *coding = h->values[HEADER_CONTENT_ENCODING];
	int64_t bytes = 0;
	enum err err = length == NULL ? ERR_OK : int_parse(slice_of(length), &bytes);

	if (err == ERR_INVALID || bytes < 0) {
		diag_set(diag, "Content-Length is not a number");
		return MHD_HTTP_BAD_REQUEST;
	}
	if (err != ERR_OK || (uint64_t)bytes > http->limits.body_bytes) {
		diag_set(diag, "the body is over %zu bytes", http->limits.body_bytes);
		return MHD_HTTP_CONTENT_TOO_LARGE;
	}
	if (coding != NULL && strcasecmp(coding, "identity") != 0) {
		diag_set(diag, "no Content-Encoding is taken");
		return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
	}
	r->body_expected = (size_t)bytes;
	return 0;
}

static bool
headers_have_body(const struct headers *h)
{
	const char *length = h->values[HEADER_CONTENT_LENGTH];

	return h->values[HEADER_TRANSFER_ENCODING] != NULL ||
	       (length != NULL && strcmp(length, "0") != 0);
}

/* "Application/JSON; charset=utf-8" becomes "application/json". */
static void
content_type_normalize(char *text)
{
	char *end = text + strcspn(text, "; \t");

	*end = '\0';
	for (; *text != '\0'; text++) {
		if (*text >= 'A' && *text <= 'Z')
			*text += 'a' - 'A';
	}
}

/* Copies: the library's texts do not live as long as a handler may take. */
static bool
request_keep_headers(struct request *r, const struct headers *h)
{
	size_t bytes = 1;
	char *at;

	for (size_t i = 0; i < HEADER_COUNT; i++) {
		if (header_rows[i].offset != NOT_SHOWN && h->values[i] != NULL)
			bytes += strlen(h->values[i]) + 1;
	}
	at = r->texts = malloc(bytes);
	if (at == NULL)
		return false;
	for (size_t i = 0; i < HEADER_COUNT; i++) {
		const char **shown =
			(const char **)(void *)((char *)&r->call + header_rows[i].offset);

		if (header_rows[i].offset == NOT_SHOWN || h->values[i] == NULL ||
		    *h->values[i] == '\0')
			continue;
		*shown = at;
		at = stpcpy(at, h->values[i]) + 1;
	}
	if (r->call.content_type != NULL)
		content_type_normalize((char *)r->call.content_type);
	return true;
}

/* Give the library the answer. */
static enum MHD_Result
request_send(struct request *r)
{
	struct connection *c = r->connection;
	enum MHD_Result result = MHD_NO;

	assert(r->state == REQUEST_ANSWERED);
	connection_enter(c, CONNECTION_ANSWER);
	if (r->response != NULL)
		result = MHD_queue_response(c->mhd, r->status, r->response);
	request_free(&c->request);
	return result;
}

void
request_answered(struct request *r, unsigned status, struct MHD_Response *response)
{
	struct connection *c = r->connection;

	assert(r->state == REQUEST_HANDLED || r->state == REQUEST_SUSPENDED);
	r->status = status;
	r->response = response;
	if (c == NULL) {
		request_free(&r);
		return;
	}
	if (r->state == REQUEST_SUSPENDED) {
		MHD_resume_connection(c->mhd);
		http_schedule(c->http);
	}
	r->state = REQUEST_ANSWERED;
}

bool
call_is_abandoned(struct call *call)
{
	const struct request *r = request_of(call);
	struct pollfd ask = { .events = POLLRDHUP };

	if (r->connection == NULL)
		return true;
	ask.fd = r->connection->fd;
	return poll(&ask, 1, 0) == 1 && (ask.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Complete, and good enough to be shown to the handler. */
static enum MHD_Result
request_handle(struct request *r)
{
	struct connection *c = r->connection;
	struct target_fault fault;

	r->state = REQUEST_HANDLED;
	r->call.body = (struct slice){ r->body != NULL ? r->body : "", r->body_len };
	connection_enter(c, CONNECTION_CALL);
	c->http->counts.calls++;
	if (target_parse(r->target, &r->call, &fault))
		c->http->handle(&r->call);
	else if (fault.name != NULL)
		call_problem(&r->call, fault.status, NULL, "%s: \"%s\"", fault.detail, fault.name);
	else
		call_problem(&r->call, fault.status, NULL, "%s", fault.detail);
	if (r->state == REQUEST_ANSWERED)
		return request_send(r);
	r->state = REQUEST_SUSPENDED;
	MHD_suspend_connection(c->mhd);
	return MHD_YES;
}

/* Refuse by the headers: where a body follows it is not read. */
static enum MHD_Result
request_refuse(struct request *r, const struct headers *h, unsigned status, const struct diag *diag)
{
	r->connection->http->counts.refused++;
	if (headers_have_body(h))
		return connection_refuse(r->connection, status, diag->text);
	r->state = REQUEST_HANDLED;
	call_problem(&r->call, status, NULL, "%s", diag->text);
	return request_send(r);
}

static enum MHD_Result
request_begin(struct request *r, const char *method, const char *version)
{
	struct headers h = { .twice = NULL };
	struct diag diag;
	unsigned status;

	r->call.method = method_parse(method);
	r->body_is_ignored = r->call.method == METHOD_GET || r->call.method == METHOD_HEAD ||
			     r->call.method == METHOD_OPTIONS;
	MHD_get_connection_values_n(r->connection->mhd, MHD_HEADER_KIND, headers_on_pair, &h);
	status = headers_check_framing(&h, version, &diag);
	if (status == 0)
		status = headers_check_guard(r, &h, &diag);
	if (status == 0)
		status = headers_check_claims(&h, &diag);
	if (status == 0)
		status = headers_check_body(r, &h, &diag);
	if (status == 0 && !request_keep_headers(r, &h)) {
		diag_set(&diag, "out of memory");
		status = MHD_HTTP_SERVICE_UNAVAILABLE;
	}
	if (status != 0)
		return request_refuse(r, &h, status, &diag);
	r->state = REQUEST_BODY;
	connection_enter(r->connection, CONNECTION_BODY);
	return MHD_YES;
}

/* The next size of the body's memory: doubled, not beyond what will come; 0: over the budget. */
static size_t
body_next_cap(const struct request *r, size_t need)
{
	const struct http_server *http = r->connection->http;
	size_t room = http->limits.bodies_bytes - (http->counts.body_bytes - r->body_cap);
	size_t cap = r->body_cap * 2;

	if (need > room)
		return 0;
	if (cap < BODY_FIRST_BYTES)
		cap = BODY_FIRST_BYTES;
	if (r->body_expected > 0 && cap > r->body_expected)
		cap = r->body_expected;
	if (cap > http->limits.body_bytes)
		cap = http->limits.body_bytes;
	if (cap > room)
		cap = room;
	return cap < need ? need : cap;
}

static bool
body_reserve(struct request *r, size_t need)
{
	struct http_server *http = r->connection->http;
	size_t cap = body_next_cap(r, need);
	char *body = cap == 0 ? NULL : realloc(r->body, cap + 1);

	if (body == NULL)
		return false;
	http->counts.body_bytes += cap - r->body_cap;
	r->body = body;
	r->body_cap = cap;
	return true;
}

static enum MHD_Result
body_take(struct request *r, const char *data, size_t *data_bytes)
{
	struct connection *c = r->connection;
	size_t need = r->body_len + *data_bytes;

	if (need > c->http->limits.body_bytes)
		return connection_refuse(c, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too large");
	if (r->body_is_ignored) {
		r->body_len = 0;
		*data_bytes = 0;
		return MHD_YES;
	}
	if (need > r->body_cap && !body_reserve(r, need))
		return connection_refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE,
					 "too many request bodies are under way");
	memcpy(r->body + r->body_len, data, *data_bytes);
	r->body_len = need;
	r->body[need] = '\0';
	*data_bytes = 0;
	return MHD_YES;
}

enum MHD_Result
request_on_access(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
		  const char *version, const char *data, size_t *data_bytes, void **context)
{
	struct connection *c = connection_of(mhd);
	struct request *r = c->request;

	if (c->http->stopping || c->phase == CONNECTION_CUT) {
		c->http->closing = true;
		return MHD_NO;
	}
	if (r == NULL)
		return connection_refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
	switch (r->state) {
	case REQUEST_LINE: return request_begin(r, method, version);
	case REQUEST_BODY:
		if (*data_bytes > 0)
			return body_take(r, data, data_bytes);
		return request_handle(r);
	case REQUEST_ANSWERED: return request_send(r);
	case REQUEST_HANDLED:
	case REQUEST_SUSPENDED: break;
	}
	assert(!"a request that is being handled came again");
	return MHD_NO;
}
