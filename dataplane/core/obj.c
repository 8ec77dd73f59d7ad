/*
 * Memory for objects with a magic number. Any thread.
 */
#include "config.h"
#include "core/obj.h"
#include <stdlib.h>
#include <string.h>

#define OBJ_SPOILT 0xdeadd00du

void *
obj_new(size_t size, unsigned magic)
{
	unsigned *obj;

	assert(size >= sizeof(unsigned) && magic != 0 && magic != OBJ_SPOILT);
	obj = calloc(1, size);
	if (obj != NULL)
		*obj = magic;
	return obj;
}

void *
obj_new_aligned(size_t size, size_t alignment, unsigned magic)
{
	size_t rounded = (size + alignment - 1) / alignment * alignment;	/* C11 wants that */
	unsigned *obj;

	assert(size >= sizeof(unsigned) && magic != 0 && magic != OBJ_SPOILT);
	obj = aligned_alloc(alignment, rounded);
	if (obj == NULL)
		return NULL;
	memset(obj, 0, rounded);
	*obj = magic;
	return obj;
}

void
obj_free(void *obj)
{
	if (obj == NULL)
		return;
	/* volatile: a store before free() is else left out */
	*(volatile unsigned *)obj = OBJ_SPOILT;
	free(obj);
}
