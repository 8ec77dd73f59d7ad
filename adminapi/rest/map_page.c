/*
 * GET of a map's entries: a page of them, or all, written while they are sent. Control thread.
 *
 * The map may change between two calls of the stream. Entries keep their order, so the stream goes on
 * behind the last one that it wrote; where that is gone, behind the one before it.
 */
#include "config.h"
#include "adminapi/rest/map_entries.h"

#include <stdlib.h>
#include "adminapi/apply/maps.h"
#include "adminapi/rest/resources.h"
#include "core/jsonw.h"

#define PAGE_MAX 10000          /* entries of a page: some ms */
#define PIECE_BYTES (16 * 1024) /* of a call of the stream */
#define MARKS 8 /* of the last entries that were written: one of them is there yet */

struct entry_stream {
	struct doc_node *node; /* pinned */
	struct buf out;
	struct jsonw w;
	struct buf marks[MARKS]; /* keys, newest first */
	uint32_t mark_count;
	bool is_at_end;
};

static void
entry_put(struct jsonw *w, const struct map_entry *entry, struct buf *key)
{
	struct slice k = map_entry_key(entry);

	buf_clear(key);
	buf_put(key, k.at, k.len);
	buf_put(key, "", 1);
	if (key->failed)
		w->out->failed = true;
	else
		jsonw_slice(w, key->at, map_entry_value(entry));
}

/* -- a page -- */

/* Bytes of a path or query that would mean something there. */
void
path_segment_put(struct buf *out, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789._:-";

	for (; *text != '\0'; text++) {
		if (strchr(plain, *text) != NULL)
			buf_put(out, text, 1);
		else
			buf_printf(out, "%%%02X", (unsigned char)*text);
	}
}

static void
page_link(struct buf *link, const struct doc_node *node, uint32_t limit, const char *last)
{
	buf_printf(link, "</v1/maps/%s/entries?limit=%u&cursor=", node->name, (unsigned)limit);
	path_segment_put(link, last);
	buf_puts(link, ">; rel=\"next\"");
	buf_put(link, "", 1);
}

static void
page_answer(struct call *call, const struct doc_node *node, const struct map *map,
	    const struct map_entry *after, uint32_t limit, struct answer *answer)
{
	const struct map_entry *entry = after;
	struct buf key = { 0 }, link = { 0 };
	struct jsonw w;

	jsonw_init(&w, &answer->body);
	jsonw_object(&w, NULL);
	for (uint32_t i = 0; i < limit && (entry = map_next(map, entry)) != NULL; i++)
		entry_put(&w, entry, &key);
	jsonw_end_object(&w);
	buf_puts(&answer->body, "\n");
	if (entry != NULL && map_next(map, entry) != NULL && key.len > 0)
		page_link(&link, node, limit, key.at);
	answer->link = link.len > 0 && !link.failed ? link.at : NULL;
	call_answer(call, answer);
	buf_fini(&key);
	buf_fini(&link);
}

/* -- all of them -- */

static const struct map *
stream_map(const struct entry_stream *s)
{
	const struct map_object *object = s->node->live_object;

	return object == NULL ? NULL : object->map;
}

/* Behind which one to go on. False: of those that were written last none is there. */
static bool
stream_place(const struct entry_stream *s, const struct map *map, const struct map_entry **after)
{
	*after = NULL;
	for (uint32_t i = 0; i < s->mark_count; i++) {
		*after = map_find(map, (struct slice){ s->marks[i].at, s->marks[i].len });
		if (*after != NULL)
			return true;
	}
	return s->mark_count == 0;
}

static void
stream_mark(struct entry_stream *s, const struct map_entry *const *last, uint32_t written)
{
	uint32_t count = written < MARKS ? written : MARKS;

	for (uint32_t i = 0; i < count; i++) {
		struct slice key = map_entry_key(last[(written - 1 - i) % MARKS]);

		buf_clear(&s->marks[i]);
		buf_put(&s->marks[i], key.at, key.len);
		s->out.failed |= s->marks[i].failed;
	}
	s->mark_count = count;
}

static void
stream_go_on(struct entry_stream *s, const struct map *map, const struct map_entry *entry,
	     size_t want)
{
	const struct map_entry *last[MARKS];
	struct buf key = { 0 };
	uint32_t written = 0;

	while (s->out.len < want && !s->out.failed) {
		entry = map_next(map, entry);
		if (entry == NULL) {
			jsonw_end_object(&s->w);
			buf_puts(&s->out, "\n");
			s->is_at_end = true;
			break;
		}
		entry_put(&s->w, entry, &key);
		last[written++ % MARKS] = entry;
	}
	if (written > 0)
		stream_mark(s, last, written);
	buf_fini(&key);
}

static ssize_t
stream_fill(void *arg, char *buf, size_t max)
{
	struct entry_stream *s = arg;
	size_t want = max < PIECE_BYTES ? max : PIECE_BYTES, len;
	const struct map *map = stream_map(s);
	const struct map_entry *after;

	if (!s->is_at_end && s->out.len < want) {
		if (map == NULL || !stream_place(s, map, &after))
			return CALL_STREAM_ERROR;
		stream_go_on(s, map, after, want);
	}
	if (s->out.failed)
		return CALL_STREAM_ERROR;
	if (s->out.len == 0)
		return CALL_STREAM_END;
	len = s->out.len < want ? s->out.len : want;
	memcpy(buf, s->out.at, len);
	buf_drop(&s->out, len);
	return (ssize_t)len;
}

static void
stream_close(void *arg)
{
	struct entry_stream *s = arg;

	for (int i = 0; i < MARKS; i++)
		buf_fini(&s->marks[i]);
	buf_fini(&s->out);
	doc_unpin(rest_doc(), s->node);
	free(s);
}

static void
stream_answer(struct call *call, struct doc_node *node, struct answer *head)
{
	static const struct call_stream_ops ops = { stream_fill, stream_close };
	struct entry_stream *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		call_problem(call, 503, NULL, "out of memory");
		return;
	}
	s->node = node;
	doc_pin(node);
	jsonw_init(&s->w, &s->out);
	jsonw_object(&s->w, NULL);
	if (call_stream(call, head, &ops, s, NULL) != ERR_OK)
		stream_close(s);
}

void
map_entries_get(struct call *call)
{
	const struct target target = { .kind = DOC_MAP, .name = call->segments[2] };
	struct doc_node *node = target_find(call, &target);
	const struct map_object *object = node == NULL ? NULL : node->live_object;
	const char *cursor = call_param(call, "cursor");
	const struct map_entry *after = NULL;
	char etag[VIEW_ETAG_BYTES];
	struct answer head = { .status = 200, .etag = etag };
	uint32_t limit = 0;

	if (node == NULL || !param_uint(call, "limit", PAGE_MAX, &limit))
		return;
	if (object == NULL) {
		call_problem(call, 503, NULL, "the map is not there yet");
		return;
	}
	view_etag(etag, node->live_revision, VIEW_PLAIN);
	if (cursor != NULL && (after = map_find(object->map, slice_of(cursor))) == NULL)
		call_problem(call, 409, NULL,
			     "the entry that \"cursor\" names is gone: begin again");
	else if (limit == 0 && cursor == NULL && map_count(object->map) > PAGE_MAX / 10 &&
		 call->method != METHOD_HEAD)
		stream_answer(call, node, &head);
	else
		page_answer(call, node, object->map, after, limit == 0 ? PAGE_MAX : limit, &head);
}
