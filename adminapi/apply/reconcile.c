/*
 * The saved document against an edited file: what is dropped, what survives. See saved.h.
 */
#include "config.h"
#include "adminapi/apply/saved.h"

#include <stdio.h>
#include <string.h>
#include "adminapi/json/strict.h"

/* The member of `object`, made if it is not there. NULL: no memory, or it is no object. */
static cJSON *
member_object(cJSON *object, const char *name)
{
	cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

	return member != NULL ? member : cJSON_AddObjectToObject(object, name);
}

static bool
document_put(cJSON *document, const struct saved_row *row)
{
	char path[4 * (DOC_NAME_MAX + 16)];
	char *save = NULL, *part;
	cJSON *at = document, *copy;
	const cJSON *member;

	if (strlen(row->path) >= sizeof(path))
		return false;
	strcpy(path, row->path);
	for (part = strtok_r(path, "/", &save); part != NULL && at != NULL;
	    part = strtok_r(NULL, "/", &save))
		at = member_object(at, part);
	if (at == NULL)
		return false;
	cJSON_ArrayForEach(member, row->set) {
		copy = cJSON_Duplicate(member, true);
		if (copy == NULL || !cJSON_AddItemToObject(at, member->string, copy)) {
			cJSON_Delete(copy);
			return false;
		}
	}
	return true;
}

cJSON *
saved_document(const struct saved *saved)
{
	cJSON *document = cJSON_CreateObject();

	for (uint32_t i = 0; document != NULL && i < saved->count; i++) {
		if (document_put(document, &saved->rows[i]))
			continue;
		cJSON_Delete(document);
		document = NULL;
	}
	return document;
}

struct walk {
	struct pointer	  at;
	void		(*tell)(const char *pointer, void *arg);
	void		 *arg;
};

static bool
same(const cJSON *a, const cJSON *b)
{
	return a == NULL || b == NULL ? a == b : json_equals(a, b);
}

/* Is the member just what the program makes of the file's own words (an id given, backup as priority)? */
static bool
is_normal_form(const char *name, const cJSON *base)
{
	if (strcmp(name, "id") == 0)
		return base == NULL || doc_field(base, "id") == NULL;
	return strcmp(name, "priority") == 0 && base != NULL && doc_field(base, "backup") != NULL;
}

static void
walk_dropped(struct walk *walk, const cJSON *base, const cJSON *saved, const cJSON *now);

static void
walk_member(struct walk *walk, const char *name, const cJSON *base, const cJSON *saved,
	const cJSON *now)
{
	size_t mark = pointer_push(&walk->at, name);

	walk_dropped(walk, base == NULL ? NULL : doc_field(base, name), doc_field(saved, name),
		now == NULL ? NULL : doc_field(now, name));
	pointer_pop(&walk->at, mark);
}

/* An empty object and none are the same thing in the document. */
static const cJSON *
or_nothing(const cJSON *value)
{
	return cJSON_IsObject(value) && value->child == NULL ? NULL : value;
}

static void
walk_dropped(struct walk *walk, const cJSON *base, const cJSON *saved, const cJSON *now)
{
	const cJSON *member;

	saved = or_nothing(saved);
	if (same(or_nothing(base), saved) || same(or_nothing(now), saved))
		return;
	if (!cJSON_IsObject(saved) || (!cJSON_IsObject(base) && !cJSON_IsObject(now))) {
		walk->tell(pointer_text(&walk->at), walk->arg);
		return;
	}
	cJSON_ArrayForEach(member, saved)
		if (!is_normal_form(member->string, base != NULL ? base : now))
			walk_member(walk, member->string, base, saved, now);
	cJSON_ArrayForEach(member, base)
		if (doc_field(saved, member->string) == NULL && strcmp(member->string, "backup") != 0)
			walk_member(walk, member->string, base, saved, now);
}

enum err
saved_dropped(const struct saved *saved, const cJSON *now,
	void (*on_dropped)(const char *pointer, void *arg), void *arg)
{
	struct walk walk = { .tell = on_dropped, .arg = arg };
	cJSON *document = saved_document(saved);

	if (document == NULL)
		return ERR_NOMEM;
	walk_dropped(&walk, saved->file, document, now);
	cJSON_Delete(document);
	pointer_fini(&walk.at);
	return ERR_OK;
}

static cJSON *
document_server(cJSON *document, const char *backend, const char *server)
{
	cJSON *at = cJSON_GetObjectItemCaseSensitive(document, "backends");

	at = at == NULL ? NULL : cJSON_GetObjectItemCaseSensitive(at, backend);
	at = at == NULL ? NULL : cJSON_GetObjectItemCaseSensitive(at, "servers");
	return at == NULL ? NULL : cJSON_GetObjectItemCaseSensitive(at, server);
}

enum err
saved_keep_admin(cJSON *now, const char *backend, const char *server, const cJSON *set,
	void (*on_kept)(const char *pointer, void *arg), void *arg)
{
	const cJSON *state = doc_field(set, "admin_state");
	cJSON *target = document_server(now, backend, server);
	struct buf path = { 0 };

	if (!cJSON_IsString(state) || strcmp(state->valuestring, "ready") == 0 ||
	    !cJSON_IsObject(target) || doc_field(target, "admin_state") != NULL)
		return ERR_OK;
	if (cJSON_AddStringToObject(target, "admin_state", state->valuestring) == NULL)
		return ERR_NOMEM;
	buf_printf(&path, "/backends/%s/servers/%s/admin_state", backend, server);
	buf_put(&path, "", 1);
	if (!path.failed)
		on_kept(path.at, arg);
	buf_fini(&path);
	return ERR_OK;
}

enum err
saved_keep_admins(const struct saved *saved, cJSON *now,
	void (*on_kept)(const char *pointer, void *arg), void *arg)
{
	for (uint32_t i = 0; i < saved->count; i++) {
		const struct saved_row *row = &saved->rows[i];
		char backend[DOC_NAME_MAX + 1], server[DOC_NAME_MAX + 1];

		if (row->admin_by != DOC_BY_REST ||
		    sscanf(row->path, "/backends/%128[^/]/servers/%128[^/]", backend, server) != 2)
			continue;
		if (saved_keep_admin(now, backend, server, row->set, on_kept, arg) != ERR_OK)
			return ERR_NOMEM;
	}
	return ERR_OK;
}
