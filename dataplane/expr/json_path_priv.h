/*
 * A value in JSON text, found by its path, without a tree: "$.claims.roles[0]" (HAProxy manual, 7.3.1
 * "json_query"). Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"

#define JSON_DEPTH_MAX 32	/* of what is passed over, and of what is gone into */

/*
 * "$", then ".key" ("\." is a dot of the key) and "[0]". ERR_INVALID: `diag` says what was
 * expected, and where.
 */
enum err json_path_check(struct slice path, struct diag *diag);

/*
 * The text of the value at a path that was checked. What is behind it is not looked at. False: there is
 * none, or what is before it is no JSON (RFC 8259).
 */
bool json_path_find(struct slice json, struct slice path, struct slice *value);

/*
 * A string with its quotes, unescaped into `out` of text.len bytes. The length; -1: an escape that
 * is none.
 */
ptrdiff_t json_string_bytes(char *out, struct slice text);
