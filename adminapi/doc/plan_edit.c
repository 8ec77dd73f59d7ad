/*
 * Plans that change a map's entries: its document stays, its revision moves.
 */
#include "config.h"
#include "adminapi/doc/plan_priv.h"

void
plan_edit(struct plan *plan, struct doc_node *map, struct map_edits *edits)
{
	struct plan_op *op = plan_op_on(plan, map, false);

	if (op == NULL || edits->packed.failed) {
		map_edits_free(&edits);
		plan_nomem(plan);
		return;
	}
	map_edits_free(&op->edits);
	op->edits = edits;
}

bool
plan_op_is_change(const struct plan_op *op)
{
	return op->to != op->from || op->edits != NULL || op->is_remade;
}
