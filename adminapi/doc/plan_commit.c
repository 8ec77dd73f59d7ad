/*
 * A plan's life after it was made: the head moves, then live follows, or the head goes back.
 * Control thread.
 */
#include "config.h"
#include "adminapi/doc/plan.h"

#include <stdlib.h>
#include "adminapi/doc/plan_priv.h"

/* What was restored from the store keeps its revision. */
static uint64_t
op_revision(const struct plan *plan, const struct plan_op *op)
{
	return op->to != NULL && op->to != op->from ? op->to->revision : plan->revision;
}

static void
revision_raise(uint64_t *revision, uint64_t to)
{
	if (*revision < to)
		*revision = to;
}

/* A change is one of its node, of all above it, and of the collections on the way. */
static void
raise_head(struct doc_node *node, uint64_t to)
{
	for (; node != NULL; node = node->parent) {
		const struct doc_kind_info *info = doc_kind_info(node->kind);

		revision_raise(&node->head_revision, to);
		if (info->is_collection)
			revision_raise(&node->parent->head_revisions[info->slot], to);
	}
}

static void
raise_live(struct doc_node *node, uint64_t to)
{
	for (; node != NULL; node = node->parent) {
		const struct doc_kind_info *info = doc_kind_info(node->kind);

		revision_raise(&node->live_revision, to);
		if (info->is_collection)
			revision_raise(&node->parent->live_revisions[info->slot], to);
	}
}

static void
lower_head(struct doc_node *node)
{
	for (; node != NULL; node = node->parent) {
		node->head_revision = node->live_revision;
		for (uint32_t i = 0; i < DOC_COLLECTIONS_MAX; i++)
			node->head_revisions[i] = node->live_revisions[i];
	}
}

/* Of the newest version, compiled anew or not; the other way round when it is undone. */
static void
op_swap_uses(struct plan *plan, struct plan_op *op)
{
	struct doc_uses uses = op->node->uses;

	if (op->node->kind == DOC_SERVER)
		plan->doc->trackers += (uint32_t)(op->uses.count > 0) - (uint32_t)(uses.count > 0);
	op->node->uses = op->uses;
	op->uses = uses;
}

/* Has it another version? */
static bool
is_change(const struct plan_op *op)
{
	return op->to != op->from;
}

/* What it stands for is another, its version stays. */
static bool
is_change_below(const struct plan_op *op)
{
	return !is_change(op) && plan_op_is_change(op);
}

void
plan_hand_over(struct plan *plan)
{
	HASH_CLEAR(hh, plan->created);
	for (uint32_t i = 0; i < plan->count; i++) {
		struct plan_op *op = plan->ops[i];

		op->node->op = NULL;
		doc_pin(op->node);
		if (op->created)
			doc_node_attach(plan->doc, op->node);
		op->created = false;
		op->object = op->node->object;
		op_swap_uses(plan, op);
		if (is_change_below(op))
			raise_head(op->node, plan->revision);
		if (!is_change(op))
			continue;
		op->node->head = doc_version_ref(op->to);	/* op->from takes over the head's */
		raise_head(op->node, op_revision(plan, op));
	}
	plan->raised_count = 0;		/* given out for good */
	plan->doc->revision = plan->revision;
}

void
plan_undo(struct plan *plan)
{
	for (uint32_t i = plan->count; i > 0; i--) {
		struct plan_op *op = plan->ops[i - 1];

		op_swap_uses(plan, op);
		if (is_change_below(op))
			lower_head(op->node);
		if (!is_change(op))
			continue;
		doc_version_unref(op->node->head);
		op->node->head = doc_version_ref(op->from);
		/* all that is not yet published is undone together: then head is live again */
		lower_head(op->node);
	}
}

void
plan_publish(struct plan *plan)
{
	for (uint32_t i = 0; i < plan->count; i++) {
		struct plan_op *op = plan->ops[i];
		const struct doc_kind_info *info = doc_kind_info(op->node->kind);
		struct doc_version *old = op->node->live;

		op->node->live_object = op->object;
		if (is_change_below(op))
			raise_live(op->node, plan->revision);
		if (!is_change(op))
			continue;
		op->node->live = doc_version_ref(op->to);
		if (info->is_collection)
			op->node->parent->live_count[info->slot] +=
				(uint32_t)(op->to != NULL) - (uint32_t)(old != NULL);
		doc_version_unref(old);
		raise_live(op->node, op_revision(plan, op));
	}
}

static void
op_end(struct plan *plan, struct plan_op *op)
{
	if (is_change(op)) {
		doc_version_unref(op->from);
		doc_version_unref(op->to);
	}
	if (op->conf != NULL)
		plan->compilers[op->node->kind].discard(op->conf);
	doc_unpin(plan->doc, op->node);
	doc_uses_fini(&op->uses);
	map_edits_free(&op->edits);
	free(op->path);
	free(op);
}

bool
plan_end_some(struct plan *plan, uint32_t count)
{
	for (; plan->count > 0 && count > 0; count--)
		op_end(plan, plan->ops[--plan->count]);
	if (plan->count > 0)
		return false;
	plan_fini(plan);
	return true;
}

void
plan_end(struct plan *plan)
{
	plan_end_some(plan, plan->count);
}
