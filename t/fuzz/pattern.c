/*
 * A match method, its flags, and a value in the first line ("beg i /Api/v1"); a pattern in each
 * other one. Whatever is taken: what a set finds is what looking at each pattern says, with few of
 * them and with many, and after some were removed.
 */
#include "config.h"
#include <stdint.h>
#include <stdlib.h>
#include "expr/match_priv.h"

#define PATTERN_MAX_BYTES 200	/* a long regular expression takes long to compile, not to match */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
claim(bool holds)
{
	if (!holds)
		abort();
}

/* Up to `end` or the text's end; `text` moves behind it. */
static struct slice
cut(struct slice *text, char end)
{
	const char *at = text->len != 0 ? memchr(text->at, end, text->len) : NULL;
	struct slice piece = { text->at, at != NULL ? (size_t)(at - text->at) : text->len };

	text->at += piece.len + (at != NULL);
	text->len -= piece.len + (at != NULL);
	return piece;
}

static const struct pattern *
search_slowly(const struct pattern_set *set, const struct sample *sample)
{
	const struct pattern *p = NULL, *best = NULL;

	while ((p = pattern_set_next(set, p)) != NULL) {
		if (set->match->holds(set, p, sample))
			best = pattern_better(set, best, p, sample);
	}
	return best;
}

static void
set_ask(const struct pattern_set *set, struct slice text)
{
	static char room[4096];
	struct eval eval = { .room = { room, sizeof(room) } };
	struct sample sample = { .type = SAMPLE_STRING, .text = text }, copy, value;
	bool found;

	if ((set->takes & 1U << SAMPLE_STRING) == 0 &&
	    !sample_cast(&eval, &sample, set->match->cast))
		return;
	copy = sample;
	found = pattern_set_find(set, &eval, &copy, &value);
	if (!set->takes_patterns)
		return;
	/* the groups of "regm" may not fit into the room */
	claim(set->match->expands || found == (search_slowly(set, &sample) != NULL));
	if (set->has_values)
		claim(pattern_set_search(set, &sample) == search_slowly(set, &sample));
	if (found && set->has_values && !set->match->expands)
		claim(slice_equals(value.text, SLICE("v")));
}

static void
set_fill(struct pattern_set *set, struct slice patterns)
{
	while (patterns.len != 0) {
		struct slice pattern = cut(&patterns, '\n');

		if (pattern.len <= PATTERN_MAX_BYTES)
			pattern_set_add(set, pattern, SLICE("v"), false, NULL);
	}
}

/* So many more that there is a table. */
static void
set_grow(struct pattern_set *set)
{
	for (int i = 'a'; i < 'z'; i++) {
		const char c = (char)i;
		char text[] = { c, c, '6', c, 0 };

		pattern_set_add(set, slice_of(text), SLICE("v"), false, NULL);
		text[0] = text[1] = text[2] = text[3] = (char)('0' + (c - 'a') % 10);
		pattern_set_add(set, slice_of(text), SLICE("v"), false, NULL);
	}
}

static void
set_empty(struct pattern_set *set, struct slice patterns)
{
	while (patterns.len != 0) {
		struct slice pattern = cut(&patterns, '\n');

		pattern_set_remove(set, pattern);
		claim(!pattern_set_remove(set, pattern));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice patterns = { (const char *)data, size };
	struct slice value = cut(&patterns, '\n'), name = cut(&value, ' ');
	struct slice flags = cut(&value, ' ');
	const struct match *match = match_find(name);
	bool nocase = flags.len != 0 && memchr(flags.at, 'i', flags.len) != NULL;

	if (match == NULL)
		return 0;
	for (int way = 0; way < 2; way++) {
		struct pattern_set *set = NULL;

		claim(pattern_set_new(&set, match, nocase, way == 0 ? SAMPLE_ANY : SAMPLE_STRING,
			false) == ERR_OK);
		set_fill(set, patterns);
		set_ask(set, value);
		set_grow(set);
		set_ask(set, value);
		set_empty(set, patterns);
		set_ask(set, value);
		pattern_set_free(&set);
	}
	return 0;
}
