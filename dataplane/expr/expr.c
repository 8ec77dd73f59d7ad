/*
 * Expressions: compiled, and evaluated by workers for each request.
 */
#include "config.h"
#include "expr/expr.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "expr/expr_priv.h"
#include "expr/near_priv.h"

#define SEEN_BYTES 64	/* how much of a name an error shows */

/* -- evaluation -- */

static bool
step_run(const struct step *step, struct eval *eval, struct sample *sample)
{
	const struct conv *conv = step->conv;

	if (conv->in != SAMPLE_ANY && conv->in != sample->type &&
	    !sample_cast(eval, sample, conv->in))
		return false;
	if (!conv->run(eval, &step->args, sample))
		return false;
	if (conv->out != SAMPLE_ANY)
		sample->type = conv->out;
	return true;
}

/* Behind a step that has no value: up to one that takes none, and those behind that. */
static bool
steps_rescue(const struct expr *expr, uint32_t i, struct eval *eval, struct sample *sample)
{
	bool is_there = false;

	for (; i < expr->step_count; i++) {
		const struct step *step = &expr->steps[i];

		if (!is_there && (step->conv->needs & CONV_ON_NONE) == 0)
			continue;
		if (!is_there)
			*sample = (struct sample){ .type = SAMPLE_STRING, .text = { "", 0 } };
		is_there = step_run(step, eval, sample);
	}
	return is_there;
}

bool
expr_convert(const struct expr *expr, struct eval *eval, struct sample *sample)
{
	for (uint32_t i = 0; i < expr->step_count; i++) {
		if (!step_run(&expr->steps[i], eval, sample))
			return expr->has_default && steps_rescue(expr, i + 1, eval, sample);
	}
	return true;
}

bool
expr_convert_none(const struct expr *expr, struct eval *eval, struct sample *sample)
{
	return expr->has_default && steps_rescue(expr, 0, eval, sample);
}

bool
expr_eval(const struct expr *expr, struct eval *eval, struct sample *sample)
{
	const struct fetch *fetch = expr->fetch;
	struct fetch_cursor cursor = { .wants_last = fetch->is_last };

	sample->type = fetch->type;
	if (!fetch->get(eval, &expr->args, &cursor, sample))
		return expr_convert_none(expr, eval, sample);
	return expr->step_count == 0 || expr_convert(expr, eval, sample);
}

bool
expr_eval_as(const struct expr *expr, struct eval *eval, enum sample_type type,
	struct sample *sample)
{
	return expr_eval(expr, eval, sample) &&
	       (sample->type == type || sample_cast(eval, sample, type));
}

unsigned
expr_needs(const struct expr *expr)
{
	return expr->needs;
}

/* -- compilation -- */

struct compile {
	struct expr			*expr;
	struct slice			 text;		/* what is still to be read */
	const char			*start;
	const struct compile_env	*env;
	struct diag			*diag;
};

__attribute__((format(printf, 3, 4))) static enum err
compile_fail(const struct compile *c, const char *at, const char *fmt, ...)
{
	char what[DIAG_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	diag_set(c->diag, "column %zu: %s", (size_t)(at - c->start) + 1, what);
	return ERR_INVALID;
}

static bool
is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-' || c == ':' || c == '+';	/* "base32+src" */
}

struct slice
expr_name(struct slice text)
{
	size_t len = 0;

	while (len < text.len && is_name_byte(text.at[len]))
		len++;
	return (struct slice){ text.at, len };
}

static void
compile_skip(struct compile *c, size_t len)
{
	c->text.at += len;
	c->text.len -= len;
}

/* The parentheses behind a row's name that stands at `at`, and what the row says of them. */
static enum err
compile_args(struct compile *c, struct args *args, const char *at, const char *name,
	const uint8_t kinds[ARGS_MAX],
	enum err (*check)(struct args *args, const struct compile_env *env, struct diag *diag),
	unsigned needs)
{
	struct diag why = { "" };
	enum err e = args_parse(args, kinds, &c->text, c->start, name, c->env, c->diag);

	if (e != ERR_OK)
		return e;
	if (check != NULL)
		e = check(args, c->env, &why);
	if (e == ERR_OK)
		e = compile_check_needs(c->env, name, needs, &why);
	c->expr->needs |= needs;
	return e == ERR_INVALID ? compile_fail(c, at, "%s", why.text) : e;
}

static enum err
compile_fetch(struct compile *c, const struct fetch *fetch, const char *at)
{
	c->expr->fetch = fetch;
	c->expr->type = fetch->type;
	return compile_args(c, &c->expr->args, at, fetch->name, fetch->args, fetch->check,
			    fetch->needs);
}

static enum err
step_add(struct compile *c, const struct conv *conv)
{
	struct expr *expr = c->expr;
	struct step *steps = reallocarray(expr->steps, expr->step_count + 1, sizeof(*steps));

	if (steps == NULL)
		return ERR_NOMEM;
	expr->steps = steps;
	steps[expr->step_count++] = (struct step){ .conv = conv };
	return ERR_OK;
}

/* One converter, behind its comma. */
static enum err
compile_step(struct compile *c)
{
	struct slice name = expr_name(c->text);
	const struct conv *conv = conv_find(name);
	struct expr *expr = c->expr;
	char seen[SEEN_BYTES], near[NEAR_BYTES];
	enum err e;

	if (name.len == 0)
		return compile_fail(c, name.at, "expected a converter behind \",\"");
	if (conv == NULL)
		return compile_fail(c, name.at, "there is no converter \"%s\"%s",
			str_escape(seen, sizeof(seen), name), near_conv(near, name));
	if (!sample_may_cast(expr->type, conv->in))
		return compile_fail(c, name.at, "\"%s\" takes type %s, and gets %s", conv->name,
			sample_type_name(conv->in), sample_type_name(expr->type));
	if (expr->step_count == EXPR_STEPS_MAX)
		return compile_fail(c, name.at, "more than %d converters", EXPR_STEPS_MAX);
	e = step_add(c, conv);
	if (e != ERR_OK)
		return e;
	compile_skip(c, name.len);
	expr->type = conv->out;
	if ((conv->needs & CONV_ON_NONE) != 0)
		expr->has_default = true;
	return compile_args(c, &expr->steps[expr->step_count - 1].args, name.at, conv->name,
			    conv->args, conv->check, conv->needs & ~CONV_ON_NONE);
}

static enum err
compile_steps(struct compile *c)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && c->text.len != 0 && c->text.at[0] == ',') {
		compile_skip(c, 1);
		e = compile_step(c);
	}
	return e;
}

static enum err
compile_keep_text(struct compile *c, const char *from)
{
	const size_t len = (size_t)(c->text.at - from);
	char *copy;

	if (len > EXPR_TEXT_MAX_BYTES)
		return compile_fail(c, from, "an expression of more than %d bytes",
				    EXPR_TEXT_MAX_BYTES);
	copy = strndup(from, len);
	c->expr->text.at = copy;
	c->expr->text.len = len;
	return copy != NULL ? ERR_OK : ERR_NOMEM;
}

enum err
expr_compile_rest(struct expr **ep, const struct fetch *fetch, struct slice name,
	struct slice *text, const char *start, const struct compile_env *env, struct diag *diag)
{
	struct expr *expr = calloc(1, sizeof(*expr));
	struct compile c = {
		.expr = expr,
		.text = *text,
		.start = start,
		.env = env,
		.diag = diag,
	};
	enum err e;

	if (expr == NULL)
		return ERR_NOMEM;
	e = compile_fetch(&c, fetch, name.at);
	if (e == ERR_OK)
		e = compile_steps(&c);
	if (e == ERR_OK)
		e = compile_keep_text(&c, name.at);
	if (e != ERR_OK) {
		expr_free(&expr);
		return e;
	}
	*ep = expr;
	*text = c.text;
	return ERR_OK;
}

enum err
expr_compile_part(struct expr **ep, struct slice *text, const char *start,
	const struct compile_env *env, struct diag *diag)
{
	struct compile c = { .text = *text, .start = start, .diag = diag };
	struct slice name = expr_name(*text);
	const struct fetch *fetch = fetch_find(name);
	char seen[SEEN_BYTES], near[NEAR_BYTES];
	enum err e;

	if (name.len == 0)
		return compile_fail(&c, name.at, "expected an expression, as \"path,lower\"");
	if (fetch == NULL)
		return compile_fail(&c, name.at, "there is no sample \"%s\"%s",
			str_escape(seen, sizeof(seen), name), near_fetch(near, name));
	compile_skip(&c, name.len);
	e = expr_compile_rest(ep, fetch, name, &c.text, start, env, diag);
	if (e == ERR_OK)
		*text = c.text;
	return e;
}

enum err
expr_compile(struct expr **ep, struct slice text, const struct compile_env *env,
	struct diag *diag)
{
	struct compile c = { .start = text.at, .diag = diag };
	struct slice rest = text;
	struct expr *expr = NULL;
	char seen[SEEN_BYTES];
	enum err e = expr_compile_part(&expr, &rest, text.at, env, diag);

	if (e != ERR_OK)
		return e;
	if (rest.len != 0) {
		expr_free(&expr);
		return compile_fail(&c, rest.at, "\"%s\" behind the expression means nothing",
			str_escape(seen, sizeof(seen), rest));
	}
	*ep = expr;
	return ERR_OK;
}

void
expr_free(struct expr **ep)
{
	struct expr *expr = *ep;

	*ep = NULL;
	if (expr == NULL)
		return;
	for (uint32_t i = 0; i < expr->step_count; i++)
		args_fini(&expr->steps[i].args);
	free(expr->steps);
	args_fini(&expr->args);
	free((char *)expr->text.at);
	free(expr);
}
