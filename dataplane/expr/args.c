/*
 * Arguments: what stands in the parentheses behind a fetch's or converter's name. Any thread.
 *
 * First the text is cut at its commas, quotes taken off (HAProxy manual, 2.2), then each piece is
 * read as its row wants it.
 */
#include "config.h"
#include "expr/args.h"
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "expr/compile.h"
#include "expr/regex.h"
#include "expr/vars.h"

#define SEEN_BYTES 64	/* how much of an argument an error shows */

struct parse {
	struct args			*args;
	const uint8_t			*kinds;
	const char			*row_name;
	const char			*start;		/* columns are counted from here */
	const struct compile_env	*env;
	struct diag			*diag;
	const char			*in, *end;
	char				*out;
	uint32_t			 count;		/* pieces */
	const char			*piece_at[ARGS_MAX];	/* where each begins, for columns */
};

typedef enum err read_fn(struct parse *p, struct arg *arg);

__attribute__((format(printf, 3, 4))) static enum err
parse_fail(const struct parse *p, const char *at, const char *fmt, ...)
{
	char what[DIAG_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	diag_set(p->diag, "column %zu: %s", (size_t)(at - p->start) + 1, what);
	return ERR_INVALID;
}

/* -- how it is written -- */

static const char *const kind_names[] = {
	[ARG_NONE] = "",
	[ARG_STRING] = "string",
	[ARG_NAME] = "name",
	[ARG_INT] = "integer",
	[ARG_SIZE] = "size",
	[ARG_DURATION] = "duration",
	[ARG_MASK4] = "mask",
	[ARG_MASK6] = "mask6",
	[ARG_VAR] = "variable",
	[ARG_REGEX] = "regex",
	[ARG_BACKEND] = "backend",
	[ARG_SERVER] = "server",
	[ARG_FRONTEND] = "frontend",
	[ARG_MAP] = "map",
	[ARG_USERLIST] = "userlist",
};

const char *
arg_kind_name(enum arg_kind kind)
{
	return kind_names[kind];
}

static enum arg_kind
kind_of(uint8_t kind)
{
	return (enum arg_kind)(kind & ~(unsigned)ARG_OPTIONAL);
}

/* How many a row takes, and how many of them must be there. */
static uint32_t
kinds_count(const uint8_t kinds[ARGS_MAX], uint32_t *required)
{
	uint32_t count = 0;

	*required = ARGS_MAX;
	for (; count < ARGS_MAX && kind_of(kinds[count]) != ARG_NONE; count++) {
		if ((kinds[count] & ARG_OPTIONAL) != 0 && *required > count)
			*required = count;
	}
	if (*required > count)
		*required = count;
	return count;
}

const char *
args_usage(char buf[ARGS_USAGE_BYTES], const char *row_name, const uint8_t kinds[ARGS_MAX])
{
	uint32_t required, count = kinds_count(kinds, &required);
	struct buf text = { 0 };

	buf_puts(&text, row_name);
	for (uint32_t i = 0; i < count; i++)
		buf_printf(&text, "%s%s%s%s", i == 0 ? "(" : "", i >= required ? "[" : "",
			   i == 0 ? "" : ",", kind_names[kind_of(kinds[i])]);
	for (uint32_t i = required; i < count; i++)
		buf_puts(&text, "]");
	if (count != 0)
		buf_puts(&text, ")");
	snprintf(buf, ARGS_USAGE_BYTES, "%.*s", (int)(text.failed ? 0 : text.len),
		 text.failed ? "" : text.at);
	buf_fini(&text);
	return buf;
}

/* -- pieces -- */

static enum err
cut_fail_end(const struct parse *p, const char *open)
{
	return parse_fail(p, p->end, "expected a \")\" for the \"(\" behind \"%s\"", p->row_name);
}

/* At a backslash outside of '...'. One that escapes nothing stands for itself, as in HAProxy. */
static void
cut_escape(struct parse *p)
{
	static const char written[] = "\\'\" nrt", means[] = "\\'\" \n\r\t";
	const char *found =
		p->in + 1 < p->end ? memchr(written, p->in[1], sizeof(written) - 1) : NULL;

	if (found == NULL) {
		*p->out++ = *p->in++;
		return;
	}
	*p->out++ = means[found - written];
	p->in += 2;
}

/* One piece, up to its comma or the closing parenthesis. */
static enum err
cut_piece(struct parse *p, struct arg *arg)
{
	char quote = '\0';
	const char *open = p->in;

	arg->text.at = p->out;
	for (; p->in < p->end; ) {
		char byte = *p->in;

		if (quote == '\0' && (byte == ',' || byte == ')'))
			break;
		if (byte == '\\' && quote != '\'') {
			cut_escape(p);
		} else if ((byte == '\'' || byte == '"') && (quote == '\0' || quote == byte)) {
			quote = quote == '\0' ? byte : '\0';
			open = p->in++;
		} else {
			*p->out++ = byte;
			p->in++;
		}
	}
	if (quote != '\0')
		return parse_fail(p, open, "a quote that does not end");
	arg->text.len = (size_t)(p->out - arg->text.at);
	*p->out++ = '\0';
	return ERR_OK;
}

/* All pieces, from behind the opening parenthesis to behind the closing one. */
static enum err
cut_all(struct parse *p, const char *open)
{
	uint32_t required, count = kinds_count(p->kinds, &required);
	char usage[ARGS_USAGE_BYTES];

	if (p->in < p->end && *p->in == ')') {
		p->in++;
		return ERR_OK;
	}
	for (;;) {
		if (p->count == count)
			return parse_fail(p, p->in, "too many arguments: expected \"%s\"",
					  args_usage(usage, p->row_name, p->kinds));
		p->piece_at[p->count] = p->in;
		if (cut_piece(p, &p->args->at[p->count]) != ERR_OK)
			return ERR_INVALID;
		p->count++;
		if (p->in == p->end)
			return cut_fail_end(p, open);
		if (*p->in++ == ')')
			return ERR_OK;
	}
}

/* -- a kind each -- */

static enum err
read_fail(const struct parse *p, const struct arg *arg, const char *expected)
{
	char seen[SEEN_BYTES];

	return parse_fail(p, p->piece_at[arg - p->args->at], "expected %s, not \"%s\", for \"%s\"",
			  expected, str_escape(seen, sizeof(seen), arg->text), p->row_name);
}

static enum err
read_string(struct parse *p, struct arg *arg)
{
	return ERR_OK;
}

static bool
is_token_byte(char c)
{
	return c > ' ' && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
}

static enum err
read_name(struct parse *p, struct arg *arg)
{
	for (size_t i = 0; i < arg->text.len; i++) {
		if (!is_token_byte(arg->text.at[i]))
			return read_fail(p, arg, "a name");
	}
	return arg->text.len != 0 ? ERR_OK : read_fail(p, arg, "a name");
}

static enum err
read_int(struct parse *p, struct arg *arg)
{
	return int_parse(arg->text, &arg->number) == ERR_OK ? ERR_OK
							    : read_fail(p, arg, "a number");
}

static enum err
read_size(struct parse *p, struct arg *arg)
{
	return size_parse(arg->text, &arg->number) == ERR_OK
		       ? ERR_OK
		       : read_fail(p, arg, "a size, as \"16k\"");
}

static enum err
read_duration(struct parse *p, struct arg *arg)
{
	return duration_parse(arg->text, &arg->number) == ERR_OK
		       ? ERR_OK
		       : read_fail(p, arg, "a duration, as \"10s\"");
}

/* The first `bits` of `bytes`. */
static void
mask_fill(uint8_t bytes[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++, bits -= bits >= 8 ? 8 : bits)
		bytes[i] = bits >= 8 ? 0xff : (uint8_t)(0xff00U >> bits);
}

static unsigned
mask_bits(const uint8_t *bytes, size_t len)
{
	unsigned bits = 0;

	for (size_t i = 0; i < len; i++)
		bits += (unsigned)__builtin_popcount(bytes[i]);
	return bits;
}

/* A mask written as an address, or how many bits it has. */
static enum err
read_mask(struct parse *p, struct arg *arg, int family, unsigned first_bit)
{
	const unsigned first = first_bit / 8;
	int64_t bits;

	if (int_parse(arg->text, &bits) == ERR_OK) {
		if (bits < 0 || bits > 128 - (int64_t)first_bit)
			return read_fail(p, arg, family == AF_INET ? "a prefix length from 0 to 32"
								   : "a prefix length from 0 to 128");
		mask_fill(arg->mask.bytes, first_bit + (unsigned)bits);
	} else {
		mask_fill(arg->mask.bytes, first_bit);
		if (strlen(arg->text.at) != arg->text.len ||
		    inet_pton(family, arg->text.at, arg->mask.bytes + first) != 1)
			return read_fail(p, arg, "a netmask or a prefix length");
	}
	arg->mask.is_ipv4 = family == AF_INET;
	arg->number = mask_bits(arg->mask.bytes + first, 16 - first);
	return ERR_OK;
}

static enum err
read_mask4(struct parse *p, struct arg *arg)
{
	return read_mask(p, arg, AF_INET, 96);
}

static enum err
read_mask6(struct parse *p, struct arg *arg)
{
	return read_mask(p, arg, AF_INET6, 0);
}

static enum err
read_var(struct parse *p, struct arg *arg)
{
	struct diag why = { "" };
	enum err e = var_id_parse(&arg->var, arg->text, &why);

	return e == ERR_NOMEM || e == ERR_OK
		       ? e
		       : parse_fail(p, p->piece_at[arg - p->args->at], "%s", why.text);
}

static enum err
read_regex(struct parse *p, struct arg *arg)
{
	struct diag why = { "" };
	enum err e = regex_compile(&arg->regex, arg->text, false, &why);

	return e != ERR_INVALID ? e : parse_fail(p, p->piece_at[arg - p->args->at], "%s", why.text);
}

/* -- references -- */

static enum err
ref_take(struct parse *p, struct arg *arg, struct ref *ref)
{
	arg->ref = ref;
	return ref != NULL ? ERR_OK : ERR_NOMEM;
}

static enum err
ref_check(const struct parse *p, const struct arg *arg, struct slice name, const char *expected)
{
	if (name.len == 0 || memchr(name.at, '\0', name.len) != NULL)
		return read_fail(p, arg, expected);
	if (p->env->refs != NULL)
		return ERR_OK;
	return parse_fail(p, p->piece_at[arg - p->args->at], "\"%s\" can not be used in %s",
			  p->row_name, p->env->place);
}

static enum err
read_ref(struct parse *p, struct arg *arg, enum ref_kind kind, const char *expected)
{
	enum err e = ref_check(p, arg, arg->text, expected);

	if (e != ERR_OK)
		return e;
	return ref_take(p, arg, refs_add(p->env->refs, kind, arg->text, (struct slice){ NULL, 0 }));
}

static enum err
read_backend(struct parse *p, struct arg *arg)
{
	return read_ref(p, arg, REF_BACKEND, "the name of a backend");
}

static enum err
read_frontend(struct parse *p, struct arg *arg)
{
	return read_ref(p, arg, REF_FRONTEND, "the name of a frontend");
}

static enum err
read_userlist(struct parse *p, struct arg *arg)
{
	return read_ref(p, arg, REF_USERLIST, "the name of a userlist");
}

/*
 * The match method and the type of values are the row's to say: its check() asks for the same
 * reference anew.
 */
static enum err
read_map(struct parse *p, struct arg *arg)
{
	return ref_check(p, arg, arg->text, "the name of a map");
}

/* "backend/server"; in a backend's own configuration its name may be left out. */
static enum err
read_server(struct parse *p, struct arg *arg)
{
	const char *slash = memchr(arg->text.at, '/', arg->text.len);
	struct slice parent = { NULL, 0 }, name = arg->text;
	enum err e;

	if (slash != NULL) {
		parent = (struct slice){ arg->text.at, (size_t)(slash - arg->text.at) };
		name = (struct slice){ slash + 1, arg->text.len - parent.len - 1 };
	} else if (p->env->backend != NULL) {
		parent = slice_of(p->env->backend);
	}
	if (parent.len == 0)
		return read_fail(p, arg, "a server as \"backend/server\"");
	e = ref_check(p, arg, name, "a server as \"backend/server\"");
	if (e != ERR_OK)
		return e;
	return ref_take(p, arg, refs_add(p->env->refs, REF_SERVER, name, parent));
}

static read_fn *const readers[] = {
	[ARG_STRING] = read_string,
	[ARG_NAME] = read_name,
	[ARG_INT] = read_int,
	[ARG_SIZE] = read_size,
	[ARG_DURATION] = read_duration,
	[ARG_MASK4] = read_mask4,
	[ARG_MASK6] = read_mask6,
	[ARG_VAR] = read_var,
	[ARG_REGEX] = read_regex,
	[ARG_BACKEND] = read_backend,
	[ARG_SERVER] = read_server,
	[ARG_FRONTEND] = read_frontend,
	[ARG_MAP] = read_map,
	[ARG_USERLIST] = read_userlist,
};

static enum err
read_all(struct parse *p)
{
	for (uint32_t i = 0; i < p->count; i++) {
		struct arg *arg = &p->args->at[i];
		enum arg_kind kind = kind_of(p->kinds[i]);
		enum err e;

		arg->kind = (uint8_t)kind;
		e = readers[kind](p, arg);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

static enum err
args_cut(struct parse *p)
{
	const char *open = p->in;
	size_t len = (size_t)(p->end - p->in);

	if (len == 0 || *open != '(')
		return ERR_OK;
	p->args->memory = malloc(len + ARGS_MAX);
	if (p->args->memory == NULL)
		return ERR_NOMEM;
	p->out = p->args->memory;
	p->in++;
	return cut_all(p, open);
}

enum err
args_parse(struct args *args, const uint8_t kinds[ARGS_MAX], struct slice *at, const char *start,
	const char *row_name, const struct compile_env *env, struct diag *diag)
{
	struct parse p = {
		.args = args,
		.kinds = kinds,
		.row_name = row_name,
		.start = start,
		.env = env,
		.diag = diag,
		.in = at->at,
		.end = at->at + at->len,
	};
	char usage[ARGS_USAGE_BYTES];
	uint32_t required;
	enum err e;

	*args = (struct args){ 0 };
	e = args_cut(&p);
	kinds_count(kinds, &required);
	if (e == ERR_OK && p.count < required)
		e = parse_fail(&p, at->at, "expected \"%s\"", args_usage(usage, row_name, kinds));
	if (e == ERR_OK)
		e = read_all(&p);
	if (e != ERR_OK) {
		args_fini(args);
		return e;
	}
	*at = (struct slice){ p.in, (size_t)(p.end - p.in) };
	return ERR_OK;
}

void
args_fini(struct args *args)
{
	if (args->data_free != NULL)
		args->data_free(args->data);
	for (size_t i = 0; i < ARGS_MAX; i++)
		regex_free(&args->at[i].regex);
	for (size_t i = 0; i < ARGS_MAX; i++)
		var_id_drop(&args->at[i].var);
	free(args->memory);
	*args = (struct args){ 0 };
}
