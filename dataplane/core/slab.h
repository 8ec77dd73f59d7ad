/*
 * Buffers of 16 KiB from a thread's pool, held only while bytes are in them.
 *
 * A slab_pool belongs to one thread. Free slabs beyond `keep` go back to the system.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define SLAB_BYTES (16 * 1024)

struct slab {
	struct slab	*next;
	uint32_t	 start;		/* first byte that is still held */
	uint32_t	 end;		/* first free byte */
	char		 data[SLAB_BYTES - sizeof(struct slab *) - 2 * sizeof(uint32_t)];
};

#define SLAB_ROOM (sizeof(((struct slab *)0)->data))

struct slab_pool {
	struct slab	*free;
	uint32_t	 free_count;
	uint32_t	 keep;		/* free slabs to hold on to */
	uint32_t	 used;		/* slabs that are out */
};

void slab_pool_init(struct slab_pool *pool, uint32_t keep);
void slab_pool_fini(struct slab_pool *pool);	/* asserts that none is out */

struct slab *slab_take(struct slab_pool *pool);		/* empty; NULL: no memory */
void slab_give(struct slab_pool *pool, struct slab *slab);

/* A queue of slabs: bytes in at the end, out at the front. */
struct slab_queue {
	struct slab	*head;
	struct slab	*tail;
	size_t		 bytes;
};

/* Copy `len` bytes in. 0, or -1 with nothing added when there is no memory. */
int slab_queue_put(struct slab_queue *q, struct slab_pool *pool, const void *bytes, size_t len);

/* Fill at most `max` iovecs with what is held, from the front; returns how many. */
int slab_queue_iov(const struct slab_queue *q, struct iovec *iov, int max);

/* Drop `len` bytes from the front (at most what is held); empty slabs go back to the pool. */
void slab_queue_drop(struct slab_queue *q, struct slab_pool *pool, size_t len);
void slab_queue_clear(struct slab_queue *q, struct slab_pool *pool);
