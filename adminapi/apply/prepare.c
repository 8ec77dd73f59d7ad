/*
 * Preparing ops, kind by kind: settings become objects and messages; prepare_frontend.c has frontends
 * and their sockets. Control thread.
 */
#include "config.h"
#include "adminapi/apply/prepare_priv.h"

#include "adminapi/apply/maps.h"
#include "adminapi/apply/refs.h"
#include "core/clock.h"
#include "expr/userlist.h"

static const struct prepare_daemon *daemon_ops;

void
prepare_set_daemon(const struct prepare_daemon *daemon)
{
	daemon_ops = daemon;
}

enum err
preparation_init(struct preparation *p, struct plan *plan, struct issues *issues)
{
	*p = (struct preparation){ .plan = plan, .issues = issues };
	return publication_new(&p->publication);
}

/* -- backends -- */

static enum err
backend_prepare(struct preparation *p, struct plan_op *op)
{
	struct backend *backend = op->node->object;
	const struct backend_conf *newest;
	struct publish_item *item;
	enum err e;

	if (op->to == NULL) {
		e = backend_retire_new(&item, backend);
		if (e != ERR_OK)
			return e;
		publication_add(p->publication, item);
		op_set_object(op, NULL);
		return ERR_OK;
	}
	newest = backend == NULL ? NULL : op->node->newest;	/* NULL: it went, and comes anew */
	if (!rules_keep_stats(((struct backend_conf *)op->conf)->rules,
			      newest == NULL ? NULL : newest->rules))
		return ERR_NOMEM;
	if (backend == NULL && (e = backend_new(&backend, op->node->name)) != ERR_OK)
		return e;
	e = backend_publish_new(&item, backend, op->conf);
	if (e != ERR_OK) {
		if (op->node->object == NULL)
			backend_discard(&backend);
		return e;
	}
	op->prepared = op->conf;
	op->conf = NULL;
	op->old_newest = op->node->newest;
	op->node->newest = op->prepared;
	publication_add(p->publication, item);
	op_set_object(op, backend);
	return ERR_OK;
}

static void
backend_abort(struct plan_op *op)
{
	op->node->object = op->old_object;
	if (op->to != NULL)
		op->node->newest = op->old_newest;
}

/* -- servers -- */

static enum err
server_prepare_retire(struct preparation *p, struct server *server)
{
	struct publish_item *item;
	enum err e = server_retire_new(&item, server, p->plan->actor);

	if (e == ERR_OK)
		publication_add(p->publication, item);
	return e;
}

/* An id is part of a server's identity: another id is another server. */
static bool
server_is_replaced(const struct plan_op *op)
{
	return op->from != NULL && op->to != NULL && op->from != op->to &&
	    doc_server_id(op->from) != doc_server_id(op->to);
}

static enum server_cause
server_cause_of(const struct plan_op *op)
{
	if (op->kept)
		return SERVER_CAUSE_RESTORED;
	return op->from == NULL || server_is_replaced(op) ? SERVER_CAUSE_CREATED
							  : SERVER_CAUSE_CONFIG;
}

static enum err
server_prepare(struct preparation *p, struct plan_op *op)
{
	struct server *old = op->node->object, *server = old;
	struct server_conf *conf = op->conf;
	struct publish_item *item;
	enum err e;

	if (op->to == NULL || server_is_replaced(op)) {
		if ((e = server_prepare_retire(p, old)) != ERR_OK)
			return e;
		server = NULL;
	}
	if (op->to == NULL) {
		op_set_object(op, NULL);
		return ERR_OK;
	}
	conf->own_admin = daemon_ops->is_own_admin(&conf->address);
	if (p->plan->actor != NULL && (conf->actor = actor_new(p->plan->actor)) == NULL)
		return ERR_NOMEM;
	if (server == NULL && (e = server_new(&server, op->node->parent->object, op->node->name,
	    doc_server_id(op->to))) != ERR_OK)
		return e;
	e = server_publish_new(&item, server, conf, server_cause_of(op));
	if (e != ERR_OK) {
		if (server != old)
			server_discard(&server);
		return e;
	}
	op->prepared = conf;
	op->conf = NULL;
	publication_add(p->publication, item);
	op_set_object(op, server);
	return ERR_OK;
}

/* -- maps -- */

static enum err
map_prepare_op(struct preparation *p, struct plan_op *op)
{
	return map_prepare(p->plan, op, p->issues);
}

/* -- userlists -- */

/* The old one lives on with those who use it until they have the new one. */
static enum err
userlist_prepare(struct preparation *p, struct plan_op *op)
{
	op_set_object(op, op->to == NULL ? NULL : op->conf);
	if (op->to != NULL)
		op->conf = NULL;
	return ERR_OK;
}

static void
userlist_publish(struct plan_op *op)
{
	struct userlist *old = op->old_object;

	userlist_unref(&old);
	op->old_object = NULL;
}

static void
userlist_abort(struct plan_op *op)
{
	struct userlist *list = op->node->object;

	if (op->to != NULL)
		userlist_unref(&list);
	op->node->object = op->old_object;
}

struct userlist *
prepared_userlist(struct plan *plan, const char *name)
{
	struct doc_node *node = plan_find(plan, plan->doc->root, DOC_USERLIST, name);

	return node == NULL || node->object == NULL ? NULL : userlist_ref(node->object);
}

/* -- the daemon's own -- */

static enum err
global_prepare(struct preparation *p, struct plan_op *op)
{
	return daemon_ops->prepare_global(op->conf, plan_at(p->plan, op->node), p->issues);
}

static void
global_publish(struct plan_op *op)
{
	daemon_ops->publish_global(op->conf);
}

static enum err
admin_prepare(struct preparation *p, struct plan_op *op)
{
	return daemon_ops->prepare_admin(op->conf, &op->prepared, plan_at(p->plan, op->node),
		p->issues);
}

static void
admin_publish(struct plan_op *op)
{
	daemon_ops->publish_admin(op->conf, op->prepared);
	op->prepared = NULL;
}

static void
admin_abort(struct plan_op *op)
{
	if (op->prepared != NULL)
		daemon_ops->abort_admin(op->prepared);
	op->prepared = NULL;
}

static void
object_abort(struct plan_op *op)
{
	op->node->object = op->old_object;
}

/* What to do with an op of each kind; publish and abort may be NULL: the publication does it all. */
static const struct kind_ops {
	enum err (*prepare)(struct preparation *p, struct plan_op *op);
	void	 (*publish)(struct plan_op *op);
	void	 (*abort)(struct plan_op *op);
} kind_ops[DOC_KINDS] = {
	[DOC_GLOBAL]	= { global_prepare,	global_publish,		NULL },
	[DOC_ADMIN]	= { admin_prepare,	admin_publish,		admin_abort },
	[DOC_MAP]	= { map_prepare_op,	map_publish,		map_abort },
	[DOC_USERLIST]	= { userlist_prepare,	userlist_publish,	userlist_abort },
	[DOC_FRONTEND]	= { frontend_prepare,	frontend_publish,	frontend_abort },
	[DOC_BACKEND]	= { backend_prepare,	NULL,			backend_abort },
	[DOC_SERVER]	= { server_prepare,	NULL,			object_abort },
};

/* -- what runs -- */

const struct rules *
published_rules(const struct doc_node *node)
{
	const struct backend *backend = node->live_object;
	const struct frontend *frontend;

	if (node->kind == DOC_BACKEND)
		return backend == NULL || backend->conf == NULL ? NULL : backend->conf->rules;
	frontend = published_frontend(node);
	return frontend == NULL || frontend_published(frontend) == NULL ? NULL :
	    frontend_published(frontend)->rules;
}

#define OPS_PER_CLOCK 16	/* how many ops between two looks at the clock */

enum err
preparation_step(struct preparation *p, uint64_t until_us)
{
	p->is_waiting = false;
	while (p->next < p->plan->count) {
		struct plan_op *op = p->plan->ops[p->next];
		const struct kind_ops *ops = &kind_ops[op->node->kind];
		bool nothing = op->from == NULL && op->to == NULL;	/* came and went in one body */
		enum err e = ops->prepare == NULL || nothing ? ERR_OK : ops->prepare(p, op);

		if (e == ERR_BUSY)
			return e;
		if (e != ERR_OK) {
			p->nomem = e == ERR_NOMEM;
			return e;
		}
		p->next++;
		if (p->next % OPS_PER_CLOCK == 0 && clock_read_us(CLOCK_MONOTONIC) >= until_us &&
		    p->next < p->plan->count)
			return ERR_BUSY;
	}
	return preparation_resolve(p);
}

void
preparation_abort(struct preparation *p)
{
	preparation_let_go(p);
	for (uint32_t i = p->next; i > 0; i--) {
		struct plan_op *op = p->plan->ops[i - 1];

		if (kind_ops[op->node->kind].abort != NULL && (op->from != NULL || op->to != NULL))
			kind_ops[op->node->kind].abort(op);
	}
	publication_abort(&p->publication);
}

void
preparation_publish(struct preparation *p)
{
	for (uint32_t i = 0; i < p->plan->count; i++) {
		struct plan_op *op = p->plan->ops[i];

		if (kind_ops[op->node->kind].publish != NULL &&
		    (op->from != NULL || op->to != NULL))
			kind_ops[op->node->kind].publish(op);
	}
	publication_send(p->publication);
}
