/*
 * Lifetimes between threads: immutable snapshots, and objects with an identity.
 *
 * The control thread makes and publishes them; workers count their references without atomics,
 * each in a slot of its own. When the control side retires one, each worker is told (by mail,
 * snap_retire_on() in its install); a worker's slot whose count is, or becomes, 0 after that sends
 * one message home. When all have come home, free() is called on the control thread. Nothing is
 * freed before each worker has installed its successor and given back its references.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/loop.h"

struct snap {
	void	 (*free)(struct snap *);	/* control thread: last act */
	uint32_t   pending;			/* workers that have not come home; control's */
};

/* One a worker, in an array of the owner's; pad to a cache line where it is hot. */
struct snap_slot {
	struct mail	 home;
	struct snap	*snap;
	uint32_t	 refs;		/* the worker's alone */
	bool		 retired;
};

/* `workers` slots will come home; at least 1. */
void snap_init(struct snap *snap, uint32_t workers, void (*free)(struct snap *));
void snap_slot_init(struct snap_slot *slot, struct snap *snap);

/* Worker: count a reference. Inline: once a stream. Not after it came home. */
static inline void
snap_ref(struct snap_slot *slot)
{
	assert(slot->refs > 0 || !slot->retired);
	slot->refs++;
}

void snap_slot_last(struct snap_slot *slot);	/* the last reference of a retired one went */

static inline void
snap_unref(struct snap_slot *slot)
{
	if (--slot->refs == 0 && slot->retired)
		snap_slot_last(slot);
}

/* Worker: its successor is installed (or its name is gone); comes home now if unused. */
void snap_retire_on(struct snap_slot *slot);

/* Where slots come home to; set once at start, before any worker runs. */
void snap_set_home(struct mailbox *control);

/* Worker: other mail to the control thread, about what outlives it. */
void snap_send_home(struct mail *mail);
