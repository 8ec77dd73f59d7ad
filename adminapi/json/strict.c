/*
 * One strict pass, then cJSON; and the line of a pointer for errors in a file.
 *
 * Any thread.
 */
#include "config.h"
#include "adminapi/json/strict.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/json/scan_priv.h"

/* Line and column (in characters) of a byte, both from 1. */
static void
place_of(const char *start, const char *at, uint32_t *line, uint32_t *column)
{
	*line = *column = 1;
	for (; start < at; start++) {
		if (*start == '\n') {
			++*line;
			*column = 1;
		} else if ((*start & 0xc0) != 0x80) {
			++*column;
		}
	}
}

static void
fault_report(const struct scan *scan, struct issues *issues)
{
	struct pointer pointer = { 0 };
	uint32_t line, column;

	scan_pointer(scan, &pointer);
	place_of(scan->start, scan->fault, &line, &column);
	issues_add(issues, pointer_text(&pointer), "line %u, column %u: %s", line, column,
		scan->words);
	pointer_fini(&pointer);
}

enum err
json_parse(cJSON **root, const char *text, size_t len, struct issues *issues)
{
	struct scan scan = { 0 };
	enum err err = scan_run(&scan, text, len);

	if (err == ERR_INVALID)
		fault_report(&scan, issues);
	scan_fini(&scan);
	if (err != ERR_OK)
		return err;
	*root = cJSON_ParseWithLengthOpts(text, len, NULL, 0);
	return *root != NULL ? ERR_OK : ERR_NOMEM;
}

/* Waits, while the text is scanned, for the value at a pointer. */
struct locator {
	const char	*rest;		/* of the pointer: the tokens not yet met */
	uint32_t	 met;		/* tokens met: the depth of `found` */
	uint32_t	*line;		/* of the deepest value met; 0: none yet */
};

/* Those that may still meet something deeper. */
struct locators {
	struct locator	*waiting;
	size_t		 count;
	const char	*counted;	/* `line` is that of this byte */
	uint32_t	 line;
};

/* Is the first token of `pointer` the member that this frame is in? Then *rest is behind it. */
static bool
token_matches(const char *pointer, const struct scan_frame *frame, const char **rest)
{
	char index[24];
	struct slice raw = frame->key;
	struct json_chars chars;
	int c;

	if (frame->is_array) {
		raw.len = (size_t)snprintf(index, sizeof(index), "%zu", frame->index);
		raw.at = index;
	}
	json_chars_init(&chars, raw);
	pointer++;
	while ((c = json_chars_next(&chars)) >= 0) {
		char wanted = *pointer;

		if (wanted == '\0' || wanted == '/')
			return false;
		pointer++;
		if (wanted == '~' && (*pointer == '0' || *pointer == '1'))
			wanted = *pointer++ == '0' ? '~' : '/';
		if (wanted != (char)c)
			return false;
	}
	if (*pointer != '\0' && *pointer != '/')
		return false;
	*rest = pointer;
	return true;
}

/* Values come in the order of the text, so each line is counted once. */
static uint32_t
locators_line(struct locators *all, const char *at)
{
	const char *newline;

	while ((newline = memchr(all->counted, '\n', (size_t)(at - all->counted))) != NULL) {
		all->counted = newline + 1;
		all->line++;
	}
	all->counted = at;
	return all->line;
}

/* False: nothing deeper comes, the scan has left what it met. */
static bool
locator_look(struct locator *l, struct locators *all, const struct scan *scan)
{
	if (*l->line == 0) {
		*l->line = locators_line(all, scan->at);	/* the whole */
	} else if (scan->depth <= l->met) {
		return false;
	} else if (scan->depth == l->met + 1 && *l->rest == '/' &&
		   token_matches(l->rest, &scan->frames[l->met], &l->rest)) {
		l->met++;
		*l->line = locators_line(all, scan->at);
	}
	return *l->rest == '/';
}

static void
locators_on_value(struct scan *scan, void *arg)
{
	struct locators *all = arg;

	for (size_t i = 0; i < all->count;)
		if (locator_look(&all->waiting[i], all, scan))
			i++;
		else
			all->waiting[i] = all->waiting[--all->count];
}

void
json_lines_of(const char *text, size_t len, const char *const *pointers, uint32_t *lines,
	size_t count)
{
	struct locators all = { .count = count, .counted = text, .line = 1 };
	struct scan scan = { .on_value = locators_on_value, .arg = &all };

	memset(lines, 0, count * sizeof(*lines));
	if (len == 0)
		return;			/* an empty file's text may be NULL */
	all.waiting = calloc(count + 1, sizeof(*all.waiting));
	if (all.waiting == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		all.waiting[i] = (struct locator){ .rest = pointers[i], .line = &lines[i] };
	if (scan_run(&scan, text, len) != ERR_OK)
		memset(lines, 0, count * sizeof(*lines));
	scan_fini(&scan);
	free(all.waiting);
}

uint32_t
json_line_of(const char *text, size_t len, const char *pointer)
{
	uint32_t line;

	json_lines_of(text, len, &pointer, &line, 1);
	return line;
}
