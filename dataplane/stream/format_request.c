/*
 * Log variables: the request as it came, and what was captured of it and of the response (HAProxy manual, 8.2.3).
 *
 * The stream's worker.
 */
#include "config.h"
#include "stream/format_stream_priv.h"
#include <string.h>
#include "stream/capture.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"
#include "stream/stream_log_priv.h"

/* "GET /a HTTP/1.1", as much of it as is logged (HAProxy: tune.http.logurilen). */
void
var_r(struct eval *eval, struct format_out *out)
{
	char line[LOG_REQUEST_BYTES];
	struct slice method, uri;
	size_t len;

	if (eval->stream == NULL || eval->stream->exchange == NULL)
		return;
	if (!exchange_said(eval->stream, &method, &uri)) {
		format_put_as(out, SLICE("<BADREQ>"), FORMAT_AS_URI);
		return;
	}
	memcpy(line, method.at, method.len);
	len = method.len;
	line[len++] = ' ';
	memcpy(line + len, uri.at, uri.len);
	len += uri.len;
	if (sizeof(line) - len >= sizeof(" HTTP/1.1") - 1) {
		memcpy(line + len, " HTTP/1.1", sizeof(" HTTP/1.1") - 1);
		len += sizeof(" HTTP/1.1") - 1;
		line[len - 1] = eval->stream->exchange->request.minor == 0 ? '0' : '1';
	}
	format_put_as(out, (struct slice){ line, len }, FORMAT_AS_URI);
}

/* A part of it. */
static void
put_said(struct eval *eval, struct format_out *out,
	 struct slice (*part)(struct slice method, struct slice uri))
{
	struct slice method, uri;

	if (eval->stream == NULL || eval->stream->exchange == NULL)
		return;
	if (exchange_said(eval->stream, &method, &uri))
		format_put_as(out, part(method, uri), FORMAT_AS_URI);
	else
		format_put_as(out, SLICE("<BADREQ>"), FORMAT_AS_URI);
}

static struct slice
said_method(struct slice method, struct slice uri)
{
	return method;
}

static struct slice
said_uri(struct slice method, struct slice uri)
{
	return uri;
}

static const char *
query_mark(struct slice uri)
{
	return uri.len == 0 ? NULL : memchr(uri.at, '?', uri.len);
}

static struct slice
said_before_query(struct slice method, struct slice uri)
{
	const char *mark = query_mark(uri);

	return mark == NULL ? uri : (struct slice){ uri.at, (size_t)(mark - uri.at) };
}

static struct slice
said_query(struct slice method, struct slice uri)
{
	const char *mark = query_mark(uri);

	if (mark == NULL)
		return (struct slice){ "", 0 };
	return (struct slice){ mark, (size_t)(uri.at + uri.len - mark) };
}

static struct slice
said_path(struct slice method, struct slice uri)
{
	return said_before_query(method, request_uri_path(uri));
}

#define PUT_SAID(name, part)						\
	void var_##name(struct eval *eval, struct format_out *out) \
	{								\
		put_said(eval, out, part);				\
	}

PUT_SAID(HM, said_method)
PUT_SAID(HP, said_before_query)
PUT_SAID(HPO, said_path)
PUT_SAID(HQ, said_query)
PUT_SAID(HU, said_uri)

void
var_HV(struct eval *eval, struct format_out *out)
{
	const struct exchange *x = eval->stream == NULL ? NULL : eval->stream->exchange;

	if (x == NULL)
		return;
	format_put_as(out,
		      !x->is_parsed		? SLICE("<BADREQ>")
		      : x->request.minor == 0 ? SLICE("HTTP/1.0")
					      : SLICE("HTTP/1.1"),
		      FORMAT_AS_URI);
}

/* -- captures -- */

/* How many there are to be shown: none of a request that was none. */
static uint32_t
capture_count(const struct stream *s, bool is_response)
{
	if (s == NULL || s->exchange == NULL || !s->exchange->is_parsed)
		return 0;
	return s->frontend_conf->captures.sides[is_response].count;
}

/* "{a|b}". */
static void
put_captures(struct eval *eval, struct format_out *out, bool is_response)
{
	const struct stream *s = eval->stream;
	const uint32_t count = capture_count(s, is_response);

	if (count == 0)
		return;
	format_put_quote(out);
	format_put_raw(out, SLICE("{"));
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			format_put_raw(out, SLICE("|"));
		format_put_as(out, capture_get(s, is_response, i), FORMAT_AS_PART);
	}
	format_put_raw(out, SLICE("}"));
	format_put_quote(out);
}

/* "a" "b". */
static void
put_capture_list(struct eval *eval, struct format_out *out, bool is_response)
{
	const struct stream *s = eval->stream;
	const uint32_t count = capture_count(s, is_response);

	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			format_put_raw(out, SLICE(" "));
		format_put_as(out, capture_get(s, is_response, i), FORMAT_AS_HEADER);
	}
}

void
var_hr(struct eval *eval, struct format_out *out)
{
	put_captures(eval, out, false);
}

void
var_hs(struct eval *eval, struct format_out *out)
{
	put_captures(eval, out, true);
}

void
var_hrl(struct eval *eval, struct format_out *out)
{
	put_capture_list(eval, out, false);
}

void
var_hsl(struct eval *eval, struct format_out *out)
{
	put_capture_list(eval, out, true);
}

void
var_CC(struct eval *eval, struct format_out *out)
{
	if (eval->stream != NULL)
		format_put(out, capture_cookie(eval->stream, false));
}

void
var_CS(struct eval *eval, struct format_out *out)
{
	if (eval->stream != NULL)
		format_put(out, capture_cookie(eval->stream, true));
}
