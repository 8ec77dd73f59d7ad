/*
 * Rules one by one: below a frontend or backend, in the order of its list. Control thread.
 */
#pragma once

#include "adminapi/doc/doc.h"
#include "adminapi/http/call.h"
#include "adminapi/rest/view.h"

void rules_get(struct call *call);	/* the list, a page of it, or one */

/* One rule (`id`), or the whole list (NULL), with status and Location as in `head`. */
void rules_answer(struct call *call, const struct doc *doc, const struct doc_node *node,
	const char *id, enum view view, const struct answer *head);

/* The list as a member of its frontend or backend, with what is seen of each rule. */
void rules_write(struct jsonw *w, const struct doc *doc, const struct doc_node *node,
	const cJSON *list);
