/*
 * Bodies: counted, chunked, or up to the connection's end.
 *
 * A chunked one is a machine of one byte a step, so that it does not matter how its bytes come; the
 * data of a chunk is passed over whole, and so is a line between two chunks that is there whole and
 * has a size and nothing else: bodies of very small chunks are all lines. Chunk extensions are read
 * by their grammar even though they are dropped: who lets "5;\n" or "5 x" pass sees other chunks
 * than who does not. Pure; any thread.
 */
#include "config.h"
#include "http/body.h"
#include <assert.h>
#include "http/chars_priv.h"

#define SIZE_DIGITS_MAX 15	/* of a line that is passed over; more are counted one by one */

/* Where a chunked body is (RFC 9112, 7.1). */
enum chunk_state {
	CHUNK_REFUSED,		/* 0, so that a hole in a table is a fault */
	CHUNK_SIZE_FIRST,	/* a digit must come */
	CHUNK_SIZE,
	CHUNK_SIZE_LF,
	CHUNK_EXT_GAP,		/* white space: ";" must come */
	CHUNK_EXT_NAME_FIRST,
	CHUNK_EXT_NAME,
	CHUNK_EXT_NAME_GAP,
	CHUNK_EXT_VALUE_FIRST,
	CHUNK_EXT_VALUE,
	CHUNK_EXT_QUOTED,
	CHUNK_EXT_ESCAPED,
	CHUNK_EXT_END,		/* behind a quoted string */
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER_FIRST,	/* of a trailer, or the CR of the last line */
	CHUNK_TRAILER_NAME,
	CHUNK_TRAILER_VALUE,
	CHUNK_TRAILER_LF,
	CHUNK_LAST_LF,
};

/* What a byte is to an extension. */
enum ext_class { EXT_BAD, EXT_CR, EXT_SPACE, EXT_SEMICOLON, EXT_EQUALS, EXT_QUOTE, EXT_BACKSLASH,
		 EXT_TOKEN, EXT_TEXT, EXT_CLASSES };

/* chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) (RFC 9112, 7.1.1) */
static const uint8_t ext_next[][EXT_CLASSES] = {
	[CHUNK_SIZE] = { [EXT_SPACE] = CHUNK_EXT_GAP, [EXT_SEMICOLON] = CHUNK_EXT_NAME_FIRST },
	[CHUNK_EXT_GAP] = { [EXT_SPACE] = CHUNK_EXT_GAP, [EXT_SEMICOLON] = CHUNK_EXT_NAME_FIRST },
	[CHUNK_EXT_NAME_FIRST] = { [EXT_SPACE] = CHUNK_EXT_NAME_FIRST,
				   [EXT_TOKEN] = CHUNK_EXT_NAME },
	[CHUNK_EXT_NAME] = { [EXT_TOKEN] = CHUNK_EXT_NAME,
			     [EXT_SPACE] = CHUNK_EXT_NAME_GAP,
			     [EXT_SEMICOLON] = CHUNK_EXT_NAME_FIRST,
			     [EXT_EQUALS] = CHUNK_EXT_VALUE_FIRST, [EXT_CR] = CHUNK_SIZE_LF },
	[CHUNK_EXT_NAME_GAP] = { [EXT_SPACE] = CHUNK_EXT_NAME_GAP,
				 [EXT_SEMICOLON] = CHUNK_EXT_NAME_FIRST,
				 [EXT_EQUALS] = CHUNK_EXT_VALUE_FIRST },
	[CHUNK_EXT_VALUE_FIRST] = { [EXT_SPACE] = CHUNK_EXT_VALUE_FIRST,
				    [EXT_TOKEN] = CHUNK_EXT_VALUE,
				    [EXT_QUOTE] = CHUNK_EXT_QUOTED },
	[CHUNK_EXT_VALUE] = { [EXT_TOKEN] = CHUNK_EXT_VALUE, [EXT_SPACE] = CHUNK_EXT_GAP,
			      [EXT_SEMICOLON] = CHUNK_EXT_NAME_FIRST, [EXT_CR] = CHUNK_SIZE_LF },
	[CHUNK_EXT_QUOTED] = { [EXT_SPACE ... EXT_EQUALS] = CHUNK_EXT_QUOTED,
			       [EXT_QUOTE] = CHUNK_EXT_END, [EXT_BACKSLASH] = CHUNK_EXT_ESCAPED,
			       [EXT_TOKEN ... EXT_TEXT] = CHUNK_EXT_QUOTED },
	[CHUNK_EXT_ESCAPED] = { [EXT_SPACE ... EXT_TEXT] = CHUNK_EXT_QUOTED },
	[CHUNK_EXT_END] = { [EXT_SPACE] = CHUNK_EXT_GAP, [EXT_SEMICOLON] = CHUNK_EXT_NAME_FIRST,
			    [EXT_CR] = CHUNK_SIZE_LF },
};

/*
 * Names that frame, route or tell who asks: to who takes a trailer for a field they would be
 * another message. Other names that are of no use there (RFC 9110, 6.5.1: Set-Cookie, Range) do no
 * harm either and go on.
 */
static const struct slice forbidden[] = {
	SLICE("authorization"), SLICE("connection"), SLICE("content-encoding"),
	SLICE("content-length"), SLICE("forwarded"), SLICE("host"), SLICE("keep-alive"),
	SLICE("te"), SLICE("trailer"), SLICE("transfer-encoding"), SLICE("upgrade"),
};
static const struct slice forbidden_fronts[] = { SLICE("proxy-"), SLICE("x-forwarded-") };

void
http_body_init(struct http_body *body, const struct http_head *head)
{
	*body = (struct http_body){ .framing = head->framing };
	switch (head->framing) {
	case HTTP_NO_BODY: body->done = true; break;
	case HTTP_BODY_LENGTH:
		body->left = head->length;
		body->done = head->length == 0;
		break;
	case HTTP_BODY_CHUNKED: body->state = CHUNK_SIZE_FIRST; break;
	case HTTP_TUNNEL: body->framing = HTTP_BODY_TO_EOF; break;
	case HTTP_BODY_TO_EOF: break;
	}
}

static enum ext_class
ext_class_of(char c)
{
	switch (c) {
	case '\r': return EXT_CR;
	case ' ':
	case '\t': return EXT_SPACE;
	case ';': return EXT_SEMICOLON;
	case '=': return EXT_EQUALS;
	case '"': return EXT_QUOTE;
	case '\\': return EXT_BACKSLASH;
	default: break;
	}
	if (char_is(c, CHAR_TOKEN))
		return EXT_TOKEN;
	return char_is(c, CHAR_VALUE) ? EXT_TEXT : EXT_BAD;
}

static uint64_t
hex_digit(char c)
{
	return (uint64_t)(char_is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* A digit, or what ends the number. 63 bits, so that sums of sizes and offsets stay numbers. */
static enum chunk_state
chunk_size_step(struct http_body *body, char c)
{
	if (char_is(c, CHAR_HEX)) {
		if (body->left >> 59 != 0)
			return CHUNK_REFUSED;
		body->left = body->left << 4 | hex_digit(c);
		return CHUNK_SIZE;
	}
	if (body->state == CHUNK_SIZE_FIRST)
		return CHUNK_REFUSED;
	return c == '\r' ? CHUNK_SIZE_LF : (enum chunk_state)ext_next[CHUNK_SIZE][ext_class_of(c)];
}

static bool
trailer_is_forbidden(const struct http_body *body)
{
	struct slice name = { body->name, body->name_len };

	for (size_t i = 0; i < sizeof(forbidden_fronts) / sizeof(forbidden_fronts[0]); i++) {
		if (name.len >= forbidden_fronts[i].len &&
		    memcmp(name.at, forbidden_fronts[i].at, forbidden_fronts[i].len) == 0)
			return true;
	}
	if (name.len > sizeof(body->name))
		return false;
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		if (slice_equals(name, forbidden[i]))
			return true;
	}
	return false;
}

/* A name is kept in lower case, as far as its room goes; longer ones are none that matters. */
static enum chunk_state
trailer_name_step(struct http_body *body, char c)
{
	if (c == ':' && body->name_len > 0)
		return trailer_is_forbidden(body) ? CHUNK_REFUSED : CHUNK_TRAILER_VALUE;
	if (!char_is(c, CHAR_TOKEN))
		return CHUNK_REFUSED;
	if (body->name_len < sizeof(body->name))
		body->name[body->name_len] = (char)char_lower(c);
	if (body->name_len <= sizeof(body->name))
		body->name_len++;
	return CHUNK_TRAILER_NAME;
}

static enum chunk_state
trailer_first_step(struct http_body *body, char c)
{
	body->name_len = 0;
	return c == '\r' ? CHUNK_LAST_LF : trailer_name_step(body, c);
}

/* One byte, which is none of a chunk's data. */
static enum chunk_state
chunk_step(struct http_body *body, char c)
{
	switch ((enum chunk_state)body->state) {
	case CHUNK_SIZE_FIRST:
	case CHUNK_SIZE: return chunk_size_step(body, c);
	case CHUNK_EXT_GAP:
	case CHUNK_EXT_NAME_FIRST:
	case CHUNK_EXT_NAME:
	case CHUNK_EXT_NAME_GAP:
	case CHUNK_EXT_VALUE_FIRST:
	case CHUNK_EXT_VALUE:
	case CHUNK_EXT_QUOTED:
	case CHUNK_EXT_ESCAPED:
	case CHUNK_EXT_END: return (enum chunk_state)ext_next[body->state][ext_class_of(c)];
	case CHUNK_SIZE_LF:
		if (c != '\n')
			return CHUNK_REFUSED;
		body->line_bytes = 0;
		return body->left > 0 ? CHUNK_DATA : CHUNK_TRAILER_FIRST;
	case CHUNK_DATA_CR: return c == '\r' ? CHUNK_DATA_LF : CHUNK_REFUSED;
	case CHUNK_DATA_LF: return c == '\n' ? CHUNK_SIZE_FIRST : CHUNK_REFUSED;
	case CHUNK_TRAILER_FIRST: return trailer_first_step(body, c);
	case CHUNK_TRAILER_NAME: return trailer_name_step(body, c);
	case CHUNK_TRAILER_VALUE:
		if (c == '\r')
			return CHUNK_TRAILER_LF;
		return char_is(c, CHAR_VALUE) ? CHUNK_TRAILER_VALUE : CHUNK_REFUSED;
	case CHUNK_TRAILER_LF: return c == '\n' ? CHUNK_TRAILER_FIRST : CHUNK_REFUSED;
	case CHUNK_LAST_LF:
		body->done = c == '\n';
		return c == '\n' ? CHUNK_LAST_LF : CHUNK_REFUSED;
	case CHUNK_DATA:
	case CHUNK_REFUSED: break;
	}
	return CHUNK_REFUSED;
}

/* What the next byte is, if it is sound. */
static enum http_span_kind
chunk_kind(const struct http_body *body, char c)
{
	switch ((enum chunk_state)body->state) {
	case CHUNK_SIZE:
		return char_is(c, CHAR_HEX) || c == '\r' ? HTTP_SPAN_FRAMING : HTTP_SPAN_DROPPED;
	case CHUNK_EXT_GAP:
	case CHUNK_EXT_NAME_FIRST:
	case CHUNK_EXT_NAME:
	case CHUNK_EXT_NAME_GAP:
	case CHUNK_EXT_VALUE_FIRST:
	case CHUNK_EXT_VALUE:
	case CHUNK_EXT_QUOTED:
	case CHUNK_EXT_ESCAPED:
	case CHUNK_EXT_END: return c == '\r' ? HTTP_SPAN_FRAMING : HTTP_SPAN_DROPPED;
	case CHUNK_DATA: return HTTP_SPAN_DATA;
	case CHUNK_TRAILER_FIRST:
	case CHUNK_TRAILER_NAME:
	case CHUNK_TRAILER_VALUE:
	case CHUNK_TRAILER_LF:
	case CHUNK_LAST_LF: return HTTP_SPAN_TRAILER;
	case CHUNK_REFUSED:
	case CHUNK_SIZE_FIRST:
	case CHUNK_SIZE_LF:
	case CHUNK_DATA_CR:
	case CHUNK_DATA_LF: break;
	}
	return HTTP_SPAN_FRAMING;
}

/* What is wrong, if a byte in this state is. */
static enum http_fault
chunk_fault(enum chunk_state state)
{
	if (state >= CHUNK_TRAILER_FIRST)
		return HTTP_FAULT_TRAILER;
	return state >= CHUNK_DATA ? HTTP_FAULT_CHUNK_END : HTTP_FAULT_CHUNK_SIZE;
}

/* Is there room for one more byte of a line of that sort? */
static bool
chunk_count(struct http_body *body)
{
	if (body->state >= CHUNK_TRAILER_FIRST)
		return body->trailer_bytes++ < HTTP_TRAILERS_MAX_BYTES;
	if (body->state < CHUNK_DATA)
		return body->line_bytes++ < HTTP_CHUNK_LINE_MAX_BYTES;
	return true;
}

/*
 * What is between the data of two chunks, or before the first: its length, if it is there whole and plain and
 * another chunk follows; else 0, and nothing was read.
 */
static size_t
chunk_line_pass(struct http_body *body, const char *bytes, size_t len)
{
	const char *at = bytes, *end = bytes + len, *digits;
	uint64_t size = 0;

	if (body->state == CHUNK_DATA_CR && len >= 2 && at[0] == '\r' && at[1] == '\n')
		at += 2;
	else if (body->state != CHUNK_SIZE_FIRST)
		return 0;
	for (digits = at; at < end && at - digits < SIZE_DIGITS_MAX && char_is(*at, CHAR_HEX); at++)
		size = size << 4 | hex_digit(*at);
	if (end - at < 2 || at[0] != '\r' || at[1] != '\n' || size == 0)
		return 0;
	body->left = size;
	body->state = CHUNK_DATA;
	return (size_t)(at + 2 - bytes);
}

static bool
chunk_lines_next(struct http_body *body, const char *bytes, size_t len, struct http_span *span)
{
	size_t i = 0;

	span->kind = chunk_kind(body, bytes[0]);
	span->len = chunk_line_pass(body, bytes, len);
	if (span->len > 0)
		return true;
	while (i < len && !body->done && chunk_kind(body, bytes[i]) == span->kind) {
		enum chunk_state from = (enum chunk_state)body->state;
		enum chunk_state to =
			chunk_count(body) ? chunk_step(body, bytes[i]) : CHUNK_REFUSED;

		body->state = (uint8_t)to;
		if (to == CHUNK_REFUSED) {
			body->fault = chunk_fault(from);
			return false;
		}
		i++;
	}
	span->len = i;
	return true;
}

uint64_t
http_body_data_ahead(const struct http_body *body)
{
	switch (body->framing) {
	case HTTP_BODY_LENGTH: return body->left;
	case HTTP_BODY_CHUNKED: return body->state == CHUNK_DATA ? body->left : 0;
	case HTTP_BODY_TO_EOF: return UINT64_MAX;
	case HTTP_NO_BODY:
	case HTTP_TUNNEL: break;
	}
	return 0;
}

void
http_body_skip(struct http_body *body, uint64_t bytes)
{
	assert(bytes <= http_body_data_ahead(body));
	body->bytes += bytes;
	if (body->framing == HTTP_BODY_TO_EOF)
		return;
	body->left -= bytes;
	if (body->left > 0 || bytes == 0)
		return;
	if (body->framing == HTTP_BODY_CHUNKED)
		body->state = CHUNK_DATA_CR;
	else
		body->done = true;
}

bool
http_body_next(struct http_body *body, const char *bytes, size_t len, struct http_span *span)
{
	uint64_t ahead = http_body_data_ahead(body);

	assert(len > 0 && !body->done);
	if (body->fault != HTTP_FAULT_NONE)
		return false;
	if (ahead == 0)
		return chunk_lines_next(body, bytes, len, span);
	span->kind = HTTP_SPAN_DATA;
	span->len = ahead < len ? (size_t)ahead : len;
	http_body_skip(body, span->len);
	return true;
}

/* Chunks, from the one under way on, as far as they come whole. */
static size_t
chunks_pass(struct http_body *body, const char *bytes, size_t len)
{
	size_t used = 0, line;

	do {
		if (body->state == CHUNK_DATA && used < len) {
			const size_t rest = len - used;
			const size_t take = body->left < rest ? (size_t)body->left : rest;

			http_body_skip(body, take);
			used += take;
		}
		line = chunk_line_pass(body, bytes + used, len - used);
		used += line;
	} while (line > 0);
	return used;
}

bool
http_body_pass(struct http_body *body, const char *bytes, size_t len, struct http_span *span)
{
	if (body->framing != HTTP_BODY_CHUNKED || body->fault != HTTP_FAULT_NONE)
		return http_body_next(body, bytes, len, span);
	span->kind = HTTP_SPAN_FRAMING;
	span->len = chunks_pass(body, bytes, len);
	return span->len > 0 || http_body_next(body, bytes, len, span);
}
