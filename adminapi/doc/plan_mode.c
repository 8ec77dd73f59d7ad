/*
 * Modes: a frontend has that of the backends it names, and a field that means nothing in a mode is not
 * set there.
 *
 * A mode is inherited, so what is only compiled anew is looked at, too.
 */
#include "config.h"
#include "adminapi/doc/plan_priv.h"

#include <string.h>

static const char *
mode_of(struct plan *plan, const struct doc_node *node)
{
	struct chain chain;

	plan_chain(plan, node, &chain);
	return chain.mode;
}

/* No other word: the schema refuses it, and that is enough said. */
static bool
is_tcp(const char *mode)
{
	return mode != NULL && strcmp(mode, "tcp") == 0;
}

static void
misplaced(struct plan *plan, const struct doc_node *node, const char *field, const char *sub,
	const char *mode)
{
	const struct doc_node *proxy = node->kind == DOC_SERVER ? node->parent : node;
	struct pointer *at = plan_at(plan, node);

	pointer_push(at, field);
	if (sub != NULL)
		pointer_push(at, sub);
	issues_add(&plan->issues, pointer_text(at), "means something in mode http only, and %s "
		"\"%s\" is of mode %s", doc_kind_info(proxy->kind)->word, proxy->name, mode);
}

/* What is set on the resource itself; what it inherits may be meant for others. */
static void
check_fields(struct plan *plan, const struct doc_node *node)
{
	const cJSON *member, *inner;
	struct chain chain;

	plan_chain(plan, node, &chain);
	if (!is_tcp(chain.mode))
		return;
	cJSON_ArrayForEach(member, plan_version(node)->set) {
		const struct schema_node *field = schema_property(chain.def, member->string);

		if (field == NULL)
			continue;
		if (!chain_has_field(&chain, field))
			misplaced(plan, node, member->string, NULL, chain.mode);
		else if (cJSON_IsObject(member) && schema_is_object(field))
			cJSON_ArrayForEach(inner, member) {
				const struct schema_node *part =
					schema_property(field, inner->string);

				if (part != NULL && !chain_has_field(&chain, part))
					misplaced(plan, node, member->string, inner->string,
						chain.mode);
			}
	}
}

static bool
is_changed(const struct doc_node *node)
{
	return node->op != NULL && node->op->to != node->op->from;
}

/* At the one that the body is about. */
static void
modes_differ(struct plan *plan, const struct doc_node *frontend, const struct reference *r,
	const struct doc_node *backend)
{
	const char *frontend_mode = mode_of(plan, frontend), *backend_mode = mode_of(plan, backend);
	struct pointer *at;

	if (frontend_mode == NULL || backend_mode == NULL ||
	    strcmp(frontend_mode, backend_mode) == 0)
		return;
	if (is_changed(backend) && !is_changed(frontend)) {
		at = plan_at(plan, backend);
		pointer_push(at, "mode");
	} else {
		at = plan_at(plan, frontend);
		reference_push(r, at);
	}
	issues_add(&plan->issues, pointer_text(at), "frontend \"%s\" is of mode %s and backend "
		"\"%s\" of mode %s: they must have the same", frontend->name, frontend_mode,
		backend->name, backend_mode);
}

static void
check_frontend(struct plan *plan, const struct doc_node *frontend)
{
	const struct doc_version *version = plan_version(frontend);
	struct reference r;

	if (version == NULL)
		return;
	for (bool more = reference_first(&r, version->set, DOC_BACKEND); more;
	     more = reference_next(&r)) {
		const struct doc_node *backend =
			plan_find(plan, plan->doc->root, DOC_BACKEND, r.name);

		if (backend != NULL && (frontend->op != NULL || backend->op != NULL))
			modes_differ(plan, frontend, &r, backend);
	}
}

void
plan_check_modes(struct plan *plan)
{
	const struct doc_node *root = plan->doc->root;
	bool pairs = false;

	for (uint32_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = plan->ops[i];

		if (op->to != NULL)
			check_fields(plan, op->node);
		pairs |= op->node->kind == DOC_FRONTEND || op->node->kind == DOC_BACKEND;
		if (op->created && op->node->kind == DOC_FRONTEND)
			check_frontend(plan, op->node);
	}
	if (!pairs)
		return;
	doc_each_child(frontend, root, DOC_FRONTEND)
		check_frontend(plan, frontend);
}
