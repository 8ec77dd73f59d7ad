/*
 * Formats: texts with expressions and HAProxy's log variables in them: "%ci:%cp [%tr] %[req.hdr(host),lower]"
 * (HAProxy manual, 8.2.4 "Custom log format"). Wherever HAProxy takes them: headers, redirects, answers, logs.
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
	FORMAT_VALUE,		/* a header's value, a body, a name: bytes as they are */
	FORMAT_LOG,		/* a log line: what could end or falsify it is encoded, as HAProxy's logs do */
};

/* ERR_INVALID: "column N: ..." with the nearest name; ERR_NOMEM. */
enum err format_compile(struct format **fp, struct slice text, enum format_use use,
	const struct compile_env *env, struct diag *diag);

/*
 * Write it at `out`, at most `size` bytes; the length is returned. Over it: a log line is cut, all else
 * returns SIZE_MAX (FORMAT_TOO_LONG), and nothing counts. A value that is not there is "" in values, "-" in logs.
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
void format_put(struct format_out *out, struct slice bytes);	/* encoded and quoted as its flags say */
void format_put_int(struct format_out *out, int64_t number);
void format_put_raw(struct format_out *out, struct slice bytes);	/* as it is */
bool format_flag_hex(const struct format_out *out);		/* %{+X} */

struct format_var {
	const char	*name;		/* "ci" */
	enum format_kind kind;
	unsigned	 needs;
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
