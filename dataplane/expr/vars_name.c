/*
 * Names of variables: each gets a number, the same wherever it is written, and is counted: what
 * nobody holds any more is free for another name, but under another number, as a client's or
 * stream's values may still lie under the old one. Any thread.
 */
#include "config.h"
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include "expr/vars_priv.h"

#define SEEN_BYTES 64

static const char *const scope_names[VAR_SCOPES] = {
	[VAR_PROC] = "proc", [VAR_SESS] = "sess", [VAR_TXN] = "txn",
	[VAR_REQ] = "req", [VAR_RES] = "res",
};

static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;	/* guards what follows */
static struct name {
	char		*text;		/* owned; NULL: free */
	size_t		 len;
	uint32_t	 number;
	uint32_t	 refs;
} names[VAR_NAMES_MAX];
static uint32_t name_count;		/* slots that were ever used */
static uint32_t last_number;

static bool
scope_find(uint8_t *scope, struct slice word)
{
	for (unsigned i = 0; i < VAR_SCOPES; i++) {
		if (slice_equals(word, slice_of(scope_names[i]))) {
			*scope = (uint8_t)i;
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

static struct slice
name_text(const struct name *name)
{
	return (struct slice){ name->text, name->len };
}

/* It, or a place for it. NULL: all are taken. */
static struct name *
name_find_locked(struct slice text)
{
	struct name *place = NULL;

	for (uint32_t i = 0; i < name_count; i++) {
		if (names[i].text == NULL)
			place = &names[i];
		else if (slice_equals(name_text(&names[i]), text))
			return &names[i];
	}
	if (place == NULL && name_count < VAR_NAMES_MAX)
		place = &names[name_count++];
	return place;
}

/* Numbers begin with 1: in a scope's memory 0 is no name. */
static enum err
name_intern_locked(struct var_id *id, struct slice text)
{
	struct name *name = name_find_locked(text);

	if (name == NULL)
		return ERR_LIMIT;
	if (name->text == NULL) {
		name->text = strndup(text.at, text.len);
		if (name->text == NULL)
			return ERR_NOMEM;
		name->len = text.len;
		if (++last_number == 0)
			last_number = 1;
		name->number = last_number;
	}
	name->refs++;
	id->name = name->number;
	id->slot = (uint16_t)(name - names);
	return ERR_OK;
}

enum err
var_id_parse(struct var_id *id, struct slice text, struct diag *diag)
{
	const char *dot = text.len != 0 ? memchr(text.at, '.', text.len) : NULL;
	struct slice scope = { text.at, dot != NULL ? (size_t)(dot - text.at) : 0 };
	struct slice name = { text.at, 0 };
	char seen[SEEN_BYTES];
	uint8_t of_scope;
	enum err e;

	if (dot != NULL)
		name = (struct slice){ dot + 1, text.len - scope.len - 1 };
	if (!scope_find(&of_scope, scope) || !name_is_fit(name)) {
		diag_set(diag,
			 "expected a variable as \"txn.name\" (of proc, sess, txn, req or res; "
			"letters, digits, \"_\" and \".\"), not \"%s\"",
			str_escape(seen, sizeof(seen), text));
		return ERR_INVALID;
	}
	pthread_mutex_lock(&names_lock);
	e = name_intern_locked(id, name);
	pthread_mutex_unlock(&names_lock);
	if (e == ERR_OK)
		id->scope = of_scope;
	if (e == ERR_LIMIT)
		diag_set(diag, "more than %d names of variables", VAR_NAMES_MAX);
	return e;
}

void
var_id_drop(struct var_id *id)
{
	struct name *name = &names[id->slot];

	if (id->name == 0)
		return;
	pthread_mutex_lock(&names_lock);
	assert(name->refs > 0 && name->number == id->name);
	if (--name->refs == 0) {
		proc_var_forget(id->slot);
		free(name->text);
		name->text = NULL;
	}
	pthread_mutex_unlock(&names_lock);
	*id = (struct var_id){ 0 };
}
