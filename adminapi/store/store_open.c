/*
 * Opening the store: the database, what it must be, and closing it.
 *
 * Nothing is trusted before it was checked: whose file it is (application_id), which format
 * (user_version), whether it is whole (quick_check). Everything that can be wrong with it is told
 * with the file's name. Main thread.
 */
#include "config.h"
#include "adminapi/store/store.h"
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "adminapi/store/store_priv.h"
#include "core/obj.h"

#define STORE_APPLICATION_ID 0x534c4345	/* "SLCE": the file says whose it is */
#define STORE_FORMAT	     1		/* user_version: raised when the tables change */
#define STORE_BUSY_MS	     2000	/* how long a foreign lock (somebody's sqlite3) is waited for */
#define STORE_WAL_KEEP	     "16777216" /* bytes: a longer log is cut back after its checkpoint */

#define STRING_OF(x) #x
#define TEXT_OF(x)   STRING_OF(x)

static const char create_sql[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE resources (path TEXT PRIMARY KEY, body TEXT NOT NULL, meta TEXT NOT NULL,"
	" revision INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE revisions (number INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, actor TEXT,"
	" reason TEXT, changes TEXT NOT NULL);"
	"CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"PRAGMA application_id = " TEXT_OF(STORE_APPLICATION_ID) ";"
								 "PRAGMA user_version = " TEXT_OF(
									 STORE_FORMAT) ";"
	"COMMIT";

/* A file of an earlier version has none of these. */
static const char maps_sql[] =
	"CREATE TABLE IF NOT EXISTS maps (map TEXT PRIMARY KEY, base TEXT NOT NULL,"
	" is_replaced INTEGER NOT NULL, revision INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS map_entries (map TEXT NOT NULL, key TEXT NOT NULL, value TEXT,"
	" PRIMARY KEY (map, key)) WITHOUT ROWID";

static const char trim_sql[] =
	"DELETE FROM revisions WHERE number = (SELECT min(number) FROM revisions)"
	" RETURNING length(CAST(changes AS BLOB))";

/* A path as SQLite's URI, with what has a meaning there escaped. */
static void
uri_put(struct buf *uri, const char *path, const char *query)
{
	buf_puts(uri, "file:");
	for (const char *c = path; *c != '\0'; c++) {
		if (strchr("%?#", *c) != NULL)
			buf_printf(uri, "%%%02X", (unsigned char)*c);
		else
			buf_put(uri, c, 1);
	}
	buf_puts(uri, query);
	buf_put(uri, "", 1);
}

/*
 * Reading alone must leave no trace. Without a write-ahead log the file is all there is, and
 * "immutable" keeps SQLite from making a log; with one (a running process, or one that was killed)
 * it must be read too.
 */
static int
database_open_to_read(struct store *store)
{
	bool has_wal = access(store->wal_path, F_OK) == 0;
	struct buf uri = { 0 };
	int code = SQLITE_NOMEM;

	uri_put(&uri, store->path, has_wal ? "" : "?immutable=1");
	if (!uri.failed)
		code = sqlite3_open_v2(uri.at, &store->db,
				       SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
				       NULL);
	buf_fini(&uri);
	return code;
}

static enum err
database_open(struct store *store, struct diag *diag)
{
	int code;

	if (store->read_only && !store->in_memory)
		code = database_open_to_read(store);
	else
		code = sqlite3_open_v2(store->path, &store->db,
				       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK)
		return store_cause(store, code, diag);
	sqlite3_extended_result_codes(store->db, 1);
	sqlite3_busy_timeout(store->db, STORE_BUSY_MS);
	if (!store->read_only && sqlite3_db_readonly(store->db, "main") == 1)
		return store_cause(store, SQLITE_READONLY, diag);
	return ERR_OK;
}

/* Ours, of a format we know? `*empty`: nobody's yet, as a first start that was cut short left it. */
static enum err
database_identify(struct store *store, bool *empty, struct diag *diag)
{
	int64_t tables, application, format;
	enum err e = store_number(store, &tables, "SELECT count(*) FROM sqlite_schema", diag);

	if (e == ERR_OK)
		e = store_number(store, &application, "PRAGMA application_id", diag);
	if (e == ERR_OK)
		e = store_number(store, &format, "PRAGMA user_version", diag);
	if (e != ERR_OK)
		return e;
	*empty = tables == 0 && application == 0 && format == 0;
	if (*empty)
		return ERR_OK;
	if (application != STORE_APPLICATION_ID) {
		diag_set(diag, "%s: it is the database of another program", store->name);
		return ERR_INVALID;
	}
	if (format != STORE_FORMAT) {
		diag_set(diag,
			 "%s: its format is %" PRId64
			 " and this program knows %d: a newer version wrote it",
			 store->name, format, STORE_FORMAT);
		return ERR_INVALID;
	}
	return ERR_OK;
}

/* Whether all pages, rows and constraints hold together; quick_check says "ok" or what is wrong. */
static enum err
database_check(struct store *store, struct diag *diag)
{
	sqlite3_stmt *statement;
	enum err e = store_prepare(store, &statement, "PRAGMA quick_check(1)", diag);
	const char *said = "";
	int code;

	if (e != ERR_OK)
		return e;
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		said = (const char *)sqlite3_column_text(statement, 0);
	if (code != SQLITE_ROW) {
		e = store_cause(store, code == SQLITE_DONE ? SQLITE_CORRUPT : code, diag);
	} else if (said == NULL || strcmp(said, "ok") != 0) {
		char text[256];

		str_escape(text, sizeof(text), slice_of(said != NULL ? said : ""));
		diag_set(diag, "%s: damaged: %s", store->name, text);
		e = ERR_INVALID;
	}
	sqlite3_finalize(statement);
	return e;
}

/* Some file systems cannot do WAL: SQLite then answers the mode that it stays in. */
static enum err
database_set_wal(struct store *store, struct diag *diag)
{
	sqlite3_stmt *statement;
	enum err e = store_prepare(store, &statement, "PRAGMA journal_mode = WAL", diag);
	int code;

	if (e != ERR_OK)
		return e;
	code = sqlite3_step(statement);
	if (code != SQLITE_ROW) {
		e = store_cause(store, code, diag);
	} else if (sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "wal") != 0) {
		diag_set(diag, "%s: this file system cannot hold a write-ahead log", store->name);
		e = ERR_SYSTEM;
	}
	sqlite3_finalize(statement);
	return e;
}

static enum err
database_prepare(struct store *store, struct diag *diag)
{
	bool empty;
	enum err e = database_identify(store, &empty, diag);

	if (e == ERR_OK && empty && store->read_only && !store->in_memory) {
		diag_set(diag, "%s: nothing was saved in it", store->name);
		return ERR_UNKNOWN;
	}
	if (e == ERR_OK && !empty)
		e = database_check(store, diag);
	if (e == ERR_OK && !store->read_only && !store->in_memory)
		e = database_set_wal(store, diag);
	if (e == ERR_OK)
		e = store_exec(store,
			       "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"
			       "PRAGMA journal_size_limit = " STORE_WAL_KEEP,
			       diag);
	if (e == ERR_OK && empty)
		e = store_exec(store, create_sql, diag);
	if (e == ERR_OK && (!store->read_only || store->in_memory))
		e = store_exec(store, maps_sql, diag);
	return e == ERR_OK ? store_has_maps(store, &store->has_maps, diag) : e;
}

static enum err
statements_prepare(struct store *store, struct diag *diag)
{
	enum err e = store_prepare(store, &store->trim_statement, trim_sql, diag);

	for (int i = 0; i < (store->has_maps ? STORE_OP_KINDS : STORE_MAP) && e == ERR_OK; i++)
		e = store_prepare(store, &store->op_statements[i], store_op_facts[i].sql, diag);
	return e;
}

static enum err
history_measure(struct store *store, struct diag *diag)
{
	int64_t rows, bytes;
	enum err e = store_number(store, &rows, "SELECT count(*) FROM revisions", diag);

	if (e == ERR_OK)
		e = store_number(store, &bytes,
				 "SELECT sum(length(CAST(changes AS BLOB))) FROM revisions", diag);
	if (e != ERR_OK)
		return e;
	store->history_rows = (uint64_t)rows;
	store->history_bytes = (uint64_t)bytes;
	return ERR_OK;
}

/* What the committer looks for before each commit: is this still the file that will be opened? */
static enum err
files_remember(struct store *store, struct diag *diag)
{
	if (store->in_memory || store->read_only)
		return ERR_OK;
	if (store_file_id_get(&store->db_id, store->path) &&
	    store_file_id_get(&store->wal_id, store->wal_path))
		return ERR_OK;
	diag_errno(diag, "%s", store->name);
	return ERR_SYSTEM;
}

static enum err
paths_set(struct store *store, const char *dir)
{
	size_t size;

	store->in_memory = dir == NULL;
	store->path = dir == NULL ? strdup(":memory:") : store_path_join(dir, STORE_FILE);
	if (store->path == NULL)
		return ERR_NOMEM;
	size = strlen(store->path) * 4 + 1; /* each byte may become \xHH */
	store->name = malloc(size);
	if (store->name == NULL || asprintf(&store->wal_path, "%s-wal", store->path) < 0) {
		store->wal_path = NULL;
		return ERR_NOMEM;
	}
	str_escape(store->name, size, slice_of(store->path));
	return ERR_OK;
}

static enum err
store_make(struct store **sp)
{
	struct store *store = obj_new(sizeof(*store), STORE_MAGIC);

	if (store == NULL)
		return ERR_NOMEM;
	store->lock_fd = -1;
	store->end = &store->first;
	if (pthread_mutex_init(&store->lock, NULL) != 0) {
		obj_free(store);
		return ERR_NOMEM;
	}
	if (pthread_cond_init(&store->wake, NULL) != 0) {
		pthread_mutex_destroy(&store->lock);
		obj_free(store);
		return ERR_NOMEM;
	}
	*sp = store;
	return ERR_OK;
}

enum err
store_open(struct store **sp, const char *dir, bool read_only, struct diag *diag)
{
	struct store *store;
	enum err e = store_make(&store);

	diag_set(diag, "the store: no memory"); /* what nobody below says anything about */
	if (e != ERR_OK)
		return e;
	store->read_only = read_only;
	e = paths_set(store, dir);
	if (e == ERR_OK && dir != NULL)
		e = store_dir_open(store, dir, diag);
	if (e == ERR_OK)
		e = database_open(store, diag);
	if (e == ERR_OK)
		e = database_prepare(store, diag);
	if (e == ERR_OK)
		e = statements_prepare(store, diag);
	if (e == ERR_OK)
		e = history_measure(store, diag);
	if (e == ERR_OK)
		e = files_remember(store, diag);
	if (e != ERR_OK) {
		store_close(&store);
		return e;
	}
	*sp = store;
	return ERR_OK;
}

/* The committer, if it began, ended before; what it sent is in control's mailbox and stays valid. */
static void
database_close(struct store *store)
{
	int code;

	for (int i = 0; i < STORE_OP_KINDS; i++)
		sqlite3_finalize(store->op_statements[i]);
	sqlite3_finalize(store->trim_statement);
	code = sqlite3_close(store->db);
	assert(code == SQLITE_OK);
}

static void
committer_join(struct store *store)
{
	if (!store->started)
		return;
	pthread_mutex_lock(&store->lock);
	store->stopping = true;
	pthread_cond_signal(&store->wake);
	pthread_mutex_unlock(&store->lock);
	pthread_join(store->thread, NULL);
}

void
store_close(struct store **sp)
{
	struct store *store = *sp;

	*sp = NULL;
	if (store == NULL)
		return;
	committer_join(store);
	assert(store->first == NULL);
	database_close(store);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	pthread_cond_destroy(&store->wake);
	pthread_mutex_destroy(&store->lock);
	free(store->wal_path);
	free(store->path);
	free(store->name);
	obj_free(store);
}
