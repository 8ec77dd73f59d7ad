/*
 * A request that was read: rules and backend, and what a proxy changes in it.
 *
 * The stream's worker.
 */
#include "config.h"
#include "rules/rules.h"
#include "stream/capture.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"
#include "stream/unique_id.h"

/* By what exchange_more_room() said. */
static enum end_cause
no_room_cause(enum err err)
{
	return err == ERR_NOMEM ? END_RESOURCE : END_NO_ROOM;
}

/* Who asks, and whom: what servers are told of it. */
struct told {
	const struct backend_http	*backend;
	const struct frontend_http	*frontend;
	struct addr			 client, local;		/* `local` only where it is told */
};

enum told_line {
	TOLD_UNIQUE_ID,
	TOLD_FOR,
	TOLD_ORIGINAL_TO,
	TOLD_FORWARDED,
	TOLD_LINES,
};

static enum err
exchange_add_line(struct stream *s, const struct told *told, enum told_line line)
{
	struct exchange *x = s->exchange;

	switch (line) {
	case TOLD_UNIQUE_ID: return stream_add_unique_id(s);
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
	enum err err;

	for (enum told_line line = 0; line < TOLD_LINES; line++) {
		while ((err = exchange_add_line(s, told, line)) == ERR_NOMEM) {
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

	if (!needs_local && !bh->forwardfor.on && !fh->forwardfor.on &&
	    s->frontend_conf->access.unique_id_header == NULL)
		return true;
	told.backend = bh;
	told.frontend = fh;
	stream_peer_addr(stream_src(s), &told.client);
	if (needs_local)
		stream_dst(s, &told.local);
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

/* -- monitoring -- */

/*
 * "monitor-uri": we answer for ourselves, before any rule and without a line in the log. 503 where
 * "monitor fail" holds (HAProxy manual).
 */
static bool
exchange_answer_monitor(struct stream *s)
{
	const struct frontend_http *http = &s->frontend_conf->http;
	struct eval eval;

	if (http->monitor_uri == NULL ||
	    !slice_equals(s->exchange->request.target, slice_of(http->monitor_uri)))
		return false;
	if (stream_rule(s))
		s->ruled->wishes.log_level = RULE_LEVEL_SILENT + 1;
	stream_eval(s, &eval);
	if (http->monitor_fail != NULL && cond_eval(http->monitor_fail, &eval) == COND_TRUE)
		exchange_answer_error(s, 503, END_ANSWERED);
	else
		exchange_answer(s, http_answer_ready(), (struct slice){ NULL, 0 }, END_ANSWERED);
	return true;
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
	if (exchange_answer_monitor(s))
		return;
	captures_request(s);
	stream_run_rules(s);
}

/* All rules have let it pass. */
void
exchange_ruled(struct stream *s)
{
	if (!exchange_prepare(s))
		return;
	s->state = STREAM_CHOOSING;
	stream_choose(s, false);
}
