/*
 * Sockets that are to be reset once what was written to them has arrived.
 *
 * An RST throws away what the socket still holds, so a peer that must see a cut would lose bytes
 * that were written for it before. Such a socket stays here, without its stream, until its peer has
 * taken them, CUT_WAIT_MS at most. The worker's.
 */
#pragma once

#include "core/list.h"
#include "core/loop.h"
#include "net/conn.h"

#define CUT_WAIT_MS 5000	/* a peer that takes nothing for so long loses the rest */
#define CUTS_MAX    1000	/* a worker's; beyond it sockets are reset at once */

struct cuts {
	struct list		 waiting;	/* of struct cut, the oldest first */
	uint32_t		 count;
	struct loop		*loop;
	struct wheel_timer	 timer;
};

void cuts_init(struct cuts *cuts, struct loop *loop);
void cuts_fini(struct cuts *cuts);	/* resets what still waits */

/* Reset the connection, as soon as may be; for its owner it is closed. */
void cuts_add(struct cuts *cuts, struct conn *c);
