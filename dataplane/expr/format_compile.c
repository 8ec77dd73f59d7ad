/*
 * From a format's text to its pieces (HAProxy manual, 8.2.6 "Custom log format").
 *
 * In a log line white space is one space, also around a variable that writes nothing: what is known of
 * that here is decided here, so that most spaces lie in texts and only a few are asked about later.
 *
 * Any thread.
 */
#include "config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/hint.h"
#include "expr/format_priv.h"

#define SHOWN_BYTES 64	/* of a text in an error's words */

/* What comes before the place that the compiler is at. */
enum before { BEFORE_OTHER, BEFORE_SPACE, BEFORE_UNKNOWN };

struct compiler {
	const char		*start, *at, *end;
	struct format		*format;
	const struct compile_env *env;
	struct diag		*diag;
	uint32_t		 cap;		/* pieces */
	size_t			 used;		/* format->bytes */
	size_t			 text_at;	/* where the text begins that is being gathered */
	unsigned		 flags;		/* those that hold for what follows */
	enum before		 before;
};

static size_t
column_of(const struct compiler *c, const char *at)
{
	return (size_t)(at - c->start) + 1;
}

/* -- pieces -- */

/* With the text that was gathered before it. NULL: no memory. */
static struct format_piece *
piece_add(struct compiler *c, enum format_piece_kind kind)
{
	struct format *f = c->format;
	struct format_piece *piece;

	if (f->count == c->cap) {
		const uint32_t cap = c->cap == 0 ? 8 : c->cap * 2;
		struct format_piece *more = realloc(f->pieces, cap * sizeof(*more));

		if (more == NULL)
			return NULL;
		f->pieces = more;
		c->cap = cap;
	}
	piece = &f->pieces[f->count++];
	*piece = (struct format_piece){
		.kind = (uint8_t)kind,
		.ends_in_space = c->before == BEFORE_SPACE,
		.text = { f->bytes + c->text_at, c->used - c->text_at },
	};
	c->text_at = c->used;
	return piece;
}

static void
text_add(struct compiler *c, char byte)
{
	c->format->bytes[c->used++] = byte;	/* never more than the format's own text */
	c->before = BEFORE_OTHER;
}

/* A space of a log line. False: no memory. */
static bool
space_add(struct compiler *c)
{
	switch (c->before) {
	case BEFORE_SPACE: return true;
	case BEFORE_UNKNOWN:
		if (piece_add(c, FORMAT_PIECE_SPACE) == NULL)
			return false;
		break;
	case BEFORE_OTHER: text_add(c, ' '); break;
	}
	c->before = BEFORE_SPACE;
	return true;
}

/* -- flags -- */

static unsigned
flag_of(char letter)
{
	switch (letter) {
	case 'Q': return FORMAT_QUOTED;
	case 'X': return FORMAT_HEX;
	case 'E': return FORMAT_ESCAPED;
	}
	return 0;
}

/* "{+Q,-X}": behind it, `flags` are those that hold then. */
static enum err
flags_parse(struct compiler *c, unsigned *flags)
{
	const char *open = c->at++;

	for (;;) {
		while (c->at < c->end && (*c->at == ',' || *c->at == ' '))
			c->at++;
		if (c->at == c->end) {
			diag_set(c->diag, "column %zu: \"{\" is never closed", column_of(c, open));
			return ERR_INVALID;
		}
		if (*c->at == '}')
			break;
		if (c->end - c->at < 2 || (*c->at != '+' && *c->at != '-') ||
		    flag_of(c->at[1]) == 0) {
			diag_set(c->diag,
				 "column %zu: expected flags: \"+\" or \"-\" and Q (quoted), "
				 "X (hexadecimal) or E (escaped)",
				 column_of(c, c->at));
			return ERR_INVALID;
		}
		if (*c->at == '+')
			*flags |= flag_of(c->at[1]);
		else
			*flags &= ~flag_of(c->at[1]);
		c->at += 2;
	}
	c->at++;
	return ERR_OK;
}

/* -- variables and expressions -- */

/* " (did you mean "%ts"?)", or nothing. */
static void
near_var(char buf[SHOWN_BYTES], const char *name)
{
	const char *names[128];
	const char *hint;
	size_t count = 0;

	for (const struct format_table *t = format_tables(); t != NULL; t = t->next) {
		for (size_t i = 0; i < t->count && count < sizeof(names) / sizeof(names[0]); i++)
			names[count++] = t->rows[i].name;
	}
	hint = hint_nearest(name, names, count);
	buf[0] = '\0';
	if (hint != NULL)
		snprintf(buf, SHOWN_BYTES, " (did you mean \"%%%s\"?)", hint);
}

static enum err
var_unknown(struct compiler *c, struct slice name)
{
	char shown[SHOWN_BYTES], near[SHOWN_BYTES];

	str_escape(shown, sizeof(shown), name);
	near_var(near, shown);
	diag_set(c->diag, "column %zu: there is no variable \"%%%s\"%s; a percent sign is \"%%%%\"",
		 column_of(c, name.at), shown, near);
	return ERR_INVALID;
}

static enum err
needs_check(struct compiler *c, const char *at, const char *row, unsigned needs)
{
	struct diag why = { "" };

	if (compile_check_needs(c->env, row, needs, &why) == ERR_OK)
		return ERR_OK;
	diag_set(c->diag, "column %zu: %.400s", column_of(c, at), why.text);
	return ERR_INVALID;
}

static enum err
var_add(struct compiler *c, struct slice name, unsigned flags)
{
	const struct format_var *var = format_var_find(name);
	struct format_piece *piece;
	char row[SHOWN_BYTES];

	if (var == NULL)
		return var_unknown(c, name);
	snprintf(row, sizeof(row), "%%%s", var->name);
	if (needs_check(c, name.at, row, var->needs) != ERR_OK)
		return ERR_INVALID;
	piece = piece_add(c, FORMAT_PIECE_VAR);
	if (piece == NULL)
		return ERR_NOMEM;
	piece->var = var;
	piece->flags = (uint8_t)flags;
	c->format->needs |= var->needs;
	if (!var->may_vanish)
		c->before = BEFORE_OTHER;
	else if (c->before == BEFORE_SPACE)
		c->before = BEFORE_UNKNOWN;
	return ERR_OK;
}

static bool
is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* "ci"; "o" is none, it makes its flags everybody's. */
static enum err
var_parse(struct compiler *c, const char *percent, unsigned flags)
{
	struct slice name = { c->at, 0 };

	while (c->at < c->end && is_name_byte(*c->at))
		c->at++;
	name.len = (size_t)(c->at - name.at);
	if (name.len == 0) {
		diag_set(c->diag,
			 "column %zu: expected a variable, \"[\" or \"{\" behind \"%%\"; a percent "
			 "sign is \"%%%%\"",
			 column_of(c, percent));
		return ERR_INVALID;
	}
	if (!slice_equals(name, SLICE("o")))
		return var_add(c, name, flags);
	c->flags = flags;
	return ERR_OK;
}

/* "[expression]". */
static enum err
expr_parse(struct compiler *c, unsigned flags)
{
	struct slice text = { c->at + 1, (size_t)(c->end - c->at - 1) };
	struct format_piece *piece;
	struct expr *expr = NULL;
	enum err err = expr_compile_part(&expr, &text, c->start, c->env, c->diag);

	if (err != ERR_OK)
		return err;
	if (text.len == 0 || *text.at != ']') {
		diag_set(c->diag, "column %zu: expected \"]\" behind the expression",
			 column_of(c, text.at));
		expr_free(&expr);
		return ERR_INVALID;
	}
	piece = piece_add(c, FORMAT_PIECE_EXPR);
	if (piece == NULL) {
		expr_free(&expr);
		return ERR_NOMEM;
	}
	piece->expr = expr;
	piece->flags = (uint8_t)flags;
	c->format->needs |= expr_needs(expr);
	c->before = BEFORE_OTHER;
	c->at = text.at + 1;
	return ERR_OK;
}

/* From a percent sign on. */
static enum err
percent_parse(struct compiler *c)
{
	const char *percent = c->at++;
	unsigned flags = c->flags;
	enum err err;

	if (c->at < c->end && *c->at == '%') {
		text_add(c, *c->at++);
		return ERR_OK;
	}
	if (c->at < c->end && *c->at == '{') {
		err = flags_parse(c, &flags);
		if (err != ERR_OK)
			return err;
	}
	if (c->at < c->end && *c->at == '[')
		return expr_parse(c, flags);
	return var_parse(c, percent, flags);
}

/* -- texts -- */

/* HAProxy's configuration takes these away before a format sees them (manual, 2.2). */
static bool
is_escape(const struct compiler *c)
{
	return *c->at == '\\' && c->at + 1 < c->end && memchr(" \\\"'#", c->at[1], 5) != NULL;
}

static enum err
format_step(struct compiler *c)
{
	const bool is_log = c->format->use == FORMAT_LOG;

	if (*c->at == '%')
		return percent_parse(c);
	if (is_log && (unsigned char)*c->at < ' ' && *c->at != '\t') {
		diag_set(c->diag, "column %zu: a control character would end or spoil a line",
			 column_of(c, c->at));
		return ERR_INVALID;
	}
	if (is_log && is_escape(c))
		c->at++;
	if (is_log && (*c->at == ' ' || *c->at == '\t')) {
		c->at++;
		return space_add(c) ? ERR_OK : ERR_NOMEM;
	}
	text_add(c, *c->at++);
	return ERR_OK;
}

enum err
format_compile(struct format **fp, struct slice text, enum format_use use,
	       const struct compile_env *env, struct diag *diag)
{
	struct compiler c = {
		.start = text.at,
		.at = text.at,
		.end = text.at + text.len,
		.format = calloc(1, sizeof(*c.format)),
		.env = env,
		.diag = diag,
		.before = BEFORE_SPACE,
	};
	enum err err = ERR_OK;

	if (c.format == NULL)
		return ERR_NOMEM;
	c.format->use = use;
	c.format->bytes = calloc(1, text.len + FORMAT_SHORT_BYTES);
	if (c.format->bytes == NULL)
		err = ERR_NOMEM;
	while (err == ERR_OK && c.at < c.end)
		err = format_step(&c);
	if (err == ERR_OK && c.used > c.text_at && piece_add(&c, FORMAT_PIECE_END) == NULL)
		err = ERR_NOMEM;
	if (err != ERR_OK) {
		format_free(&c.format);
		return err;
	}
	*fp = c.format;
	return ERR_OK;
}

void
format_free(struct format **fp)
{
	struct format *f = *fp;

	if (f == NULL)
		return;
	for (uint32_t i = 0; i < f->count; i++) {
		if (f->pieces[i].kind == FORMAT_PIECE_EXPR)
			expr_free(&f->pieces[i].expr);
	}
	free(f->pieces);
	free(f->bytes);
	free(f);
	*fp = NULL;
}
