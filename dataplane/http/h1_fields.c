/*
 * HTTP/1: the lines that requests and responses have in common (RFC 9112, 2 and 5).
 *
 * Every head goes through here; so the common case of each step is one stride and one comparison,
 * and what is wrong is looked at closer only then. Pure; any thread.
 */
#include "config.h"
#include "http/h1_priv.h"
#include "http/names_priv.h"
#include "http/scan_priv.h"

enum h1_result
h1_bad(struct h1_reading *r, enum http_fault fault, const char *at)
{
	r->parse->fault = fault;
	r->parse->fault_at = (size_t)(at - r->start);
	return H1_BAD;
}

/*
 * A head that comes in pieces is read from its front again, but only when another line has ended or
 * a control byte shows up: a byte at a time costs a look at that byte. As the lines of a head are
 * limited, so is what they can cost.
 */
bool
h1_is_worth_reading(struct h1_parse *p, const char *bytes, size_t len)
{
	const char *at = bytes + p->scanned, *end = bytes + len;
	bool first = p->scanned == 0;

	if (p->scanned >= len)
		return first && len > 0;
	p->scanned = len;
	if (first || at[-1] == '\r')
		return true;
	if (p->options & H1_RELAXED)
		return memchr(at, '\n', len - (size_t)(at - bytes)) != NULL;
	at = scan_value(at, end);
	return at < end && !(at + 1 == end && *at == '\r');
}

enum h1_result
h1_line_end(struct h1_reading *r, enum http_fault fault)
{
	if (*r->at != '\r')
		return h1_bad(r, *r->at == '\n' ? HTTP_FAULT_LINE_END : fault, r->at);
	if (r->at + 1 == r->end)
		return H1_MORE;
	if (r->at[1] != '\n')
		return h1_bad(r, HTTP_FAULT_LINE_END, r->at);
	r->at += 2;
	return H1_DONE;
}

/* "HTTP/12.345": any digits (H1_RELAXED). From 1.1 on it is 1.1; the rest is 1.0. */
static enum h1_result
h1_version_relaxed(struct h1_reading *r, char stop, enum http_fault fault)
{
	unsigned number[2] = { 0, 0 };
	const char *at = r->at + 5;

	for (int part = 0; part < 2; part++) {
		const char *digits = at;

		for (; at < r->end && char_is_digit(*at); at++) {
			number[part] = number[part] * 10 + (unsigned)(*at - '0');
			if (number[part] > 9999)
				return h1_bad(r, fault, at);
		}
		if (at == r->end)
			return H1_MORE;
		if (at == digits || *at != (part == 0 ? '.' : stop))
			return h1_bad(r, fault, at);
		at++;
	}
	r->head->minor = number[0] > 1 || (number[0] == 1 && number[1] > 0);
	r->at = at - 1;
	return H1_DONE;
}

enum h1_result
h1_version(struct h1_reading *r, char stop, enum http_fault fault)
{
	static const char text[] = "HTTP/1.";
	size_t len = (size_t)(r->end - r->at);

	if (len > 8 && memcmp(r->at, text, 7) == 0 && (r->at[7] == '1' || r->at[7] == '0') &&
	    r->at[8] == stop) {
		r->head->minor = (uint8_t)(r->at[7] - '0');
		r->at += 8;
		return H1_DONE;
	}
	for (size_t i = 0; i < len && i < 5; i++) {
		if (r->at[i] != text[i])
			return h1_bad(r, fault, r->at + i);
	}
	if (len <= 5)
		return H1_MORE;
	if (h1_is_relaxed(r))
		return h1_version_relaxed(r, stop, fault);
	for (size_t i = 5; i < len && i < 7; i++) {
		if (r->at[i] != text[i])
			return h1_bad(r, fault, r->at + i);
	}
	if (len <= 7)
		return H1_MORE;
	if (r->at[7] != '0' && r->at[7] != '1')
		return h1_bad(r, fault, r->at + 7);
	if (len == 8)
		return H1_MORE;
	return h1_bad(r, r->at[8] == '\n' ? HTTP_FAULT_LINE_END : fault, r->at + 8);
}

/* What is wrong with a name that does not go straight to its colon. */
static enum http_fault
name_fault(const struct h1_reading *r, const char *name, const char *stop)
{
	if (*stop == '\n' || (*stop == '\r' && stop + 1 < r->end && stop[1] != '\n'))
		return HTTP_FAULT_LINE_END;
	if (stop == name && char_is_space(*stop) && r->head->count > 0)
		return HTTP_FAULT_FOLDED;
	return HTTP_FAULT_NAME;
}

/*
 * A name with other bytes than most, from `stop` on. *colon: where it ends. H1_MORE: nothing wrong
 * so far.
 */
static enum h1_result
name_read_odd(struct h1_reading *r, const char *stop, const char **colon)
{
	unsigned set = h1_is_relaxed(r) ? CHAR_NAME_RELAXED | CHAR_TOKEN : CHAR_TOKEN;

	*colon = scan_set(stop, r->end, set);
	if (*colon > stop && (r->parse->options & H1_NAMES_REJECT))
		return h1_bad(r, HTTP_FAULT_NAME_REFUSED, stop);
	if (*colon == r->end || (**colon == '\r' && *colon + 1 == r->end))
		return H1_MORE;
	if (**colon != ':' || *colon == r->at)
		return h1_bad(r, name_fault(r, r->at, *colon), *colon);
	return H1_DONE;
}

/* From `at` to the end of the line; *stop: at its CR. */
static enum h1_result
value_read(struct h1_reading *r, const char *at, const char **stop)
{
	at = scan_value(at, r->end);
	while (at < r->end && *at != '\r' && *at != '\n' && h1_is_relaxed(r))
		at = scan_value(at + 1, r->end);
	*stop = at;
	if (at + 1 < r->end && at[0] == '\r' && at[1] == '\n')
		return H1_DONE;
	if (at == r->end || (*at == '\r' && at + 1 == r->end))
		return H1_MORE;
	return h1_bad(r, *at == '\r' || *at == '\n' ? HTTP_FAULT_LINE_END : HTTP_FAULT_VALUE, at);
}

static enum h1_result
field_read(struct h1_reading *r, struct http_field *f)
{
	const char *line = r->at, *colon = scan_name(line, r->end), *value, *stop, *last;
	enum h1_result result;
	bool odd = false;

	if (colon == r->end)
		return H1_MORE;
	if (*colon != ':' || colon == line) {
		const char *plain = colon;

		result = name_read_odd(r, plain, &colon);
		if (result != H1_DONE)
			return result;
		odd = colon != plain;
	}
	for (value = colon + 1; value < r->end && char_is_space(*value); value++)
		continue;
	result = value_read(r, value, &stop);
	if (result != H1_DONE)
		return result;
	if (stop + 2 - line > UINT16_MAX)
		return h1_bad(r, HTTP_FAULT_HEAD_LONG, line);
	for (last = stop; last > value && char_is_space(last[-1]); last--)
		continue;
	*f = (struct http_field){
		.line = line,
		.name_len = (uint16_t)(colon - line),
		.value_at = (uint16_t)(value - line),
		.value_len = (uint16_t)(last - value),
		.line_len = (uint16_t)(stop + 2 - line),
		.name = name_find(line, (size_t)(colon - line)),
		.left_out = odd && (r->parse->options & H1_NAMES_DELETE),
	};
	r->at = stop + 2;
	return H1_DONE;
}

enum h1_result
h1_fields(struct h1_reading *r)
{
	struct http_head *head = r->head;
	enum h1_result result;

	while (r->at < r->end && *r->at != '\r') {
		struct http_field *f = &head->fields[head->count];

		if (head->count == HTTP_FIELDS_MAX)
			return h1_bad(r, HTTP_FAULT_FIELDS, r->at);
		result = field_read(r, f);
		if (result != H1_DONE)
			return result;
		head->count++;
		if (f->name == HTTP_NAME_OTHER)
			continue;
		result = h1_note(r, f);
		if (result != H1_DONE)
			return result;
	}
	if (r->at == r->end)
		return H1_MORE;
	result = h1_line_end(r, HTTP_FAULT_LINE_END);
	head->received = head->count;
	head->end = (struct slice){ r->at - 2, 2 };
	r->parse->head_len = (size_t)(r->at - r->start);
	return result;
}
