/*
 * The store: the document on disk, in SQLite (state_dir/sluice.db, 0600, the directory locked).
 *
 * One thread, the committer, does nothing else; several transactions that wait share one commit
 * (WAL, synchronous=FULL). Without a state directory the database is in memory.
 *
 * Tables: resources (path, body, meta, revision), revisions (the last STORE_REVISIONS_MAX: number, time,
 * actor, reason, changes), settings (key, value).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/mailbox.h"
#include "core/str.h"

#define STORE_REVISIONS_MAX 1000	/* of history; older ones are dropped as new ones come */

struct store;

/*
 * Open or create, lock, check integrity (quick_check, schema version). dir NULL: in memory. ERR_BUSY: another process
 * holds the lock; ERR_SYSTEM, ERR_INVALID (damaged, or written by a newer version): `diag` says what. `read_only`: for --check.
 */
enum err store_open(struct store **sp, const char *dir, bool read_only, struct diag *diag);

/* What was saved. Main thread, before store_start(). Slices are valid during the call only. */
struct store_row {
	struct slice	path;		/* "/backends/app/servers/s1" (RFC 6901) */
	struct slice	body;		/* JSON: what was set */
	struct slice	meta;		/* JSON or empty: the program's own notes on it */
	uint64_t	revision;
};
typedef enum err store_row_fn(const struct store_row *row, void *arg);
enum err store_load(struct store *store, store_row_fn *each, void *arg, struct diag *diag); /* ordered by path */

/* A setting's text into `out` (cleared); ERR_UNKNOWN. Before store_start(). */
enum err store_setting(struct store *store, const char *key, struct buf *out, struct diag *diag);

/* The committer thread begins; finished transactions come to `control`. */
enum err store_start(struct store *store, struct mailbox *control);

/* A transaction: made and filled on control (or the helper), then the committer's until done(). */
struct store_txn;

enum err store_txn_new(struct store_txn **tp);
void store_txn_discard(struct store_txn **tp);
/* All copy their texts. ERR_NOMEM. */
enum err store_txn_put(struct store_txn *txn, const char *path, struct slice body, struct slice meta, uint64_t revision);
enum err store_txn_delete(struct store_txn *txn, const char *path);	/* that row alone */
enum err store_txn_setting(struct store_txn *txn, const char *key, struct slice value);
enum err store_txn_revision(struct store_txn *txn, uint64_t revision, uint64_t wall_us,
	const char *actor, const char *reason, struct slice changes_json);

/*
 * Hand over. done(result, why, arg) is called on control, in the order of store_commit() calls; `why` is
 * NULL or words that live during the call. A group that fails fails whole; and every transaction
 * of the same `epoch` or an older one that is committed later fails too (it was built on what was lost), until the caller raises the
 * epoch. Cannot fail itself. The txn is freed after done().
 */
void store_commit(struct store *store, struct store_txn *txn, uint64_t epoch,
	void (*done)(enum err result, const char *why, void *arg), void *arg);

/* Finish what was handed over, end the thread, close. Main thread. */
void store_close(struct store **sp);

struct store_counts {
	uint64_t	commits, transactions, failures;
	uint64_t	last_commit_us;		/* how long it took */
};
void store_counts(struct store *store, struct store_counts *counts);	/* any thread */

