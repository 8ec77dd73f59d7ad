/*
 * A change of an entry of a map, and how many of them lie in one run of bytes: key's length, value's length
 * (or that there is none), key, value. So a million of them cost what their texts do, on their way from
 * a body to the store. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "core/str.h"

struct map_edit {
	struct slice	key;
	struct slice	value;		/* .at NULL: it is removed */
};

struct map_edit_lengths {
	uint32_t	key, value;
#define MAP_EDIT_NO_VALUE UINT32_MAX
};

/* The next one, from *at == 0 on; slices into `packed`. False: no more. */
static inline bool
map_edit_unpack(struct slice packed, size_t *at, struct map_edit *edit)
{
	struct map_edit_lengths lengths;

	if (*at >= packed.len)
		return false;
	memcpy(&lengths, packed.at + *at, sizeof(lengths));
	*at += sizeof(lengths);
	edit->key = (struct slice){ packed.at + *at, lengths.key };
	edit->value = (struct slice){ NULL, 0 };
	*at += lengths.key;
	if (lengths.value == MAP_EDIT_NO_VALUE)
		return true;
	edit->value = (struct slice){ packed.at + *at, lengths.value };
	*at += lengths.value;
	return true;
}
