/*
 * A queue of lines for one place: a ring of bytes, and one of the lines' lengths beside it.
 *
 * The bytes lie together, so a batch is one write; the lengths tell where a line ends, whatever is in
 * it, so that lines are counted, sent one by one, or once more whole. One thread.
 */
#include "config.h"
#include "core/log_priv.h"
#include <assert.h>
#include <stdlib.h>

static_assert((LOG_QUEUE_BYTES & (LOG_QUEUE_BYTES - 1)) == 0, "a place is a position's low bits");
static_assert((LOG_QUEUE_LINES & (LOG_QUEUE_LINES - 1)) == 0, "a place is a position's low bits");

enum err
log_queue_init(struct log_queue *q)
{
	*q = (struct log_queue){ 0 };
	q->bytes = malloc(LOG_QUEUE_BYTES);
	q->lens = malloc(LOG_QUEUE_LINES * sizeof(q->lens[0]));
	if (q->bytes != NULL && q->lens != NULL)
		return ERR_OK;
	log_queue_fini(q);
	return ERR_NOMEM;
}

void
log_queue_fini(struct log_queue *q)
{
	free(q->bytes);
	free(q->lens);
	*q = (struct log_queue){ 0 };
}

static void
queue_copy(struct log_queue *q, struct slice part)
{
	size_t at = q->head % LOG_QUEUE_BYTES;
	size_t first = part.len < LOG_QUEUE_BYTES - at ? part.len : LOG_QUEUE_BYTES - at;

	memcpy(q->bytes + at, part.at, first);
	memcpy(q->bytes, part.at + first, part.len - first);
	q->head += part.len;
}

bool
log_queue_put(struct log_queue *q, const struct slice *parts, unsigned count)
{
	size_t len = 0;

	for (unsigned i = 0; i < count; i++)
		len += parts[i].len;
	/* what was sent of the first line stays: it may be needed again */
	if (q->bytes == NULL || q->last - q->first == LOG_QUEUE_LINES ||
	    q->head - (q->tail - q->sent) + len > LOG_QUEUE_BYTES)
		return false;
	for (unsigned i = 0; i < count; i++)
		queue_copy(q, parts[i]);
	q->lens[q->last++ % LOG_QUEUE_LINES] = (uint32_t)len;
	return true;
}

struct slice
log_queue_chunk(const struct log_queue *q, size_t max)
{
	size_t at = q->tail % LOG_QUEUE_BYTES, len = 0;
	size_t room = max < LOG_QUEUE_BYTES - at ? max : LOG_QUEUE_BYTES - at;

	for (uint64_t i = q->first; i < q->last; i++) {
		size_t line = q->lens[i % LOG_QUEUE_LINES] - (i == q->first ? q->sent : 0);

		if (len + line > room)
			break;
		len += line;
	}
	if (len == 0)	/* a line longer than that goes in pieces */
		len = room;
	return (struct slice){ q->bytes + at, len };
}

uint32_t
log_queue_take(struct log_queue *q, size_t bytes)
{
	uint32_t lines = 0;

	assert(bytes <= q->head - q->tail);
	q->tail += bytes;
	while (!log_queue_is_empty(q)) {
		size_t left = q->lens[q->first % LOG_QUEUE_LINES] - q->sent;

		if (bytes < left) {
			q->sent += (uint32_t)bytes;
			return lines;
		}
		bytes -= left;
		q->sent = 0;
		q->first++;
		lines++;
	}
	/* the next batch in memory that is still in the cache, not in what was used 4 MiB ago */
	q->head = q->tail = q->first = q->last = 0;
	return lines;
}

void
log_queue_rewind(struct log_queue *q)
{
	q->tail -= q->sent;
	q->sent = 0;
}

uint32_t
log_queue_lines(const struct log_queue *q, struct iovec (*lines)[2], uint32_t count)
{
	uint64_t at = q->tail;
	uint32_t n = 0;

	for (; n < count && q->first + n < q->last; n++) {
		size_t len = q->lens[(q->first + n) % LOG_QUEUE_LINES] - (n == 0 ? q->sent : 0);
		size_t place = at % LOG_QUEUE_BYTES;
		size_t first = len < LOG_QUEUE_BYTES - place ? len : LOG_QUEUE_BYTES - place;

		lines[n][0] = (struct iovec){ q->bytes + place, first };
		lines[n][1] = (struct iovec){ q->bytes, len - first };
		at += len;
	}
	return n;
}
