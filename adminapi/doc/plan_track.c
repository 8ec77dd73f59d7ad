/*
 * Servers that track others: each chain ends at a server that is checked, or asked by an agent (HAProxy manual,
 * 5.2 "track"). That whom it names is there is told by who checks references.
 *
 * Only chains that begin or end at what the plan touches are looked at.
 */
#include "config.h"
#include "adminapi/doc/plan_priv.h"

#include <string.h>

#define TRACK_HOPS_MAX 100	/* one that goes round elsewhere has no end */

enum track_end { TRACK_ENDS, TRACK_MISSES, TRACK_CIRCLES, TRACK_UNCHECKED };

/* A server's "track", as its compiler found it; NULL: it tracks nobody. */
static const struct doc_use *
track_of(const struct doc_node *server)
{
	const struct doc_uses *uses = server->op != NULL ? &server->op->uses : &server->uses;

	for (uint32_t i = 0; i < uses->count; i++)
		if (uses->at[i]->kind == DOC_SERVER)
			return uses->at[i];
	return NULL;
}

static bool
is_checked(struct plan *plan, const struct doc_node *server)
{
	struct chain chain;

	plan_chain(plan, server, &chain);
	return cJSON_IsTrue(chain_value(&chain, "check", NULL)) ||
	    cJSON_IsTrue(chain_value(&chain, "agent_check", NULL));
}

/* Where the chain from `server` on comes to; *end is the last one that was met. */
static enum track_end
track_follow(struct plan *plan, const struct doc_node *server, const struct doc_node **end)
{
	const struct doc_use *use = track_of(server);

	*end = server;
	for (uint32_t hops = 0; use != NULL && hops < TRACK_HOPS_MAX; hops++) {
		const struct doc_node *next = use_find(plan, use);

		if (next == NULL)
			return TRACK_MISSES;
		if (next == server)
			return TRACK_CIRCLES;
		*end = next;
		use = track_of(next);
	}
	if (use != NULL)
		return TRACK_CIRCLES;
	return is_checked(plan, *end) ? TRACK_ENDS : TRACK_UNCHECKED;
}

/* Of what the plan says. */
static void
track_check(struct plan *plan, const struct doc_node *server)
{
	const struct doc_node *end;
	enum track_end how = track_follow(plan, server, &end);
	struct pointer *at = plan_at(plan, server);

	pointer_push(at, "track");
	if (how == TRACK_CIRCLES && end == server)
		issues_add(&plan->issues, pointer_text(at), "is the server itself");
	else if (how == TRACK_CIRCLES)
		issues_add(&plan->issues, pointer_text(at), "leads in a circle, by way of server "
			"\"%s/%s\"", end->parent->name, end->name);
	else if (how == TRACK_UNCHECKED)
		issues_add(&plan->issues, pointer_text(at), "leads to server \"%s/%s\", which is "
			"not checked: it has neither check nor agent_check", end->parent->name,
			end->name);
}

/* One that the plan does not touch tracks one that it leaves without a check. */
static void
track_check_untouched(struct plan *plan, const struct doc_node *server)
{
	const struct doc_use *use = track_of(server);
	const struct doc_node *tracked = use == NULL ? NULL : use_find(plan, use);
	struct pointer *at;

	if (tracked == NULL || tracked->op == NULL || track_of(tracked) != NULL ||
	    is_checked(plan, tracked))
		return;
	at = plan_at(plan, tracked);
	pointer_push(at, "check");
	issues_add(&plan->issues, pointer_text(at), "is not on, and server \"%s/%s\" tracks this "
		"one", server->parent->name, server->name);
}

void
plan_check_tracks(struct plan *plan)
{
	bool any_unchecked = false;

	for (uint32_t i = 0; i < plan->count; i++) {
		const struct doc_node *server = plan->ops[i]->node;

		if (server->kind != DOC_SERVER || plan->ops[i]->to == NULL)
			continue;
		if (track_of(server) != NULL)
			track_check(plan, server);
		else if (plan->ops[i]->from != NULL && plan->doc->trackers > 0)
			any_unchecked |= !is_checked(plan, server);
	}
	if (!any_unchecked)
		return;
	doc_each_child(backend, plan->doc->root, DOC_BACKEND)
		doc_each_child(server, backend, DOC_SERVER)
			if (server->op == NULL && server->uses.count > 0)
				track_check_untouched(plan, server);
}
