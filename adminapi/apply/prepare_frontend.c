/*
 * Preparing frontends: their binds are opened or taken over, backends found. Control thread.
 */
#include "config.h"
#include "adminapi/apply/prepare_priv.h"

#include <assert.h>
#include <stdlib.h>
#include "adminapi/apply/refs.h"
#include "core/clock.h"

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

static enum err
frontend_conf_prepare(struct preparation *p, struct plan_op *op, struct frontend_settings *s)
{
	const struct frontend_object *object = op->node->object;
	const struct rules *was;
	enum err e;

	for (uint32_t i = 0; i < s->bind_count; i++)
		if ((e = bind_prepare(p, op, s, i)) != ERR_OK)
			return e;
	if (s->default_backend != NULL)
		s->conf->default_backend = backend_named(p, s->default_backend);
	was = object == NULL ? NULL : object->newest->rules;
	return rules_keep_stats(s->conf->rules, was) ? ERR_OK : ERR_NOMEM;
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

enum err
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

/* The conf's item may have freed the frontend; the node's shell is ours. */
void
frontend_abort(struct plan_op *op)
{
	if (op->to != NULL)
		free(op->node->object);
	op->node->object = op->old_object;
}

void
frontend_publish(struct plan_op *op)
{
	free(op->old_object);
	op->old_object = NULL;
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
