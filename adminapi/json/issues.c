/*
 * What is wrong with an input, and where: issues, and the pointer that is built on the way down.
 *
 * Plain values of their caller: any thread.
 */
#include "config.h"
#include "adminapi/json/issues.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ISSUES_FIRST 8	/* slots at first; most inputs have few faults */

/* Room for one more; false: count it as dropped. */
static bool
issues_grow(struct issues *issues)
{
	uint32_t cap = ISSUES_FIRST;
	struct issue *items;

	if (issues->count >= ISSUES_MAX)
		return false;
	if (issues->count != 0 &&
	    (issues->count < ISSUES_FIRST || (issues->count & (issues->count - 1)) != 0))
		return true;
	while (cap <= issues->count)
		cap *= 2;
	items = realloc(issues->items, cap * sizeof(*items));
	if (items == NULL)
		return false;
	issues->items = items;
	return true;
}

void
issues_add(struct issues *issues, const char *pointer, const char *fmt, ...)
{
	struct issue issue = { strdup(pointer), NULL };
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&issue.detail, fmt, ap);
	va_end(ap);
	if (len < 0)
		issue.detail = NULL;
	if (issue.pointer == NULL || issue.detail == NULL || !issues_grow(issues)) {
		free(issue.pointer);
		free(issue.detail);
		issues->dropped++;
		return;
	}
	issues->items[issues->count++] = issue;
}

bool
issues_any(const struct issues *issues)
{
	return issues->count != 0 || issues->dropped != 0;
}

void
issue_say_more(struct issue *issue, const char *words)
{
	char *detail;

	if (asprintf(&detail, "%s%s", issue->detail, words) < 0)
		return;
	free(issue->detail);
	issue->detail = detail;
}

void
issues_fini(struct issues *issues)
{
	uint32_t i;

	for (i = 0; i < issues->count; i++) {
		free(issues->items[i].pointer);
		free(issues->items[i].detail);
	}
	free(issues->items);
	*issues = (struct issues){ 0 };
}

size_t
pointer_push(struct pointer *p, const char *token)
{
	size_t mark = p->text.len;
	size_t plain;

	buf_put(&p->text, "/", 1);
	for (; *token != '\0'; token += plain) {
		plain = strcspn(token, "~/");
		buf_put(&p->text, token, plain);
		if (token[plain] == '\0')
			break;
		buf_put(&p->text, token[plain] == '~' ? "~0" : "~1", 2);
		plain++;
	}
	return mark;
}

size_t
pointer_push_index(struct pointer *p, size_t index)
{
	size_t mark = p->text.len;

	buf_printf(&p->text, "/%zu", index);
	return mark;
}

void
pointer_pop(struct pointer *p, size_t mark)
{
	if (mark < p->text.len)
		p->text.len = mark;
}

const char *
pointer_text(struct pointer *p)
{
	buf_put(&p->text, "", 1);
	if (p->text.failed)
		return "";
	p->text.len--;
	return p->text.at;
}

void
pointer_fini(struct pointer *p)
{
	buf_fini(&p->text);
}
