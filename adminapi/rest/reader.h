/*
 * Reading a resource with all below it: written piece by piece, never as a tree.
 *
 * A small subtree becomes one body; a large one is streamed, some hundred items a call, and what
 * changes meanwhile may or may not be seen (a single resource is always consistent).
 */
#pragma once

#include "adminapi/doc/doc.h"
#include "adminapi/http/call.h"
#include "adminapi/rest/view.h"

#define READER_DEPTH_ALL UINT32_MAX

/* What is asked for: a resource, or the members of a collection (a page of them). */
struct reader_query {
	struct doc_node		*node;		/* the resource, or the collection's parent */
	enum doc_kind		 members_of;	/* DOC_KINDS: the resource itself */
	enum view		 view;
	uint32_t		 depth;		/* levels of collections below to be shown */
	uint32_t		 limit;		/* of a page; 0: all */
	const char		*cursor;	/* after this key; NULL: from the start */
	uint64_t		 since;		/* only members changed in this revision or later; 0: all */
	const char		*next_path;	/* for Link: "/v1/backends?view=config"; NULL: none */
};

/* The last change within what is asked for. */
uint64_t reader_revision(const struct reader_query *query);

/* Answer `call` with status, ETag, Location as in `head`, and the body. Control thread. */
void reader_answer(struct call *call, struct doc *doc, const struct reader_query *query,
	const struct answer *head);
