/*
 * Formats: texts with expressions and HAProxy's log variables in them: "%ci:%cp [%tr] %[req.hdr(host),lower]"
 * (HAProxy manual, 8.2.4 "Custom log format"). Wherever HAProxy takes them: headers, redirects,
 * answers, logs.
 *
 * Compiled once, read only from then on; written by workers, without memory of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"
#include "expr/compile.h"
#include "expr/sample.h"

struct format;

enum format_use {
	/* a header's value, a body, a name: literal bytes as they are, of values control characters as %XX */
	FORMAT_VALUE,
	/* a log line: what could end or falsify it is encoded; white space is one space, a backslash takes the
	 * meaning of the next space, quote, '#' or backslash */
	FORMAT_LOG,
};

/* ERR_INVALID: "column N: ..." with the nearest name; ERR_NOMEM. */
enum err format_compile(struct format **fp, struct slice text, enum format_use use,
	const struct compile_env *env, struct diag *diag);

/*
 * Write it at `out`, at most `size` bytes; the length is returned. Over it: a log line is cut, all else
 * returns SIZE_MAX (FORMAT_TOO_LONG), and nothing counts. A value that is not there is "" in
 * values, "-" in logs.
 */
#define FORMAT_TOO_LONG SIZE_MAX
size_t format_write(const struct format *format, struct eval *eval, char *out, size_t size);

/* Nothing of it depends on anything: its text, and true. */
bool format_is_constant(const struct format *format, struct slice *text);
unsigned format_needs(const struct format *format);
void format_free(struct format **fp);

/* -- log variables: rows of the room that owns the data -- */

enum format_kind { FORMAT_NUMBER, FORMAT_TEXT };

/* Where a variable writes. */
struct format_out;

/* How text is written, beyond what the flags say (HAProxy manual, 8.6 "Non-printable characters"). */
enum format_as {
	FORMAT_AS_TEXT,		/* nothing in it can end the line; empty is as if it were not there */
	FORMAT_AS_URI,		/* also no quote, '#', nor what is not ASCII: #XX. Empty is empty */
	FORMAT_AS_HEADER,	/* as URIs, and braces and bars, too. Empty is as if it were not there */
	FORMAT_AS_PART,		/* as headers, without quotes; empty is empty: between braces of ours */
};
void format_put_as(struct format_out *out, struct slice bytes, enum format_as as);
void format_put(struct format_out *out, struct slice bytes);	/* FORMAT_AS_TEXT */
void format_put_int(struct format_out *out, int64_t number);
void format_put_hex(struct format_out *out, uint64_t number,
		    unsigned digits);                            /* at least so many */
void format_put_raw(struct format_out *out, struct slice bytes);	/* as it is */
void
format_put_quote(struct format_out *out); /* where +Q asks for one around what is made of pieces */
bool format_flag_hex(const struct format_out *out);		/* %{+X} */

struct format_var {
	const char	*name;		/* "ci": letters and digits */
	enum format_kind kind;
	unsigned	 needs;
	bool		 may_vanish;	/* where it puts nothing, nothing is written, and spaces around it are one */
	const char	*help;
	void		(*put)(struct eval *eval, struct format_out *out);	/* puts nothing: "-" */
};

struct format_table {
	const struct format_var	*rows;
	size_t			 count;
	struct format_table	*next;
};

void format_register(struct format_table *table);
const struct format_var *format_var_find(struct slice name);
const struct format_table *format_tables(void);
