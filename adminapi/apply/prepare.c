/*
 * Preparing ops: settings become objects, sockets and messages. Control thread.
 */
#include "config.h"
#include "adminapi/apply/prepare.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/apply/maps.h"
#include "adminapi/apply/refs.h"
#include "core/clock.h"
#include "core/loop.h"
#include "expr/userlist.h"
#include "rules/rules.h"

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

/* The object of a resource in the newest prepared version. */
static void
op_set_object(struct plan_op *op, void *object)
{
	op->old_object = op->node->object;
	op->node->object = object;
}

/* -- rules -- */

/* Those of the newest prepared conf of a frontend or backend; NULL: none. */
static const struct rules *newest_rules(const struct doc_node *node);

/* -- backends -- */

static enum err
backend_prepare(struct preparation *p, struct plan_op *op)
{
	struct backend *backend = op->node->object;
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
	if (!rules_keep_stats(((struct backend_conf *)op->conf)->rules, newest_rules(op->node)))
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
	enum err e = server_retire_new(&item, server);

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
	if (server == NULL && (e = server_new(&server, op->node->parent->object, op->node->name,
	    doc_server_id(op->to))) != ERR_OK)
		return e;
	e = server_publish_new(&item, server, conf, server_cause_of(op));
	if (e != ERR_OK) {
		if (server != old)
			server_discard(&server);
		return e;
	}
	op->conf = NULL;
	publication_add(p->publication, item);
	op_set_object(op, server);
	return ERR_OK;
}

/* -- frontends -- */

/* What a frontend's node holds: the object, and the newest conf that was prepared for it. */
struct frontend_object {
	struct frontend			*frontend;
	const struct frontend_conf	*newest;	/* borrowed: in force, or on its way */
};

struct frontend *
prepared_frontend(const struct doc_node *node)
{
	const struct frontend_object *object = node->object;

	return object == NULL ? NULL : object->frontend;
}

struct frontend *
published_frontend(const struct doc_node *node)
{
	const struct frontend_object *object = node->live_object;

	return object == NULL ? NULL : object->frontend;
}

static bool
conf_has_bind(const struct frontend_conf *conf, const struct bind *bind)
{
	for (uint32_t i = 0; conf != NULL && i < conf->bind_count; i++)
		if (conf->binds[i] == bind)
			return true;
	return false;
}

static void
bind_differences(const char *name, const struct frontend_conf *in,
		 const struct frontend_conf *not_in, bool opens, bind_change_fn *fn, void *arg)
{
	for (uint32_t i = 0; in != NULL && i < in->bind_count; i++)
		if (!conf_has_bind(not_in, in->binds[i]))
			fn(name, in->binds[i], opens, arg);
}

void
prepared_bind_changes(const struct plan_op *op, bind_change_fn *fn, void *arg)
{
	const struct frontend_object *was = op->old_object;
	const struct frontend_conf *before, *after;

	if (op->node->kind != DOC_FRONTEND)
		return;		/* the object is none of a frontend */
	before = was == NULL ? NULL : frontend_published(was->frontend);
	after = op->to == NULL ? NULL : op->prepared;
	bind_differences(op->node->name, before, after, false, fn, arg);
	bind_differences(op->node->name, after, before, true, fn, arg);
}

typedef bool bind_is_fn(const struct bind *bind, const struct bind_conf *wanted);

static struct bind *
bind_in(const struct frontend_conf *conf, bind_is_fn *is, const struct bind_conf *wanted)
{
	for (uint32_t i = 0; conf != NULL && i < conf->bind_count; i++)
		if (conf->binds[i] != NULL && is(conf->binds[i], wanted))
			return conf->binds[i];
	return NULL;
}

static bool
bind_is_at(const struct bind *bind, const struct bind_conf *wanted)
{
	return addr_equals(bind_address(bind), &wanted->address);
}

/* Another frontend that listens at just that address: asked for port 0, it got this one. */
static const struct doc_node *
bind_user(const struct preparation *p, const struct doc_node *own, const struct bind_conf *wanted)
{
	doc_each_child(node, p->plan->doc->root, DOC_FRONTEND) {
		const struct frontend_object *object = node->object;

		if (node != own && object != NULL &&
		    bind_in(object->newest, bind_is_at, wanted) != NULL)
			return node;
	}
	return NULL;
}

/* With port 0: a socket that the frontend has already, whatever port it got, each kept once. */
static struct bind *
bind_of_any_port(const struct frontend_conf *had, const struct frontend_conf *next,
	const struct bind_conf *wanted)
{
	for (uint32_t i = 0; i < had->bind_count; i++)
		if (bind_matches(had->binds[i], wanted) && !conf_has_bind(next, had->binds[i]))
			return had->binds[i];
	return NULL;
}

#define CLOSING_WAIT_US 2000000	/* as long as a write waits for its acknowledgements */

/* An abstract name is free only when the last worker has closed its socket: some ms. */
static bool
preparation_may_wait(struct preparation *p)
{
	const uint64_t now_us = clock_read_us(CLOCK_MONOTONIC);

	if (p->wait_until_us == 0)
		p->wait_until_us = now_us + CLOSING_WAIT_US;
	return now_us < p->wait_until_us;
}

static enum err
bind_prepare(struct preparation *p, struct plan_op *op, struct frontend_settings *s, uint32_t index)
{
	struct bind_conf *wanted = &s->binds[index];
	bool shareable = addr_is_unix(&wanted->address) || addr_port(&wanted->address) != 0;
	const struct frontend_object *object = op->node->object;
	const struct doc_node *user;
	struct pointer *at;
	struct diag why;
	struct bind *bind = NULL;
	enum err e;

	if (s->conf->binds[index] != NULL)
		return ERR_OK;		/* before a wait for another one */
	s->conf->bind_confs[index] = *wanted;
	if (shareable)
		bind = bind_find(wanted);	/* of any frontend, or on its way out */
	else if (object != NULL)
		bind = bind_of_any_port(object->newest, s->conf, wanted);
	if (bind != NULL) {
		bind_hold(bind);
		s->conf->binds[index] = bind;
		return ERR_OK;
	}
	user = shareable ? bind_user(p, op->node, wanted) : NULL;
	wanted->is_shared = shareable && bind_is_ours(wanted);
	if (user != NULL) {
		diag_set(&why, "the address is in use by frontend %s", user->name);
		e = ERR_EXISTS;
	} else {
		e = bind_open(&s->conf->binds[index], wanted, publish_worker_count(), &why);
	}
	if (e == ERR_OK || e == ERR_NOMEM)
		return e;
	if (e == ERR_EXISTS && bind_is_closing(wanted) && preparation_may_wait(p)) {
		p->is_waiting = true;
		return ERR_BUSY;
	}
	at = plan_at(p->plan, op->node);
	pointer_push(at, "bind");
	pointer_push_index(at, index);
	issues_add(p->issues, pointer_text(at), "%s", why.text);
	return e;
}

/* Checked, and prepared before us. Held by the conf from here on. */
static struct backend *
backend_named(struct preparation *p, const char *name)
{
	struct doc_node *node = plan_find(p->plan, p->plan->doc->root, DOC_BACKEND, name);

	assert(node != NULL && node->object != NULL);
	backend_hold(node->object);
	return node->object;
}

static const struct rules *
newest_rules(const struct doc_node *node)
{
	const struct frontend_object *object = node->object;
	const struct backend_conf *backend = node->newest;

	if (node->object == NULL)
		return NULL;		/* it went, and comes anew */
	if (node->kind == DOC_BACKEND)
		return backend == NULL ? NULL : backend->rules;
	return object->newest->rules;
}

static enum err
frontend_conf_prepare(struct preparation *p, struct plan_op *op, struct frontend_settings *s)
{
	enum err e;

	for (uint32_t i = 0; i < s->bind_count; i++)
		if ((e = bind_prepare(p, op, s, i)) != ERR_OK)
			return e;
	if (s->default_backend != NULL)
		s->conf->default_backend = backend_named(p, s->default_backend);
	return rules_keep_stats(s->conf->rules, newest_rules(op->node)) ? ERR_OK : ERR_NOMEM;
}

static enum err
frontend_retire(struct preparation *p, struct plan_op *op)
{
	struct frontend_object *object = op->node->object;
	struct publish_item *item;
	enum err e = frontend_retire_new(&item, object->frontend);

	if (e != ERR_OK)
		return e;
	publication_add(p->publication, item);
	op_set_object(op, NULL);
	return ERR_OK;
}

static enum err
frontend_object_new(struct frontend_object **op, const struct frontend_object *old,
	const char *name)
{
	struct frontend_object *object = calloc(1, sizeof(*object));
	enum err e = ERR_OK;

	if (object == NULL)
		return ERR_NOMEM;
	if (old != NULL)
		object->frontend = old->frontend;
	else
		e = frontend_new(&object->frontend, name);
	if (e != ERR_OK) {
		free(object);
		return e;
	}
	*op = object;
	return ERR_OK;
}

static enum err
frontend_prepare(struct preparation *p, struct plan_op *op)
{
	struct frontend_settings *s = op->conf;
	struct frontend_object *old = op->node->object, *object;
	struct publish_item *item;
	enum err e;

	if (op->to == NULL)
		return frontend_retire(p, op);
	if ((e = frontend_conf_prepare(p, op, s)) != ERR_OK ||
	    (e = frontend_object_new(&object, old, op->node->name)) != ERR_OK)
		return e;
	e = frontend_publish_new(&item, object->frontend, s->conf);
	if (e != ERR_OK) {
		if (old == NULL)
			frontend_discard(&object->frontend);
		free(object);
		return e;
	}
	object->newest = s->conf;
	op->prepared = s->conf;
	s->conf = NULL;			/* the item's now */
	publication_add(p->publication, item);
	op_set_object(op, object);
	return ERR_OK;
}

void
published_close_binds(const struct doc *doc)
{
	doc_each_child(node, doc->root, DOC_FRONTEND) {
		struct frontend_object *object = node->live_object;

		if (object != NULL)
			frontend_discard(&object->frontend);
	}
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

/* The conf's item may have freed the frontend; the node's shell is ours. */
static void
frontend_abort(struct plan_op *op)
{
	if (op->to != NULL)
		free(op->node->object);
	op->node->object = op->old_object;
}

static void
frontend_publish(struct plan_op *op)
{
	free(op->old_object);
	op->old_object = NULL;
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
