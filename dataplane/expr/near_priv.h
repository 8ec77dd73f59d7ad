/*
 * Which name was meant: " (did you mean "path_beg"?)", or what a name of HAProxy's needs that is not here yet, or "" if
 * none is near. Each returns buf.
 *
 * Only where there is an error already. Any thread.
 */
#pragma once

#include "core/str.h"

#define NEAR_BYTES 96

const char *near_test(char buf[NEAR_BYTES], struct slice name);	/* a fetch, or a form of one */
const char *near_fetch(char buf[NEAR_BYTES], struct slice name);
const char *near_conv(char buf[NEAR_BYTES], struct slice name);
const char *near_match(char buf[NEAR_BYTES], struct slice name);
