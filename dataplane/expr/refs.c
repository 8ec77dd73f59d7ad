/*
 * References: what expressions name outside of expr/. Control thread, or whoever compiles.
 */
#include "config.h"
#include "expr/args.h"
#include <stdlib.h>
#include <string.h>

static bool
text_is(const char *text, struct slice slice)
{
	return text == NULL ? slice.at == NULL : slice_equals(slice_of(text), slice);
}

static bool
ref_is(const struct ref *ref, const struct ref *like, struct slice name, struct slice parent)
{
	return ref->kind == like->kind && ref->match == like->match &&
	       ref->nocase == like->nocase && ref->value_type == like->value_type &&
	       text_is(ref->name, name) && text_is(ref->parent, parent);
}

static void
ref_free(struct ref *ref)
{
	if (ref == NULL)
		return;
	if (ref->release != NULL)
		ref->release(ref);
	free(ref->name);
	free(ref->parent);
	free(ref);
}

/* At the end, so that what is missing is told in the order in which it was written. */
static struct ref *
refs_add_like(struct refs *refs, const struct ref *like, struct slice name, struct slice parent)
{
	struct ref **at = &refs->first, *ref;

	for (; *at != NULL; at = &(*at)->next) {
		if (ref_is(*at, like, name, parent))
			return *at;
	}
	ref = calloc(1, sizeof(*ref));
	if (ref == NULL)
		return NULL;
	*ref = *like;
	ref->name = strndup(name.at, name.len);
	ref->parent = parent.at != NULL ? strndup(parent.at, parent.len) : NULL;
	if (ref->name == NULL || (parent.at != NULL && ref->parent == NULL)) {
		ref_free(ref);
		return NULL;
	}
	*at = ref;
	return ref;
}

struct ref *
refs_add(struct refs *refs, enum ref_kind kind, struct slice name, struct slice parent)
{
	const struct ref like = { .kind = kind };

	return refs_add_like(refs, &like, name, parent);
}

struct ref *
refs_add_map(struct refs *refs, struct slice name, const struct match *match, bool nocase,
	enum sample_type value_type)
{
	const struct ref like = {
		.kind = REF_MAP,
		.match = match,
		.nocase = nocase,
		.value_type = value_type,
	};

	return refs_add_like(refs, &like, name, (struct slice){ NULL, 0 });
}

void
refs_fini(struct refs *refs)
{
	while (refs->first != NULL) {
		struct ref *ref = refs->first;

		refs->first = ref->next;
		ref_free(ref);
	}
}
