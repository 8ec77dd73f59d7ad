/*
 * What holds: the value of a field after inheritance.
 *
 * server <- default_server of its backend <- defaults (or the profile that it is "from") <- schema;
 * frontend, backend <- defaults or profile <- schema. The schema says which fields are inherited
 * (x-inherit), and which mean nothing but in one mode (x-mode): elsewhere they have no value. One chain serves the API's answers and the data plane's
 * configuration, so what is shown is what is done.
 */
#pragma once

#include <stdbool.h>
#include <cjson/cJSON.h>
#include "adminapi/doc/doc.h"

#define CHAIN_MAX 3

/* Looks a resource of the root up in a plan. */
typedef struct doc_node *chain_find_fn(void *arg, enum doc_kind kind, const char *name);

struct chain {
	const struct schema_node	*def;		/* of the resource; its defaults end the chain */
	const cJSON			*sets[CHAIN_MAX];	/* nearest first; none is NULL */
	uint32_t			 count;
	const struct doc		*doc;
	const struct doc_node		*node;
	enum doc_view			 view;
	struct doc_uses			*uses;		/* where a compiler notes whom it names; NULL: nobody asks */
	size_t				 at_len;	/* of the pointer that the compiler is given */
	chain_find_fn			*find;		/* in a plan; NULL: by doc_child() */
	void				*find_arg;
	const char			*mode;		/* of the frontend or backend, a server's backend's; else NULL */
};

/* `find` NULL: by doc_child(). */
void chain_init(struct chain *chain, const struct doc *doc, const struct doc_node *node,
	enum doc_view view, chain_find_fn *find, void *arg);

/* Another resource of the root, as this chain's view has it. NULL: not there. */
struct doc_node *chain_find(const struct chain *chain, enum doc_kind kind, const char *name);

/* The value of `field`; of `field`.`sub` where sub is not NULL. NULL: nothing is set nor built in. */
const cJSON *chain_value(const struct chain *chain, const char *field, const char *sub);

/*
 * A map that is inherited (errorfiles, http_errors) is so by its members: the nearest set that has one counts.
 * As one status has one page, http_errors and errorfiles hide each other's members. chain_map() is what the set
 * of that level says (NULL: nothing, or the field means nothing here), chain_map_holds() whether this member
 * of it holds.
 */
const cJSON *chain_map(const struct chain *chain, uint32_t level, const char *field);
bool chain_map_holds(const struct chain *chain, uint32_t level, const char *field, const char *key);

/* Does the field mean anything in the mode of this resource? */
bool chain_has_field(const struct chain *chain, const struct schema_node *field);

struct pointer;

/* A compiler's: what stands at `at` names that resource (`parent`: a server's backend, else NULL). */
void chain_note_use(const struct chain *chain, enum doc_kind kind, const char *name,
	const char *parent, struct pointer *at);

/* Is it set on the resource itself? */
bool chain_is_own(const struct chain *chain, const char *field);

/* Is it set anywhere (and not merely built in)? */
bool chain_is_set(const struct chain *chain, const char *field, const char *sub);
