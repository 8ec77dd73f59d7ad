/*
 * What a map file says about values, for t/haproxy-maps.t: the values come a line each, the verdicts go
 * out so, "-" for none.
 *
 *	t/map-verdict METHOD FILE <values
 */
#include "config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "expr/map.h"

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "map-verdict: %s: %s\n", what, why);
	exit(2);
}

static void
file_read(const char *path, struct buf *text)
{
	FILE *in = fopen(path, "rb");
	char part[65536];
	size_t got;

	if (in == NULL)
		fail(path, "cannot be opened");
	while ((got = fread(part, 1, sizeof(part), in)) > 0)
		buf_put(text, part, got);
	fclose(in);
}

static struct map_view *
view_of(struct map *map, const char *method)
{
	const struct match *match = match_find(slice_of(method));
	struct map_view *view = NULL;
	struct diag diag = { "no memory" };

	if (match == NULL)
		fail(method, "no match method");
	if (map_view_get(&view, map, match, false, SAMPLE_STRING, &diag) != ERR_OK)
		fail(method, diag.text);
	return view;
}

static void
verdict(const struct map_view *view, const char *text)
{
	static char room[65536];
	struct eval eval = { .room = { room, sizeof(room) } };
	struct sample sample = { .type = SAMPLE_STRING, .text = slice_of(text) }, value;

	if (map_view_find(view, &eval, &sample, &value))
		printf("%.*s\n", (int)value.text.len, value.text.at);
	else
		printf("-\n");
}

int
main(int argc, char **argv)
{
	struct buf text = { 0 };
	struct map *map = NULL;
	struct map_view *view;
	struct diag diag = { "no memory" };
	char line[4096];

	if (argc != 3)
		fail("usage", "map-verdict METHOD FILE");
	file_read(argv[2], &text);
	if (map_new(&map) != ERR_OK ||
	    map_load(map, (struct slice){ text.at, text.len }, &diag) != ERR_OK)
		fail(argv[2], diag.text);
	view = view_of(map, argv[1]);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		verdict(view, line);
	}
	map_view_release(&view);
	map_free(&map);
	buf_fini(&text);
	return 0;
}
