/*
 * Who inherits from what changed: these are compiled anew, their own documents stay.
 */
#include "config.h"
#include "adminapi/doc/plan_priv.h"

#include <string.h>
#include "adminapi/json/strict.h"

static bool
field_changed(const struct plan_op *op, const char *field)
{
	const cJSON *a = op->from == NULL ? NULL : doc_field(op->from->set, field);
	const cJSON *b = op->to == NULL ? NULL : doc_field(op->to->set, field);

	return a == NULL || b == NULL ? a != b : !json_equals(a, b);
}

static void
touch_servers(struct plan *plan, struct doc_node *backend)
{
	doc_each_child(server, backend, DOC_SERVER)
		plan_touch(plan, server);
}

/* Does it take its defaults from that profile (NULL: from "defaults")? */
static bool
is_from(const struct doc_node *node, const char *profile)
{
	const struct doc_version *version = plan_version(node);
	const cJSON *from = version == NULL ? NULL : doc_field(version->set, "from");

	if (version == NULL)
		return false;
	if (!cJSON_IsString(from))
		return profile == NULL;
	return profile != NULL && strcmp(from->valuestring, profile) == 0;
}

static void
touch_heirs(struct plan *plan, const struct plan_op *op, const char *profile)
{
	struct doc_node *root = plan->doc->root;
	bool servers = field_changed(op, "default_server") || field_changed(op, "mode");

	doc_each_child(frontend, root, DOC_FRONTEND)
		if (is_from(frontend, profile))
			plan_touch(plan, frontend);
	doc_each_child(backend, root, DOC_BACKEND) {
		if (!is_from(backend, profile))
			continue;
		plan_touch(plan, backend);
		if (servers)
			touch_servers(plan, backend);
	}
}

static void
touch_all(struct plan *plan, enum doc_kind kind)
{
	struct doc_node *root = plan->doc->root;

	if (kind == DOC_FRONTEND)
		doc_each_child(frontend, root, DOC_FRONTEND)
			plan_touch(plan, frontend);
	else
		doc_each_child(backend, root, DOC_BACKEND)
			touch_servers(plan, backend);
}

/* Does any text in it have that name? Conditions and formats name things, too; one too many does no harm. */
static bool
mentions(const cJSON *value, const char *name)
{
	const cJSON *item;

	if (cJSON_IsString(value))
		return strstr(value->valuestring, name) != NULL;
	cJSON_ArrayForEach(item, value)
		if (mentions(item, name))
			return true;
	return false;
}

static bool
node_mentions(const struct doc_node *node, const char *name)
{
	const struct doc_version *version = plan_version(node);

	return version != NULL && mentions(version->set, name);
}

/* Those that name a userlist or set of pages that changes or goes. */
static void
touch_users(struct plan *plan, const struct doc_node *named)
{
	static const enum doc_kind kinds[] = { DOC_FRONTEND, DOC_BACKEND };
	struct doc_node *root = plan->doc->root;
	const struct doc_node *defaults = plan->doc->singles[DOC_DEFAULTS];
	bool all = node_mentions(defaults, named->name);

	doc_each_child(profile, root, DOC_PROFILE)
		all |= node_mentions(profile, named->name);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		doc_each_child(node, root, kinds[i])
			if (all || node_mentions(node, named->name))
				plan_touch(plan, node);
}

static void
touch_for(struct plan *plan, const struct plan_op *op)
{
	switch (op->node->kind) {
	case DOC_GLOBAL:
		if (field_changed(op, "log"))
			touch_all(plan, DOC_FRONTEND);
		break;
	case DOC_ADMIN:		/* a server may not be one of our own admin listeners */
		if (field_changed(op, "listen"))
			touch_all(plan, DOC_SERVER);
		break;
	case DOC_DEFAULTS:
		touch_heirs(plan, op, NULL);
		break;
	case DOC_PROFILE:
		touch_heirs(plan, op, op->node->name);
		break;
	case DOC_BACKEND:
		if (op->from != NULL && op->to != NULL &&
		    (field_changed(op, "default_server") || field_changed(op, "from") ||
		    field_changed(op, "mode")))
			touch_servers(plan, op->node);
		break;
	case DOC_USERLIST:
	case DOC_ERROR_PAGES:
		touch_users(plan, op->node);
		break;
	case DOC_CONFIG:
	case DOC_MAP:		/* its entries change for all that use it by themselves */
	case DOC_FRONTEND:
	case DOC_SERVER:
	case DOC_KINDS:
		break;
	}
}

/* -- who names a server that another one takes the place of -- */

static bool
is_replaced(const struct plan_op *op)
{
	return op->node->kind == DOC_SERVER && op->from != NULL && op->to != NULL &&
	    doc_server_id(op->from) != doc_server_id(op->to);
}

static bool
names_replaced(const struct plan *plan, const struct doc_node *user)
{
	for (uint32_t i = 0; i < user->uses.count; i++) {
		const struct doc_use *use = user->uses.at[i];
		const struct doc_node *backend, *server = NULL;

		if (use->parent == NULL)
			continue;
		backend = doc_child(plan->doc->root, DOC_BACKEND, use->parent);
		if (backend != NULL)
			server = doc_child(backend, DOC_SERVER, use->name);
		if (server != NULL && server->op != NULL && is_replaced(server->op))
			return true;
	}
	return false;
}

static void
touch_users_of_replaced(struct plan *plan)
{
	struct doc_node *root = plan->doc->root;

	doc_each_child(frontend, root, DOC_FRONTEND)
		if (names_replaced(plan, frontend))
			plan_touch(plan, frontend);
	doc_each_child(backend, root, DOC_BACKEND) {
		if (names_replaced(plan, backend))
			plan_touch(plan, backend);
		if (plan->doc->trackers == 0)
			continue;
		doc_each_child(server, backend, DOC_SERVER)
			if (names_replaced(plan, server))
				plan_touch(plan, server);
	}
}

void
plan_touch_dependents(struct plan *plan)
{
	uint32_t count = plan->count;	/* what is touched changes nothing further */
	bool any_replaced = false;

	for (uint32_t i = 0; i < count; i++) {
		if (plan->ops[i]->to != plan->ops[i]->from)
			touch_for(plan, plan->ops[i]);
		any_replaced |= is_replaced(plan->ops[i]);
	}
	if (any_replaced)
		touch_users_of_replaced(plan);
}
