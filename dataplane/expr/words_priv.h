/*
 * A text cut into words as HAProxy's configuration parser does it (HAProxy manual, 2.2): blanks
 * between them, '...' and "..." around what is one word, backslash escapes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"

struct word {
	struct slice	text;		/* without its quotes and escapes; into `memory`; never empty */
	uint32_t	column;		/* of its first byte in the text, from 1 */
	bool		bare;		/* written without quotes and escapes: may be a brace or an operator */
};

struct words {
	struct word	*at;		/* owned */
	uint32_t	 count, cap;
	uint32_t	 end_column;	/* behind the last byte */
	char		*memory;	/* owned: all their bytes */
};

/*
 * ERR_INVALID, with the column in `diag`: a quote that does not end, a control byte or NUL, an empty
 * word, and what HAProxy would cut or replace: an unquoted '#', a "$" in double quotes. ERR_NOMEM.
 * `words` is zeroed by the caller, and his to fini in any case.
 */
enum err words_split(struct words *words, struct slice text, struct diag *diag);
void words_fini(struct words *words);
