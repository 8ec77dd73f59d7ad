/*
 * A heap of nodes that live inside their objects: the first of an order at any time.
 *
 * A pairing heap (Fredman, Sedgewick, Sleator, Tarjan 1986): insert in constant time, take the
 * first or remove any in logarithmic time over a sequence of operations; no memory of its own, so
 * nothing can fail; no recursion. A heap belongs to one thread, or to whoever holds its lock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct heap_node {
	struct heap_node	*child;		/* the first of those that come after it */
	struct heap_node	*next;		/* the next child of the same parent */
	struct heap_node	*prev;		/* the child before it, or the parent; NULL: top, or out */
};

/* Whether `a` comes before `b`: a strict order, that may not change while they are in. */
typedef bool heap_before_fn(const struct heap_node *a, const struct heap_node *b);

struct heap {
	struct heap_node	*top;		/* the first; NULL: empty */
	heap_before_fn		*before;
};

static inline void
heap_init(struct heap *heap, heap_before_fn *before)
{
	heap->top = NULL;
	heap->before = before;
}

static inline bool
heap_is_empty(const struct heap *heap)
{
	return heap->top == NULL;
}

/* `node` may hold anything: it is in no heap. */
void heap_insert(struct heap *heap, struct heap_node *node);

/* `node` must be in this heap. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* The first, removed; NULL when empty. */
struct heap_node *heap_take_first(struct heap *heap);
