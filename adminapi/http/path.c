/*
 * The path of a request target: split at '/', then decoded.
 *
 * Pure, any thread.
 */
#include "config.h"
#include "adminapi/http/target.h"
#include <string.h>
#include "core/str.h"

enum err
percent_decode(char *text, bool plus)
{
	const char *in = text;
	char *out = text;

	while (*in != '\0') {
		if (*in == '%') {
			int high = hex_value(in[1]);
			int low = high < 0 ? -1 : hex_value(in[2]);

			if (low < 0 || (high == 0 && low == 0))
				return ERR_INVALID;
			*out++ = (char)(high << 4 | low);
			in += 3;
		} else {
			*out++ = plus && *in == '+' ? ' ' : *in;
			in++;
		}
	}
	*out = '\0';
	return ERR_OK;
}

static bool
fault_set(struct target_fault *fault, unsigned status, const char *detail, const char *name)
{
	*fault = (struct target_fault){ status, detail, name };
	return false;
}

static bool
segment_add(char *segment, struct call *call, struct target_fault *fault)
{
	if (*segment == '\0')
		return fault_set(fault, 404, "the path has an empty segment", NULL);
	if (call->segment_count == CALL_SEGMENTS_MAX)
		return fault_set(fault, 404, "no resource lies so deep", NULL);
	if (percent_decode(segment, false) != ERR_OK)
		return fault_set(fault, 400, "the path has a bad percent escape", segment);
	if (strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0)
		return fault_set(fault, 400, "not a name", segment);
	call->segments[call->segment_count++] = segment;
	return true;
}

bool
path_parse(char *path, struct call *call, struct target_fault *fault)
{
	call->segment_count = 0;
	if (*path != '/')
		return fault_set(fault, 400, "the request target is not a path", NULL);
	if (path[1] == '\0')
		return true;
	for (char *segment = path + 1; segment != NULL;) {
		char *slash = strchr(segment, '/');

		if (slash != NULL)
			*slash++ = '\0';
		if (!segment_add(segment, call, fault))
			return false;
		segment = slash;
	}
	return true;
}

/* The library takes the request line apart at its first and last space. */
static bool
target_has_space(const char *target)
{
	for (; *target != '\0'; target++) {
		if ((unsigned char)*target <= ' ' || *target == 0x7f)
			return true;
	}
	return false;
}

bool
target_parse(char *target, struct call *call, struct target_fault *fault)
{
	char *query = strchr(target, '?');

	call->segment_count = call->param_count = 0;
	if (target_has_space(target))
		return fault_set(fault, 400, "the request target has a space or control character",
				 NULL);
	if (query != NULL)
		*query++ = '\0';
	if (!path_parse(target, call, fault))
		return false;
	return query == NULL || query_parse(query, call, fault);
}
