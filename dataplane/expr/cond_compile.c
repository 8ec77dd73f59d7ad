/*
 * From a text to a condition (HAProxy manual, 7.2): words, tests in braces, predefined ACLs, and the
 * links between them. Pure but for memory; any thread.
 *
 * HAProxy lets pass what can only be a mistake (an "or" with nothing beside it, a "!" at the end, a
 * test without values, values that are never looked at); here each is an error.
 */
#include "config.h"
#include "expr/cond_priv.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SEEN_BYTES 64	/* how much of a word an error shows */

const struct predefined predefined_acls[] = {
	{ "FALSE",		"always_false",	{ NULL } },
	{ "HTTP_1.0",		"req.ver",	{ "1.0" } },
	{ "HTTP_1.1",		"req.ver",	{ "1.1" } },
	{ "HTTP_2.0",		"req.ver",	{ "2.0" } },
	{ "METH_CONNECT",	"method",	{ "CONNECT" } },
	{ "METH_DELETE",	"method",	{ "DELETE" } },
	{ "METH_GET",		"method",	{ "GET", "HEAD" } },
	{ "METH_HEAD",		"method",	{ "HEAD" } },
	{ "METH_OPTIONS",	"method",	{ "OPTIONS" } },
	{ "METH_POST",		"method",	{ "POST" } },
	{ "METH_PUT",		"method",	{ "PUT" } },
	{ "METH_TRACE",		"method",	{ "TRACE" } },
	{ "TRUE",		"always_true",	{ NULL } },
};
const size_t predefined_count = sizeof(predefined_acls) / sizeof(predefined_acls[0]);

struct compile {
	struct cond	*cond;
	const struct compile_env *env;
	uint32_t	 at;		/* the next word */
	bool		 is_negated;	/* an odd number of "!" stands before what comes */
	bool		 opens_group;	/* what comes is the first, or behind an "or" */
	struct diag	*diag;
};

__attribute__((format(printf, 3, 4))) static enum err
compile_fail(struct compile *c, uint32_t column, const char *fmt, ...)
{
	char what[DIAG_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	diag_set(c->diag, "column %u: %s", column, what);
	return ERR_INVALID;
}

/* The next word, NULL behind the last. */
static const struct word *
compile_peek(const struct compile *c)
{
	const struct words *words = &c->cond->words;

	return c->at < words->count ? &words->at[c->at] : NULL;
}

static bool
word_is(const struct word *word, const char *text)
{
	return word->bare && slice_equals(word->text, slice_of(text));
}

/* The next word of a test: not its closing brace, and there is one. */
static const struct word *
compile_peek_inside(const struct compile *c)
{
	const struct word *word = compile_peek(c);

	return word != NULL && !word_is(word, "}") ? word : NULL;
}

/* The column of the next word, or of the text's end. */
static uint32_t
compile_column(const struct compile *c)
{
	const struct word *word = compile_peek(c);

	return word != NULL ? word->column : c->cond->words.end_column;
}

static struct term *
compile_add_term(struct compile *c)
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
		.pattern_first = cond->pattern_count,
		.is_negated = c->is_negated,
		.opens_group = c->opens_group,
	};
	c->is_negated = c->opens_group = false;
	return term;
}

static struct pattern *
compile_add_pattern(struct compile *c, struct term *term)
{
	struct cond *cond = c->cond;

	if (cond->pattern_count == cond->pattern_cap) {
		uint32_t cap = cond->pattern_cap != 0 ? cond->pattern_cap * 2 : 8;
		struct pattern *patterns = reallocarray(cond->patterns, cap, sizeof(*patterns));

		if (patterns == NULL)
			return NULL;
		cond->patterns = patterns;
		cond->pattern_cap = cap;
	}
	term->pattern_count++;
	return &cond->patterns[cond->pattern_count++];
}

/* "path", or a form of it like "path_beg", which brings its method with it. */
static const struct fetch *
test_find(struct slice name, const struct match **match)
{
	const struct fetch *fetch = fetch_find(name);
	const char *mark = memrchr(name.at, '_', name.len);
	struct slice base, form;

	*match = NULL;
	if (fetch != NULL || mark == NULL)
		return fetch;
	base = (struct slice){ name.at, (size_t)(mark - name.at) };
	form = (struct slice){ mark + 1, name.len - base.len - 1 };
	fetch = fetch_find(base);
	*match = match_find(form);
	if (fetch == NULL || !fetch->has_forms || *match == NULL || !(*match)->has_form)
		return NULL;
	return fetch;
}

static enum err
compile_unknown_test(struct compile *c, const struct word *word, struct slice name)
{
	char seen[SEEN_BYTES], near[NEAR_BYTES];

	return compile_fail(c, word->column, "there is no test \"%s\"%s",
		str_escape(seen, sizeof(seen), name), near_test(near, name));
}

/* An error in a word, whose column is counted from the word's begin: counted from the text's. */
static enum err
compile_fail_inside(struct compile *c, const struct word *word, const struct diag *why)
{
	unsigned column = 0;
	int prefix = 0;

	if (sscanf(why->text, "column %u: %n", &column, &prefix) != 1)
		return compile_fail(c, word->column, "%s", why->text);
	column = word->bare ? word->column + column - 1 : word->column;
	return compile_fail(c, column, "%s", why->text + prefix);
}

/* What stands in the parentheses behind a test's name, up to the word's end. */
static enum err
compile_args(struct compile *c, struct term *term, const struct word *word, size_t name_len)
{
	const struct fetch *fetch = term->fetch;
	struct slice rest = { word->text.at + name_len, word->text.len - name_len };
	struct diag why = { "" };
	char seen[SEEN_BYTES];
	enum err e = args_parse(&term->args, fetch->args, &rest, word->text.at, fetch->name, c->env,
		&why);

	if (e == ERR_INVALID)
		return compile_fail_inside(c, word, &why);
	if (e == ERR_OK && rest.len != 0)
		return compile_fail(c, word->column, "\"%s\" behind \"%s\" means nothing",
				    str_escape(seen, sizeof(seen), rest), fetch->name);
	if (e == ERR_OK && fetch->check != NULL)
		e = fetch->check(&term->args, c->env, &why);
	if (e == ERR_OK)
		e = compile_check_needs(c->env, fetch->name, fetch->needs, &why);
	return e == ERR_INVALID ? compile_fail(c, word->column, "%s", why.text) : e;
}

/* A test's name with its parentheses: what is fetched. */
static enum err
compile_fetch(struct compile *c, struct term *term)
{
	const struct word *word = compile_peek_inside(c);
	struct slice name;
	const char *open;

	if (word == NULL)
		return compile_fail(c, compile_column(c),
				    "expected a test between the braces, as \"path_beg /api\"");
	name = word->text;
	open = memchr(name.at, '(', name.len);
	if (open != NULL)
		name.len = (size_t)(open - name.at);
	if (open == NULL && memchr(name.at, ',', name.len) != NULL)
		return compile_fail(c, word->column, "converters (\",...\") are not known here");
	term->fetch = test_find(name, &term->match);
	if (term->fetch == NULL)
		return compile_unknown_test(c, word, name);
	if (term->match == NULL)
		term->match = match_default(term->fetch->type);
	if (term->match == NULL)
		return compile_fail(c, word->column, "\"%s\" needs a match method",
				    term->fetch->name);
	c->at++;
	return compile_args(c, term, word, name.len);
}

/* What stands behind -m. */
static enum err
compile_method(struct compile *c, struct term *term)
{
	const struct word *word = compile_peek_inside(c);
	char seen[SEEN_BYTES], near[NEAR_BYTES];

	if (word == NULL)
		return compile_fail(c, compile_column(c),
				    "expected a match method behind -m, as \"-m beg\"");
	term->match = match_find(word->text);
	if (term->match == NULL)
		return compile_fail(c, word->column, "there is no match method \"%s\"%s",
			str_escape(seen, sizeof(seen), word->text), near_match(near, word->text));
	if (!match_takes(term->match, term->fetch->type))
		return compile_fail(c, word->column, "\"%s\" can not be matched with \"-m %s\"",
				    term->fetch->name, term->match->name);
	c->at++;
	return ERR_OK;
}

/* -i, -m METHOD, and -- behind which what begins with a dash is a value. */
static enum err
compile_flags(struct compile *c, struct term *term)
{
	const struct word *word;
	char seen[SEEN_BYTES];

	while ((word = compile_peek_inside(c)) != NULL && word->text.at[0] == '-') {
		c->at++;
		if (slice_equals(word->text, SLICE("--")))
			return ERR_OK;
		if (slice_equals(word->text, SLICE("-i"))) {
			term->how.nocase = true;
		} else if (slice_equals(word->text, SLICE("-m"))) {
			if (compile_method(c, term) != ERR_OK)
				return ERR_INVALID;
		} else {
			return compile_fail(c, word->column,
				"\"%s\" is no flag that is known here: expected -i, -m, or -- before a value "
				"that begins with a dash",
				str_escape(seen, sizeof(seen), word->text));
		}
	}
	return ERR_OK;
}

static enum err
compile_value(struct compile *c, struct term *term, enum range_op op, const struct word *word)
{
	struct pattern *pattern = compile_add_pattern(c, term);
	struct diag why;

	if (pattern == NULL)
		return ERR_NOMEM;
	if (pattern_parse(pattern, term->match, op, word->text, &why) != ERR_OK)
		return compile_fail(c, word->column, "%s", why.text);
	return ERR_OK;
}

/* Values up to the closing brace; operators between numbers hold for all that follow (as in HAProxy). */
static enum err
compile_values(struct compile *c, struct term *term)
{
	const struct word *word;
	enum range_op op = RANGE_EQ;
	bool wanted = term->match->kind != PATTERN_NONE;
	enum err e;

	while ((word = compile_peek_inside(c)) != NULL) {
		c->at++;
		if (term->match->kind == PATTERN_RANGE && range_op_find(&op, word->text)) {
			wanted = true;
			continue;
		}
		e = compile_value(c, term, op, word);
		if (e != ERR_OK)
			return e;
		wanted = false;
	}
	if (wanted)
		return compile_fail(c, compile_column(c), "expected a value for \"%s\"",
				    term->fetch->name);
	return ERR_OK;
}

/* Behind an opening brace at `brace`, to behind the closing one. */
static enum err
compile_test(struct compile *c, const struct word *brace)
{
	struct term *term = compile_add_term(c);
	enum err e;

	if (term == NULL)
		return ERR_NOMEM;
	e = compile_fetch(c, term);
	if (e == ERR_OK)
		e = compile_flags(c, term);
	if (e != ERR_OK)
		return e;
	term->how.delimiters = term->match->delimiters;
	e = compile_values(c, term);
	if (e != ERR_OK)
		return e;
	if (compile_peek(c) == NULL)
		return compile_fail(
			c, c->cond->words.end_column,
			"expected a \"}\", as a word of its own, for the \"{\" of column %u",
			brace->column);
	c->at++;
	return ERR_OK;
}

/* A test of a table instead of a text. */
static enum err
compile_predefined(struct compile *c, const struct predefined *acl)
{
	struct term *term = compile_add_term(c);

	if (term == NULL)
		return ERR_NOMEM;
	term->fetch = fetch_find(slice_of(acl->fetch));
	term->match = match_default(term->fetch->type);
	for (size_t i = 0;
	     i < sizeof(acl->values) / sizeof(acl->values[0]) && acl->values[i] != NULL; i++) {
		struct pattern *pattern = compile_add_pattern(c, term);

		if (pattern == NULL)
			return ERR_NOMEM;
		*pattern = (struct pattern){ .text = slice_of(acl->values[i]) };
	}
	return ERR_OK;
}

/* A word that is no brace and no operator. */
static enum err
compile_acl(struct compile *c, struct slice name, uint32_t column)
{
	char seen[SEEN_BYTES], near[NEAR_BYTES];

	for (size_t i = 0; i < predefined_count; i++) {
		if (slice_equals(name, slice_of(predefined_acls[i].name)))
			return compile_predefined(c, &predefined_acls[i]);
	}
	str_escape(seen, sizeof(seen), name);
	if (memchr("{}", name.at[0], 2) != NULL || memchr("{}", name.at[name.len - 1], 2) != NULL)
		return compile_fail(c, column,
				    "\"%s\": a brace must have white space on both sides", seen);
	if (name.len == 3 && strncasecmp(name.at, "and", 3) == 0)
		return compile_fail(c, column,
				    "\"%s\" is no operator: tests side by side are \"and\" already",
				    seen);
	return compile_fail(
		c, column,
		"named ACLs are unknown here, and no predefined one is called \"%s\"%s; a test stands "
		"in braces, as \"{ path_beg /api }\"", seen, near_acl(near, name));
}

static bool
word_is_or(const struct word *word)
{
	return word->bare && ((word->text.len == 2 && strncasecmp(word->text.at, "or", 2) == 0) ||
		slice_equals(word->text, SLICE("||")));
}

/* "or" needs a test on either side: `word` is it, NULL the text's end. */
static enum err
compile_group_end(struct compile *c, const struct word *word)
{
	if (c->is_negated)
		return compile_fail(c, compile_column(c), "expected a test behind \"!\"");
	if (c->opens_group && word != NULL)
		return compile_fail(c, word->column, "expected a test before \"or\"");
	if (c->opens_group && c->cond->term_count != 0)
		return compile_fail(c, c->cond->words.end_column, "expected a test behind \"or\"");
	if (c->opens_group)
		return compile_fail(c, 1, "expected a condition, as \"{ path_beg /api }\"");
	c->opens_group = true;
	return ERR_OK;
}

/* One word of the upper level, with the whole test if it opens one. */
static enum err
compile_word(struct compile *c)
{
	const struct word *word = compile_peek(c);
	struct slice name = word->text;
	uint32_t column = word->column;

	if (word_is_or(word)) {
		enum err e = compile_group_end(c, word);

		c->at++;
		return e;
	}
	for (; word->bare && name.len != 0 && name.at[0] == '!'; name.at++, name.len--, column++)
		c->is_negated = !c->is_negated;
	c->at++;
	if (name.len == 0)
		return ERR_OK;
	if (word->bare && slice_equals(name, SLICE("{")))
		return compile_test(c, word);
	return compile_acl(c, name, column);
}

static enum err
compile_all(struct compile *c)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && compile_peek(c) != NULL)
		e = compile_word(c);
	return e == ERR_OK ? compile_group_end(c, NULL) : e;
}

/* Where each test leads: on while its group holds, to the next group once it does not. */
static void
cond_link(struct cond *cond)
{
	uint32_t next_group = COND_NO;

	for (uint32_t i = cond->term_count; i-- > 0;) {
		struct term *term = &cond->terms[i];
		bool is_last = i + 1 == cond->term_count || cond->terms[i + 1].opens_group;

		if (is_last && i + 1 < cond->term_count)
			next_group = i + 1;
		term->next[!term->is_negated] = is_last ? COND_YES : i + 1;
		term->next[term->is_negated] = next_group;
	}
}

enum err
cond_compile(struct cond **cp, struct slice text, const struct compile_env *env,
	struct diag *diag)
{
	struct cond *cond = calloc(1, sizeof(*cond));
	struct compile c = { .cond = cond, .env = env, .opens_group = true, .diag = diag };
	enum err e;

	if (cond == NULL)
		return ERR_NOMEM;
	e = words_split(&cond->words, text, diag);
	if (e == ERR_OK)
		e = compile_all(&c);
	if (e != ERR_OK) {
		cond_free(&cond);
		return e;
	}
	cond_link(cond);
	*cp = cond;
	return ERR_OK;
}
