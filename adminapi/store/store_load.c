/*
 * Reading what was saved, before the committer begins: main thread.
 */
#include "config.h"
#include "adminapi/store/store.h"
#include <assert.h>
#include "adminapi/store/store_priv.h"

/* Valid until the statement's next step. */
static struct slice
column_slice(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	if (text == NULL)
		return SLICE("");
	return (struct slice){ (const char *)text,
			       (size_t)sqlite3_column_bytes(statement, column) };
}

static enum err
row_deliver(sqlite3_stmt *statement, store_row_fn *each, void *arg)
{
	struct store_row row = {
		.path = column_slice(statement, 0),
		.body = column_slice(statement, 1),
		.meta = column_slice(statement, 2),
		.revision = (uint64_t)sqlite3_column_int64(statement, 3),
	};

	return each(&row, arg);
}

enum err
store_load(struct store *store, store_row_fn *each, void *arg, struct diag *diag)
{
	sqlite3_stmt *statement;
	enum err e;
	int code;

	assert(!store->started);
	e = store_prepare(store, &statement,
			  "SELECT path, body, meta, revision FROM resources ORDER BY path", diag);
	if (e != ERR_OK)
		return e;
	while (e == ERR_OK && (code = sqlite3_step(statement)) != SQLITE_DONE)
		e = code == SQLITE_ROW ? row_deliver(statement, each, arg)
				       : store_cause(store, code, diag);
	sqlite3_finalize(statement);
	return e;
}

enum err
store_setting(struct store *store, const char *key, struct buf *out, struct diag *diag)
{
	sqlite3_stmt *statement;
	enum err e;
	int code;

	assert(!store->started);
	buf_clear(out);
	e = store_prepare(store, &statement, "SELECT value FROM settings WHERE key = ?1", diag);
	if (e != ERR_OK)
		return e;
	code = sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		struct slice value = column_slice(statement, 0);

		buf_put(out, value.at, value.len);
		e = out->failed ? ERR_NOMEM : ERR_OK;
	} else if (code == SQLITE_DONE) {
		diag_set(diag, "%s: no setting \"%s\"", store->name, key);
		e = ERR_UNKNOWN;
	} else {
		e = store_cause(store, code, diag);
	}
	sqlite3_finalize(statement);
	return e;
}

enum err
store_settings(struct store *store, const char *prefix, store_setting_fn *each, void *arg,
	       struct diag *diag)
{
	sqlite3_stmt *statement;
	enum err e;
	int code;

	assert(!store->started);
	e = store_prepare(store, &statement,
			  "SELECT key, value FROM settings"
			  " WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
			  diag);
	if (e != ERR_OK)
		return e;
	code = sqlite3_bind_text(statement, 1, prefix, -1, SQLITE_STATIC);
	if (code != SQLITE_OK)
		e = store_cause(store, code, diag);
	while (e == ERR_OK && (code = sqlite3_step(statement)) != SQLITE_DONE)
		e = code == SQLITE_ROW ? each(column_slice(statement, 0),
					      column_slice(statement, 1), arg)
				       : store_cause(store, code, diag);
	sqlite3_finalize(statement);
	return e;
}

enum err
store_last_revision(struct store *store, uint64_t *revision, struct diag *diag)
{
	int64_t number;
	enum err e;

	assert(!store->started);
	e = store_number(store, &number, "SELECT max(number) FROM revisions", diag);
	*revision = (uint64_t)number;
	return e;
}
