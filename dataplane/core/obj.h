/*
 * Objects that callbacks receive as void *: each opens with a magic number, checked on entry.
 *
 * The first member of such a struct is `unsigned magic`. A freed object's magic is spoilt, so a
 * late callback dies at its door and not somewhere in strange memory.
 */
#pragma once

#include <assert.h>
#include <stddef.h>

/* Zeroed memory with its magic set; NULL when there is none. */
void *obj_new(size_t size, unsigned magic);

/* The same for a struct that asks for more than malloc's alignment (a cache line). */
void *obj_new_aligned(size_t size, size_t alignment, unsigned magic);

/* `arg` itself, after an assert that it carries `magic`. */
static inline void *
obj_cast(void *arg, unsigned magic)
{
	assert(arg != NULL && *(const unsigned *)arg == magic);
	return arg;
}

/* Spoil the magic and free; `obj` may be NULL. */
void obj_free(void *obj);

/* The struct that embeds `member` at `ptr`. */
/* clang-format off */
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))
/* clang-format on */
