/*
 * Load balancing: choose one node of a set.
 *
 * lb/ has never heard of a server: server/ keeps one lb_node per server and worker. A set belongs
 * to one worker; only that thread touches it and its nodes. One file an algorithm behind one
 * vtable (lb_priv.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/err.h"
#include "core/heap.h"
#include "core/list.h"

#define LB_WEIGHT_SCALE	16	/* effective weight = configured weight times this (slow start) */
#define LB_WEIGHT_MAX	(256 * LB_WEIGHT_SCALE)

struct lb;

/*
 * Intrusive on purpose: a set takes no memory as it grows, so installing a node cannot fail.
 */
struct lb_node {
	uint64_t		 key;		/* the algorithm's: where the node stands */
	union {
		struct heap_node heap;		/* its turn will come */
		struct list	 aside;		/* its turn came and it was refused */
	};
	uint32_t		 id;		/* order among equals; unique in the set */
	uint16_t		 weight;	/* effective, 0..LB_WEIGHT_MAX; 0: not in, no new traffic */
	bool			 is_aside;	/* which of the two it is on */
};

/*
 * Asked by lb_pick() of a node that it would choose: may it be taken? A refusal passes on. It may
 * not touch the set.
 */
typedef bool lb_accept_fn(struct lb_node *node, void *arg);

/*
 * Create a set; `algorithm` is a value of "balance" (HAProxy manual, 4.2). `worker` and `workers`
 * let each worker begin elsewhere. ERR_UNKNOWN or ERR_NOMEM leave *lbp alone. Any thread.
 */
enum err lb_new(struct lb **lbp, const char *algorithm, uint32_t worker, uint32_t workers);

void lb_node_init(struct lb_node *node, uint32_t id);

/* Bring in (from weight 0), change, or take out (to 0). At most logarithmic time; cannot fail. */
void lb_set_weight(struct lb *lb, struct lb_node *node, uint16_t weight);

/*
 * Choose a node for a request whose hash is `key` (ignored by algorithms that do not hash).
 * accept() is asked for each candidate in the algorithm's order until it says yes; a refused one
 * keeps its place in the rotation: it is among the first to be asked again. Nobody is asked twice.
 * The node stays the caller's. NULL when none takes traffic.
 */
struct lb_node *lb_pick(struct lb *lb, uint32_t key, lb_accept_fn *accept, void *arg);

/* How many nodes are in. */
uint32_t lb_count(const struct lb *lb);

/* Move every node of `from` to `to`: another algorithm takes over. */
void lb_move_all(struct lb *to, struct lb *from);

void lb_free(struct lb **lbp);		/* *lbp may be NULL, and is NULL afterwards; nodes are not touched */
