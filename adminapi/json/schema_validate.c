/*
 * A value against a schema: every violation, with its pointer, in words that help.
 *
 * Members are walked once and looked up in the node's sorted table, so the time is that of the
 * document. Recursion is as deep as the value, which the strict pass bounds. Any thread.
 */
#include "config.h"
#include "adminapi/json/schema_priv.h"
#include <math.h>
#include "adminapi/json/strict.h"
#include "core/hint.h"

struct validation {
	struct pointer		*at;
	struct issues		*issues;
	pcre2_match_data	*match;
	const char		*subject;	/* "" for the value, "the name " for a member's name */
	bool			is_secret;	/* the value, and all in it */
	const struct schema_node *whole;	/* of the value; its cases are parts of it */
	const char		*choice;	/* the word that chose the case that is looked at; NULL: none */
};

static void validate_node(struct validation *v, const struct schema_node *node, const cJSON *value,
			  bool unit_known);

/* A value of its own: the document, a member, an item. */
static void
validate_value(struct validation *v, const struct schema_node *node, const cJSON *value)
{
	const struct schema_node *whole = v->whole;
	const char *choice = v->choice;

	v->whole = node;
	v->choice = NULL;
	validate_node(v, node, value, false);
	v->whole = whole;
	v->choice = choice;
}

/* More issues than are kept: words would be for nothing. */
static bool
validation_is_full(struct validation *v)
{
	if (v->issues->count < ISSUES_MAX)
		return false;
	v->issues->dropped++;
	return true;
}

/* Begin "must be "; end with the issue. */
static void
violation_begin(struct validation *v, struct buf *words, const char *must)
{
	buf_printf(words, "%smust %s", v->subject, must);
}

static void
violation_end(struct validation *v, struct buf *words)
{
	buf_put(words, "", 1);
	if (words->failed)
		v->issues->dropped++;
	else
		issues_add(v->issues, pointer_text(v->at), "%s", words->at);
	buf_fini(words);
}

static unsigned
types_of(const cJSON *value)
{
	if (cJSON_IsString(value))
		return TYPE_STRING;
	if (cJSON_IsObject(value))
		return TYPE_OBJECT;
	if (cJSON_IsNumber(value) && value->valuedouble == trunc(value->valuedouble))
		return TYPE_NUMBER | TYPE_INTEGER;
	if (cJSON_IsNumber(value))
		return TYPE_NUMBER;
	if (cJSON_IsBool(value))
		return TYPE_BOOLEAN;
	return cJSON_IsArray(value) ? TYPE_ARRAY : TYPE_NULL;
}

/* A secret is not repeated: only of what type it is. */
static void
violation_seen(struct validation *v, struct buf *words, const cJSON *value)
{
	buf_puts(words, ", is ");
	if (v->is_secret)
		words_of_types(words, types_of(value) & ~(unsigned)TYPE_INTEGER);
	else
		words_of_seen(words, value);
	violation_end(v, words);
}

/* False: of another type, so nothing else is worth saying. */
static bool
validate_type(struct validation *v, const struct schema_node *node, const cJSON *value)
{
	struct buf words = { 0 };

	if (node->types == 0 || (node->types & types_of(value)) != 0)
		return true;
	if (validation_is_full(v))
		return false;
	violation_begin(v, &words, "be ");
	words_of_types(&words, node->types);
	if (v->is_secret) {
		violation_seen(v, &words, value);
		return false;
	}
	buf_puts(&words, ", is ");
	words_of_value(&words, value);
	if (node->hint != NULL)
		buf_printf(&words, "; %s", node->hint);
	violation_end(v, &words);
	return false;
}

static bool
is_among(const cJSON *choices, const cJSON *value)
{
	const cJSON *choice;

	cJSON_ArrayForEach(choice, choices) {
		if (json_equals(choice, value))
			return true;
	}
	return false;
}

static void
validate_choice(struct validation *v, const struct schema_node *node, const cJSON *value)
{
	struct buf words = { 0 };

	if (node->enumeration != NULL && !is_among(node->enumeration, value) &&
	    !validation_is_full(v)) {
		violation_begin(v, &words, "be ");
		words_of_choices(&words, node->enumeration);
		if (v->is_secret) {
			violation_seen(v, &words, value);
			return;
		}
		buf_puts(&words, ", is ");
		words_of_seen(&words, value);
		words_of_nearest(&words, node->enumeration, value);
		violation_end(v, &words);
	}
	if (node->constant != NULL && !json_equals(node->constant, value) &&
	    !validation_is_full(v)) {
		words = (struct buf){ 0 };
		violation_begin(v, &words, "be ");
		words_of_seen(&words, node->constant);
		violation_seen(v, &words, value);
	}
}

static bool
is_within(double number, const struct schema_limit *min, const struct schema_limit *max)
{
	return (!min->is_set || number >= min->value) && (!max->is_set || number <= max->value);
}

static void
validate_number(struct validation *v, const struct schema_node *node, const cJSON *value)
{
	struct buf words = { 0 };

	if (is_within(value->valuedouble, &node->minimum, &node->maximum) || validation_is_full(v))
		return;
	violation_begin(v, &words, "be ");
	words_of_range(&words, &node->minimum, &node->maximum);
	violation_seen(v, &words, value);
}

/* How many characters or items there must be and are. */
static void
validate_count(struct validation *v, const struct schema_limit *min, const struct schema_limit *max,
	size_t count, const char *of_what)
{
	struct buf words = { 0 };

	if (is_within((double)count, min, max) || validation_is_full(v))
		return;
	violation_begin(v, &words, "have ");
	words_of_range(&words, min, max);
	buf_printf(&words, " %s, has %zu", of_what, count);
	violation_end(v, &words);
}

static size_t
characters_of(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

static void
validate_pattern(struct validation *v, const struct schema_node *node, const cJSON *value)
{
	struct buf words = { 0 };

	if (schema_pattern_found(&node->pattern, value->valuestring, v->match) ||
	    validation_is_full(v))
		return;
	violation_begin(v, &words, node->title != NULL ? "be " : "match ");
	buf_puts(&words, node->title != NULL ? node->title : node->pattern.text);
	violation_seen(v, &words, value);
}

static void
validate_string(struct validation *v, const struct schema_node *node, const cJSON *value)
{
	if (node->min_length.is_set || node->max_length.is_set)
		validate_count(v, &node->min_length, &node->max_length,
			characters_of(value->valuestring), "characters");
	if (node->pattern.code != NULL)
		validate_pattern(v, node, value);
}

/* A field with a unit: spelling and range in one, for the plain keywords say less in worse words. */
static void
validate_unit(struct validation *v, const struct schema_node *node, const cJSON *value)
{
	struct buf words = { 0 };
	int64_t amount = 0;
	enum err err = schema_unit_read(node, value, &amount);

	if (err == ERR_OK && cJSON_IsString(value) && node->unit_pattern != NULL &&
	    !schema_pattern_found(node->unit_pattern, value->valuestring, v->match))
		err = ERR_INVALID;
	if ((err == ERR_OK && amount >= node->range_min && amount <= node->range_max) ||
	    validation_is_full(v))
		return;
	violation_begin(v, &words, "be ");
	if (err == ERR_INVALID)
		buf_puts(&words,
			 node->unit == UNIT_DURATION
				 ? "a duration such as \"500ms\" or \"2s\" (us, ms, s, m, h, d)"
				 : "a size such as \"16k\" (k, m, g) or a number of bytes");
	else
		words_of_unit(&words, node);
	violation_seen(v, &words, value);
}

/* -- fields of a case: those that one of several kinds of objects has -- */

static bool
has_word(const cJSON *words, const char *word)
{
	const cJSON *choice;

	cJSON_ArrayForEach(choice, words) {
		if (cJSON_IsString(choice) && strcmp(choice->valuestring, word) == 0)
			return true;
	}
	return false;
}

/* The names that a case allows; NULL: it does not list them. */
static const cJSON *
case_names(const struct schema_node *node)
{
	const struct schema_node *then = node->only_if.then;

	return then == NULL || then->member_names == NULL ? NULL : then->member_names->enumeration;
}

/* Whether a case will tell of a name that it does not allow: once is enough. */
static bool
case_will_tell(const struct schema_node *node, const cJSON *object, const char *name)
{
	for (; node != NULL; node = node->ref) {
		if (case_names(node) != NULL && schema_case_holds(node, object))
			return !has_word(case_names(node), name);
	}
	return false;
}

/* What all cases have is not what was meant, but where this one says more of it. */
static bool
name_is_of_case(const struct validation *v, const struct schema_node *then, const char *name)
{
	const struct schema_property *property = schema_own_property(then, name);

	if (property != NULL && (property->node->types & ~(unsigned)TYPE_OBJECT) != 0)
		return true;
	for (const struct schema_node *node = v->whole; node != NULL; node = node->ref) {
		if (case_names(node) != NULL && !has_word(case_names(node), name))
			return true;
	}
	return false;
}

static void
words_of_case(const struct validation *v, const struct schema_node *then, struct buf *words)
{
	const cJSON *name;
	unsigned count = 0;

	cJSON_ArrayForEach(name, then->member_names->enumeration) {
		if (name_is_of_case(v, then, name->valuestring))
			buf_printf(words, "%s%s", count++ == 0 ? "; it has: " : ", ",
				   name->valuestring);
	}
}

/* "set-header has no field "header"; it has: name, value" */
static void
field_of_another(struct validation *v, const struct schema_node *then, const cJSON *name)
{
	const cJSON *names = then->member_names->enumeration;
	struct buf words = { 0 };
	char text[64];
	size_t len;

	if (is_among(names, name) || validation_is_full(v))
		return;
	buf_printf(&words, "%s has no field \"%s\"", v->choice,
		   str_escape(text, sizeof(text), slice_of(name->valuestring)));
	len = words.len;
	words_of_nearest(&words, names, name);
	if (words.len == len)
		words_of_case(v, then, &words);
	violation_end(v, &words);
}

static void
validate_name(struct validation *v, const struct schema_node *node, cJSON *member)
{
	cJSON name = { .type = cJSON_String, .valuestring = member->string };
	const char *subject = v->subject;

	if (v->choice != NULL && node->member_names->enumeration != NULL) {
		field_of_another(v, node, &name);
		return;
	}
	v->subject = "the name ";
	validate_node(v, node->member_names, &name, false);
	v->subject = subject;
}

static void
unknown_field(struct validation *v, const struct schema_node *node, const char *name)
{
	const char *hint;

	if (validation_is_full(v))
		return;
	hint = hint_nearest(name, node->names, node->name_count);
	if (hint != NULL)
		issues_add(v->issues, pointer_text(v->at), "unknown field; did you mean \"%s\"?",
			   hint);
	else
		issues_add(v->issues, pointer_text(v->at), "unknown field");
}

static void
validate_member(struct validation *v, const struct schema_node *node, const cJSON *object,
	cJSON *member)
{
	const struct schema_property *property = schema_own_property(node, member->string);
	bool described = property != NULL;
	uint32_t i;

	if (node->member_names != NULL)
		validate_name(v, node, member);
	if (property != NULL && !property->node->is_readonly)
		validate_value(v, property->node, member);
	for (i = 0; i < node->pattern_count; i++) {
		if (schema_pattern_found(&node->patterns[i], member->string, v->match)) {
			described = true;
			validate_value(v, node->patterns[i].node, member);
		}
	}
	if (described)
		return;
	if (node->is_closed && !case_will_tell(node, object, member->string))
		unknown_field(v, node, member->string);
	else if (!node->is_closed && node->additional != NULL)
		validate_value(v, node->additional, member);
}

static void
validate_object(struct validation *v, const struct schema_node *node, const cJSON *value)
{
	static const struct schema_limit none = { false, 0 };
	size_t count = 0;
	const cJSON *name;
	cJSON *member;

	cJSON_ArrayForEach(name, node->required) {
		if (cJSON_GetObjectItemCaseSensitive(value, name->valuestring) == NULL &&
		    !validation_is_full(v))
			issues_add(v->issues, pointer_text(v->at), "\"%s\" is required",
				name->valuestring);
	}
	cJSON_ArrayForEach(member, value) {
		size_t mark = pointer_push(v->at, member->string);

		validate_member(v, node, value, member);
		pointer_pop(v->at, mark);
		count++;
	}
	validate_count(v, &none, &node->max_members, count, "members");
}

static void
validate_array(struct validation *v, const struct schema_node *node, const cJSON *value)
{
	size_t count = 0;
	const cJSON *item;

	cJSON_ArrayForEach(item, value) {
		size_t mark = pointer_push_index(v->at, count++);

		if (node->items != NULL)
			validate_value(v, node->items, item);
		pointer_pop(v->at, mark);
	}
	validate_count(v, &node->min_items, &node->max_items, count, "items");
}

/* What a word in a member of `value` chose. */
static void
validate_case(struct validation *v, const struct schema_node *node, const cJSON *value)
{
	const char *choice = v->choice;

	v->choice = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(value, node->only_if.property));
	validate_node(v, node->only_if.then, value, false);
	v->choice = choice;
}

static void
judge_node(struct validation *v, const struct schema_node *node, const cJSON *value,
	   bool unit_known)
{
	if (!unit_known && node->unit != UNIT_NONE) {
		validate_unit(v, node, value);
		unit_known = true;
	}
	if (!unit_known) {
		if (!validate_type(v, node, value))
			return;
		if (cJSON_IsNumber(value))
			validate_number(v, node, value);
		else if (cJSON_IsString(value))
			validate_string(v, node, value);
	}
	validate_choice(v, node, value);
	if (cJSON_IsObject(value))
		validate_object(v, node, value);
	else if (cJSON_IsArray(value))
		validate_array(v, node, value);
	if (node->ref != NULL)
		validate_node(v, node->ref, value, unit_known);
	if (schema_case_holds(node, value))
		validate_case(v, node, value);
}

/* `unit_known`: who refers to this node has judged unit, spelling and range already. */
static void
validate_node(struct validation *v, const struct schema_node *node, const cJSON *value,
	bool unit_known)
{
	const bool was_secret = v->is_secret;

	v->is_secret |= schema_is_secret(node);
	judge_node(v, node, value, unit_known);
	v->is_secret = was_secret;
}

bool
schema_validate(const struct schema_node *node, const cJSON *value, struct pointer *at,
	struct issues *issues)
{
	struct validation v = { .at = at, .issues = issues, .subject = "" };
	uint32_t before = issues->count + issues->dropped;

	v.match = pcre2_match_data_create(1, NULL);
	if (v.match == NULL) {
		issues_add(issues, pointer_text(at), "no memory to validate");
		return false;
	}
	validate_value(&v, node, value);
	pcre2_match_data_free(v.match);
	return issues->count + issues->dropped == before;
}
