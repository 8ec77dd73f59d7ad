/*
 * The saved document against an edited file: what is dropped, what survives. See saved.h.
 */
#include "config.h"
#include "adminapi/apply/saved.h"

#include <stdio.h>
#include <string.h>
#include "adminapi/json/members.h"
#include "adminapi/json/strict.h"
#include "core/log.h"

/* The member of `object`, made if it is not there. NULL: no memory, or it is no object. */
static cJSON *
member_object(cJSON *object, const char *name)
{
	cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

	return member != NULL ? member : cJSON_AddObjectToObject(object, name);
}

/* Rows of one collection follow each other: its object is looked for once. */
struct builder {
	cJSON	*document;
	char	 path[4 * (DOC_NAME_MAX + 16)];	/* of `at` */
	cJSON	*at;
};

/* The object at the first `len` bytes of `path`. NULL: no memory. */
static cJSON *
builder_go(struct builder *b, const char *path, size_t len)
{
	char *save = NULL, *part;
	cJSON *at = b->document;
	char text[sizeof(b->path)];

	if (len >= sizeof(b->path))
		return NULL;
	if (b->at != NULL && strlen(b->path) == len && memcmp(b->path, path, len) == 0)
		return b->at;
	memcpy(text, path, len);
	text[len] = '\0';
	memcpy(b->path, text, len + 1);
	for (part = strtok_r(text, "/", &save); part != NULL && at != NULL;
	    part = strtok_r(NULL, "/", &save))
		at = member_object(at, part);
	b->at = at;
	return at;
}

/* Parents come before children, so the row's own object is not there yet. */
static bool
builder_put(struct builder *b, const struct saved_row *row)
{
	const char *name = strrchr(row->path, '/');
	cJSON *parent = name == NULL ? NULL : builder_go(b, row->path, (size_t)(name - row->path));
	cJSON *at = name == NULL ? b->document : NULL;
	const cJSON *member;

	if (parent != NULL)
		at = cJSON_AddObjectToObject(parent, name + 1);
	if (at == NULL)
		return false;
	cJSON_ArrayForEach(member, row->set) {
		cJSON *copy = cJSON_Duplicate(member, true);

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
	struct builder b = { .document = cJSON_CreateObject() };

	for (uint32_t i = 0; b.document != NULL && i < saved->count; i++) {
		if (builder_put(&b, &saved->rows[i]))
			continue;
		cJSON_Delete(b.document);
		b.document = NULL;
	}
	return b.document;
}

struct walk {
	struct pointer	  at;
	void		(*tell)(const char *pointer, void *arg);
	void		 *arg;
	bool		  nomem;
};

static bool
same(const cJSON *a, const cJSON *b)
{
	return a == NULL || b == NULL ? a == b : json_equals(a, b);
}

/* Ways to write a field of another name. */
static bool
is_alias(const char *name)
{
	return strcmp(name, "backup") == 0 || strcmp(name, "disabled") == 0;
}

/* Is the state what `disabled` stands for? */
static bool
is_disabled_as(const cJSON *disabled, const cJSON *state)
{
	return cJSON_IsBool(disabled) && cJSON_IsString(state) &&
	    strcmp(state->valuestring, cJSON_IsTrue(disabled) ? "maint" : "ready") == 0;
}

/* Is the member just what the program makes of the file's own words (an id given, backup as priority)? */
static bool
is_normal_form(const cJSON *saved, const cJSON *base)
{
	const char *name = saved->string;

	if (strcmp(name, "id") == 0)
		return base == NULL || doc_field(base, "id") == NULL;
	if (strcmp(name, "admin_state") == 0)
		return base != NULL && is_disabled_as(doc_field(base, "disabled"), saved);
	return strcmp(name, "priority") == 0 && base != NULL && doc_field(base, "backup") != NULL;
}

static void
walk_dropped(struct walk *walk, const cJSON *base, const cJSON *saved, const cJSON *now);

/* One object, or what stands for it, as it was in the old file, was saved, is in the new file. */
struct three {
	struct members	base, saved, now;
};

static void
walk_member(struct walk *walk, const char *name, const struct three *in)
{
	size_t mark = pointer_push(&walk->at, name);

	walk_dropped(walk, members_get(&in->base, name), members_get(&in->saved, name),
		members_get(&in->now, name));
	pointer_pop(&walk->at, mark);
}

/* The one thing that an edited file does not drop, see plan_server.c: it has words of its own. */
static bool
is_kept(struct walk *walk, const cJSON *saved, const struct three *in)
{
	const char *pointer = pointer_text(&walk->at);

	return strcmp(saved->string, "admin_state") == 0 && cJSON_IsString(saved) &&
	    strcmp(saved->valuestring, "ready") != 0 && in->now.object != NULL &&
	    members_get(&in->now, "admin_state") == NULL &&
	    members_get(&in->now, "disabled") == NULL &&
	    strncmp(pointer, "/backends/", 10) == 0 && strstr(pointer, "/servers/") != NULL;
}

static void
walk_members(struct walk *walk, const struct three *in)
{
	const cJSON *member, *base = in->base.object;

	cJSON_ArrayForEach(member, in->saved.object)
		if (!is_normal_form(member, base != NULL ? base : in->now.object) &&
		    !is_kept(walk, member, in))
			walk_member(walk, member->string, in);
	cJSON_ArrayForEach(member, base)
		if (members_get(&in->saved, member->string) == NULL &&
		    !is_alias(member->string))
			walk_member(walk, member->string, in);
}

/* A frontend, backend or profile is there even if it says nothing. */
static bool
is_member(const char *pointer)
{
	const char *second = pointer[0] == '\0' ? NULL : strchr(pointer + 1, '/');

	if (second == NULL || strchr(second + 1, '/') != NULL)
		return false;
	return strncmp(pointer, "/frontends/", 11) == 0 ||
	       strncmp(pointer, "/backends/", 10) == 0 || strncmp(pointer, "/profiles/", 10) == 0;
}

/* Elsewhere an empty object and none are the same thing in the document. */
static const cJSON *
or_nothing(const cJSON *value)
{
	return cJSON_IsObject(value) && value->child == NULL ? NULL : value;
}

static void
walk_dropped(struct walk *walk, const cJSON *base, const cJSON *saved, const cJSON *now)
{
	bool is_root = pointer_text(&walk->at)[0] == '\0';	/* always there: never told as a whole */
	struct three in = { 0 };

	if (!is_root && !is_member(pointer_text(&walk->at))) {
		base = or_nothing(base);
		saved = or_nothing(saved);
		now = or_nothing(now);
	}
	if (same(base, saved) || same(now, saved))
		return;
	if (!is_root &&
	    (!cJSON_IsObject(saved) || (!cJSON_IsObject(base) && !cJSON_IsObject(now)))) {
		walk->tell(pointer_text(&walk->at), walk->arg);
		return;
	}
	if (members_init(&in.base, base) != ERR_OK || members_init(&in.saved, saved) != ERR_OK ||
	    members_init(&in.now, now) != ERR_OK)
		walk->nomem = true;
	else
		walk_members(walk, &in);
	members_fini(&in.base);
	members_fini(&in.saved);
	members_fini(&in.now);
}

enum err
saved_tell_dropped(const cJSON *was, const cJSON *document, const cJSON *now,
	void (*on_dropped)(const char *pointer, void *arg), void *arg)
{
	struct walk walk = { .tell = on_dropped, .arg = arg };

	walk_dropped(&walk, was, document, now);
	pointer_fini(&walk.at);
	return walk.nomem ? ERR_NOMEM : ERR_OK;
}

enum err
saved_dropped(const struct saved *saved, const cJSON *now,
	void (*on_dropped)(const char *pointer, void *arg), void *arg)
{
	cJSON *document = saved_document(saved);
	enum err e;

	if (document == NULL)
		return ERR_NOMEM;
	e = saved_tell_dropped(saved->file, document, now, on_dropped, arg);
	cJSON_Delete(document);
	return e;
}

void
saved_log_dropped(const char *pointer)
{
	log_msg(LOG_LEVEL_WARNING, "%s: dropped: saved by REST, but the file was edited since",
		pointer);
}
