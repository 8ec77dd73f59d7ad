/*
 * Which name was meant. Only where there is an error already: here memory is taken, and where there
 * is none, no hint is given. Any thread.
 */
#include "config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/hint.h"
#include "expr/cond_priv.h"
#include "expr/near_priv.h"

#define NAME_BYTES 40	/* longest name of a test, with its NUL; a longer one is no hint */

struct names {
	char		(*room)[NAME_BYTES];
	const char	**at;
	size_t		 count, cap;
};

static bool
names_init(struct names *names, size_t cap)
{
	*names = (struct names){
		.room = calloc(cap + 1, sizeof(*names->room)),
		.at = calloc(cap + 1, sizeof(*names->at)),
		.cap = cap,
	};
	return names->room != NULL && names->at != NULL;
}

static void
names_fini(struct names *names)
{
	free(names->room);
	free(names->at);
}

/* "base", or "base_form". */
static void
names_add(struct names *names, const char *base, const char *form)
{
	char *room = names->room[names->count];
	int len = snprintf(room, NAME_BYTES, "%s%s%s", base, form[0] != '\0' ? "_" : "", form);

	if (len >= 0 && len < NAME_BYTES)
		names->at[names->count++] = room;
}

/* What is for a later version is no slip of the pen. NULL: it is no such name. */
static const char *
later_say(char buf[NEAR_BYTES], struct slice name)
{
	char word[NAME_BYTES];
	const char *later;

	snprintf(word, sizeof(word), "%.*s", (int)name.len, name.at);
	later = hint_later(word);
	if (later == NULL)
		return NULL;
	snprintf(buf, NEAR_BYTES, " (it %s)", later);
	return buf;
}

static const char *
near_say(char buf[NEAR_BYTES], const struct names *names, struct slice name)
{
	char word[NAME_BYTES];
	const char *hint = NULL;

	if (name.len < sizeof(word)) {
		memcpy(word, name.at, name.len);
		word[name.len] = '\0';
		hint = hint_nearest(word, names->at, names->count);
	}
	buf[0] = '\0';
	if (hint != NULL)
		snprintf(buf, NEAR_BYTES, " (did you mean \"%s\"?)", hint);
	return buf;
}

static size_t
match_count(void)
{
	size_t count = 0;

	while (match_at(count) != NULL)
		count++;
	return count;
}

/* "name", and where `forms` says so "name_beg" and the like. */
static void
names_add_fetch(struct names *names, const struct fetch *fetch, bool forms)
{
	names_add(names, fetch->name, "");
	for (size_t i = 0; forms && fetch->has_forms && match_at(i) != NULL; i++) {
		if (match_has_form(match_at(i)))
			names_add(names, fetch->name, match_name(match_at(i)));
	}
}

static const char *
near_fetches(char buf[NEAR_BYTES], struct slice name, bool forms)
{
	const struct fetch_table *t;
	struct names names;
	size_t cap = 0;

	if (later_say(buf, name) != NULL)
		return buf;
	buf[0] = '\0';
	for (t = fetch_tables(); t != NULL; t = t->next)
		cap += t->count * (1 + match_count());
	if (names_init(&names, cap)) {
		for (t = fetch_tables(); t != NULL; t = t->next) {
			for (size_t i = 0; i < t->count; i++)
				names_add_fetch(&names, &t->rows[i], forms);
		}
		near_say(buf, &names, name);
	}
	names_fini(&names);
	return buf;
}

const char *
near_test(char buf[NEAR_BYTES], struct slice name)
{
	return near_fetches(buf, name, true);
}

const char *
near_fetch(char buf[NEAR_BYTES], struct slice name)
{
	return near_fetches(buf, name, false);
}

const char *
near_conv(char buf[NEAR_BYTES], struct slice name)
{
	const struct conv_table *t;
	struct names names;
	size_t cap = 0;

	if (later_say(buf, name) != NULL)
		return buf;
	buf[0] = '\0';
	for (t = conv_tables(); t != NULL; t = t->next)
		cap += t->count;
	if (names_init(&names, cap)) {
		for (t = conv_tables(); t != NULL; t = t->next) {
			for (size_t i = 0; i < t->count; i++)
				names_add(&names, t->rows[i].name, "");
		}
		near_say(buf, &names, name);
	}
	names_fini(&names);
	return buf;
}

const char *
near_match(char buf[NEAR_BYTES], struct slice name)
{
	struct names names;

	buf[0] = '\0';
	if (names_init(&names, match_count())) {
		for (size_t i = 0; match_at(i) != NULL; i++)
			names_add(&names, match_name(match_at(i)), "");
		near_say(buf, &names, name);
	}
	names_fini(&names);
	return buf;
}

const char *
near_acl(char buf[NEAR_BYTES], const struct acls *acls, struct slice name)
{
	struct names names;
	uint32_t named = acls_count(acls);

	buf[0] = '\0';
	if (names_init(&names, predefined_count + named)) {
		for (size_t i = 0; i < predefined_count; i++)
			names_add(&names, predefined_acls[i].name, "");
		for (uint32_t i = 0; i < named; i++)
			names_add(&names, acls_name(acls, i), "");
		near_say(buf, &names, name);
	}
	names_fini(&names);
	return buf;
}
