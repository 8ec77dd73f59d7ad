/*
 * The committer: the one thread that waits for the disk, so that nobody else does.
 *
 * What has gathered while one commit was under way goes into the next one together. A group is all
 * or nothing. When one fails, what was built on it must not be saved either, although it may be in
 * the queue already: the epoch tells those apart from what control sends once it knows.
 */
#include "config.h"
#include "adminapi/store/store.h"
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include "adminapi/map_edit.h"
#include "adminapi/store/store_priv.h"
#include "core/clock.h"
#include "core/obj.h"

#define GROUP_MAX 1000 /* transactions in one commit: the first of them waits for the last */

static enum err
op_bind(struct store *store, sqlite3_stmt *statement, const struct store_op *op, struct diag *diag)
{
	const struct store_op_fact *fact = &store_op_facts[op->kind];
	int code = SQLITE_OK;

	for (int i = 0; i < fact->texts && code == SQLITE_OK; i++)
		code = sqlite3_bind_text64(statement, i + 1, op->texts[i].at, op->texts[i].len,
					   SQLITE_STATIC, SQLITE_UTF8);
	for (int i = 0; i < fact->numbers && code == SQLITE_OK; i++)
		code = sqlite3_bind_int64(statement, fact->texts + i + 1, (int64_t)op->numbers[i]);
	return code == SQLITE_OK ? ERR_OK : store_cause(store, code, diag);
}

static enum err
op_step(struct store *store, sqlite3_stmt *statement, struct diag *diag)
{
	enum err e = ERR_OK;
	int code;

	errno = 0; /* for store_cause() */
	code = sqlite3_step(statement);
	if (code != SQLITE_DONE)
		e = store_cause(store, code, diag);
	sqlite3_reset(statement);
	return e;
}

static int
text_bind(sqlite3_stmt *statement, int index, struct slice text)
{
	return sqlite3_bind_text64(statement, index, text.at, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

/* The statement once for each edit in the second text. */
static enum err
op_step_packed(struct store *store, sqlite3_stmt *statement, const struct store_op *op,
	       struct diag *diag)
{
	int texts = store_op_facts[op->kind].packed;
	enum err e = ERR_OK;
	struct map_edit edit;
	size_t at = 0;

	while (e == ERR_OK && map_edit_unpack(op->texts[1], &at, &edit)) {
		int code = text_bind(statement, 2, edit.key);

		if (code == SQLITE_OK && texts == 2)
			code = text_bind(statement, 3, edit.value);
		e = code == SQLITE_OK ? op_step(store, statement, diag)
				      : store_cause(store, code, diag);
	}
	return e;
}

static enum err
op_write(struct store *store, const struct store_op *op, struct diag *diag)
{
	sqlite3_stmt *statement = store->op_statements[op->kind];
	enum err e = op_bind(store, statement, op, diag);

	if (e == ERR_OK)
		e = store_op_facts[op->kind].packed > 0
			    ? op_step_packed(store, statement, op, diag)
			    : op_step(store, statement, diag);
	sqlite3_clear_bindings(statement);
	if (e == ERR_OK && op->kind == STORE_REVISION) {
		store->history_rows++;
		store->history_bytes += op->texts[2].len;
	}
	return e;
}

static enum err
history_drop_oldest(struct store *store, struct diag *diag)
{
	sqlite3_stmt *statement = store->trim_statement;
	enum err e = ERR_OK;
	int code;

	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		store->history_rows--;
		store->history_bytes -= (uint64_t)sqlite3_column_int64(statement, 0);
	}
	if (code != SQLITE_DONE)
		e = store_cause(store, code, diag);
	sqlite3_reset(statement);
	return e;
}

/* As many as came go, so a commit pays for its own; the newest one stays whatever its size. */
static enum err
history_trim(struct store *store, struct diag *diag)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && store->history_rows > 1 &&
	       (store->history_rows > STORE_REVISIONS_MAX ||
		store->history_bytes > STORE_HISTORY_BYTES_MAX))
		e = history_drop_oldest(store, diag);
	return e;
}

/*
 * SQLite writes on to a file that was deleted or moved away, and all would seem well until the next
 * start; so the names are looked at before each commit.
 */
static enum err
files_check(struct store *store, struct diag *diag)
{
	struct store_file_id db, wal;

	if (store->in_memory || store->read_only)
		return ERR_OK;
	if (store_file_id_get(&db, store->path) && db.dev == store->db_id.dev &&
	    db.ino == store->db_id.ino && store_file_id_get(&wal, store->wal_path) &&
	    wal.dev == store->wal_id.dev && wal.ino == store->wal_id.ino)
		return ERR_OK;
	diag_set(diag, "%s: it or its -wal file was moved, replaced or deleted", store->name);
	return ERR_GONE;
}

static enum err
txn_write(struct store *store, const struct store_txn *txn, struct diag *diag)
{
	enum err e = ERR_OK;

	for (const struct store_op *op = txn->ops; op != NULL && e == ERR_OK; op = op->next)
		e = op_write(store, op, diag);
	return e;
}

/* SQLite ends the transaction by itself on some errors (a full disk), not on others. */
static void
group_undo(struct store *store, uint64_t history_rows, uint64_t history_bytes)
{
	if (sqlite3_get_autocommit(store->db) == 0)
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	store->history_rows = history_rows;
	store->history_bytes = history_bytes;
}

/* Those of the group that still have ERR_OK, in one transaction of the database. */
static enum err
group_write(struct store *store, const struct store_txn *group, struct diag *diag)
{
	uint64_t rows = store->history_rows, bytes = store->history_bytes;
	enum err e = files_check(store, diag);

	if (e == ERR_OK)
		e = store_exec(store, "BEGIN IMMEDIATE", diag);
	if (e != ERR_OK)
		return e;
	for (const struct store_txn *txn = group; txn != NULL && e == ERR_OK; txn = txn->next)
		if (txn->result == ERR_OK)
			e = txn_write(store, txn, diag);
	if (e == ERR_OK)
		e = history_trim(store, diag);
	if (e == ERR_OK)
		e = store_exec(store, "COMMIT", diag);
	if (e != ERR_OK)
		group_undo(store, rows, bytes);
	return e;
}

/* Transactions that were built on one that failed fail too. Returns how many are left to write. */
static uint64_t
group_drop_lost(struct store *store, struct store_txn *group)
{
	uint64_t left = 0;

	for (struct store_txn *txn = group; txn != NULL; txn = txn->next) {
		if (store->lost && txn->epoch <= store->lost_epoch) {
			txn->result = ERR_GONE;
			diag_set(&txn->why, "it follows a change that was not saved: %s",
				 store->lost_why.text);
		} else {
			left++;
		}
	}
	return left;
}

static void
group_fail(struct store *store, struct store_txn *group, enum err result, const struct diag *why)
{
	for (struct store_txn *txn = group; txn != NULL; txn = txn->next) {
		if (txn->result != ERR_OK)
			continue;
		txn->result = result;
		txn->why = *why;
		if (!store->lost || txn->epoch > store->lost_epoch)
			store->lost_epoch = txn->epoch;
		store->lost = true;
	}
	store->lost_why = *why;
}

static void
txn_on_mail(struct mail *mail)
{
	struct store_txn *txn = container_of(mail, struct store_txn, mail);

	assert(txn->magic == STORE_TXN_MAGIC);
	if (txn->done != NULL)
		txn->done(txn->result, txn->result == ERR_OK ? NULL : txn->why.text, txn->arg);
	store_txn_discard(&txn);
}

/* Count before the mail goes: whoever was told finds himself counted. */
static void
group_send(struct store *store, struct store_txn *group)
{
	uint64_t failed = 0, saved = 0;

	for (struct store_txn *txn = group; txn != NULL; txn = txn->next)
		*(txn->result == ERR_OK ? &saved : &failed) += 1;
	atomic_fetch_add_explicit(&store->transactions, saved, memory_order_relaxed);
	atomic_fetch_add_explicit(&store->failures, failed, memory_order_relaxed);
	for (struct store_txn *txn = group, *next; txn != NULL; txn = next) {
		next = txn->next; /* the mail takes the transaction along */
		mailbox_send(store->control, &txn->mail);
	}
}

static void
group_commit(struct store *store, struct store_txn *group)
{
	uint64_t began_us = clock_read_us(CLOCK_MONOTONIC);
	struct diag why;
	enum err e;

	if (group_drop_lost(store, group) > 0) {
		e = group_write(store, group, &why);
		if (e != ERR_OK) {
			group_fail(store, group, e, &why);
		} else {
			atomic_fetch_add_explicit(&store->commits, 1, memory_order_relaxed);
			atomic_store_explicit(&store->last_commit_us,
					      clock_read_us(CLOCK_MONOTONIC) - began_us,
					      memory_order_relaxed);
		}
	}
	group_send(store, group);
}

/* The oldest GROUP_MAX of the queue, cut off from the rest. NULL when it is empty. */
static struct store_txn *
group_take_locked(struct store *store)
{
	struct store_txn *group = store->first, *last = group;

	if (group == NULL)
		return NULL;
	for (int i = 1; i < GROUP_MAX && last->next != NULL; i++)
		last = last->next;
	store->first = last->next;
	if (store->first == NULL)
		store->end = &store->first;
	last->next = NULL;
	return group;
}

/* NULL: the store closes and nothing is left to do. */
static struct store_txn *
group_wait(struct store *store)
{
	struct store_txn *group;

	pthread_mutex_lock(&store->lock);
	while (store->first == NULL && !store->stopping)
		pthread_cond_wait(&store->wake, &store->lock);
	group = group_take_locked(store);
	pthread_mutex_unlock(&store->lock);
	return group;
}

static void *
committer_main(void *arg)
{
	struct store *store = obj_cast(arg, STORE_MAGIC);
	struct store_txn *group;

	pthread_setname_np(pthread_self(), "committer");
	while ((group = group_wait(store)) != NULL)
		group_commit(store, group);
	return NULL;
}

/* The process's signals are the main thread's: a new thread inherits the mask. */
enum err
store_start(struct store *store, struct mailbox *control)
{
	sigset_t all, before;
	int code;

	assert(!store->started);
	store->control = control;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&store->thread, NULL, committer_main, store);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code != 0)
		return ERR_SYSTEM;
	store->started = true;
	return ERR_OK;
}

void
store_commit(struct store *store, struct store_txn *txn, uint64_t epoch,
	     void (*done)(enum err result, const char *why, void *arg), void *arg)
{
	assert(store->started && txn->magic == STORE_TXN_MAGIC && txn->done == NULL);
	txn->mail.deliver = txn_on_mail;
	txn->epoch = epoch;
	txn->done = done;
	txn->arg = arg;
	txn->next = NULL;
	pthread_mutex_lock(&store->lock);
	assert(!store->stopping);
	*store->end = txn;
	store->end = &txn->next;
	pthread_cond_signal(&store->wake);
	pthread_mutex_unlock(&store->lock);
}

void
store_counts(struct store *store, struct store_counts *counts)
{
	counts->commits = atomic_load_explicit(&store->commits, memory_order_relaxed);
	counts->transactions = atomic_load_explicit(&store->transactions, memory_order_relaxed);
	counts->failures = atomic_load_explicit(&store->failures, memory_order_relaxed);
	counts->last_commit_us = atomic_load_explicit(&store->last_commit_us, memory_order_relaxed);
}
