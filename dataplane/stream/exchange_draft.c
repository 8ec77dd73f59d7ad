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

static struct draft *
draft_new(struct worker *w)
{
	struct draft *d = w->free_drafts;

	if (d == NULL)
		return malloc(sizeof(*d));
	w->free_drafts = d->next_free;
	w->free_draft_count--;
	return d;
}

static void
draft_free(struct worker *w, struct draft *d)
{
	if (d == NULL)
		return;
	if (w->free_draft_count >= WORKER_DRAFTS_KEPT) {
		free(d);
		return;
	}
	d->next_free = w->free_drafts;
	w->free_drafts = d;
	w->free_draft_count++;
}

void
exchange_discard(struct worker *w, struct exchange *x)
{
	if (x == NULL)
		return;
	draft_free(w, x->draft);
	if (w->free_exchange_count >= WORKER_STREAMS_KEPT) {
		free(x);
		return;
	}
	x->next_free = w->free_exchanges;
	w->free_exchanges = x;
	w->free_exchange_count++;
}

struct exchange *
exchange_new(struct worker *w)
{
	struct exchange *x = w->free_exchanges;

	if (x != NULL) {
		w->free_exchanges = x->next_free;
		w->free_exchange_count--;
	} else {
		x = malloc(sizeof(*x));
	}
	if (x == NULL)
		return NULL;
	memset(x, 0, sizeof(*x));
	x->draft = draft_new(w);
	if (x->draft == NULL) {
		exchange_discard(w, x);
		return NULL;
	}
	x->request.fields = x->draft->fields;
	x->room = (struct http_room){ x->draft->lines, sizeof(x->draft->lines) };
	return x;
}

void
exchange_free(struct stream *s)
{
	struct exchange *x = s->exchange;

	if (x == NULL)
		return;
	s->exchange = NULL;
	if (x->response != NULL)
		slab_give(&s->worker->slabs, x->response);
	free(x->facts);
	exchange_discard(s->worker, x);
}

void
exchange_pool_free(struct worker *w)
{
	while (w->free_exchanges != NULL) {
		struct exchange *x = w->free_exchanges;

		w->free_exchanges = x->next_free;
		free(x);
	}
	while (w->free_drafts != NULL) {
		struct draft *d = w->free_drafts;

		w->free_drafts = d->next_free;
		free(d);
	}
}

bool
exchange_take_facts(struct stream *s)
{
	struct exchange *x = s->exchange;
	struct slice *kept[] = { &x->request.method_text, &x->request.target,
				 &x->request.authority };
	size_t len = 1;
	char *at;

	if (x->facts != NULL || s->client->in == NULL)
		return true;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		len += kept[i]->len;
	at = x->facts = malloc(len);
	if (at == NULL)
		return false;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (kept[i]->len > 0)
			memcpy(at, kept[i]->at, kept[i]->len);
		kept[i]->at = at;
		at += kept[i]->len;
	}
	x->request.count = 0;
	x->request.fields = NULL;
	x->room = (struct http_room){ 0 };
	draft_free(s->worker, x->draft);
	x->draft = NULL;
	slab_give(&s->worker->slabs, s->client->in);
	s->client->in = NULL;
	return true;
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
	return s->state == STREAM_AWAITING && (x->request.says & HTTP_SAYS_UPGRADE) == 0 &&
	       (conf->retry_on & ~RETRY_ON_CONN_FAILURE) == 0 && conf->retry_on_statuses == 0;
}

void
exchange_slim(struct stream *s)
{
	if (exchange_is_past_request(s))
		(void)exchange_take_facts(s);	/* without memory it stays as it is */
}
