/*
 * Pipes: the budget is never passed, and what is free is used again.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <unistd.h>
#include "net/pipe.h"

#define KIB 1024
#define MIB (1024 * KIB)

static struct pipe_budget budget;
static struct pipe_pool pool;

static int
start(void **state)
{
	atomic_store(&budget.used, 0);
	pipe_pool_init(&pool, &budget, 2);
	return 0;
}

static int
stop(void **state)
{
	pipe_pool_fini(&pool);
	return atomic_load(&budget.used) != 0;
}

static void
a_pipe_is_large_and_counted(void **state)
{
	struct pipe *pipe;

	atomic_store(&budget.limit, 4 * MIB);
	pipe = pipe_take(&pool, 0);
	assert_non_null(pipe);
	assert_in_range(pipe->size, PIPE_MIN_BYTES, PIPE_MAX_BYTES);
	assert_int_equal(atomic_load(&budget.used), pipe->size);
	pipe_give(&pool, pipe);
	assert_ptr_equal(pipe_take(&pool, 0), pipe);
	pipe_give(&pool, pipe);
}

static void
a_small_rest_of_the_budget_gives_a_small_pipe(void **state)
{
	struct pipe *first, *second;

	atomic_store(&budget.limit, 200 * KIB);
	first = pipe_take(&pool, 0);
	assert_non_null(first);
	assert_int_equal(first->size, 128 * KIB);
	second = pipe_take(&pool, 0);
	assert_non_null(second);
	assert_int_equal(second->size, 64 * KIB);
	assert_null(pipe_take(&pool, 0));
	pipe_give(&pool, first);
	pipe_give(&pool, second);
}

static void
no_budget_gives_none(void **state)
{
	atomic_store(&budget.limit, PIPE_MIN_BYTES - 1);
	assert_null(pipe_take(&pool, 0));
	atomic_store(&budget.limit, 0);
	assert_null(pipe_take(&pool, 0));
}

static void
a_pipe_with_bytes_in_it_is_not_used_again(void **state)
{
	struct pipe *pipe;

	atomic_store(&budget.limit, 4 * MIB);
	pipe = pipe_take(&pool, 0);
	assert_int_equal(write(pipe->in_fd, "x", 1), 1);
	pipe->bytes = 1;
	pipe_give(&pool, pipe);
	assert_int_equal(atomic_load(&budget.used), 0);
}

static void
a_lower_limit_is_reached_as_pipes_come_back(void **state)
{
	struct pipe *pipe;

	atomic_store(&budget.limit, 4 * MIB);
	pipe = pipe_take(&pool, 0);
	atomic_store(&budget.limit, 0);
	pipe_give(&pool, pipe);
	assert_int_equal(atomic_load(&budget.used), 0);
}

static void
few_free_pipes_are_kept(void **state)
{
	struct pipe *pipes[3];
	uint64_t one;

	atomic_store(&budget.limit, 16 * MIB);
	for (int i = 0; i < 3; i++) {
		pipes[i] = pipe_take(&pool, 0);
		assert_non_null(pipes[i]);
	}
	one = pipes[0]->size;
	for (int i = 0; i < 3; i++)
		pipe_give(&pool, pipes[i]);
	assert_int_equal(atomic_load(&budget.used), 2 * one);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(a_pipe_is_large_and_counted),
		ONE(a_small_rest_of_the_budget_gives_a_small_pipe),
		ONE(no_budget_gives_none),
		ONE(a_pipe_with_bytes_in_it_is_not_used_again),
		ONE(a_lower_limit_is_reached_as_pipes_come_back),
		ONE(few_free_pipes_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
