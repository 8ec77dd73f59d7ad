/*
 * References find their objects. Control thread.
 */
#include "config.h"
#include "adminapi/apply/refs.h"

#include <assert.h>
#include <string.h>
#include "adminapi/apply/maps.h"
#include "adminapi/apply/prepare.h"
#include "core/publish.h"
#include "expr/userlist.h"
#include "server/backend.h"
#include "server/server.h"
#include "stream/frontend.h"

static struct doc_node *
named(struct plan *plan, enum doc_kind kind, const char *name)
{
	struct doc_node *node = plan_find(plan, plan->doc->root, kind, name);

	assert(node != NULL && node->object != NULL); /* plan_check_uses() */
	return node;
}

static void
backend_let_go(struct ref *ref)
{
	backend_release(ref->object);
}

static void
backend_look_away(struct ref *ref)
{
	backend_unwatch(ref->object);
}

/* In a backend's conf: one that names itself must be able to go. Nothing is sent there by that. */
static void
backend_look_at(struct plan *plan, struct ref *ref)
{
	ref->object = named(plan, DOC_BACKEND, ref->name)->object;
	backend_watch(ref->object);
	ref->release = backend_look_away;
}

static enum err
backend_resolve(struct plan *plan, struct ref *ref, struct diag *diag)
{
	ref->object = named(plan, DOC_BACKEND, ref->name)->object;
	backend_hold(ref->object);
	ref->release = backend_let_go;
	return ERR_OK;
}

static void
server_let_go(struct ref *ref)
{
	server_release(ref->object);
}

static enum err
server_resolve(struct plan *plan, struct ref *ref, struct diag *diag)
{
	struct doc_node *backend = named(plan, DOC_BACKEND, ref->parent);
	struct doc_node *server = plan_find(plan, backend, DOC_SERVER, ref->name);

	assert(server != NULL && server->object != NULL);
	ref->object = server->object;
	server_hold(ref->object);
	ref->release = server_let_go;
	return ERR_OK;
}

static void
frontend_let_go(struct ref *ref)
{
	frontend_release(ref->object);
}

static enum err
frontend_resolve(struct plan *plan, struct ref *ref, struct diag *diag)
{
	ref->object = prepared_frontend(named(plan, DOC_FRONTEND, ref->name));
	frontend_hold(ref->object);
	ref->release = frontend_let_go;
	return ERR_OK;
}

static void
map_let_go(struct ref *ref)
{
	struct map_view *view = ref->object;

	map_view_release(&view);
	maps_reap();
}

static enum err
map_resolve(struct plan *plan, struct ref *ref, struct diag *diag)
{
	struct map_view *view = NULL;
	enum err e = map_view_get(&view, maps_find(plan, ref->name), ref->match, ref->nocase,
				  ref->value_type, diag);

	if (e != ERR_OK)
		return e;
	ref->object = view;
	ref->release = map_let_go;
	return ERR_OK;
}

static void
userlist_let_go(struct ref *ref)
{
	struct userlist *list = ref->object;

	userlist_unref(&list);
}

static enum err
userlist_resolve(struct plan *plan, struct ref *ref, struct diag *diag)
{
	ref->object = prepared_userlist(plan, ref->name);
	assert(ref->object != NULL);
	ref->release = userlist_let_go;
	return ERR_OK;
}

enum err
ref_resolve(struct plan *plan, struct ref *ref, bool in_backend, struct diag *diag)
{
	static enum err (*const resolvers[REF_KINDS])(struct plan *, struct ref *,
						      struct diag *) = {
		[REF_BACKEND] = backend_resolve,   [REF_SERVER] = server_resolve,
		[REF_FRONTEND] = frontend_resolve, [REF_MAP] = map_resolve,
		[REF_USERLIST] = userlist_resolve,
	};

	if (ref->object != NULL)
		return ERR_OK; /* before a wait for a socket */
	if (in_backend && ref->kind == REF_BACKEND) {
		backend_look_at(plan, ref);
		return ERR_OK;
	}
	return resolvers[ref->kind](plan, ref, diag);
}

void
refs_let_go(struct refs *refs)
{
	for (struct ref *ref = refs->first; ref != NULL; ref = ref->next) {
		if (ref->release != NULL)
			ref->release(ref);
		ref->release = NULL;
		ref->object = NULL;
	}
}

/* -- counts -- */

/* Most stand where they stood, or one further. */
static const struct rule *
rule_before(const struct rules *before, const char *id, uint32_t *hint)
{
	uint32_t count = before == NULL ? 0 : before->count;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (*hint + i) % count;

		if (strcmp(before->rules[at].id, id) != 0)
			continue;
		*hint = at + 1;
		return &before->rules[at];
	}
	return NULL;
}

bool
rules_keep_stats(struct rules *rules, const struct rules *before)
{
	uint32_t hint = 0;

	for (uint32_t i = 0; rules != NULL && i < rules->count; i++) {
		struct rule *rule = &rules->rules[i];
		const struct rule *old = rule_before(before, rule->id, &hint);

		if (rule->stats != NULL)
			continue; /* prepared before: it waited for a socket */
		rule->stats = old != NULL ? rule_stats_ref(old->stats)
					  : rule_stats_new(publish_worker_count());
		if (rule->stats == NULL)
			return false;
	}
	return true;
}
