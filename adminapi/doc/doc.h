/*
 * The document: a tree of resources, each with the value that was set.
 *
 * A resource (node) has two versions: `head`, what writes are checked against and build upon, and
 * `live`, what is published and shown. They are the same except while a write is on its way to the
 * disk and the workers. Versions are immutable and counted.
 *
 * The control thread owns the tree. While a plan is made on the helper thread (plan.h), control
 * changes no head and frees no node, and the plan touches only what is marked as the plan's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include "adminapi/doc/uses.h"
#include "adminapi/hash.h"
#include "adminapi/json/schema.h"
#include "core/err.h"
#include "core/str.h"

#define DOC_NAME_MAX 128
#define SERVER_ID_MAX 268435455	/* API.md */

enum doc_kind {
	DOC_CONFIG, DOC_GLOBAL, DOC_ADMIN, DOC_DEFAULTS, DOC_PROFILE, DOC_MAP, DOC_USERLIST,
	DOC_ERROR_PAGES, DOC_FRONTEND, DOC_BACKEND, DOC_SERVER, DOC_KINDS
};

#define DOC_COLLECTIONS_MAX 6	/* of one parent */

/* What there is to know about a kind of resource. */
struct doc_kind_info {
	const char	*word;		/* for people: "server" */
	enum doc_kind	 parent;
	const char	*member;	/* the parent's member: of the collection, or of the resource itself */
	bool		 is_collection;	/* many by name, or one */
	uint32_t	 slot;		/* in the parent's collections[] or singles */
	const char	*def;		/* its $defs name; NULL: its word */
};
const struct doc_kind_info *doc_kind_info(enum doc_kind kind);

/* The kinds whose parent is `kind`, ended by DOC_KINDS. */
const enum doc_kind *doc_child_kinds(enum doc_kind kind);

/* Who set an admin_state that is not the default. */
enum doc_origin { DOC_BY_CONFIG, DOC_BY_REST };

struct doc_version {
	uint32_t	 refs;		/* control's, or the plan's before it is handed over */
	cJSON		*set;		/* an object: what was set, without child collections */
	uint64_t	 revision;	/* that made it */
	enum doc_origin	 admin_by;	/* a server's admin_state */
	char		*actor;		/* who says to have made it; NULL: nobody said */
};

/* The program's own notes on a resource, saved beside it: what its members' rows do not tell. */
struct doc_notes {
	enum doc_origin	 admin_by;	/* a server's admin_state */
	uint32_t	 last_id;	/* a backend's: highest id ever used */
	uint32_t	 last_rule;	/* a frontend's or backend's: see doc_node */
	uint64_t	 revisions[DOC_COLLECTIONS_MAX];	/* last change in each collection, deletions too */
};

struct plan_op;

struct doc_node {
	enum doc_kind		 kind;
	char			*name;		/* collections' members; else the member's word */
	struct doc_node		*parent;	/* NULL: the root */
	struct doc_version	*head;		/* NULL: not there (yet, or any more) */
	struct doc_version	*live;
	uint64_t		 head_revision;	/* last change within the subtree */
	uint64_t		 live_revision;
	struct doc_node		*collections[DOC_COLLECTIONS_MAX];	/* uthash, by name */
	uint64_t		 head_revisions[DOC_COLLECTIONS_MAX];	/* last change within each */
	uint64_t		 live_revisions[DOC_COLLECTIONS_MAX];
	uint32_t		 live_count[DOC_COLLECTIONS_MAX];	/* members whose live is there */
	UT_hash_handle		 hh;
	void			*object;	/* the apply layer's, of the newest prepared version */
	void			*newest;	/* the apply layer's: a backend's newest prepared conf, borrowed */
	void			*live_object;	/* the apply layer's, of `live`: what is shown and asked */
	uint32_t		 pins;		/* answers under way and transactions that name it */
	uint32_t		 last_id;	/* a backend's: highest id ever used; the plan's */
	struct doc_uses		 uses;		/* the head's: whom it names beside its fields */
	uint32_t		 last_rule;	/* highest number ever used in the ids of its rules; the plan's */
	struct plan_op		*op;		/* the plan's: what it does to this node */
	uint64_t		 stamp;		/* the plan's: seen in this body */
	struct doc_node		*deferred;	/* to be reaped when the tree thaws */
	bool			 is_deferred;
};

struct doc {
	struct doc_node		*root;
	struct doc_node		*singles[DOC_KINDS];	/* global, admin, defaults */
	const struct schema	*schema;
	const struct schema_node *defs[DOC_KINDS];
	uint64_t		 revision;	/* the head's */
	uint64_t		 next_stamp;
	uint32_t		 node_count;	/* members of all collections */
	uint32_t		 trackers;	/* servers that name others, in the head */
	bool			 frozen;	/* a plan runs on the helper: free no node */
	struct {
		bool	threads, state_dir, files_dir, log_dir;
	}			 given;		/* on the command line: that holds */
	const char	*files_dir;	/* where REST may name files; NULL: nowhere. Set once, borrowed */
	const char	*log_dir;	/* where REST may name log files; as files_dir */
	struct doc_node		*deferred;
};

/* While a plan is made on the helper thread the tree is frozen; thawing reaps what had to wait. Control. */
void doc_freeze(struct doc *doc);
void doc_thaw(struct doc *doc);

/* Empty: root and singles with empty sets. Borrows the schema. ERR_NOMEM. */
enum err doc_new(struct doc **dp, const struct schema *schema);
void doc_free(struct doc **dp);

enum doc_view { DOC_LIVE, DOC_HEAD, DOC_PLAN };

/* The version of `node` in a view; NULL: not there. DOC_PLAN is the plan's, on its thread. */
const struct doc_version *doc_version_in(const struct doc_node *node, enum doc_view view);

/* A member of a collection by name, there in any view or none; NULL. */
struct doc_node *doc_child(const struct doc_node *parent, enum doc_kind kind, const char *name);

/* A detached node, ready to be attached. NULL: no memory. Free with doc_node_discard(). */
struct doc_node *doc_node_new(struct doc_node *parent, enum doc_kind kind, const char *name);

/* A table of its own, for the case that its collection is empty when it is attached. ERR_NOMEM. */
enum err doc_node_make_table(struct doc_node *node);

/*
 * Control; at hand-over. Cannot fail: the first of those that a plan attaches to a collection has
 * a table of its own.
 */
void doc_node_attach(struct doc *doc, struct doc_node *node);
void doc_node_discard(struct doc_node *node);	/* never attached */

/* Detach and free if it is there in no view and nobody holds it. Control. */
void doc_node_reap(struct doc *doc, struct doc_node *node);
void doc_pin(struct doc_node *node);
void doc_unpin(struct doc *doc, struct doc_node *node);

/* Takes `set`. NULL: no memory, `set` stays the caller's. */
struct doc_version *doc_version_new(cJSON *set, uint64_t revision);
struct doc_version *doc_version_ref(struct doc_version *version);
void doc_version_unref(struct doc_version *version);	/* NULL is fine */

/* [A-Za-z0-9._:-]{1,128}, not "." or "..". */
bool doc_name_is_valid(const char *name);

/* "/backends/app/servers/s1" appended to `out`; the root is "". */
void doc_path(const struct doc_node *node, struct buf *out);

/* Members of a collection that are there in `view`, servers by id, others by name. Pinned if `pin`. ERR_NOMEM. */
struct doc_members {
	struct doc_node	**at;
	uint32_t	  count;
};
enum err doc_members_init(const struct doc_node *parent, enum doc_kind kind, enum doc_view view,
	bool pin, struct doc_members *members);
void doc_members_fini(struct doc *doc, struct doc_members *members, bool pinned);

#define doc_each_child(child, parent, kind)						\
	for (struct doc_node *child = (parent)->collections[doc_kind_info(kind)->slot];	\
	    child != NULL; child = child->hh.next)

/* A member of a set, or NULL. */
const cJSON *doc_field(const cJSON *set, const char *name);
uint32_t doc_server_id(const struct doc_version *version);	/* 0: none */
