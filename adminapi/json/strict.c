/*
 * One strict pass, then cJSON; and the line of a pointer for errors in a file.
 *
 * Any thread.
 */
#include "config.h"
#include "adminapi/json/strict.h"
#include <stdio.h>
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
	const char	*found;		/* the first byte of the deepest value met */
	bool		 over;		/* the scan has left it: nothing deeper comes */
};

/* Whether the first token of `pointer` is the member that this frame is in; *rest: behind it. */
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
	*rest = pointer;
	return *pointer == '\0' || *pointer == '/';
}

static void
locator_on_value(struct scan *scan, void *arg)
{
	struct locator *l = arg;

	if (l->over)
		return;
	if (l->found == NULL) {
		l->found = scan->at;
		return;
	}
	if (scan->depth <= l->met)
		l->over = true;
	else if (scan->depth == l->met + 1 && *l->rest == '/' &&
		 token_matches(l->rest, &scan->frames[l->met], &l->rest)) {
		l->met++;
		l->found = scan->at;
	}
}

uint32_t
json_line_of(const char *text, size_t len, const char *pointer)
{
	struct locator locator = { .rest = pointer };
	struct scan scan = { .on_value = locator_on_value, .arg = &locator };
	enum err err = scan_run(&scan, text, len);
	uint32_t line, column;

	scan_fini(&scan);
	if (err != ERR_OK)
		return 0;
	place_of(text, locator.found, &line, &column);
	return line;
}
