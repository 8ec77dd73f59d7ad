/*
 * The query of a request target: split at '&' and '=', then decoded.
 *
 * Pure, any thread. Which parameters a resource knows is the route's business.
 */
#include "config.h"
#include "adminapi/http/target.h"
#include <string.h>

static bool
fault_set(struct target_fault *fault, const char *detail, const char *name)
{
	*fault = (struct target_fault){ 400, detail, name };
	return false;
}

static bool
param_add(char *pair, struct call *call, struct target_fault *fault)
{
	char *value = strchr(pair, '=');

	if (value != NULL)
		*value++ = '\0';
	if (percent_decode(pair, true) != ERR_OK ||
	    (value != NULL && percent_decode(value, true) != ERR_OK))
		return fault_set(fault, "the query has a bad percent escape", NULL);
	if (*pair == '\0')
		return fault_set(fault, "the query has an empty parameter", NULL);
	if (value == NULL || *value == '\0')
		return fault_set(fault, "the query parameter has no value", pair);
	if (call_param(call, pair) != NULL)
		return fault_set(fault, "the query parameter is given twice", pair);
	if (call->param_count == CALL_PARAMS_MAX)
		return fault_set(fault, "the query has too many parameters", NULL);
	call->params[call->param_count++] = (struct call_param){ pair, value };
	return true;
}

bool
query_parse(char *query, struct call *call, struct target_fault *fault)
{
	call->param_count = 0;
	if (*query == '\0')
		return true;
	for (char *pair = query; pair != NULL;) {
		char *next = strchr(pair, '&');

		if (next != NULL)
			*next++ = '\0';
		if (!param_add(pair, call, fault))
			return false;
		pair = next;
	}
	return true;
}

const char *
call_param(const struct call *call, const char *name)
{
	for (uint32_t i = 0; i < call->param_count; i++) {
		if (strcmp(call->params[i].name, name) == 0)
			return call->params[i].value;
	}
	return NULL;
}
