/*
 * The store: the document on disk, in SQLite (state_dir/sluice.db, 0600, the directory locked).
 *
 * One thread, the committer, does nothing else; several transactions that wait share one commit
 * (WAL, synchronous=FULL). Without a state directory the database is in memory; all else is the
 * same.
 *
 * Tables: resources (path, body, meta, revision), revisions (the history: number, time, actor,
 * reason, changes), settings (key, value; each operation is one); maps (map, base, is_replaced,
 * revision) and map_entries (map, key, value): what was changed of a map's entries since its contents
 * were read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/mailbox.h"
#include "core/str.h"

/* The history's limits; the oldest are dropped as new ones come. */
#define STORE_REVISIONS_MAX	1000
#define STORE_HISTORY_BYTES_MAX (32 * 1024 * 1024) /* of changes_json, the newest one not counted */

struct store;

/*
 * Open or create: the directory (0700; its parent must be there), the lock, the database; check
 * that it is ours, of a version we know, and whole (quick_check). dir NULL: in memory.
 *
 * `read_only` (--check; or to run on what was saved where nothing can be written any more): takes
 * no lock, makes no file and may read beside a running sluice. A commit to it fails, with words.
 *
 * ERR_BUSY: another process holds the lock. ERR_UNKNOWN: read-only, and nothing was ever saved
 * there. ERR_INVALID: damaged, another program's, or written by a newer version. ERR_SYSTEM,
 * ERR_LIMIT (the disk is full), ERR_NOMEM. `diag` says which file and why. *sp is left alone.
 * Main thread.
 */
enum err store_open(struct store **sp, const char *dir, bool read_only, struct diag *diag);

/* What was saved. Main thread, before store_start(). Slices are valid during the call only. */
struct store_row {
	struct slice path; /* "/backends/app/servers/s1" (RFC 6901) */
	struct slice body; /* JSON: what was set */
	struct slice meta; /* JSON or empty: the program's own notes on it */
	uint64_t     revision;
};
typedef enum err store_row_fn(const struct store_row *row, void *arg);

/* Each row, ordered by the bytes of its path. What `each` returns other than ERR_OK ends it and is
 * returned (without a diag). */
enum err store_load(struct store *store, store_row_fn *each, void *arg, struct diag *diag);

/* A setting's text into `out` (cleared); ERR_UNKNOWN. Before store_start(). */
enum err store_setting(struct store *store, const char *key, struct buf *out, struct diag *diag);

/*
 * Each setting whose key begins with `prefix`, ordered by the bytes of its key. As store_load(). Before
 * store_start().
 */
typedef enum err store_setting_fn(struct slice key, struct slice value, void *arg);
enum err store_settings(struct store *store, const char *prefix, store_setting_fn *each, void *arg,
			struct diag *diag);

/*
 * What was changed of maps: each map's state, then each entry (`value.at` NULL: it was removed), by map. As
 * store_load().
 */
struct store_map {
	struct slice name;
	struct slice base; /* tells the contents that the changes are of */
	bool	     is_replaced; /* nothing of these is left */
	uint64_t     revision;	  /* of the last change */
};
struct store_map_fns {
	enum err (*map)(const struct store_map *map, void *arg);
	enum err (*entry)(struct slice map, struct slice key, struct slice value, void *arg);
};
enum err store_load_maps(struct store *store, const struct store_map_fns *fns, void *arg,
			 struct diag *diag);

/* The highest number in the history, 0 for none: the next one must be above it. The rows' revisions
 * are not enough, for a delete leaves no row. Before store_start(). */
enum err store_last_revision(struct store *store, uint64_t *revision, struct diag *diag);

/* The committer thread begins; finished transactions come to `control`, which must outlive
 * store_close(). ERR_SYSTEM. */
enum err store_start(struct store *store, struct mailbox *control);

/* A transaction: made and filled on control (or the helper), then the committer's until done(). */
struct store_txn;

enum err store_txn_new(struct store_txn **tp);
void store_txn_discard(struct store_txn **tp); /* one that was not handed over; NULL is fine */

/* All copy their texts. ERR_NOMEM. They are carried out in the order of these calls. */
enum err store_txn_put(struct store_txn *txn, const char *path, struct slice body,
		       struct slice meta, uint64_t revision);
enum err store_txn_delete(struct store_txn *txn, const char *path); /* that row alone */
enum err store_txn_setting(struct store_txn *txn, const char *key, struct slice value);
enum err store_txn_setting_gone(struct store_txn *txn, const char *key);

/* Of a map: its state; edits packed as map_edit.h does, set or removed; keys of which nothing is to be
 * kept; all of it. */
enum err store_txn_map(struct store_txn *txn, const struct store_map *map);
enum err store_txn_map_edits(struct store_txn *txn, const char *map, struct slice packed);
enum err store_txn_map_drop(struct store_txn *txn, const char *map, struct slice packed);
enum err store_txn_map_forget(struct store_txn *txn, const char *map);

/* One line of history; a number that is there already fails the group. actor and reason may be
 * NULL. */
enum err store_txn_revision(struct store_txn *txn, uint64_t revision, uint64_t wall_us,
			    const char *actor, const char *reason, struct slice changes_json);

/*
 * Hand over. done(result, why, arg) is called on control, in the order of store_commit() calls;
 * `why` is NULL or words that live during the call ("/x/sluice.db: the disk is full").
 *
 * A group that fails fails whole; and every transaction of the same `epoch` or an older one that is
 * committed later fails too (it was built on what was lost), until the caller raises the epoch.
 * So on a failure, control undoes everything that it has handed over since, and raises the epoch;
 * what it hands over then is tried anew, so a disk that has room again needs nothing else.
 * Cannot fail itself. The txn is freed after done().
 */
void store_commit(struct store *store, struct store_txn *txn, uint64_t epoch,
		  void (*done)(enum err result, const char *why, void *arg), void *arg);

/*
 * Finish what was handed over, end the thread, close. Main thread. The last done() calls are then in
 * control's mailbox: deliver them. *sp may be NULL, and is NULL afterwards.
 */
void store_close(struct store **sp);

struct store_counts {
	uint64_t commits;	 /* groups that were saved */
	uint64_t transactions;	 /* that were saved */
	uint64_t failures;	 /* transactions that were not */
	uint64_t last_commit_us; /* how long the last saved group took */
};
void store_counts(struct store *store, struct store_counts *counts); /* any thread */
