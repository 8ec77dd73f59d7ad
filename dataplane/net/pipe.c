/*
 * Pipes for splice(). The pool's thread only, but for the budget.
 */
#include "config.h"
#include "net/pipe.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define PIPE_RETRY_MS 1000 /* after a refusal: descriptors or the user's pages are used up */

void
pipe_pool_init(struct pipe_pool *pool, struct pipe_budget *budget, uint32_t keep)
{
	*pool = (struct pipe_pool){ .budget = budget, .keep = keep };
}

static void
pipe_close(struct pipe_pool *pool, struct pipe *pipe)
{
	if (pipe->out_fd >= 0)
		close(pipe->out_fd);
	if (pipe->in_fd >= 0)
		close(pipe->in_fd);
	atomic_fetch_sub_explicit(&pool->budget->used, pipe->size, memory_order_relaxed);
	free(pipe);
}

void
pipe_pool_fini(struct pipe_pool *pool)
{
	while (pool->free != NULL) {
		struct pipe *pipe = pool->free;

		pool->free = pipe->next;
		pipe_close(pool, pipe);
	}
	pool->free_count = 0;
}

/* Reserve bytes for a pipe: the largest power of two that is left. 0: nothing useful is. */
static uint32_t
pipe_budget_take(struct pipe_budget *budget)
{
	uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
	uint32_t size;

	do {
		uint64_t limit = atomic_load_explicit(&budget->limit, memory_order_relaxed);
		uint64_t left = used < limit ? limit - used : 0;

		for (size = PIPE_MAX_BYTES; size > left; size /= 2) {
			if (size <= PIPE_MIN_BYTES)
				return 0;
		}
	} while (!atomic_compare_exchange_weak_explicit(
		&budget->used, &used, used + size, memory_order_relaxed, memory_order_relaxed));
	return size;
}

/* Grow to the reserved size or, where the kernel allows less to us, to a smaller one. */
static bool
pipe_grow(struct pipe_pool *pool, struct pipe *pipe)
{
	const uint32_t reserved = pipe->size;
	uint32_t size = reserved;
	int got;

	while (fcntl(pipe->in_fd, F_SETPIPE_SZ, (int)size) < 0 && size > PIPE_MIN_BYTES)
		size /= 2;
	got = fcntl(pipe->in_fd, F_GETPIPE_SZ);
	if (got < PIPE_MIN_BYTES || (uint32_t)got > reserved)
		return false;
	pipe->size = (uint32_t)got;
	atomic_fetch_sub_explicit(&pool->budget->used, reserved - pipe->size, memory_order_relaxed);
	return true;
}

static struct pipe *
pipe_open(struct pipe_pool *pool, uint32_t size)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	int fds[2];

	if (pipe == NULL) {
		atomic_fetch_sub_explicit(&pool->budget->used, size, memory_order_relaxed);
		return NULL;
	}
	pipe->size = size;
	pipe->out_fd = pipe->in_fd = -1;
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0) {
		pipe->out_fd = fds[0];
		pipe->in_fd = fds[1];
		if (pipe_grow(pool, pipe))
			return pipe;
	}
	pipe_close(pool, pipe);
	return NULL;
}

struct pipe *
pipe_take(struct pipe_pool *pool, uint64_t now_ms)
{
	struct pipe *pipe = pool->free;
	uint32_t size;

	if (pipe != NULL) {
		pool->free = pipe->next;
		pool->free_count--;
		return pipe;
	}
	if (now_ms < pool->retry_ms)
		return NULL;
	size = pipe_budget_take(pool->budget);
	if (size == 0)
		return NULL;
	pipe = pipe_open(pool, size);
	if (pipe == NULL)
		pool->retry_ms = now_ms + PIPE_RETRY_MS;
	return pipe;
}

void
pipe_give(struct pipe_pool *pool, struct pipe *pipe)
{
	const struct pipe_budget *budget = pool->budget;
	bool over = atomic_load_explicit(&budget->used, memory_order_relaxed) >
		    atomic_load_explicit(&budget->limit, memory_order_relaxed);

	if (pipe->bytes > 0 || over || pool->free_count >= pool->keep) {
		pipe_close(pool, pipe);
		return;
	}
	pipe->next = pool->free;
	pool->free = pipe;
	pool->free_count++;
}
