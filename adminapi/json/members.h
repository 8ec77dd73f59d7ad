/*
 * The members of an object by name: cJSON's own lookup walks the list, which is quadratic for a
 * backend of 10,000 servers.
 *
 * Small objects are walked after all. Borrows the object: a member may leave it, but not be freed, as
 * long as this is in use. Any thread.
 */
#pragma once

#include <stddef.h>
#include <cjson/cJSON.h>
#include "core/err.h"

struct members {
	const cJSON	*object;
	cJSON		**sorted;	/* by name; NULL for a small object */
	size_t		 count;
};

/* `object` may be NULL or no object: it has no members then. ERR_NOMEM. */
enum err members_init(struct members *members, const cJSON *object);
cJSON *members_get(const struct members *members, const char *name);	/* NULL: none */
void members_fini(struct members *members);
