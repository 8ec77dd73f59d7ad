/*
 * The plan itself: its ops, what it finds, its order. See plan.h for threads.
 */
#include "config.h"
#include "adminapi/doc/plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/doc/plan_priv.h"

void
plan_init(struct plan *plan, struct doc *doc, const struct plan_compiler *compilers,
	enum doc_origin origin)
{
	*plan = (struct plan){
		.doc = doc, .compilers = compilers, .origin = origin,
		.revision = doc->revision + 1, .first_stamp = doc->next_stamp,
	};
}

static void
plan_op_drop(struct plan *plan, struct plan_op *op)
{
	const struct plan_compiler *compiler = &plan->compilers[op->node->kind];

	if (op->conf != NULL)
		compiler->discard(op->conf);
	if (op->to != op->from)
		doc_version_unref(op->to);
	op->node->op = NULL;
	if (op->created)
		doc_node_discard(op->node);
	else
		doc_node_reap(plan->doc, op->node);	/* its last pin may have gone meanwhile */
	doc_uses_fini(&op->uses);
	map_edits_free(&op->edits);
	free(op->path);
	free(op);
}

void
plan_fini(struct plan *plan)
{
	HASH_CLEAR(hh, plan->created);
	for (uint32_t i = plan->raised_count; i > 0; i--)
		*plan->raised[i - 1].last = plan->raised[i - 1].before;
	/* children of created nodes name their parents: newest first */
	for (uint32_t i = plan->count; i > 0; i--)
		plan_op_drop(plan, plan->ops[i - 1]);
	free(plan->ops);
	free(plan->raised);
	free(plan->base);
	issues_fini(&plan->issues);
	buf_fini(&plan->changes);
	pointer_fini(&plan->at);
	*plan = (struct plan){ 0 };
}

void
plan_worsen(struct plan *plan, enum plan_verdict verdict)
{
	if (verdict > plan->verdict)
		plan->verdict = verdict;
}

void
plan_nomem(struct plan *plan)
{
	plan_worsen(plan, PLAN_NOMEM);
}

/* Takes the path. */
static struct pointer *
plan_at_path(struct plan *plan, struct buf *path)
{
	size_t base = plan->base == NULL ? 0 : strlen(plan->base);
	const char *below;

	buf_put(path, "", 1);
	below = path->failed ? "" : path->at;
	if (base > 0 && strncmp(below, plan->base, base) == 0 &&
	    (below[base] == '/' || below[base] == '\0'))
		below += base;
	buf_clear(&plan->at.text);
	buf_puts(&plan->at.text, below);
	buf_fini(path);
	return &plan->at;
}

struct pointer *
plan_at(struct plan *plan, const struct doc_node *node)
{
	struct buf path = { 0 };

	doc_path(node, &path);
	return plan_at_path(plan, &path);
}

struct pointer *
plan_at_members(struct plan *plan, const struct doc_node *parent, enum doc_kind kind)
{
	struct buf path = { 0 };

	doc_path(parent, &path);
	buf_printf(&path, "/%s", doc_kind_info(kind)->member);
	return plan_at_path(plan, &path);
}

const struct doc_version *
plan_version(const struct doc_node *node)
{
	return node->op != NULL ? node->op->to : node->head;
}

const struct doc_version *
doc_version_in(const struct doc_node *node, enum doc_view view)
{
	switch (view) {
	case DOC_LIVE:
		return node->live;
	case DOC_HEAD:
		return node->head;
	case DOC_PLAN:
		return plan_version(node);
	}
	return NULL;
}

/* A node that this plan created, by path. */
static struct doc_node *
plan_find_created(struct plan *plan, const struct doc_node *parent, enum doc_kind kind,
	const char *name)
{
	struct buf path = { 0 };
	struct plan_op *op = NULL;

	if (plan->created == NULL)
		return NULL;
	doc_path(parent, &path);
	buf_printf(&path, "/%s/%s", doc_kind_info(kind)->member, name);
	if (path.failed)
		plan_nomem(plan);
	else
		HASH_FIND(hh, plan->created, path.at, path.len, op);
	buf_fini(&path);
	return op == NULL ? NULL : op->node;
}

/* The node of that name, whether it is there in the plan or not. */
static struct doc_node *
plan_node(struct plan *plan, struct doc_node *parent, enum doc_kind kind, const char *name)
{
	struct doc_node *node;

	if (!doc_kind_info(kind)->is_collection)
		return plan->doc->singles[kind];
	node = doc_child(parent, kind, name);
	return node != NULL ? node : plan_find_created(plan, parent, kind, name);
}

struct doc_node *
plan_find(struct plan *plan, struct doc_node *parent, enum doc_kind kind, const char *name)
{
	struct doc_node *node = plan_node(plan, parent, kind, name);

	return node != NULL && plan_version(node) != NULL ? node : NULL;
}

static bool
plan_add_op(struct plan *plan, struct plan_op *op)
{
	if (plan->count == plan->cap) {
		uint32_t cap = plan->cap == 0 ? 8 : plan->cap * 2;
		struct plan_op **ops = realloc(plan->ops, cap * sizeof(struct plan_op *));

		if (ops == NULL)
			return false;
		plan->ops = ops;
		plan->cap = cap;
	}
	plan->ops[plan->count++] = op;
	return true;
}

struct plan_op *
plan_op_on(struct plan *plan, struct doc_node *node, bool created)
{
	struct plan_op *op = node->op;

	if (op != NULL)
		return op;
	op = calloc(1, sizeof(*op));
	if (op == NULL || !plan_add_op(plan, op)) {
		free(op);
		plan_nomem(plan);
		return NULL;
	}
	op->node = node;
	op->from = op->to = node->head;
	op->created = created;
	node->op = op;
	return op;
}

void
plan_set(struct plan *plan, struct doc_node *node, cJSON *set)
{
	struct doc_version *version = doc_version_new(set, plan->revision);
	struct plan_op *op;

	if (version == NULL) {
		cJSON_Delete(set);
		plan_nomem(plan);
		return;
	}
	op = plan_op_on(plan, node, false);
	if (op == NULL) {
		doc_version_unref(version);
		return;
	}
	if (op->to != op->from)
		doc_version_unref(op->to);
	op->to = version;
	if (plan->actor != NULL && (version->actor = strdup(plan->actor)) == NULL)
		plan_nomem(plan);
}

void
plan_touch(struct plan *plan, struct doc_node *node)
{
	if (plan_version(node) != NULL)
		plan_op_on(plan, node, false);
}

/* A new, detached node under `name`, known to plan_find() from now on. NULL: no memory. */
static struct doc_node *
plan_create(struct plan *plan, struct doc_node *parent, enum doc_kind kind, const char *name)
{
	struct doc_node *node = doc_node_new(parent, kind, name);
	struct plan_op *op = node == NULL ? NULL : plan_op_on(plan, node, true);
	struct buf path = { 0 };

	if (op == NULL) {
		doc_node_discard(node);
		plan_nomem(plan);
		return NULL;
	}
	doc_path(node, &path);
	if (path.failed) {
		buf_fini(&path);
		plan_nomem(plan);
		return NULL;		/* plan_fini() frees the op and its node */
	}
	op->path = path.at;
	HASH_ADD_KEYPTR(hh, plan->created, op->path, path.len, op);
	if (hash_has(op))
		return node;
	plan_nomem(plan);
	return NULL;
}

struct doc_node *
plan_find_or_create(struct plan *plan, struct doc_node *parent, enum doc_kind kind,
	const char *name)
{
	struct doc_node *node = plan_node(plan, parent, kind, name);

	return node != NULL ? node : plan_create(plan, parent, kind, name);
}

static bool
has_issue_at(const struct issues *issues, const char *pointer)
{
	for (uint32_t i = 0; i < issues->count; i++)
		if (strcmp(issues->items[i].pointer, pointer) == 0)
			return true;
	return false;
}

/* One of the first `count` is of a place within that one. */
static bool
has_issue_within(const struct issues *issues, uint32_t count, const char *pointer)
{
	size_t len = strlen(pointer);

	for (uint32_t i = 0; i < count; i++)
		if (strncmp(issues->items[i].pointer, pointer, len) == 0 &&
		    issues->items[i].pointer[len] == '/')
			return true;
	return false;
}

/*
 * What a compiler says of a place that was found wrong before is no news; nor of a field (a pointer longer than
 * its object's) of which some part was.
 */
static void
plan_take_issues(struct plan *plan, struct issues *found, size_t object_len)
{
	const uint32_t before = plan->issues.count;

	for (uint32_t i = 0; i < found->count; i++)
		if (!has_issue_at(&plan->issues, found->items[i].pointer) &&
		    (strlen(found->items[i].pointer) <= object_len ||
		     !has_issue_within(&plan->issues, before, found->items[i].pointer)))
			issues_add(&plan->issues, found->items[i].pointer, "%s",
				found->items[i].detail);
	plan->issues.dropped += found->dropped;
	issues_fini(found);
}

static void
plan_compile_op(struct plan *plan, struct plan_op *op)
{
	const struct plan_compiler *compiler = &plan->compilers[op->node->kind];
	struct issues found = { 0 };
	struct pointer *at;
	struct chain chain;

	if (op->to == NULL || compiler->compile == NULL || op->edits != NULL)
		return;
	plan_chain(plan, op->node, &chain);
	at = plan_at(plan, op->node);
	chain.uses = &op->uses;
	chain.at_len = at->text.len;
	op->conf = compiler->compile(&chain, at, &found);
	plan_take_issues(plan, &found, chain.at_len);
	if (op->uses.failed)
		plan_nomem(plan);
	op->is_remade = op->conf != NULL && compiler->is_remade != NULL && op->to == op->from &&
	    compiler->is_remade(op->conf);
	if (op->conf == NULL && !issues_any(&plan->issues))
		plan_nomem(plan);
}

static struct doc_node *
plan_find_top(void *arg, enum doc_kind kind, const char *name)
{
	struct plan *plan = arg;

	return plan_find(plan, plan->doc->root, kind, name);
}

void
plan_chain(struct plan *plan, const struct doc_node *node, struct chain *chain)
{
	chain_init(chain, plan->doc, node, DOC_PLAN, plan_find_top, plan);
}

/*
 * What must be there first comes first: maps and the like, backends, servers, frontends; what goes,
 * goes the other way round.
 */
static int
plan_rank(const struct plan_op *op)
{
	static const int come[DOC_KINDS] = {
		[DOC_BACKEND] = 1, [DOC_SERVER] = 2, [DOC_FRONTEND] = 3
	};
	static const int go[DOC_KINDS] = {
		[DOC_FRONTEND] = 4, [DOC_SERVER] = 5, [DOC_BACKEND] = 6, [DOC_PROFILE] = 7,
		[DOC_MAP] = 7, [DOC_USERLIST] = 7, [DOC_ERROR_PAGES] = 7
	};

	return op->to != NULL ? come[op->node->kind] : go[op->node->kind];
}

#define PLAN_RANKS 8

/* A stable sort by rank: within one, the body's order stays. */
static bool
plan_sort(struct plan *plan)
{
	struct plan_op **sorted = calloc(plan->count + 1, sizeof(struct plan_op *));
	uint32_t next = 0;

	if (sorted == NULL)
		return false;
	for (int rank = 0; rank < PLAN_RANKS; rank++)
		for (uint32_t i = 0; i < plan->count; i++)
			if (plan_rank(plan->ops[i]) == rank)
				sorted[next++] = plan->ops[i];
	assert(next == plan->count);
	free(plan->ops);
	plan->ops = sorted;
	plan->cap = plan->count + 1;
	return true;
}

/* Handing over attaches what was created and cannot fail: what it may need is made here. */
static void
plan_make_tables(struct plan *plan)
{
	const struct doc_node *last = NULL;

	for (uint32_t i = 0; i < plan->count; i++) {
		struct doc_node *node = plan->ops[i]->node;

		if (!plan->ops[i]->created)
			continue;
		if ((last == NULL || node->parent != last->parent || node->kind != last->kind) &&
		    doc_node_make_table(node) != ERR_OK)
			plan_nomem(plan);
		last = node;
	}
}

void
plan_finish(struct plan *plan)
{
	if (plan->verdict == PLAN_NOT_FOUND)
		return;
	plan_touch_dependents(plan);
	plan_check(plan);
	for (uint32_t i = 0; i < plan->count; i++)
		plan_compile_op(plan, plan->ops[i]);
	plan_check_uses(plan);
	plan_check_tracks(plan);
	if (!plan_sort(plan))
		plan_nomem(plan);
	plan_make_tables(plan);
	if (issues_any(&plan->issues))
		plan_worsen(plan, PLAN_INVALID);
}

bool
plan_is_empty(const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->count; i++)
		if (plan_op_is_change(plan->ops[i]) ||
		    (plan->ops[i]->stored && plan->ops[i]->to == NULL))
			return false;
	return true;
}
