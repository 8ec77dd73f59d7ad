/*
 * Versions of the program and of the libraries that it runs with.
 */
#pragma once

#include "core/jsonw.h"

void version_print(void);			/* to stdout, for --version */
void version_write_libraries(struct jsonw *w);	/* members of the open object */
