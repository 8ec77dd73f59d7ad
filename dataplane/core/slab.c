/*
 * Slabs, their pools, and queues made of them. The pool's thread only.
 */
#include "config.h"
#include "core/slab.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(sizeof(struct slab) == SLAB_BYTES, "a slab has no holes");

void
slab_pool_init(struct slab_pool *pool, uint32_t keep)
{
	*pool = (struct slab_pool){ .keep = keep };
}

void
slab_pool_fini(struct slab_pool *pool)
{
	assert(pool->used == 0);
	while (pool->free != NULL) {
		struct slab *slab = pool->free;

		pool->free = slab->next;
		free(slab);
	}
	pool->free_count = 0;
}

struct slab *
slab_take(struct slab_pool *pool)
{
	struct slab *slab = pool->free;

	if (slab != NULL) {
		pool->free = slab->next;
		pool->free_count--;
	} else {
		slab = malloc(sizeof(*slab));
		if (slab == NULL)
			return NULL;
	}
	pool->used++;
	slab->next = NULL;
	slab->start = 0;
	slab->end = 0;
	return slab;
}

void
slab_give(struct slab_pool *pool, struct slab *slab)
{
	assert(pool->used > 0);
	pool->used--;
	if (pool->free_count >= pool->keep) {
		free(slab);
		return;
	}
	slab->next = pool->free;	/* the one used last is the one still in the cache */
	pool->free = slab;
	pool->free_count++;
}

/* A chain with room for `len` bytes; NULL, and nothing taken, when there is no memory. */
static struct slab *
slab_take_chain(struct slab_pool *pool, size_t len)
{
	struct slab *chain = NULL;

	for (size_t room = 0; room < len; room += SLAB_ROOM) {
		struct slab *slab = slab_take(pool);

		if (slab == NULL)
			break;
		slab->next = chain;
		chain = slab;
		if (room + SLAB_ROOM >= len)
			return chain;
	}
	while (chain != NULL) {
		struct slab *slab = chain;

		chain = slab->next;
		slab_give(pool, slab);
	}
	return NULL;
}

static size_t
slab_append(struct slab *slab, const char *bytes, size_t len)
{
	size_t room = SLAB_ROOM - slab->end;
	size_t n = len < room ? len : room;

	memcpy(slab->data + slab->end, bytes, n);
	slab->end += (uint32_t)n;
	return n;
}

int
slab_queue_put(struct slab_queue *q, struct slab_pool *pool, const void *bytes, size_t len)
{
	size_t room = q->tail == NULL ? 0 : SLAB_ROOM - q->tail->end;
	const char *from = bytes;
	struct slab *chain = NULL;

	if (len == 0)
		return 0;
	if (len > room) {
		chain = slab_take_chain(pool, len - room);
		if (chain == NULL)
			return -1;
	}
	q->bytes += len;
	if (room > 0) {
		size_t n = slab_append(q->tail, from, len);

		from += n;
		len -= n;
	}
	for (; chain != NULL; chain = chain->next) {
		size_t n = slab_append(chain, from, len);

		from += n;
		len -= n;
		if (q->tail == NULL)
			q->head = chain;
		else
			q->tail->next = chain;
		q->tail = chain;
	}
	assert(len == 0);
	return 0;
}

int
slab_queue_iov(const struct slab_queue *q, struct iovec *iov, int max)
{
	const struct slab *slab = q->head;
	int n;

	for (n = 0; n < max && slab != NULL; n++, slab = slab->next) {
		iov[n].iov_base = (char *)slab->data + slab->start;
		iov[n].iov_len = slab->end - slab->start;
	}
	return n;
}

void
slab_queue_drop(struct slab_queue *q, struct slab_pool *pool, size_t len)
{
	if (len > q->bytes)
		len = q->bytes;
	q->bytes -= len;
	while (len > 0) {
		struct slab *slab = q->head;
		size_t held;

		assert(slab != NULL);	/* `bytes` counts what they hold */
		held = slab->end - slab->start;

		if (len < held) {
			slab->start += (uint32_t)len;
			return;
		}
		len -= held;
		q->head = slab->next;
		if (q->head == NULL)
			q->tail = NULL;
		slab_give(pool, slab);
	}
}

void
slab_queue_clear(struct slab_queue *q, struct slab_pool *pool)
{
	slab_queue_drop(q, pool, q->bytes);
}
