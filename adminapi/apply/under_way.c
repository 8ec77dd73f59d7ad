/*
 * Writes that were handed over: on their way to the disk, to the workers, to their answers; or undone.
 * Control thread.
 */
#include "config.h"
#include "adminapi/apply/write.h"

#include <stdlib.h>
#include "adminapi/apply/txn_priv.h"
#include "core/log.h"
#include "server/server.h"

#define ENDS_A_TURN 1000	/* nodes that are let go of: about 1 ms */

/* -- the end of a write -- */

void
txn_answer(struct txn *txn, enum write_outcome outcome)
{
	struct write *write = txn->write;

	txn->write = NULL;
	if (write == NULL)
		return;
	write->outcome = outcome;
	write->done(write);
}

/* The target of a write that is in force, for its answer. */
static void
write_find_node(struct write *w)
{
	struct doc_node *parent = pipeline.doc->root;

	w->node = NULL;
	if (!doc_kind_info(w->kind)->is_collection) {
		w->node = pipeline.doc->singles[w->kind];
		return;
	}
	if (w->parent != NULL)
		parent = doc_child(parent, doc_kind_info(w->kind)->parent, w->parent);
	if (parent != NULL && w->name != NULL)
		w->node = doc_child(parent, w->kind, w->name);
}

void
txn_answer_in_force(struct txn *txn, enum write_outcome outcome)
{
	if (txn->write != NULL) {
		txn->write->revision = txn->plan.revision;
		txn->write->plan = &txn->plan;
		write_find_node(txn->write);
	}
	txn_answer(txn, outcome);
}

void
txn_tell_removal(struct txn *txn, uint64_t generation)
{
	struct removal *removal = txn->removal;

	txn->removal = NULL;
	if (removal != NULL)
		removal->sent(removal, generation);
}

void
txn_free(struct txn *txn)
{
	txn_tell_removal(txn, 0);
	list_remove(&txn->node);
	wheel_cancel(&txn->timer);
	grown_free(&txn->grown);
	free(txn);
}

/* -- acknowledged -- */

/* What was in the way of thousands of nodes is over: they are freed, unhurried. */
void
pipeline_end_some(struct task *task)
{
	struct list *first = pipeline.ending.next;

	if (first == &pipeline.ending)
		return;
	if (plan_end_some(&txn_of(first)->plan, ENDS_A_TURN))
		txn_free(txn_of(first));
	if (!list_is_empty(&pipeline.ending))
		loop_queue(loop_self(), task);
}

static void
txn_on_acked(void *arg)
{
	struct txn *txn = arg;

	if (txn->late)
		log_msg(LOG_LEVEL_NOTICE, "config: revision %llu: all workers have it now",
			(unsigned long long)txn->plan.revision);
	txn_answer_in_force(txn, WRITE_DONE);
	list_remove(&txn->node);
	list_append(&pipeline.ending, &txn->node);
	wheel_cancel(&txn->timer);
	pipeline_end_some(&pipeline.end);
}

/* The caller is told what is known; the write goes on, and /readyz says no until it is done. */
void
txn_on_timeout(struct wheel_timer *timer)
{
	struct txn *txn = container_of(timer, struct txn, timer);
	bool is_stored = txn->state == TXN_PUBLISHING;

	txn->late = true;
	pipeline.counts.late += 1;
	log_msg(LOG_LEVEL_ERROR, "config: revision %llu: %s after %d ms",
		(unsigned long long)txn->plan.revision, is_stored ?
		"stored, but a worker has not installed it" : "the store has not answered",
		is_stored ? WRITE_ACK_MS : WRITE_STORE_MS);
	txn_answer(txn, is_stored ? WRITE_UNACKNOWLEDGED : WRITE_UNDECIDED);
}

/* The generation of the server that goes; 0: none does. */
static uint64_t
txn_removes(const struct txn *txn)
{
	for (uint32_t i = 0; txn->removal != NULL && i < txn->plan.count; i++) {
		const struct plan_op *op = txn->plan.ops[i];

		if (op->node->kind == DOC_SERVER && op->to == NULL && op->old_object != NULL)
			return ((const struct server *)op->old_object)->generation;
	}
	return 0;
}

void
txn_publish(struct txn *txn)
{
	struct loop *loop = loop_self();
	uint64_t removes = txn_removes(txn);

	loop_note(loop, "publishing a change");
	txn->state = TXN_PUBLISHING;
	plan_publish(&txn->plan);
	if (txn->grown != NULL) {
		grown_free(&pipeline.grown);
		pipeline.grown = txn->grown;
		txn->grown = NULL;
	}
	if (pipeline.on_published != NULL)
		pipeline.on_published(&txn->plan, txn->write);
	preparation_publish(&txn->preparation);
	wheel_set(&loop->wheel, &txn->timer, loop->now_ms + WRITE_ACK_MS);
	publication_seal(txn->preparation.publication, txn_on_acked, txn);
	txn_tell_removal(txn, removes);
}

/* -- stored, or not -- */

/* Nothing of what was handed over and not stored remains: newest first. */
static void
pipeline_undo(void)
{
	pipeline.undo_due = false;
	pipeline.epoch++;
	for (struct list *node = pipeline.under_way.prev; node != &pipeline.under_way;
	    node = node->prev) {
		struct txn *txn = txn_of(node);

		if (txn->state != TXN_COMMITTING)
			continue;
		txn->state = TXN_FAILED;
		preparation_abort(&txn->preparation);
		plan_undo(&txn->plan);
	}
}

static void
txn_end_failed(struct txn *txn)
{
	plan_end(&txn->plan);
	txn_answer(txn, WRITE_UNAVAILABLE);
	txn_free(txn);
}

/*
 * The committer says so of each, oldest first. The first one undoes them all; while a plan is
 * made on the helper thread, which reads the head, that has to wait.
 */
static void
txn_on_failed(struct txn *txn, const char *why)
{
	pipeline.counts.failed_commits++;
	txn->store_failed = true;
	if (txn->write != NULL)
		diag_set(&txn->write->why, "not stored, nothing was changed: %s", why);
	if (txn->state == TXN_COMMITTING) {
		log_msg(LOG_LEVEL_ERROR, "config: revision %llu: not stored: %s",
			(unsigned long long)txn->plan.revision, why);
		if (pipeline.doc->frozen) {
			pipeline.undo_due = true;
			return;
		}
		if (pipeline.front != NULL && pipeline.front->state == TXN_PREPARING)
			front_restart();
		pipeline_undo();
	}
	txn_end_failed(txn);
}

void
pipeline_undo_late(void)
{
	pipeline_undo();
	list_foreach_safe(node, &pipeline.under_way) {
		struct txn *txn = txn_of(node);

		if (txn->store_failed)
			txn_end_failed(txn);
	}
}

void
txn_on_stored(enum err result, const char *why, void *arg)
{
	struct txn *txn = arg;

	if (result == ERR_OK)
		txn_publish(txn);
	else
		txn_on_failed(txn, why == NULL ? err_text(result) : why);
}

/* -- notes -- */

static bool
pipeline_is_committing(void)
{
	list_foreach(node, &pipeline.under_way)
		if (txn_of(node)->state == TXN_COMMITTING)
			return true;
	return false;
}

/* If writes were on their way behind it, they failed with it, and their undo is what raises the epoch. */
static void
note_on_stored(enum err result, const char *why, void *arg)
{
	struct write_note *note = arg;

	if (result != ERR_OK && !pipeline_is_committing())
		pipeline.epoch++;
	note->done(note, result == ERR_OK ? NULL : why == NULL ? err_text(result) : why);
}

void
write_note_save(struct write_note *note, struct store_txn *txn)
{
	store_commit(pipeline.store, txn, pipeline.epoch, note_on_stored, note);
}
