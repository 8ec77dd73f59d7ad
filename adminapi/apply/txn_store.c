/*
 * A plan as rows: what the committer is to write. Pure, on the plan's thread.
 */
#include "config.h"
#include "adminapi/apply/txn_priv.h"

#include "adminapi/apply/saved.h"
#include "adminapi/doc/changes.h"
#include "adminapi/json/strict.h"

/* The program's own notes on a resource. */
static void
meta_write(struct buf *out, const struct doc_node *node, const struct doc_version *version)
{
	buf_clear(out);
	if (node->kind == DOC_BACKEND)
		buf_printf(out, "{\"last_id\":%u}", (unsigned)node->last_id);
	else if (node->kind == DOC_SERVER && version->admin_by == DOC_BY_REST)
		buf_puts(out, "{\"admin_by\":\"rest\"}");
}

static enum err
put_row(struct store_txn *st, const struct doc_node *node, const struct doc_version *version)
{
	struct buf path = { 0 }, body = { 0 }, meta = { 0 };
	enum err e = ERR_NOMEM;

	doc_path(node, &path);
	buf_put(&path, "", 1);
	json_print(&body, version->set);
	meta_write(&meta, node, version);
	if (!path.failed && !body.failed && !meta.failed)
		e = store_txn_put(st, path.at, (struct slice){ body.at, body.len },
			(struct slice){ meta.at, meta.len }, version->revision);
	buf_fini(&path);
	buf_fini(&body);
	buf_fini(&meta);
	return e;
}

static enum err
delete_row(struct store_txn *st, const struct doc_node *node)
{
	struct buf path = { 0 };
	enum err e = ERR_NOMEM;

	doc_path(node, &path);
	buf_put(&path, "", 1);
	if (!path.failed)
		e = store_txn_delete(st, path.at);
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
put_ops(struct store_txn *st, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = plan->ops[i];
		enum err e;

		if (!row_changes(op))
			continue;
		e = op->to == NULL ? delete_row(st, op->node) : put_row(st, op->node, op->to);
		if (e != ERR_OK)
			return e;
	}
	/* an id that was given once is never given again, even if its server goes */
	for (uint32_t i = 0; i < plan->raised_count; i++) {
		const struct doc_node *backend = plan->raised[i].backend;
		const struct doc_version *version = plan_version(backend);
		enum err e = version == NULL ? ERR_OK : put_row(st, backend, version);

		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err
put_revision(struct store_txn *st, const struct txn *txn)
{
	const struct write *w = txn->write;
	struct buf changes = { 0 };
	struct jsonw json;
	enum err e = ERR_NOMEM;

	jsonw_init(&json, &changes);
	jsonw_object(&json, NULL);
	changes_write(&json, "changes", &txn->plan, false, CHANGES_MAX);
	jsonw_end_object(&json);
	if (!changes.failed)
		e = store_txn_revision(st, txn->plan.revision, txn->wall_us, w->actor, w->reason,
			(struct slice){ changes.at, changes.len });
	buf_fini(&changes);
	return e;
}

/* A file that was applied is what later saved changes grow from. */
static enum err
put_file(struct store_txn *st, const char *text, size_t len)
{
	char hash[SAVED_HASH_BYTES];

	if (text == NULL)
		return ERR_OK;
	saved_file_hash(hash, text, len);
	if (store_txn_setting(st, SAVED_FILE_HASH, slice_of(hash)) != ERR_OK)
		return ERR_NOMEM;
	return store_txn_setting(st, SAVED_FILE_TEXT, (struct slice){ text, len });
}

enum err
txn_store(const struct txn *txn, struct store_txn **sp)
{
	struct store_txn *st;
	enum err e = store_txn_new(&st);

	if (e != ERR_OK)
		return e;
	if (!plan_is_empty(&txn->plan) && !txn->write->is_restore) {
		e = put_ops(st, &txn->plan);
		if (e == ERR_OK)
			e = put_revision(st, txn);
	}
	if (e == ERR_OK)
		e = put_file(st, txn->write->file_text, txn->write->file_len);
	if (e != ERR_OK) {
		store_txn_discard(&st);
		return e;
	}
	*sp = st;
	return ERR_OK;
}
