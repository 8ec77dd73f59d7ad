/*
 * A request that was read: rules and backend, and what a proxy changes in it.
 *
 * The stream's worker.
 */
#include "config.h"
#include "rules/rules.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"

/* A rule answered: true. */
static bool
exchange_obey(struct stream *s, const struct rule_verdict *v)
{
	struct exchange *x = s->exchange;

	if (v->rule == NULL)
		return false;
	x->rule = v->rule->id;
	if (v->answer != NULL)
		exchange_answer(s, v->answer, v->extra, v->cause);
	else if (v->fault != HTTP_FAULT_NONE)
		exchange_refuse(s, v->fault);
	else
		exchange_answer_error(s, v->error, v->cause);
	return true;
}

/* By what exchange_more_room() said. */
static enum end_cause
no_room_cause(enum err err)
{
	return err == ERR_NOMEM ? END_RESOURCE : END_NO_ROOM;
}

static bool
exchange_run_rules(struct stream *s, const struct rules *rules)
{
	struct exchange *x = s->exchange;
	struct rule_verdict verdict;
	enum err err;

	if (rules == NULL)
		return false;
	rules_run_request(rules, &x->request, &x->room, &verdict);
	while (verdict.no_room) {
		err = exchange_more_room(s);
		if (err != ERR_OK) {
			x->rule = verdict.rule->id;
			exchange_fail(s, no_room_cause(err));
			return true;
		}
		rules_run_request(rules, &x->request, &x->room, &verdict);
	}
	return exchange_obey(s, &verdict);
}

static struct backend *
exchange_find_backend(struct stream *s)
{
	const struct frontend_conf *conf = s->frontend_conf;
	struct rule_verdict verdict;

	if (conf->http.rules == NULL)
		return conf->default_backend;
	rules_run_use_backend(conf->http.rules, &s->exchange->request, &verdict);
	if (verdict.rule == NULL)
		return conf->default_backend;
	s->exchange->rule = verdict.rule->id;
	return verdict.backend;
}

/* Who asks, and whom: what servers are told of it. */
struct told {
	const struct backend_http	*backend;
	const struct frontend_http	*frontend;
	struct addr			 client, local;		/* `local` only where it is told */
};

enum told_line {
	TOLD_FOR,
	TOLD_ORIGINAL_TO,
	TOLD_FORWARDED,
	TOLD_LINES,
};

static enum err
exchange_add_line(struct exchange *x, const struct told *told, enum told_line line)
{
	switch (line) {
	case TOLD_FOR:
		return http_forward_for(&x->request, &told->backend->forwardfor,
					&told->frontend->forwardfor, &told->client, &x->room);
	case TOLD_ORIGINAL_TO:
		return http_forward_original_to(&x->request, &told->backend->originalto,
						&told->frontend->originalto, &told->local,
						&x->room);
	case TOLD_FORWARDED:
		return http_forward_forwarded(&x->request, &told->backend->forwarded, &told->client,
					      &told->local, false, &x->room);
	case TOLD_LINES: break;
	}
	return ERR_OK;
}

/* False: there was no room for one, or were too many, and it was answered. */
static bool
exchange_add_lines(struct stream *s, const struct told *told)
{
	struct exchange *x = s->exchange;
	enum err err;

	for (enum told_line line = 0; line < TOLD_LINES; line++) {
		while ((err = exchange_add_line(x, told, line)) == ERR_NOMEM) {
			err = exchange_more_room(s);
			if (err != ERR_OK) {
				exchange_fail(s, no_room_cause(err));
				return false;
			}
		}
		if (err != ERR_OK) {
			exchange_refuse(s, HTTP_FAULT_FIELDS);
			return false;
		}
	}
	return true;
}

static bool
exchange_add_addresses(struct stream *s)
{
	const struct backend_http *bh = &s->backend_conf->http;
	const struct frontend_http *fh = &s->frontend_conf->http;
	const bool needs_local = bh->originalto.on || fh->originalto.on || bh->forwarded.on;
	struct told told;

	if (!needs_local && !bh->forwardfor.on && !fh->forwardfor.on)
		return true;
	told.backend = bh;
	told.frontend = fh;
	stream_peer_addr(&s->client->peer, &told.client);
	if (needs_local)
		client_local(s->client, &told.local);
	return exchange_add_lines(s, &told);
}

/* False: a field has a name that the backend does not take. */
static bool
exchange_restrict_names(struct stream *s)
{
	const unsigned names = s->backend_conf->http.h1_names;

	return names == 0 ||
	       http_forward_names(&s->exchange->request, (names & H1_NAMES_REJECT) != 0);
}

/* What a proxy changes in it. False: it is refused, or has grown too large, and was answered. */
static bool
exchange_prepare(struct stream *s)
{
	if (!exchange_restrict_names(s)) {
		exchange_refuse(s, HTTP_FAULT_NAME_REFUSED);
		return false;
	}
	if (http_forward_hops(&s->exchange->request, false) == ERR_OK)
		return exchange_add_addresses(s);
	exchange_refuse(s, HTTP_FAULT_FIELDS);
	return false;
}

void
exchange_begin(struct stream *s)
{
	struct exchange *x = s->exchange;
	struct client *c = s->client;

	x->request_ms = s->worker->loop->now_ms;
	x->keeps_client = h1_is_persistent(&x->request) && !c->closes;
	c->requests++;
	s->flow[UP].bytes += x->parse.head_len;
	flow_frame(&s->flow[UP], &x->frame[UP], &x->request, false);
	if (exchange_run_rules(s, s->frontend_conf->http.rules))
		return;
	if (!stream_set_backend(s, exchange_find_backend(s))) {
		s->state = STREAM_CHOOSING;
		exchange_fail(s, END_NO_BACKEND);
	} else if (!exchange_run_rules(s, s->backend_conf->http.rules) && exchange_prepare(s)) {
		s->state = STREAM_CHOOSING;
		stream_choose(s, NULL, false);
	}
}
