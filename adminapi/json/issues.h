/*
 * What is wrong with an input: a list of places and causes, all at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/str.h"

#define ISSUES_MAX 100	/* more are counted, not kept */

struct issue {
	char	*pointer;	/* RFC 6901; "" is the whole */
	char	*detail;	/* "must be 0 to 256, is 999" */
};

/* Init with {0}. */
struct issues {
	struct issue	*items;
	uint32_t	 count;
	uint32_t	 dropped;	/* beyond ISSUES_MAX, or for want of memory */
};

/* Add one. `pointer` is copied. Never fails: what can't be kept is counted in `dropped`. */
void issues_add(struct issues *issues, const char *pointer, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool issues_any(const struct issues *issues);

/* More to say of one; without memory it stays as it was. */
void issue_say_more(struct issue *issue, const char *words);

void issues_fini(struct issues *issues);

/*
 * A pointer as it is built while walking down. Init with {0}; push a raw (unescaped) token, pop
 * back to what push returned. pointer_text() is terminated and valid until the next change.
 */
struct pointer {
	struct buf	text;
};
size_t pointer_push(struct pointer *p, const char *token);
size_t pointer_push_index(struct pointer *p, size_t index);
void pointer_pop(struct pointer *p, size_t mark);
const char *pointer_text(struct pointer *p);
void pointer_fini(struct pointer *p);
