/*
 * The pairing heap. Any thread, one at a time.
 */
#include "config.h"
#include "core/heap.h"
#include <assert.h>

/* Two heaps become one: the later top becomes the first child of the earlier. */
static struct heap_node *
heap_meld(const struct heap *heap, struct heap_node *a, struct heap_node *b)
{
	struct heap_node *first = a, *second = b;

	if (heap->before(b, a)) {
		first = b;
		second = a;
	}
	second->prev = first;
	second->next = first->child;
	if (second->next != NULL)
		second->next->prev = second;
	first->child = second;
	return first;
}

/* Meld siblings two by two from the left; the results form a chain from the right. */
static struct heap_node *
heap_meld_pairs(const struct heap *heap, struct heap_node *sibling)
{
	struct heap_node *chain = NULL;

	while (sibling != NULL) {
		struct heap_node *one = sibling, *other = one->next;

		sibling = other != NULL ? other->next : NULL;
		one->next = NULL;
		if (other != NULL) {
			other->next = NULL;
			one = heap_meld(heap, one, other);
		}
		one->next = chain;
		chain = one;
	}
	return chain;
}

/* All children of a node that goes, as one heap; NULL when it had none. */
static struct heap_node *
heap_meld_children(const struct heap *heap, struct heap_node *child)
{
	struct heap_node *chain = heap_meld_pairs(heap, child), *top = chain;

	if (top == NULL)
		return NULL;
	chain = top->next;
	while (chain != NULL) {
		struct heap_node *next = chain->next;

		top = heap_meld(heap, top, chain);
		chain = next;
	}
	top->next = NULL;
	top->prev = NULL;
	return top;
}

void
heap_insert(struct heap *heap, struct heap_node *node)
{
	node->child = node->next = node->prev = NULL;
	heap->top = heap->top == NULL ? node : heap_meld(heap, heap->top, node);
	heap->top->next = heap->top->prev = NULL;
}

/* Cut a node that is not the top out of its siblings, with all below it. */
static void
heap_cut(struct heap_node *node)
{
	if (node->prev->child == node)
		node->prev->child = node->next;
	else
		node->prev->next = node->next;
	if (node->next != NULL)
		node->next->prev = node->prev;
}

void
heap_remove(struct heap *heap, struct heap_node *node)
{
	struct heap_node *rest;

	assert(node == heap->top || node->prev != NULL);
	if (node != heap->top)
		heap_cut(node);
	rest = heap_meld_children(heap, node->child);
	if (node == heap->top)
		heap->top = rest;
	else if (rest != NULL)
		heap->top = heap_meld(heap, heap->top, rest);
	node->child = node->next = node->prev = NULL;
}

struct heap_node *
heap_take_first(struct heap *heap)
{
	struct heap_node *first = heap->top;

	if (first != NULL)
		heap_remove(heap, first);
	return first;
}
