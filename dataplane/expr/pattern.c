/*
 * Patterns: what stands behind a test's name, read for its match method. Pure; any thread.
 */
#include "config.h"
#include "expr/match_priv.h"
#include <stdlib.h>
#include <string.h>

static const char *const op_names[] = {
	[RANGE_EQ] = "eq", [RANGE_GE] = "ge", [RANGE_GT] = "gt",
	[RANGE_LE] = "le", [RANGE_LT] = "lt",
};

bool
range_op_find(enum range_op *op, struct slice text)
{
	for (size_t i = 0; i < sizeof(op_names) / sizeof(op_names[0]); i++) {
		if (slice_equals(text, slice_of(op_names[i]))) {
			*op = (enum range_op)i;
			return true;
		}
	}
	return false;
}

static enum err
pattern_fail(struct diag *diag, const char *expected, struct slice text)
{
	char seen[64];

	diag_set(diag, "expected %s, not \"%s\"", expected, str_escape(seen, sizeof(seen), text));
	return ERR_INVALID;
}

/* An operator and a number as the range that they mean. False: nothing is over or under that number. */
static bool
range_set(struct pattern *pattern, enum range_op op, int64_t value)
{
	pattern->low = INT64_MIN;
	pattern->high = INT64_MAX;
	switch (op) {
	case RANGE_EQ:
		pattern->low = pattern->high = value;
		break;
	case RANGE_GE:
		pattern->low = value;
		break;
	case RANGE_GT:
		return !__builtin_add_overflow(value, 1, &pattern->low);
	case RANGE_LE:
		pattern->high = value;
		break;
	case RANGE_LT:
		return !__builtin_sub_overflow(value, 1, &pattern->high);
	}
	return true;
}

/* "low:high"; either may be left out, not both. */
static enum err
range_parse(struct pattern *pattern, struct slice text, const char *colon, struct diag *diag)
{
	struct slice low = { text.at, (size_t)(colon - text.at) };
	struct slice high = { colon + 1, text.len - low.len - 1 };

	pattern->low = INT64_MIN;
	pattern->high = INT64_MAX;
	if ((low.len == 0 && high.len == 0) ||
	    (low.len != 0 && int_parse(low, &pattern->low) != ERR_OK) ||
	    (high.len != 0 && int_parse(high, &pattern->high) != ERR_OK))
		return pattern_fail(diag, "a range of numbers (\"1:3\", \":3\" or \"1:\")", text);
	if (pattern->low > pattern->high)
		return pattern_fail(diag, "a range whose first number is not over its last", text);
	return ERR_OK;
}

static enum err
number_parse(struct pattern *pattern, enum range_op op, struct slice text, struct diag *diag)
{
	const char *colon = memchr(text.at, ':', text.len);
	int64_t value;

	if (colon != NULL && op != RANGE_EQ)
		return pattern_fail(diag, "a number behind an operator, no range", text);
	if (colon != NULL)
		return range_parse(pattern, text, colon, diag);
	if (int_parse(text, &value) != ERR_OK)
		return pattern_fail(
			diag, "a number, a range, or one of the operators eq, ge, gt, le and lt",
			text);
	if (!range_set(pattern, op, value))
		return pattern_fail(diag, "a number that another may be over or under", text);
	return ERR_OK;
}

/* Delimiters around it say nothing (HAProxy manual, 7.1.3). */
static enum err
portions_parse(struct pattern *pattern, const char *delimiters, struct diag *diag)
{
	struct slice text = pattern->text;

	while (pattern->text.len != 0 && strchr(delimiters, pattern->text.at[0]) != NULL) {
		pattern->text.at++;
		pattern->text.len--;
	}
	while (pattern->text.len != 0 &&
	       strchr(delimiters, pattern->text.at[pattern->text.len - 1]) != NULL)
		pattern->text.len--;
	if (pattern->text.len == 0)
		return pattern_fail(
			diag, "something between the delimiters, or it would never match", text);
	return ERR_OK;
}

enum err
pattern_parse(struct pattern *pattern, const struct match *match, enum range_op op,
	      struct slice text, struct diag *diag)
{
	*pattern = (struct pattern){ .text = text };
	switch (match->kind) {
	case PATTERN_NONE:
		diag_set(diag, "\"-m %s\" takes no value", match->name);
		return ERR_INVALID;
	case PATTERN_RANGE:
		return number_parse(pattern, op, text, diag);
	case PATTERN_TEXT:
		return ERR_OK;
	case PATTERN_PORTIONS:
		return portions_parse(pattern, match->delimiters, diag);
	}
	return ERR_INVALID;
}

/* -- sets: patterns in the order in which they came -- */

struct pattern_set {
	const struct match	*match;
	struct match_how	 how;
	struct pattern		*at;		/* owned, and each one's text */
	uint32_t		 count, cap;
};

enum err
pattern_set_new(struct pattern_set **sp, const struct match *match, bool nocase,
	enum sample_type value_type, bool is_live)
{
	struct pattern_set *set = calloc(1, sizeof(*set));

	if (set == NULL)
		return ERR_NOMEM;
	set->match = match;
	set->how = (struct match_how){ match->delimiters, nocase };
	*sp = set;
	return ERR_OK;
}

static enum err
pattern_append(struct pattern_set *set, struct pattern *pattern)
{
	char *copy = malloc(pattern->text.len + 1);

	if (copy == NULL)
		return ERR_NOMEM;
	if (set->count == set->cap) {
		uint32_t cap = set->cap != 0 ? set->cap * 2 : 2;
		struct pattern *at = reallocarray(set->at, cap, sizeof(*at));

		if (at == NULL) {
			free(copy);
			return ERR_NOMEM;
		}
		set->at = at;
		set->cap = cap;
	}
	memcpy(copy, pattern->text.at, pattern->text.len);
	pattern->text.at = copy;
	set->at[set->count++] = *pattern;
	return ERR_OK;
}

enum err
pattern_set_add(struct pattern_set *set, struct slice text, struct slice value, bool replace,
	struct diag *diag)
{
	enum range_op op = RANGE_EQ;
	struct pattern pattern;
	const char *space =
		set->match->kind == PATTERN_RANGE ? memchr(text.at, ' ', text.len) : NULL;

	if (space != NULL &&
	    range_op_find(&op, (struct slice){ text.at, (size_t)(space - text.at) }))
		text = (struct slice){ space + 1, (size_t)(text.at + text.len - space - 1) };
	if (pattern_parse(&pattern, set->match, op, text, diag) != ERR_OK)
		return ERR_INVALID;
	return pattern_append(set, &pattern);
}

size_t
pattern_set_count(const struct pattern_set *set)
{
	return set->count;
}

bool
pattern_set_find(const struct pattern_set *set, struct eval *eval, struct sample *sample,
	struct sample *value)
{
	const struct match *match = set->match;

	if (!match_cast(match, eval, sample))
		return false;
	for (uint32_t i = 0; i < set->count; i++) {
		if (match->holds(sample, &set->at[i], &set->how))
			return true;
	}
	return false;
}

void
pattern_set_free(struct pattern_set **sp)
{
	struct pattern_set *set = *sp;

	*sp = NULL;
	if (set == NULL)
		return;
	for (uint32_t i = 0; i < set->count; i++)
		free((char *)set->at[i].text.at);
	free(set->at);
	free(set);
}
