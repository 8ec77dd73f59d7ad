/*
 * The way home of retired snapshots. Which thread: see each function.
 */
#include "config.h"
#include "core/snap.h"
#include "core/obj.h"

static struct mailbox *snap_home;	/* borrowed: the control loop's, which outlives all snapshots */

void
snap_set_home(struct mailbox *control)
{
	snap_home = control;
}

void
snap_init(struct snap *snap, uint32_t workers, void (*free)(struct snap *))
{
	assert(workers > 0 && free != NULL);	/* with nobody to come home it would stay for ever */
	snap->free = free;
	snap->pending = workers;
}

/* Control thread: one worker is done with it. */
static void
snap_on_home(struct mail *mail)
{
	struct snap *snap = container_of(mail, struct snap_slot, home)->snap;

	assert(snap->pending > 0);
	if (--snap->pending == 0)
		snap->free(snap);
}

void
snap_slot_init(struct snap_slot *slot, struct snap *snap)
{
	slot->home = (struct mail){ .deliver = snap_on_home };
	slot->snap = snap;
	slot->refs = 0;
	slot->retired = false;
}

/* Worker's thread. */
void
snap_send_home(struct mail *mail)
{
	assert(snap_home != NULL);
	mailbox_send(snap_home, mail);
}

/* Worker's thread. */
void
snap_slot_last(struct snap_slot *slot)
{
	snap_send_home(&slot->home);	/* the slot may be gone from here on */
}

/* Worker's thread. */
void
snap_retire_on(struct snap_slot *slot)
{
	assert(!slot->retired);
	slot->retired = true;
	if (slot->refs == 0)
		snap_slot_last(slot);
}
