/*
 * What the compilers of expressions, conditions and formats are told of the place that they compile for.
 */
#pragma once

#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"
#include "expr/args.h"
#include "expr/sample.h"

struct acls;

/* How many capture slots a frontend has, of requests and of responses. */
struct compile_slots {
	uint32_t	count[2];
};

struct compile_env {
	unsigned		 has;		/* NEEDS_*: what will be there */
	const char		*place;		/* for people: "http-request rules", "a log format" */
	const char *
		backend; /* the name of the backend whose configuration it is; NULL: a frontend's */
	const struct compile_slots
		*slots; /* of the frontend whose configuration it is; NULL: not known */
	const struct acls	*acls;		/* named ACLs that may be used; NULL: none */
	struct refs		*refs;		/* where references go; must live as long as what is compiled */
};

/* A place that has all: for what is only to be checked. refs is set by the caller. */
#define COMPILE_HAS_ALL 0xffffU

/*
 * ERR_INVALID with "path" needs an HTTP request's head, which tcp-request connection rules do not
 * have in `diag` if `needs` is more than env->has.
 */
enum err compile_check_needs(const struct compile_env *env, const char *row, unsigned needs,
	struct diag *diag);

/* The words for one of these NEEDS_*, *left the others; NULL: there is none. For lists: until 0 is left. */
const char *needs_name(unsigned needs, unsigned *left);
