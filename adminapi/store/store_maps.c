/*
 * Reading what was changed of maps, before the committer begins: main thread.
 */
#include "config.h"
#include "adminapi/store/store.h"
#include <assert.h>
#include "adminapi/store/store_priv.h"

enum err
store_has_maps(struct store *store, bool *has, struct diag *diag)
{
	int64_t tables = 0;
	enum err e = store_number(
		store, &tables,
		"SELECT count(*) FROM sqlite_schema WHERE name IN ('maps', 'map_entries')", diag);

	*has = tables == 2;
	return e;
}

/* Valid until the statement's next step; SQL's NULL has no bytes to point at. */
static struct slice
column_text(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	if (text == NULL)
		return (struct slice){ NULL, 0 };
	return (struct slice){ (const char *)text,
			       (size_t)sqlite3_column_bytes(statement, column) };
}

static enum err
map_deliver(sqlite3_stmt *statement, const struct store_map_fns *fns, void *arg)
{
	struct store_map map = {
		.name = column_text(statement, 0),
		.base = column_text(statement, 1),
		.is_replaced = sqlite3_column_int64(statement, 2) != 0,
		.revision = (uint64_t)sqlite3_column_int64(statement, 3),
	};

	return fns->map(&map, arg);
}

static enum err
entry_deliver(sqlite3_stmt *statement, const struct store_map_fns *fns, void *arg)
{
	return fns->entry(column_text(statement, 0), column_text(statement, 1),
			  column_text(statement, 2), arg);
}

static enum err
rows_deliver(struct store *store, const char *sql,
	     enum err (*deliver)(sqlite3_stmt *, const struct store_map_fns *, void *),
	     const struct store_map_fns *fns, void *arg, struct diag *diag)
{
	sqlite3_stmt *statement;
	enum err e = store_prepare(store, &statement, sql, diag);
	int code;

	if (e != ERR_OK)
		return e;
	while (e == ERR_OK && (code = sqlite3_step(statement)) != SQLITE_DONE)
		e = code == SQLITE_ROW ? deliver(statement, fns, arg)
				       : store_cause(store, code, diag);
	sqlite3_finalize(statement);
	return e;
}

enum err
store_load_maps(struct store *store, const struct store_map_fns *fns, void *arg, struct diag *diag)
{
	enum err e;

	assert(!store->started);
	if (!store->has_maps)
		return ERR_OK;
	e = rows_deliver(store, "SELECT map, base, is_replaced, revision FROM maps ORDER BY map",
			 map_deliver, fns, arg, diag);
	if (e != ERR_OK)
		return e;
	return rows_deliver(store, "SELECT map, key, value FROM map_entries ORDER BY map, key",
			    entry_deliver, fns, arg, diag);
}
