/*
 * Between the plan's files.
 */
#pragma once

#include "adminapi/doc/plan.h"

/* The op on a node, made if need be. NULL: no memory (the verdict says so). */
struct plan_op *plan_op_on(struct plan *plan, struct doc_node *node, bool created);

/* Where a collection of `parent` stands in the body, as plan_at() says it of a node. */
struct pointer *plan_at_members(struct plan *plan, const struct doc_node *parent,
	enum doc_kind kind);

/* Give a node its next version. Takes `set`, also on failure. */
void plan_set(struct plan *plan, struct doc_node *node, cJSON *set);

/*
 * plan_kept.c: issues from that one on, below a node's pointer of so many characters, that lie in `old` and not in
 * what was sent say so.
 */
void plan_tell_kept(struct plan *plan, uint32_t from, size_t node_len, const cJSON *old,
	const cJSON *input);

/* Judge a node's next set and keep it. Takes `own` (NULL: nothing). `input` is what the caller sent. */
void plan_accept_set(struct plan *plan, struct doc_node *node, const cJSON *input, cJSON *own);

/* `*last` of a node grows to `id`, until the plan is dropped. */
void plan_raise(struct plan *plan, struct doc_node *node, uint32_t *last, uint32_t id);

/*
 * A frontend's or backend's rules before the schema judges them: each has an id, kept from `old` (NULL: nothing was
 * before) where its content is the same, or given; a status as it is shown is one as it is set.
 */
const char *rule_id(const cJSON *rule);	/* NULL: none */
void rule_restore_status(struct plan *plan, cJSON *rule);
void plan_rules_complete(struct plan *plan, struct doc_node *node, const cJSON *old, cJSON *own);

/* What became of each rule between two lists, by id; either may be NULL. */
struct rule_change {
	const char	*id;
	const cJSON	*from, *to;	/* NULL: it comes, it goes */
};
struct rule_changes {
	struct rule_change	*at;
	uint32_t		 count;
	bool			 is_moved;	/* those that stay stand in another order */
};

/* False: no memory, or rules without an id. */
bool rule_changes_init(struct rule_changes *changes, const cJSON *from, const cJSON *to);
void rule_changes_fini(struct rule_changes *changes);

void plan_worsen(struct plan *plan, enum plan_verdict verdict);

/*
 * A server's own rules before the schema's: "backup" becomes "priority", an id is kept or given.
 * `old` is the set before (NULL: none); `input` what the caller sent; `own` is changed in place.
 */
void plan_server_rules(struct plan *plan, struct doc_node *node, const cJSON *old,
	const cJSON *input, cJSON *own);

/* The ids that a body gives count as used before the first one is assigned. */
void plan_take_ids(struct plan *plan, struct doc_node *backend, const cJSON *members);

/* Who set the admin_state of `own`: this write, or whoever did before (`old`, may be NULL). */
enum doc_origin plan_admin_origin(const struct plan *plan, const struct doc_version *old,
	const cJSON *own);

/* check.c: references both ways, uniqueness, what is not live. */
void plan_check(struct plan *plan);

/*
 * A name of a resource that another one's set has: of a backend in a frontend's default_backend and
 * rules, of a profile in "from", of a set of error pages in "errorfiles_from" and rules. `kind` is that of the named one. False: no more.
 */
struct reference {
	const char	*name;
	const char	*field;		/* where it stands; NULL: in a rule */
	const char	*of_rules;	/* the field there */
	size_t		 items;		/* of a list, looked at so far; 0: the field is no list */
	size_t		 rules;		/* looked at so far; the last one has it */
	const cJSON	*next_item, *next_rule;
};
bool reference_first(struct reference *r, const cJSON *set, enum doc_kind kind);
bool reference_next(struct reference *r);
void reference_push(const struct reference *r, struct pointer *at);

/* refs.c: what a resource names of this kind is there; no resource of this kind that stays as it is names one that goes. */
void check_references(struct plan *plan, const struct doc_node *node, enum doc_kind kind);
void check_users(struct plan *plan, const struct doc_node *gone, enum doc_kind kind);
void check_all_users(struct plan *plan, const struct doc_node *gone);

/* files.c: those that a write names may be named over REST. */
void plan_check_files(struct plan *plan);

/* plan_map_file.c: the same of a map's file. */
void plan_check_map_files(struct plan *plan);

/* refs.c: after compilation: whom the compilers found named is there, and nobody goes who is. */
void plan_check_uses(struct plan *plan);

/* Who a use names, as the plan leaves it; NULL: it is not there. */
struct doc_node *use_find(struct plan *plan, const struct doc_use *use);

/* plan_track.c: then, servers that track others. */
void plan_check_tracks(struct plan *plan);

/* mode.c */
void plan_check_modes(struct plan *plan);

/* depend.c: touch what inherits from what changed. */
void plan_touch_dependents(struct plan *plan);


/* The node of that name, created (detached, without a version) if it is not there. NULL: no memory. */
struct doc_node *plan_find_or_create(struct plan *plan, struct doc_node *parent,
	enum doc_kind kind, const char *name);

/* The chain of a node in the plan's view. */
void plan_chain(struct plan *plan, const struct doc_node *node, struct chain *chain);
