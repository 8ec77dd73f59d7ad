/*
 * What a plan changes, as JSON: for dry runs, events and the history.
 */
#pragma once

#include "adminapi/doc/plan.h"
#include "core/jsonw.h"

#define CHANGES_MAX 100		/* in events and history; a dry run lists all */

/*
 * An array member `key` of {"op": "add|remove|replace", "pointer", and with `full` "from", "to", "effect"}; secrets are masked. At
 * most `limit`. Returns how many there are in all.
 */
uint32_t changes_write(struct jsonw *w, const char *key, const struct plan *plan, bool full,
	uint32_t limit);

/*
 * plan->changes and plan->change_count: the first CHANGES_MAX, not full. On the plan's thread, when
 * it is finished. ERR_NOMEM.
 */
enum err changes_note(struct plan *plan);
