/*
 * From a text to a condition (HAProxy manual, 7.2): words, tests in braces, ACLs, and the links between
 * them. Any thread.
 *
 * HAProxy lets pass what can only be a mistake (an "or" with nothing beside it, a "!" at the end);
 * here each is an error.
 */
#include "config.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "expr/cond_compile_priv.h"

enum err
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

const struct word *
compile_peek(const struct compile *c)
{
	return c->at < c->words->count ? &c->words->at[c->at] : NULL;
}

bool
word_is(const struct word *word, const char *text)
{
	return word->bare && slice_equals(word->text, slice_of(text));
}

const struct word *
compile_peek_inside(const struct compile *c)
{
	const struct word *word = compile_peek(c);

	return word != NULL && !word_is(word, "}") ? word : NULL;
}

uint32_t
compile_column(const struct compile *c)
{
	const struct word *word = compile_peek(c);

	return word != NULL ? word->column : c->words->end_column;
}

/* -- items: a test in braces, or an ACL -- */

/* Behind an opening brace at `brace`, to behind the closing one. */
static enum err
compile_braces(struct compile *c, const struct word *brace)
{
	enum err e = compile_test(c);

	if (e != ERR_OK)
		return e;
	if (compile_peek(c) == NULL)
		return compile_fail(
			c, c->words->end_column,
			"expected a \"}\", as a word of its own, for the \"{\" of column %u",
			brace->column);
	c->at++;
	return ERR_OK;
}

/* All of a text is one test; `c` says of which item and group it is. */
static enum err
compile_text(struct compile *c, struct slice text)
{
	struct words words = { 0 };
	struct compile inner = *c;
	enum err e = words_split(&words, text, c->diag);

	inner.words = &words;
	inner.at = 0;
	if (e == ERR_OK)
		e = compile_test(&inner);
	if (e == ERR_OK && compile_peek(&inner) != NULL)
		e = compile_fail(&inner, compile_column(&inner), "a \"}\" that closes nothing");
	c->opens_group = inner.opens_group;
	c->opens_item = inner.opens_item;
	words_fini(&words);
	return e;
}

/* A test of an ACL; what is wrong with it is told where it is used. */
static enum err
compile_acl_test(struct compile *c, struct slice name, struct slice test, uint32_t column)
{
	struct diag why = { "" }, *diag = c->diag;
	char seen[SEEN_BYTES];
	enum err e;

	c->diag = &why;
	e = compile_text(c, test);
	c->diag = diag;
	if (e != ERR_INVALID)
		return e;
	return compile_fail(c, column, "ACL \"%s\", %s", str_escape(seen, sizeof(seen), name),
		why.text);
}

/* *found: there is one of that name. */
static enum err
compile_named(struct compile *c, struct slice name, uint32_t column, bool *found)
{
	const struct acls *acls = c->env->acls;
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < acls_count(acls); i++) {
		if (!slice_equals(name, slice_of(acls_name(acls, i))))
			continue;
		*found = true;
		e = compile_acl_test(c, name, acls_test(acls, i), column);
	}
	for (size_t i = 0; !*found && i < predefined_count; i++) {
		if (!slice_equals(name, slice_of(predefined_acls[i].name)))
			continue;
		*found = true;
		e = compile_acl_test(c, name, slice_of(predefined_acls[i].test), column);
	}
	return e;
}

/* A word that is no brace and no operator. */
static enum err
compile_acl(struct compile *c, struct slice name, uint32_t column)
{
	char seen[SEEN_BYTES], near[NEAR_BYTES];
	bool found = false;
	enum err e = compile_named(c, name, column, &found);

	if (found)
		return e;
	str_escape(seen, sizeof(seen), name);
	if (memchr("{}", name.at[0], 2) != NULL || memchr("{}", name.at[name.len - 1], 2) != NULL)
		return compile_fail(c, column,
			"\"%s\": a brace must have white space on both sides", seen);
	if ((name.len == 3 && strncasecmp(name.at, "and", 3) == 0) ||
	    slice_equals(name, SLICE("&&")))
		return compile_fail(c, column,
				    "\"%s\" is no operator: tests side by side are \"and\" already",
				    seen);
	return compile_fail(
		c, column,
		"no ACL is called \"%s\"%s; a test stands in braces, as \"{ path_beg /api }\"",
		seen, near_acl(near, c->env->acls, name));
}

/* -- all of them -- */

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
		return compile_fail(c, c->words->end_column, "expected a test behind \"or\"");
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
	enum err e;

	if (word_is_or(word)) {
		e = compile_group_end(c, word);
		c->at++;
		return e;
	}
	for (; word->bare && name.len != 0 && name.at[0] == '!'; name.at++, name.len--, column++)
		c->is_negated = !c->is_negated;
	c->at++;
	if (name.len == 0)
		return ERR_OK;
	c->opens_item = true;
	if (word->bare && slice_equals(name, SLICE("{")))
		e = compile_braces(c, word);
	else
		e = compile_acl(c, name, column);
	c->is_negated = false;
	return e;
}

static enum err
compile_all(struct compile *c)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && compile_peek(c) != NULL)
		e = compile_word(c);
	return e == ERR_OK ? compile_group_end(c, NULL) : e;
}

/*
 * Where each test leads. Its item is done once one test of it matches, or none did; its group holds
 * while items do; once one does not, the next group is asked.
 */
static void
cond_link(struct cond *cond)
{
	uint32_t next_group = COND_NO, next_item = COND_YES;

	for (uint32_t i = cond->term_count; i-- > 0;) {
		struct term *term = &cond->terms[i];
		const bool is_last = i + 1 == cond->term_count;
		const bool ends_item = is_last || cond->terms[i + 1].opens_item;

		if (!is_last && cond->terms[i + 1].opens_group) {
			next_group = i + 1;
			next_item = COND_YES;
		} else if (!is_last && ends_item) {
			next_item = i + 1;
		}
		term->next[true] = term->is_negated ? next_group : next_item;
		term->next[false] = term->is_negated ? next_item : next_group;
		if (!ends_item)
			term->next[false] = i + 1;
	}
}

static enum err
cond_finish(struct cond **cp, struct cond *cond, enum err e)
{
	if (e != ERR_OK) {
		cond_free(&cond);
		return e;
	}
	cond_link(cond);
	*cp = cond;
	return ERR_OK;
}

enum err
cond_compile_test(struct cond **cp, struct slice text, const struct compile_env *env,
	struct diag *diag)
{
	struct cond *cond = calloc(1, sizeof(*cond));
	struct compile c = {
		.cond = cond,
		.env = env,
		.opens_group = true,
		.opens_item = true,
		.diag = diag,
	};

	if (cond == NULL)
		return ERR_NOMEM;
	return cond_finish(cp, cond, compile_text(&c, text));
}

enum err
cond_compile(struct cond **cp, struct slice text, const struct compile_env *env,
	struct diag *diag)
{
	struct cond *cond = calloc(1, sizeof(*cond));
	struct words words = { 0 };
	struct compile c = {
		.cond = cond,
		.env = env,
		.words = &words,
		.opens_group = true,
		.diag = diag,
	};
	enum err e;

	if (cond == NULL)
		return ERR_NOMEM;
	e = words_split(&words, text, diag);
	if (e == ERR_OK)
		e = compile_all(&c);
	words_fini(&words);
	return cond_finish(cp, cond, e);
}
