/*
 * What the schema cannot say: addresses and ids used twice, what is not live; and, in files of their
 * own, references and modes.
 */
#include "config.h"
#include "adminapi/doc/plan_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/hash.h"
#include "adminapi/json/strict.h"
#include "core/addr.h"

static void
not_live(struct plan *plan, const struct doc_node *node, const char *field, const char *option)
{
	struct pointer *at = plan_at(plan, node);

	pointer_push(at, field);
	if (option == NULL)
		issues_add(&plan->issues, pointer_text(at),
			"restart needed: this is read at start only");
	else
		issues_add(&plan->issues, pointer_text(at),
			   "%s was given on the command line, that "
			   "holds: a restart without it is needed",
			   option);
	plan->conflict = "restart needed: it can't be changed while running";
	plan_worsen(plan, PLAN_CONFLICT);
}

/* "restart needed": fields that are read once, at start. */
static void
check_not_live(struct plan *plan, const struct plan_op *op)
{
	const struct { const char *field, *option; } once[] = {
		{ "threads", plan->doc->given.threads ? "--threads" : NULL },
		{ "state_dir", plan->doc->given.state_dir ? "--state-dir" : NULL },
		{ "files_dir", plan->doc->given.files_dir ? "--files-dir" : NULL },
		{ "log_dir", plan->doc->given.log_dir ? "--log-dir" : NULL },
		{ "user", NULL }, { "group", NULL },
	};

	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		const cJSON *from = doc_field(op->from->set, once[i].field);
		const cJSON *to = doc_field(op->to->set, once[i].field);

		if (from != to && (from == NULL || to == NULL || !json_equals(from, to)))
			not_live(plan, op->node, once[i].field, once[i].option);
	}
}

/* One listening address of the document. */
struct claim {
	char		 text[ADDR_TEXT_BYTES];
	char		 owner[DOC_NAME_MAX + 16];
	UT_hash_handle	 hh;
};

static const char *
bind_text(const cJSON *item)
{
	const cJSON *address = cJSON_IsObject(item) ? doc_field(item, "address") : item;

	return cJSON_IsString(address) ? address->valuestring : NULL;
}

static void
claim_address(struct plan *plan, struct claim **claims, const struct doc_node *node,
	const char *field, int index, const cJSON *item)
{
	const char *text = bind_text(item);
	struct claim *claim, *other;
	struct addr addr;
	struct pointer *at;

	if (text == NULL ||
	    addr_parse(&addr, slice_of(text), ADDR_ANY_PORT | ADDR_STAR, NULL) != ERR_OK ||
	    (!addr_is_unix(&addr) && addr_port(&addr) == 0))
		return;		/* the compiler says what is wrong; port 0 is never the same twice */
	claim = calloc(1, sizeof(*claim));
	if (claim == NULL) {
		plan_nomem(plan);
		return;
	}
	addr_format(&addr, claim->text);
	if (doc_kind_info(node->kind)->is_collection)
		snprintf(claim->owner, sizeof(claim->owner), "%s %s",
			doc_kind_info(node->kind)->word, node->name);
	else
		snprintf(claim->owner, sizeof(claim->owner), "%s", doc_kind_info(node->kind)->word);
	HASH_FIND_STR(*claims, claim->text, other);
	if (other == NULL) {
		HASH_ADD_STR(*claims, text, claim);
		if (hash_has(claim))
			return;
		free(claim);
		plan_nomem(plan);
		return;
	}
	at = plan_at(plan, node);
	pointer_push(at, field);
	pointer_push_index(at, (size_t)index);
	issues_add(&plan->issues, pointer_text(at), "the address %s is used by %s already",
		claim->text, other->owner);
	free(claim);
}

static void
claim_addresses(struct plan *plan, struct claim **claims, const struct doc_node *node,
	const char *field)
{
	const struct doc_version *version = plan_version(node);
	const cJSON *item, *list = version == NULL ? NULL : doc_field(version->set, field);
	int index = 0;

	cJSON_ArrayForEach(item, list)
		claim_address(plan, claims, node, field, index++, item);
}

/* Those that stay claim first, so that the issue lands on what the body brings. */
static void
check_binds(struct plan *plan)
{
	struct claim *claims = NULL, *claim, *next;
	const struct doc_node *root = plan->doc->root, *admin = plan->doc->singles[DOC_ADMIN];
	bool admin_changes = admin->op != NULL && admin->op->to != admin->op->from;

	if (!admin_changes)
		claim_addresses(plan, &claims, admin, "listen");
	doc_each_child(frontend, root, DOC_FRONTEND)
		if (frontend->op == NULL)
			claim_addresses(plan, &claims, frontend, "bind");
	for (uint32_t i = 0; i < plan->count; i++)
		if (plan->ops[i]->node->kind == DOC_FRONTEND)
			claim_addresses(plan, &claims, plan->ops[i]->node, "bind");
	if (admin_changes)
		claim_addresses(plan, &claims, admin, "listen");
	HASH_ITER(hh, claims, claim, next) {
		HASH_DEL(claims, claim);
		free(claim);
	}
}

struct id_of {
	uint32_t		 id;
	const struct doc_node	*node;
};

static int
id_compare(const void *a, const void *b)
{
	const struct id_of *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void
check_ids_of(struct plan *plan, const struct id_of *ids, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		const struct doc_node *late =
			ids[i].node->op != NULL ? ids[i].node : ids[i - 1].node;
		const struct doc_node *other = late == ids[i].node ? ids[i - 1].node : ids[i].node;
		struct pointer *at;

		if (ids[i].id != ids[i - 1].id)
			continue;
		at = plan_at(plan, late);
		pointer_push(at, "id");
		issues_add(&plan->issues, pointer_text(at), "%u is the id of server \"%s\" already",
			(unsigned)ids[i].id, other->name);
	}
}

/* Only when an id was given that is not above all others: then the whole backend is looked at. */
static void
check_ids(struct plan *plan, struct doc_node *backend)
{
	uint32_t cap = HASH_COUNT(backend->collections[0]) + plan->count, count = 0;
	struct id_of *ids = calloc(cap + 1, sizeof(*ids));

	if (ids == NULL) {
		plan_nomem(plan);
		return;
	}
	doc_each_child(server, backend, DOC_SERVER)
		if (plan_version(server) != NULL)
			ids[count++] =
				(struct id_of){ doc_server_id(plan_version(server)), server };
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = plan->ops[i];

		if (op->created && op->node->parent == backend && op->to != NULL)
			ids[count++] = (struct id_of){ doc_server_id(op->to), op->node };
	}
	qsort(ids, count, sizeof(*ids), id_compare);
	check_ids_of(plan, ids, count);
	free(ids);
}

static void
check_all_ids(struct plan *plan)
{
	const struct doc_node *done = NULL;	/* ops of one backend stand together */

	for (uint32_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = plan->ops[i];

		if (op->node->kind != DOC_SERVER || op->to == NULL || op->node->parent == done)
			continue;
		check_ids(plan, op->node->parent);
		done = op->node->parent;
	}
}

static void
check_op(struct plan *plan, const struct plan_op *op)
{
	switch (op->node->kind) {
	case DOC_GLOBAL:
		if (!plan->booting)
			check_not_live(plan, op);
		break;
	case DOC_FRONTEND:
		if (op->to == NULL)
			break;
		check_references(plan, op->node, DOC_BACKEND);
		check_references(plan, op->node, DOC_PROFILE);
		check_references(plan, op->node, DOC_ERROR_PAGES);
		break;
	case DOC_BACKEND:
		if (op->to == NULL) {
			check_users(plan, op->node, DOC_FRONTEND);
			break;
		}
		check_references(plan, op->node, DOC_PROFILE);
		check_references(plan, op->node, DOC_ERROR_PAGES);
		break;
	case DOC_PROFILE:
		if (op->to != NULL) {
			check_references(plan, op->node, DOC_ERROR_PAGES);
			break;
		}
		check_users(plan, op->node, DOC_FRONTEND);
		check_users(plan, op->node, DOC_BACKEND);
		break;
	case DOC_DEFAULTS:
		check_references(plan, op->node, DOC_ERROR_PAGES);
		break;
	case DOC_ERROR_PAGES:
		if (op->to == NULL)
			check_all_users(plan, op->node);
		break;
	case DOC_MAP:		/* in expressions: who compiles those knows */
	case DOC_USERLIST:
	case DOC_CONFIG:
	case DOC_ADMIN:
	case DOC_SERVER:
	case DOC_KINDS:
		break;
	}
}

void
plan_check(struct plan *plan)
{
	bool binds = false;

	for (uint32_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = plan->ops[i];

		if (op->to == op->from)
			continue;
		check_op(plan, op);
		binds |= op->node->kind == DOC_FRONTEND || op->node->kind == DOC_ADMIN;
	}
	if (binds)
		check_binds(plan);
	if (plan->ids_given)
		check_all_ids(plan);
	plan_check_modes(plan);
	plan_check_files(plan);
	plan_check_map_files(plan);
}
