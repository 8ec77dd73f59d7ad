/*
 * What has come of a request's body (HAProxy manual, 7.3.6: "req.body"): all of it only where a
 * wait-for-body rule waited for it.
 *
 * A worker runs these: slices of what was received, no memory. Pure; any thread.
 */
#include "config.h"
#include "expr/fetch_priv.h"

static bool
get_body(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->request == NULL)
		return false;
	sample->text = eval->request_bytes;
	return true;
}

static bool
get_body_len(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->request == NULL)
		return false;
	sample->number = (int64_t)eval->request_bytes.len;
	return true;
}

/* As Content-Length announces it; of a chunked body what has come. */
static bool
get_body_size(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->request == NULL)
		return false;
	sample->number = (int64_t)eval->request_bytes.len;
	if (eval->request->framing == HTTP_BODY_LENGTH)
		sample->number = (int64_t)eval->request->length;
	return true;
}

static bool
get_body_param(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (eval->request == NULL)
		return false;
	if (!cursor->inside)
		cursor->rest = eval->request_bytes;
	cursor->inside = true;
	return param_next(&cursor->rest, '&', args->at[0].text, &sample->text);
}

/* clang-format off */
#define NOTHING		{ ARG_NONE }
#define NAMED		{ ARG_STRING | ARG_OPTIONAL }
#define BODY		(NEEDS_REQUEST | NEEDS_REQUEST_BYTES | NEEDS_HTTP)

static const struct fetch rows[] = {
	/* name			type		needs	args		which; help, check, get */
	{ "req.body",		SAMPLE_BINARY,	BODY,	NOTHING,	FETCH_ONE,
		"what has come of the request's body", NULL, get_body },
	{ "req.body_len",	SAMPLE_INT,	BODY,	NOTHING,	FETCH_ONE,
		"how many bytes of it have come", NULL, get_body_len },
	{ "req.body_param",	SAMPLE_STRING,	BODY,	NAMED,		FETCH_MANY,
		"values of a parameter of a url-encoded body, or of any", NULL, get_body_param },
	{ "req.body_size",	SAMPLE_INT,	BODY,	NOTHING,	FETCH_ONE,
		"the length of the body as it was announced", NULL, get_body_size },
};
/* clang-format on */

struct fetch_table fetch_body = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
