/*
 * Durations and sizes as text. Pure; any thread.
 */
#include "config.h"
#include "core/str.h"
#include <inttypes.h>
#include <stdio.h>

struct unit {
	const char	*name;
	int64_t		 factor;
};

/* Largest first: the order in which a compound duration names them. */
static const struct unit duration_units[] = {
	{ "d", 24 * 60 * 60 * 1000 },
	{ "h", 60 * 60 * 1000 },
	{ "m", 60 * 1000 },
	{ "s", 1000 },
	{ "ms", 1 },
	{ "us", 0 }, /* a thousandth, see duration_add() */
};
#define DURATION_UNITS (sizeof(duration_units) / sizeof(duration_units[0]))

static bool
byte_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The digits that `text` opens with, taken from it. False: none. A number too large sets *over. */
static bool
number_take(struct slice *text, int64_t *value, bool *over)
{
	const char *begin = text->at;

	*value = 0;
	while (text->len > 0 && byte_is_digit(*text->at)) {
		if (__builtin_mul_overflow(*value, (int64_t)10, value) ||
		    __builtin_add_overflow(*value, (int64_t)(*text->at - '0'), value))
			*over = true;
		text->at++;
		text->len--;
	}
	return text->at != begin;
}

/* The letters that `text` opens with, taken from it. */
static struct slice
word_take(struct slice *text)
{
	struct slice word = { text->at, 0 };

	while (word.len < text->len && !byte_is_digit(word.at[word.len]))
		word.len++;
	text->at += word.len;
	text->len -= word.len;
	return word;
}

static void
duration_add(int64_t *sum, int64_t value, const struct unit *unit, bool *over)
{
	int64_t ms;

	if (unit->factor == 0) /* not (value + 999) / 1000, which may overflow */
		ms = value / 1000 + (value % 1000 != 0);
	else if (__builtin_mul_overflow(value, unit->factor, &ms))
		*over = true;
	if (!*over && __builtin_add_overflow(*sum, ms, sum))
		*over = true;
}

enum err
duration_parse(struct slice text, int64_t *ms)
{
	size_t next_unit = 0; /* units only get smaller */
	int64_t value, sum = 0;
	bool over = false, alone = true;

	do {
		struct slice word;

		if (!number_take(&text, &value, &over))
			return ERR_INVALID;
		word = alone && text.len == 0 ? SLICE("ms") : word_take(&text);
		while (next_unit < DURATION_UNITS &&
		       !slice_equals(word, slice_of(duration_units[next_unit].name)))
			next_unit++;
		if (next_unit == DURATION_UNITS)
			return ERR_INVALID;
		duration_add(&sum, value, &duration_units[next_unit++], &over);
		alone = false;
	} while (text.len > 0);
	if (over)
		return ERR_LIMIT;
	*ms = sum;
	return ERR_OK;
}

size_t
duration_format(char *buf, size_t size, int64_t ms)
{
	const struct unit *unit = duration_units;
	int n;

	if (ms == 0)
		n = snprintf(buf, size, "0");
	else {
		while (ms % unit->factor != 0) /* ends at "ms" */
			unit++;
		n = snprintf(buf, size, "%" PRId64 "%s", ms / unit->factor, unit->name);
	}
	return (size_t)n;
}

/* By how many bits a size's letter shifts; -1: no such letter. */
static int
size_shift(struct slice letter)
{
	static const char letters[] = "kKmMgG";
	const char *found;

	if (letter.len == 0)
		return 0;
	found = letter.len == 1 ? memchr(letters, *letter.at, sizeof(letters) - 1) : NULL;
	return found == NULL ? -1 : 10 * (int)((found - letters) / 2 + 1);
}

enum err
size_parse(struct slice text, int64_t *bytes)
{
	bool over = false;
	int64_t value;
	int shift;

	if (!number_take(&text, &value, &over))
		return ERR_INVALID;
	shift = size_shift(text);
	if (shift < 0)
		return ERR_INVALID;
	if (over || value > INT64_MAX >> shift)
		return ERR_LIMIT;
	*bytes = value << shift;
	return ERR_OK;
}
