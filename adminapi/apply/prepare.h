/*
 * Step 2 of a write: all that can fail, done before anything is stored or published.
 *
 * Sockets are bound and listening but not polled, objects and messages allocated. A prepared op
 * is then published (which cannot fail) or aborted. Control thread.
 */
#pragma once

#include "adminapi/apply/settings.h"
#include "adminapi/doc/plan.h"
#include "core/publish.h"

struct preparation {
	struct plan		*plan;
	struct publication	*publication;
	uint32_t		 next;		/* ops before this one are prepared */
	struct issues		*issues;	/* what failed, and where */
	bool			 nomem;
	bool			 is_misfit;	/* what failed is a map in a rule that this plan says: 422 */
	uint64_t		 wait_until_us;	/* for a socket of ours to close; 0: none was waited for */
	bool			 is_waiting;	/* ERR_BUSY came of that, not of the time */
};

enum err preparation_init(struct preparation *p, struct plan *plan, struct issues *issues);

/*
 * Prepare ops until all are done (ERR_OK), `until_us` has passed or a socket of ours has yet to close
 * (ERR_BUSY: go on later), or one fails.
 */
enum err preparation_step(struct preparation *p, uint64_t until_us);

/* Call all off, newest first; the objects in the document's nodes are as before. */
void preparation_abort(struct preparation *p);

/* In force: the daemon's own settings, and the publication is sent to the workers. */
void preparation_publish(struct preparation *p);

/* What the daemon does with global and admin settings; set once, by main. */
struct prepare_daemon {
	/* ERR_*, with an issue at `at` if it can't be. A dry run ends with abort. */
	enum err (*prepare_global)(const struct global_settings *now, struct pointer *at,
				   struct issues *issues);
	void	 (*publish_global)(const struct global_settings *now);
	enum err (*prepare_admin)(const struct admin_settings *now, void **prepared,
				  struct pointer *at, struct issues *issues);
	void	 (*publish_admin)(const struct admin_settings *now, void *prepared);
	void	 (*abort_admin)(void *prepared);
	bool	 (*is_own_admin)(const struct addr *addr);
};
void prepare_set_daemon(const struct prepare_daemon *daemon);

/*
 * The sockets that a frontend's op opens (not taken over from the conf in force) and closes. Between
 * preparation and publishing.
 */
typedef void bind_change_fn(const char *frontend, const struct bind *bind, bool opens, void *arg);
void prepared_bind_changes(const struct plan_op *op, bind_change_fn *fn, void *arg);

/*
 * A userlist as the plan leaves it, referenced for the caller; NULL: there is none. Those that it
 * is prepared for come behind it (plan.c's order), and are prepared anew when it changes
 * (plan_depend.c).
 */
struct userlist;
struct userlist *prepared_userlist(struct plan *plan, const char *name);

/* The rules that are published of a frontend or backend; NULL: none. */
struct rules;
const struct rules *published_rules(const struct doc_node *node);

/* The frontend behind a node's newest prepared version; NULL: none. */
struct frontend *prepared_frontend(const struct doc_node *node);

/* The frontend behind a node's live version; NULL: none. */
struct frontend *published_frontend(const struct doc_node *node);

/* The process ends, no worker runs any more: sockets are closed, those of Unix are removed. */
void published_close_binds(const struct doc *doc);
