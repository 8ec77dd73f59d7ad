/*
 * The pairing heap against a plain search for the least.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include "core/heap.h"
#include "core/obj.h"

#define THINGS 200

struct thing {
	struct heap_node node;
	int		 key;
	bool		 is_in;
};

static struct thing things[THINGS];

static bool
thing_before(const struct heap_node *a, const struct heap_node *b)
{
	return container_of(a, const struct thing, node)->key <
	       container_of(b, const struct thing, node)->key;
}

static struct thing *
least(void)
{
	struct thing *found = NULL;

	for (int i = 0; i < THINGS; i++)
		if (things[i].is_in && (found == NULL || things[i].key < found->key))
			found = &things[i];
	return found;
}

static void
an_empty_heap_has_no_first(void **state)
{
	struct heap heap;

	(void)state;
	heap_init(&heap, thing_before);
	assert_true(heap_is_empty(&heap));
	assert_null(heap_take_first(&heap));
}

static void
the_first_is_the_least_whatever_comes_and_goes(void **state)
{
	struct heap heap;

	(void)state;
	heap_init(&heap, thing_before);
	srand(1);
	for (int i = 0; i < THINGS; i++)
		things[i] = (struct thing){ .key = (i * 7919) % 1009 };
	for (int i = 0; i < 20000; i++) {
		struct thing *thing = &things[rand() % THINGS];

		if (rand() % 4 == 0) {
			struct thing *expected = least();
			struct heap_node *first = heap_take_first(&heap);

			assert_ptr_equal(first, expected == NULL ? NULL : &expected->node);
			if (expected != NULL)
				expected->is_in = false;
			continue;
		}
		if (thing->is_in)
			heap_remove(&heap, &thing->node);
		else
			heap_insert(&heap, &thing->node);
		thing->is_in = !thing->is_in;
	}
	for (struct thing *expected; (expected = least()) != NULL; expected->is_in = false)
		assert_ptr_equal(heap_take_first(&heap), &expected->node);
	assert_true(heap_is_empty(&heap));
}

static void
many_in_order_need_no_deep_stack(void **state)
{
	const int count = 1000000;
	struct thing *many = calloc(count, sizeof(*many));
	struct heap heap;

	(void)state;
	assert_non_null(many);
	heap_init(&heap, thing_before);
	for (int i = 0; i < count; i++) {
		many[i].key = count - i;
		heap_insert(&heap, &many[i].node);
	}
	for (int i = count - 1; i >= 0; i--)
		assert_ptr_equal(heap_take_first(&heap), &many[i].node);
	free(many);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_heap_has_no_first),
		cmocka_unit_test(the_first_is_the_least_whatever_comes_and_goes),
		cmocka_unit_test(many_in_order_need_no_deep_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
