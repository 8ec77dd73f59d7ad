/*
 * A plan: what a write would change, worked out against the head, with everything wrong in it.
 *
 * Making a plan is pure: it reads the document's head and writes nothing but itself (and what
 * doc.h marks as the plan's), so a large one is made on the helper thread. One plan exists at a
 * time until it is handed over or dropped; writes wait for each other in order of arrival.
 * A plan borrows the head's versions: nobody counts references on the helper thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "adminapi/doc/doc.h"
#include "adminapi/doc/holds.h"
#include "adminapi/doc/map_edits.h"
#include "adminapi/json/issues.h"

struct plan;

/* One resource that the write touches. */
struct plan_op {
	struct doc_node		*node;
	struct doc_version	*from;		/* the head's; NULL: it comes into being */
	struct doc_version	*to;		/* NULL: it goes. Same as from: only compiled anew */
	bool			 created;	/* the node itself is new, not yet attached */
	bool			 stored;	/* start-up: the store has a row of it, of this revision */
	uint64_t		 stored_revision;
	bool			 kept;		/* a server's admin_state that REST set survives a file */
	struct doc_uses		 uses;		/* of `to`; from the hand-over on those of before */
	struct map_edits	*edits;		/* of a map's entries, while its document stays; NULL: none */
	bool			 is_remade;	/* its document stays, and what it stands for is another: see below */
	void			*conf;		/* what the compiler made of it; taken by the apply layer */
	void			*prepared;	/* the apply layer's */
	void			*old_object;	/* node->object before it was prepared */
	void			*old_newest;	/* and node->newest */
	void			*object;	/* and when it was handed over */
	UT_hash_handle		 hh;		/* created nodes, by path */
	char			*path;		/* of created nodes */
};

/* Turns a resource into what the data plane wants, and says what is wrong with it. Any thread. */
struct plan_compiler {
	void	*(*compile)(const struct chain *chain, struct pointer *at, struct issues *issues);
	void	 (*discard)(void *conf);
	/* Of a document that stays: is it something new all the same (a file was edited)? NULL: never. */
	bool	 (*is_remade)(const void *conf);
};

/* A node that gave out an id (of a server, of a rule); the old highest comes back if the plan is dropped. */
struct plan_raise {
	struct doc_node		*node;
	uint32_t		*last;		/* its last_id or last_rule */
	uint32_t		 before;
};

enum plan_verdict {
	PLAN_OK,
	PLAN_NOT_FOUND,		/* 404: the target is not there */
	PLAN_INVALID,		/* 422 */
	PLAN_CONFLICT,		/* 409: in use, or not live */
	PLAN_NOMEM,		/* 503 */
};

struct plan {
	struct doc			*doc;
	const struct plan_compiler	*compilers;	/* by kind; compile NULL: none */
	enum doc_origin			 origin;
	const char			*actor;		/* a claim, kept with the versions; may be NULL */
	bool				 booting;	/* "restart needed" does not apply */
	struct plan_op		       **ops;		/* in the order in which they are to be applied */
	uint32_t			 count, cap;
	struct plan_op			*created;	/* uthash by path */
	struct plan_raise		*raised;	/* whose last_id or last_rule grew */
	uint32_t			 raised_count, raised_cap;
	bool				 ids_given;	/* an id was given that may be taken: check them */
	struct {
		const struct doc_node	*backend;	/* whose members' body is being walked */
		uint32_t		 floor;		/* the highest id ever used there before it */
		bool			 ascend;	/* those above come in order, so none comes twice */
	}				 ids;
	enum plan_verdict		 verdict;
	const char			*conflict;	/* why PLAN_CONFLICT, in words; static */
	struct issues			 issues;
	struct buf			 changes;	/* a JSON array of the first, see changes.h */
	uint32_t			 change_count;	/* how many there are in all */
	struct pointer			 at;		/* where the issue under way belongs */
	char				*base;		/* path that the body stands for: pointers begin below it; NULL: the root */
	uint64_t			 revision;
	uint64_t			 first_stamp;	/* nodes with a higher one stand in a body that replaces */
};

void plan_init(struct plan *plan, struct doc *doc, const struct plan_compiler *compilers,
	enum doc_origin origin);

/* Drop it: confs that were not taken, nodes that were not attached, versions. */
void plan_fini(struct plan *plan);

/* The resource as the plan would leave it: created nodes are found too. NULL: not there. */
struct doc_node *plan_find(struct plan *plan, struct doc_node *parent, enum doc_kind kind,
	const char *name);
const struct doc_version *plan_version(const struct doc_node *node);

/*
 * Where a node stands in the body: its path below `base`; the whole path if it is not in the body.
 * The pointer is plan->at, valid until the next call.
 */
struct pointer *plan_at(struct plan *plan, const struct doc_node *node);

/* Steps; each adds ops and issues (pointers relative to the body). `body` is only read. */
void plan_put(struct plan *plan, struct doc_node *parent, enum doc_kind kind, const char *name,
	const cJSON *body);
void plan_patch(struct plan *plan, struct doc_node *parent, enum doc_kind kind, const char *name,
	const cJSON *patch);
void plan_patch_members(struct plan *plan, struct doc_node *parent, enum doc_kind kind,
	const cJSON *patch);
void plan_delete(struct plan *plan, struct doc_node *node);

/*
 * One change of the list of rules of a frontend or backend, which is there: of the rule `id` (NULL: a new one, which
 * brings its id or gets one), or (PLAN_RULES_PATCH) of several by their ids. A body may have "before" or "after",
 * the id of another rule: there it goes; else it stays where it is, or comes at the end.
 */
enum plan_rules_verb {
	PLAN_RULE_PUT, PLAN_RULE_PATCH, PLAN_RULE_CREATE, PLAN_RULE_DELETE, PLAN_RULES_PATCH
};
void plan_rules_edit(struct plan *plan, struct doc_node *node, enum plan_rules_verb verb,
	const char *id, const cJSON *body);

/* The rule of that id in a set; NULL. `index` may be NULL. */
const cJSON *rules_find(const cJSON *set, const char *id, uint32_t *index);

/* Put a saved version in as it was (start-up): keeps its revision. Takes `set`. */
void plan_restore(struct plan *plan, struct doc_node *parent, enum doc_kind kind,
	const char *name, cJSON *set, uint64_t revision, const struct doc_notes *notes);

/* What was restored and then not named by the whole document that was put over it goes. */
void plan_drop_unnamed(struct plan *plan);

/* Have a node compiled anew though its own document stays. */
void plan_touch(struct plan *plan, struct doc_node *node);

/* Change a map's entries. Takes `edits`. Not in one plan with a change of the map itself. */
void plan_edit(struct plan *plan, struct doc_node *map, struct map_edits *edits);

/* Does it change anything, or is it only compiled anew? */
bool plan_op_is_change(const struct plan_op *op);

/* There was no memory for a step: the plan will not be done. */
void plan_nomem(struct plan *plan);

/* Then once: references, what depends on what changed, compilation, the order. Sets the verdict. */
void plan_finish(struct plan *plan);

bool plan_is_empty(const struct plan *plan);	/* no resource and no saved row changes */

/*
 * The plan's further life, all on the control thread. Handing over moves the head and attaches
 * what is new; then either it is published (live follows) or undone (the head goes back), newest
 * plan first. plan_end() lets go of nodes and versions after either.
 */
void plan_hand_over(struct plan *plan);
void plan_undo(struct plan *plan);
void plan_publish(struct plan *plan);
void plan_end(struct plan *plan);
bool plan_end_some(struct plan *plan, uint32_t count);	/* of so many nodes; true: of all */
