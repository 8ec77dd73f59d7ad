/*
 * What the files of this folder share: the open store, a transaction, SQLite's errors in words.
 */
#pragma once

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/types.h>
#include "adminapi/store/store.h"

#define STORE_FILE	"sluice.db"
#define STORE_LOCK_FILE "sluice.lock"

/* What a transaction can do; one prepared statement each. */
enum store_op_kind {
	STORE_PUT,
	STORE_DELETE,
	STORE_SETTING,
	STORE_SETTING_GONE,
	STORE_REVISION,
	STORE_MAP,
	STORE_MAP_GONE,
	STORE_MAP_CLEAR,
	STORE_MAP_EDITS,
	STORE_MAP_DROPS,
};
#define STORE_OP_KINDS (STORE_MAP_DROPS + 1)

#define STORE_OP_TEXTS	 3 /* most texts that one operation carries */
#define STORE_OP_NUMBERS 2 /* most numbers */

/* Its parameters are the texts, then the numbers. */
struct store_op_fact {
	const char *sql;
	int	    texts;
	int	    numbers;
	int	    packed; /* the second text is edits, the statement is run for each: 1 key, 2 key and value */
};
extern const struct store_op_fact store_op_facts[STORE_OP_KINDS];

struct store_op {
	struct store_op	   *next;
	enum store_op_kind  kind;
	struct slice	    texts[STORE_OP_TEXTS]; /* into bytes; at == NULL is SQL's NULL */
	uint64_t	    numbers[STORE_OP_NUMBERS];
	char		    bytes[];
};

struct store_txn {
	unsigned	  magic;
#define STORE_TXN_MAGIC	  0x57a2c911
	struct mail	  mail;		/* the way home, to done() on control */
	struct store_txn *next;		/* in the committer's queue or group */
	struct store_op	 *ops;
	struct store_op **end;		/* where the next one is hung */
	uint64_t	  epoch;
	enum err	  result;
	struct diag	  why;		/* set with a result other than ERR_OK */
	void		(*done)(enum err result, const char *why, void *arg);
	void		 *arg;
};

/* Which file a path named when the store was opened. */
struct store_file_id {
	dev_t	dev;
	ino_t	ino;
};

struct store {
	unsigned	 magic;
#define STORE_MAGIC	 0x57a2c910
	char		*path;		/* of the database; ":memory:" */
	char		*name;		/* the path, fit for a message */
	int		 lock_fd;	/* -1: in memory or read-only */
	bool		 in_memory;
	bool		 read_only;
	bool		 has_maps;	/* their tables; not in a file of an earlier version that is only read */
	struct mailbox	*control;	/* borrowed from store_start() to store_close() */
	pthread_t	 thread;
	bool		 started;

	/* the main thread's until store_start(), then the committer's */
	sqlite3		    *db;
	char		    *wal_path;
	struct store_file_id db_id;
	struct store_file_id wal_id;
	sqlite3_stmt	    *op_statements[STORE_OP_KINDS];
	sqlite3_stmt	    *trim_statement;
	uint64_t	     history_rows;  /* in table revisions */
	uint64_t	     history_bytes; /* of their changes */
	bool		     lost;	    /* a group failed: what was built on it fails too */
	uint64_t	     lost_epoch;
	struct diag	     lost_why;

	pthread_mutex_t	   lock;	/* guards the four below */
	pthread_cond_t	   wake;
	struct store_txn  *first;
	struct store_txn **end;
	bool		   stopping;

	/* the committer writes, all read; relaxed, they are only counts */
	_Atomic(uint64_t) commits;
	_Atomic(uint64_t) transactions;
	_Atomic(uint64_t) failures;
	_Atomic(uint64_t) last_commit_us;
};

/* SQLite's result `code` of the call just made: an err, and "FILE: cause" in `diag`. */
enum err store_cause(struct store *store, int code, struct diag *diag);

/* Run SQL that answers nothing of interest. */
enum err store_exec(struct store *store, const char *sql, struct diag *diag);

/* Prepare one statement; freed with sqlite3_finalize(). */
enum err store_prepare(struct store *store, sqlite3_stmt **statement, const char *sql,
		       struct diag *diag);

/* The first column of the first row as a number; 0 where there is no row. */
enum err store_number(struct store *store, int64_t *value, const char *sql, struct diag *diag);

/* Are the tables of maps there? */
enum err store_has_maps(struct store *store, bool *has, struct diag *diag);

/* "DIR/NAME", to be freed; NULL: no memory. */
char *store_path_join(const char *dir, const char *name);

/* Make what is missing and take the lock; where only reading, see that there is something to read. */
enum err store_dir_open(struct store *store, const char *dir, struct diag *diag);

/* What the path names now. False: nothing, or it cannot be told. */
bool store_file_id_get(struct store_file_id *id, const char *path);
