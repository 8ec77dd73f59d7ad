/*
 * What else a head tells: method, version, status, all header names, all of its fields (HAProxy manual,
 * 7.3.6: "method", "req.ver", "status", "req.hdrs").
 *
 * A worker runs these for each request; what is put together lies in the evaluation's room. Header
 * names are told in lower case, as HAProxy has them. Pure; any thread.
 */
#include "config.h"
#include "expr/fetch_priv.h"
#include <string.h>

#define VARINT_ONE_BYTE	 240	/* numbers below are one byte (SPOE.txt, 3.2 "Frames encoding") */
#define VARINT_MAX_BYTES 4	/* of a field's name or value: 64 KiB at most */

static bool
get_method(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->request == NULL)
		return false;
	sample->text = eval->request->method_text;
	return true;
}

static struct slice
version_of(const struct http_head *head)
{
	return head->minor == 0 ? SLICE("1.0") : SLICE("1.1");
}

static bool
get_request_version(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->request == NULL)
		return false;
	sample->text = version_of(eval->request);
	return true;
}

static bool
get_response_version(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->response == NULL)
		return false;
	sample->text = version_of(eval->response);
	return true;
}

static bool
get_status(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->response == NULL)
		return false;
	sample->number = eval->response->status;
	return true;
}

/* -- all fields -- */

/* Where pieces are put; `at` is NULL once something did not fit. */
struct out {
	struct eval	*eval;
	char		*from, *at, *end;
};

/* All of the evaluation's room, to be trimmed by out_done(). */
static struct out
out_of(struct eval *eval)
{
	size_t left = eval->room.left;
	char *at = eval_take(eval, left);

	return (struct out){ eval, at, at, at == NULL ? NULL : at + left };
}

static void
out_put(struct out *out, const char *bytes, size_t len)
{
	if (out->at == NULL || (size_t)(out->end - out->at) < len) {
		out->at = NULL;
		return;
	}
	if (len != 0)
		memcpy(out->at, bytes, len);
	out->at += len;
}

static void
out_put_lower(struct out *out, struct slice text)
{
	char *from = out->at;

	out_put(out, text.at, text.len);
	for (char *at = from; out->at != NULL && at < out->at; at++) {
		if (*at >= 'A' && *at <= 'Z')
			*at |= 0x20;
	}
}

static bool
out_done(struct out *out, struct slice *text)
{
	bool fits = out->at != NULL;

	eval_trim(out->eval, fits ? out->at : out->from);
	*text = (struct slice){ out->from, fits ? (size_t)(out->at - out->from) : 0 };
	return fits;
}

/* SPOE's variable-length integers, of its documentation's 3.2. */
static void
out_put_varint(struct out *out, size_t value)
{
	uint8_t bytes[VARINT_MAX_BYTES];
	size_t len = 0;

	if (value < VARINT_ONE_BYTE) {
		bytes[len++] = (uint8_t)value;
	} else {
		bytes[len++] = (uint8_t)(value | 0xf0);
		for (value = (value - VARINT_ONE_BYTE) >> 4; value >= 128;
		     value = (value - 128) >> 7)
			bytes[len++] = (uint8_t)(value | 0x80);
		bytes[len++] = (uint8_t)value;
	}
	out_put(out, (const char *)bytes, len);
}

static bool
names_of(struct eval *eval, const struct http_head *head, const struct args *args,
	struct sample *sample)
{
	const char *delimiter = args->at[0].text.len == 0 ? "," : args->at[0].text.at;
	struct out out;

	if (head == NULL)
		return false;
	out = out_of(eval);
	for (uint32_t i = 0; i < head->count; i++) {
		if (head->fields[i].left_out)
			continue;
		if (out.at != out.from)
			out_put(&out, delimiter, 1);
		out_put_lower(&out, http_field_name(&head->fields[i]));
	}
	return out_done(&out, &sample->text);
}

static bool
lines_of(struct eval *eval, const struct http_head *head, struct sample *sample)
{
	struct out out;

	if (head == NULL)
		return false;
	out = out_of(eval);
	for (uint32_t i = 0; i < head->count; i++) {
		struct slice value = http_field_value(&head->fields[i]);

		if (head->fields[i].left_out)
			continue;
		out_put_lower(&out, http_field_name(&head->fields[i]));
		out_put(&out, ": ", 2);
		out_put(&out, value.at, value.len);
		out_put(&out, "\r\n", 2);
	}
	out_put(&out, "\r\n", 2);
	return out_done(&out, &sample->text);
}

static bool
binary_of(struct eval *eval, const struct http_head *head, struct sample *sample)
{
	struct out out;

	if (head == NULL)
		return false;
	out = out_of(eval);
	for (uint32_t i = 0; i < head->count; i++) {
		struct slice name = http_field_name(&head->fields[i]);
		struct slice value = http_field_value(&head->fields[i]);

		if (head->fields[i].left_out)
			continue;
		out_put_varint(&out, name.len);
		out_put_lower(&out, name);
		out_put_varint(&out, value.len);
		out_put(&out, value.at, value.len);
	}
	out_put(&out, "\0\0", 2);	/* an empty name with an empty value */
	return out_done(&out, &sample->text);
}

static bool
get_request_names(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return names_of(eval, eval->request, args, sample);
}

static bool
get_response_names(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return names_of(eval, eval->response, args, sample);
}

static bool
get_request_lines(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return lines_of(eval, eval->request, sample);
}

static bool
get_response_lines(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return lines_of(eval, eval->response, sample);
}

static bool
get_request_binary(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return binary_of(eval, eval->request, sample);
}

static bool
get_response_binary(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	return binary_of(eval, eval->response, sample);
}

/* clang-format off */
#define NOTHING		{ ARG_NONE }
#define DELIMITER	{ ARG_STRING | ARG_OPTIONAL }
#define LINE		NEEDS_REQUEST_LINE
#define REQUEST		NEEDS_REQUEST
#define RESPONSE	NEEDS_RESPONSE

#define NAMES_HELP	"the names of all header fields, with commas or what is given between them"
#define LINES_HELP	"all header fields as text, with the empty line behind them"
#define BINARY_HELP	"all header fields as SPOE encodes them"

static const struct fetch rows[] = {
	/* name			type		needs		args		which; help, check, get */
	{ "method",		SAMPLE_METHOD,	LINE,		NOTHING,	FETCH_ONE,
		"the request's method", NULL, get_method },
	{ "req.hdr_names",	SAMPLE_STRING,	REQUEST,	DELIMITER,	FETCH_ONE,
		NAMES_HELP, NULL, get_request_names },
	{ "req.hdrs",		SAMPLE_STRING,	REQUEST,	NOTHING,	FETCH_ONE,
		LINES_HELP, NULL, get_request_lines },
	{ "req.hdrs_bin",	SAMPLE_BINARY,	REQUEST,	NOTHING,	FETCH_ONE,
		BINARY_HELP, NULL, get_request_binary },
	{ "req.ver",		SAMPLE_STRING,	LINE,		NOTHING,	FETCH_ONE,
		"the request's version, as 1.1", NULL, get_request_version },
	{ "req_ver",		SAMPLE_STRING,	LINE,		NOTHING,	FETCH_ONE,
		"the request's version, as 1.1", NULL, get_request_version },
	{ "res.hdr_names",	SAMPLE_STRING,	RESPONSE,	DELIMITER,	FETCH_ONE,
		NAMES_HELP, NULL, get_response_names },
	{ "res.hdrs",		SAMPLE_STRING,	RESPONSE,	NOTHING,	FETCH_ONE,
		LINES_HELP, NULL, get_response_lines },
	{ "res.hdrs_bin",	SAMPLE_BINARY,	RESPONSE,	NOTHING,	FETCH_ONE,
		BINARY_HELP, NULL, get_response_binary },
	{ "res.ver",		SAMPLE_STRING,	RESPONSE,	NOTHING,	FETCH_ONE,
		"the response's version, as 1.1", NULL, get_response_version },
	{ "resp_ver",		SAMPLE_STRING,	RESPONSE,	NOTHING,	FETCH_ONE,
		"the response's version, as 1.1", NULL, get_response_version },
	{ "status",		SAMPLE_INT,	RESPONSE,	NOTHING,	FETCH_ONE,
		"the response's status", NULL, get_status },
};
/* clang-format on */

struct fetch_table fetch_head = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
