/*
 * SQLite's calls with our errors: a result code becomes an err and a cause in words.
 *
 * The words go to the log and into the 503 of a write, so they say which file it is, and what the
 * system said where that is what stopped SQLite.
 */
#include "config.h"
#include "adminapi/store/store_priv.h"
#include <errno.h>
#include <stdio.h>

/* Result codes, an extended one before its primary; others are told in SQLite's own words. */
static const struct cause {
	int	    code;
	enum err    err;
	const char *words;
} causes[] = {
	{ SQLITE_BUSY,	   ERR_BUSY,	"another program holds it locked" },
	{ SQLITE_CANTOPEN, ERR_SYSTEM,	"cannot be opened" },
	{ SQLITE_CORRUPT,  ERR_INVALID, "damaged" },
	{ SQLITE_FULL,	   ERR_LIMIT,	"the disk is full" },
	{ SQLITE_IOERR,	   ERR_SYSTEM,	"input/output error" },
	{ SQLITE_LOCKED,   ERR_BUSY,	"another program holds it locked" },
	{ SQLITE_NOMEM,	   ERR_NOMEM,	"no memory" },
	{ SQLITE_NOTADB,   ERR_INVALID, "damaged: it is not a database" },
	{ SQLITE_PERM,	   ERR_SYSTEM,	"permission denied" },
	{ SQLITE_TOOBIG,   ERR_LIMIT,	"a value is too large" },
	{ SQLITE_READONLY_DIRECTORY, ERR_SYSTEM, "its directory is read-only" },
	{ SQLITE_READONLY, ERR_SYSTEM,	"it is read-only" },
};

static const struct cause *
cause_find(int code, int primary)
{
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
		if (causes[i].code == code || causes[i].code == primary)
			return &causes[i];
	return NULL;
}

/* SQLite says SQLITE_FULL for ENOSPC of most calls, and SQLITE_IOERR for that of the others. */
static int
primary_code(int code, int system_errno)
{
	if ((code & 0xff) == SQLITE_IOERR && (system_errno == ENOSPC || system_errno == EDQUOT))
		return SQLITE_FULL;
	return code & 0xff;
}

/*
 * What the system said to the call that failed. SQLite notes it for most; of what fails inside COMMIT
 * it does not, and errno still has it: nothing after that calls the system in vain.
 */
static int
system_errno_of(struct store *store, int code)
{
	if (store->db == NULL || ((code & 0xff) == SQLITE_IOERR && errno != 0))
		return errno;
	return sqlite3_system_errno(store->db);
}

/* Whether errno belongs to this error: SQLite leaves an older one standing with the others. */
static bool
is_system_error(int code)
{
	return code == SQLITE_CANTOPEN || code == SQLITE_IOERR;
}

enum err
store_cause(struct store *store, int code, struct diag *diag)
{
	int system_errno = system_errno_of(store, code);
	int primary = primary_code(code, system_errno);
	const struct cause *cause = cause_find(code, primary);
	const char *words = cause != NULL ? cause->words : sqlite3_errstr(code);

	if (is_system_error(primary) && system_errno != 0) {
		errno = system_errno;
		diag_errno(diag, "%s: %s", store->name, words);
	} else if (primary == SQLITE_ERROR && store->db != NULL) {
		diag_set(diag, "%s: %s", store->name, sqlite3_errmsg(store->db));
	} else {
		diag_set(diag, "%s: %s", store->name, words);
	}
	return cause != NULL ? cause->err : ERR_SYSTEM;
}

enum err
store_exec(struct store *store, const char *sql, struct diag *diag)
{
	int code;

	errno = 0; /* what is there afterwards is of this call */
	code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? ERR_OK : store_cause(store, code, diag);
}

enum err
store_prepare(struct store *store, sqlite3_stmt **statement, const char *sql, struct diag *diag)
{
	int code =
		sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);

	return code == SQLITE_OK ? ERR_OK : store_cause(store, code, diag);
}

enum err
store_number(struct store *store, int64_t *value, const char *sql, struct diag *diag)
{
	sqlite3_stmt *statement;
	enum err e = store_prepare(store, &statement, sql, diag);
	int code;

	*value = 0;
	if (e != ERR_OK)
		return e;
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*value = sqlite3_column_int64(statement, 0);
	else if (code != SQLITE_DONE)
		e = store_cause(store, code, diag);
	sqlite3_finalize(statement);
	return e;
}
