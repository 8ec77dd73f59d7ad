/*
 * An exchange's memory: its own, its request's draft, and what is left of that for the log.
 *
 * All of it comes from the worker's free lists: a warm request allocates nothing.
 *
 * The stream's worker.
 */
#include "config.h"
#include <stdlib.h>
#include <string.h>
#include "stream/exchange_priv.h"

#define EXCHANGE_STALE_MS 500 /* by then a kept connection that was dead has shown it */

void
exchange_discard(struct worker *w, struct exchange *x)
{
	if (x == NULL)
		return;
	if (x->draft != NULL)
		spares_give(&w->spare_drafts, x->draft);
	spares_give(&w->spare_exchanges, x);
}

struct exchange *
exchange_new(struct worker *w)
{
	struct exchange *x = spares_take(&w->spare_exchanges, sizeof(*x));

	if (x == NULL)
		return NULL;
	memset(x, 0, sizeof(*x));
	x->draft = spares_take(&w->spare_drafts, sizeof(*x->draft));
	if (x->draft == NULL) {
		exchange_discard(w, x);
		return NULL;
	}
	x->request.fields = x->draft->fields;
	x->room = (struct http_room){ x->draft->lines, sizeof(x->draft->lines) };
	return x;
}

enum err
exchange_more_room(struct stream *s)
{
	struct exchange *x = s->exchange;

	if (x->lines != NULL)
		return ERR_LIMIT;
	x->lines = slab_take(&s->worker->slabs);
	if (x->lines == NULL)
		return ERR_NOMEM;
	x->room = (struct http_room){ x->lines->data, sizeof(x->lines->data) };
	return ERR_OK;
}

static void
exchange_drop_more_room(struct stream *s)
{
	struct exchange *x = s->exchange;

	if (x->lines != NULL)
		slab_give(&s->worker->slabs, x->lines);
	x->lines = NULL;
}

void
exchange_free(struct stream *s)
{
	struct exchange *x = s->exchange;

	if (x == NULL)
		return;
	exchange_drop_more_room(s);
	s->exchange = NULL;
	if (x->response != NULL)
		slab_give(&s->worker->slabs, x->response);
	free(x->facts);
	exchange_discard(s->worker, x);
}

static bool
lies_in(const char *at, const void *memory, size_t bytes)
{
	return (uintptr_t)at >= (uintptr_t)memory && (uintptr_t)at < (uintptr_t)memory + bytes;
}

/* The path is a part of the target, which has moved; or a constant; or rules made it, and it goes with the draft. */
static void
request_move_path(struct exchange *x, struct slice old_target)
{
	struct slice *path = &x->request.path;

	if (lies_in(path->at, old_target.at, old_target.len + 1))
		path->at = x->request.target.at + (path->at - old_target.at);
	else if (lies_in(path->at, x->draft, sizeof(*x->draft)) ||
		 (x->lines != NULL && lies_in(path->at, x->lines, sizeof(*x->lines))))
		*path = (struct slice){ NULL, 0 };
}

/* What was not copied has no bytes any more. */
static void
request_forget(struct http_head *request)
{
	request->line = request->end = request->reason = (struct slice){ NULL, 0 };
	request->fields = NULL;
	request->count = 0;
}

bool
exchange_take_facts(struct stream *s)
{
	struct exchange *x = s->exchange;
	const struct slice method = x->request.method_text, target = x->request.target;
	const struct slice said_method = x->said_method, said_target = x->said_target;
	const bool same_method = method.at == said_method.at;
	const bool same_target = target.at == said_target.at;
	struct slice *kept[] = { &x->request.method_text, &x->request.target,
				 &x->request.authority, &x->said_method, &x->said_target };
	size_t len = 1;
	char *at;

	if (x->facts != NULL || s->client->in == NULL)
		return true;
	if (same_method)
		x->said_method.len = 0;
	if (same_target)
		x->said_target.len = 0;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		len += kept[i]->len;
	at = x->facts = malloc(len);
	if (at == NULL) {
		x->said_method = said_method;
		x->said_target = said_target;
		return false;
	}
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (kept[i]->len > 0)
			memcpy(at, kept[i]->at, kept[i]->len);
		kept[i]->at = at;
		at += kept[i]->len;
	}
	if (same_method)
		x->said_method = x->request.method_text;
	if (same_target)
		x->said_target = x->request.target;
	request_move_path(x, target);
	request_forget(&x->request);
	exchange_drop_more_room(s);
	x->room = (struct http_room){ 0 };
	spares_give(&s->worker->spare_drafts, x->draft);
	x->draft = NULL;
	slab_give(&s->worker->slabs, s->client->in);
	s->client->in = NULL;
	return true;
}

/* Then what came behind the request is the tunnel's. */
static bool
exchange_may_tunnel(const struct exchange *x)
{
	return (x->request.says & HTTP_SAYS_UPGRADE) != 0 ||
	       x->request.method == HTTP_METHOD_CONNECT;
}

/* Nobody will ask for the request's bytes again, nor for what is behind them. */
static bool
exchange_is_past_request(const struct stream *s)
{
	const struct exchange *x = s->exchange;
	const struct backend_http *conf;

	if (s->client->in == NULL || x->rest_at < s->client->in->end ||
	    !flow_is_done(&s->flow[UP]))
		return false;
	if (s->state == STREAM_OPEN || s->state == STREAM_LAST)
		return true;
	conf = &s->backend_conf->http;
	return s->state == STREAM_AWAITING && !exchange_may_tunnel(x) &&
	       s->worker->loop->now_ms >= x->sent_ms + EXCHANGE_STALE_MS &&
	       (conf->retry_on & ~RETRY_ON_CONN_FAILURE) == 0 && conf->retry_on_statuses == 0;
}

void
exchange_slim(struct stream *s)
{
	if (exchange_is_past_request(s))
		(void)exchange_take_facts(s);	/* without memory it stays as it is */
}
