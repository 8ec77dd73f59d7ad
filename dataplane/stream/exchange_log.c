/*
 * What an exchange adds to the log line and to the counters (API.md, "Logs"; HAProxy manual, 8.2.3).
 *
 * The stream's worker.
 */
#include "config.h"
#include "core/jsonw.h"
#include <string.h>
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"
#include "stream/stream_log_priv.h"

#define LOG_TEXT_BYTES 1024 /* of a target (HAProxy: tune.http.logurilen) */

/* -1: one of them was not reached. */
static int64_t
elapsed(uint64_t from_ms, uint64_t to_ms)
{
	return from_ms == 0 || to_ms == 0 ? -1 : (int64_t)(to_ms - from_ms);
}

void
exchange_log_timers(struct jsonw *w, const struct stream *s)
{
	jsonw_int(w, "idle", elapsed(s->client->since_ms, s->begun_ms));
	jsonw_int(w, "request", elapsed(s->begun_ms, s->exchange->request_ms));
}

int64_t
stream_time_response(const struct stream *s)
{
	return s->exchange == NULL ? -1 : elapsed(s->connected_ms, s->exchange->response_ms);
}

void
exchange_log_response(struct jsonw *w, const struct stream *s)
{
	const struct exchange *x = s->exchange;

	jsonw_int(w, "response", stream_time_response(s));
	jsonw_int(w, "data", elapsed(x->response_ms, s->worker->loop->now_ms));
}

bool
exchange_said(const struct stream *s, struct slice *method, struct slice *uri)
{
	const struct exchange *x = s->exchange;

	if (!x->is_parsed)
		return false;
	*method = x->said_method;
	*uri = x->said_target;
	if (method->len > LOG_REQUEST_BYTES - 1)
		method->len = LOG_REQUEST_BYTES - 1;
	if (uri->len > LOG_REQUEST_BYTES - 1 - method->len)
		uri->len = LOG_REQUEST_BYTES - 1 - method->len;
	return true;
}

struct slice
request_uri_path(struct slice uri)
{
	const char *end = uri.at + uri.len, *at = uri.at;
	const char *scheme = uri.len == 0 ? NULL : memmem(uri.at, uri.len, "://", 3);

	if (uri.len == 0 || *at == '/')
		return uri;
	at = scheme == NULL ? NULL : memchr(scheme + 3, '/', (size_t)(end - scheme - 3));
	return at == NULL ? (struct slice){ "", 0 } : (struct slice){ at, (size_t)(end - at) };
}

static struct slice
log_cut(struct slice text)
{
	if (text.len > LOG_TEXT_BYTES)
		text.len = LOG_TEXT_BYTES;
	return text;
}

void
exchange_log_request(struct jsonw *w, const struct stream *s)
{
	const struct exchange *x = s->exchange;

	if (x->status == 0)
		jsonw_null(w, "status");
	else
		jsonw_uint(w, "status", x->status);
	if (x->fault != HTTP_FAULT_NONE)
		jsonw_string(w, "fault", http_fault_name(x->fault));
	if (x->fault != HTTP_FAULT_NONE && x->fault == x->parse.fault)
		jsonw_uint(w, "fault_at", x->parse.fault_at);	/* in its head */
	if (!x->is_parsed)
		return;
	jsonw_slice(w, "method", log_cut(x->said_method));
	jsonw_slice(w, "target", log_cut(x->said_target));
	jsonw_slice(w, "host", log_cut(x->request.authority));
	jsonw_string(w, "version", x->request.minor == 0 ? "HTTP/1.0" : "HTTP/1.1");
}

void
exchange_count_response(struct stream *s, uint16_t status)
{
	const uint32_t worker = s->worker->index;
	const unsigned class = status / 100 < HTTP_CLASSES ? status / 100 : 0;

	count_add(&s->frontend->slots[worker].counters.responses[class], 1);
	if (s->backend != NULL)
		count_add(&s->backend->slots[worker].counters.responses[class], 1);
	if (s->server != NULL && s->exchange->answer < ANSWER_OURS)
		count_add(&s->server->slots[worker].counters.responses[class], 1);
}
