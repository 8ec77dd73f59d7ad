/*
 * What the files of variables share.
 */
#pragma once

#include "expr/vars.h"

/* vars_proc.c: the process's. */
bool proc_var_get(struct eval *eval, uint32_t name, struct sample *sample);
enum err proc_var_set(uint32_t name, const struct sample *sample);
void proc_var_unset(uint32_t name);

/* Is what a sample says its text? */
static inline bool
sample_has_text(enum sample_type type)
{
	return type == SAMPLE_STRING || type == SAMPLE_BINARY || type == SAMPLE_METHOD;
}
