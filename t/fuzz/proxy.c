/*
 * PROXY headers: what is taken may be cut nowhere, what is refused stays refused with more bytes, and
 * addresses that were read are read again from what is written of them.
 */
#include "config.h"
#include <stdint.h>
#include <stdlib.h>
#include "net/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
claim(bool holds)
{
	if (!holds)
		abort();
}

static void
header_check(const struct proxy_header *h, const char *bytes, size_t len)
{
	claim(h->len > 0 && h->len <= len && h->len <= PROXY_IN_MAX_BYTES);
	claim(h->is_local == (h->from.len == 0) && h->is_local == (h->to.len == 0));
	claim(h->tlvs.len == 0 ||
	      (h->tlvs.at >= bytes && h->tlvs.at + h->tlvs.len == bytes + h->len));
	for (unsigned type = 0; type <= UINT8_MAX; type++) {
		struct slice value;

		if (proxy_tlv_find(h->tlvs, (uint8_t)type, &value))
			claim(value.at >= h->tlvs.at &&
			      value.at + value.len <= h->tlvs.at + h->tlvs.len);
	}
}

static void
header_check_again(const struct proxy_header *h, const struct proxy_send *how)
{
	bool is_lost = addr_is_unix(&h->from);	/* is not told on */
	char buf[PROXY_OUT_MAX_BYTES];
	struct proxy_header again;
	size_t len;

	if (h->is_local)
		len = proxy_write(buf, how, NULL, NULL, h->tlvs);
	else
		len = proxy_write(buf, how, &h->from, &h->to, h->tlvs);
	claim(proxy_parse(&again, buf, len, NULL) == PROXY_DONE && again.len == len);
	claim(is_lost ? again.is_local : again.is_local == h->is_local);
	claim(is_lost || (addr_equals(&h->from, &again.from) && addr_equals(&h->to, &again.to)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct proxy_send hows[] = { { 1, 0 }, { 2, 0 }, { 2, ~0U } };
	const char *bytes = (const char *)data;
	enum proxy_result result = PROXY_MORE;
	struct proxy_header h = { 0 };
	struct diag diag = { "" };
	size_t len = 0;

	/* to the first byte that decides */
	while (result == PROXY_MORE && len < size)
		result = proxy_parse(&h, bytes, ++len, &diag);
	claim(len <= PROXY_IN_MAX_BYTES);
	claim(len == 0 || proxy_parse(&h, bytes, size, NULL) == result);
	claim((result == PROXY_BAD) == (diag.text[0] != '\0'));
	if (result != PROXY_DONE)
		return 0;
	claim(h.len == len);
	header_check(&h, bytes, size);
	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++)
		header_check_again(&h, &hows[i]);
	return 0;
}
