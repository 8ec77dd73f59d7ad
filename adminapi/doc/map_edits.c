/*
 * Edits, packed as map_edit.h has it.
 */
#include "config.h"
#include "adminapi/doc/map_edits.h"

#include <stdlib.h>
#include <string.h>

struct map_edits *
map_edits_new(void)
{
	return calloc(1, sizeof(struct map_edits));
}

void
map_edits_free(struct map_edits **ep)
{
	struct map_edits *edits = *ep;

	*ep = NULL;
	if (edits == NULL)
		return;
	if (edits->contents != NULL)
		edits->contents_free(edits->contents);
	buf_fini(&edits->packed);
	free(edits->was);
	free(edits);
}

void
map_edits_add(struct map_edits *edits, struct slice key, struct slice value)
{
	const struct map_edit_lengths lengths = { (uint32_t)key.len,
						  value.at == NULL ? MAP_EDIT_NO_VALUE
								   : (uint32_t)value.len };

	buf_put(&edits->packed, &lengths, sizeof(lengths));
	buf_put(&edits->packed, key.at, key.len);
	if (value.at == NULL) {
		edits->removed++;
		return;
	}
	buf_put(&edits->packed, value.at, value.len);
	edits->set++;
}

bool
map_edits_next(const struct map_edits *edits, size_t *at, struct map_edit *edit)
{
	return map_edit_unpack((struct slice){ edits->packed.at, edits->packed.len }, at, edit);
}
