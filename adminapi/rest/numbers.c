/*
 * Groups of numbers. Any thread.
 */
#include "config.h"
#include "adminapi/rest/numbers.h"

void
numbers_write(struct jsonw *w, const char *key, const struct number *numbers, size_t count)
{
	jsonw_object(w, key);
	for (size_t i = 0; i < count; i++)
		jsonw_uint(w, numbers[i].name, numbers[i].value);
	jsonw_end_object(w);
}

void
responses_write(struct jsonw *w, const uint64_t responses[HTTP_CLASSES])
{
	NUMBERS(w, "responses", { "1xx", responses[1] }, { "2xx", responses[2] },
		{ "3xx", responses[3] }, { "4xx", responses[4] }, { "5xx", responses[5] },
		{ "other", responses[0] });
}
