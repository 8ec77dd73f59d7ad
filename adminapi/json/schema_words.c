/*
 * The words of a violation: what was expected, what was seen.
 *
 * Outside text is escaped and cut. Pure; any thread.
 */
#include "config.h"
#include "adminapi/json/schema_priv.h"
#include <math.h>
#include <stdio.h>
#include "adminapi/json/strict.h"
#include "core/hint.h"
#include "core/jsonw.h"

#define SEEN_BYTES 80		/* as much of a value as helps to recognise it */
#define CHOICES_MAX 64		/* words of an enum: a rule's actions are the most */
#define EXACT_MAX 9007199254740992.0	/* 2^53 */

static const struct {
	enum schema_type	 type;
	const char		*words;
} type_words[] = {
#define X(name, bit, text, words) { TYPE_##name, words },
	SCHEMA_TYPES(X)
#undef X
};

void
words_of_types(struct buf *out, unsigned types)
{
	const char *between = "";
	size_t i;

	for (i = 0; i < sizeof(type_words) / sizeof(type_words[0]); i++) {
		if ((types & type_words[i].type) == 0)
			continue;
		buf_printf(out, "%s%s", between, type_words[i].words);
		between = " or ";
	}
}

void
words_of_value(struct buf *out, const cJSON *value)
{
	if (cJSON_IsString(value))
		buf_puts(out, "a string");
	else if (cJSON_IsArray(value))
		buf_puts(out, "an array");
	else if (cJSON_IsObject(value))
		buf_puts(out, "an object");
	else
		words_of_seen(out, value);
}

void
words_of_number(struct buf *out, double number)
{
	struct jsonw w;

	jsonw_init(&w, out);
	if (fabs(number) <= EXACT_MAX && number == trunc(number))
		jsonw_int(&w, NULL, (int64_t)number);
	else
		jsonw_double(&w, NULL, number);
}

void
words_of_seen(struct buf *out, const cJSON *value)
{
	char text[SEEN_BYTES];

	if (cJSON_IsString(value))
		buf_printf(out, "\"%s\"",
			   str_escape(text, sizeof(text), slice_of(value->valuestring)));
	else if (cJSON_IsArray(value) || cJSON_IsObject(value))
		words_of_value(out, value);
	else
		json_print(out, value);
}

void
words_of_range(struct buf *out, const struct schema_limit *min, const struct schema_limit *max)
{
	if (min->is_set && max->is_set) {
		words_of_number(out, min->value);
		buf_puts(out, " to ");
		words_of_number(out, max->value);
	} else if (min->is_set) {
		buf_puts(out, "at least ");
		words_of_number(out, min->value);
	} else {
		buf_puts(out, "at most ");
		words_of_number(out, max->value);
	}
}

void
words_of_choices(struct buf *out, const cJSON *choices)
{
	const cJSON *choice;
	unsigned count = 0;

	if (choices->child->next != NULL)
		buf_puts(out, "one of ");
	cJSON_ArrayForEach(choice, choices) {
		if (count++ == CHOICES_MAX) {
			buf_puts(out, ", ...");
			break;
		}
		if (count > 1)
			buf_puts(out, ", ");
		words_of_seen(out, choice);
	}
}

void
words_of_nearest(struct buf *out, const cJSON *choices, const cJSON *value)
{
	const char *names[CHOICES_MAX];
	const char *nearest, *later;
	const cJSON *choice;
	size_t count = 0;

	if (!cJSON_IsString(value))
		return;
	later = hint_later(value->valuestring);
	if (later != NULL) {
		buf_printf(out, "; it %s", later);
		return;
	}
	cJSON_ArrayForEach(choice, choices) {
		if (cJSON_IsString(choice) && count < CHOICES_MAX)
			names[count++] = choice->valuestring;
	}
	nearest = hint_nearest(value->valuestring, names, count);
	if (nearest != NULL)
		buf_printf(out, "; did you mean \"%s\"?", nearest);
}

/* "24d", "16m", "1500": the largest unit that divides it. */
static void
words_of_size(struct buf *out, int64_t bytes)
{
	static const char units[] = { 'g', 'm', 'k' };
	int shift = 30;
	size_t i;

	for (i = 0; i < sizeof(units); i++, shift -= 10) {
		if (bytes != 0 && bytes % (INT64_C(1) << shift) == 0) {
			buf_printf(out, "%lld%c", (long long)(bytes >> shift), units[i]);
			return;
		}
	}
	buf_printf(out, "%lld", (long long)bytes);
}

static void
words_of_amount(struct buf *out, enum schema_unit unit, int64_t amount)
{
	char text[24];

	if (unit == UNIT_SIZE) {
		words_of_size(out, amount);
		return;
	}
	duration_format(text, sizeof(text), amount);
	buf_puts(out, text);
}

void
words_of_unit(struct buf *out, const struct schema_node *node)
{
	if (node->unit == UNIT_DURATION)
		buf_puts(out, "a duration from ");
	else
		buf_puts(out, "a size from ");
	words_of_amount(out, node->unit, node->range_min);
	buf_puts(out, " to ");
	words_of_amount(out, node->unit, node->range_max);
}
