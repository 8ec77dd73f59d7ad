/*
 * Converters that take a piece of a list: field, word, param, language (HAProxy manual, 7.3.1).
 *
 * field and word count from the front or from the back; both are one walk over positions 0 to len, which
 * is read from the other end for the latter.
 */
#include "config.h"
#include "expr/conv_priv.h"
#include <stdlib.h>
#include "expr/conv_value_priv.h"
#include "http/head.h"

enum { INDEX, DELIMITERS, COUNT };	/* arguments of field and word */

struct walk {
	struct slice	text;
	struct slice	delimiters;
	bool		backward;
};

static bool
walk_is_delimiter(const struct walk *w, size_t at)
{
	char c = w->text.at[w->backward ? w->text.len - 1 - at : at];

	if (w->delimiters.len == 1)
		return c == w->delimiters.at[0];
	return memchr(w->delimiters.at, c, w->delimiters.len) != NULL;
}

/* The first position from `at` on that is a delimiter, or that is none; len: there is none. */
static size_t
walk_to(const struct walk *w, size_t at, bool delimiter)
{
	while (at < w->text.len && walk_is_delimiter(w, at) != delimiter)
		at++;
	return at;
}

static struct slice
walk_cut(const struct walk *w, size_t begin, size_t end)
{
	size_t first = w->backward ? w->text.len - end : begin;

	return (struct slice){ w->text.at + first, end - begin };
}

static struct walk
walk_of(const struct args *args, struct slice text)
{
	return (struct walk){ text, args->at[DELIMITERS].text, args->at[INDEX].number < 0 };
}

static uint64_t
index_of(const struct args *args)
{
	int64_t index = args->at[INDEX].number;

	return index < 0 ? -(uint64_t)index : (uint64_t)index;
}

static enum err
index_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	if (args->at[INDEX].number == 0) {
		diag_set(diag, "index 0: the first is 1, the last is -1");
		return ERR_INVALID;
	}
	if (args->at[DELIMITERS].text.len == 0) {
		diag_set(diag, "expected at least one delimiter as second argument");
		return ERR_INVALID;
	}
	return ERR_OK;
}

static bool
field_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct walk w = walk_of(args, sample->text);
	int64_t count = arg_number(args, COUNT, 1);
	size_t begin = 0, end;

	for (uint64_t n = index_of(args); n > 1; n--) {
		begin = walk_to(&w, begin, true);
		if (begin == w.text.len)
			return false;
		begin++;
	}
	end = walk_to(&w, begin, true);
	for (; count != 1 && end < w.text.len; count -= count > 1)
		end = walk_to(&w, end + 1, true);
	sample->text = walk_cut(&w, begin, end);
	return true;
}

/*
 * Where there is no such word the value is empty, as HAProxy has it. Delimiters behind the last one
 * stay if fewer are there.
 */
static bool
word_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct walk w = walk_of(args, sample->text);
	int64_t count = arg_number(args, COUNT, 1);
	size_t begin = walk_to(&w, 0, false), end;

	for (uint64_t n = index_of(args); n > 1 && begin < w.text.len; n--)
		begin = walk_to(&w, walk_to(&w, begin, true), false);
	end = walk_to(&w, begin, true);
	for (; count != 1 && end < w.text.len; count -= count > 1)
		end = walk_to(&w, walk_to(&w, end, false), true);
	sample->text = walk_cut(&w, begin, end);
	return true;
}

/* -- param -- */

static enum err
param_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	if (args->at[0].text.len == 0) {
		diag_set(diag, "expected a parameter's name");
		return ERR_INVALID;
	}
	if (args->at[1].kind != ARG_NONE && args->at[1].text.len != 1) {
		diag_set(diag, "expected one character as delimiter");
		return ERR_INVALID;
	}
	return ERR_OK;
}

static bool
param_is(struct slice param, struct slice name)
{
	return param.len >= name.len && memcmp(param.at, name.at, name.len) == 0 &&
		(param.len == name.len || param.at[name.len] == '=');
}

static bool
param_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	char delimiter = args->at[1].kind == ARG_NONE ? '&' : args->at[1].text.at[0];
	struct slice name = args->at[0].text, rest = sample->text;

	while (rest.len > 0) {
		const char *end = memchr(rest.at, delimiter, rest.len);
		struct slice param = { rest.at, end == NULL ? rest.len : (size_t)(end - rest.at) };

		if (param_is(param, name)) {
			size_t skip = param.len == name.len ? name.len : name.len + 1;

			sample->text = (struct slice){ param.at + skip, param.len - skip };
			return true;
		}
		if (end == NULL)
			break;
		rest.at = end + 1;
		rest.len -= param.len + 1;
	}
	return false;
}

/* -- language -- */

static struct slice
trimmed(struct slice text)
{
	while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t')) {
		text.at++;
		text.len--;
	}
	while (text.len > 0 && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* Up to the delimiter, which is taken off `rest` too. */
static struct slice
cut_next(struct slice *rest, char delimiter)
{
	const char *end = rest->len == 0 ? NULL : memchr(rest->at, delimiter, rest->len);
	struct slice part = { rest->at, end == NULL ? rest->len : (size_t)(end - rest->at) };
	size_t taken = end == NULL ? part.len : part.len + 1;

	if (taken > 0)
		rest->at += taken;
	rest->len -= taken;
	return part;
}

#define WEIGHT_MAX 1000		/* thousandths (RFC 9110, 12.4.2) */

/* "0.5": 500. What is no number weighs as much as if nothing was said. */
static unsigned
weight_of(struct slice text)
{
	unsigned weight, unit = 100;

	if (text.len == 0 || text.at[0] < '0' || text.at[0] > '9')
		return WEIGHT_MAX;
	weight = (unsigned)(text.at[0] - '0') * WEIGHT_MAX;
	for (size_t i = 2; i < text.len && text.at[1] == '.' && unit > 0; i++, unit /= 10) {
		if (text.at[i] < '0' || text.at[i] > '9')
			break;
		weight += (unsigned)(text.at[i] - '0') * unit;
	}
	return weight > WEIGHT_MAX ? WEIGHT_MAX : weight;
}

static unsigned
range_weight(struct slice parameters)
{
	while (parameters.len > 0) {
		struct slice parameter = trimmed(cut_next(&parameters, ';'));
		struct slice name = trimmed(cut_next(&parameter, '='));

		if (http_equals_nocase(name, SLICE("q")))
			return weight_of(trimmed(parameter));
	}
	return WEIGHT_MAX;
}

static bool
list_find(struct slice list, struct slice wanted, struct slice *found)
{
	while (list.len > 0) {
		*found = cut_next(&list, ';');
		if (slice_equals(*found, wanted))
			return true;
	}
	return false;
}

/* "en-gb" in the list, or else "en". */
static bool
language_find(struct slice list, struct slice language, struct slice *found)
{
	while (language.len > 0) {
		if (list_find(list, language, found))
			return true;
		while (language.len > 0 && language.at[--language.len] != '-')
			;
	}
	return false;
}

static bool
language_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct slice rest = sample->text, best = args->at[1].text, found;
	unsigned best_weight = 0;

	while (rest.len > 0) {
		struct slice range = cut_next(&rest, ',');
		struct slice name = trimmed(cut_next(&range, ';'));
		unsigned weight = range_weight(range);

		if (weight > best_weight && language_find(args->at[0].text, name, &found)) {
			best_weight = weight;
			best = found;
		}
	}
	sample->text = best;
	return best.len > 0;
}

static const struct conv rows[] = {
	{ "field", SAMPLE_STRING, SAMPLE_STRING, { ARG_INT, ARG_STRING, ARG_INT | ARG_OPTIONAL },
		"the nth field between delimiters, from the end if negative; so many of them, 0: all",
		index_check, field_run, 0 },
	{ "language", SAMPLE_STRING, SAMPLE_STRING, { ARG_STRING, ARG_STRING | ARG_OPTIONAL },
		"which of these languages (separated by \";\") Accept-Language likes most, else the default",
		NULL, language_run, 0 },
	{ "param", SAMPLE_STRING, SAMPLE_STRING, { ARG_STRING, ARG_STRING | ARG_OPTIONAL },
		"a parameter's value in \"a=1&b=2\"; another delimiter may be given",
		param_check, param_run, 0 },
	{ "word", SAMPLE_STRING, SAMPLE_STRING, { ARG_INT, ARG_STRING, ARG_INT | ARG_OPTIONAL },
		"as field, where any number of delimiters is one", index_check, word_run, 0 },
};

struct conv_table conv_field = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
