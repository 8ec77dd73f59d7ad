/*
 * Requests on their way through: what was taken and changed is taken again as it goes out, has nothing of
 * the hop it came by, and says last who asked.
 */
#include "config.h"
#include <stdint.h>
#include <stdlib.h>
#include "http/forward.h"
#include "http/h1.h"

#define LINE "X-Forwarded-For: 192.0.2.1\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
claim(bool holds)
{
	if (!holds)
		abort();
}

/* False: it is refused for its number of fields. */
static bool
head_change(struct http_head *head, struct http_room *room)
{
	const struct http_forwardfor conf = { .on = true };
	const struct http_forwarded all = { true, true, true, true, true, true, true };
	struct addr client;
	enum err err = http_forward_hops(head, false);

	claim(addr_parse(&client, SLICE("192.0.2.1:5"), 0, NULL) == ERR_OK);
	if (err == ERR_OK)
		err = http_forward_forwarded(head, &all, &client, &client, true, room);
	if (err == ERR_OK)
		err = http_forward_for(head, &conf, &conf, &client, room);
	claim(err == ERR_OK || err == ERR_LIMIT || err == ERR_NOMEM);
	return err == ERR_OK;
}

static void
head_check(const struct http_head *head, const struct http_head *out)
{
	const struct http_field *last = &out->fields[out->count - 1];
	bool upgrade = http_head_find(out, HTTP_NAME_UPGRADE, NULL) != NULL;

	claim(out->framing == head->framing && out->length == head->length);
	claim((out->says & (HTTP_SAYS_CLOSE | HTTP_SAYS_KEEP_ALIVE)) == 0);
	claim((out->says & HTTP_SAYS_UPGRADE) == (head->says & HTTP_SAYS_UPGRADE));
	claim(upgrade == ((head->says & HTTP_SAYS_UPGRADE) != 0));
	claim(http_head_find(out, HTTP_NAME_KEEP_ALIVE, NULL) == NULL);
	claim(http_head_find(out, HTTP_NAME_PROXY_CONNECTION, NULL) == NULL);
	claim(last->line_len == strlen(LINE) && memcmp(last->line, LINE, strlen(LINE)) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char lines[65536], sent[262144];
	struct http_field fields[HTTP_FIELDS_MAX], out_fields[HTTP_FIELDS_MAX];
	struct http_head head = { .fields = fields }, out = { .fields = out_fields };
	struct http_room room = { lines, sizeof(lines) };
	struct h1_parse parse = { .room = &room }, again = { 0 };
	struct iovec iov[H1_IOVECS];
	char h1_room[H1_ROOM_BYTES];
	size_t bytes, len = 0;
	int count;

	if (size > HTTP_TARGET_MAX_BYTES ||
	    h1_parse_request(&parse, &head, (const char *)data, size) != H1_DONE ||
	    !head_change(&head, &room))
		return 0;
	count = h1_write_head(&head, iov, h1_room, &bytes);
	claim(count <= H1_IOVECS && bytes <= sizeof(sent));
	for (int i = 0; i < count; i++) {
		memcpy(sent + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	claim(len == bytes);
	claim(h1_parse_request(&again, &out, sent, len) == H1_DONE);
	claim(again.fault == HTTP_FAULT_NONE && again.head_len == len);
	head_check(&head, &out);
	return 0;
}
