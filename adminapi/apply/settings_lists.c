/*
 * Userlists and sets of error pages, from their resources. Pure but for the reading of error files; any
 * thread.
 */
#include "config.h"
#include "adminapi/apply/settings_lists.h"

#include <stdlib.h>
#include <string.h>
#include "adminapi/apply/settings_priv.h"

/* -- userlists -- */

/* False: no memory. */
static bool
user_add(struct userlist *list, const cJSON *user, struct pointer *at, struct issues *issues)
{
	const cJSON *hash = doc_field(user, "password");
	const cJSON *plain = doc_field(user, "insecure_password");
	const cJSON *password = hash != NULL ? hash : plain;
	struct diag why;
	enum err e;

	if (hash != NULL && plain != NULL)
		issue_below(issues, at, "insecure_password", "not together with password");
	if (password == NULL)
		issues_add(issues, pointer_text(at),
			   "one of \"password\" and \"insecure_password\" is required");
	if (!cJSON_IsString(password))
		password = NULL; /* the schema has told */
	/* without one, too, so that groups find the user */
	e = userlist_add(list, slice_of(user->string),
			 slice_of(password == NULL ? "" : password->valuestring),
			 password != NULL && password == hash, &why);
	if (e == ERR_INVALID)
		issue_below(issues, at, "password", why.text);
	return e != ERR_NOMEM;
}

static bool
user_groups(struct userlist *list, const cJSON *user)
{
	const cJSON *group;

	cJSON_ArrayForEach(group, array_or_none(doc_field(user, "groups")))
		if (cJSON_IsString(group) &&
		    userlist_add_to_group(list, slice_of(user->string),
					  slice_of(group->valuestring)) == ERR_NOMEM)
			return false;
	return true;
}

static bool
users_add(struct userlist *list, const cJSON *users, struct pointer *at, struct issues *issues)
{
	size_t mark = pointer_push(at, "users");
	const cJSON *user;
	bool ok = true;

	cJSON_ArrayForEach(user, users) {
		size_t inner = pointer_push(at, user->string);

		if (ok && cJSON_IsObject(user))
			ok = user_add(list, user, at, issues) && user_groups(list, user);
		pointer_pop(at, inner);
	}
	pointer_pop(at, mark);
	return ok;
}

static bool
group_fill(struct userlist *list, const cJSON *group, struct pointer *at, struct issues *issues)
{
	size_t mark = pointer_push(at, "users"), index = 0;
	const cJSON *name;
	bool ok = true;

	cJSON_ArrayForEach(name, array_or_none(doc_field(group, "users"))) {
		size_t inner = pointer_push_index(at, index++);
		enum err e = !cJSON_IsString(name)
				     ? ERR_OK
				     : userlist_add_to_group(list, slice_of(name->valuestring),
							     slice_of(group->string));

		if (e == ERR_UNKNOWN)
			issues_add(issues, pointer_text(at), "there is no user \"%s\"",
				   name->valuestring);
		ok = ok && e != ERR_NOMEM;
		pointer_pop(at, inner);
	}
	pointer_pop(at, mark);
	return ok;
}

static bool
groups_fill(struct userlist *list, const cJSON *groups, struct pointer *at, struct issues *issues)
{
	size_t mark = pointer_push(at, "groups");
	const cJSON *group;
	bool ok = true;

	cJSON_ArrayForEach(group, groups) {
		size_t inner = pointer_push(at, group->string);

		ok = (!cJSON_IsObject(group) || group_fill(list, group, at, issues)) && ok;
		pointer_pop(at, inner);
	}
	pointer_pop(at, mark);
	return ok;
}

static const cJSON *
object_or_none(const cJSON *value)
{
	return cJSON_IsObject(value) ? value : NULL;
}

void *
userlist_compile(const struct chain *chain, struct pointer *at, struct issues *issues)
{
	struct userlist *list;

	if (userlist_new(&list) != ERR_OK)
		return NULL;
	if (!users_add(list, object_or_none(chain_value(chain, "users", NULL)), at, issues) ||
	    !groups_fill(list, object_or_none(chain_value(chain, "groups", NULL)), at, issues))
		userlist_unref(&list);
	return list;
}

void
userlist_drop(void *conf)
{
	struct userlist *list = conf;

	userlist_unref(&list);
}

/* -- sets of error pages -- */

/* Compiled for its faults; who uses a set makes its pages for himself. */
void *
pages_compile(const struct chain *chain, struct pointer *at, struct issues *issues)
{
	struct http_errors *errors = calloc(1, sizeof(*errors));

	if (errors == NULL || chain->count == 0)
		return errors;
	if (error_pages_compile(errors, chain->sets[0], chain->doc->files_dir, at, issues))
		return errors;
	pages_drop(errors);
	return NULL;
}

void
pages_drop(void *conf)
{
	http_errors_fini(conf);
	free(conf);
}
