/*
 * Copying what of a string needs no change in JSON: as fast as the machine can, whichever it is.
 *
 * run_copy() copies from the front up to a byte that cannot stay as it is (a control character, '"',
 * '\\') or opens a character of more than one byte, and returns how many that were. `out` has room for
 * `len` bytes; what is there behind the run is any. Nothing outside of both is touched.
 */
#pragma once

#ifdef __SSE2__
#include "core/jsonw_run_sse2_priv.h"
#else
#include "core/jsonw_run_plain_priv.h"
#endif
