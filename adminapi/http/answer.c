/*
 * An answer on its way out: its headers and its body.
 *
 * Control thread only.
 */
#include "config.h"
#include "adminapi/http/http_priv.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define NO_MEMORY_BODY                                                                             \
	"{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"              \
	"\"detail\":\"out of memory\"}"

bool
response_add_headers(struct MHD_Response *response, const struct answer *answer)
{
	const char *type = answer->content_type != NULL ? answer->content_type : "application/json";
	bool has_body = answer->status != MHD_HTTP_NO_CONTENT;
	char seconds[16];
	const struct {
		const char	*name;
		const char	*value;
	} rows[] = {
		{ MHD_HTTP_HEADER_CONTENT_TYPE, has_body ? type : NULL },
		{ MHD_HTTP_HEADER_CACHE_CONTROL, "no-store" },
		{ "X-Content-Type-Options", "nosniff" },
		{ MHD_HTTP_HEADER_ETAG, answer->etag },
		{ MHD_HTTP_HEADER_LOCATION, answer->location },
		{ MHD_HTTP_HEADER_ALLOW, answer->allow },
		{ MHD_HTTP_HEADER_LINK, answer->link },
		{ MHD_HTTP_HEADER_RETRY_AFTER, answer->retry_after_s > 0 ? seconds : NULL },
	};

	snprintf(seconds, sizeof(seconds), "%u", answer->retry_after_s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].value != NULL &&
		    MHD_add_response_header(response, rows[i].name, rows[i].value) != MHD_YES)
			return false;
	}
	return true;
}

struct MHD_Response *
response_new(struct answer *answer)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		answer->body.len, answer->body.at, MHD_RESPMEM_MUST_FREE);

	if (response == NULL)
		return NULL;
	answer->body = (struct buf){ NULL, 0, 0, false };
	if (!response_add_headers(response, answer)) {
		MHD_destroy_response(response);
		return NULL;
	}
	return response;
}

static struct MHD_Response *
response_no_memory(void)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		sizeof(NO_MEMORY_BODY) - 1, (void *)(uintptr_t)NO_MEMORY_BODY,
		MHD_RESPMEM_PERSISTENT);
	struct answer head = {
		.status = MHD_HTTP_SERVICE_UNAVAILABLE,
		.content_type = PROBLEM_TYPE,
		.retry_after_s = 1,
	};

	if (response != NULL && !response_add_headers(response, &head)) {
		MHD_destroy_response(response);
		return NULL;
	}
	return response;
}

void
call_answer(struct call *call, struct answer *answer)
{
	struct request *r = request_of(call);
	struct MHD_Response *response = NULL;
	unsigned status = answer->status;

	assert_control();
	assert(status >= 200 && status <= 599);
	if (answer->body.len > 0 && answer->body.at[answer->body.len - 1] != '\n')
		buf_puts(&answer->body, "\n");	/* read by people at a prompt, too */
	if (r->connection != NULL && !answer->body.failed)
		response = response_new(answer);
	if (response == NULL) {
		buf_fini(&answer->body);	/* empty where the response took it */
		status = MHD_HTTP_SERVICE_UNAVAILABLE;
		if (r->connection != NULL)
			response = response_no_memory();
	}
	request_answered(r, status, response);
}

void
answer_send_raw(int fd, unsigned status, const char *detail)
{
	struct buf body = { 0 }, wire = { 0 };
	ssize_t sent;

	problem_write(&body, status, NULL, (struct slice){ "", 0 }, detail);
	buf_printf(&wire,
		   "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Type: " PROBLEM_TYPE
		   "\r\nCache-Control: no-store\r\n%sContent-Length: %zu\r\n\r\n",
		   status, MHD_get_reason_phrase_for(status),
		   status == MHD_HTTP_SERVICE_UNAVAILABLE ? "Retry-After: 1\r\n" : "", body.len);
	buf_put(&wire, body.at, body.len);
	if (!wire.failed && !body.failed) {
		sent = send(fd, wire.at, wire.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)sent;	/* closing follows, whatever became of it */
	}
	buf_fini(&body);
	buf_fini(&wire);
}
