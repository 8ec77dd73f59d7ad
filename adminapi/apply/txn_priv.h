/*
 * A write on its way: plan, prepare, store, publish, answer.
 */
#pragma once

#include "adminapi/apply/grown.h"
#include "adminapi/apply/prepare.h"
#include "adminapi/apply/write.h"
#include "adminapi/helper.h"
#include "core/loop.h"
#include "core/obj.h"

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

/* txn_rules.c: the same of a write of rules, below a frontend or backend that is there (`node`). */
void txn_plan_rules(struct txn *txn, struct doc_node *node, const cJSON *body);

/* A pointer that stands in a rule's or rules' body for one below their frontend or backend. */
void txn_rules_pointer(const struct txn *txn, const char *pointer, struct buf *out);
/* txn_entries.c: the same of a write of a map's entries. */
void txn_plan_entries(struct txn *txn, struct doc_node *node, const cJSON *body);

/* What preparing found stands in the body, too. */
void txn_place_issues(struct txn *txn);

/* If-Match and If-None-Match: does what they say of `revision` hold? */
bool precondition_of(const struct write *w, bool exists, uint64_t revision);

/* The steps after all bodies were walked: checks, compilation, rows; sets txn->outcome. */
void txn_plan_conclude(struct txn *txn);

/* txn_store.c: what the committer is to write. Any thread, as the plan. ERR_NOMEM. */
enum err txn_store(const struct txn *txn, struct store_txn **sp);

/* The one pipeline of the process; control thread. write.c has the front, under_way.c the rest. */
struct pipeline {
	struct doc		*doc;
	struct store		*store;
	struct list		 waiting;	/* of txns, in order of arrival */
	struct txn		*front;		/* planning or preparing */
	struct list		 under_way;	/* committing, failed, publishing: oldest first */
	struct task		 advance;
	struct wheel_timer	 retry;		/* the front waits for a socket to be closed */
	struct list		 ending;	/* answered; their plans let go of what they hold */
	struct task		 end;
	struct grown		*grown;		/* the file behind what is published; NULL: none */
	uint64_t		 epoch;
	bool			 undo_due;	/* a commit failed while a plan reads the head */
	void		       (*on_published)(const struct plan *, const struct write *);
	struct write_counts	 counts;
};
extern struct pipeline pipeline;

static inline struct txn *
txn_of(struct list *node)
{
	return container_of(node, struct txn, node);
}

/* txn_store.c: what many entries of a map take longer than all else. */
uint64_t txn_store_more_ms(const struct plan *plan);

/* write.c: plan the front once more, from the start: what it built on is no more. */
void front_restart(void);

/* under_way.c: after hand-over. */
void txn_on_stored(enum err result, const char *why, void *arg);	/* store_commit()'s done() */
void txn_publish(struct txn *txn);			/* it is on the disk */
void txn_on_timeout(struct wheel_timer *timer);		/* the store, or a worker, is late */
void pipeline_undo_late(void);				/* the undo that had to wait for a plan */
void pipeline_end_some(struct task *task);		/* free what has ended, unhurried */

/* The end of any write: its answer (once), what it owes, its memory. */
void txn_answer(struct txn *txn, enum write_outcome outcome);
void txn_answer_in_force(struct txn *txn, enum write_outcome outcome);
void txn_tell_removal(struct txn *txn, uint64_t generation);
void txn_free(struct txn *txn);
