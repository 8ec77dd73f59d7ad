/*
 * HTTP/1: request heads (RFC 9112, 3). Pure; any thread.
 */
#include "config.h"
#include "http/h1_priv.h"
#include "http/scan_priv.h"

#define EMPTY_LINES_MAX 4	/* before a request line (RFC 9112, 2.2 says at least one) */

/* The parts of a target that are not the head's. */
struct target {
	struct slice		scheme;
	struct h1_authority	authority;
};

static enum h1_result
empty_lines_skip(struct h1_reading *r)
{
	unsigned lines = 0;

	while (r->at < r->end && *r->at == '\r') {
		enum h1_result result = h1_line_end(r, HTTP_FAULT_METHOD);

		if (result != H1_DONE)
			return result;
		if (++lines > EMPTY_LINES_MAX)
			return h1_bad(r, HTTP_FAULT_METHOD, r->at - 2);
	}
	return r->at < r->end ? H1_DONE : H1_MORE;
}

static enum h1_result
method_read(struct h1_reading *r)
{
	const char *stop = scan_set(r->at, r->end, CHAR_TOKEN);

	if (stop == r->end)
		return H1_MORE;
	if (*stop != ' ' || stop == r->at)
		return h1_bad(r, *stop == '\n' ? HTTP_FAULT_LINE_END : HTTP_FAULT_METHOD, stop);
	r->head->method_text = (struct slice){ r->at, (size_t)(stop - r->at) };
	r->head->method = http_method_find(r->head->method_text);
	r->at = stop + 1;
	return H1_DONE;
}

/* Its bytes; what they mean comes later. */
static enum h1_result
target_read(struct h1_reading *r)
{
	const char *stop = scan_set(r->at, r->end,
				    h1_is_relaxed(r) ? CHAR_TARGET_RELAXED : CHAR_TARGET);
	size_t len = (size_t)(stop - r->at);

	if (len > HTTP_TARGET_MAX_BYTES)
		return h1_bad(r, HTTP_FAULT_TARGET_LONG, r->at + HTTP_TARGET_MAX_BYTES);
	if (stop == r->end)
		return H1_MORE;
	if (*stop == '\n')
		return h1_bad(r, HTTP_FAULT_LINE_END, stop);
	if (*stop == '\r' && len > 0)		/* HTTP/0.9 */
		return h1_bad(r, HTTP_FAULT_VERSION, stop);
	if (*stop != ' ' || len == 0)
		return h1_bad(r, HTTP_FAULT_TARGET, stop);
	r->head->target = (struct slice){ r->at, len };
	r->at = stop + 1;
	return H1_DONE;
}

/* "scheme://": its length with that, or 0. */
static size_t
scheme_len(struct slice target)
{
	size_t len = 0;

	while (len < target.len && (char_is_alpha(target.at[len]) ||
				    (len > 0 && (char_is_digit(target.at[len]) ||
						 memchr("+-.", target.at[len], 3) != NULL))))
		len++;
	if (len == 0 || target.len - len < 3 || memcmp(target.at + len, "://", 3) != 0)
		return 0;
	return len + 3;
}

/* "http://host:port/path?query". */
static enum h1_result
target_absolute(struct h1_reading *r, struct target *t)
{
	struct http_head *head = r->head;
	size_t opening = scheme_len(head->target), len = opening;

	while (len < head->target.len && memchr("/?#", head->target.at[len], 3) == NULL)
		len++;
	head->form = HTTP_TARGET_ABSOLUTE;
	head->authority = (struct slice){ head->target.at + opening, len - opening };
	head->path = (struct slice){ head->target.at + len, head->target.len - len };
	/* RFC 9112, 3.2.4: the whole server is meant */
	if (head->path.len == 0)
		head->path = head->method == HTTP_METHOD_OPTIONS ? SLICE("*") : SLICE("/");
	t->scheme = (struct slice){ head->target.at, opening > 3 ? opening - 3 : 0 };
	if (opening == 0 || !h1_authority_parse(&t->authority, head->authority))
		return h1_bad(r, HTTP_FAULT_TARGET, head->target.at);
	return H1_DONE;
}

/*
 * "host:port": a port must be said, and 0 is none. Clients leave 80 and 443 out of their Host as if those
 * were a scheme's (Apache HttpClient does): they are.
 */
static enum h1_result
target_connect(struct h1_reading *r, struct target *t)
{
	struct http_head *head = r->head;
	size_t zeros = 0;

	head->form = HTTP_TARGET_AUTHORITY;
	head->authority = head->target;
	if (h1_is_relaxed(r))
		return H1_DONE;
	if (!h1_authority_parse(&t->authority, head->target))
		return h1_bad(r, HTTP_FAULT_TARGET, head->target.at);
	while (zeros < t->authority.port.len && t->authority.port.at[zeros] == '0')
		zeros++;
	if (zeros == t->authority.port.len)
		return h1_bad(r, HTTP_FAULT_TARGET, t->authority.port.at);
	t->scheme = slice_equals(t->authority.port, SLICE("443")) ? SLICE("https") : SLICE("http");
	return H1_DONE;
}

/* Which form it has, and its parts (RFC 9112, 3.2). */
static enum h1_result
target_part(struct h1_reading *r, struct target *t)
{
	struct http_head *head = r->head;

	if (head->method == HTTP_METHOD_CONNECT)
		return target_connect(r, t);
	head->path = head->target;
	if (head->target.at[0] == '/') {
		head->form = HTTP_TARGET_ORIGIN;
		return H1_DONE;
	}
	if (head->target.len == 1 && head->target.at[0] == '*' &&
	    head->method == HTTP_METHOD_OPTIONS) {
		head->form = HTTP_TARGET_ASTERISK;
		return H1_DONE;
	}
	return target_absolute(r, t);
}

static enum h1_result
request_line_read(struct h1_reading *r, struct target *t)
{
	const char *line;
	enum h1_result result = empty_lines_skip(r);

	line = r->at;
	if (result == H1_DONE)
		result = method_read(r);
	if (result == H1_DONE)
		result = target_read(r);
	if (result == H1_DONE)
		result = target_part(r, t);
	if (result == H1_DONE)
		result = h1_version(r, '\r', HTTP_FAULT_VERSION);
	if (result == H1_DONE)
		result = h1_line_end(r, HTTP_FAULT_VERSION);
	r->head->line = (struct slice){ line, (size_t)(r->at - line) };
	r->has_authority = r->head->authority.len > 0;
	return result;
}

/*
 * The target's authority is the Host (RFC 9112, 3.2.2), in the place of what was said instead: a field
 * that rules read and the server gets.
 */
static enum h1_result
host_write(struct h1_reading *r)
{
	const struct slice front = SLICE("Host: "), authority = r->head->authority;
	struct http_room *room = r->parse->room;
	struct slice line = { NULL, front.len + authority.len + 2 };

	if (room == NULL || room->left < line.len)
		return h1_bad(r, HTTP_FAULT_TARGET_LONG, authority.at);
	line.at = room->at;
	memcpy(room->at, front.at, front.len);
	memcpy(room->at + front.len, authority.at, authority.len);
	memcpy(room->at + line.len - 2, "\r\n", 2);
	if (r->host != NULL)
		http_field_replace(r->host, line);
	else if (http_head_add(r->head, line) != ERR_OK)
		return h1_bad(r, HTTP_FAULT_FIELDS, r->head->end.at);
	room->at += line.len;
	room->left -= line.len;
	return H1_DONE;
}

static bool
host_is_targets(const struct h1_reading *r, const struct target *t)
{
	struct h1_authority host;

	return t->authority.host.len > 0 && h1_authority_parse(&host, http_field_value(r->host)) &&
	       h1_authority_equals(&host, &t->authority, t->scheme);
}

/* Host and the target name the same place (RFC 9112, 3.2). */
static enum h1_result
host_weigh(struct h1_reading *r, const struct target *t)
{
	struct http_head *head = r->head;
	const bool is_absolute = head->form == HTTP_TARGET_ABSOLUTE;

	if (r->host == NULL && head->minor > 0)
		return h1_bad(r, HTTP_FAULT_HOST, head->end.at);
	if (r->host == NULL)
		return is_absolute ? host_write(r) : H1_DONE;
	if (!r->has_authority || host_is_targets(r, t)) {
		if (head->form != HTTP_TARGET_AUTHORITY)
			head->authority = http_field_value(r->host);
		return H1_DONE;
	}
	if (!h1_is_relaxed(r))
		return h1_bad(r, HTTP_FAULT_HOST, r->host->line + r->host->value_at);
	return is_absolute ? host_write(r) : H1_DONE;
}

/*
 * RFC 9112, 6.3. CONNECT has no content (RFC 9110, 9.3.6): whether such bytes are of the request or of
 * the tunnel, two readers would answer in two ways.
 */
static enum h1_result
framing_weigh(struct h1_reading *r)
{
	struct http_head *head = r->head;

	if (head->method == HTTP_METHOD_CONNECT && r->coding_field != NULL)
		return h1_bad(r, HTTP_FAULT_CODING, r->coding_field->line);
	if (head->method == HTTP_METHOD_CONNECT && r->length > 0)
		return h1_bad(r, HTTP_FAULT_LENGTH, r->length_field->line);
	if (r->coding_field != NULL) {
		head->framing = HTTP_BODY_CHUNKED;
	} else if (r->length_field != NULL) {
		head->framing = HTTP_BODY_LENGTH;
		head->length = r->length;
	} else {
		head->framing = HTTP_NO_BODY;
	}
	return H1_DONE;
}

/*
 * An upgrade that is asked for in earnest: with a Connection that says so, from HTTP/1.1 (RFC 9110, 7.8),
 * to something else than HTTP, and without a body, behind which servers disagree on where the new
 * protocol begins. Any other Upgrade field ends here.
 */
static void
upgrade_weigh(struct h1_reading *r)
{
	struct http_head *head = r->head;

	if (r->upgrade != NULL && (head->says & HTTP_SAYS_UPGRADE) && head->minor > 0 &&
	    head->framing != HTTP_BODY_CHUNKED && head->length == 0 && !h1_upgrade_is_http(head))
		return;
	head->says &= (uint8_t)~HTTP_SAYS_UPGRADE;
	if (r->upgrade != NULL)
		http_head_leave_out(head, HTTP_NAME_UPGRADE);
}

static enum h1_result
request_read(struct h1_reading *r)
{
	struct target target = { 0 };
	enum h1_result result = request_line_read(r, &target);

	if (result == H1_DONE)
		result = h1_fields(r);
	if (result == H1_DONE)
		result = h1_settle_coding(r);
	if (result == H1_DONE)
		result = host_weigh(r, &target);
	if (result == H1_DONE)
		result = framing_weigh(r);
	if (result == H1_DONE)
		upgrade_weigh(r);
	return result;
}

enum h1_result
h1_parse_request(struct h1_parse *p, struct http_head *head, const char *bytes, size_t len)
{
	struct h1_reading r = {
		.parse = p,
		.head = head,
		.start = bytes,
		.at = bytes,
		.end = bytes + len,
	};

	if (!h1_is_worth_reading(p, bytes, len))
		return H1_MORE;
	*head = (struct http_head){ .fields = head->fields };
	return request_read(&r);
}

bool
h1_in_start_line(const char *bytes, size_t len)
{
	const char *end = bytes + len, *at = bytes;

	while (at < end && (*at == '\r' || *at == '\n'))
		at++;
	return memchr(at, '\n', (size_t)(end - at)) == NULL;
}
