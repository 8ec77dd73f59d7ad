/*
 * A write on its way: plan, prepare, store, publish, answer.
 */
#pragma once

#include "adminapi/apply/grown.h"
#include "adminapi/apply/prepare.h"
#include "adminapi/apply/write.h"
#include "adminapi/helper.h"
#include "core/loop.h"

enum txn_state {
	TXN_WAITING,		/* for its turn */
	TXN_PLANNING,		/* perhaps on the helper */
	TXN_PREPARING,		/* in slices */
	TXN_COMMITTING,		/* the head has moved; the committer has it */
	TXN_FAILED,		/* undone; the committer will still say so */
	TXN_PUBLISHING,		/* sent to the workers */
};

struct txn {
	struct list		 node;
	enum txn_state		 state;
	struct write		*write;		/* NULL: answered already */
	struct removal		*removal;	/* NULL: none, or it was told */
	struct plan		 plan;
	struct preparation	 preparation;
	struct helper_job	 job;
	struct wheel_timer	 timer;		/* for the store, then for the workers */
	enum write_outcome	 outcome;	/* of planning */
	bool			 late;		/* overdue: its caller was told so */
	bool			 store_failed;	/* told so; its end waits for the undo */
	const struct grown	*grew_from;	/* the file behind the head; NULL: none */
	struct grown		*grown;		/* the write's file, behind it once it is published */
	struct store_txn	*store_txn;	/* made with the plan, taken by store_commit() */
	uint64_t		 wall_us;	/* of its arrival */
};

/* txn_plan.c: parse, find the target, hold the preconditions against the head, plan. Any thread. */
void txn_plan(struct txn *txn, struct doc *doc);

/* The steps after all bodies were walked: checks, compilation, rows; sets txn->outcome. */
void txn_plan_conclude(struct txn *txn);

/* txn_store.c: what the committer is to write. Any thread, as the plan. ERR_NOMEM. */
enum err txn_store(const struct txn *txn, struct store_txn **sp);
