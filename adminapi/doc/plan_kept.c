/*
 * What is wrong with a patched object may lie in what was set before: whoever sent the patch is told so, and how
 * to be rid of it. Pure, but for the issues.
 */
#include "config.h"
#include "adminapi/doc/plan_priv.h"

#include <stdlib.h>
#include <string.h>

/* A pointer's first token, unescaped; what follows it in *rest. False: it has none, or an odd one. */
static bool
token_take(const char *pointer, char *token, size_t size, const char **rest)
{
	size_t len = 0;

	if (*pointer != '/')
		return false;
	for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++) {
		if (len + 1 == size)
			return false;
		if (pointer[0] == '~' && (pointer[1] == '0' || pointer[1] == '1'))
			token[len++] = *++pointer == '0' ? '~' : '/';
		else
			token[len++] = *pointer;
	}
	token[len] = '\0';
	*rest = pointer;
	return true;
}

/* NULL: there is no such thing. */
static const cJSON *
value_at(const cJSON *at, const char *pointer)
{
	char token[256];

	while (at != NULL && *pointer != '\0') {
		if (!token_take(pointer, token, sizeof(token), &pointer))
			return NULL;
		if (cJSON_IsArray(at))
			at = cJSON_GetArrayItem(at, atoi(token));
		else
			at = cJSON_IsObject(at) ? doc_field(at, token) : NULL;
	}
	return at;
}

void
plan_tell_kept(struct plan *plan, uint32_t from, size_t node_len, const cJSON *old,
	const cJSON *input)
{
	for (uint32_t i = from; i < plan->issues.count; i++) {
		struct issue *issue = &plan->issues.items[i];
		const char *below = strlen(issue->pointer) < node_len ? "" :
			issue->pointer + node_len;

		if (*below != '\0' && value_at(old, below) != NULL &&
		    value_at(input, below) == NULL)
			issue_say_more(issue, " (set before: null unsets it)");
	}
}
