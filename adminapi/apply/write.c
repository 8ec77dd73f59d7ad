/*
 * The pipeline of writes: one is planned at a time, several are on their way. Control thread.
 */
#include "config.h"
#include "adminapi/apply/write.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/apply/txn_priv.h"
#include "core/log.h"
#include "core/obj.h"
#include "server/server.h"

#define SLICE_US	1000	/* of preparing, before the loop turns */
#define ENDS_A_TURN	1000	/* nodes that are let go of: about 1 ms */
#define MANY_NODES	500	/* resources; above that a write that touches all goes to the helper */

static struct {
	struct doc		*doc;
	struct store		*store;
	struct list		 waiting;	/* of txns, in order of arrival */
	struct txn		*front;		/* planning or preparing */
	struct list		 under_way;	/* committing, failed, publishing: oldest first */
	struct task		 advance;
	struct list		 ending;	/* answered; their plans let go of what they hold */
	struct task		 end;
	struct grown		*grown;		/* the file behind what is published; NULL: none */
	uint64_t		 epoch;
	bool			 undo_due;	/* a commit failed while a plan reads the head */
	void		       (*on_published)(const struct plan *, const struct write *);
	struct write_counts	 counts;
} pipeline;

void
write_on_published(void (*fn)(const struct plan *plan, const struct write *write))
{
	pipeline.on_published = fn;
}

static struct txn *
txn_of(struct list *node)
{
	return container_of(node, struct txn, node);
}

/* -- the end of a write -- */

static void
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

static void
txn_answer_in_force(struct txn *txn, enum write_outcome outcome)
{
	if (txn->write != NULL) {
		txn->write->revision = txn->plan.revision;
		txn->write->plan = &txn->plan;
		write_find_node(txn->write);
	}
	txn_answer(txn, outcome);
}

static void
txn_tell_removal(struct txn *txn, uint64_t generation)
{
	struct removal *removal = txn->removal;

	txn->removal = NULL;
	if (removal != NULL)
		removal->sent(removal, generation);
}

static void
txn_free(struct txn *txn)
{
	txn_tell_removal(txn, 0);
	list_remove(&txn->node);
	wheel_cancel(&txn->timer);
	grown_free(&txn->grown);
	free(txn);
}

/* The front failed before the head moved: say so, forget it, go on with the next. */
static void
front_end(enum write_outcome outcome)
{
	struct txn *txn = pipeline.front;

	pipeline.front = NULL;
	store_txn_discard(&txn->store_txn);
	plan_fini(&txn->plan);
	txn_answer(txn, outcome);
	txn_free(txn);
	loop_queue(loop_self(), &pipeline.advance);
}

/* -- acknowledged -- */

/* What was in the way of thousands of nodes is over: they are freed, unhurried. */
static void
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
static void
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

static void
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

/* The front was planned on what is no more: once more from the start. */
static void
front_restart(void)
{
	struct txn *txn = pipeline.front;

	pipeline.front = NULL;
	if (txn->state == TXN_PREPARING)
		preparation_abort(&txn->preparation);
	store_txn_discard(&txn->store_txn);
	plan_fini(&txn->plan);
	issues_fini(&txn->write->issues);
	txn->state = TXN_WAITING;
	list_prepend(&pipeline.waiting, &txn->node);
	loop_queue(loop_self(), &pipeline.advance);
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

static void
pipeline_undo_late(void)
{
	pipeline_undo();
	list_foreach_safe(node, &pipeline.under_way) {
		struct txn *txn = txn_of(node);

		if (txn->store_failed)
			txn_end_failed(txn);
	}
}

static void
txn_on_stored(enum err result, const char *why, void *arg)
{
	struct txn *txn = arg;

	if (result == ERR_OK)
		txn_publish(txn);
	else
		txn_on_failed(txn, why == NULL ? err_text(result) : why);
}

/* -- prepared -- */

static void
front_hand_over(void)
{
	struct txn *txn = pipeline.front;
	struct store_txn *st = txn->store_txn;

	txn->store_txn = NULL;
	pipeline.front = NULL;
	plan_hand_over(&txn->plan);
	txn->state = TXN_COMMITTING;
	list_append(&pipeline.under_way, &txn->node);
	loop_queue(loop_self(), &pipeline.advance);
	if (txn->write->is_restore) {	/* it is on the disk, which may be read-only by now */
		store_txn_discard(&st);
		txn_publish(txn);
		return;
	}
	wheel_set(&loop_self()->wheel, &txn->timer, loop_self()->now_ms + WRITE_STORE_MS);
	store_commit(pipeline.store, st, pipeline.epoch, txn_on_stored, txn);
}

static void
front_dry(void)
{
	preparation_abort(&pipeline.front->preparation);
	front_end(WRITE_DRY);
}

static void
front_prepare(void)
{
	struct txn *txn = pipeline.front;
	struct loop *loop = loop_self();
	enum err e;

	loop_clock(loop);
	e = preparation_step(&txn->preparation, loop->now_us + SLICE_US);
	if (e == ERR_BUSY) {
		loop_queue(loop, &pipeline.advance);
		return;
	}
	if (e == ERR_OK && txn->write->dry_run) {
		front_dry();
		return;
	}
	if (e == ERR_OK) {
		front_hand_over();
		return;
	}
	preparation_abort(&txn->preparation);
	diag_set(&txn->write->why, e == ERR_NOMEM ? "out of memory" : "it can't be applied");
	front_end(e == ERR_NOMEM ? WRITE_UNAVAILABLE : WRITE_CONFLICT);
}

/* -- planned -- */

/* What changes nothing is in force once all before it is. */
static bool
front_is_nothing(const struct txn *txn)
{
	const struct write *w = txn->write;

	return plan_is_empty(&txn->plan) && (w->file_text == NULL || w->file_is_same) &&
	    !w->dry_run && list_is_empty(&pipeline.under_way);
}

static void
front_planned(void)
{
	struct txn *txn = pipeline.front;

	if (txn->outcome != WRITE_DONE) {
		front_end(txn->outcome);
		return;
	}
	if (front_is_nothing(txn) && !txn->write->is_restore) {
		pipeline.front = NULL;
		store_txn_discard(&txn->store_txn);
		txn_answer_in_force(txn, WRITE_UNCHANGED);
		plan_fini(&txn->plan);
		txn_free(txn);
		loop_queue(loop_self(), &pipeline.advance);
		return;
	}
	if (preparation_init(&txn->preparation, &txn->plan, &txn->write->issues) != ERR_OK) {
		diag_set(&txn->write->why, "out of memory");
		front_end(WRITE_UNAVAILABLE);
		return;
	}
	txn->state = TXN_PREPARING;
	front_prepare();
}

static void
txn_on_planned(struct helper_job *job)
{
	struct txn *txn = container_of(job, struct txn, job);

	assert(txn == pipeline.front);
	doc_thaw(pipeline.doc);
	if (pipeline.undo_due) {
		front_restart();	/* first: its plan names nodes that the undo takes away */
		pipeline_undo_late();
		return;
	}
	front_planned();
}

static void
txn_work(struct helper_job *job)
{
	txn_plan(container_of(job, struct txn, job), pipeline.doc);
}

/* What many inherit from touches them all, whatever the size of the body. */
static bool
is_large(const struct write *w)
{
	bool touches_many = w->kind != DOC_SERVER && w->kind != DOC_FRONTEND;

	return w->text.len > WRITE_HELPER_BYTES || w->body != NULL ||
	    (touches_many && pipeline.doc->node_count > MANY_NODES);
}

/* The file behind the head; a newer one than what is published may be on its way. */
static const struct grown *
head_grew_from(void)
{
	for (struct list *node = pipeline.under_way.prev; node != &pipeline.under_way;
	    node = node->prev)
		if (txn_of(node)->state == TXN_COMMITTING && txn_of(node)->grown != NULL)
			return txn_of(node)->grown;
	return pipeline.grown;
}

static void
front_plan(void)
{
	struct txn *txn = pipeline.front;

	txn->state = TXN_PLANNING;
	txn->grew_from = head_grew_from();
	if (!is_large(txn->write)) {
		txn_plan(txn, pipeline.doc);
		front_planned();
		return;
	}
	doc_freeze(pipeline.doc);
	txn->job.work = txn_work;
	txn->job.done = txn_on_planned;
	helper_submit(&txn->job);
}

static void
pipeline_advance(struct task *task)
{
	struct list *first;

	loop_note(loop_self(), "planning or preparing a change");
	if (pipeline.front != NULL) {
		if (pipeline.front->state == TXN_PREPARING)
			front_prepare();
		return;
	}
	first = list_take_first(&pipeline.waiting);
	if (first == NULL)
		return;
	pipeline.front = txn_of(first);
	pipeline.counts.writes++;
	front_plan();
}

static struct txn *
txn_new(struct write *write)
{
	struct txn *txn = calloc(1, sizeof(*txn));

	if (txn == NULL)
		return NULL;
	list_init(&txn->node);
	wheel_timer_init(&txn->timer, txn_on_timeout);
	txn->write = write;
	txn->removal = write->removal;
	txn->wall_us = loop_self()->wall_us;
	return txn;
}

void
write_submit(struct write *write)
{
	struct txn *txn = txn_new(write);

	if (txn == NULL) {
		struct removal *removal = write->removal;

		write->outcome = WRITE_UNAVAILABLE;
		diag_set(&write->why, "out of memory");
		write->done(write);
		if (removal != NULL)
			removal->sent(removal, 0);
		return;
	}
	list_append(&pipeline.waiting, &txn->node);
	loop_queue(loop_self(), &pipeline.advance);
}

void
write_boot(struct plan *plan, struct write *write)
{
	struct txn *txn = txn_new(write);

	assert(pipeline.front == NULL && list_is_empty(&pipeline.under_way));
	if (txn == NULL) {
		plan_fini(plan);
		write->outcome = WRITE_UNAVAILABLE;
		diag_set(&write->why, "out of memory");
		write->done(write);
		return;
	}
	txn->plan = *plan;
	if (write->file_text != NULL && (txn->grown = grown_new(write)) == NULL)
		plan_nomem(&txn->plan);
	pipeline.front = txn;
	txn_plan_conclude(txn);
	front_planned();
}

const char *
write_overdue(void)
{
	list_foreach(node, &pipeline.under_way) {
		const struct txn *txn = txn_of(node);

		if (txn->late)
			return txn->state == TXN_PUBLISHING ?
			    "a worker has not installed the last change yet" :
			    "the store has not answered";
	}
	return NULL;
}

void
write_counts(struct write_counts *counts)
{
	*counts = pipeline.counts;
	list_foreach(node, &pipeline.waiting)
		counts->waiting++;
	list_foreach(node, &pipeline.under_way)
		counts->under_way++;
}

void
write_start(struct doc *doc, struct store *store)
{
	pipeline.doc = doc;
	pipeline.store = store;
	list_init(&pipeline.waiting);
	list_init(&pipeline.under_way);
	list_init(&pipeline.ending);
	task_init(&pipeline.advance, pipeline_advance);
	task_init(&pipeline.end, pipeline_end_some);
}
