/*
 * What the files of variables share.
 */
#pragma once

#include "expr/vars.h"

/* vars_proc.c: the process's, by their ids' slots. */
bool proc_var_get(struct eval *eval, uint16_t slot, struct sample *sample);
enum err proc_var_set(uint16_t slot, const struct sample *sample);
void proc_var_unset(uint16_t slot);
void proc_var_forget(uint16_t slot);	/* its memory, too */

/* Is what a sample says its text? */
static inline bool
sample_has_text(enum sample_type type)
{
	return type == SAMPLE_STRING || type == SAMPLE_BINARY || type == SAMPLE_METHOD;
}
