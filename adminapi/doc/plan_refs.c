/*
 * Who names whom: a frontend the backends that its requests go to, frontends and backends a profile
 * and sets of error pages; and, as
 * their compilers find (uses.h), anything in expressions. Both ways: what is named must be there, what is there and
 * named may not go.
 */
#include "config.h"
#include "adminapi/doc/plan_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/hint.h"

static bool
reference_take(struct reference *r, const cJSON *set, const char *field)
{
	const cJSON *name = cJSON_IsObject(set) ? doc_field(set, field) : NULL;

	r->name = cJSON_IsString(name) ? name->valuestring : NULL;
	return r->name != NULL;
}

/* Where names of a kind stand: in a field (a name, or a list of them), and in a field of rules. */
static const struct { const char *field, *of_rules; } name_fields[DOC_KINDS] = {
	[DOC_BACKEND]	  = { "default_backend", "backend" },
	[DOC_PROFILE]	  = { "from", NULL },
	[DOC_ERROR_PAGES] = { "errorfiles_from", "errorfiles" },
};

bool
reference_first(struct reference *r, const cJSON *set, enum doc_kind kind)
{
	const cJSON *rules = doc_field(set, "rules");
	const cJSON *list = doc_field(set, name_fields[kind].field);

	*r = (struct reference){ .field = name_fields[kind].field,
		.of_rules = name_fields[kind].of_rules };
	if (cJSON_IsArray(rules) && r->of_rules != NULL)
		r->next_rule = rules->child;
	if (cJSON_IsArray(list))
		r->next_item = list->child;
	return reference_take(r, set, r->field) || reference_next(r);
}

bool
reference_next(struct reference *r)
{
	while (r->next_item != NULL) {
		const cJSON *item = r->next_item;

		r->next_item = item->next;
		r->items++;
		r->name = cJSON_IsString(item) ? item->valuestring : NULL;
		if (r->name != NULL)
			return true;
	}
	r->field = NULL;
	while (r->next_rule != NULL) {
		const cJSON *rule = r->next_rule;

		r->next_rule = rule->next;
		r->rules++;
		if (reference_take(r, rule, r->of_rules) && strchr(r->name, '%') == NULL)
			return true;	/* a format names whom it likes, when it runs */
	}
	return false;
}

void
reference_push(const struct reference *r, struct pointer *at)
{
	if (r->field != NULL) {
		pointer_push(at, r->field);
		if (r->items > 0)
			pointer_push_index(at, r->items - 1);
		return;
	}
	pointer_push(at, "rules");
	pointer_push_index(at, r->rules - 1);
	pointer_push(at, r->of_rules);
}

/* -- "did you mean" -- */

#define HINT_NAMES_MAX 10000	/* of so many, at most, the nearest is looked for */

/* The members of a collection that are there once the plan holds. Their names live as long as the plan. */
static size_t
members_names(struct plan *plan, const struct doc_node *parent, enum doc_kind kind,
	      const char *names[HINT_NAMES_MAX])
{
	size_t count = 0;

	doc_each_child(node, parent, kind)
		if (node->op == NULL && plan_version(node) != NULL && count < HINT_NAMES_MAX)
			names[count++] = node->name;
	for (uint32_t i = 0; i < plan->count && count < HINT_NAMES_MAX; i++) {
		const struct plan_op *op = plan->ops[i];

		if (op->to != NULL && op->node->kind == kind && op->node->parent == parent)
			names[count++] = op->node->name;
	}
	return count;
}

/* Which of its siblings was meant; NULL: none is near, or there is no memory for a hint. */
static const char *
member_nearest(struct plan *plan, const struct doc_node *parent, enum doc_kind kind,
	       const char *name)
{
	const char **names = calloc(HINT_NAMES_MAX, sizeof(*names));
	const char *nearest = NULL;

	if (names != NULL && plan->issues.count < ISSUES_MAX)
		nearest = hint_nearest(name, names, members_names(plan, parent, kind, names));
	free(names);
	return nearest;
}

/* An issue: `label`, such as map "x", is not there. */
static void
missing_issue(struct plan *plan, struct pointer *at, const struct doc_node *parent,
	      enum doc_kind kind, const char *name, const char *label)
{
	const char *nearest = parent == NULL ? NULL : member_nearest(plan, parent, kind, name);

	if (kind == DOC_MAP && strchr(name, '/') != NULL)
		issues_add(&plan->issues, pointer_text(at),
			   "there is no %s: what -f and map() name is one of maps, no file", label);
	else if (nearest != NULL)
		issues_add(&plan->issues, pointer_text(at), "there is no %s; did you mean \"%s\"?",
			   label, nearest);
	else
		issues_add(&plan->issues, pointer_text(at), "there is no %s", label);
}

/* A named resource must be there: 422 at the field of who names it. */
static void
check_reference(struct plan *plan, const struct doc_node *node, const struct reference *r,
	enum doc_kind kind)
{
	char label[DOC_NAME_MAX + 64];
	struct pointer *at;

	if (plan_find(plan, plan->doc->root, kind, r->name) != NULL)
		return;
	at = plan_at(plan, node);
	reference_push(r, at);
	snprintf(label, sizeof(label), "%s \"%.*s\"", doc_kind_info(kind)->word, DOC_NAME_MAX,
		 r->name);
	missing_issue(plan, at, plan->doc->root, kind, r->name, label);
}

void
check_references(struct plan *plan, const struct doc_node *node, enum doc_kind kind)
{
	const cJSON *set = plan_version(node)->set;
	struct reference r;

	for (bool more = reference_first(&r, set, kind); more; more = reference_next(&r))
		check_reference(plan, node, &r, kind);
}

static void
in_use(struct plan *plan, const struct doc_node *gone, const struct doc_node *user,
	const struct reference *r)
{
	struct buf path = { 0 };
	struct pointer at = { 0 };

	doc_path(user, &path);
	buf_put(&path, "", 1);
	if (!path.failed)
		buf_puts(&at.text, path.at);
	reference_push(r, &at);
	issues_add(&plan->issues, pointer_text(&at), "names %s \"%s\"",
		doc_kind_info(gone->kind)->word, gone->name);
	plan->conflict = "it is in use";
	plan_worsen(plan, PLAN_CONFLICT);
	pointer_fini(&at);
	buf_fini(&path);
}

static void
check_user(struct plan *plan, const struct doc_node *gone, const struct doc_node *user)
{
	const struct doc_version *version = plan_version(user);
	struct reference r;

	if (version == NULL || (user->op != NULL && user->op->to != user->op->from))
		return;		/* a changed one has its own issue, 422 */
	for (bool more = reference_first(&r, version->set, gone->kind); more;
	     more = reference_next(&r)) {
		if (strcmp(r.name, gone->name) != 0)
			continue;
		/* nor is it in use by one that the same body says anew */
		if (user->stamp > plan->first_stamp)
			check_reference(plan, user, &r, gone->kind);
		else
			in_use(plan, gone, user, &r);
	}
}

void
check_users(struct plan *plan, const struct doc_node *gone, enum doc_kind kind)
{
	struct doc_node *root = plan->doc->root;

	doc_each_child(user, root, kind)
		check_user(plan, gone, user);
}

void
check_all_users(struct plan *plan, const struct doc_node *gone)
{
	check_user(plan, gone, plan->doc->singles[DOC_DEFAULTS]);
	check_users(plan, gone, DOC_PROFILE);
	check_users(plan, gone, DOC_FRONTEND);
	check_users(plan, gone, DOC_BACKEND);
}

/* -- whom compilers found named -- */

/* Where the named one is to be found; NULL: not even that is there. */
static struct doc_node *
use_parent(struct plan *plan, const struct doc_use *use)
{
	if (use->parent == NULL)
		return plan->doc->root;
	return plan_find(plan, plan->doc->root, DOC_BACKEND, use->parent);
}

struct doc_node *
use_find(struct plan *plan, const struct doc_use *use)
{
	struct doc_node *parent = use_parent(plan, use);

	return parent == NULL ? NULL : plan_find(plan, parent, use->kind, use->name);
}

static void
use_label(const struct doc_use *use, struct buf *out)
{
	buf_printf(out, "%s \"", doc_kind_info(use->kind)->word);
	if (use->parent != NULL)
		buf_printf(out, "%s/", use->parent);
	buf_printf(out, "%.*s\"", DOC_NAME_MAX, use->name);
	buf_put(out, "", 1);
}

static void
use_is_missing(struct plan *plan, const struct doc_node *user, const struct doc_use *use)
{
	struct pointer *at = plan_at(plan, user);
	struct buf label = { 0 };

	use_label(use, &label);
	buf_puts(&at->text, use->place);
	missing_issue(plan, at, use_parent(plan, use), use->kind, use->name,
		      label.failed ? use->name : label.at);
	buf_fini(&label);
}

static void
use_goes(struct plan *plan, const struct doc_node *user, const struct doc_use *use)
{
	struct buf path = { 0 }, label = { 0 };

	doc_path(user, &path);
	buf_puts(&path, use->place);
	buf_put(&path, "", 1);
	use_label(use, &label);
	issues_add(&plan->issues, path.failed ? "" : path.at, "names %s",
		label.failed ? use->name : label.at);
	plan->conflict = "it is in use";
	plan_worsen(plan, PLAN_CONFLICT);
	buf_fini(&path);
	buf_fini(&label);
}

/* Whoever is said by this body is wrong (422); of all others what they name is taken away (409). */
static void
check_uses(struct plan *plan, const struct doc_node *user, const struct doc_uses *uses,
	bool is_said)
{
	for (uint32_t i = 0; i < uses->count; i++) {
		const struct doc_use *use = uses->at[i];

		if (use_find(plan, use) != NULL)
			continue;
		if (is_said || user->stamp > plan->first_stamp)
			use_is_missing(plan, user, use);
		else
			use_goes(plan, user, use);
	}
}

static void
check_untouched_uses(struct plan *plan, const struct doc_node *parent, enum doc_kind kind)
{
	doc_each_child(user, parent, kind)
		if (user->op == NULL)
			check_uses(plan, user, &user->uses, false);
}

/* Servers are many, and few track others. */
static void
check_untouched_trackers(struct plan *plan)
{
	if (plan->doc->trackers == 0)
		return;
	doc_each_child(backend, plan->doc->root, DOC_BACKEND)
		check_untouched_uses(plan, backend, DOC_SERVER);
}

void
plan_check_uses(struct plan *plan)
{
	bool any_goes = false;

	for (uint32_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = plan->ops[i];

		any_goes |= op->from != NULL && op->to == NULL;
		if (op->to != NULL)
			check_uses(plan, op->node, &op->uses, op->to != op->from);
	}
	if (!any_goes)
		return;
	check_untouched_uses(plan, plan->doc->root, DOC_FRONTEND);
	check_untouched_uses(plan, plan->doc->root, DOC_BACKEND);
	check_untouched_trackers(plan);
}
