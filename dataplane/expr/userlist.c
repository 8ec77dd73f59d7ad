/*
 * Users by name, and who may log in. What was checked is remembered by login.c.
 */
#include "config.h"
#include "expr/userlist.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "expr/login_priv.h"

struct user {
	struct slice name; /* into text */
	char *hash;        /* into text; a string */
	bool is_hash;
	uint32_t *groups; /* owned: indexes */
	uint32_t group_count;
	char *text; /* owned */
};

struct userlist {
	_Atomic(uint32_t) refs;
	struct user *users; /* owned, by name */
	uint32_t count, cap;
	struct slice *groups; /* owned, and their bytes */
	uint32_t group_count;
};

enum err
userlist_new(struct userlist **lp)
{
	struct userlist *list = calloc(1, sizeof(*list));

	if (list == NULL)
		return ERR_NOMEM;
	atomic_init(&list->refs, 1);
	*lp = list;
	return ERR_OK;
}

static int
name_compare(struct slice a, struct slice b)
{
	int by_bytes = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

	if (by_bytes != 0 || a.len == b.len)
		return by_bytes;
	return a.len < b.len ? -1 : 1;
}

/* Where the name is, or would be: the first user that is not before it. */
static uint32_t
user_place(const struct userlist *list, struct slice name)
{
	uint32_t low = 0, high = list->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (name_compare(list->users[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct user *
user_find(const struct userlist *list, struct slice name)
{
	uint32_t at = user_place(list, name);

	return at < list->count && slice_equals(list->users[at].name, name) ? &list->users[at]
									    : NULL;
}

static enum err
users_grow(struct userlist *list)
{
	uint32_t cap = list->cap == 0 ? 8 : list->cap * 2;
	struct user *users;

	if (list->count < list->cap)
		return ERR_OK;
	users = realloc(list->users, cap * sizeof(*users));
	if (users == NULL)
		return ERR_NOMEM;
	list->users = users;
	list->cap = cap;
	return ERR_OK;
}

#define DES_ALPHABET "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DES_LEN	     13

/*
 * What crypt(3) here can do nothing with would never let anybody in. It takes any two letters for DES's salt,
 * so also a password's.
 */
static bool
hash_is_known(const char *hash)
{
	int verdict = crypt_checksalt(hash);

	if (hash[0] != '$' && (strlen(hash) != DES_LEN || strspn(hash, DES_ALPHABET) != DES_LEN))
		return false;
	return verdict != CRYPT_SALT_INVALID && verdict != CRYPT_SALT_METHOD_DISABLED;
}

/* A worker that checks a login serves nobody: no hash that takes it more than about a second. */
static bool
hash_is_payable(const char *hash)
{
	static const struct {
		const char *before;
		unsigned long cost_max;
	} costs[] = {
		{ "$5$rounds=", 1000000 }, { "$6$rounds=", 1000000 }, { "$2a$", 13 },
		{ "$2b$", 13 },		   { "$2x$", 13 },	      { "$2y$", 13 },
	};

	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
		const size_t len = strlen(costs[i].before);

		if (strncmp(hash, costs[i].before, len) == 0)
			return strtoul(hash + len, NULL, 10) <= costs[i].cost_max;
	}
	return true;
}

static enum err
user_init(struct user *user, struct slice name, struct slice password, bool is_hash,
	  struct diag *diag)
{
	char *text = malloc(name.len + password.len + 1);

	if (text == NULL)
		return ERR_NOMEM;
	memcpy(text, name.at, name.len);
	memcpy(text + name.len, password.at, password.len);
	text[name.len + password.len] = '\0';
	*user = (struct user){ .name = { text, name.len },
			       .hash = text + name.len,
			       .is_hash = is_hash,
			       .text = text };
	if (!is_hash || (hash_is_known(user->hash) && hash_is_payable(user->hash)))
		return ERR_OK;
	diag_set(diag, "%s", hash_is_known(user->hash) ?
		 "takes too long to check: rounds=1000000 and a bcrypt cost of 13 are the most" :
		 "is no hash that crypt(3) knows on this machine; a password as it is typed is "
		 "an insecure_password");
	free(text);
	return ERR_INVALID;
}

enum err
userlist_add(struct userlist *list, struct slice name, struct slice password, bool is_hash,
	     struct diag *diag)
{
	uint32_t at = user_place(list, name);
	struct user user;
	enum err e;

	if (user_find(list, name) != NULL)
		return ERR_EXISTS;
	if ((e = users_grow(list)) != ERR_OK ||
	    (e = user_init(&user, name, password, is_hash, diag)) != ERR_OK)
		return e;
	memmove(&list->users[at + 1], &list->users[at], (list->count - at) * sizeof(user));
	list->users[at] = user;
	list->count++;
	return ERR_OK;
}

static bool
group_find(const struct userlist *list, struct slice name, uint32_t *index)
{
	for (uint32_t i = 0; i < list->group_count; i++) {
		if (slice_equals(list->groups[i], name)) {
			*index = i;
			return true;
		}
	}
	return false;
}

static enum err
group_make(struct userlist *list, struct slice name, uint32_t *index)
{
	struct slice *groups;
	char *text;

	if (group_find(list, name, index))
		return ERR_OK;
	groups = realloc(list->groups, (list->group_count + 1) * sizeof(*groups));
	if (groups == NULL)
		return ERR_NOMEM;
	list->groups = groups;
	text = strndup(name.at, name.len);
	if (text == NULL)
		return ERR_NOMEM;
	*index = list->group_count++;
	groups[*index].at = text;
	groups[*index].len = name.len;
	return ERR_OK;
}

static bool
user_is_in(const struct user *user, uint32_t group)
{
	for (uint32_t i = 0; i < user->group_count; i++)
		if (user->groups[i] == group)
			return true;
	return false;
}

enum err
userlist_add_to_group(struct userlist *list, struct slice name, struct slice group)
{
	struct user *user = user_find(list, name);
	uint32_t index, *groups;

	if (user == NULL)
		return ERR_UNKNOWN;
	if (group_make(list, group, &index) != ERR_OK)
		return ERR_NOMEM;
	if (user_is_in(user, index))
		return ERR_OK;
	groups = realloc(user->groups, (user->group_count + 1) * sizeof(*groups));
	if (groups == NULL)
		return ERR_NOMEM;
	user->groups = groups;
	groups[user->group_count++] = index;
	return ERR_OK;
}

enum login_verdict
userlist_check(const struct userlist *list, struct slice name, struct slice password)
{
	const struct user *user = user_find(list, name);
	size_t len;

	if (user == NULL || password.len > USERLIST_PASSWORD_MAX_BYTES ||
	    memchr(password.at, '\0', password.len) != NULL)
		return LOGIN_WRONG;
	if (user->is_hash)
		return login_check(user->text, user->hash, password);
	len = strlen(user->hash);
	return len == password.len && CRYPTO_memcmp(user->hash, password.at, len) == 0
		       ? LOGIN_RIGHT
		       : LOGIN_WRONG;
}

bool
userlist_group_next(const struct userlist *list, struct slice name, uint32_t *index,
		    struct slice *group)
{
	const struct user *user = user_find(list, name);

	if (user == NULL || *index >= user->group_count)
		return false;
	*group = list->groups[user->groups[(*index)++]];
	return true;
}

size_t
userlist_count(const struct userlist *list)
{
	return list->count;
}

struct userlist *
userlist_ref(struct userlist *list)
{
	atomic_fetch_add_explicit(&list->refs, 1, memory_order_relaxed);
	return list;
}

void
userlist_unref(struct userlist **lp)
{
	struct userlist *list = *lp;

	*lp = NULL;
	if (list == NULL || atomic_fetch_sub_explicit(&list->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (uint32_t i = 0; i < list->count; i++) {
		OPENSSL_cleanse(list->users[i].hash, strlen(list->users[i].hash));
		free(list->users[i].text);
		free(list->users[i].groups);
	}
	for (uint32_t i = 0; i < list->group_count; i++)
		free((char *)list->groups[i].at);
	free(list->users);
	free(list->groups);
	free(list);
}
