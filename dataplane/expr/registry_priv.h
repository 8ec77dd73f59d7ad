/*
 * A registry of rows that have a name: conv.c and fetch.c make one each. Written by the main thread at
 * start, then read by any.
 */
#pragma once

#include <pthread.h>
#include "core/str.h"

/*
 * For struct KIND and struct KIND_table: KIND_register(), KIND_tables() and KIND_find(), as fetch.h has
 * them. `own`, tables of expr/ with a NULL behind them, are linked when somebody first looks.
 */
/* clang-format off */
#define REGISTRY(kind, own)									\
	static struct kind##_table *kind##_first;						\
	static pthread_once_t kind##_once = PTHREAD_ONCE_INIT;					\
												\
	static void										\
	kind##_add(struct kind##_table *table)							\
	{											\
		struct kind##_table **at = &kind##_first;					\
												\
		while (*at != NULL)								\
			at = &(*at)->next;							\
		table->next = NULL;								\
		*at = table;									\
	}											\
												\
	static void										\
	kind##_begin(void)									\
	{											\
		for (size_t i = 0; (own)[i] != NULL; i++)					\
			kind##_add((own)[i]);							\
	}											\
												\
	void											\
	kind##_register(struct kind##_table *table)						\
	{											\
		pthread_once(&kind##_once, kind##_begin);					\
		kind##_add(table);								\
	}											\
												\
	const struct kind##_table *								\
	kind##_tables(void)									\
	{											\
		pthread_once(&kind##_once, kind##_begin);					\
		return kind##_first;								\
	}											\
												\
	const struct kind *									\
	kind##_find(struct slice name)								\
	{											\
		for (const struct kind##_table *t = kind##_tables(); t != NULL; t = t->next)	\
			for (size_t i = 0; i < t->count; i++)					\
				if (slice_equals(name, slice_of(t->rows[i].name)))		\
					return &t->rows[i];					\
		return NULL;									\
	}
/* clang-format on */
