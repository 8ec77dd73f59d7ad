/*
 * The number that a frontend's unique_id_format gives each of its streams (HAProxy manual,
 * "unique-id-format", "unique-id-header").
 */
#pragma once

#include <stdbool.h>
#include "core/err.h"
#include "core/str.h"

#define UNIQUE_ID_MAX_BYTES 127 /* a longer one is cut, as in HAProxy */

struct stream;

/*
 * Made when it is first asked for, and kept until the stream's end. False: its frontend has no such format, or
 * there is no memory. The stream's worker.
 */
bool stream_unique_id(struct stream *s, struct slice *id);

/*
 * Add unique_id_header to the exchange's request, where the frontend has one. ERR_NOMEM: more room is wanted
 * (exchange_more_room()); ERR_LIMIT: there are too many fields.
 */
enum err stream_add_unique_id(struct stream *s);
void stream_unique_id_free(struct stream *s);
