/*
 * Durations, sizes and integers: whatever the text, an error or a value; a duration that is written
 * out reads back as itself.
 */
#include "config.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "core/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
claim(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = { (const char *)data, size };
	int64_t value, again;
	char text[24];

	if (duration_parse(in, &value) == ERR_OK) {
		claim(value >= 0);
		claim(duration_format(text, sizeof(text), value) < sizeof(text));
		claim(duration_parse(slice_of(text), &again) == ERR_OK && again == value);
	}
	if (size_parse(in, &value) == ERR_OK)
		claim(value >= 0);
	if (int_parse(in, &value) == ERR_OK) {
		snprintf(text, sizeof(text), "%lld", (long long)value);
		claim(int_parse(slice_of(text), &again) == ERR_OK && again == value);
	}
	return 0;
}
