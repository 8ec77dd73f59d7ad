/*
 * Whom rules and formats of a plan name: found when all its objects are there. Control thread.
 */
#include "config.h"
#include "adminapi/apply/refs.h"

#include <assert.h>
#include <string.h>
#include "adminapi/apply/prepare.h"
#include "server/server.h"
#include "stream/frontend.h"

/* Where the `nth` use of that map stands, below the resource; from 1. */
static const char *
map_place(const struct plan_op *op, const char *name, uint32_t nth)
{
	for (uint32_t i = 0; i < op->uses.count; i++) {
		const struct doc_use *use = op->uses.at[i];

		if (use->kind == DOC_MAP && strcmp(use->name, name) == 0 && --nth == 0)
			return use->place;
	}
	return "";
}

/* A map is asked in a way that its entries do not fit. Uses were noted in the order of references. */
static void
map_misfits(struct preparation *p, const struct plan_op *op, struct refs *const *lists,
	    uint32_t count, const struct ref *ref, const char *why)
{
	struct pointer *at = plan_at(p->plan, op->node);
	bool is_found = false;
	uint32_t nth = 0;

	for (uint32_t i = 0; i < count && !is_found; i++)
		for (const struct ref *r = lists[i]->first; r != NULL && !is_found; r = r->next) {
			nth += r->kind == REF_MAP && strcmp(r->name, ref->name) == 0;
			is_found = r == ref;
		}
	p->is_misfit = op->to != op->from;
	buf_puts(&at->text, map_place(op, ref->name, nth));
	issues_add(p->issues, pointer_text(at), "map \"%s\": %s", ref->name, why);
}

#define OP_REFS_MAX 2

/* The lists of references in what was prepared for a frontend or backend. */
static uint32_t
op_refs(const struct plan_op *op, struct refs *lists[OP_REFS_MAX])
{
	struct frontend_conf *frontend = op->prepared;
	struct backend_conf *backend = op->prepared;
	struct rules *rules = NULL;
	uint32_t count = 0;

	if (op->to == NULL || op->prepared == NULL)
		return 0;
	if (op->node->kind == DOC_FRONTEND) {
		lists[count++] = &frontend->refs;
		rules = frontend->rules;
	} else if (op->node->kind == DOC_BACKEND) {
		rules = backend->rules;
	}
	if (rules != NULL)
		lists[count++] = &rules->refs;
	return count;
}

static enum err
op_resolve(struct preparation *p, const struct plan_op *op)
{
	struct refs *lists[OP_REFS_MAX];
	uint32_t count = op_refs(op, lists);
	struct diag why;

	for (uint32_t i = 0; i < count; i++)
		for (struct ref *ref = lists[i]->first; ref != NULL; ref = ref->next) {
			enum err e = ref_resolve(p->plan, ref, op->node->kind == DOC_BACKEND, &why);

			if (e == ERR_OK)
				continue;
			if (e != ERR_NOMEM)
				map_misfits(p, op, lists, count, ref, why.text);
			return e;
		}
	return ERR_OK;
}

/* Whom a server tracks: its only use. The conf lets go of it with itself. */
static void
server_resolve_track(struct preparation *p, const struct plan_op *op)
{
	struct server_conf *conf = op->prepared;

	for (uint32_t i = 0; i < op->uses.count && conf->track == NULL; i++) {
		const struct doc_use *use = op->uses.at[i];
		struct doc_node *backend = plan_find(p->plan, p->plan->doc->root, DOC_BACKEND,
			use->parent);
		struct doc_node *server = backend == NULL ? NULL :
			plan_find(p->plan, backend, DOC_SERVER, use->name);

		assert(server != NULL && server->object != NULL); /* plan_check_uses() */
		conf->track = server->object;
		server_hold(conf->track);
	}
}

static void
server_forget_track(const struct plan_op *op)
{
	struct server_conf *conf = op->prepared;

	if (conf->track != NULL)
		server_release(conf->track);
	conf->track = NULL;
}

static bool
is_prepared_server(const struct plan_op *op)
{
	return op->node->kind == DOC_SERVER && op->to != NULL && op->prepared != NULL;
}

/* Objects of the same plan are discarded in another order. */
void
preparation_let_go(struct preparation *p)
{
	struct refs *lists[OP_REFS_MAX];

	for (uint32_t i = 0; i < p->plan->count; i++) {
		for (uint32_t n = op_refs(p->plan->ops[i], lists); n > 0; n--)
			refs_let_go(lists[n - 1]);
		if (is_prepared_server(p->plan->ops[i]))
			server_forget_track(p->plan->ops[i]);
	}
}

enum err
preparation_resolve(struct preparation *p)
{
	for (uint32_t i = 0; i < p->plan->count; i++) {
		enum err e = op_resolve(p, p->plan->ops[i]);

		if (is_prepared_server(p->plan->ops[i]))
			server_resolve_track(p, p->plan->ops[i]);
		if (e == ERR_OK)
			continue;
		p->nomem = e == ERR_NOMEM;
		return e;
	}
	return ERR_OK;
}
