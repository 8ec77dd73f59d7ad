/*
 * The walk behind GET: a stack of frames, a buffer that is drained as it fills. Control thread.
 */
#include "config.h"
#include "adminapi/rest/reader.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX	8	/* config, backends, backend, servers, server: five */
#define ONE_BODY_NODES	200	/* resources; more are streamed */
#define PIECE_BYTES	(16 * 1024)	/* about a hundred resources a call */

enum frame_type { FRAME_NODE, FRAME_MEMBERS };

struct frame {
	enum frame_type		 type;
	struct doc_node		*node;		/* pinned by whoever listed it */
	const enum doc_kind	*child;		/* NODE: the next kind of children */
	bool			 opened;
	uint32_t		 depth;		/* levels of collections that may still be shown */
	struct doc_members	 members;	/* MEMBERS: pinned */
	uint32_t		 next, end;
};

struct reader {
	struct doc	*doc;
	enum view	 view;
	struct buf	 out;
	struct jsonw	 w;
	struct frame	 stack[FRAMES_MAX];
	uint32_t	 top;		/* frames in use */
	struct doc_node	*pinned;	/* the target */
	uint64_t	 since;		/* of the outermost members */
};

static struct frame *
reader_push(struct reader *r, enum frame_type type, struct doc_node *node, uint32_t depth)
{
	struct frame *f;

	assert(r->top < FRAMES_MAX);
	f = &r->stack[r->top++];
	*f = (struct frame){ .type = type, .node = node, .depth = depth,
		.child = doc_child_kinds(node->kind) };
	return f;
}

static bool
reader_push_members(struct reader *r, struct doc_node *parent, enum doc_kind kind, uint32_t depth)
{
	struct frame *f = reader_push(r, FRAME_MEMBERS, parent, depth);

	if (doc_members_init(parent, kind, DOC_LIVE, true, &f->members) != ERR_OK) {
		r->top--;
		r->out.failed = true;
		return false;
	}
	f->end = f->members.count;
	return true;
}

static void
reader_pop(struct reader *r)
{
	struct frame *f = &r->stack[--r->top];

	if (f->type == FRAME_MEMBERS)
		doc_members_fini(r->doc, &f->members, true);
	if (r->top == 0)
		buf_puts(&r->out, "\n");
}

/* The next kind of children of a resource: its single ones at once, a collection as a frame. */
static void
step_child(struct reader *r, struct frame *f, enum doc_kind kind)
{
	const struct doc_kind_info *info = doc_kind_info(kind);

	if (!info->is_collection) {
		jsonw_object(&r->w, info->member);
		view_write(&r->w, r->doc, r->doc->singles[kind], r->view);
		jsonw_end_object(&r->w);
	} else if (f->depth > 0) {
		uint32_t depth = f->depth == READER_DEPTH_ALL ? f->depth : f->depth - 1;

		jsonw_object(&r->w, info->member);
		if (!reader_push_members(r, f->node, kind, depth))
			jsonw_end_object(&r->w);
	}
}

static void
step_node(struct reader *r, struct frame *f)
{
	if (!f->opened) {
		f->opened = true;
		view_write(&r->w, r->doc, f->node, r->view);
	} else if (*f->child != DOC_KINDS) {
		step_child(r, f, *f->child++);
	} else {
		jsonw_end_object(&r->w);
		reader_pop(r);
	}
}

static void
step_members(struct reader *r, struct frame *f)
{
	struct doc_node *node;

	if (f->next == f->end) {
		jsonw_end_object(&r->w);
		reader_pop(r);
		return;
	}
	node = f->members.at[f->next++];
	if (node->live == NULL)
		return;		/* it went since the list was made */
	if (r->top == 1 && node->live_revision < r->since)
		return;
	jsonw_object(&r->w, node->name);
	step_node(r, reader_push(r, FRAME_NODE, node, f->depth));	/* at once: it may go */
}

static void
reader_step(struct reader *r)
{
	struct frame *f = &r->stack[r->top - 1];

	if (f->type == FRAME_NODE)
		step_node(r, f);
	else
		step_members(r, f);
}

uint64_t
reader_revision(const struct reader_query *q)
{
	if (q->members_of == DOC_KINDS)
		return q->node->live_revision;
	return q->node->live_revisions[doc_kind_info(q->members_of)->slot];
}

/* -- pages -- */

/* The key of a member's place: a server's id, else its name. */
static void
member_key(const struct doc_node *node, char *buf, size_t size)
{
	if (node->kind == DOC_SERVER && node->live != NULL)
		snprintf(buf, size, "%u", (unsigned)doc_server_id(node->live));
	else
		snprintf(buf, size, "%s", node->name);
}

static bool
is_after(const struct doc_node *node, const char *cursor)
{
	if (node->kind == DOC_SERVER)
		return node->live != NULL && doc_server_id(node->live) > strtoul(cursor, NULL, 10);
	return strcmp(node->name, cursor) > 0;
}

/* Cut the list to the page; `link` names the next one if there is one. */
static void
reader_page(struct frame *f, const struct reader_query *q, struct buf *link)
{
	char key[DOC_NAME_MAX + 1];

	while (q->cursor != NULL && f->next < f->end &&
	       !is_after(f->members.at[f->next], q->cursor))
		f->next++;
	if (q->limit == 0 || f->end - f->next <= q->limit)
		return;
	f->end = f->next + q->limit;
	member_key(f->members.at[f->end - 1], key, sizeof(key));
	if (q->next_path != NULL)
		buf_printf(link, "<%s%climit=%u&cursor=%s>; rel=\"next\"", q->next_path,
			strchr(q->next_path, '?') == NULL ? '?' : '&', (unsigned)q->limit, key);
	buf_put(link, "", 1);
}

/* -- life -- */

static void
reader_close(void *arg)
{
	struct reader *r = arg;

	while (r->top > 0)
		reader_pop(r);
	doc_unpin(r->doc, r->pinned);
	buf_fini(&r->out);
	free(r);
}

static ssize_t
reader_fill(void *arg, char *buf, size_t max)
{
	struct reader *r = arg;
	size_t want = max < PIECE_BYTES ? max : PIECE_BYTES, len;

	while (r->top > 0 && r->out.len < want && !r->out.failed)
		reader_step(r);
	if (r->out.failed)
		return CALL_STREAM_ERROR;
	if (r->out.len == 0)
		return CALL_STREAM_END;
	len = r->out.len < want ? r->out.len : want;
	memcpy(buf, r->out.at, len);
	buf_drop(&r->out, len);
	return (ssize_t)len;
}

static struct reader *
reader_new(struct doc *doc, const struct reader_query *q, struct buf *link)
{
	struct reader *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->doc = doc;
	r->view = q->view;
	r->since = q->since;
	r->pinned = q->node;
	doc_pin(q->node);
	jsonw_init(&r->w, &r->out);
	jsonw_object(&r->w, NULL);
	if (q->members_of == DOC_KINDS) {
		step_node(r, reader_push(r, FRAME_NODE, q->node, q->depth));
	} else if (reader_push_members(r, q->node, q->members_of, q->depth)) {
		reader_page(&r->stack[0], q, link);
	} else {
		reader_close(r);
		return NULL;
	}
	return r;
}

static uint32_t
subtree_count(const struct doc *doc, const struct reader_query *q)
{
	uint32_t count = 0;

	if (q->members_of != DOC_KINDS && q->limit > 0 && q->limit < ONE_BODY_NODES &&
	    q->depth == 0)
		return q->limit;
	if (q->node->kind == DOC_CONFIG)
		return doc->node_count;
	for (uint32_t i = 0; i < DOC_COLLECTIONS_MAX; i++)
		count += q->node->live_count[i];
	return count;
}

static const struct call_stream_ops reader_ops = { reader_fill, reader_close };

void
reader_answer(struct call *call, struct doc *doc, const struct reader_query *q,
	const struct answer *head)
{
	struct buf link = { 0 };
	struct reader *r = reader_new(doc, q, &link);
	struct answer answer = *head;

	if (r == NULL) {
		call_problem(call, 503, NULL, "out of memory");
		buf_fini(&link);
		return;
	}
	answer.link = link.len > 0 && !link.failed ? link.at : NULL;
	if (subtree_count(doc, q) > ONE_BODY_NODES && call->method != METHOD_HEAD) {
		if (call_stream(call, &answer, &reader_ops, r, NULL) != ERR_OK)
			reader_close(r);
		buf_fini(&link);
		return;
	}
	while (r->top > 0 && !r->out.failed)
		reader_step(r);
	answer.body = r->out;
	r->out = (struct buf){ 0 };
	call_answer(call, &answer);
	reader_close(r);
	buf_fini(&link);
}
