/*
 * Between the files that compile rules: settings_rules.c (lists, phases, conditions),
 * settings_actions.c (which action has which operands), settings_operands.c (what an operand is),
 * settings_replies.c (answers).
 */
#pragma once

#include "adminapi/apply/settings_priv.h"
#include "expr/compile.h"
#include "rules/rules.h"

struct capture_conf;

/* One rule under way. */
struct rule_site {
	const struct chain	*chain;
	struct rule		*rule;
	const cJSON		*item;
	struct refs		*refs;		/* where references go now */
	struct acls		*acls;		/* named ones; NULL: none */
	struct compile_env	 env;
	struct compile_slots	 slots;		/* that the frontend will have */
	struct capture_conf	*captures;	/* the frontend's; NULL: a backend's rules */
	struct pointer		*at;		/* the rule */
	struct issues		*issues;
	const struct ref	*noted;		/* the last of `refs` that was noted as a use; NULL: none */
	bool			 nomem;
};

struct operand;
typedef void operand_fn(struct rule_site *site, const struct operand *operand, const cJSON *value);

enum operand_need { OPTIONAL, ONE_OF };	/* just one of those that are ONE_OF is to be given */

/* Where a field of a rule goes. What is required is the schema's to say. */
struct operand {
	const char		*field;
	operand_fn		*take;
	size_t			 offset;	/* of the member of struct rule */
	enum operand_need	 need;
	const char *const	*words;		/* take_word: in order, NULL-ended */
};

#define OPERANDS_MAX 10

struct action_row {
	struct operand		 operands[OPERANDS_MAX];	/* to the first without a field */
	void		       (*finish)(struct rule_site *site);	/* what a table can't say; may be NULL */
};
const struct action_row *action_row(enum rule_action action);

/* All operands of the rule's action, then rule_check(). */
void operands_compile(struct rule_site *site);

/* settings_operands.c: a value of a wrong type is left out: the schema has told. */
operand_fn take_text;		/* char *, owned */
operand_fn take_expr;		/* struct expr * */
operand_fn take_format;		/* struct format * */
operand_fn take_regex;		/* struct regex *, with case */
operand_fn take_var;		/* struct var_id */
operand_fn take_duration;	/* int64_t, ms */
operand_fn take_size;		/* int64_t, bytes */
operand_fn take_number;		/* int64_t */
operand_fn take_status;		/* uint16_t */
operand_fn take_bool;
operand_fn take_word;		/* int64_t: the index */
operand_fn take_word_enum;	/* an enum: the index */
operand_fn take_map;		/* struct ref * */
operand_fn take_nothing;	/* finish() does it */

/* What became of a compiler's work on what stands at `at`: its uses are noted, or `why` it failed is told. */
void site_took(struct rule_site *site, struct pointer *at, enum err e, const struct diag *why);

/* A format where it stands; NULL after an issue or without memory. */
struct format *format_take(struct rule_site *site, struct slice text, struct pointer *at);

/* `why` at a field of the rule. */
void site_issue(struct rule_site *site, const char *field, const char *why);

/* The references that were made since the last call stand at `at`: the plan checks that they are there. */
void site_note_uses(struct rule_site *site, struct pointer *at);

/* settings_replies.c */
void reply_finish(struct rule_site *site);	/* return */
void deny_finish(
	struct rule_site *site); /* deny, tarpit: an answer only where something is said of one */
void redirect_finish(struct rule_site *site);
