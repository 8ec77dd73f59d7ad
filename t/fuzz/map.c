/*
 * A map's file. What is read can be written and is read the same again; no key has a blank, no
 * value a blank at its ends, and each entry is found by its key.
 */
#include "config.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "expr/map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
claim(bool holds)
{
	if (!holds)
		abort();
}

static bool
is_trimmed(struct slice text)
{
	static const char blanks[] = " \t\r\n";

	return text.len == 0 || (memchr(blanks, text.at[0], 4) == NULL &&
		memchr(blanks, text.at[text.len - 1], 4) == NULL);
}

static void
entry_check(const struct map *map, const struct map_entry *entry)
{
	struct slice key = map_entry_key(entry), value = map_entry_value(entry), found;

	claim(key.len > 0 && memchr(key.at, ' ', key.len) == NULL);
	claim(is_trimmed(key) && is_trimmed(value));
	claim(map_get(map, key, &found) && slice_equals(found, value));
}

/* As lines; the blank before it keeps a key that begins with "#". */
static void
map_write(const struct map *map, struct buf *text)
{
	const struct map_entry *entry = NULL;

	while ((entry = map_next(map, entry)) != NULL) {
		struct slice key = map_entry_key(entry), value = map_entry_value(entry);

		entry_check(map, entry);
		buf_puts(text, " ");
		buf_put(text, key.at, key.len);
		buf_puts(text, "\t ");
		buf_put(text, value.at, value.len);
		buf_puts(text, "\n");
	}
	claim(!text->failed);
}

static void
maps_claim_same(const struct map *a, const struct map *b)
{
	const struct map_entry *one = NULL, *other = NULL;

	claim(map_count(a) == map_count(b));
	while ((one = map_next(a, one)) != NULL) {
		other = map_next(b, other);
		claim(slice_equals(map_entry_key(one), map_entry_key(other)));
		claim(slice_equals(map_entry_value(one), map_entry_value(other)));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct map *map = NULL, *again = NULL;
	struct buf text = { 0 };
	struct diag diag = { "" };

	claim(map_new(&map) == ERR_OK && map_new(&again) == ERR_OK);
	if (map_load(map, (struct slice){ (const char *)data, size }, &diag) == ERR_OK) {
		map_write(map, &text);
		claim(map_load(again, (struct slice){ text.at, text.len }, &diag) == ERR_OK);
		maps_claim_same(map, again);
	} else {
		claim(strncmp(diag.text, "line ", 5) == 0);
	}
	while (map_count(map) > 0)
		claim(map_remove(map, map_entry_key(map_next(map, NULL))));
	map_free(&map);
	map_free(&again);
	buf_fini(&text);
	return 0;
}
