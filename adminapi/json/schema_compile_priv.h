/*
 * Compiling a schema: what the walk (schema_compile.c) and its keywords (schema_keywords.c) share.
 */
#pragma once

#include <stddef.h>
#include "adminapi/json/schema_priv.h"

struct compiler {
	struct schema	*schema;
	struct pointer	 at;
	struct diag	*diag;
	enum err	 err;
};

/* A keyword: takes its value into the field of the node; false after schema_refuse(). */
struct keyword {
	const char	*name;
	bool		(*compile)(struct compiler *c, void *field, const cJSON *value);
	size_t		 offset;	/* of that field; 0: `field` is the node itself */
};

/* NULL: not one that is understood. */
const struct keyword *keyword_find(const char *name);

/* A schema within a schema; NULL after schema_refuse(). */
struct schema_node *compile_node(struct compiler *c, const cJSON *value);

/* Remember the first fault and its place. Return false. */
bool schema_refuse(struct compiler *c, const char *why);
bool compile_no_memory(struct compiler *c);
