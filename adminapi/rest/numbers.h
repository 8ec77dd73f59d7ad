/*
 * Groups of numbers in answers: {"current": 4, "max": 9}.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "core/jsonw.h"
#include "server/server.h"

struct number {
	const char	*name;
	uint64_t	 value;
};

/* An object member `key` with these members. */
void numbers_write(struct jsonw *w, const char *key, const struct number *numbers, size_t count);

#define NUMBERS(w, key, ...)							\
	numbers_write((w), (key), (const struct number[]){ __VA_ARGS__ },	\
		sizeof((const struct number[]){ __VA_ARGS__ }) / sizeof(struct number))

/* A member "responses": how many there were of each class of status. */
void responses_write(struct jsonw *w, const uint64_t responses[HTTP_CLASSES]);
