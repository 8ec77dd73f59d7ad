/*
 * The match methods. A worker runs them for each value of each test. Pure; any thread.
 */
#include "config.h"
#include "expr/match_priv.h"
#include <string.h>

static char
byte_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool
bytes_equal(const char *a, const char *b, size_t len, bool nocase)
{
	if (!nocase)
		return memcmp(a, b, len) == 0;
	for (size_t i = 0; i < len; i++) {
		if (byte_lower(a[i]) != byte_lower(b[i]))
			return false;
	}
	return true;
}

static bool
match_found(const struct sample *sample, const struct pattern *pattern, const struct match_how *how)
{
	return true;
}

static bool
match_bool(const struct sample *sample, const struct pattern *pattern, const struct match_how *how)
{
	return sample->number != 0;
}

static bool
match_int(const struct sample *sample, const struct pattern *pattern, const struct match_how *how)
{
	return pattern->low <= sample->number && sample->number <= pattern->high;
}

static bool
match_len(const struct sample *sample, const struct pattern *pattern, const struct match_how *how)
{
	int64_t len = (int64_t)sample->text.len;

	return pattern->low <= len && len <= pattern->high;
}

/* Methods are compared with their case, whatever -i says (RFC 9110, 9.1). */
static bool
match_method(const struct sample *sample, const struct pattern *pattern,
	     const struct match_how *how)
{
	return slice_equals(sample->text, pattern->text);
}

static bool
match_str(const struct sample *sample, const struct pattern *pattern, const struct match_how *how)
{
	return sample->text.len == pattern->text.len &&
	       bytes_equal(sample->text.at, pattern->text.at, pattern->text.len, how->nocase);
}

static bool
match_beg(const struct sample *sample, const struct pattern *pattern, const struct match_how *how)
{
	return sample->text.len >= pattern->text.len &&
	       bytes_equal(sample->text.at, pattern->text.at, pattern->text.len, how->nocase);
}

static bool
match_end(const struct sample *sample, const struct pattern *pattern, const struct match_how *how)
{
	size_t before = sample->text.len - pattern->text.len;

	return sample->text.len >= pattern->text.len &&
	       bytes_equal(sample->text.at + before, pattern->text.at, pattern->text.len,
			   how->nocase);
}

static bool
match_sub(const struct sample *sample, const struct pattern *pattern, const struct match_how *how)
{
	struct slice in = sample->text, what = pattern->text;

	if (!how->nocase)
		return memmem(in.at, in.len, what.at, what.len) != NULL;
	for (size_t i = 0; i + what.len <= in.len; i++) {
		if (bytes_equal(in.at + i, what.at, what.len, true))
			return true;
	}
	return false;
}

static bool
is_delimiter(char c, const char *delimiters)
{
	return c != '\0' && strchr(delimiters, c) != NULL;
}

/* The pattern stands somewhere with a delimiter, or an end of the text, on either side. */
static bool
match_portions(const struct sample *sample, const struct pattern *pattern,
	const struct match_how *how)
{
	struct slice in = sample->text, what = pattern->text;

	for (size_t i = 0; i + what.len <= in.len; i++) {
		size_t end = i + what.len;

		if ((i == 0 || is_delimiter(in.at[i - 1], how->delimiters)) &&
		    (end == in.len || is_delimiter(in.at[end], how->delimiters)) &&
		    bytes_equal(in.at + i, what.at, what.len, how->nocase))
			return true;
	}
	return false;
}

#define BOOL	(1U << SAMPLE_BOOL)
#define INT	(1U << SAMPLE_INT)
#define STRING	(1U << SAMPLE_STRING)
#define METHOD	(1U << SAMPLE_METHOD)
#define TEXT	(STRING | METHOD)

/* clang-format off */
const struct match matches[] = {
	/* name		types		kind			form	delimiters	holds */
	{ "beg",	TEXT,		PATTERN_TEXT,		true,	NULL,		match_beg },
	{ "bool",	BOOL | INT,	PATTERN_NONE,		false,	NULL,		match_bool },
	{ "dir",	TEXT,		PATTERN_PORTIONS,	true,	"/",		match_portions },
	{ "dom",	TEXT,		PATTERN_PORTIONS,	true,	".:/?",		match_portions },
	{ "end",	TEXT,		PATTERN_TEXT,		true,	NULL,		match_end },
	{ "found",	~0U,		PATTERN_NONE,		false,	NULL,		match_found },
	{ "int",	BOOL | INT,	PATTERN_RANGE,		false,	NULL,		match_int },
	{ "len",	TEXT,		PATTERN_RANGE,		true,	NULL,		match_len },
	{ "meth",	METHOD,		PATTERN_TEXT,		false,	NULL,		match_method },
	{ "str",	TEXT,		PATTERN_TEXT,		false,	NULL,		match_str },
	{ "sub",	TEXT,		PATTERN_TEXT,		true,	NULL,		match_sub },
};
/* clang-format on */

const size_t match_count = sizeof(matches) / sizeof(matches[0]);

const struct match *
match_find(struct slice name)
{
	for (size_t i = 0; i < match_count; i++) {
		if (slice_equals(name, slice_of(matches[i].name)))
			return &matches[i];
	}
	return NULL;
}

const struct match *
match_default(enum sample_type type)
{
	static const char *const names[SAMPLE_TYPES + 1] = {
		[SAMPLE_BOOL] = "bool",
		[SAMPLE_INT] = "int",
		[SAMPLE_STRING] = "str",
		[SAMPLE_METHOD] = "meth",
	};

	return names[type] != NULL ? match_find(slice_of(names[type])) : NULL;
}

/* As what a value is compared: one of the types that the method takes. */
static enum sample_type
match_type(const struct match *match, enum sample_type from)
{
	static const enum sample_type order[] = { SAMPLE_STRING, SAMPLE_INT, SAMPLE_BOOL,
						  SAMPLE_METHOD };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if ((match->types & 1U << order[i]) != 0 && sample_may_cast(from, order[i]))
			return order[i];
	}
	return SAMPLE_ANY;
}

bool
match_takes(const struct match *match, enum sample_type type)
{
	return type == SAMPLE_ANY || (match->types & 1U << type) != 0 ||
	       match_type(match, type) != SAMPLE_ANY;
}

bool
match_takes_patterns(const struct match *match)
{
	return match->kind != PATTERN_NONE;
}

bool
match_has_form(const struct match *match)
{
	return match->has_form;
}

const char *
match_name(const struct match *match)
{
	return match->name;
}

const struct match *
match_at(size_t index)
{
	return index < match_count ? &matches[index] : NULL;
}

bool
match_cast(const struct match *match, struct eval *eval, struct sample *sample)
{
	return (match->types & 1U << sample->type) != 0 ||
	       sample_cast(eval, sample, match_type(match, sample->type));
}
