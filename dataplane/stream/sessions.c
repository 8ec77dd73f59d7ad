/*
 * Walks over the workers' streams: to look at them, or to end them.
 *
 * A walk is one piece of memory with a part a worker. The part goes to its worker by mail, puts a
 * marker of its own at the front of the list of streams, moves it along as far as a turn may cost,
 * and goes home. The list is in order of ids, so each part brings the smallest ones that match, and
 * control merges them: it moves pointers, as ten thousand descriptions are 9 MB.
 *
 * The functions say where they run.
 */
#include "config.h"
#include "stream/sessions.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/obj.h"
#include "stream/engine_priv.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"
#include "stream/stream_priv.h"

/* A turn's worth: 1000 streams that do not match, 250 that are described, 64 that are ended. */
#define TURN_BUDGET	    1024
#define COST_PASSED	    1
#define COST_DESCRIBED	    4		/* its sockets are asked for their addresses */
#define COST_ENDED	    16		/* closes, a log line: some 100 us */

#define SESSIONS_FIRST_ROOM 64

struct walk_part {
	struct mail		 mail;
	struct task		 task;
	struct stream_link	 marker;
	struct sessions_walk	*walk;
	struct worker		*worker;
	struct session_info	*infos;
	uint32_t		 count;		/* of infos, or of streams ended */
	uint32_t		 merged;	/* control: so many of infos are in the list */
	uint32_t		 room;
	bool			 more;
	bool			 failed;	/* no memory */
};

struct sessions_walk {
	struct session_filter	 filter;
	uint32_t		 limit;
	enum end_cause		 cause;		/* to end them; END_NONE: to look at them */
	void		       (*on_list)(struct session_list *list, void *arg);
	void		       (*on_ended)(uint32_t ended, void *arg);
	void			*arg;
	uint32_t		 pending;	/* control: parts that are not home */
	uint32_t		 count;
	struct walk_part	 parts[];
};

static bool
filter_has_source(const struct session_filter *f, const struct stream_peer *peer)
{
	switch (f->src) {
	case SESSION_SRC_ANY: return true;
	case SESSION_SRC_NETWORK: return network_has(&f->src_network, &peer->sa);
	case SESSION_SRC_UNIX: return peer->sa.sa_family == AF_UNIX;
	}
	return false;
}

static bool
filter_has_names(const struct session_filter *f, const struct stream *s)
{
	if (f->server_name[0] != '\0' &&
	    (s->server == NULL || strcmp(s->server->name, f->server_name) != 0))
		return false;
	return f->backend_name[0] == '\0' ||
	       (s->backend != NULL && strcmp(s->backend->name, f->backend_name) == 0);
}

static bool
filter_matches(const struct session_filter *f, const struct stream *s)
{
	if (s->id <= f->after || (f->id != 0 && s->id != f->id))
		return false;
	if (f->server != 0 && (s->server == NULL || s->server->generation != f->server))
		return false;
	return filter_has_names(f, s) && filter_has_source(f, stream_src(s));
}

static const char *
stream_state_text(const struct stream *s)
{
	static const char *const texts[] = {
#define X(name, letter, text) [STREAM_##name] = text,
		STREAM_STATES(X)
#undef X
	};

	if (s->state == STREAM_OPEN && s->mode != &stream_http &&
	    (s->flow[UP].state != FLOW_OPEN || s->flow[DOWN].state != FLOW_OPEN))
		return texts[STREAM_ENDED];
	return texts[s->state];
}

static uint64_t
stream_idle_ms(const struct stream *s)
{
	uint64_t last_ms = s->begun_ms;

	for (int i = UP; i <= DOWN; i++) {
		if (s->flow[i].read_ms > last_ms)
			last_ms = s->flow[i].read_ms;
		if (s->flow[i].written_ms > last_ms)
			last_ms = s->flow[i].written_ms;
	}
	return s->worker->loop->now_ms - last_ms;
}

static void
info_set_name(char name[129], const char *text)
{
	(void)snprintf(name, 129, "%s", text);
}

static void
info_set_addresses(struct session_info *info, const struct stream *s)
{
	stream_peer_addr(stream_src(s), &info->client);
	client_local(s->client, &info->local);
	if (s->server == NULL)
		return;
	/* its configured address may have changed since */
	if (s->sc == NULL || s->sc->conn.fd < 0 ||
	    addr_of_peer(&info->server_address, s->sc->conn.fd) != ERR_OK)
		info->server_address = server_slot(s->server, s->worker->index)->conf->address;
}

/* ERR_NOMEM: there is no room for its words. */
static enum err
info_set_request(struct session_request *r, const struct http_head *head)
{
	const struct slice words[] = { head->method_text, head->target, head->authority };
	struct slice *const copies[] = { &r->method, &r->target, &r->host };
	size_t bytes = 1; /* of nothing, too */
	char *at;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		copies[i]->len = words[i].len < SESSION_TEXT_BYTES ? words[i].len
								   : SESSION_TEXT_BYTES;
		bytes += copies[i]->len;
	}
	at = r->text = malloc(bytes);
	if (at == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (copies[i]->len > 0)
			memcpy(at, words[i].at, copies[i]->len);
		copies[i]->at = at;
		at += copies[i]->len;
	}
	r->version = head->minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
	return ERR_OK;
}

static enum err
info_set_exchange(struct session_info *info, const struct exchange *x)
{
	if (x == NULL)
		return ERR_OK;
	info->is_http = true;
	info->status = x->status;
	return x->is_parsed ? info_set_request(&info->request, &x->request) : ERR_OK;
}

static enum err
info_fill(struct session_info *info, const struct stream *s)
{
	*info = (struct session_info){
		.id = s->id,
		.worker = s->worker->index,
		.begun_us = s->begun_us,
		.idle_ms = stream_idle_ms(s),
		.bytes_in = s->flow[UP].bytes,
		.bytes_out = s->flow[DOWN].bytes,
		.state = stream_state_text(s),
		.retries = stream_retries(s),
	};
	info_set_name(info->frontend, s->frontend->name);
	if (s->backend != NULL)
		info_set_name(info->backend, s->backend->name);
	if (s->server != NULL)
		info_set_name(info->server, s->server->name);
	info_set_addresses(info, s);
	return info_set_exchange(info, s->exchange);
}

/* Room for one more; false when there is no memory. */
static bool
part_grow(struct walk_part *part)
{
	uint32_t room = part->room == 0 ? SESSIONS_FIRST_ROOM : part->room * 2;
	struct session_info *infos;

	if (part->count < part->room)
		return true;
	infos = realloc(part->infos, room * sizeof(*infos));
	if (infos == NULL)
		return false;
	part->infos = infos;
	part->room = room;
	return true;
}

/* Worker. What it cost; 0: this part has enough, or no memory. */
static uint32_t
part_visit(struct walk_part *part, struct stream *s)
{
	const struct sessions_walk *walk = part->walk;

	if (!filter_matches(&walk->filter, s))
		return COST_PASSED;
	if (walk->cause != END_NONE) {
		stream_end(s, walk->cause);
		part->count++;
		return COST_ENDED;
	}
	part->more = part->count >= walk->limit;
	part->failed = !part->more && !part_grow(part);
	if (part->more || part->failed)
		return 0;
	part->failed = info_fill(&part->infos[part->count++], s) != ERR_OK;
	return part->failed ? 0 : COST_DESCRIBED;
}

/* Worker. The next stream behind the marker, which moves behind it; NULL at the end. */
static struct stream *
part_next(struct walk_part *part)
{
	struct list *head = &part->worker->streams, *marker = &part->marker.node;
	struct list *next = marker->next;
	struct stream_link *link;

	while (next != head) {
		link = container_of(next, struct stream_link, node);
		if (!link->is_marker) {
			list_remove(marker);
			list_prepend(next, marker);
			return container_of(link, struct stream, link);
		}
		next = next->next;
	}
	return NULL;
}

/* Control. The smallest id that is in no list yet; NULL: none. */
static const struct session_info *
walk_take_first(struct sessions_walk *walk)
{
	const struct session_info *first = NULL;
	struct walk_part *from = NULL;

	for (uint32_t i = 0; i < walk->count; i++) {
		struct walk_part *part = &walk->parts[i];

		if (part->merged == part->count)
			continue;
		if (first == NULL || part->infos[part->merged].id < first->id) {
			from = part;
			first = &part->infos[part->merged];
		}
	}
	if (from != NULL)
		from->merged++;
	return first;
}

/* Control. */
static void
walk_free(struct sessions_walk *walk)
{
	for (uint32_t i = 0; i < walk->count; i++) {
		struct walk_part *part = &walk->parts[i];

		for (uint32_t j = 0; part->infos != NULL && j < part->count; j++)
			free(part->infos[j].request.text);
		free(part->infos);
	}
	free(walk);
}

/* Control. The list takes the walk. NULL: no memory, here or there; the walk is freed. */
static struct session_list *
walk_join(struct sessions_walk *walk)
{
	struct session_list *list = calloc(1, sizeof(*list));
	uint32_t total = 0;
	bool failed = list == NULL;

	for (uint32_t i = 0; i < walk->count; i++) {
		total += walk->parts[i].count;
		failed = failed || walk->parts[i].failed;
		if (list != NULL && walk->parts[i].more)
			list->more = true;
	}
	if (!failed) {
		list->count = total < walk->limit ? total : walk->limit;
		list->more = list->more || total > walk->limit;
		list->infos = calloc(list->count + 1, sizeof(list->infos[0]));
		failed = list->infos == NULL;
	}
	if (failed) {
		walk_free(walk);
		free(list);
		return NULL;
	}
	list->walk = walk;
	for (uint32_t i = 0; i < list->count; i++)
		list->infos[i] = walk_take_first(walk);
	return list;
}

void
session_list_free(struct session_list **lp)
{
	struct session_list *list = *lp;

	if (list == NULL)
		return;
	*lp = NULL;
	walk_free(list->walk);
	free(list->infos);
	free(list);
}

/* Control: all parts are home. */
static void
walk_finish(struct sessions_walk *walk)
{
	void (*on_list)(struct session_list *, void *) = walk->on_list;
	void *arg = walk->arg;
	uint32_t ended = 0;

	if (walk->cause == END_NONE) {
		on_list(walk_join(walk), arg);
		return;
	}
	for (uint32_t i = 0; i < walk->count; i++)
		ended += walk->parts[i].count;
	if (walk->on_ended != NULL)
		walk->on_ended(ended, arg);
	walk_free(walk);
}

/* Control. */
static void
part_on_home(struct mail *mail)
{
	struct sessions_walk *walk = container_of(mail, struct walk_part, mail)->walk;

	assert(walk->pending > 0);
	if (--walk->pending == 0)
		walk_finish(walk);
}

/* Worker. */
static void
part_on_turn(struct task *task)
{
	struct walk_part *part = container_of(task, struct walk_part, task);

	for (uint32_t spent = 0; spent < TURN_BUDGET;) {
		struct stream *s = part_next(part);
		uint32_t cost = s == NULL ? 0 : part_visit(part, s);

		if (cost == 0) {
			list_remove(&part->marker.node);
			part->mail.deliver = part_on_home;
			mailbox_send(&engine.control->mailbox, &part->mail);
			return;
		}
		spent += cost;
	}
	loop_queue(part->worker->loop, task);
}

/* Worker. */
static void
part_on_mail(struct mail *mail)
{
	struct walk_part *part = container_of(mail, struct walk_part, mail);

	part->marker.is_marker = true;
	list_prepend(&part->worker->streams, &part->marker.node);
	task_init(&part->task, part_on_turn);
	part_on_turn(&part->task);
}

/* Control. */
static struct sessions_walk *
walk_new(const struct session_filter *filter)
{
	const uint32_t count = engine.threads;
	struct sessions_walk *walk = calloc(1, sizeof(*walk) + count * sizeof(walk->parts[0]));

	assert_control();
	if (walk == NULL)
		return NULL;
	walk->filter = *filter;
	walk->pending = walk->count = count;
	return walk;
}

static void
walk_start(struct sessions_walk *walk)
{
	for (uint32_t i = 0; i < walk->count; i++) {
		struct walk_part *part = &walk->parts[i];

		part->walk = walk;
		part->worker = engine.workers[i];
		part->mail.deliver = part_on_mail;
		mailbox_send(&part->worker->loop->mailbox, &part->mail);
	}
}

enum err
sessions_collect(const struct session_filter *filter, uint32_t limit,
		 void (*done)(struct session_list *list, void *arg), void *arg)
{
	struct sessions_walk *walk = walk_new(filter);

	if (walk == NULL)
		return ERR_NOMEM;
	walk->limit = limit;
	walk->on_list = done;
	walk->arg = arg;
	walk_start(walk);
	return ERR_OK;
}

enum err
sessions_end(const struct session_filter *filter, enum end_cause cause,
	     void (*done)(uint32_t ended, void *arg), void *arg)
{
	struct sessions_walk *walk = walk_new(filter);

	assert(cause != END_NONE);
	if (walk == NULL)
		return ERR_NOMEM;
	walk->cause = cause;
	walk->on_ended = done;
	walk->arg = arg;
	walk_start(walk);
	return ERR_OK;
}
