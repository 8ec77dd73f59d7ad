/*
 * The saved document: reading it, putting it in place. Main thread, at start.
 */
#include "config.h"
#include "adminapi/apply/saved.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/json/strict.h"

void
saved_file_hash(char out[SAVED_HASH_BYTES], struct slice text, struct slice expanded)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = 0;
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	out[0] = '\0';
	if (md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	    EVP_DigestUpdate(md, text.at, text.len) == 1 &&
	    EVP_DigestUpdate(md, "", 1) == 1 &&
	    EVP_DigestUpdate(md, expanded.at, expanded.len) == 1 &&
	    EVP_DigestFinal_ex(md, digest, &digest_len) != 1)
		digest_len = 0;		/* equal to no hash: the file counts as edited */
	for (unsigned i = 0; i < digest_len && i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
	EVP_MD_CTX_free(md);
}

static char *
slice_dup(struct slice s)
{
	return strndup(s.at, s.len);
}

/* As txn_store.c writes them. */
static void
notes_parse(struct doc_notes *notes, const cJSON *meta)
{
	const cJSON *by = doc_field(meta, "admin_by"), *last = doc_field(meta, "last_id");
	const cJSON *rule = doc_field(meta, "last_rule"), *revision;
	uint32_t i = 0;

	notes->admin_by = cJSON_IsString(by) ? DOC_BY_REST : DOC_BY_CONFIG;
	notes->last_id = cJSON_IsNumber(last) ? (uint32_t)last->valuedouble : 0;
	notes->last_rule = cJSON_IsNumber(rule) ? (uint32_t)rule->valuedouble : 0;
	cJSON_ArrayForEach(revision, doc_field(meta, "revisions"))
		if (cJSON_IsNumber(revision) && i < DOC_COLLECTIONS_MAX)
			notes->revisions[i++] = (uint64_t)revision->valuedouble;
}

static enum err
row_parse(struct saved_row *to, const struct store_row *row, struct diag *diag)
{
	struct issues issues = { 0 };
	cJSON *meta = NULL;
	enum err e = json_parse(&to->set, row->body.at, row->body.len, &issues);

	if (e == ERR_OK && row->meta.len > 0)
		e = json_parse(&meta, row->meta.at, row->meta.len, &issues);
	if (e == ERR_INVALID)
		diag_set(diag, "the saved resource %.*s: %s", (int)row->path.len, row->path.at,
			issues_any(&issues) ? issues.items[0].detail : "not JSON");
	issues_fini(&issues);
	if (meta != NULL)
		notes_parse(&to->notes, meta);
	cJSON_Delete(meta);
	return e;
}

struct loading {
	struct saved	*saved;
	struct diag	*diag;
};

static enum err
row_add(const struct store_row *row, void *arg)
{
	struct loading *loading = arg;
	struct saved *saved = loading->saved;
	struct saved_row *to;

	if (saved->count == saved->cap) {
		uint32_t cap = saved->cap == 0 ? 64 : saved->cap * 2;
		struct saved_row *rows = realloc(saved->rows, cap * sizeof(*rows));

		if (rows == NULL)
			return ERR_NOMEM;
		saved->rows = rows;
		saved->cap = cap;
	}
	to = &saved->rows[saved->count];
	*to = (struct saved_row){ .path = slice_dup(row->path), .revision = row->revision };
	if (to->path == NULL)
		return ERR_NOMEM;
	saved->count++;
	if (saved->revision < row->revision)
		saved->revision = row->revision;
	return row_parse(to, row, loading->diag);
}

static enum err
file_load(struct saved *saved, struct store *store, struct diag *diag)
{
	struct issues issues = { 0 };
	struct buf text = { 0 };
	enum err e = store_setting(store, SAVED_FILE_HASH, &text, diag);

	if (e == ERR_OK && text.len < sizeof(saved->file_hash)) {
		memcpy(saved->file_hash, text.at, text.len);
		saved->file_hash[text.len] = '\0';
		buf_clear(&text);
		e = store_setting(store, SAVED_FILE_TEXT, &text, diag);
	}
	if (e == ERR_OK)
		e = json_parse(&saved->file, text.at, text.len, &issues);
	if (e == ERR_INVALID)
		diag_set(diag, "the saved copy of the file: %s",
			issues_any(&issues) ? issues.items[0].detail : "not JSON");
	issues_fini(&issues);
	buf_fini(&text);
	return e == ERR_UNKNOWN ? ERR_OK : e;	/* it grew from no file */
}

static enum err
map_add(const struct store_map *map, void *arg)
{
	struct saved *saved = arg;
	struct saved_map *to;

	if (saved->map_count == saved->map_cap) {
		uint32_t cap = saved->map_cap == 0 ? 8 : saved->map_cap * 2;
		struct saved_map *maps = realloc(saved->maps, cap * sizeof(*maps));

		if (maps == NULL)
			return ERR_NOMEM;
		saved->maps = maps;
		saved->map_cap = cap;
	}
	to = &saved->maps[saved->map_count];
	*to = (struct saved_map){ .name = slice_dup(map->name),
				  .base = slice_dup(map->base),
				  .is_replaced = map->is_replaced,
				  .revision = map->revision,
				  .edits = map_edits_new() };
	saved->map_count++;
	return to->name != NULL && to->base != NULL && to->edits != NULL ? ERR_OK : ERR_NOMEM;
}

struct saved_map *
saved_map_find(const struct saved *saved, const char *name)
{
	uint32_t low = 0, high = saved->map_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int by_name = strcmp(saved->maps[middle].name, name);

		if (by_name == 0)
			return &saved->maps[middle];
		if (by_name < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static enum err
entry_add(struct slice map, struct slice key, struct slice value, void *arg)
{
	char name[DOC_NAME_MAX + 1];
	struct saved_map *to;

	if (map.len > DOC_NAME_MAX)
		return ERR_OK;
	memcpy(name, map.at, map.len);
	name[map.len] = '\0';
	to = saved_map_find(arg, name);
	if (to == NULL)
		return ERR_OK;		/* of none that is known: nothing tells what it changed */
	map_edits_add(to->edits, key, value);
	return to->edits->packed.failed ? ERR_NOMEM : ERR_OK;
}

static enum err
maps_load(struct saved *saved, struct store *store, struct diag *diag)
{
	static const struct store_map_fns fns = { map_add, entry_add };

	return store_load_maps(store, &fns, saved, diag);
}

enum err
saved_load(struct saved *saved, struct store *store, struct diag *diag)
{
	struct loading loading = { saved, diag };
	enum err e;

	*saved = (struct saved){ 0 };
	e = store_last_revision(store, &saved->revision, diag);	/* a delete leaves no row to tell */
	if (e == ERR_OK)
		e = store_load(store, row_add, &loading, diag);
	if (e == ERR_OK)
		e = file_load(saved, store, diag);
	if (e == ERR_OK)
		e = maps_load(saved, store, diag);
	if (e != ERR_OK)
		saved_fini(saved);
	return e;
}

void
saved_fini(struct saved *saved)
{
	for (uint32_t i = 0; i < saved->count; i++) {
		free(saved->rows[i].path);
		cJSON_Delete(saved->rows[i].set);
	}
	free(saved->rows);
	for (uint32_t i = 0; i < saved->map_count; i++) {
		free(saved->maps[i].name);
		free(saved->maps[i].base);
		map_edits_free(&saved->maps[i].edits);
	}
	free(saved->maps);
	cJSON_Delete(saved->file);
	*saved = (struct saved){ 0 };
}

bool
saved_is_empty(const struct saved *saved)
{
	return saved->count == 0;
}

/* "/backends/app/servers/s1" split at its slashes; at most four parts. */
struct path_parts {
	char		 text[4 * (DOC_NAME_MAX + 16)];
	const char	*at[4];
	uint32_t	 count;
};

static bool
path_split(struct path_parts *parts, const char *path)
{
	char *save = NULL;

	*parts = (struct path_parts){ .count = 0 };
	if (strlen(path) >= sizeof(parts->text))
		return false;
	strcpy(parts->text, path);
	for (char *part = strtok_r(parts->text, "/", &save); part != NULL;
	    part = strtok_r(NULL, "/", &save)) {
		if (parts->count == 4)
			return false;
		parts->at[parts->count++] = part;
	}
	return true;
}

static enum doc_kind
kind_of_member(enum doc_kind parent, const char *member)
{
	for (const enum doc_kind *kind = doc_child_kinds(parent); *kind != DOC_KINDS; kind++)
		if (strcmp(doc_kind_info(*kind)->member, member) == 0)
			return *kind;
	return DOC_KINDS;
}

/* Where a row belongs. False: a path that this version does not know. */
static bool
row_place(struct plan *plan, const struct path_parts *parts, struct doc_node **parent,
	enum doc_kind *kind, const char **name)
{
	*parent = plan->doc->root;
	*kind = DOC_CONFIG;
	*name = "";
	for (uint32_t i = 0; i < parts->count; i++) {
		if (i > 0 && (*parent = plan_find(plan, *parent, *kind, *name)) == NULL)
			return false;
		*kind = kind_of_member(*kind, parts->at[i]);
		if (*kind == DOC_KINDS)
			return false;
		*name = parts->at[i];
		if (!doc_kind_info(*kind)->is_collection)
			continue;
		if (++i == parts->count)
			return false;
		*name = parts->at[i];
	}
	return true;
}

void
saved_plan(struct saved *saved, struct plan *plan)
{
	for (uint32_t i = 0; i < saved->count; i++) {
		struct saved_row *row = &saved->rows[i];
		struct doc_node *parent;
		struct path_parts parts;
		enum doc_kind kind;
		const char *name;

		if (!path_split(&parts, row->path) ||
		    !row_place(plan, &parts, &parent, &kind, &name)) {
			issues_add(&plan->issues, row->path, "a saved resource that has no place");
			continue;
		}
		if (kind == DOC_MAP && saved_map_find(saved, name) != NULL)
			row->notes.revisions[0] = saved_map_find(saved, name)->revision;
		plan_restore(plan, parent, kind, name, row->set, row->revision, &row->notes);
		row->set = NULL;
	}
}
