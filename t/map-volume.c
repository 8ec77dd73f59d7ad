/*
 * What a large map costs: time to read it, memory, and one lookup by the number of entries. Prints "name value"
 * lines for t/map-volume.t. Usage: map-volume ENTRIES
 */
#include "config.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/clock.h"
#include "core/grace.h"
#include "expr/map.h"

#define LOOKUPS 2000000

static uint64_t
now_us(void)
{
	return clock_read_us(CLOCK_THREAD_CPUTIME_ID);
}

static void
must(enum err e, const char *what)
{
	if (e == ERR_OK)
		return;
	fprintf(stderr, "map-volume: %s: %s\n", what, err_text(e));
	exit(1);
}

/* A key that does not follow from the one before it, in some order: as hosts are. */
static int
key_write(char *key, size_t size, uint64_t i)
{
	return snprintf(key, size, "host-%08x.example.org",
			(unsigned)(i * UINT64_C(2654435761) & 0xffffffff));
}

/* "host-9e3779b1.example.org backend-17": as text of a file. */
static struct buf
lines_of(size_t entries, size_t *key_bytes, size_t *value_bytes)
{
	struct buf text = { 0 };
	char key[64], value[32];

	*key_bytes = *value_bytes = 0;
	for (size_t i = 0; i < entries; i++) {
		*key_bytes += (size_t)key_write(key, sizeof(key), i);
		*value_bytes += (size_t)snprintf(value, sizeof(value), "%zu", i % 100);
		buf_printf(&text, "%s %s\n", key, value);
	}
	return text;
}

static size_t
heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static struct map_view *
a_view(struct map *map, const char *method, bool nocase, enum sample_type type)
{
	struct map_view *view = NULL;

	must(map_view_get(&view, map, match_find(slice_of(method)), nocase, type, NULL), "view");
	return view;
}

/* ns of one lookup of keys at random; those from `entries` on are not there. */
static double
lookup_ns(const struct map_view *view, size_t entries, size_t range, bool tail)
{
	static char room[256];
	static char keys[65536][40];
	static uint8_t lens[65536];
	uint64_t start, state = 88172645463325252;
	size_t found = 0;

	for (size_t i = 0; i < 65536; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		lens[i] = (uint8_t)key_write(keys[i], sizeof(keys[i]), entries == range ?
			state % range : entries + state % range);
		if (tail)
			keys[i][lens[i]++] = 'x';
	}
	start = now_us();
	for (size_t i = 0; i < LOOKUPS; i++) {
		struct eval eval = { .room = { room, sizeof(room) } };
		struct sample sample = { .type = SAMPLE_STRING }, value;

		sample.text = (struct slice){ keys[i & 65535], lens[i & 65535] };
		found += map_view_find(view, &eval, &sample, &value);
	}
	if (entries == range && found != LOOKUPS) {
		fprintf(stderr, "map-volume: %zu of %d were found\n", found, LOOKUPS);
		exit(1);
	}
	return (double)(now_us() - start) * 1000 / LOOKUPS;
}

static struct map *
a_map(const struct buf *text, uint64_t *took_us)
{
	struct map *map = NULL;
	uint64_t start = now_us();

	must(map_new(&map), "map");
	must(map_load(map, (struct slice){ text->at, text->len }, NULL), "load");
	*took_us = now_us() - start;
	return map;
}

static void
tell_lookups(size_t entries)
{
	size_t key_bytes, value_bytes;
	struct buf text = lines_of(entries, &key_bytes, &value_bytes);
	uint64_t took_us;
	struct map *map = a_map(&text, &took_us);
	struct map_view *exact = a_view(map, "str", false, SAMPLE_STRING);
	struct map_view *folded = a_view(map, "str", true, SAMPLE_STRING);
	struct map_view *prefix = a_view(map, "beg", false, SAMPLE_STRING);

	printf("lookup_ns.%zu %.0f\n", entries, lookup_ns(exact, entries, entries, false));
	printf("lookup_missing_ns.%zu %.0f\n", entries, lookup_ns(exact, entries, 1 << 20, false));
	printf("lookup_nocase_ns.%zu %.0f\n", entries, lookup_ns(folded, entries, entries, false));
	printf("lookup_beg_ns.%zu %.0f\n", entries, lookup_ns(prefix, entries, entries, true));
	map_view_release(&exact);
	map_view_release(&folded);
	map_view_release(&prefix);
	map_free(&map);
	buf_fini(&text);
}

static void
tell_volume(size_t entries)
{
	size_t key_bytes, value_bytes, before;
	struct buf text = lines_of(entries, &key_bytes, &value_bytes);
	struct map *map, *like = NULL;
	struct map_view *view;
	uint64_t took_us, start;

	before = heap_bytes();
	map = a_map(&text, &took_us);
	printf("load_ms %.0f\n", (double)took_us / 1000);
	printf("entry_bytes %.1f\n", (double)(heap_bytes() - before) / (double)entries);
	printf("entry_text_bytes %.1f\n", (double)(key_bytes + value_bytes) / (double)entries);
	start = now_us();
	view = a_view(map, "beg", false, SAMPLE_INT);
	printf("view_ms %.0f\n", (double)(now_us() - start) / 1000);
	must(map_new_like(&like, map), "like");
	must(map_load(like, (struct slice){ text.at, text.len }, NULL), "load");
	start = now_us();
	must(map_replace(map, &like, NULL), "replace");
	printf("replace_and_free_ms %.0f\n", (double)(now_us() - start) / 1000);
	map_view_release(&view);
	start = now_us();
	map_free(&map);
	printf("free_ms %.0f\n", (double)(now_us() - start) / 1000);
	buf_fini(&text);
}

int
main(int argc, char **argv)
{
	static const size_t sizes[] = { 1, 4, 8, 9, 100, 10000 };
	size_t entries = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;

	tell_volume(entries);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		tell_lookups(sizes[i]);
	tell_lookups(entries);
	grace_flush();
	return 0;
}
