/*
 * HTTP/1: response heads (RFC 9112, 4 and 6.3). Pure; any thread.
 */
#include "config.h"
#include "http/h1_priv.h"
#include "http/scan_priv.h"

/* Three digits, from 100 on. */
static enum h1_result
status_read(struct h1_reading *r)
{
	unsigned status = 0;

	for (int i = 0; i < 3; i++, r->at++) {
		if (r->at == r->end)
			return H1_MORE;
		if (!char_is_digit(*r->at) || (i == 0 && *r->at == '0'))
			return h1_bad(r, HTTP_FAULT_STATUS, r->at);
		status = status * 10 + (unsigned)(*r->at - '0');
	}
	r->head->status = (uint16_t)status;
	return r->at < r->end ? H1_DONE : H1_MORE;
}

/* " reason CRLF"; the reason may be empty, and its space be missing with it. */
static enum h1_result
reason_read(struct h1_reading *r)
{
	const char *reason = r->at, *stop;

	if (*r->at == ' ') {
		reason = r->at + 1;
		stop = scan_value(reason, r->end);
		if (stop == r->end)
			return H1_MORE;
		r->at = stop;
	}
	r->head->reason = (struct slice){ reason, (size_t)(r->at - reason) };
	return h1_line_end(r, HTTP_FAULT_STATUS);
}

static enum h1_result
status_line_read(struct h1_reading *r)
{
	enum h1_result result = h1_version(r, ' ', HTTP_FAULT_VERSION);

	if (result != H1_DONE)
		return result;
	r->at++;
	result = status_read(r);
	if (result == H1_DONE)
		result = reason_read(r);
	r->head->line = (struct slice){ r->start, (size_t)(r->at - r->start) };
	return result;
}

/* Each protocol that the response turns to is one that the request named (RFC 9110, 7.8). */
static bool
upgrade_was_asked(const struct http_head *head, const struct http_head *request)
{
	struct slice list, member;
	bool named = false;

	for (const struct http_field *f = http_head_find(head, HTTP_NAME_UPGRADE, NULL); f != NULL;
	     f = http_head_find(head, HTTP_NAME_UPGRADE, f)) {
		list = http_field_value(f);
		while (http_list_next(&list, &member)) {
			const struct http_field *asked = NULL;

			named = false;
			while (!named &&
			       (asked = http_head_find(request, HTTP_NAME_UPGRADE, asked)) != NULL)
				named = http_list_has(http_field_value(asked), member);
			if (!named)
				return false;
		}
	}
	return named;
}

static enum h1_result
upgrade_weigh(struct h1_reading *r, const struct http_head *request)
{
	struct http_head *head = r->head;

	if (r->upgrade == NULL)
		head->says &= (uint8_t)~HTTP_SAYS_UPGRADE;
	if (head->status != 101 && r->upgrade != NULL && h1_upgrade_is_http(head)) {
		/* an offer ("Upgrade: h2c") to us, not to the client */
		head->says &= (uint8_t)~HTTP_SAYS_UPGRADE;
		http_head_leave_out(head, HTTP_NAME_UPGRADE);
	}
	if (head->status != 101)
		return H1_DONE;
	if (request == NULL || !(request->says & HTTP_SAYS_UPGRADE) ||
	    !(head->says & HTTP_SAYS_UPGRADE) || !upgrade_was_asked(head, request))
		return h1_bad(r, HTTP_FAULT_UPGRADE, head->line.at);
	return H1_DONE;
}

/* It is not there, whatever the fields say: so nobody behind us shall read them either. */
static void
framing_leave_out(struct h1_reading *r, enum http_framing framing)
{
	r->head->framing = framing;
	http_head_leave_out(r->head, HTTP_NAME_CONTENT_LENGTH);
	http_head_leave_out(r->head, HTTP_NAME_TRANSFER_ENCODING);
}

/*
 * 1xx and 204 have no body, and no field that frames one (RFC 9110, 8.6; RFC 9112, 6.1). "Content-Length: 0"
 * is common, harmless and left out. A body that is announced all the same may yet come, and be
 * taken for the next response: a 204's connection is not used again; a 1xx, behind which this response
 * must come, is refused.
 */
static enum h1_result
framing_weigh_none(struct h1_reading *r)
{
	if (r->coding_field != NULL || r->length > 0) {
		if (r->head->status < 200 && r->coding_field != NULL)
			return h1_bad(r, HTTP_FAULT_CODING, r->coding_field->line);
		if (r->head->status < 200)
			return h1_bad(r, HTTP_FAULT_LENGTH, r->length_field->line);
		r->head->says |= HTTP_SAYS_CLOSE;
	}
	framing_leave_out(r, r->head->status == 101 ? HTTP_TUNNEL : HTTP_NO_BODY);
	return H1_DONE;
}

static enum h1_result
framing_weigh(struct h1_reading *r, const struct http_head *request)
{
	enum http_method method = request == NULL ? HTTP_METHOD_GET : request->method;
	struct http_head *head = r->head;

	if (method == HTTP_METHOD_CONNECT && head->status / 100 == 2) {
		framing_leave_out(r, HTTP_TUNNEL);
	} else if (head->status < 200 || head->status == 204) {
		return framing_weigh_none(r);
	} else if (method == HTTP_METHOD_HEAD || head->status == 304) {
		/* the fields say what a GET would have got: they stay */
		head->framing = HTTP_NO_BODY;
	} else if (r->coding_field != NULL) {
		head->framing = HTTP_BODY_CHUNKED;
	} else if (r->length_field != NULL) {
		head->framing = HTTP_BODY_LENGTH;
		head->length = r->length;
	} else {
		head->framing = HTTP_BODY_TO_EOF;
	}
	return H1_DONE;
}

enum h1_result
h1_parse_response(struct h1_parse *p, struct http_head *head, const char *bytes, size_t len,
		  const struct http_head *request)
{
	struct h1_reading r = {
		.parse = p,
		.head = head,
		.start = bytes,
		.at = bytes,
		.end = bytes + len,
	};
	enum h1_result result;

	if (!h1_is_worth_reading(p, bytes, len))
		return H1_MORE;
	*head = (struct http_head){ .is_response = true, .fields = head->fields };
	result = status_line_read(&r);
	if (result == H1_DONE)
		result = h1_fields(&r);
	if (result == H1_DONE)
		result = h1_settle_coding(&r);
	if (result == H1_DONE)
		result = upgrade_weigh(&r, request);
	if (result == H1_DONE)
		result = framing_weigh(&r, request);
	return result;
}
