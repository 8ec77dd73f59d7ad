/*
 * A plan as rows: what the committer is to write. Pure, on the plan's thread.
 */
#include "config.h"
#include "adminapi/apply/txn_priv.h"

#include "adminapi/apply/maps.h"
#include "adminapi/apply/saved.h"
#include "adminapi/json/strict.h"

/* Where a plan's rows go. */
struct rows {
	struct store_txn	*st;
	const struct plan	*plan;
};

/* A deleted member leaves no row to tell its collection's revision: its parent's notes do. */
static void
meta_write_revisions(struct buf *out, const struct rows *rows, const struct doc_node *node,
	uint32_t gone)
{
	buf_puts(out, "\"revisions\":[");
	for (uint32_t i = 0; i < DOC_COLLECTIONS_MAX; i++)
		buf_printf(out, "%s%llu", i == 0 ? "" : ",", (unsigned long long)
			((gone & 1u << i) != 0 ? rows->plan->revision : node->head_revisions[i]));
	buf_puts(out, "]");
}

/* struct doc_notes, for saved.c. `gone`: bits of the collections that lose a member in this plan. */
static void
meta_write(struct buf *out, const struct rows *rows, const struct doc_node *node,
	const struct doc_version *version, uint32_t gone)
{
	if (node->kind == DOC_FRONTEND && node->last_rule > 0) {
		buf_printf(out, "{\"last_rule\":%u}", (unsigned)node->last_rule);
	} else if (node->kind == DOC_BACKEND || node->kind == DOC_CONFIG) {
		buf_printf(out, "{\"last_id\":%u,\"last_rule\":%u,", (unsigned)node->last_id,
			(unsigned)node->last_rule);
		meta_write_revisions(out, rows, node, gone);
		buf_puts(out, "}");
	} else if (node->kind == DOC_SERVER && version->admin_by == DOC_BY_REST) {
		buf_puts(out, "{\"admin_by\":\"rest\"}");
	}
}

static enum err
put_row(const struct rows *rows, const struct doc_node *node, const struct doc_version *version,
	uint32_t gone)
{
	struct buf path = { 0 }, body = { 0 }, meta = { 0 };
	enum err e = ERR_NOMEM;

	doc_path(node, &path);
	buf_put(&path, "", 1);
	json_print(&body, version->set);
	meta_write(&meta, rows, node, version, gone);
	if (!path.failed && !body.failed && !meta.failed)
		e = store_txn_put(rows->st, path.at, (struct slice){ body.at, body.len },
			(struct slice){ meta.at, meta.len }, version->revision);
	buf_fini(&path);
	buf_fini(&body);
	buf_fini(&meta);
	return e;
}

static enum err
delete_row(const struct rows *rows, const struct doc_node *node)
{
	struct buf path = { 0 };
	enum err e = ERR_NOMEM;

	doc_path(node, &path);
	buf_put(&path, "", 1);
	if (!path.failed)
		e = store_txn_delete(rows->st, path.at);
	buf_fini(&path);
	return e;
}

/* At start the store may have the row already, or a row of what the edited file dropped. */
static bool
row_changes(const struct plan_op *op)
{
	if (op->stored)
		return op->to == NULL || op->to->revision != op->stored_revision;
	return op->to != op->from;
}

static enum err
put_ops(const struct rows *rows)
{
	for (uint32_t i = 0; i < rows->plan->count; i++) {
		const struct plan_op *op = rows->plan->ops[i];
		enum err e;

		if (!row_changes(op))
			continue;
		e = op->to == NULL ? delete_row(rows, op->node)
				   : put_row(rows, op->node, op->to, 0);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err
put_maps(const struct rows *rows)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < rows->plan->count && e == ERR_OK; i++)
		if (rows->plan->ops[i]->node->kind == DOC_MAP)
			e = map_store(rows->plan, rows->plan->ops[i], rows->st);
	return e;
}

/* An id that was given once is never given again, even if its server goes. */
static enum err
put_raised(const struct rows *rows)
{
	for (uint32_t i = 0; i < rows->plan->raised_count; i++) {
		const struct doc_node *node = rows->plan->raised[i].node;
		const struct doc_version *version = plan_version(node);
		enum err e = version == NULL ? ERR_OK : put_row(rows, node, version, 0);

		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err
put_parents_of_gone(const struct rows *rows)
{
	const struct doc_node *root = rows->plan->doc->root, *done = NULL;
	uint32_t gone_of_root = 0;
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < rows->plan->count && e == ERR_OK; i++) {
		const struct plan_op *op = rows->plan->ops[i];
		const struct doc_node *parent = op->node->parent;
		uint32_t bit = 1u << doc_kind_info(op->node->kind)->slot;

		if (op->to != NULL || !row_changes(op))
			continue;
		if (parent == root)
			gone_of_root |= bit;
		else if (parent != done && plan_version(parent) != NULL)
			e = put_row(rows, parent, plan_version(parent), bit);
		done = parent;		/* ops of one backend stand together */
	}
	if (gone_of_root != 0 && e == ERR_OK)
		e = put_row(rows, root, plan_version(root), gone_of_root);
	return e;
}

static enum err
put_revision(struct store_txn *st, const struct txn *txn)
{
	const struct plan *plan = &txn->plan;
	const struct write *w = txn->write;
	struct buf text = { 0 };
	enum err e = ERR_NOMEM;

	buf_puts(&text, "{\"changes\":");
	buf_put(&text, plan->changes.at, plan->changes.len);
	buf_puts(&text, "}");
	if (!text.failed)
		e = store_txn_revision(st, plan->revision, txn->wall_us, w->actor, w->reason,
			(struct slice){ text.at, text.len });
	buf_fini(&text);
	return e;
}

/* A file that was applied is what later saved changes grow from. */
static enum err
put_file(struct store_txn *st, const struct write *w)
{
	if (w->file_text == NULL || w->is_restore)
		return ERR_OK;
	if (store_txn_setting(st, SAVED_FILE_HASH, slice_of(w->file_hash)) != ERR_OK)
		return ERR_NOMEM;
	return store_txn_setting(st, SAVED_FILE_TEXT, (struct slice){ w->file_text, w->file_len });
}

enum err
txn_store(const struct txn *txn, struct store_txn **sp)
{
	struct store_txn *st;
	enum err e = store_txn_new(&st);
	struct rows rows;

	if (e != ERR_OK)
		return e;
	rows = (struct rows){ st, &txn->plan };
	if (!plan_is_empty(&txn->plan) && !txn->write->is_restore) {
		if ((e = put_ops(&rows)) == ERR_OK && (e = put_maps(&rows)) == ERR_OK &&
		    (e = put_raised(&rows)) == ERR_OK)
			e = put_parents_of_gone(&rows);
		if (e == ERR_OK)
			e = put_revision(st, txn);
	}
	if (e == ERR_OK)
		e = put_file(st, txn->write);
	if (e != ERR_OK) {
		store_txn_discard(&st);
		return e;
	}
	*sp = st;
	return ERR_OK;
}

#define ENTRIES_A_MS 50	/* that any disk can take; 1,000,000 get 20 s more */

uint64_t
txn_store_more_ms(const struct plan *plan)
{
	uint64_t entries = 0;

	for (uint32_t i = 0; i < plan->count; i++)
		if (plan->ops[i]->edits != NULL)
			entries += plan->ops[i]->edits->set + plan->ops[i]->edits->removed;
	return entries / ENTRIES_A_MS;
}
