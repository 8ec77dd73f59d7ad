/*
 * The pipeline of writes: one is planned and prepared at a time; what is handed over goes on in
 * under_way.c. Control thread.
 */
#include "config.h"
#include "adminapi/apply/write.h"

#include <assert.h>
#include <stdlib.h>
#include "adminapi/apply/maps.h"
#include "adminapi/apply/txn_priv.h"

#define SLICE_US	1000	/* of preparing, before the loop turns */
#define RETRY_MS	5	/* between two looks whether an address has become free */
#define MANY_RULES	100	/* of one list; all are compiled anew with one of them, 1,000 in 50 ms */
#define MANY_NODES	500	/* resources; above that a write that touches all goes to the helper */

struct pipeline pipeline;

void
write_on_published(void (*fn)(const struct plan *plan, const struct write *write))
{
	pipeline.on_published = fn;
}

/* -- planning and preparing -- */

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

/* The front was planned on what is no more: once more from the start. */
void
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

/* -- prepared -- */

/* For the store to do all that it has, of which the last one was handed over just now. */
static uint64_t
store_ms(void)
{
	uint64_t ms = WRITE_STORE_MS;

	list_foreach(node, &pipeline.under_way)
		if (txn_of(node)->state == TXN_COMMITTING)
			ms += txn_store_more_ms(&txn_of(node)->plan);
	return ms;
}

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
	wheel_set(&loop_self()->wheel, &txn->timer, loop_self()->now_ms + store_ms());
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
	if (e == ERR_BUSY && txn->preparation.is_waiting) {
		wheel_set(&loop->wheel, &pipeline.retry, loop->now_ms + RETRY_MS);
		return;
	}
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
	txn_place_issues(txn);
	diag_set(&txn->write->why, e == ERR_NOMEM ? "out of memory" : "it can't be applied");
	if (e == ERR_INVALID && (txn->write->of_entries || txn->preparation.is_misfit))
		front_end(WRITE_INVALID);
	else
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

static bool
has_many_rules(const struct write *w)
{
	const struct doc_node *node;

	if ((w->kind != DOC_FRONTEND && w->kind != DOC_BACKEND) || w->name == NULL)
		return false;
	node = doc_child(pipeline.doc->root, w->kind, w->name);
	return node != NULL && node->head != NULL &&
	    cJSON_GetArraySize(doc_field(node->head->set, "rules")) > MANY_RULES;
}

/* What many inherit from touches them all, whatever the size of the body. */
static bool
is_large(const struct write *w)
{
	bool touches_many = w->kind != DOC_SERVER && w->kind != DOC_FRONTEND && !w->of_entries;

	if (w->of_entries && (w->entry != NULL || w->verb == WRITE_CREATE))
		return false;		/* looks at what is in force: control's */
	if ((w->kind == DOC_MAP || w->kind == DOC_CONFIG) && !w->of_entries)
		return true;		/* may read files of any size */
	return w->text.len > WRITE_HELPER_BYTES || w->body != NULL || has_many_rules(w) ||
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
	if (txn->write->kind == DOC_CONFIG ||
	    (txn->write->kind == DOC_MAP && txn->write->entry == NULL))
		maps_expect(pipeline.doc, txn->write->name);
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

static void
pipeline_on_retry(struct wheel_timer *timer)
{
	pipeline_advance(&pipeline.advance);
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
	wheel_timer_init(&pipeline.retry, pipeline_on_retry);
	task_init(&pipeline.end, pipeline_end_some);
}
