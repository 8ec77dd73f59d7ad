/*
 * Weighted round robin: exact, evenly spread, fair to those who come, go and are refused.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "lb/lb.h"

#define NODES_MAX 10000

static struct lb_node nodes[NODES_MAX];
static uint32_t counts[NODES_MAX];
static bool refuses[NODES_MAX];
static uint32_t asked;

/* A set of `n` nodes of these effective weights, ids from 1. */
static struct lb *
set_of(const uint16_t *weights, uint32_t n)
{
	struct lb *lb = NULL;

	assert_int_equal(lb_new(&lb, "roundrobin", 0, 1), ERR_OK);
	memset(counts, 0, sizeof(counts));
	memset(refuses, 0, sizeof(refuses));
	for (uint32_t i = 0; i < n; i++) {
		lb_node_init(&nodes[i], i + 1);
		lb_set_weight(lb, &nodes[i], weights[i]);
	}
	return lb;
}

/* The same weight for all. */
static struct lb *
set_of_equals(uint32_t n, uint16_t weight)
{
	static uint16_t weights[NODES_MAX];

	for (uint32_t i = 0; i < n; i++)
		weights[i] = weight;
	return set_of(weights, n);
}

static bool
accept_it(struct lb_node *node, void *arg)
{
	(void)arg;
	asked++;
	return !refuses[node->id - 1];
}

/* The index of the node that is picked, -1 for none; counted. */
static int
pick(struct lb *lb)
{
	struct lb_node *node = lb_pick(lb, 0, accept_it, NULL);

	if (node == NULL)
		return -1;
	counts[node->id - 1]++;
	return (int)node->id - 1;
}

/* The next `n` picks as letters, '-' for none. */
static const char *
turns(struct lb *lb, int n)
{
	static char text[256];

	assert_true(n < 256);
	for (int i = 0; i < n; i++) {
		int index = pick(lb);

		text[i] = index < 0 ? '-' : (char)('a' + index);
	}
	text[n] = '\0';
	return text;
}

static void
equal_weights_take_turns_in_the_order_of_ids(void **state)
{
	struct lb *lb = set_of_equals(3, 16);

	(void)state;
	assert_string_equal(turns(lb, 9), "abcabcabc");
	lb_free(&lb);
	lb = set_of_equals(4, 100 * LB_WEIGHT_SCALE);
	assert_string_equal(turns(lb, 12), "abcdabcdabcd");
	lb_free(&lb);
}

static void
three_to_one_is_a_smooth_mix(void **state)
{
	struct lb *lb = set_of((uint16_t[]){ 3 * 16, 16 }, 2);

	(void)state;
	assert_string_equal(turns(lb, 16), "aabaaabaaabaaaba");
	lb_free(&lb);
	lb = set_of((uint16_t[]){ 5, 1, 1 }, 3);
	assert_string_equal(turns(lb, 14), "aaabcaaaaabcaa");
	lb_free(&lb);
}

static void
a_node_of_weight_zero_gets_nothing(void **state)
{
	struct lb *lb = set_of((uint16_t[]){ 0, 1 }, 2);

	(void)state;
	assert_int_equal(lb_count(lb), 1);
	assert_string_equal(turns(lb, 4), "bbbb");
	lb_free(&lb);
}

static void
an_empty_set_has_nobody(void **state)
{
	struct lb *lb = set_of(NULL, 0);

	(void)state;
	assert_string_equal(turns(lb, 2), "--");
	lb_set_weight(lb, (lb_node_init(&nodes[0], 1), &nodes[0]), 7);
	assert_string_equal(turns(lb, 2), "aa");
	lb_set_weight(lb, &nodes[0], 0);
	assert_string_equal(turns(lb, 2), "--");
	lb_free(&lb);
}

/* Of `n` nodes, over `rounds` times the sum of the weights without their common factor. */
static void
check_exact(const uint16_t *weights, uint32_t n, uint16_t factor, uint32_t rounds)
{
	uint16_t scaled[16] = { 0 };
	uint32_t sum = 0;
	struct lb *lb;

	for (uint32_t i = 0; i < n; i++) {
		sum += weights[i];
		scaled[i] = weights[i] * factor;
	}
	lb = set_of(scaled, n);
	for (uint32_t round = 1; round <= rounds; round++) {
		for (uint32_t i = 0; i < sum; i++)
			assert_true(pick(lb) >= 0);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(counts[i], round * weights[i]);
	}
	lb_free(&lb);
}

static void
counts_are_exact_over_the_sum_of_the_configured_weights(void **state)
{
	(void)state;
	check_exact((uint16_t[]){ 1, 2, 3 }, 3, 16, 50);
	check_exact((uint16_t[]){ 256, 255, 1 }, 3, 16, 20);
	check_exact((uint16_t[]){ 3, 5, 7, 11, 13 }, 5, 300, 40);
	srand(7);
	for (int i = 0; i < 200; i++) {
		uint16_t weights[16], factor = 1 + rand() % 16;
		uint32_t n = 1 + rand() % 16;

		for (uint32_t k = 0; k < n; k++)
			weights[k] = 1 + rand() % 256;
		check_exact(weights, n, factor, 3);
	}
}

/* Picks come in the order of their turns, so two neighbours' counts never drift apart. */
static void
turns_are_spread_evenly(void **state)
{
	const uint16_t weights[] = { 1000, 300, 77, 1 };
	struct lb *lb = set_of(weights, 4);
	const double sum = 1378;

	(void)state;
	for (int i = 1; i <= 4 * 1378; i++) {
		pick(lb);
		for (int k = 0; k < 4; k++) {
			double due = i * weights[k] / sum;

			assert_true(counts[k] > due - 2 && counts[k] < due + 2);
		}
	}
	lb_free(&lb);
}

static void
a_node_that_comes_gets_its_share_and_no_burst(void **state)
{
	struct lb *lb = set_of_equals(3, 16);

	(void)state;
	for (int i = 0; i < 3000 + 1; i++)
		pick(lb);
	lb_node_init(&nodes[3], 4);
	lb_set_weight(lb, &nodes[3], 16);
	assert_string_equal(turns(lb, 7), "bcdabcd");
	lb_free(&lb);
}

static void
a_node_that_leaves_and_comes_back_at_once_gains_no_turn(void **state)
{
	struct lb *lb = set_of_equals(3, 16);
	char text[13] = "";

	(void)state;
	for (int i = 0; i < 12; i++) {
		text[i] = *turns(lb, 1);
		lb_set_weight(lb, &nodes[0], 0);
		lb_set_weight(lb, &nodes[0], 16);
	}
	assert_string_equal(text, "abcabcabcabc");
	lb_free(&lb);
}

static void
a_node_whose_weight_keeps_changing_does_not_starve(void **state)
{
	struct lb *lb = set_of((uint16_t[]){ 1, 160 }, 2);
	uint32_t picks = 161 * 20;

	(void)state;
	for (uint32_t i = 0; i < picks; i++) {
		pick(lb);
		lb_set_weight(lb, &nodes[0], i % 2 == 0 ? 2 : 1);
	}
	/* at least what the lesser weight gives, at most both together */
	assert_true(counts[0] >= 19 && counts[0] <= 61);
	lb_free(&lb);
}

static void
a_changed_weight_holds_at_once(void **state)
{
	struct lb *lb = set_of_equals(2, 16);

	(void)state;
	turns(lb, 11);
	lb_set_weight(lb, &nodes[1], 48);
	memset(counts, 0, sizeof(counts));
	turns(lb, 200);
	assert_true(counts[1] >= 149 && counts[1] <= 151);
	lb_free(&lb);
}

static void
a_refused_node_keeps_its_place(void **state)
{
	struct lb *lb = set_of_equals(3, 16);

	(void)state;
	refuses[0] = true;
	assert_string_equal(turns(lb, 1), "b");
	refuses[0] = false;
	assert_string_equal(turns(lb, 7), "acabcab");
	lb_free(&lb);
}

static void
a_node_that_was_refused_for_long_is_owed_one_turn(void **state)
{
	struct lb *lb = set_of_equals(3, 16);

	(void)state;
	refuses[1] = true;
	assert_string_equal(turns(lb, 9), "acacacaca");
	refuses[1] = false;
	assert_string_equal(turns(lb, 9), "bbcabcabc");	/* and its turn of now */
	lb_free(&lb);
}

static void
when_all_refuse_each_is_asked_once(void **state)
{
	struct lb *lb = set_of_equals(100, 16);

	(void)state;
	memset(refuses, 1, sizeof(refuses));
	for (int i = 0; i < 3; i++) {
		asked = 0;
		assert_int_equal(pick(lb), -1);
		assert_int_equal(asked, 100);
	}
	refuses[57] = false;
	asked = 0;
	assert_int_equal(pick(lb), 57);
	assert_true(asked <= 100);
	assert_int_equal(lb_count(lb), 100);
	lb_free(&lb);
}

static void
many_refused_nodes_do_not_make_picks_long(void **state)
{
	struct lb *lb = set_of_equals(10000, 16);
	uint32_t most = 0;

	(void)state;
	for (int i = 0; i < 9000; i++)
		refuses[i] = true;
	pick(lb);
	for (int i = 0; i < 5000; i++) {
		asked = 0;
		assert_true(pick(lb) >= 9000);
		most = asked > most ? asked : most;
	}
	assert_true(most <= 16);
	for (int i = 0; i < 9000; i++)
		lb_set_weight(lb, &nodes[i], 0);
	assert_true(pick(lb) >= 9000);
	lb_free(&lb);
}

static void
a_node_that_is_aside_may_leave_or_change(void **state)
{
	struct lb *lb = set_of_equals(3, 16);

	(void)state;
	refuses[0] = true;
	assert_string_equal(turns(lb, 2), "bc");
	lb_set_weight(lb, &nodes[0], 32);
	refuses[0] = false;
	memset(counts, 0, sizeof(counts));
	turns(lb, 40);
	assert_int_equal(counts[0], 20);
	refuses[0] = true;
	turns(lb, 4);
	lb_set_weight(lb, &nodes[0], 0);
	refuses[0] = false;
	assert_null(strchr(turns(lb, 20), 'a'));
	lb_free(&lb);
}

/* A set begins just before its clock wraps around: other tests pass that, too; here both ways. */
static void
the_rotation_counter_may_wrap_around(void **state)
{
	struct lb *lb = set_of((uint16_t[]){ 2, 1 }, 2);

	(void)state;
	for (int i = 0; i < 100; i++) {
		if (i == 50) {	/* the newcomer's key of before the wrap is none of now */
			lb_node_init(&nodes[2], 3);
			lb_set_weight(lb, &nodes[2], 1);
			lb_set_weight(lb, &nodes[2], 0);
		}
		assert_string_equal(turns(lb, 3), "aba");
	}
	lb_free(&lb);
}

static void
each_worker_begins_elsewhere(void **state)
{
	char first[5] = "";

	(void)state;
	for (uint32_t w = 0; w < 4; w++) {
		struct lb *lb = NULL;

		assert_int_equal(lb_new(&lb, "roundrobin", w, 4), ERR_OK);
		for (uint32_t i = 0; i < 8; i++) {
			lb_node_init(&nodes[i], i + 1);
			lb_set_weight(lb, &nodes[i], 16);
		}
		first[w] = *turns(lb, 1);
		lb_free(&lb);
	}
	assert_string_equal(first, "aceg");
}

static void
nodes_move_to_another_set(void **state)
{
	struct lb *from = set_of((uint16_t[]){ 16, 32, 16 }, 3), *to = NULL;

	(void)state;
	refuses[2] = true;
	turns(from, 5);
	refuses[2] = false;
	assert_int_equal(lb_new(&to, "roundrobin", 0, 1), ERR_OK);
	lb_move_all(to, from);
	assert_int_equal(lb_count(from), 0);
	assert_int_equal(lb_count(to), 3);
	lb_free(&from);
	assert_string_equal(turns(to, 8), "bacbbacb");
	lb_free(&to);
}

static void
an_unknown_algorithm_is_told(void **state)
{
	struct lb *lb = NULL;

	(void)state;
	assert_int_equal(lb_new(&lb, "rounbrobin", 0, 1), ERR_UNKNOWN);
	assert_null(lb);
	lb_free(&lb);
}

static void
ten_thousand_nodes_of_any_weight_come_and_go(void **state)
{
	struct lb *lb = set_of_equals(10000, 16);
	uint64_t sum = 0;

	(void)state;
	srand(3);
	for (int i = 0; i < 100000; i++) {
		uint32_t k = rand() % 10000;

		if (i % 2 == 0)
			lb_set_weight(lb, &nodes[k], rand() % 3 == 0 ? 0 : rand() % LB_WEIGHT_MAX);
		else
			assert_true(pick(lb) >= 0);
	}
	for (int i = 0; i < 10000; i++) {
		lb_set_weight(lb, &nodes[i], 1 + i % 3);
		sum += 1 + i % 3;
	}
	for (uint64_t i = 0; i < 2 * sum; i++)		/* near turns that were promised pass by */
		pick(lb);
	memset(counts, 0, sizeof(counts));
	for (uint64_t i = 0; i < sum; i++)
		pick(lb);
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(counts[i], 1 + i % 3);
	lb_free(&lb);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_weights_take_turns_in_the_order_of_ids),
		cmocka_unit_test(three_to_one_is_a_smooth_mix),
		cmocka_unit_test(a_node_of_weight_zero_gets_nothing),
		cmocka_unit_test(an_empty_set_has_nobody),
		cmocka_unit_test(counts_are_exact_over_the_sum_of_the_configured_weights),
		cmocka_unit_test(turns_are_spread_evenly),
		cmocka_unit_test(a_node_that_comes_gets_its_share_and_no_burst),
		cmocka_unit_test(a_node_that_leaves_and_comes_back_at_once_gains_no_turn),
		cmocka_unit_test(a_node_whose_weight_keeps_changing_does_not_starve),
		cmocka_unit_test(a_changed_weight_holds_at_once),
		cmocka_unit_test(a_refused_node_keeps_its_place),
		cmocka_unit_test(a_node_that_was_refused_for_long_is_owed_one_turn),
		cmocka_unit_test(when_all_refuse_each_is_asked_once),
		cmocka_unit_test(many_refused_nodes_do_not_make_picks_long),
		cmocka_unit_test(a_node_that_is_aside_may_leave_or_change),
		cmocka_unit_test(the_rotation_counter_may_wrap_around),
		cmocka_unit_test(each_worker_begins_elsewhere),
		cmocka_unit_test(nodes_move_to_another_set),
		cmocka_unit_test(an_unknown_algorithm_is_told),
		cmocka_unit_test(ten_thousand_nodes_of_any_weight_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
