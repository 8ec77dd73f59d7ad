/*
 * One test of a condition: what is fetched and converted, flags, values (HAProxy manual, 7.1). Any thread.
 *
 * HAProxy lets pass what can only be a mistake (a test without values, values that are never looked
 * at); here each is an error.
 */
#include "config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "expr/cond_compile_priv.h"

#define FILES_MAX	16	/* -f of one test */
#define RANGE_BYTES	64	/* an operator and a number */

struct test {
	struct term		*term;
	const struct word	*name;		/* the word that the test begins with */
	const struct match	*match;
	bool			 nocase;
	const struct word	*files[FILES_MAX];
	uint32_t		 file_count;
};

static struct term *
term_add(struct compile *c)
{
	struct cond *cond = c->cond;
	struct term *term;

	if (cond->term_count == cond->term_cap) {
		uint32_t cap = cond->term_cap != 0 ? cond->term_cap * 2 : 4;
		struct term *terms = reallocarray(cond->terms, cap, sizeof(*terms));

		if (terms == NULL)
			return NULL;
		cond->terms = terms;
		cond->term_cap = cap;
	}
	term = &cond->terms[cond->term_count++];
	*term = (struct term){
		.is_negated = c->is_negated,
		.opens_item = c->opens_item,
		.opens_group = c->opens_group,
	};
	c->opens_group = c->opens_item = false;
	return term;
}

/* -- what is fetched -- */

/* "path", or a form of it like "path_beg", which brings its method with it. */
static const struct fetch *
test_find(struct slice name, const struct match **match)
{
	const struct fetch *fetch = fetch_find(name);
	const char *mark = name.len != 0 ? memrchr(name.at, '_', name.len) : NULL;
	struct slice base, form;

	*match = NULL;
	if (fetch != NULL || mark == NULL)
		return fetch;
	base = (struct slice){ name.at, (size_t)(mark - name.at) };
	form = (struct slice){ mark + 1, name.len - base.len - 1 };
	fetch = fetch_find(base);
	*match = match_find(form);
	if (fetch == NULL || !fetch->has_forms || *match == NULL || !match_has_form(*match))
		return NULL;
	return fetch;
}

/* An error in a word, whose column is counted from the word's begin: counted from the text's. */
static enum err
fail_inside(struct compile *c, const struct word *word, const struct diag *why)
{
	unsigned column = 0;
	int prefix = 0;

	if (sscanf(why->text, "column %u: %n", &column, &prefix) != 1)
		return compile_fail(c, word->column, "%s", why->text);
	column = word->bare ? word->column + column - 1 : word->column;
	return compile_fail(c, column, "%s", why->text + prefix);
}

static enum err
test_fail_unknown(struct compile *c, const struct word *word, struct slice name)
{
	char seen[SEEN_BYTES], near[NEAR_BYTES];

	if (name.len == 0)
		name = word->text;
	return compile_fail(c, word->column, "there is no test \"%s\"%s",
		str_escape(seen, sizeof(seen), name), near_test(near, name));
}

/*
 * The word is a fetch's name, or a form of it, with its arguments and converters. These void the
 * form's method.
 */
static enum err
test_compile_expr(struct compile *c, struct test *t)
{
	const struct word *word = t->name;
	struct slice name = expr_name(word->text);
	struct slice rest = { word->text.at + name.len, word->text.len - name.len };
	const struct fetch *fetch = test_find(name, &t->match);
	struct diag why = { "" };
	char seen[SEEN_BYTES];
	enum err e;

	if (fetch == NULL)
		return test_fail_unknown(c, word, name);
	e = expr_compile_rest(&t->term->expr, fetch, name, &rest, word->text.at, c->env, &why);
	if (e == ERR_INVALID)
		return fail_inside(c, word, &why);
	if (e == ERR_OK && rest.len != 0)
		return compile_fail(c, word->column, "\"%s\" behind \"%s\" means nothing",
			str_escape(seen, sizeof(seen), rest), fetch->name);
	if (e == ERR_OK && (t->match == NULL || t->term->expr->step_count != 0))
		t->match = match_default(t->term->expr->type);
	return e;
}

/* -- flags -- */

/* The word behind a flag. */
static const struct word *
flag_word(struct compile *c, const char *expected, enum err *e)
{
	const struct word *word = compile_peek_inside(c);

	if (word == NULL)
		*e = compile_fail(c, compile_column(c), "expected %s", expected);
	else
		c->at++;
	return word;
}

static enum err
flag_method(struct compile *c, struct test *t)
{
	enum err e = ERR_OK;
	const struct word *word = flag_word(c, "a match method behind -m, as \"-m beg\"", &e);
	char seen[SEEN_BYTES], near[NEAR_BYTES];

	if (word == NULL)
		return e;
	t->match = match_find(word->text);
	if (t->match == NULL)
		return compile_fail(c, word->column, "there is no match method \"%s\"%s",
			str_escape(seen, sizeof(seen), word->text), near_match(near, word->text));
	if (!match_takes(t->match, t->term->expr->type))
		return compile_fail(c, word->column, "\"%s\" can not be matched with \"-m %s\"",
			str_escape(seen, sizeof(seen), t->term->expr->text), match_name(t->match));
	return ERR_OK;
}

static enum err
flag_file(struct compile *c, struct test *t)
{
	enum err e = ERR_OK;
	const struct word *word = flag_word(c, "the name of one of the \"maps\" behind -f", &e);

	if (word == NULL)
		return e;
	if (c->env->refs == NULL)
		return compile_fail(c, word->column, "-f can not be used in %s", c->env->place);
	if (t->file_count == FILES_MAX)
		return compile_fail(c, word->column, "more than %d times -f", FILES_MAX);
	t->files[t->file_count++] = word;
	return ERR_OK;
}

static enum err
flag_nocase(struct compile *c, struct test *t)
{
	t->nocase = true;
	return ERR_OK;
}

/* -M: a file has values, which tests do not look at. -n: names are not resolved; they never are. */
static enum err
flag_nothing(struct compile *c, struct test *t)
{
	return ERR_OK;
}

/* Its number is for HAProxy's runtime API. */
static enum err
flag_id(struct compile *c, struct test *t)
{
	enum err e = ERR_OK;

	flag_word(c, "a number behind -u", &e);
	return e;
}

static const struct flag {
	const char	*word;
	enum err	(*read)(struct compile *c, struct test *t);
} flags[] = {
	{ "-i", flag_nocase },
	{ "-m", flag_method },
	{ "-f", flag_file },
	{ "-M", flag_nothing },
	{ "-n", flag_nothing },
	{ "-u", flag_id },
};

static const struct flag *
flag_find(struct slice word)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (slice_equals(word, slice_of(flags[i].word)))
			return &flags[i];
	}
	return NULL;
}

/* Up to the first value, or "--" behind which what begins with a dash is one. */
static enum err
test_compile_flags(struct compile *c, struct test *t)
{
	const struct word *word;
	const struct flag *flag;
	char seen[SEEN_BYTES];
	enum err e = ERR_OK;

	while (e == ERR_OK && (word = compile_peek_inside(c)) != NULL && word->text.at[0] == '-') {
		c->at++;
		if (slice_equals(word->text, SLICE("--")))
			break;
		flag = flag_find(word->text);
		if (flag == NULL)
			return compile_fail(c, word->column,
				"\"%s\" is no flag: expected -i, -m, -f, -M, -n, -u, or -- before a "
				"value that begins with a dash",
				str_escape(seen, sizeof(seen), word->text));
		e = flag->read(c, t);
	}
	return e;
}

/* -- values -- */

static bool
is_operator(struct slice word)
{
	static const char *const operators[] = { "eq", "ge", "gt", "le", "lt" };

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (slice_equals(word, slice_of(operators[i])))
			return true;
	}
	return false;
}

static bool
match_has_operators(const struct match *match)
{
	return strcmp(match_name(match), "int") == 0 || strcmp(match_name(match), "len") == 0;
}

/* A value, behind the operator that holds for it; .len 0: none does. */
static enum err
value_add(struct compile *c, struct test *t, struct slice op, const struct word *word)
{
	char range[RANGE_BYTES];
	struct slice text = word->text;
	struct diag why = { "" };
	enum err e;

	if (op.len != 0) {
		int len = snprintf(range, sizeof(range), "%.*s %.*s", (int)op.len, op.at,
			(int)(text.len < sizeof(range) ? text.len : sizeof(range)), text.at);

		if (len >= (int)sizeof(range))
			return compile_fail(c, word->column, "expected a number");
		text = (struct slice){ range, (size_t)len };
	}
	e = pattern_set_add(t->term->set, text, (struct slice){ NULL, 0 }, false, &why);
	return e == ERR_INVALID ? compile_fail(c, word->column, "%s", why.text) : e;
}

static enum err
set_begin(struct test *t)
{
	if (t->term->set != NULL)
		return ERR_OK;
	return pattern_set_new(&t->term->set, t->match, t->nocase, SAMPLE_ANY, false);
}

/* Values up to the closing brace; operators between numbers hold for all that follow (as in HAProxy). */
static enum err
test_compile_values(struct compile *c, struct test *t)
{
	const bool has_operators = match_has_operators(t->match);
	bool wanted = t->file_count == 0;
	struct slice op = { NULL, 0 };
	const struct word *word;
	enum err e;

	while ((word = compile_peek_inside(c)) != NULL) {
		c->at++;
		if (has_operators && is_operator(word->text)) {
			op = word->text;
			wanted = true;
			continue;
		}
		e = set_begin(t);
		if (e == ERR_OK)
			e = value_add(c, t, op, word);
		if (e != ERR_OK)
			return e;
		wanted = false;
	}
	if (wanted)
		return compile_fail(c, compile_column(c), "expected a value for \"%.*s\"",
				    SEEN_BYTES, t->term->expr->fetch->name);
	return ERR_OK;
}

static enum err
test_add_files(struct compile *c, struct test *t)
{
	struct term *term = t->term;

	if (t->file_count == 0)
		return ERR_OK;
	term->maps = calloc(t->file_count, sizeof(struct ref *));
	if (term->maps == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < t->file_count; i++) {
		term->maps[i] = refs_add_map(c->env->refs, t->files[i]->text, t->match, t->nocase,
			SAMPLE_ANY);
		if (term->maps[i] == NULL)
			return ERR_NOMEM;
		term->map_count++;
	}
	return ERR_OK;
}

/* "found" and "bool" look at no value. */
static enum err
test_compile_no_values(struct compile *c, struct test *t)
{
	const struct word *word = t->file_count != 0 ? t->files[0] : compile_peek_inside(c);

	t->term->kind = strcmp(match_name(t->match), "found") == 0 ? TERM_FOUND : TERM_BOOL;
	if (word == NULL)
		return ERR_OK;
	return compile_fail(c, word->column, "\"-m %s\" takes no value", match_name(t->match));
}

enum err
compile_test(struct compile *c)
{
	struct test t = { .name = compile_peek_inside(c) };
	enum err e;

	if (t.name == NULL)
		return compile_fail(c, compile_column(c), "expected a test, as \"path_beg /api\"");
	if (c->cond->term_count == COND_TERMS_MAX)
		return compile_fail(c, t.name->column, "more than %d tests", COND_TERMS_MAX);
	t.term = term_add(c);
	if (t.term == NULL)
		return ERR_NOMEM;
	c->at++;
	e = test_compile_expr(c, &t);
	if (e == ERR_OK)
		e = test_compile_flags(c, &t);
	if (e != ERR_OK)
		return e;
	if (t.match == NULL)
		return compile_fail(c, t.name->column, "\"%s\" needs a match method, as \"-m str\"",
			t.term->expr->fetch->name);
	c->cond->needs |= t.term->expr->needs;
	if (!match_takes_patterns(t.match))
		return test_compile_no_values(c, &t);
	e = test_compile_values(c, &t);
	return e == ERR_OK ? test_add_files(c, &t) : e;
}
