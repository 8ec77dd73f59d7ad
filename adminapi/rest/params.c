/*
 * Query parameters: strict, with the name in the error. Control thread.
 */
#include "config.h"
#include "adminapi/rest/resources.h"

#include <string.h>

bool
param_bool(struct call *call, const char *name, bool *value)
{
	const char *text = call_param(call, name);

	*value = text != NULL && strcmp(text, "true") == 0;
	if (text == NULL || *value || strcmp(text, "false") == 0)
		return true;
	call_problem(call, 400, NULL, "query parameter \"%s\" must be true or false", name);
	return false;
}

/* Absent leaves `value` as it is. */
bool
param_uint(struct call *call, const char *name, uint32_t max, uint32_t *value)
{
	const char *text = call_param(call, name);
	int64_t number;

	if (text == NULL)
		return true;
	if (int_parse(slice_of(text), &number) == ERR_OK && number >= 0 && number <= max) {
		*value = (uint32_t)number;
		return true;
	}
	call_problem(call, 400, NULL, "query parameter \"%s\" must be a number of 0 to %u", name,
		(unsigned)max);
	return false;
}

bool
param_view(struct call *call, enum view *view)
{
	const char *text = call_param(call, "view");
	bool is_config = text != NULL && strcmp(text, "config") == 0;

	*view = is_config ? VIEW_CONFIG : VIEW_PLAIN;
	if (text == NULL || is_config)
		return true;
	call_problem(call, 400, NULL, "query parameter \"view\" must be config");
	return false;
}
