/*
 * Long strides over bytes: as fast as the machine can, whichever it is.
 *
 * Each returns the first byte that is not of its set, or `end`; nothing at or behind `end` is read.
 */
#pragma once

#ifdef __SSE2__
#include "http/scan_sse2_priv.h"
#else
#include "http/scan_plain_priv.h"
#endif
