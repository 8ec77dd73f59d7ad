/*
 * Words as HAProxy's configuration parser cuts them. Pure; any thread.
 *
 * Where HAProxy would silently change the meaning (a comment begins, an environment variable is put
 * in, a NUL or an empty word ends the line), a text is refused here.
 */
#include "config.h"
#include "expr/words_priv.h"
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX_BYTES (1U << 20)	/* so that columns fit; far over what a rule can be */

struct cut {
	struct words	*words;
	struct slice	 in;
	size_t		 pos;
	char		*out;		/* where the next byte goes: never beyond as many as were read */
	struct diag	*diag;
};

static enum err
cut_fail(struct cut *c, size_t pos, const char *what)
{
	diag_set(c->diag, "column %zu: %s", pos + 1, what);
	return ERR_INVALID;
}

/* Columns: what stands behind the backslash, what it means (HAProxy manual, 2.2). */
static const struct {
	char	written;
	char	means;
} escapes[] = {
	{ ' ',	' '  },
	{ '\t',	'\t' },
	{ '\\',	'\\' },
	{ '#',	'#'  },
	{ '$',	'$'  },
	{ '\'',	'\'' },
	{ '"',	'"'  },
	{ 'n',	'\n' },
	{ 'r',	'\r' },
	{ 't',	'\t' },
};

/* Behind "\x". */
static enum err
cut_hex(struct cut *c, size_t start)
{
	int high = c->pos < c->in.len ? hex_value(c->in.at[c->pos]) : -1;
	int low = c->pos + 1 < c->in.len ? hex_value(c->in.at[c->pos + 1]) : -1;

	if (high < 0 || low < 0)
		return cut_fail(c, start, "expected two hexadecimal digits behind \\x");
	if (high == 0 && low == 0)
		return cut_fail(c, start, "\\x00 can not be in a word");
	*c->out++ = (char)(high << 4 | low);
	c->pos += 2;
	return ERR_OK;
}

/* At a backslash. One that escapes nothing stands for itself. */
static enum err
cut_escape(struct cut *c)
{
	size_t start = c->pos++;
	char next;

	if (c->pos == c->in.len)
		return cut_fail(c, start, "a backslash with nothing behind it");
	next = c->in.at[c->pos];
	if (next == 'x') {
		c->pos++;
		return cut_hex(c, start);
	}
	for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
		if (escapes[i].written == next) {
			*c->out++ = escapes[i].means;
			c->pos++;
			return ERR_OK;
		}
	}
	*c->out++ = '\\';
	return ERR_OK;
}

/* At a quote, to behind its twin. */
static enum err
cut_quoted(struct cut *c)
{
	size_t start = c->pos++;
	char quote = c->in.at[start];

	while (c->pos < c->in.len && c->in.at[c->pos] != quote) {
		char byte = c->in.at[c->pos];

		if (quote == '"' && byte == '$')
			return cut_fail(
				c, c->pos,
				"\"$...\" would be an environment variable, which conditions do "
				"not take: write \\$, or use single quotes");
		if (quote == '"' && byte == '\\') {
			if (cut_escape(c) != ERR_OK)
				return ERR_INVALID;
			continue;
		}
		*c->out++ = byte;
		c->pos++;
	}
	if (c->pos == c->in.len)
		return cut_fail(c, start, "a quote that does not end");
	c->pos++;
	return ERR_OK;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* One piece of a word: a byte, an escape, a quoted run. */
static enum err
cut_piece(struct cut *c, struct word *word)
{
	char byte = c->in.at[c->pos];

	if (byte == '#')
		return cut_fail(c, c->pos,
				"an unquoted # would begin a comment: write \\#, or use quotes");
	if (byte == '\\' || byte == '\'' || byte == '"') {
		word->bare = false;
		return byte == '\\' ? cut_escape(c) : cut_quoted(c);
	}
	*c->out++ = byte;
	c->pos++;
	return ERR_OK;
}

static enum err
cut_word(struct cut *c, struct word *word)
{
	size_t start = c->pos;

	*word = (struct word){ .text.at = c->out, .column = (uint32_t)start + 1, .bare = true };
	while (c->pos < c->in.len && !is_blank(c->in.at[c->pos])) {
		if (cut_piece(c, word) != ERR_OK)
			return ERR_INVALID;
	}
	word->text.len = (size_t)(c->out - word->text.at);
	return word->text.len != 0 ? ERR_OK : cut_fail(c, start, "an empty word");
}

static struct word *
words_add(struct words *words)
{
	if (words->count == words->cap) {
		uint32_t cap = words->cap != 0 ? words->cap * 2 : 16;
		struct word *at = reallocarray(words->at, cap, sizeof(*at));

		if (at == NULL)
			return NULL;
		words->at = at;
		words->cap = cap;
	}
	return &words->at[words->count++];
}

static enum err
cut_check_bytes(struct cut *c)
{
	if (c->in.len > TEXT_MAX_BYTES)
		return cut_fail(c, TEXT_MAX_BYTES, "the text is too long");
	for (size_t i = 0; i < c->in.len; i++) {
		unsigned char byte = (unsigned char)c->in.at[i];

		if ((byte < ' ' && byte != '\t') || byte == 0x7f)
			return cut_fail(c, i, "a control character: write \\n, \\r or \\xNN");
	}
	return ERR_OK;
}

enum err
words_split(struct words *words, struct slice text, struct diag *diag)
{
	struct cut c = { .words = words, .in = text, .diag = diag };
	struct word *word;

	if (cut_check_bytes(&c) != ERR_OK)
		return ERR_INVALID;
	words->end_column = (uint32_t)text.len + 1;
	words->memory = malloc(text.len + 1);
	if (words->memory == NULL)
		return ERR_NOMEM;
	c.out = words->memory;
	for (;;) {
		while (c.pos < text.len && is_blank(text.at[c.pos]))
			c.pos++;
		if (c.pos == text.len)
			return ERR_OK;
		word = words_add(words);
		if (word == NULL)
			return ERR_NOMEM;
		if (cut_word(&c, word) != ERR_OK)
			return ERR_INVALID;
	}
}

void
words_fini(struct words *words)
{
	free(words->at);
	free(words->memory);
	*words = (struct words){ 0 };
}
