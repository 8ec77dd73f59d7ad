/*
 * Whom a resource names: not in fields of its own, but in expressions, conditions and formats.
 *
 * A compiler notes them (chain->uses), for only there such texts are understood; the plan checks that
 * what is named is there, and the document keeps them, so that what is named does not go.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct doc_use {
	unsigned	 kind;		/* enum doc_kind of the named one */
	const char	*name;
	const char	*parent;	/* a server's backend; NULL: it is one of the root's */
	const char	*place;		/* where, below the resource that names it: "/rules/3/if" */
};

/* Init with {0}. */
struct doc_uses {
	struct doc_use	**at;
	uint32_t	  count, cap;
	bool		  failed;	/* no memory for one */
};

/* Texts are copied. */
void doc_uses_add(struct doc_uses *uses, unsigned kind, const char *name, const char *parent,
	const char *place);
void doc_uses_fini(struct doc_uses *uses);
