/*
 * What an exchange adds to the log line and to the counters (API.md, "Logs"; HAProxy manual, 8.2.3).
 *
 * The stream's worker.
 */
#include "config.h"
#include "core/jsonw.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"

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

void
exchange_log_response(struct jsonw *w, const struct stream *s)
{
	const struct exchange *x = s->exchange;

	jsonw_int(w, "response", elapsed(s->connected_ms, x->response_ms));
	jsonw_int(w, "data", elapsed(x->response_ms, s->worker->loop->now_ms));
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
	if (x->rule != NULL)
		jsonw_string(w, "rule", x->rule);
	if (!x->is_parsed)
		return;
	jsonw_slice(w, "method", log_cut(x->request.method_text));
	jsonw_slice(w, "target", log_cut(x->request.target));
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
