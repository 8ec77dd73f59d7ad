/*
 * HTTP/1: what the fields say about the message and its connection (RFC 9110, RFC 9112).
 *
 * A note is taken as a field comes; so the first field that is wrong is the one that is told.
 * Pure; any thread.
 */
#include "config.h"
#include "http/chars_priv.h"
#include "http/h1_priv.h"

#define LENGTH_DIGITS_MAX 19		/* of Content-Length: 63 bits */

static enum h1_result
field_bad(struct h1_reading *r, const struct http_field *f, enum http_fault fault)
{
	return h1_bad(r, fault, f->line + f->value_at);
}

/*
 * 1*DIGIT and nothing else: no sign, no list. A field that says the same again is left out (RFC 9110,
 * 8.6); one that says something else could be believed by somebody behind us.
 */
static enum h1_result
note_length(struct h1_reading *r, struct http_field *f)
{
	struct slice value = http_field_value(f);
	uint64_t length = 0;

	if (r->coding_field != NULL)
		return field_bad(r, f, HTTP_FAULT_LENGTH_AND_CODING);
	if (value.len == 0 || value.len > LENGTH_DIGITS_MAX)
		return field_bad(r, f, HTTP_FAULT_LENGTH);
	for (size_t i = 0; i < value.len; i++) {
		if (!char_is_digit(value.at[i]))
			return field_bad(r, f, HTTP_FAULT_LENGTH);
		length = length * 10 + (uint64_t)(value.at[i] - '0');
	}
	if (length > INT64_MAX || (r->length_field != NULL && length != r->length))
		return field_bad(r, f, HTTP_FAULT_LENGTH);
	if (r->length_field != NULL)
		f->left_out = true;
	else
		r->length_field = f;
	r->length = length;
	return H1_DONE;
}

/* Not just "chunked": which fault? Twice is one for strict readers only. */
static enum http_fault
coding_fault(const struct h1_reading *r, struct slice list)
{
	struct slice member, last = { NULL, 0 };
	unsigned chunked = 0, others = 0;

	while (http_list_next(&list, &member)) {
		last = member;
		if (http_equals_nocase(member, SLICE("chunked")))
			chunked++;
		else
			others++;
	}
	/* chunked last, and only once: the message has an end, but a coding that is not ours */
	if (chunked == 1 && others > 0 && http_equals_nocase(last, SLICE("chunked")))
		return HTTP_FAULT_CODING_UNKNOWN;
	if (chunked > 1 && others == 0 && h1_is_relaxed(r))
		return HTTP_FAULT_NONE;
	return HTTP_FAULT_CODING;
}

/*
 * "chunked", once, in HTTP/1.1: whatever else was once read in two ways by somebody (RFC 9112, 6.1
 * and 6.3, and empty list members, which recipients disagree on).
 */
static enum h1_result
note_coding(struct h1_reading *r, struct http_field *f)
{
	struct slice value = http_field_value(f);
	enum http_fault fault;

	if (r->length_field != NULL)
		return field_bad(r, f, HTTP_FAULT_LENGTH_AND_CODING);
	if (r->head->minor == 0 || (r->coding_field != NULL && !h1_is_relaxed(r)))
		return field_bad(r, f, HTTP_FAULT_CODING);
	if (!http_equals_nocase(value, SLICE("chunked"))) {
		fault = coding_fault(r, value);
		if (fault != HTTP_FAULT_NONE)
			return field_bad(r, f, fault);
		r->coding_again = true;
	}
	if (r->coding_field != NULL)
		r->coding_again = true;
	else
		r->coding_field = f;
	return H1_DONE;
}

static uint8_t
connection_option(struct slice option)
{
	if (http_equals_nocase(option, SLICE("keep-alive")))
		return HTTP_SAYS_KEEP_ALIVE;
	if (http_equals_nocase(option, SLICE("close")))
		return HTTP_SAYS_CLOSE;
	if (http_equals_nocase(option, SLICE("upgrade")))
		return HTTP_SAYS_UPGRADE;
	return HTTP_NAMES_HOPS;
}

static enum h1_result
note_connection(struct h1_reading *r, const struct http_field *f)
{
	struct slice list = http_field_value(f), option;

	if (slice_equals(list, SLICE("keep-alive"))) {	/* what most say, word for word */
		r->head->says |= HTTP_SAYS_KEEP_ALIVE;
		return H1_DONE;
	}
	while (http_list_next(&list, &option))
		r->head->says |= connection_option(option);
	return H1_DONE;
}

static enum h1_result
note_host(struct h1_reading *r, struct http_field *f)
{
	struct h1_authority parts;
	struct slice value = http_field_value(f);

	if (r->head->is_response)
		return H1_DONE;
	if (r->host != NULL)
		return field_bad(r, f, HTTP_FAULT_HOST);
	if (value.len > 0 && !h1_authority_parse(&parts, value))
		return field_bad(r, f, HTTP_FAULT_HOST);
	if (value.len == 0 && r->has_authority)
		return field_bad(r, f, HTTP_FAULT_HOST);
	r->host = f;
	return H1_DONE;
}

/* From HTTP/1.0 it is to be ignored (RFC 9110, 10.1.1), so nobody behind us gets to see it. */
static enum h1_result
note_expect(struct h1_reading *r, struct http_field *f)
{
	if (r->head->is_response)
		return H1_DONE;
	if (r->head->minor == 0) {
		f->left_out = true;
		return H1_DONE;
	}
	if (!http_equals_nocase(http_field_value(f), SLICE("100-continue")))
		return field_bad(r, f, HTTP_FAULT_EXPECTATION);
	r->head->says |= HTTP_EXPECTS_CONTINUE;
	return H1_DONE;
}

/* Such an authentication is of its connection (RFC 4559): nobody else may have that. */
static enum h1_result
note_authenticate(struct h1_reading *r, const struct http_field *f)
{
	static const struct slice private[] = { SLICE("ntlm"), SLICE("nego") };
	struct slice list = http_field_value(f), member;

	while (r->head->is_response && http_list_next(&list, &member)) {
		for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
			struct slice front = { member.at, private[i].len };

			if (member.len >= front.len && http_equals_nocase(front, private[i]))
				r->head->says |= HTTP_PRIVATE;
		}
	}
	return H1_DONE;
}

enum h1_result
h1_note(struct h1_reading *r, struct http_field *f)
{
	switch ((enum http_name)f->name) {
	case HTTP_NAME_CONNECTION: return note_connection(r, f);
	case HTTP_NAME_CONTENT_LENGTH: return note_length(r, f);
	case HTTP_NAME_TRANSFER_ENCODING: return note_coding(r, f);
	case HTTP_NAME_HOST: return note_host(r, f);
	case HTTP_NAME_EXPECT: return note_expect(r, f);
	case HTTP_NAME_PROXY_AUTHENTICATE:
	case HTTP_NAME_WWW_AUTHENTICATE: return note_authenticate(r, f);
	case HTTP_NAME_UPGRADE: r->upgrade = f; return H1_DONE;
	case HTTP_NAME_TRAILER: r->head->says |= HTTP_HAS_TRAILERS; return H1_DONE;
	case HTTP_NAME_OTHER:
	case HTTP_NAME_CONTENT_TYPE:
	case HTTP_NAME_FORWARDED:
	case HTTP_NAME_KEEP_ALIVE:
	case HTTP_NAME_PROXY_CONNECTION:
	case HTTP_NAME_TE: break;
	}
	return H1_DONE;
}

enum h1_result
h1_settle_coding(struct h1_reading *r)
{
	if (!r->coding_again)
		return H1_DONE;
	http_head_leave_out(r->head, HTTP_NAME_TRANSFER_ENCODING);
	if (http_head_add(r->head, SLICE("Transfer-Encoding: chunked\r\n")) != ERR_OK)
		return h1_bad(r, HTTP_FAULT_FIELDS, r->coding_field->line);
	return H1_DONE;
}

/* HTTP/2 by upgrade would go on behind the back of every rule; nor do we speak it here. */
bool
h1_upgrade_is_http(const struct http_head *head)
{
	const struct http_field *f = NULL;

	while ((f = http_head_find(head, HTTP_NAME_UPGRADE, f)) != NULL) {
		struct slice list = http_field_value(f), member;

		while (http_list_next(&list, &member)) {
			struct slice front = { member.at, member.len < 5 ? member.len : 5 };

			if (http_equals_nocase(member, SLICE("h2c")) ||
			    http_equals_nocase(member, SLICE("h2")) ||
			    http_equals_nocase(front, SLICE("http/")))
				return true;
		}
	}
	return false;
}

/* RFC 9112, 9.3. */
bool
h1_is_persistent(const struct http_head *head)
{
	if (head->framing == HTTP_BODY_TO_EOF || head->framing == HTTP_TUNNEL)
		return false;
	if (head->says & HTTP_SAYS_CLOSE)
		return false;
	return head->minor > 0 || (head->says & HTTP_SAYS_KEEP_ALIVE);
}
