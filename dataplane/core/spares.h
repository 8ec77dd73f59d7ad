/*
 * Memory of one size that is used again and again: a thread's own list of what is free.
 *
 * What is given is dead: its first bytes become the list's. So the objects have a pointer's size at least.
 */
#pragma once

#include <stdint.h>
#include <stdlib.h>

struct spare {
	struct spare	*next;
};

struct spares {
	struct spare	*first;
	uint32_t	 count;
	uint32_t	 keep;		/* beyond so many they go back to the system */
};

/* As malloc(size); `size` is the same for all of a list. */
static inline void *
spares_take(struct spares *spares, size_t size)
{
	struct spare *spare = spares->first;

	if (spare == NULL)
		return malloc(size);
	spares->first = spare->next;
	spares->count--;
	return spare;
}

static inline void
spares_give(struct spares *spares, void *memory)
{
	struct spare *spare = memory;

	if (spares->count >= spares->keep) {
		free(memory);
		return;
	}
	spare->next = spares->first;
	spares->first = spare;
	spares->count++;
}

static inline void
spares_fini(struct spares *spares)
{
	while (spares->first != NULL) {
		struct spare *spare = spares->first;

		spares->first = spare->next;
		free(spare);
	}
	spares->count = 0;
}
