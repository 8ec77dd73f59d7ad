/*
 * Error texts on their way up. Any thread.
 */
#include "config.h"
#include "core/diag.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What vsnprintf would have written in `want` bytes stands in `size`: say so at the end. */
static size_t
diag_mark_cut(char *text, size_t size, int want)
{
	if (want < 0)
		want = snprintf(text, size, "an error text that could not be formatted");
	if ((size_t)want < size)
		return (size_t)want;
	memcpy(text + size - 4, "...", 4);
	return size - 1;
}

void
diag_set(struct diag *diag, const char *fmt, ...)
{
	va_list ap;
	int want;

	if (diag == NULL)
		return;
	va_start(ap, fmt);
	want = vsnprintf(diag->text, sizeof(diag->text), fmt, ap);
	va_end(ap);
	diag_mark_cut(diag->text, sizeof(diag->text), want);
}

void
diag_errno(struct diag *diag, const char *fmt, ...)
{
	int saved_errno = errno;
	char words_room[128];
	const char *words;
	va_list ap;
	size_t used;
	int want;

	if (diag == NULL)
		return;
	words = strerror_r(saved_errno, words_room, sizeof(words_room));
	va_start(ap, fmt);
	/* the words of errno are the better half: keep room for them behind a text that is cut */
	want = vsnprintf(diag->text, sizeof(diag->text) - sizeof(words_room), fmt, ap);
	va_end(ap);
	used = diag_mark_cut(diag->text, sizeof(diag->text) - sizeof(words_room), want);
	snprintf(diag->text + used, sizeof(diag->text) - used, ": %s", words);
	errno = saved_errno;
}
