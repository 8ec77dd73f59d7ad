/*
 * Between the files that prepare ops: prepare.c (all kinds, the order), prepare_frontend.c,
 * prepare_refs.c. Control thread.
 */
#pragma once

#include "adminapi/apply/prepare.h"

/* The object of a resource in the newest prepared version. */
static inline void
op_set_object(struct plan_op *op, void *object)
{
	op->old_object = op->node->object;
	op->node->object = object;
}

/* prepare_frontend.c */
enum err frontend_prepare(struct preparation *p, struct plan_op *op);
void frontend_publish(struct plan_op *op);
void frontend_abort(struct plan_op *op);
