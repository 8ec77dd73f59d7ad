/*
 * Edits in one run of bytes: key's length, value's length (or that there is none), key, value. A
 * million of them cost what their texts do.
 */
#include "config.h"
#include "adminapi/doc/map_edits.h"

#include <stdlib.h>
#include <string.h>

#define NO_VALUE UINT32_MAX

struct lengths {
	uint32_t key, value;
};

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
	const struct lengths lengths = { (uint32_t)key.len,
					 value.at == NULL ? NO_VALUE : (uint32_t)value.len };

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
map_edits_unpack(struct slice packed, size_t *at, struct map_edit *edit)
{
	struct lengths lengths;
	const char *bytes = packed.at + *at;

	if (*at >= packed.len)
		return false;
	memcpy(&lengths, bytes, sizeof(lengths));
	edit->key = (struct slice){ bytes + sizeof(lengths), lengths.key };
	edit->value = (struct slice){ NULL, 0 };
	*at += sizeof(lengths) + lengths.key;
	if (lengths.value == NO_VALUE)
		return true;
	edit->value = (struct slice){ packed.at + *at, lengths.value };
	*at += lengths.value;
	return true;
}

bool
map_edits_next(const struct map_edits *edits, size_t *at, struct map_edit *edit)
{
	return map_edits_unpack((struct slice){ edits->packed.at, edits->packed.len }, at, edit);
}
