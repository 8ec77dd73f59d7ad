/*
 * Maps: from their resources to the struct map that rules look things up in, and what changes them.
 *
 * A map begins with its file and the entries of its document (its base); then come the entries that REST set
 * or removed. These are kept in the store beside the base's digest: with another base, because the file
 * was edited or the document says something else, they are dropped, which is told. What rules of
 * traffic change is in no store, and is gone with the process.
 */
#pragma once

#include "adminapi/apply/named_file.h"
#include "adminapi/apply/settings.h"
#include "expr/map.h"

#define MAP_DIGEST_BYTES 65 /* SHA-256 in hexadecimal, and a NUL */

/* What a map began with. */
struct map_base {
	char digest[MAP_DIGEST_BYTES]; /* of the file's text and the document's entries */
	bool has_file;
	struct file_id file;
	uint64_t read_us; /* wall time */
	uint32_t entries;
};

/* A map of the document; control's, and read by the plan's thread while the tree is frozen. */
struct map_object {
	struct map *map;
	struct map_base base;    /* published */
	struct map_base newest;  /* prepared */
	uint32_t edits;          /* how often REST changed an entry since */
	bool is_replaced;        /* prepared: REST set all of them, nothing of the base is left */
	bool has_stale_rows;     /* prepared: the store has some of a base that is no more */
	struct map *shell;       /* the plan's: empty, and looked at as `map` is; NULL: none */
	struct map_object *next; /* of those that wait for their last reader */
};

/* What the compiler makes. */
struct map_settings {
	struct map *contents; /* all entries; NULL: those that are there stay */
	struct map_base base;
	uint32_t edits; /* saved ones, applied to `contents` */
	int64_t max_size; /* bytes, of what rules put there */
	bool is_replaced;
	bool has_stale_rows; /* saved ones of another base, which were not */
};

/* A row of settings_compilers. */
void *map_compile(const struct chain *chain, struct pointer *at, struct issues *issues);
void map_drop(void *conf);
bool map_is_remade(const void *conf);

/* Start-up: what REST had changed, for map_compile(); NULL: nothing any more. Borrowed. */
struct saved;
void maps_restore(const struct saved *saved);

/*
 * Before a plan that may make contents anew: control notes how each map (`name` NULL: all) is
 * looked at, so that what the plan makes is fit for that, and taking it over takes no time.
 */
void maps_expect(struct doc *doc, const char *name);

/* An empty map for the contents of that node's. NULL: no memory. The plan's thread. */
struct map *maps_contents_new(const struct doc_node *node);

/* Those whose file was edited since it was read are to be compiled anew. The plan's thread. */
void maps_touch_edited(struct plan *plan);

/* A row of prepare.c. Control. */
enum err map_prepare(struct plan *plan, struct plan_op *op, struct issues *issues);
void map_publish(struct plan_op *op);
void map_abort(struct plan_op *op);

/* What the store is to do for an op. ERR_NOMEM. The plan's thread. */
struct store_txn;
enum err map_store(const struct plan *plan, const struct plan_op *op, struct store_txn *st);

/*
 * The map of that name, which is there, as the plan leaves it. Control, from preparing on: maps
 * come before those who use them. Who holds a view of it (map_view_get()) may keep that as long as
 * he likes; when he has released it he calls maps_reap().
 */
struct map *maps_find(struct plan *plan, const char *name);
void maps_reap(void);
