/*
 * Addresses: the first byte is the flags, the rest the text. What is taken has a canonical text that
 * is taken again and means the same.
 */
#include "config.h"
#include <stdint.h>
#include <stdlib.h>
#include "core/addr.h"

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
	char text[ADDR_TEXT_BYTES], text_again[ADDR_TEXT_BYTES];
	struct addr addr = { 0 }, again;
	struct diag diag = { "" };
	struct slice in;

	if (size == 0)
		return 0;
	in = (struct slice){ (const char *)data + 1, size - 1 };
	if (addr_parse(&addr, in, data[0], &diag) != ERR_OK) {
		claim(addr.len == 0 && diag.text[0] != '\0');
		return 0;
	}
	claim((data[0] & ADDR_NEED_PORT) == 0 || addr_is_unix(&addr) || addr_port(&addr) != 0);
	claim(addr_parse(&again, slice_of(addr_format(&addr, text)), 0, NULL) == ERR_OK);
	claim(addr_equals(&addr, &again));
	claim(strcmp(text, addr_format(&again, text_again)) == 0);
	return 0;
}
