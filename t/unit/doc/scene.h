/*
 * The scene of the document's tests: a document on the real schema, plans made and carried through in
 * a line, compilers that count what they made, and the tree as a text.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/doc/plan.h"
#include "adminapi/json/embedded.h"
#include "adminapi/json/strict.h"

static struct schema *scene_schema;
static struct doc *scene_doc;
static int scene_confs;		/* compiled and not yet discarded */

static inline void *
scene_compile(const struct chain *chain, struct pointer *at, struct issues *issues)
{
	scene_confs++;
	return malloc(1);
}

static inline void
scene_discard(void *conf)
{
	scene_confs--;
	free(conf);
}

static const struct plan_compiler scene_compilers[DOC_KINDS] = {
	[DOC_GLOBAL] = { scene_compile, scene_discard },
	[DOC_ADMIN] = { scene_compile, scene_discard },
	[DOC_FRONTEND] = { scene_compile, scene_discard },
	[DOC_BACKEND] = { scene_compile, scene_discard },
	[DOC_SERVER] = { scene_compile, scene_discard },
};

static inline int
scene_begin(void **state)
{
	struct diag why;

	for (size_t i = 0; i < embedded_file_count; i++)
		if (strcmp(embedded_files[i].name, "config.json") == 0)
			assert_int_equal(schema_compile(&scene_schema, embedded_files[i].text,
							embedded_files[i].size, &why),
					 ERR_OK);
	assert_int_equal(doc_new(&scene_doc, scene_schema), ERR_OK);
	scene_confs = 0;
	return 0;
}

static inline int
scene_end(void **state)
{
	doc_free(&scene_doc);
	schema_free(&scene_schema);
	assert_int_equal(scene_confs, 0);
	return 0;
}

/* A tree for a text with ' for ". */
static inline cJSON *
tree_of(const char *text)
{
	char *copy = strdup(text);
	cJSON *tree;

	assert_non_null(copy);
	for (char *at = copy; *at != '\0'; at++)
		*at = *at == '\'' ? '"' : *at;
	tree = cJSON_Parse(copy);
	if (tree == NULL)
		fail_msg("%s: no JSON", text);
	free(copy);
	return tree;
}

/* -- steps of a plan; each is finished by scene_finish() or one of those below it -- */

static inline void
scene_plan(struct plan *plan)
{
	plan_init(plan, scene_doc, scene_compilers, DOC_BY_REST);
}

static inline void
put_config(struct plan *plan, const char *text)
{
	cJSON *body = tree_of(text);

	plan_put(plan, scene_doc->root, DOC_CONFIG, "", body);
	cJSON_Delete(body);
}

static inline void
patch_config(struct plan *plan, const char *text)
{
	cJSON *body = tree_of(text);

	plan_patch(plan, scene_doc->root, DOC_CONFIG, "", body);
	cJSON_Delete(body);
}

/* A server of backend "app". */
static inline void
put_server(struct plan *plan, const char *name, const char *text)
{
	cJSON *body = tree_of(text);
	struct doc_node *app = plan_find(plan, scene_doc->root, DOC_BACKEND, "app");

	assert_non_null(app);
	plan_put(plan, app, DOC_SERVER, name, body);
	cJSON_Delete(body);
}

static inline struct doc_node *
node_of(enum doc_kind kind, const char *backend, const char *name)
{
	struct doc_node *parent = scene_doc->root;

	if (backend != NULL)
		parent = doc_child(parent, DOC_BACKEND, backend);
	return parent == NULL ? NULL : doc_child(parent, kind, name);
}

static inline void
delete_server(struct plan *plan, const char *name)
{
	struct doc_node *node = node_of(DOC_SERVER, "app", name);

	assert_non_null(node);
	plan_delete(plan, node);
}

/* Finish and hand over: the head is there. */
static inline void
scene_hand_over(struct plan *plan)
{
	plan_finish(plan);
	for (uint32_t i = 0; i < plan->issues.count; i++)
		print_message("# %s: %s\n", plan->issues.items[i].pointer,
			      plan->issues.items[i].detail);
	assert_int_equal(plan->verdict, PLAN_OK);
	plan_hand_over(plan);
}

/* All of a write that succeeds. */
static inline void
scene_carry_out(struct plan *plan)
{
	scene_hand_over(plan);
	plan_publish(plan);
	plan_end(plan);
}

static inline void
scene_put(const char *text)
{
	struct plan plan;

	scene_plan(&plan);
	put_config(&plan, text);
	scene_carry_out(&plan);
}

static inline void
scene_patch(const char *text)
{
	struct plan plan;

	scene_plan(&plan);
	patch_config(&plan, text);
	scene_carry_out(&plan);
}

/* -- looking -- */

static inline void
show_node(struct buf *out, const struct doc_node *node, enum doc_view view)
{
	const struct doc_version *version = doc_version_in(node, view);

	buf_printf(out, "%s%s", out->len == 0 ? "" : " ", node->name);
	if (node->kind == DOC_SERVER)
		buf_printf(out, "=%u", (unsigned)doc_server_id(version));
}

/* Frontends, backends and behind each its servers with ids: "web app s1=1 s2=2". */
static inline const char *
shown(enum doc_view view)
{
	static char text[1024];
	static const enum doc_kind kinds[] = { DOC_PROFILE, DOC_FRONTEND, DOC_BACKEND };
	struct buf out = { 0 };

	for (size_t k = 0; k < 3; k++) {
		struct doc_members list, servers;

		assert_int_equal(doc_members_init(scene_doc->root, kinds[k], view, false, &list),
				 ERR_OK);
		for (uint32_t i = 0; i < list.count; i++) {
			show_node(&out, list.at[i], view);
			if (kinds[k] != DOC_BACKEND)
				continue;
			assert_int_equal(
				doc_members_init(list.at[i], DOC_SERVER, view, false, &servers),
					 ERR_OK);
			for (uint32_t j = 0; j < servers.count; j++)
				show_node(&out, servers.at[j], view);
			doc_members_fini(scene_doc, &servers, false);
		}
		doc_members_fini(scene_doc, &list, false);
	}
	assert_false(out.failed);
	snprintf(text, sizeof(text), "%.*s", (int)out.len, out.len == 0 ? "" : out.at);
	buf_fini(&out);
	return text;
}

/* The ops of a plan in their order: "+app +s1 ~web -s2", "=x" for what is only compiled anew. */
static inline const char *
ops_of(const struct plan *plan)
{
	static char text[1024];
	size_t len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = plan->ops[i];
		char what = op->to == op->from ? '='
			    : op->from == NULL ? '+'
			    : op->to == NULL   ? '-'
					       : '~';

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%c%s", i == 0 ? "" : " ",
					what, op->node->name);
	}
	return text;
}

/* "pointer: detail", a line each. */
static inline const char *
issues_of(const struct plan *plan)
{
	static char text[4096];
	size_t len = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < plan->issues.count && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s: %s",
					i == 0 ? "" : "\n", plan->issues.items[i].pointer,
					plan->issues.items[i].detail);
	return text;
}
