/*
 * Pipes for splice(): a pool a worker, one budget for all of them.
 *
 * A pipe is held by a flow only while bytes are in it or move; in between it lies in the pool, so a
 * few pipes serve any number of busy streams. Pages in a pipe are the kernel's and unswappable,
 * therefore the budget. A pool belongs to one thread; the budget's members are atomics.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PIPE_MAX_BYTES (1024 * 1024)	/* fs.pipe-max-size unless root raised it */
#define PIPE_MIN_BYTES (64 * 1024)	/* below this copying is as cheap */

struct pipe_budget {
	_Atomic uint64_t	used;	/* bytes of all pipes that exist; relaxed, a mere count */
	_Atomic uint64_t	limit;
};

struct pipe {
	struct pipe	*next;	/* in the pool */
	int		 out_fd;	/* to read from */
	int		 in_fd;		/* to write into */
	uint32_t	 size;		/* what it can hold */
	uint32_t	 bytes;		/* what it holds */
};

struct pipe_pool {
	struct pipe_budget	*budget;	/* borrowed: the engine's, outlives all pools */
	struct pipe		*free;
	uint32_t		 free_count;
	uint32_t		 keep;		/* free pipes to hold on to */
	uint64_t		 retry_ms;	/* the kernel refused: not before this time */
};

void pipe_pool_init(struct pipe_pool *pool, struct pipe_budget *budget, uint32_t keep);
void pipe_pool_fini(struct pipe_pool *pool);

/* An empty pipe of at least PIPE_MIN_BYTES; NULL when budget or kernel gives none: copy instead. */
struct pipe *pipe_take(struct pipe_pool *pool, uint64_t now_ms);

/* Give it back; one that still holds bytes is closed. */
void pipe_give(struct pipe_pool *pool, struct pipe *pipe);
