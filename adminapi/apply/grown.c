/*
 * What REST changed since the file was applied, against the file as it is now. See grown.h.
 */
#include "config.h"
#include "adminapi/apply/grown.h"

#include <stdlib.h>
#include <string.h>
#include "adminapi/json/strict.h"

struct grown *
grown_new(const struct write *write)
{
	struct grown *grown = calloc(1, sizeof(*grown));

	if (grown == NULL)
		return NULL;
	strcpy(grown->hash, write->file_hash);
	buf_put(&grown->text, write->file_text, write->file_len);
	if (grown->text.failed)
		grown_free(&grown);
	return grown;
}

void
grown_free(struct grown **gp)
{
	if (*gp == NULL)
		return;
	buf_fini(&(*gp)->text);
	free(*gp);
	*gp = NULL;
}

bool
grown_is_same(const struct grown *grown, const struct write *write)
{
	return grown != NULL && grown->hash[0] != '\0' &&
	    strcmp(grown->hash, write->file_hash) == 0;
}

static bool
node_put(const struct doc *doc, const struct doc_node *node, cJSON *to);

static bool
collection_put(const struct doc *doc, const struct doc_node *parent, enum doc_kind kind,
	       cJSON *to)
{
	cJSON *members = NULL;

	doc_each_child(node, parent, kind) {
		cJSON *member;

		if (node->head == NULL)
			continue;
		if (members == NULL)
			members = cJSON_AddObjectToObject(to, doc_kind_info(kind)->member);
		if (members == NULL ||
		    (member = cJSON_AddObjectToObject(members, node->name)) == NULL ||
		    !node_put(doc, node, member))
			return false;
	}
	return true;
}

/* What is set in the head, by reference. False: no memory. */
static bool
node_put(const struct doc *doc, const struct doc_node *node, cJSON *to)
{
	cJSON *member;

	cJSON_ArrayForEach(member, node->head->set)
		if (!cJSON_AddItemReferenceToObject(to, member->string, member))
			return false;
	for (const enum doc_kind *kind = doc_child_kinds(node->kind); *kind != DOC_KINDS; kind++) {
		const char *name = doc_kind_info(*kind)->member;

		if (doc_kind_info(*kind)->is_collection) {
			if (!collection_put(doc, node, *kind, to))
				return false;
		} else if ((member = cJSON_AddObjectToObject(to, name)) == NULL ||
			   !node_put(doc, doc->singles[*kind], member)) {
			return false;
		}
	}
	return true;
}

static void
note_dropped(const char *pointer, void *arg)
{
	issues_add(arg, pointer, "dropped");
}

enum err
grown_dropped(const struct grown *grown, const struct doc *doc, struct write *write)
{
	cJSON *document = cJSON_CreateObject(), *was = NULL;
	struct issues none = { 0 };
	enum err e = ERR_NOMEM;

	issues_fini(&write->dropped);	/* of a plan that had to be made again */
	if (document != NULL && node_put(doc, doc->root, document))
		e = grown == NULL ? ERR_OK
				  : json_parse(&was, grown->text.at, grown->text.len, &none);
	if (e == ERR_OK)
		e = saved_tell_dropped(was, document, write->body, note_dropped, &write->dropped);
	issues_fini(&none);
	cJSON_Delete(was);
	cJSON_Delete(document);
	return e;
}

void
dropped_write(struct jsonw *w, const struct write *write)
{
	const struct issues *dropped = &write->dropped;

	jsonw_array(w, "dropped");
	for (uint32_t i = 0; i < dropped->count; i++)
		jsonw_string(w, NULL, dropped->items[i].pointer);
	jsonw_end_array(w);
	jsonw_uint(w, "dropped_count", dropped->count + dropped->dropped);
}
