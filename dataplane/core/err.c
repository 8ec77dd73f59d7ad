/*
 * The words of enum err. Any thread.
 */
#include "config.h"
#include "core/err.h"
#include <assert.h>
#include <stddef.h>

static const char *const err_words[] = {
	[ERR_OK] = "no error",
	[ERR_NOMEM] = "out of memory",
	[ERR_SYSTEM] = "a system call failed",
	[ERR_INVALID] = "not valid",
	[ERR_UNKNOWN] = "no such name",
	[ERR_EXISTS] = "exists already",
	[ERR_LIMIT] = "over a limit",
	[ERR_BUSY] = "in use",
	[ERR_TIMEOUT] = "timed out",
	[ERR_GONE] = "gone",
};

const char *
err_text(enum err e)
{
	assert((size_t)e < sizeof(err_words) / sizeof(err_words[0]));
	return err_words[e];
}
