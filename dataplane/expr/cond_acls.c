/*
 * Named ACLs, and those that HAProxy predefines (HAProxy manual, 7.1 and 7.4). They are only texts;
 * cond_compile.c compiles them where they are used.
 */
#include "config.h"
#include <stdlib.h>
#include <string.h>
#include "expr/cond_priv.h"

#define NAME_MAX_BYTES	128
#define TESTS_MAX	10000
#define SEEN_BYTES	64

const struct predefined predefined_acls[] = {
	{ "FALSE", "always_false" },
	{ "HTTP", "req.proto_http" },
	{ "HTTP_1.0", "req.ver 1.0" },
	{ "HTTP_1.1", "req.ver 1.1" },
	{ "HTTP_2.0", "req.ver 2.0" },
	{ "HTTP_CONTENT", "req.hdr_val(content-length) gt 0" },
	{ "HTTP_URL_ABS", "url_reg ^[^/:]*://" },
	{ "HTTP_URL_SLASH", "url_beg /" },
	{ "HTTP_URL_STAR", "url *" },
	{ "LOCALHOST", "src 127.0.0.0/8" },
	{ "METH_CONNECT", "method CONNECT" },
	{ "METH_DELETE", "method DELETE" },
	{ "METH_GET", "method GET HEAD" },
	{ "METH_HEAD", "method HEAD" },
	{ "METH_OPTIONS", "method OPTIONS" },
	{ "METH_POST", "method POST" },
	{ "METH_PUT", "method PUT" },
	{ "METH_TRACE", "method TRACE" },
	{ "RDP_COOKIE", "req.rdp_cookie_cnt gt 0" },
	{ "REQ_CONTENT", "req.len gt 0" },
	{ "TRUE", "always_true" },
	{ "WAIT_END", "wait_end" },
};
const size_t predefined_count = sizeof(predefined_acls) / sizeof(predefined_acls[0]);

const char *
acl_predefined(size_t index, const char **test)
{
	if (index >= predefined_count)
		return NULL;
	*test = predefined_acls[index].test;
	return predefined_acls[index].name;
}

struct acl {
	char	*name;		/* owned, as is the test */
	char	*test;
};

struct acls {
	struct acl	*at;		/* owned */
	uint32_t	 count, cap;
};

struct acls *
acls_new(void)
{
	return calloc(1, sizeof(struct acls));
}

static bool
name_is_fit(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i], low = (char)(c | 0x20);

		if (!(low >= 'a' && low <= 'z') && !(c >= '0' && c <= '9') &&
		    strchr("._:-", c) == NULL)
			return false;
	}
	return name.len != 0 && name.len <= NAME_MAX_BYTES;
}

static enum err
name_check(struct slice name, struct diag *diag)
{
	char seen[SEEN_BYTES];

	str_escape(seen, sizeof(seen), name);
	if (!name_is_fit(name)) {
		diag_set(diag,
			 "expected the name of an ACL (letters, digits and \"._:-\"), not \"%s\"",
			 seen);
		return ERR_INVALID;
	}
	for (size_t i = 0; i < predefined_count; i++) {
		if (!slice_equals(name, slice_of(predefined_acls[i].name)))
			continue;
		diag_set(diag, "\"%s\" is predefined", seen);
		return ERR_INVALID;
	}
	return ERR_OK;
}

/* The test as a condition of its own: whether it is one. */
static enum err
test_check(struct slice test, const struct compile_env *env, struct diag *diag)
{
	struct cond *cond = NULL;
	enum err e = cond_compile_test(&cond, test, env, diag);

	cond_free(&cond);
	return e;
}

static enum err
acls_append(struct acls *acls, struct slice name, struct slice test)
{
	struct acl acl;

	if (acls->count == acls->cap) {
		uint32_t cap = acls->cap != 0 ? acls->cap * 2 : 8;
		struct acl *at = reallocarray(acls->at, cap, sizeof(*at));

		if (at == NULL)
			return ERR_NOMEM;
		acls->at = at;
		acls->cap = cap;
	}
	acl.name = strndup(name.at, name.len);
	acl.test = strndup(test.at, test.len);
	if (acl.name == NULL || acl.test == NULL) {
		free(acl.name);
		free(acl.test);
		return ERR_NOMEM;
	}
	acls->at[acls->count++] = acl;
	return ERR_OK;
}

enum err
acls_add(struct acls *acls, struct slice name, struct slice test, const struct compile_env *env,
	struct diag *diag)
{
	enum err e = name_check(name, diag);

	if (e == ERR_OK)
		e = test_check(test, env, diag);
	if (e != ERR_OK)
		return e;
	if (acls->count == TESTS_MAX) {
		diag_set(diag, "more than %d tests of ACLs", TESTS_MAX);
		return ERR_INVALID;
	}
	return acls_append(acls, name, test);
}

uint32_t
acls_count(const struct acls *acls)
{
	return acls != NULL ? acls->count : 0;
}

const char *
acls_name(const struct acls *acls, uint32_t index)
{
	return acls->at[index].name;
}

struct slice
acls_test(const struct acls *acls, uint32_t index)
{
	return slice_of(acls->at[index].test);
}

void
acls_free(struct acls **ap)
{
	struct acls *acls = *ap;

	*ap = NULL;
	if (acls == NULL)
		return;
	for (uint32_t i = 0; i < acls->count; i++) {
		free(acls->at[i].name);
		free(acls->at[i].test);
	}
	free(acls->at);
	free(acls);
}
