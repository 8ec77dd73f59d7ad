/*
 * Arguments of fetches and converters: what stands in the parentheses (HAProxy manual, 7.3).
 *
 * A row says which it takes; the compiler parses them, looks up names, and shows where one is
 * wrong. What an argument names outside of expr/ (a backend, a map) is a reference: the compiler
 * notes it, the control plane puts the object in before the expression is run.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/network.h"
#include "core/str.h"
#include "expr/sample.h"

struct compile_env;
struct match;
struct regex;

enum arg_kind {
	ARG_NONE,		/* a row: no more; a value: it was left out */
	ARG_STRING,		/* may be empty, may be quoted */
	ARG_NAME,		/* a token: the name of a header, cookie, parameter */
	ARG_INT,
	ARG_SIZE,		/* number: bytes */
	ARG_DURATION,		/* number: ms */
	ARG_MASK4,		/* net: a netmask or a prefix length of IPv4 */
	ARG_MASK6,
	ARG_VAR,		/* var */
	ARG_REGEX,		/* regex */
	ARG_BACKEND,		/* ref: "name"; left out: the one that runs it, ref is NULL */
	ARG_SERVER,		/* ref: "backend/server", or in a backend "server" */
	ARG_FRONTEND,
	ARG_MAP,		/* ref: of "maps" */
	ARG_USERLIST,
};
#define ARG_OPTIONAL	0x80	/* in a row: this one and all behind it may be left out */

#define ARGS_MAX 6

/*
 * A variable: its scope and its name's number, the same for that name wherever it is written, as
 * long as anything holds it (var_id_parse()). A number is never another name's.
 */
struct var_id {
	uint8_t		scope;		/* enum var_scope */
	uint16_t	slot;		/* of the process's values */
	uint32_t	name;		/* 0: none */
};

enum ref_kind { REF_BACKEND, REF_SERVER, REF_FRONTEND, REF_MAP, REF_USERLIST, REF_KINDS };

/* What an expression names. `object` is set by control before it is run, and held until release(). */
struct ref {
	enum ref_kind		 kind;
	char			*name;		/* owned */
	char			*parent;	/* REF_SERVER: its backend's name, owned */
	const struct match	*match;		/* REF_MAP: how values are looked up, */
	bool			 nocase;	/* and with ASCII case ignored */
	enum sample_type
		value_type; /* REF_MAP: of its values; SAMPLE_ANY where they do not matter */
	void			*object;	/* struct backend, server, frontend, userlist; REF_MAP: struct map_view */
	void			(*release)(struct ref *ref);	/* NULL: nothing is held */
	struct ref		*next;
};

/* All that a list of rules, or a format, refers to. {0} is empty. */
struct refs {
	struct ref	*first;
};

/* The reference of that kind and name, new if it is not there. NULL: no memory. */
struct ref *refs_add(struct refs *refs, enum ref_kind kind, struct slice name, struct slice parent);
struct ref *refs_add_map(struct refs *refs, struct slice name, const struct match *match,
			 bool nocase, enum sample_type value_type);
void refs_fini(struct refs *refs);	/* releases and frees all */

struct arg {
	uint8_t		 kind;		/* ARG_NONE: left out */
	struct slice	 text;		/* without its quotes; a NUL follows */
	int64_t		 number;	/* ARG_INT, ARG_SIZE, ARG_DURATION; ARG_MASK*: bits */
	struct ip
		mask; /* ARG_MASK4: the bytes before IPv4's are all ones, so it fits a mapped address */
	struct var_id	 var;		/* held: its name is not 0 */
	struct regex	*regex;		/* owned; case counts: a row that wants else compiles `text` anew */
	struct ref	*ref;		/* the compile_env's refs own it */
};

struct args {
	struct arg	 at[ARGS_MAX];
	void		*data;		/* what a row's check() made of them; freed with data_free() */
	void		(*data_free)(void *data);
	char		*memory;	/* owned: all texts */
	int64_t		 number;	/* for the row's use, too */
};

/*
 * Parse "(a,b)" as `kinds` (ARGS_MAX of enum arg_kind, with ARG_OPTIONAL) says, from `*at`, which stands at
 * the parenthesis or at anything else (then nothing was given), and moves behind it. Quoting as HAProxy's:
 * '...' , "..." and backslashes. ERR_INVALID: `diag` says what, with "column N", counted from `start`.
 */
enum err args_parse(struct args *args, const uint8_t kinds[ARGS_MAX], struct slice *at,
		    const char *start, const char *row_name, const struct compile_env *env,
		    struct diag *diag);
void args_fini(struct args *args);

/* "hdr(name[,integer])": how it is written, for people. Returns buf. */
#define ARGS_USAGE_BYTES 160
const char *args_usage(char buf[ARGS_USAGE_BYTES], const char *row_name,
		       const uint8_t kinds[ARGS_MAX]);

/* "name": the word for a kind, for people and for the list of all expressions. */
const char *arg_kind_name(enum arg_kind kind);
