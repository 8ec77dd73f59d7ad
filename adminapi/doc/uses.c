/*
 * Lists of who is named. Any thread, by the list's owner.
 */
#include "config.h"
#include "adminapi/doc/uses.h"
#include <stdlib.h>
#include <string.h>

/* One block: the texts lie behind the struct. */
static struct doc_use *
use_new(const struct doc_use *like)
{
	size_t name = strlen(like->name) + 1, place = strlen(like->place) + 1;
	size_t parent = like->parent == NULL ? 0 : strlen(like->parent) + 1;
	struct doc_use *use = malloc(sizeof(*use) + name + place + parent);
	char *text;

	if (use == NULL)
		return NULL;
	text = (char *)(use + 1);
	*use = (struct doc_use){ .kind = like->kind };
	use->name = memcpy(text, like->name, name);
	use->place = memcpy(text + name, like->place, place);
	if (like->parent != NULL)
		use->parent = memcpy(text + name + place, like->parent, parent);
	return use;
}

void
doc_uses_add(struct doc_uses *uses, unsigned kind, const char *name, const char *parent,
	     const char *place)
{
	const struct doc_use like = { kind, name, parent, place };
	struct doc_use *use;

	if (uses->count == uses->cap) {
		uint32_t cap = uses->cap == 0 ? 4 : uses->cap * 2;
		struct doc_use **more = realloc(uses->at, cap * sizeof(struct doc_use *));

		if (more == NULL) {
			uses->failed = true;
			return;
		}
		uses->at = more;
		uses->cap = cap;
	}
	use = use_new(&like);
	if (use != NULL)
		uses->at[uses->count++] = use;
	else
		uses->failed = true;
}

void
doc_uses_fini(struct doc_uses *uses)
{
	for (uint32_t i = 0; i < uses->count; i++)
		free(uses->at[i]);
	free(uses->at);
	*uses = (struct doc_uses){ 0 };
}
