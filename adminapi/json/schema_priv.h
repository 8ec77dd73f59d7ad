/*
 * A compiled schema, for the files that compile it, validate with it and walk it.
 *
 * Immutable once compiled. All text in it is borrowed from `doc`, which lives as long.
 */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include "adminapi/json/schema.h"

/* A type: its bit in schema_node.types, its name in a schema, what an error calls it. */
#define SCHEMA_TYPES(X)						\
	X(BOOLEAN, 1 << 0, "boolean", "true or false")		\
	X(INTEGER, 1 << 1, "integer", "an integer")		\
	X(NUMBER, 1 << 2, "number", "a number")			\
	X(STRING, 1 << 3, "string", "a string")			\
	X(ARRAY, 1 << 4, "array", "an array")			\
	X(OBJECT, 1 << 5, "object", "an object")		\
	X(NULL, 1 << 6, "null", "null")

enum schema_type {
#define X(name, bit, text, words) TYPE_##name = bit,
	SCHEMA_TYPES(X)
#undef X
};

struct schema_property {
	const char		*name;
	struct schema_node	*node;
};

struct schema_pattern {
	const char		*text;		/* NULL: none */
	pcre2_code		*code;
	struct schema_node	*node;		/* of patternProperties */
};

/* "if" on one const or enum, and its "then". */
struct schema_case {
	const char		*property;	/* NULL: none */
	const cJSON		*value;		/* or, of an enum, the list of them */
	bool			 is_enum;
	bool			 required;	/* where not, an absent property is a match */
	struct schema_node	*then;
};

/* A limit that may be unset. */
struct schema_limit {
	bool			 is_set;
	double			 value;
};

struct schema_node {
	struct schema_node	*next;		/* all nodes of a schema, for its end */
	struct schema_node	*ref;		/* borrowed, as all nodes but `next` are */
	const char		*ref_text;
	bool			 is_linked;
	const char		*title;
	const char		*hint;		/* said to who brings another type; NULL */
	unsigned		 types;		/* of SCHEMA_TYPES; 0: any */
	const cJSON		*enumeration;
	const cJSON		*constant;
	const cJSON		*fallback;	/* default */
	struct schema_limit	 minimum;
	struct schema_limit	 maximum;
	struct schema_limit	 min_length;
	struct schema_limit	 max_length;
	struct schema_limit	 min_items;
	struct schema_limit	 max_items;
	struct schema_limit	 max_members;
	struct schema_pattern	 pattern;
	struct schema_property	*properties;	/* in the schema's order */
	struct schema_property	*by_name;	/* the same, sorted */
	const char		**names;	/* the same, for hints; without what is readOnly */
	uint32_t		 property_count;
	uint32_t		 name_count;
	struct schema_pattern	*patterns;	/* patternProperties */
	uint32_t		 pattern_count;
	bool			 is_closed;	/* additionalProperties: false */
	struct schema_node	*additional;
	struct schema_node	*member_names;	/* propertyNames */
	const cJSON		*required;
	struct schema_node	*items;
	struct schema_case	 only_if;
	enum schema_unit	 unit;
	const struct schema_pattern *unit_pattern;	/* this node's or that of its $ref */
	bool			 has_range;
	int64_t			 range_min;
	int64_t			 range_max;
	bool			 is_secret;
	bool			 is_readonly;
	bool			 is_inherited;
	const char		*mode;		/* NULL: any */
};

struct schema {
	cJSON			*doc;
	struct schema_node	*nodes;
	struct schema_node	*root;
	struct schema_property	*defs;
	uint32_t		 def_count;
};

/* $ref and what a node takes over from the one it names. For schema_compile(). */
enum err schema_link(struct schema *schema, struct diag *diag);

/* This node's own property; `$ref` not followed. NULL: none. */
const struct schema_property *schema_own_property(const struct schema_node *node, const char *name);

/* Whether the "then" of this node holds for `value`. */
bool schema_case_holds(const struct schema_node *node, const cJSON *value);

/* What describes the member `name` of `object`, by whatever keyword; NULL: nothing does. */
const struct schema_node *schema_member(const struct schema_node *node, const cJSON *object,
	const char *name);

/* Whether the pattern is found in `text`. `match` is of any size. */
bool schema_pattern_found(const struct schema_pattern *pattern, const char *text,
	pcre2_match_data *match);

/* The value of a field with a unit, in ms or bytes. ERR_INVALID: not one. */
enum err schema_unit_read(const struct schema_node *node, const cJSON *value, int64_t *amount);

/* Validate: the file schema_words.c says what was seen and what is expected. */
void words_of_types(struct buf *out, unsigned types);
void words_of_value(struct buf *out, const cJSON *value);	/* "a string", "an object" */
void words_of_number(struct buf *out, double number);
void words_of_seen(struct buf *out, const cJSON *value);	/* "rady" in quotes, 999, "an object" */
void words_of_range(struct buf *out, const struct schema_limit *min,
		    const struct schema_limit *max);
void words_of_choices(struct buf *out, const cJSON *choices);
void words_of_nearest(struct buf *out, const cJSON *choices,
		      const cJSON *value);	/* "; did you mean "ready"?", or nothing */
void words_of_unit(struct buf *out, const struct schema_node *node);
