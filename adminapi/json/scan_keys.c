/*
 * No key twice in an object, whatever its spelling: "a" and "\u0061" are one.
 *
 * The keys of open objects are kept as a stack. An object is judged when it ends: a few keys by
 * comparing all pairs, more by sorting, so that no input makes it quadratic. Any thread.
 */
#include "config.h"
#include "adminapi/json/scan_priv.h"
#include <stdlib.h>

#define PAIRS_MAX 8	/* up to so many keys, pairs are cheaper than sorting */

/* FNV-1a, 32 bits (draft-eastlake-fnv). Collisions cost time only, and little. */
static uint32_t
key_hash(struct slice raw)
{
	struct json_chars chars;
	uint32_t hash = 2166136261u;
	int c;

	json_chars_init(&chars, raw);
	while ((c = json_chars_next(&chars)) >= 0)
		hash = (hash ^ (uint32_t)c) * 16777619u;
	return hash;
}

static int
key_compare_text(const struct scan_key *a, const struct scan_key *b)
{
	struct json_chars a_chars, b_chars;
	int a_byte, b_byte;

	json_chars_init(&a_chars, (struct slice){ a->at, a->len });
	json_chars_init(&b_chars, (struct slice){ b->at, b->len });
	do {
		a_byte = json_chars_next(&a_chars);
		b_byte = json_chars_next(&b_chars);
	} while (a_byte == b_byte && a_byte >= 0);
	return a_byte - b_byte;
}

/* By hash, then text, then place. */
static int
key_compare(const void *a_arg, const void *b_arg)
{
	const struct scan_key *a = a_arg, *b = b_arg;
	int by_text;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	by_text = key_compare_text(a, b);
	if (by_text != 0)
		return by_text;
	return a->at < b->at ? -1 : a->at > b->at;
}

static bool
key_equals(const struct scan_key *a, const struct scan_key *b)
{
	return a->hash == b->hash && key_compare_text(a, b) == 0;
}

bool
scan_key_add(struct scan *scan, struct slice raw)
{
	if (raw.len > UINT32_MAX)
		return scan_fail(scan, raw.at, "a key beyond 4 GiB");
	if (scan->key_count == scan->key_cap) {
		size_t cap = scan->key_cap != 0 ? scan->key_cap * 2 : 64;
		struct scan_key *keys = realloc(scan->keys, cap * sizeof(*keys));

		if (keys == NULL) {
			scan->err = ERR_NOMEM;
			return false;
		}
		scan->keys = keys;
		scan->key_cap = cap;
	}
	scan->keys[scan->key_count++] = (struct scan_key){
		.at = raw.at,
		.len = (uint32_t)raw.len,
		.hash = key_hash(raw),
	};
	return true;
}

/* The first key, by place, that repeats an earlier one; NULL: none. */
static const struct scan_key *
repeated_of_few(const struct scan_key *keys, size_t count)
{
	size_t i, j;

	for (i = 1; i < count; i++) {
		for (j = 0; j < i; j++) {
			if (key_equals(&keys[i], &keys[j]))
				return &keys[i];
		}
	}
	return NULL;
}

static const struct scan_key *
repeated_of_many(struct scan_key *keys, size_t count)
{
	const struct scan_key *repeated = NULL;
	size_t i;

	qsort(keys, count, sizeof(*keys), key_compare);
	for (i = 1; i < count; i++) {
		if (key_equals(&keys[i - 1], &keys[i]) &&
		    (repeated == NULL || keys[i].at < repeated->at))
			repeated = &keys[i];
	}
	return repeated;
}

bool
scan_keys_end(struct scan *scan, size_t first_key)
{
	struct scan_frame *frame = &scan->frames[scan->depth - 1];
	size_t count = scan->key_count - first_key;
	const struct scan_key *repeated;
	struct scan_key *keys;

	if (count < 2) {
		scan->key_count = first_key;
		return true;
	}
	keys = scan->keys + first_key;
	if (count <= PAIRS_MAX)
		repeated = repeated_of_few(keys, count);
	else
		repeated = repeated_of_many(keys, count);
	scan->key_count = first_key;
	if (repeated == NULL)
		return true;
	frame->key = (struct slice){ repeated->at, repeated->len };
	frame->in_member = true;
	return scan_fail(scan, repeated->at - 1, "this key is there twice");
}
