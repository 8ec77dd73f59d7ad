/*
 * Weighted round robin, by strides (HAProxy manual, 4.2 "balance roundrobin").
 *
 * Time is a rotation of 2^32 ticks. A node of weight w has w turns in each rotation, in the middle
 * of w equal parts of it: turn k is at floor((2k+1) * 2^32 / 2w). The node whose turn comes first is
 * chosen; equal turns go by id. What follows:
 *
 * - Each node gets exactly w of sum(w) picks, evenly spread: weights 3 and 1 give a a b a, and equal
 *   weights a b c. A common factor changes nothing (weights 16, 32 behave as 1, 2): two different
 *   turns are at least 2^32 / (2 * 4096 * 4096) = 128 ticks apart, so flooring keeps their order,
 *   and of a common factor g each g-th part of a rotation holds the same turns in the same order,
 *   none of them on its border (an odd numerator is no even one).
 * - A key is a rotation's number in the upper 32 bits and a tick below. It wraps around, and keys
 *   are compared by the sign of their difference: right while all are within 2^31 rotations of each
 *   other, and they are within about one, as every key is made from the set's present place.
 *   `now` begins one rotation before the wrap, so each set passes it early and not after months.
 * - A node that comes, or whose weight changes, has its next turn after the set's place: at once as
 *   fair as if it had always been there.
 *
 * A node that is refused is put aside, still due: the next picks ask it first, and when it is taken
 * its next turn is again after the set's place: it is owed one turn, not all that it missed. A pick
 * asks at most ASIDE_ASKED of them before it goes on, and the others only when nobody else is left,
 * so that many full servers do not make each pick long.
 */
#include "config.h"
#include <assert.h>
#include <stdlib.h>
#include "core/obj.h"
#include "lb/lb_priv.h"

#define ROTATION	(UINT64_C(1) << 32)
#define ASIDE_ASKED	8	/* refused nodes that a pick asks again first */

struct roundrobin {
	struct lb	 lb;
	struct heap	 due;		/* of lb_node.heap, by turn */
	struct list	 aside;		/* of lb_node.aside, first refused first */
	uint32_t	 aside_count;
	uint32_t	 now_id;	/* the turn that was taken last: key and id */
	uint64_t	 now;
	bool		 has_begun;
};

static struct roundrobin *
roundrobin_of(struct lb *lb)
{
	return container_of(lb, struct roundrobin, lb);
}

/* Whether turn (key, id) comes after (other, other_id). */
static bool
turn_is_after(uint64_t key, uint32_t id, uint64_t other, uint32_t other_id)
{
	return key == other ? id > other_id : (int64_t)(key - other) > 0;
}

static bool
roundrobin_before(const struct heap_node *a, const struct heap_node *b)
{
	const struct lb_node *x = container_of(a, const struct lb_node, heap);
	const struct lb_node *y = container_of(b, const struct lb_node, heap);

	return turn_is_after(y->key, y->id, x->key, x->id);
}

/* The tick of turn `k` of a node of `weight`. */
static uint64_t
turn_tick(uint64_t k, uint64_t weight)
{
	return (2 * k + 1) * (ROTATION / 2) / weight;
}

/* The first turn of a node of `weight` after the set's place. */
static uint64_t
turn_next(const struct roundrobin *rr, uint32_t id, uint64_t weight)
{
	uint64_t tick = rr->now % ROTATION, rotation = rr->now - tick;
	uint64_t k = tick * weight / ROTATION;	/* the part of the rotation that `now` is in */

	/* the turn in the middle of that part is behind or ahead; the one of the next part is ahead */
	if (!turn_is_after(rotation + turn_tick(k, weight), id, rr->now, rr->now_id))
		k++;
	if (k == weight)
		return rotation + ROTATION + turn_tick(0, weight);
	return rotation + turn_tick(k, weight);
}

static enum err
roundrobin_new(struct lb **lbp)
{
	struct roundrobin *rr = calloc(1, sizeof(*rr));

	if (rr == NULL)
		return ERR_NOMEM;
	heap_init(&rr->due, roundrobin_before);
	list_init(&rr->aside);
	rr->now = -ROTATION;
	*lbp = &rr->lb;
	return ERR_OK;
}

static void
roundrobin_free(struct lb *lb)
{
	free(roundrobin_of(lb));
}

static void
roundrobin_put_aside(struct roundrobin *rr, struct lb_node *node)
{
	node->is_aside = true;
	list_append(&rr->aside, &node->aside);
	rr->aside_count++;
}

static void
roundrobin_take_out(struct roundrobin *rr, struct lb_node *node)
{
	if (!node->is_aside) {
		heap_remove(&rr->due, &node->heap);
		return;
	}
	node->is_aside = false;
	list_remove(&node->aside);
	rr->aside_count--;
}

static void
roundrobin_set_weight(struct lb *lb, struct lb_node *node, uint16_t weight)
{
	struct roundrobin *rr = roundrobin_of(lb);
	bool had_turn = node->weight > 0 && !node->is_aside;
	uint64_t key;

	if (node->weight > 0)
		roundrobin_take_out(rr, node);
	node->weight = weight;
	if (weight == 0)
		return;
	key = turn_next(rr, node->id, weight);
	/* a turn that is near is not taken back: changed again and again it would never come */
	if (!had_turn || (int64_t)(key - node->key) < 0)
		node->key = key;
	heap_insert(&rr->due, &node->heap);
}

/* `node`, which is neither due nor aside, has its turn now. */
static void
roundrobin_take(struct roundrobin *rr, struct lb_node *node)
{
	/* one that stood aside has its turn behind, however long ago: no key is further ahead */
	if (node->key - rr->now <= ROTATION &&
	    turn_is_after(node->key, node->id, rr->now, rr->now_id)) {
		rr->now = node->key;
		rr->now_id = node->id;
	}
	node->key = turn_next(rr, node->id, node->weight);
	heap_insert(&rr->due, &node->heap);
}

static struct lb_node *
roundrobin_first(struct roundrobin *rr)
{
	struct heap_node *first = heap_take_first(&rr->due);

	return first == NULL ? NULL : container_of(first, struct lb_node, heap);
}

/* Each worker begins elsewhere, or all first streams would go to the same server. */
static void
roundrobin_begin(struct roundrobin *rr)
{
	uint64_t skip = (uint64_t)rr->lb.worker * rr->lb.count / rr->lb.workers;

	rr->has_begun = true;
	while (skip-- > 0)
		roundrobin_take(rr, roundrobin_first(rr));
}

/* Ask `count` of those aside, from the first; who refuses again goes behind the others. */
static struct lb_node *
roundrobin_ask_aside(struct roundrobin *rr, uint32_t count, lb_accept_fn *accept, void *arg)
{
	while (count-- > 0) {
		struct lb_node *node = container_of(rr->aside.next, struct lb_node, aside);

		roundrobin_take_out(rr, node);
		if (accept(node, arg))
			return node;
		roundrobin_put_aside(rr, node);
	}
	return NULL;
}

static struct lb_node *
roundrobin_ask_due(struct roundrobin *rr, lb_accept_fn *accept, void *arg)
{
	struct lb_node *node;

	while ((node = roundrobin_first(rr)) != NULL) {
		if (accept(node, arg))
			return node;
		roundrobin_put_aside(rr, node);
	}
	return NULL;
}

static struct lb_node *
roundrobin_pick(struct lb *lb, uint32_t key, lb_accept_fn *accept, void *arg)
{
	struct roundrobin *rr = roundrobin_of(lb);
	uint32_t aside = rr->aside_count;
	uint32_t asked = aside < ASIDE_ASKED ? aside : ASIDE_ASKED;
	struct lb_node *node;

	if (!rr->has_begun)
		roundrobin_begin(rr);
	node = roundrobin_ask_aside(rr, asked, accept, arg);
	if (node == NULL)
		node = roundrobin_ask_due(rr, accept, arg);
	if (node == NULL)
		node = roundrobin_ask_aside(rr, aside - asked, accept, arg);
	if (node != NULL)
		roundrobin_take(rr, node);
	return node;
}

static struct lb_node *
roundrobin_any(const struct lb *lb)
{
	const struct roundrobin *rr = container_of(lb, const struct roundrobin, lb);

	if (!heap_is_empty(&rr->due))
		return container_of(rr->due.top, struct lb_node, heap);
	if (!list_is_empty(&rr->aside))
		return container_of(rr->aside.next, struct lb_node, aside);
	return NULL;
}

const struct lb_ops roundrobin_ops = {
	.name = "roundrobin",
	.new = roundrobin_new,
	.free = roundrobin_free,
	.set_weight = roundrobin_set_weight,
	.pick = roundrobin_pick,
	.any = roundrobin_any,
};
