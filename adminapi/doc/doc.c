/*
 * The document's tree: nodes, versions, names. Control thread, but for what doc.h gives the plan.
 */
#include "config.h"
#include "adminapi/doc/doc.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct doc_kind_info kinds[DOC_KINDS] = {
	[DOC_CONFIG]	= { "config",	DOC_KINDS,	"",		false, 0, NULL },
	[DOC_GLOBAL]	= { "global",	DOC_CONFIG,	"global",	false, 0, NULL },
	[DOC_ADMIN]	= { "admin",	DOC_CONFIG,	"admin",	false, 0, NULL },
	[DOC_DEFAULTS]	= { "defaults",	DOC_CONFIG,	"defaults",	false, 0, NULL },
	[DOC_PROFILE]	= { "profile",	DOC_CONFIG,	"profiles",	true,  0, NULL },
	[DOC_FRONTEND]	= { "frontend",	DOC_CONFIG,	"frontends",	true,  1, NULL },
	[DOC_BACKEND]	= { "backend",	DOC_CONFIG,	"backends",	true,  2, NULL },
	[DOC_MAP]	= { "map",	DOC_CONFIG,	"maps",		true,  3, NULL },
	[DOC_USERLIST]	= { "userlist",	DOC_CONFIG,	"userlists",	true,  4, NULL },
	[DOC_ERROR_PAGES] = { "http_errors", DOC_CONFIG, "http_errors", true, 5, "error_pages" },
	[DOC_SERVER]	= { "server",	DOC_BACKEND,	"servers",	true,  0, NULL },
};

const struct doc_kind_info *
doc_kind_info(enum doc_kind kind)
{
	assert(kind < DOC_KINDS);
	return &kinds[kind];
}

const enum doc_kind *
doc_child_kinds(enum doc_kind kind)
{
	static const enum doc_kind none[] = { DOC_KINDS };
	static const enum doc_kind of_config[] = { DOC_GLOBAL, DOC_ADMIN, DOC_DEFAULTS,
		DOC_PROFILE, DOC_MAP, DOC_USERLIST, DOC_ERROR_PAGES, DOC_FRONTEND, DOC_BACKEND,
		DOC_KINDS };
	static const enum doc_kind of_backend[] = { DOC_SERVER, DOC_KINDS };

	if (kind == DOC_CONFIG)
		return of_config;
	return kind == DOC_BACKEND ? of_backend : none;
}

struct doc_version *
doc_version_new(cJSON *set, uint64_t revision)
{
	struct doc_version *version = calloc(1, sizeof(*version));

	if (version == NULL)
		return NULL;
	version->refs = 1;
	version->set = set;
	version->revision = revision;
	return version;
}

struct doc_version *
doc_version_ref(struct doc_version *version)
{
	if (version != NULL)
		version->refs++;
	return version;
}

void
doc_version_unref(struct doc_version *version)
{
	if (version == NULL || --version->refs > 0)
		return;
	cJSON_Delete(version->set);
	free(version->actor);
	free(version);
}

struct doc_node *
doc_node_new(struct doc_node *parent, enum doc_kind kind, const char *name)
{
	struct doc_node *node = calloc(1, sizeof(*node));

	if (node == NULL)
		return NULL;
	node->kind = kind;
	node->parent = parent;
	node->name = strdup(name);
	if (node->name == NULL) {
		free(node);
		return NULL;
	}
	return node;
}

static void
node_hash(struct doc_node **hash, struct doc_node *node)
{
	HASH_ADD_KEYPTR(hh, *hash, node->name, strlen(node->name), node);
}

enum err
doc_node_make_table(struct doc_node *node)
{
	struct doc_node *alone = NULL;

	assert(!hash_has(node));
	node_hash(&alone, node);
	return hash_has(node) ? ERR_OK : ERR_NOMEM;
}

static void
node_drop_table(struct doc_node *node)
{
	struct doc_node *alone = node;

	if (!hash_has(node))
		return;
	HASH_DEL(alone, node);
	node->hh.tbl = NULL;
}

void
doc_node_discard(struct doc_node *node)
{
	if (node == NULL)
		return;
	node_drop_table(node);
	doc_version_unref(node->head);
	doc_version_unref(node->live);
	doc_uses_fini(&node->uses);
	free(node->name);
	free(node);
}

/* A table that does not grow needs no memory; the next one to come will try again. */
static void
node_hash_crowded(struct doc_node **hash, struct doc_node *node)
{
	UT_hash_table *table = (*hash)->hh.tbl;
	unsigned noexpand = table->noexpand;

	table->noexpand = 1;
	node_hash(hash, node);
	table->noexpand = noexpand;
	assert(hash_has(node));
}

void
doc_node_attach(struct doc *doc, struct doc_node *node)
{
	struct doc_node **hash = &node->parent->collections[kinds[node->kind].slot];

	assert(kinds[node->kind].is_collection);
	doc->node_count++;
	if (*hash == NULL) {
		assert(hash_has(node));
		*hash = node;
		return;
	}
	node_drop_table(node);
	node_hash(hash, node);
	if (!hash_has(node))
		node_hash_crowded(hash, node);
}

void
doc_node_reap(struct doc *doc, struct doc_node *node)
{
	struct doc_node **hash;

	if (node->head != NULL || node->live != NULL || node->pins > 0 || node->object != NULL ||
	    node->is_deferred || !kinds[node->kind].is_collection)
		return;
	if (doc->frozen) {
		node->is_deferred = true;
		node->deferred = doc->deferred;
		doc->deferred = node;
		return;
	}
	if (node->op != NULL)
		return;			/* the plan's, which pins it, or reaps it when it is dropped */
	for (uint32_t i = 0; i < DOC_COLLECTIONS_MAX; i++)
		if (node->collections[i] != NULL)
			return;
	hash = &node->parent->collections[kinds[node->kind].slot];
	HASH_DEL(*hash, node);
	node->hh.tbl = NULL;
	doc->node_count--;
	doc_node_discard(node);
}

void
doc_freeze(struct doc *doc)
{
	assert(!doc->frozen);
	doc->frozen = true;
}

void
doc_thaw(struct doc *doc)
{
	struct doc_node *node;

	doc->frozen = false;
	while ((node = doc->deferred) != NULL) {
		struct doc_node *parent = node->parent;

		doc->deferred = node->deferred;
		node->is_deferred = false;
		doc_node_reap(doc, node);
		if (parent != NULL)
			doc_node_reap(doc, parent);
	}
}

void
doc_pin(struct doc_node *node)
{
	node->pins++;
}

void
doc_unpin(struct doc *doc, struct doc_node *node)
{
	struct doc_node *parent = node->parent;

	assert(node->pins > 0);
	node->pins--;
	doc_node_reap(doc, node);
	if (parent != NULL)
		doc_node_reap(doc, parent);	/* it may have waited for its last child */
}

struct doc_node *
doc_child(const struct doc_node *parent, enum doc_kind kind, const char *name)
{
	struct doc_node *found;

	HASH_FIND_STR(parent->collections[kinds[kind].slot], name, found);
	return found;
}

/* A root or single: always there, at first with an empty set. */
static enum err
doc_single_init(struct doc_node *node)
{
	cJSON *set = cJSON_CreateObject();

	if (set == NULL)
		return ERR_NOMEM;
	node->head = doc_version_new(set, 0);
	if (node->head == NULL) {
		cJSON_Delete(set);
		return ERR_NOMEM;
	}
	node->live = doc_version_ref(node->head);
	return ERR_OK;
}

enum err
doc_new(struct doc **dp, const struct schema *schema)
{
	struct doc *doc = calloc(1, sizeof(*doc));
	struct doc *whole = doc;

	if (doc == NULL)
		return ERR_NOMEM;
	doc->schema = schema;
	for (enum doc_kind kind = 0; kind < DOC_KINDS; kind++) {
		doc->defs[kind] = schema_def(schema, kinds[kind].def != NULL ? kinds[kind].def
									     : kinds[kind].word);
		assert(doc->defs[kind] != NULL);
		if (kinds[kind].is_collection)
			continue;
		doc->singles[kind] = doc_node_new(doc->root, kind, kinds[kind].member);
		if (kind == DOC_CONFIG)
			doc->root = doc->singles[kind];
		if (doc->singles[kind] == NULL || doc_single_init(doc->singles[kind]) != ERR_OK) {
			doc_free(&whole);
			return ERR_NOMEM;
		}
	}
	*dp = doc;
	return ERR_OK;
}

static void
doc_free_children(struct doc_node *node)
{
	struct doc_node *child, *next;

	for (uint32_t i = 0; i < DOC_COLLECTIONS_MAX; i++) {
		HASH_ITER(hh, node->collections[i], child, next) {
			HASH_DEL(node->collections[i], child);
			child->hh.tbl = NULL;
			doc_free_children(child);
			doc_node_discard(child);
		}
	}
}

void
doc_free(struct doc **dp)
{
	struct doc *doc = *dp;

	if (doc == NULL)
		return;
	*dp = NULL;
	if (doc->root != NULL)
		doc_free_children(doc->root);
	for (enum doc_kind kind = 0; kind < DOC_KINDS; kind++)
		doc_node_discard(doc->singles[kind]);
	free(doc);
}

bool
doc_name_is_valid(const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789._:-";
	size_t len = strlen(name);

	if (len == 0 || len > DOC_NAME_MAX || strspn(name, allowed) != len)
		return false;
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Names hold neither '/' nor '~', so a path needs no escapes. */
void
doc_path(const struct doc_node *node, struct buf *out)
{
	if (node->parent == NULL)
		return;
	doc_path(node->parent, out);
	buf_printf(out, "/%s", kinds[node->kind].member);
	if (kinds[node->kind].is_collection)
		buf_printf(out, "/%s", node->name);
}

const cJSON *
doc_field(const cJSON *set, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(set, name);
}

uint32_t
doc_server_id(const struct doc_version *version)
{
	const cJSON *id = doc_field(version->set, "id");

	if (!cJSON_IsNumber(id) || id->valuedouble < 1 || id->valuedouble > SERVER_ID_MAX)
		return 0;		/* the schema's to refuse */
	return (uint32_t)id->valuedouble;
}
