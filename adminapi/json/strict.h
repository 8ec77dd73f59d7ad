/*
 * One strict pass in front of cJSON: what passes it means one thing only.
 *
 * UTF-8 without byte order mark or NUL (raw or \u0000), no lone surrogates, no duplicate keys (after
 * unescaping), RFC 8259 numbers within int64 or finite double and of at most 63 characters, depth 64,
 * at most JSON_VALUES_MAX values, nothing after the end. Pure: bytes in, verdict out. Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>
#include "adminapi/json/issues.h"
#include "core/err.h"

#define JSON_DEPTH_MAX 64
#define JSON_VALUES_MAX 2000000	/* a value costs cJSON some 100 bytes, "0," costs its sender two */

/*
 * Parse. On ERR_INVALID one issue is added: its pointer names the innermost value that was being
 * read, its detail starts with "line L, column C: ". ERR_NOMEM. The tree is the caller's
 * (cJSON_Delete).
 */
enum err json_parse(cJSON **root, const char *text, size_t len, struct issues *issues);

/*
 * The line (from 1) on which the value at `pointer` begins in `text`; that of the deepest parent that
 * is there; 0: not JSON.
 */
uint32_t json_line_of(const char *text, size_t len, const char *pointer);

/* The same for many, in one pass over the text; no memory: 0 for all. */
void json_lines_of(const char *text, size_t len, const char *const *pointers, uint32_t *lines,
	size_t count);

/* Deep equality; order of object keys means nothing; numbers by value. No memory: false. */
bool json_equals(const cJSON *a, const cJSON *b);

/* RFC 7396: `patch` applied to a copy of `target` (NULL: nothing there). NULL: no memory. */
cJSON *json_merge(const cJSON *target, const cJSON *patch);

/* Unformatted text of `value` appended to `out` (out->failed on no memory). */
void json_print(struct buf *out, const cJSON *value);

/*
 * ${NAME} in every string value (not keys) of the tree is replaced from the environment; "$${" stands
 * for "${". An unset variable, one that is not UTF-8, or a malformed reference, is an issue and
 * ERR_INVALID; its string stays. ERR_NOMEM. For the configuration file only.
 */
enum err json_expand_env(cJSON *root, struct issues *issues);
