/*
 * The configuration file: its bytes, and the document in them.
 */
#pragma once

#include <cjson/cJSON.h>
#include "adminapi/json/issues.h"
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"

#define FILE_MAX_BYTES (64 * 1024 * 1024)

/* Read it whole into `out`. ERR_SYSTEM, ERR_LIMIT, ERR_NOMEM with the path in `diag`. */
enum err file_read(const char *path, struct buf *out, struct diag *diag);

/* Strict JSON, then ${ENV} in strings is expanded. ERR_INVALID with issues, ERR_NOMEM. */
enum err file_parse(cJSON **root, const struct buf *text, struct issues *issues);
