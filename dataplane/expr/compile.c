/*
 * What a place has, and what is missing there. Pure; any thread.
 */
#include "config.h"
#include "expr/compile.h"

/* In the order in which they are told: the first that is missing. */
static const struct need {
	unsigned	 bit;
	const char	*words;
} needs_words[] = {
	{ NEEDS_HTTP, "HTTP mode" },
	{ NEEDS_REQUEST, "an HTTP request's head" },
	{ NEEDS_REQUEST_LINE, "an HTTP request" },
	{ NEEDS_RESPONSE, "an HTTP response's head" },
	{ NEEDS_REQUEST_BYTES, "what the client sent" },
	{ NEEDS_RESPONSE_BYTES, "what the server sent" },
	{ NEEDS_END, "the end of the session" },
	{ NEEDS_SERVER, "a chosen server" },
	{ NEEDS_BACKEND, "a chosen backend" },
	{ NEEDS_CLIENT, "a client" },
};

const char *
needs_name(unsigned needs, unsigned *left)
{
	for (size_t i = 0; i < sizeof(needs_words) / sizeof(needs_words[0]); i++) {
		if ((needs & needs_words[i].bit) != 0) {
			*left = needs & ~needs_words[i].bit;
			return needs_words[i].words;
		}
	}
	*left = 0;
	return NULL;
}

enum err
compile_check_needs(const struct compile_env *env, const char *row, unsigned needs,
	struct diag *diag)
{
	unsigned left;
	const char *words = needs_name(needs & ~env->has, &left);

	if (words == NULL)
		return ERR_OK;
	diag_set(diag, "\"%s\" needs %s, which %s do not have", row, words,
		 env->place != NULL ? env->place : "these rules");
	return ERR_INVALID;
}
