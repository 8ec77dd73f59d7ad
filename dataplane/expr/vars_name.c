/*
 * Names of variables: each gets a number, the same wherever it is written. Never forgotten. Any thread.
 */
#include "config.h"
#include <pthread.h>
#include <stdlib.h>
#include "expr/vars.h"

#define SEEN_BYTES 64

static const char *const scope_names[VAR_SCOPES] = {
	[VAR_PROC] = "proc", [VAR_SESS] = "sess", [VAR_TXN] = "txn",
	[VAR_REQ] = "req", [VAR_RES] = "res",
};

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;	/* guards what follows */
static struct slice names[VAR_NAMES_MAX];
static uint32_t name_count;

static bool
scope_find(uint8_t *scope, struct slice word)
{
	for (uint8_t i = 0; i < VAR_SCOPES; i++) {
		if (slice_equals(word, slice_of(scope_names[i]))) {
			*scope = i;
			return true;
		}
	}
	return false;
}

static bool
name_is_fit(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.at[i], low = (char)(c | 0x20);

		if (!(low >= 'a' && low <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '.')
			return false;
	}
	return name.len != 0;
}

/* Numbers begin with 1: in a scope's memory 0 is no name. */
static enum err
name_intern_locked(uint32_t *number, struct slice name)
{
	char *copy;

	for (uint32_t i = 0; i < name_count; i++) {
		if (slice_equals(names[i], name)) {
			*number = i + 1;
			return ERR_OK;
		}
	}
	if (name_count == VAR_NAMES_MAX)
		return ERR_LIMIT;
	copy = strndup(name.at, name.len);
	if (copy == NULL)
		return ERR_NOMEM;
	names[name_count++] = (struct slice){ copy, name.len };
	*number = name_count;
	return ERR_OK;
}

enum err
var_id_parse(struct var_id *id, struct slice text, struct diag *diag)
{
	const char *dot = text.len != 0 ? memchr(text.at, '.', text.len) : NULL;
	struct slice scope = { text.at, dot != NULL ? (size_t)(dot - text.at) : 0 };
	struct slice name = { text.at, 0 };
	char seen[SEEN_BYTES];
	enum err e;

	if (dot != NULL)
		name = (struct slice){ dot + 1, text.len - scope.len - 1 };
	if (!scope_find(&id->scope, scope) || !name_is_fit(name)) {
		diag_set(diag,
			 "expected a variable as \"txn.name\" (of proc, sess, txn, req or res; "
			"letters, digits, \"_\" and \".\"), not \"%s\"",
			str_escape(seen, sizeof(seen), text));
		return ERR_INVALID;
	}
	pthread_mutex_lock(&names_lock);
	e = name_intern_locked(&id->name, name);
	pthread_mutex_unlock(&names_lock);
	if (e == ERR_LIMIT)
		diag_set(diag, "more than %d names of variables", VAR_NAMES_MAX);
	return e;
}
