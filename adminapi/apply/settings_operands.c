/*
 * What a rule's fields are: texts, expressions, formats, variables, maps. Pure; any thread.
 */
#include "config.h"
#include "adminapi/apply/settings_rules_priv.h"

#include <stdlib.h>
#include <string.h>
#include "expr/pattern.h"
#include "expr/vars.h"

#define TARGET(type) ((type *)((char *)site->rule + operand->offset))

void
site_issue(struct rule_site *site, const char *field, const char *why)
{
	issue_below(site->issues, site->at, field, why);
}

/* -- references -- */

static const enum doc_kind ref_docs[REF_KINDS] = {
	[REF_BACKEND] = DOC_BACKEND, [REF_SERVER] = DOC_SERVER,     [REF_FRONTEND] = DOC_FRONTEND,
	[REF_MAP] = DOC_MAP,         [REF_USERLIST] = DOC_USERLIST,
};

const struct ref *
refs_last(const struct refs *refs)
{
	const struct ref *last = refs->first;

	while (last != NULL && last->next != NULL)
		last = last->next;
	return last;
}

void
refs_note(const struct chain *chain, const struct refs *refs, const struct ref **noted,
	  struct pointer *at)
{
	const struct ref *ref = *noted == NULL ? refs->first : (*noted)->next;

	for (; ref != NULL; ref = ref->next) {
		chain_note_use(chain, ref_docs[ref->kind], ref->name, ref->parent, at);
		*noted = ref;
	}
}

void
site_note_uses(struct rule_site *site, struct pointer *at)
{
	refs_note(site->chain, site->refs, &site->noted, at);
}

void
site_took(struct rule_site *site, struct pointer *at, enum err e, const struct diag *why)
{
	if (e == ERR_OK)
		site_note_uses(site, at);
	else if (e == ERR_NOMEM)
		site->nomem = true;
	else
		issues_add(site->issues, pointer_text(at), "%s", why->text);
}

/* The same on a field. */
static void
took(struct rule_site *site, const struct operand *operand, enum err e, const struct diag *why)
{
	size_t mark = pointer_push(site->at, operand->field);

	site_took(site, site->at, e, why);
	pointer_pop(site->at, mark);
}

/* -- plain values -- */

void
take_nothing(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
}

void
take_text(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
	if (!cJSON_IsString(value))
		return;
	*TARGET(char *) = strdup(value->valuestring);
	site->nomem |= *TARGET(char *) == NULL;
}

static void
take_bound(struct rule_site *site, const struct operand *operand, const cJSON *value,
	   field_bind_fn *bind)
{
	const struct field field = { .name = operand->field, .words = operand->words };

	bind(&field, value, TARGET(char), site->at, site->issues);
}

void
take_duration(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
	take_bound(site, operand, value, bind_ms);
}

void
take_size(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
	take_bound(site, operand, value, bind_size);
}

void
take_status(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
	take_bound(site, operand, value, bind_u16);
}

void
take_bool(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
	take_bound(site, operand, value, bind_bool);
}

void
take_word_enum(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
	take_bound(site, operand, value, bind_word);
}

void
take_number(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
	if (cJSON_IsNumber(value) && value->valuedouble >= INT32_MIN &&
	    value->valuedouble <= INT32_MAX)
		*TARGET(int64_t) = (int64_t)value->valuedouble;
}

void
take_word(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
	unsigned index = 0;
	const struct field field = { .name = operand->field, .words = operand->words };

	bind_word(&field, value, &index, site->at, site->issues);
	*TARGET(int64_t) = index;
}

/* -- what is compiled -- */

void
take_expr(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
	struct diag why;

	if (cJSON_IsString(value))
		took(site, operand,
		     expr_compile(TARGET(struct expr *), slice_of(value->valuestring), &site->env,
				  &why),
		     &why);
}

void
take_format(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
	struct diag why;

	if (cJSON_IsString(value))
		took(site, operand,
		     format_compile(TARGET(struct format *), slice_of(value->valuestring),
				    FORMAT_VALUE, &site->env, &why),
		     &why);
}

struct format *
format_take(struct rule_site *site, struct slice text, struct pointer *at)
{
	struct format *format = NULL;
	struct diag why;
	enum err e = format_compile(&format, text, FORMAT_VALUE, &site->env, &why);

	site_took(site, at, e, &why);
	return format;
}

void
take_regex(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
	struct diag why;

	if (cJSON_IsString(value))
		took(site, operand,
		     regex_compile(TARGET(struct regex *), slice_of(value->valuestring), false,
				   &why),
		     &why);
}

void
take_var(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
	struct diag why;

	if (cJSON_IsString(value))
		took(site, operand,
		     var_id_parse(TARGET(struct var_id), slice_of(value->valuestring), &why), &why);
}

/* What is written there counts, whatever its type is to who reads it. */
void
take_map(struct rule_site *site, const struct operand *operand, const cJSON *value)
{
	struct ref **ref = TARGET(struct ref *);

	if (!cJSON_IsString(value))
		return;
	*ref = refs_add_map(site->refs, slice_of(value->valuestring), match_find(SLICE("str")),
			    false, SAMPLE_ANY);
	took(site, operand, *ref == NULL ? ERR_NOMEM : ERR_OK, NULL);
}

/* -- all of a rule -- */

static void
one_of_is_needed(struct rule_site *site, const struct action_row *row)
{
	struct buf words = { 0 };

	for (size_t i = 0; i < OPERANDS_MAX && row->operands[i].field != NULL; i++)
		if (row->operands[i].need == ONE_OF)
			buf_printf(&words, "%s\"%s\"", words.len == 0 ? "" : " or ",
				   row->operands[i].field);
	buf_put(&words, "", 1);
	if (words.failed)
		site->nomem = true;
	else
		issues_add(site->issues, pointer_text(site->at), "%s is required", words.at);
	buf_fini(&words);
}

static void
operands_take(struct rule_site *site, const struct action_row *row)
{
	const char *given = NULL;
	bool needs_one = false;

	for (size_t i = 0; i < OPERANDS_MAX && row->operands[i].field != NULL; i++) {
		const struct operand *operand = &row->operands[i];
		const cJSON *value = doc_field(site->item, operand->field);
		struct diag why;

		needs_one |= operand->need == ONE_OF;
		if (value == NULL)
			continue;
		if (operand->need == ONE_OF && given != NULL) {
			diag_set(&why, "not together with %s", given);
			site_issue(site, operand->field, why.text);
			continue;
		}
		if (operand->need == ONE_OF)
			given = operand->field;
		operand->take(site, operand, value);
	}
	if (needs_one && given == NULL)
		one_of_is_needed(site, row);
}

/* Operands have the names of struct rule's members; a field is called as the action calls it. */
static const char *
field_of(const struct action_row *row, const char *member)
{
	static const struct {
		const char *member;
		size_t offset;
	} members[] = {
#define X(name) { #name, offsetof(struct rule, name) }
		X(name),       X(var),          X(expr),         X(value),        X(key),
		X(regex),      X(name_match),   X(ref),          X(number),       X(bytes),
		X(status),     X(text),         X(body),         X(content_type), X(kind),
		X(drop_query), X(append_slash), X(ignore_empty), X(timeout),      X(is_strict),
#undef X
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (strcmp(members[i].member, member) != 0)
			continue;
		for (size_t j = 0; j < OPERANDS_MAX && row->operands[j].field != NULL; j++)
			if (row->operands[j].offset == members[i].offset &&
			    row->operands[j].take != take_nothing)
				return row->operands[j].field;
	}
	return member;
}

static void
operands_judge(struct rule_site *site, const struct action_row *row)
{
	const char *member = NULL, *field;
	struct diag why;

	if (rule_check(site->rule, &member, &why) == ERR_OK)
		return;
	field = member == NULL ? NULL : field_of(row, member);
	if (field != NULL && doc_field(site->item, field) != NULL)
		site_issue(site, field, why.text);
	else
		issues_add(site->issues, pointer_text(site->at), "%s", why.text);
}

void
operands_compile(struct rule_site *site)
{
	const struct action_row *row = action_row(site->rule->action);
	uint32_t before = site->issues->count + site->issues->dropped;

	operands_take(site, row);
	if (row->finish != NULL && !site->nomem)
		row->finish(site);
	if (!site->nomem && site->issues->count + site->issues->dropped == before)
		operands_judge(site, row);
}
