/*
 * A stream's captures: a block with a length for each slot, and their texts behind it.
 *
 * The stream's worker; capture_conf_*(): any thread.
 */
#include "config.h"
#include "stream/capture.h"
#include <stdlib.h>
#include <string.h>
#include "http/head.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"
#include "stream/stream_priv.h"

/* A stream's. Texts lie where slot->at says, from the block's begin; each opens with its length. */
struct captures {
	struct slab	*slab;		/* that it lies in; NULL: it is a spare */
};

#define TEXT_HEAD_BYTES sizeof(uint16_t)

/* -- conf -- */

static void
slot_place(struct capture_slot *slot, uint32_t *at)
{
	slot->at = (uint16_t)*at;
	*at += TEXT_HEAD_BYTES + slot->len;
	*at += *at % TEXT_HEAD_BYTES;
}

static void
conf_place(struct capture_conf *conf)
{
	uint32_t at = sizeof(struct captures);

	for (int side = 0; side < 2; side++) {
		for (uint32_t i = 0; i < conf->sides[side].count; i++)
			slot_place(&conf->sides[side].slots[i], &at);
	}
	for (int side = 0; side < 2; side++) {
		if (conf->cookies[side].len > 0)
			slot_place(&conf->cookies[side], &at);
	}
	conf->bytes = at;
}

static bool
conf_has_room(const struct capture_conf *conf, uint16_t len)
{
	return conf->bytes + sizeof(struct captures) + len + 2 * TEXT_HEAD_BYTES <=
	       CAPTURE_BYTES_MAX;
}

enum err
capture_conf_add(struct capture_conf *conf, bool is_response, struct slice name, uint16_t len,
		 uint32_t *slot)
{
	struct capture_side *side = &conf->sides[is_response];
	struct capture_slot *more;
	char *copy = NULL;

	if (side->count == CAPTURE_SLOTS_MAX || !conf_has_room(conf, len))
		return ERR_LIMIT;
	more = realloc(side->slots, (side->count + 1) * sizeof(*more));
	if (more == NULL)
		return ERR_NOMEM;
	side->slots = more;
	if (name.len > 0) {
		copy = strndup(name.at, name.len);
		if (copy == NULL)
			return ERR_NOMEM;
		side->named++;
	}
	if (slot != NULL)
		*slot = side->count;
	side->slots[side->count++] = (struct capture_slot){ .name = copy, .len = len };
	conf_place(conf);
	return ERR_OK;
}

enum err
capture_conf_cookie(struct capture_conf *conf, struct slice name, uint16_t len)
{
	if (!conf_has_room(conf, len) || !conf_has_room(conf, (uint16_t)(2 * len)))
		return ERR_LIMIT;
	for (int side = 0; side < 2; side++) {
		free(conf->cookies[side].name);
		conf->cookies[side].name = strndup(name.at, name.len);
		if (conf->cookies[side].name == NULL)
			return ERR_NOMEM;
		conf->cookies[side].len = len;
	}
	conf_place(conf);
	return ERR_OK;
}

void
capture_conf_fini(struct capture_conf *conf)
{
	for (int side = 0; side < 2; side++) {
		for (uint32_t i = 0; i < conf->sides[side].count; i++)
			free(conf->sides[side].slots[i].name);
		free(conf->sides[side].slots);
		free(conf->cookies[side].name);
	}
	*conf = (struct capture_conf){ 0 };
}

/* -- a stream's block -- */

static const struct capture_conf *
conf_of(const struct stream *s)
{
	return &s->frontend_conf->captures;
}

/* Nothing is kept in it yet. NULL: no memory. */
static struct captures *
captures_new(struct worker *w, uint32_t bytes)
{
	struct captures *c;
	struct slab *slab = NULL;

	if (bytes <= CAPTURES_SMALL_BYTES) {
		c = spares_take(&w->spare_captures, CAPTURES_SMALL_BYTES);
	} else {
		slab = slab_take(&w->slabs);
		c = slab == NULL ? NULL : (struct captures *)slab->data;
	}
	if (c == NULL)
		return NULL;
	memset(c, 0, bytes);
	c->slab = slab;
	return c;
}

void
captures_free(struct stream *s)
{
	struct captures *c = s->captures;

	if (c == NULL)
		return;
	s->captures = NULL;
	if (c->slab != NULL)
		slab_give(&s->worker->slabs, c->slab);
	else
		spares_give(&s->worker->spare_captures, c);
}

static uint16_t *
slot_len(struct captures *c, const struct capture_slot *slot)
{
	return (uint16_t *)(void *)((char *)c + slot->at);
}

static void
slot_keep(struct stream *s, const struct capture_slot *slot, struct slice text)
{
	const size_t len = text.len < slot->len ? text.len : slot->len;

	if (s->captures == NULL)
		s->captures = captures_new(s->worker, conf_of(s)->bytes);
	if (s->captures == NULL)
		return;
	*slot_len(s->captures, slot) = (uint16_t)len;
	if (len >
	    0) /* the text may be a part of what the slot holds: capture.req.hdr(0),...,capture-req(0) */
		memmove((char *)s->captures + slot->at + TEXT_HEAD_BYTES, text.at, len);
}

static struct slice
slot_text(const struct stream *s, const struct capture_slot *slot)
{
	if (s->captures == NULL || slot->len == 0)
		return (struct slice){ "", 0 };
	return (struct slice){ (const char *)s->captures + slot->at + TEXT_HEAD_BYTES,
			       *slot_len(s->captures, slot) };
}

/* -- headers -- */

static void
headers_take(struct stream *s, const struct capture_side *side, const struct http_head *head)
{
	for (uint32_t i = 0, named = 0; named < side->named; i++) {
		const struct capture_slot *slot = &side->slots[i];
		const struct http_field *f = NULL, *last = NULL;

		if (slot->name == NULL)
			continue;
		named++;
		while ((f = http_head_find_named(head, slice_of(slot->name), f)) != NULL)
			last = f;
		if (last != NULL)
			slot_keep(s, slot, http_field_value(last));
	}
}

/* -- cookies -- */

static struct slice
cookie_trim(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct slice){ at, (size_t)(end - at) };
}

/* The first of "a=b; c=d" that begins with `name`; of a Set-Cookie only the first is one. */
static bool
cookie_find(struct slice list, bool is_response, const char *name, struct slice *cookie)
{
	const char *at = list.at, *end = list.at + list.len;
	const size_t name_len = strlen(name);

	while (at < end) {
		const char *semicolon = memchr(at, ';', (size_t)(end - at));
		const char *stop = semicolon != NULL ? semicolon : end;

		*cookie = cookie_trim(at, stop);
		if (cookie->len >= name_len && memcmp(cookie->at, name, name_len) == 0)
			return true;
		if (is_response)
			return false;
		at = semicolon != NULL ? semicolon + 1 : end;
	}
	return false;
}

static void
cookie_take(struct stream *s, bool is_response, const struct http_head *head)
{
	const struct capture_slot *slot = &conf_of(s)->cookies[is_response];
	const struct slice field = is_response ? SLICE("Set-Cookie") : SLICE("Cookie");
	const struct http_field *f = NULL;
	struct slice cookie;

	if (slot->len == 0)
		return;
	while ((f = http_head_find_named(head, field, f)) != NULL) {
		if (cookie_find(http_field_value(f), is_response, slot->name, &cookie)) {
			slot_keep(s, slot, cookie);
			return;
		}
	}
}

static void
captures_take(struct stream *s, bool is_response, const struct http_head *head)
{
	const struct capture_conf *conf = conf_of(s);

	if (conf->bytes == 0)
		return;
	headers_take(s, &conf->sides[is_response], head);
	cookie_take(s, is_response, head);
}

void
captures_request(struct stream *s)
{
	captures_take(s, false, &s->exchange->request);
}

void
captures_response(struct stream *s, const struct http_head *head)
{
	captures_take(s, true, head);
}

bool
capture_put(struct stream *s, bool is_response, uint32_t slot, struct slice text)
{
	const struct capture_side *side = &conf_of(s)->sides[is_response];

	if (slot >= side->count)
		return false;
	slot_keep(s, &side->slots[slot], text);
	return true;
}

struct slice
capture_get(const struct stream *s, bool is_response, uint32_t slot)
{
	const struct capture_side *side = &conf_of(s)->sides[is_response];

	if (slot >= side->count)
		return (struct slice){ "", 0 };
	return slot_text(s, &side->slots[slot]);
}

struct slice
capture_cookie(const struct stream *s, bool is_response)
{
	return slot_text(s, &conf_of(s)->cookies[is_response]);
}
