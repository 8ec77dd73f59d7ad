/*
 * Lines of the input: the request target, Host, Origin, Sec-Fetch-Site. What is taken is sound, and
 * a Host that is welcome is welcome with its own Origin.
 */
#include "config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/http/guard.h"
#include "adminapi/http/target.h"

#define LINES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
target_check(char *target)
{
	const char *end = target + strlen(target);
	struct target_fault fault;
	struct call call;

	memset(&call, 0, sizeof(call));
	if (!target_parse(target, &call, &fault)) {
		must(fault.status == 400 || fault.status == 404);
		must(fault.detail != NULL);
		must(fault.name == NULL || (fault.name >= target && fault.name <= end));
		return;
	}
	for (uint32_t i = 0; i < call.segment_count; i++) {
		const char *name = call.segments[i];

		must(name > target && name + strlen(name) <= end);
		must(*name != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
	}
	for (uint32_t i = 0; i < call.param_count; i++) {
		must(*call.params[i].name != '\0' && *call.params[i].value != '\0');
		must(call_param(&call, call.params[i].name) == call.params[i].value);
	}
}

static void
guard_check_lines(char *const lines[LINES])
{
	static const char *const hosts[] = { "admin.example" };
	struct guard_input in = { lines[1], lines[2], lines[3], hosts, 1 };
	struct diag diag;
	unsigned status = guard_check(&in, &diag);
	char *own;

	must(status == 0 || status == 400 || status == 403);
	in.origin = in.fetch_site = NULL;
	if (in.host == NULL || guard_check(&in, &diag) != 0)
		return;
	must(asprintf(&own, "http://%s", in.host) >= 0);
	in.origin = own;
	must(guard_check(&in, &diag) == 0);
	in.fetch_site = "cross-site";
	must(guard_check(&in, &diag) == 403);
	free(own);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	char *lines[LINES] = { NULL }, *rest = text;

	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	for (int i = 0; i < LINES && rest != NULL; i++)
		lines[i] = strsep(&rest, "\n");
	guard_check_lines(lines);
	target_check(lines[0]);
	free(text);
	return 0;
}
