/*
 * The members of an object by name, in logarithmic time. Any thread.
 */
#include "config.h"
#include "adminapi/json/members.h"
#include <stdlib.h>
#include <string.h>

#define WALK_MAX 16	/* up to so many members, walking costs less than sorting */

static int
member_compare(const void *a, const void *b)
{
	return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

static int
member_compare_name(const void *name, const void *member)
{
	return strcmp(name, (*(cJSON *const *)member)->string);
}

enum err
members_init(struct members *members, const cJSON *object)
{
	size_t i = 0;
	cJSON *member;

	*members = (struct members){ .object = cJSON_IsObject(object) ? object : NULL };
	cJSON_ArrayForEach(member, members->object)
		members->count++;
	if (members->count <= WALK_MAX)
		return ERR_OK;
	members->sorted = malloc(members->count * sizeof(cJSON *));
	if (members->sorted == NULL)
		return ERR_NOMEM;
	cJSON_ArrayForEach(member, members->object)
		members->sorted[i++] = member;
	qsort(members->sorted, members->count, sizeof(cJSON *), member_compare);
	return ERR_OK;
}

cJSON *
members_get(const struct members *members, const char *name)
{
	cJSON **found;

	if (members->sorted == NULL)	/* of NULL, cJSON says NULL */
		return cJSON_GetObjectItemCaseSensitive(members->object, name);
	found = bsearch(name, members->sorted, members->count, sizeof(cJSON *),
		member_compare_name);
	return found != NULL ? *found : NULL;
}

void
members_fini(struct members *members)
{
	free(members->sorted);
	members->sorted = NULL;
}
