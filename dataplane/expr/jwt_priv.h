/*
 * JSON Web Tokens in their compact form: three parts in base64url, with dots between them (RFC 7515, 3.1).
 */
#pragma once

#include <stddef.h>
#include "core/str.h"

enum jwt_part { JWT_HEADER, JWT_PAYLOAD, JWT_SIGNATURE };
#define JWT_PARTS 3

/* How many parts there are; JWT_PARTS + 1: too many, the last has the rest. Any may be empty. */
size_t jwt_split(struct slice parts[JWT_PARTS], struct slice token);
