/*
 * From a path to the resource that it names. Control thread.
 */
#include "config.h"
#include "adminapi/rest/resources.h"

#include <string.h>

/* The first segment behind /v1 names a kind. Routes let nothing else through. */
static enum doc_kind
kind_of_segment(const char *segment)
{
	if (strcmp(segment, "config") == 0)
		return DOC_CONFIG;
	for (const enum doc_kind *kind = doc_child_kinds(DOC_CONFIG); *kind != DOC_KINDS; kind++)
		if (strcmp(doc_kind_info(*kind)->member, segment) == 0)
			return *kind;
	return DOC_KINDS;
}

struct target
target_of(const struct call *call)
{
	struct target target = { .kind = kind_of_segment(call->segments[1]) };
	uint32_t at = 2;

	if (!doc_kind_info(target.kind)->is_collection)
		return target;
	if (call->segment_count > 3 && strcmp(call->segments[3], "rules") == 0) {
		target.name = call->segments[2];
		target.of_rules = true;
		target.rule = call->segment_count > 4 ? call->segments[4] : NULL;
		return target;
	}
	if (call->segment_count > 3 && target.kind == DOC_BACKEND) {
		target.kind = DOC_SERVER;
		target.parent = call->segments[2];
		at = 4;
	}
	if (call->segment_count > at)
		target.name = call->segments[at];
	target.is_collection = target.name == NULL;
	return target;
}

static struct doc_node *
live_child(struct call *call, struct doc_node *parent, enum doc_kind kind, const char *name)
{
	struct doc_node *node = doc_child(parent, kind, name);

	if (node != NULL && node->live != NULL)
		return node;
	call_problem(call, 404, NULL, "there is no %s \"%s\"", doc_kind_info(kind)->word, name);
	return NULL;
}

struct doc_node *
target_find(struct call *call, const struct target *target)
{
	struct doc *doc = rest_doc();
	struct doc_node *parent = doc->root;

	if (!doc_kind_info(target->kind)->is_collection)
		return doc->singles[target->kind];
	if (target->parent != NULL)
		parent = live_child(call, parent, doc_kind_info(target->kind)->parent,
				    target->parent);
	if (parent == NULL || target->is_collection)
		return parent;
	return live_child(call, parent, target->kind, target->name);
}
