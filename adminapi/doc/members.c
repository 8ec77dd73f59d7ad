/*
 * A collection's members in the order of answers: servers by id, others by name.
 *
 * The order of keys in the document means nothing, so it is made when somebody looks.
 */
#include "config.h"
#include "adminapi/doc/doc.h"

#include <stdlib.h>
#include <string.h>

struct member {
	struct doc_node	*node;
	uint32_t	 id;	/* a server's; 0 elsewhere */
};

static int
member_compare(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return strcmp(x->node->name, y->node->name);
}

static uint32_t
members_fill(const struct doc_node *parent, enum doc_kind kind, enum doc_view view,
	struct member *list)
{
	uint32_t count = 0;

	doc_each_child(child, parent, kind) {
		const struct doc_version *version = doc_version_in(child, view);

		if (version == NULL)
			continue;
		list[count].node = child;
		list[count++].id = kind == DOC_SERVER ? doc_server_id(version) : 0;
	}
	return count;
}

enum err
doc_members_init(const struct doc_node *parent, enum doc_kind kind, enum doc_view view, bool pin,
	struct doc_members *members)
{
	uint32_t all = HASH_COUNT(parent->collections[doc_kind_info(kind)->slot]);
	struct member *list = calloc(all + 1, sizeof(*list));

	*members = (struct doc_members){ 0 };
	if (list == NULL)
		return ERR_NOMEM;
	members->at = calloc(all + 1, sizeof(*members->at));
	if (members->at == NULL) {
		free(list);
		return ERR_NOMEM;
	}
	members->count = members_fill(parent, kind, view, list);
	qsort(list, members->count, sizeof(*list), member_compare);
	for (uint32_t i = 0; i < members->count; i++) {
		members->at[i] = list[i].node;
		if (pin)
			doc_pin(list[i].node);
	}
	free(list);
	return ERR_OK;
}

void
doc_members_fini(struct doc *doc, struct doc_members *members, bool pinned)
{
	for (uint32_t i = 0; pinned && i < members->count; i++)
		doc_unpin(doc, members->at[i]);
	free(members->at);
	*members = (struct doc_members){ 0 };
}
