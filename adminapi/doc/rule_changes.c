/*
 * What became of each rule between two versions of a list. Any thread.
 */
#include "config.h"
#include "adminapi/doc/plan_priv.h"

#include <stdlib.h>
#include <string.h>
#include "adminapi/json/strict.h"

/* A rule of one of the lists. */
struct placed {
	const char *id;
	const cJSON *rule;
	uint32_t place;
};

struct placed_list {
	struct placed *at;
	uint32_t count;
};

static int
placed_compare(const void *a, const void *b)
{
	return strcmp(((const struct placed *)a)->id, ((const struct placed *)b)->id);
}

/* By id. */
static bool
placed_init(struct placed_list *placed, const cJSON *list)
{
	const cJSON *rule;

	*placed = (struct placed_list){ 0 };
	if (list != NULL && !cJSON_IsArray(list))
		return false;
	placed->at = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*placed->at));
	if (placed->at == NULL)
		return false;
	cJSON_ArrayForEach(rule, list) {
		const cJSON *id = cJSON_IsObject(rule) ? doc_field(rule, "id") : NULL;

		if (!cJSON_IsString(id))
			return false;
		placed->at[placed->count] = (struct placed){ id->valuestring, rule, placed->count };
		placed->count++;
	}
	qsort(placed->at, placed->count, sizeof(*placed->at), placed_compare);
	return true;
}

static int
place_compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b; /* where it stood, where it stands */

	return x[0] < y[0] ? -1 : x[0] > y[0];
}

static bool
is_moved(uint32_t (*places)[2], uint32_t count)
{
	qsort(places, count, sizeof(*places), place_compare);
	for (uint32_t i = 1; i < count; i++)
		if (places[i][1] < places[i - 1][1])
			return true;
	return false;
}

static bool
compare(struct rule_changes *changes, const struct placed_list *from, const struct placed_list *to)
{
	uint32_t(*places)[2] = calloc((size_t)from->count + 1, sizeof(*places));
	uint32_t i = 0, j = 0, stay = 0;

	changes->at = calloc((size_t)from->count + to->count + 1, sizeof(*changes->at));
	if (places == NULL || changes->at == NULL) {
		free(places);
		return false;
	}
	while (i < from->count || j < to->count) {
		const struct placed *a = i < from->count ? &from->at[i] : NULL;
		const struct placed *b = j < to->count ? &to->at[j] : NULL;
		int order = a == NULL ? 1 : b == NULL ? -1 : strcmp(a->id, b->id);

		i += order <= 0;
		j += order >= 0;
		if (order == 0) {
			places[stay][0] = a->place;
			places[stay++][1] = b->place;
			if (json_equals(a->rule, b->rule))
				continue;
		}
		changes->at[changes->count++] = (struct rule_change){
			order <= 0 ? a->id : b->id,
			order <= 0 ? a->rule : NULL,
			order >= 0 ? b->rule : NULL,
		};
	}
	changes->is_moved = is_moved(places, stay);
	free(places);
	return true;
}

bool
rule_changes_init(struct rule_changes *changes, const cJSON *from, const cJSON *to)
{
	struct placed_list before = { 0 }, after = { 0 };
	bool ok;

	*changes = (struct rule_changes){ 0 };
	ok = placed_init(&before, from) && placed_init(&after, to) &&
	     compare(changes, &before, &after);
	free(before.at);
	free(after.at);
	if (!ok)
		rule_changes_fini(changes);
	return ok;
}

void
rule_changes_fini(struct rule_changes *changes)
{
	free(changes->at);
	*changes = (struct rule_changes){ 0 };
}
