/*
 * Rings of log lines: one producer, one consumer, no lock.
 *
 * A record never wraps: where the end of the ring is too near, a filler takes what is left. Which
 * thread: see each function.
 */
#include "config.h"
#include "core/log_priv.h"
#include <assert.h>
#include <stdlib.h>

static_assert((LOG_RING_BYTES & (LOG_RING_BYTES - 1)) == 0, "a place is a position's low bits");
static_assert(LOG_RING_BYTES >= 4 * LOG_LINE_MAX_BYTES, "a filler and a line always fit");

static _Atomic(struct log_ring *) rings;	/* pushed with release, walked with acquire */

enum err
log_ring_new(struct log_ring **rp)
{
	struct log_ring *ring = aligned_alloc(_Alignof(struct log_ring), sizeof(*ring));
	struct log_ring *top;

	if (ring == NULL)
		return ERR_NOMEM;
	*ring = (struct log_ring){ .data = malloc(LOG_RING_BYTES) };
	if (ring->data == NULL) {
		free(ring);
		return ERR_NOMEM;
	}
	top = atomic_load_explicit(&rings, memory_order_relaxed);
	do
		ring->next = top;
	while (!atomic_compare_exchange_weak_explicit(&rings, &top, ring, memory_order_release,
						      memory_order_relaxed));
	*rp = ring;
	return ERR_OK;
}

struct log_ring *
log_rings(void)
{
	return atomic_load_explicit(&rings, memory_order_acquire);
}

void
log_rings_free(void)
{
	struct log_ring *ring = atomic_exchange_explicit(&rings, NULL, memory_order_acquire);

	while (ring != NULL) {
		struct log_ring *next = ring->next;

		free(ring->data);
		free(ring);
		ring = next;
	}
}

static struct log_record *
log_ring_at(struct log_ring *ring, uint64_t position)
{
	return (struct log_record *)(void *)(ring->data + position % LOG_RING_BYTES);
}

/* What a line of `len` bytes takes. */
static uint64_t
log_record_bytes(size_t len)
{
	size_t all = sizeof(struct log_record) + len;

	return (all + LOG_RECORD_ALIGN - 1) & ~(uint64_t)(LOG_RECORD_ALIGN - 1);
}

/* Producer: are `bytes` free behind `head`? */
static bool
log_ring_room(struct log_ring *ring, uint64_t head, uint64_t bytes)
{
	if (head + bytes - ring->tail_seen <= LOG_RING_BYTES)
		return true;
	/* acquire: the writer is done with the bytes before `tail` */
	ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	return head + bytes - ring->tail_seen <= LOG_RING_BYTES;
}

/*
 * Producer: tell the writer that there is something. It sleeps only after it found `dirty` unset, so
 * one exchange a line is all, and a system call only for the first line after a silence. A ring that
 * fills faster than the writer comes by calls it early, once.
 */
static void
log_ring_tell(struct log_ring *ring, uint64_t before, uint64_t after)
{
	const uint64_t half = LOG_RING_BYTES / 2;
	/* acq_rel: `head` above, and the writer's own exchange, which reads it after this */
	bool told = atomic_exchange_explicit(&ring->dirty, true, memory_order_acq_rel);

	if (!told || (before - ring->tail_seen < half && after - ring->tail_seen >= half))
		log_writer_wake();
}

bool
log_write(struct log_ring *ring, const struct log_list *list, enum log_level level,
	  struct slice line)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed), at = head;
	uint64_t to_end = LOG_RING_BYTES - head % LOG_RING_BYTES;
	struct log_record *record;
	uint64_t bytes;

	if (list == NULL || level > list->level)
		return true;
	if (line.len > LOG_LINE_MAX_BYTES)
		line.len = LOG_LINE_MAX_BYTES;
	bytes = log_record_bytes(line.len);
	if (bytes > to_end)
		at += to_end;
	if (!log_ring_room(ring, at, bytes)) {
		log_count(&ring->dropped, 1);
		return false;
	}
	if (at != head)
		*log_ring_at(ring, head) =
			(struct log_record){ .len = (uint32_t)(to_end - sizeof(*record)) };
	record = log_ring_at(ring, at);
	*record = (struct log_record){ (uint32_t)line.len, level, list };
	memcpy(record + 1, line.at, line.len);
	atomic_store_explicit(&ring->head, at + bytes, memory_order_release);
	log_ring_tell(ring, head, at + bytes);
	return true;
}

uint64_t
log_ring_head(struct log_ring *ring)
{
	/* acquire: the records' bytes, written before `head` moved on */
	return atomic_load_explicit(&ring->head, memory_order_acquire);
}

const struct log_record *
log_ring_next(struct log_ring *ring, uint64_t head)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	const struct log_record *record;

	if (tail == head)
		return NULL;
	record = log_ring_at(ring, tail);
	if (record->list != NULL)
		return record;
	log_ring_drop(ring, record);	/* filler; a line follows it always */
	return log_ring_at(ring, 0);
}

void
log_ring_drop(struct log_ring *ring, const struct log_record *record)
{
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	/* release: its bytes have been read */
	atomic_store_explicit(&ring->tail, tail + log_record_bytes(record->len),
			      memory_order_release);
}
