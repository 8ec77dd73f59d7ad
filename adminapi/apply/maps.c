/*
 * A map's resource becomes its contents: the file is read, or found to be the one that was. The
 * plan's thread, which is the helper: a file may be large.
 */
#include "config.h"
#include "adminapi/apply/maps.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/apply/saved.h"
#include "adminapi/apply/settings_priv.h"
#include "adminapi/json/strict.h"
#include "core/clock.h"
#include "core/log.h"

#define MAP_FILE_BYTES_MAX (1024 * 1024 * 1024)

static const struct saved *restored; /* main's, at start */

void
maps_restore(const struct saved *saved)
{
	restored = saved;
}

/* What a document says a map begins with. */
struct map_said {
	const char *file;     /* NULL: none */
	const cJSON *entries; /* NULL: none */
};

static struct map_said
said_of(const cJSON *set)
{
	const cJSON *file = set == NULL ? NULL : doc_field(set, "file");
	const cJSON *entries = set == NULL ? NULL : doc_field(set, "entries");

	return (struct map_said){ cJSON_IsString(file) ? file->valuestring : NULL,
				  cJSON_IsObject(entries) ? entries : NULL };
}

static bool
said_equals(const struct map_said *a, const struct map_said *b)
{
	if ((a->file == NULL) != (b->file == NULL) || (a->entries == NULL) != (b->entries == NULL))
		return false;
	if (a->file != NULL && strcmp(a->file, b->file) != 0)
		return false;
	return a->entries == b->entries || a->entries == NULL ||
	       json_equals(a->entries, b->entries);
}

/* Is it what its object has read? Else there is something to do. */
static bool
is_as_read(const struct chain *chain, const struct map_said *said, const struct map_object *object)
{
	struct map_said before;
	struct file_id now;
	struct diag why;

	if (object == NULL || chain->node->head == NULL)
		return false;
	before = said_of(chain->node->head->set);
	if (!said_equals(&before, said))
		return false;
	return said->file == NULL ||
	       (named_file_look(&now, chain->doc->files_dir, said->file, &why) == ERR_OK &&
		file_id_equals(&now, &object->newest.file));
}

static enum err
base_digest(struct map_base *base, struct slice text, const cJSON *entries)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct buf said = { 0 };
	bool ok;

	if (entries != NULL)
		json_print(&said, entries);
	ok = md != NULL && !said.failed && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
	     EVP_DigestUpdate(md, text.at, text.len) == 1 && EVP_DigestUpdate(md, "", 1) == 1 &&
	     EVP_DigestUpdate(md, said.at == NULL ? "" : said.at, said.len) == 1 &&
	     EVP_DigestFinal_ex(md, digest, NULL) == 1;
	for (int i = 0; ok && i < 32; i++)
		snprintf(base->digest + 2 * i, 3, "%02x", digest[i]);
	EVP_MD_CTX_free(md);
	buf_fini(&said);
	return ok ? ERR_OK : ERR_NOMEM;
}

/* An issue where the entry is not fit. False: no memory. */
static bool
contents_add(struct map *map, const cJSON *entries, struct pointer *at, struct issues *issues)
{
	size_t mark = pointer_push(at, "entries");
	const cJSON *entry;
	enum err e = ERR_OK;
	struct diag why;

	cJSON_ArrayForEach(entry, entries) {
		size_t inner = pointer_push(at, entry->string);

		if (cJSON_IsString(entry) && e != ERR_NOMEM)
			e = map_set(map, slice_of(entry->string), slice_of(entry->valuestring),
				    &why);
		if (e == ERR_INVALID)
			issues_add(issues, pointer_text(at), "%s", why.text);
		pointer_pop(at, inner);
	}
	pointer_pop(at, mark);
	return e != ERR_NOMEM;
}

/* The file's text; "" where none is said. ERR_INVALID: an issue tells. */
static enum err
file_read(char **textp, size_t *len, struct map_base *base, const struct chain *chain,
	  const char *file, struct pointer *at, struct issues *issues)
{
	struct diag why;
	enum err e;

	base->read_us = clock_read_us(CLOCK_REALTIME);
	base->has_file = file != NULL;
	if (file == NULL)
		return ERR_OK;
	e = named_file_read_id(textp, len, &base->file, chain->doc->files_dir, file,
			       MAP_FILE_BYTES_MAX, &why);
	if (e == ERR_INVALID)
		issue_below(issues, at, "file", why.text);
	return e;
}

static enum err
contents_fill(struct map_settings *s, struct slice text, const struct map_said *said,
	      struct pointer *at, struct issues *issues)
{
	struct diag why;
	enum err e = map_load(s->contents, text, &why);

	if (e == ERR_INVALID)
		issue_below(issues, at, "file", why.text);
	if (e == ERR_OK && !contents_add(s->contents, said->entries, at, issues))
		e = ERR_NOMEM;
	s->base.entries = (uint32_t)map_count(s->contents);
	return e == ERR_NOMEM ? e : ERR_OK;
}

/* -- at start: what REST had changed -- */

static enum err
edits_apply(struct map *map, const struct map_edits *edits)
{
	struct map_edit edit;
	struct diag why;
	size_t at = 0;

	while (map_edits_next(edits, &at, &edit)) {
		if (edit.value.at == NULL)
			map_remove(map, edit.key);
		else if (map_set(map, edit.key, edit.value, &why) == ERR_NOMEM)
			return ERR_NOMEM;
	}
	return ERR_OK;
}

/* REST had set all entries: what the file has does not count. */
static enum err
contents_empty(struct map **mp)
{
	struct map *empty;

	if (map_new(&empty) != ERR_OK)
		return ERR_NOMEM;
	map_free(mp);
	*mp = empty;
	return ERR_OK;
}

static enum err
contents_restore(struct map_settings *s, const char *name)
{
	const struct saved_map *map = restored == NULL ? NULL : saved_map_find(restored, name);
	uint32_t count = map == NULL ? 0 : map->edits->set + map->edits->removed;

	if (map == NULL)
		return ERR_OK;
	s->has_stale_rows = strcmp(map->base, s->base.digest) != 0;
	if (s->has_stale_rows) {
		log_msg(LOG_LEVEL_WARNING,
			"/maps/%s/entries: dropped: what the map begins with was "
			"edited; REST had %s%u entries",
			name, map->is_replaced ? "set all, " : "set or removed ", (unsigned)count);
		return ERR_OK;
	}
	s->edits = count;
	s->is_replaced = map->is_replaced;
	if (map->is_replaced && contents_empty(&s->contents) != ERR_OK)
		return ERR_NOMEM;
	return edits_apply(s->contents, map->edits);
}

/* -- compiling -- */

static enum err
contents_make(struct map_settings *s, const struct chain *chain, const struct map_said *said,
	      struct pointer *at, struct issues *issues)
{
	const struct map_object *object = chain->node->object;
	char *text = NULL;
	size_t len = 0;
	enum err e = file_read(&text, &len, &s->base, chain, said->file, at, issues);

	if (e == ERR_OK)
		e = base_digest(&s->base, (struct slice){ text, len }, said->entries);
	if (e == ERR_OK && object != NULL && strcmp(object->newest.digest, s->base.digest) == 0) {
		s->base.entries = object->newest.entries; /* written, and the same as before */
		free(text);
		return ERR_OK;
	}
	if (e == ERR_OK && (s->contents = maps_contents_new(chain->node)) == NULL)
		e = ERR_NOMEM;
	if (e == ERR_OK)
		e = contents_fill(s, (struct slice){ text, len }, said, at, issues);
	if (e == ERR_OK)
		e = contents_restore(s, chain->node->name);
	free(text);
	return e;
}

static int64_t
max_size_of(const cJSON *set)
{
	const cJSON *said = set == NULL ? NULL : doc_field(set, "max_size");
	int64_t bytes = MAP_SIZE_BYTES;

	if (said != NULL)
		bind_size(NULL, said, &bytes, NULL, NULL);
	return bytes;
}

void *
map_compile(const struct chain *chain, struct pointer *at, struct issues *issues)
{
	const struct map_object *object = chain->node->object;
	const struct map_said said = said_of(chain->count > 0 ? chain->sets[0] : NULL);
	struct map_settings *s = calloc(1, sizeof(*s));
	enum err e;

	if (s == NULL)
		return NULL;
	s->max_size = max_size_of(chain->count > 0 ? chain->sets[0] : NULL);
	if (is_as_read(chain, &said, object)) {
		s->base = object->newest;
		return s;
	}
	e = contents_make(s, chain, &said, at, issues);
	if (e == ERR_NOMEM) {
		map_drop(s);
		return NULL;
	}
	return s;
}

void
map_drop(void *conf)
{
	struct map_settings *s = conf;

	map_free(&s->contents);
	free(s);
}

bool
map_is_remade(const void *conf)
{
	return ((const struct map_settings *)conf)->contents != NULL;
}

void
maps_touch_edited(struct plan *plan)
{
	struct doc_node *root = plan->doc->root;

	doc_each_child(node, root, DOC_MAP) {
		const struct map_object *object = node->object;
		const struct doc_version *version = plan_version(node);
		struct map_said said = said_of(version == NULL ? NULL : version->set);
		struct file_id now;
		struct diag why;

		if (object == NULL || said.file == NULL || version != node->head)
			continue; /* it is compiled anyway */
		if (named_file_look(&now, plan->doc->files_dir, said.file, &why) != ERR_OK ||
		    !file_id_equals(&now, &object->newest.file))
			plan_touch(plan, node);
	}
}
