/*
 * The list of all that expressions are made of: fetches, converters, match methods, predefined
 * ACLs, log variables. It is written from the tables that the rooms registered, so it has what the
 * program has. Control thread, or main() before it.
 */
#pragma once

#include "core/str.h"

/* JSON. */
void expressions_write(struct buf *out);
void expressions_print(void);		/* to stdout, for --expressions */
